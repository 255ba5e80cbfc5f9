"""Where files are: a path on this machine, a URL such as `s3://bucket/results`, or the package, for chips and
sweeps."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

Location = str | Path
"""A path, or a string with a path or a URL. A URL is never a `Path`, which would remove one of its slashes."""

_PACKAGE = Path(__file__).parents[1]
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")  # one letter is a drive: C://x
_PASSWORD = re.compile(r"(://[^/@:?]*:)[^?]*@")  # up to the last @: secrets may contain slashes and @
_SECRET_OPTION = re.compile(r"([?&][^=&]*(?:secret|password|token|key|sig)[^=&]*=)[^&]*", re.IGNORECASE)


def is_url(location: Location) -> bool:
    """Whether a location is a URL instead of a path: it starts with a scheme of at least two letters and `://`."""
    return isinstance(location, str) and _URL.match(location) is not None


def scheme_of(url: str) -> str:
    return url.partition("://")[0]


def has_options(location: Location) -> bool:
    """Whether a URL has options for its file system; for `http`, what follows `?` is for the server."""
    return is_url(location) and "?" in str(location) and not str(location).startswith("http")


def join(location: Location, name: str) -> Location:
    """The location of a file in a folder; options of a URL, such as `?region=…`, stay at its end."""
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
    """The location of a file next to another, with the same name except for its suffix."""
    if not is_url(location):
        return Path(location).with_suffix(suffix)
    place, mark, options = str(location).partition("?")
    folder, slash, name = place.rpartition("/")
    return f"{folder}{slash}{PurePosixPath(name).with_suffix(suffix) if name else suffix}{mark}{options}"


def printable(location: Location) -> str:
    """The location as text for messages, with `***` instead of a password or key."""
    if not is_url(location):
        return str(location)
    return _SECRET_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1***@", str(location)))


def shipped_folders(name: str) -> list[Path]:
    """The existing folders called `name` in the working folder, a checkout and the package; the first match wins."""
    here = [Path(name)] if os.path.isdir(name) else []
    return list(dict.fromkeys([*here, *packaged_folders(name)]))


def packaged_folders(name: str) -> list[Path]:
    """The folders called `name` that come with the package: next to it in a checkout, recognized by its project file,
    and inside it."""
    candidates = [_PACKAGE / name]
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.insert(0, _PACKAGE.parent / name)
    return [path for path in candidates if os.path.isdir(path)]
