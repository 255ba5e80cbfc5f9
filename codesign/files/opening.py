"""From a location to the folder or the file there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codesign.errors import CodesignError, InputError
from codesign.files.folder import Folder, reason_of
from codesign.files.local import LocalFolder
from codesign.files.location import Location, is_url, parent, printable, scheme_of

__all__ = ["open_file", "open_folder", "read_file", "write_atomically"]

_ARROW = ("abfs", "file", "gs", "hdfs", "s3")

_GOOGLE_RETRY = "retry_limit_seconds"
"""Option of Google Cloud, 15 minutes by default, also where there are no credentials."""
_GOOGLE_RETRY_S = 60

_S3_OPTIONS = {
    "allow_delayed_open": True,  # one request puts a small object, not the three of a multipart upload
    "connect_timeout": 10.0,  # seconds; by default it takes minutes to give up on a server that does not answer
    "request_timeout": 30.0,  # without a byte, three times
}


def open_folder(location: Location, *, error: type[CodesignError] = InputError) -> Folder:
    """The folder at a path or URL; it need not be there yet.

    Args:
        location: a path, or a URL that `pyarrow.fs.FileSystem.from_uri` or else fsspec knows.
        error: class of the errors that the folder raises; they name the place and the system's reason.

    Raises:
        InputError, or `error`: the URL's scheme is not known, needs a package that is missing, or its system cannot be
            reached.
    """
    if not is_url(location):
        return LocalFolder(Path(location), error=error)
    return _remote(str(location), *_connect(str(location), error), error=error)


def open_file(location: Location, *, error: type[CodesignError] = InputError) -> tuple[Folder, str]:
    """The folder that holds a file, and the file's name in it; neither need be there yet.

    Raises:
        InputError, or `error`: as `open_folder`, or the location does not end in a name.
    """
    if not is_url(location):
        path = Path(location)
        return LocalFolder(path.parent, error=error), _named(path.name, location, error)
    url = str(location)
    _named(url.partition("?")[0].rpartition("/")[2], location, error)  # file systems drop a slash at the end
    filesystem, path_there = _connect(url, error)
    folder, _, name = path_there.rpartition("/")
    return _remote(parent(url), filesystem, folder, error=error), _named(name, location, error)


def read_file(location: Location) -> bytes | None:
    """The bytes of a file at a path or URL; None where there is none.

    Raises:
        InputError: it cannot be read; names the place and the system's reason.
    """
    folder, name = open_file(location)
    return folder.read(name)


def write_atomically(location: Location, data: bytes) -> None:
    """Write `data` so that a reader, or a crash, sees the old file or the new one and nothing in between.

    Missing parent folders are made.

    Raises:
        InputError: the place cannot be written; names it and the system's reason.
    """
    folder, name = open_file(location)
    folder.write(name, data)


def _named(name: str, location: Location, error: type[CodesignError]) -> str:
    if name in ("", ".", ".."):
        raise error(f"{printable(location)}: must end in the name of a file")
    return name


def _remote(url: str, filesystem: Any, path: str, *, error: type[CodesignError]) -> Folder:
    from pyarrow import fs

    if isinstance(filesystem, fs.FileSystem):
        from codesign.files.arrow import ArrowFolder

        return ArrowFolder(url, filesystem, path, error=error)
    from codesign.files.fsspec import FsspecFolder

    return FsspecFolder(url, filesystem, path, error=error)


def _connect(url: str, error: type[CodesignError]) -> tuple[Any, str]:
    """The file system of a URL, Arrow's or fsspec's, and the path in it."""
    import pyarrow as pa

    try:
        try:
            return _from_uri(url)
        except pa.ArrowInvalid as unknown:
            if "Unrecognized filesystem type" not in str(unknown):
                raise
        return _from_fsspec(url, error)
    except (OSError, pa.ArrowException) as failure:
        reason = reason_of(failure).replace(url, printable(url))
        raise error(f"{printable(url)}: cannot be opened: {reason}") from failure


def _from_uri(url: str) -> tuple[Any, str]:
    from pyarrow import fs

    options = url.partition("?")[2]
    if scheme_of(url) in ("gs", "gcs") and _GOOGLE_RETRY not in options:
        url = f"{url}{'&' if options else '?'}{_GOOGLE_RETRY}={_GOOGLE_RETRY_S}"
    filesystem, path = fs.FileSystem.from_uri(url)
    if filesystem.type_name == "s3":
        filesystem = _with_s3_options(filesystem, {option.partition("=")[0] for option in options.split("&") if option})
    return filesystem, path


def _with_s3_options(filesystem: Any, given: set[str]) -> Any:
    """A copy with the options above, which a URL cannot hold, but for those that the URL gave.

    It is made as a pickled one would be: nothing else gives the credentials that Arrow took from the URL.
    """
    make, (options,) = filesystem.__reduce__()
    if not given <= options.keys():
        return filesystem  # a copy would lose an option
    return make({**options, **{name: _S3_OPTIONS[name] for name in _S3_OPTIONS.keys() & options.keys() - given}})


def _from_fsspec(url: str, error: type[CodesignError]) -> tuple[Any, str]:
    import fsspec

    scheme = scheme_of(url)
    known = sorted({*_ARROW, *fsspec.available_protocols()})
    if scheme.rpartition("::")[2] not in known:
        raise error(f"{printable(url)}: unknown scheme '{scheme}'; allowed are paths, and URLs of {', '.join(known)}")
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as missing:
        raise error(f"{printable(url)}: needs a package that is not installed: {reason_of(missing)}") from missing
    except Exception as failure:  # implementations raise what their libraries do
        raise error(f"{printable(url)}: cannot be opened: {reason_of(failure)}") from failure
    return filesystem, path
