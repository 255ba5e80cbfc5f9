"""Where files are: a path of this machine, a URL such as `s3://bucket/results`, or shipped, as chips and sweeps are."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

Location = str | Path
"""A path, or a string with a path or a URL. A URL is never a `Path`, which would take one of its slashes away."""

_PACKAGE = Path(__file__).parents[1]
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")  # one letter is a drive: C://x
_PASSWORD = re.compile(r"(://[^/@:?]*:)[^?]*@")  # up to the last @: secrets hold slashes, and others
_SECRET_OPTION = re.compile(r"([?&][^=&]*(?:secret|password|token|key|sig)[^=&]*=)[^&]*", re.IGNORECASE)


def is_url(location: Location) -> bool:
    """Whether a location is a URL, not a path: it begins with a scheme of two letters or more and `://`."""
    return isinstance(location, str) and _URL.match(location) is not None


def scheme_of(url: str) -> str:
    return url.partition("://")[0]


def has_options(location: Location) -> bool:
    """Whether a URL says more of its file system; behind `http`, what follows `?` is for the server."""
    return is_url(location) and "?" in str(location) and not str(location).startswith("http")


def join(location: Location, name: str) -> Location:
    """The location of a file in a folder; options of a URL, as in `?region=…`, stay at its end."""
    if not is_url(location):
        return Path(location) / name
    place, mark, options = str(location).partition("?")
    return f"{place}{'' if place.endswith('/') else '/'}{name}{mark}{options}"


def parent(url: str) -> str:
    """The URL of the folder that a file is in."""
    place, mark, options = url.partition("?")
    start = place.index("://") + 3
    return f"{place[:start]}{place[start:].rpartition('/')[0]}{mark}{options}"


def with_suffix(location: Location, suffix: str) -> Location:
    """The location of a file beside another, with the same name but for its suffix."""
    if not is_url(location):
        return Path(location).with_suffix(suffix)
    place, mark, options = str(location).partition("?")
    folder, slash, name = place.rpartition("/")
    return f"{folder}{slash}{PurePosixPath(name).with_suffix(suffix) if name else suffix}{mark}{options}"


def beside_page(page: Location, ending: str) -> Location:
    """The location of what a report writes beside its page: the page's name without `.html`, and the ending."""
    suffix = PurePosixPath(str(page).partition("?")[0] if is_url(page) else page).suffix
    return with_suffix(page, ending if suffix.lower() in (".html", ".htm") else suffix + ending)


def printable(location: Location) -> str:
    """The location as text for messages, with `***` where it holds a password or key."""
    if not is_url(location):
        return str(location)
    return _SECRET_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1***@", str(location)))


def shipped_folders(name: str) -> list[Path]:
    """The folders `name` that exist, first match wins: in the working folder, in a checkout, in the package."""
    here = [Path(name)] if os.path.isdir(name) else []  # also where the working folder is gone
    return list(dict.fromkeys([*here, *packaged_folders(name)]))


def packaged_folders(name: str) -> list[Path]:
    """The folders `name` that come with the package: beside it in a checkout, which is known by its project file, and
    in it."""
    candidates = [_PACKAGE / name]
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.insert(0, _PACKAGE.parent / name)
    return [path for path in candidates if os.path.isdir(path)]
