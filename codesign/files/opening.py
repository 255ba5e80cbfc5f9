"""Opening the folder or file at a location."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from codesign.errors import CodesignError, InputError
from codesign.files.folder import Folder, reason_of
from codesign.files.local import LocalFolder
from codesign.files.location import Location, has_options, is_url, parent, printable, scheme_of
from codesign.files.remote import RemoteFolder

_BOOLEANS = {"true": True, "false": False}
_REFUSED = frozenset(
    {
        *("dir", "libarchive", "reference", "tar", "zip", "blockcache", "cached", "filecache", "simplecache"),
        *("async_wrapper", "asynclocal", "asyncwrapper", "dask", "file", "generic", "local"),
    }
)
"""fsspec systems that are refused, since a model's URL may come from a stranger: they unpack archives, keep copies in
any folder named by the URL, or read this machine without the safeguards of `LocalFolder`."""


def open_folder(location: Location, *, error: type[CodesignError] = InputError) -> Folder:
    """The folder at a path, or at a URL that fsspec supports; it need not exist yet. Raises InputError, or `error`,
    which the folder also raises, if the URL's scheme is unknown, needs a missing package, or its system cannot be
    reached."""
    path = local_path(location, error)
    if path is not None:
        return LocalFolder(path, error=error)
    url = str(location)
    return RemoteFolder(url, *_connect(url, error), error=error)


def open_file(location: Location) -> tuple[Folder, str]:
    """The folder that holds a file, and the file's name in it; neither need exist yet. Raises InputError like
    `open_folder`, or if the location does not end in a name."""
    path = local_path(location, InputError)
    if path is not None:
        return LocalFolder(path.parent, error=InputError), _named(path.name, location)
    url = str(location)
    _named(url.partition("?")[0].rpartition("/")[2], location)  # file systems drop a slash at the end
    filesystem, path_there = _connect(url, InputError)
    folder, _, name = path_there.rpartition("/")
    return RemoteFolder(parent(url), filesystem, folder, error=InputError), _named(name, location)


def read_file(location: Location) -> bytes | None:
    """The bytes of a file at a path or URL; None if there is none."""
    folder, name = open_file(location)
    return folder.read(name)


def why_missing(location: Location) -> str:
    """What is where `read_file` finds no file, in words."""
    path = local_path(location, InputError)
    return "is a folder, not a file" if path is not None and path.is_dir() else "there is no such file"


def write_atomically(location: Location, data: bytes) -> None:
    """Write `data` such that a reader, or a crash, sees either the old file or the new one.

    Missing parent folders are created. Raises InputError, with the system's reason, if the place cannot be written.
    """
    folder, name = open_file(location)
    folder.write(name, data)


def local_path(location: Location, error: type[CodesignError]) -> Path | None:
    """The path of a location on this machine; None for URLs. Raises InputError, or `error`, if it is empty."""
    if not str(location).strip():
        raise error("an empty path names no place; write . for the working folder")
    return None if is_url(location) else Path(location)


def _named(name: str, location: Location) -> str:
    if name in ("", ".", ".."):
        raise InputError(f"{printable(location)}: must end in the name of a file")
    return name


def _connect(url: str, error: type[CodesignError]) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it."""
    import fsspec

    scheme = scheme_of(url)
    known = sorted({*fsspec.available_protocols(), *fsspec.registry} - _REFUSED)
    if "::" in url:
        raise error(f"{printable(url)}: leads through several file systems; name one place, without '::'")
    if scheme not in known:
        raise error(f"{printable(url)}: unknown scheme '{scheme}'; allowed are paths, and URLs of {', '.join(known)}")
    place, options = url, {}
    if has_options(url):
        place, _, query = url.partition("?")
        options = {name: _BOOLEANS.get(value, value) for name, value in parse_qsl(query, keep_blank_values=True)}
    try:
        filesystem, path = fsspec.core.url_to_fs(place, **options)
    except ImportError as missing:
        raise error(f"{printable(url)}: needs a package that is not installed: {reason_of(missing)}") from missing
    except Exception as failure:  # implementations raise what their libraries raise
        reason = reason_of(failure).replace(url, printable(url))
        raise error(f"{printable(url)}: cannot be opened: {reason}") from failure
    return filesystem, path
