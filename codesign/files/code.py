"""Code that this program creates once and runs again: compiled kernels, and the script of pages.

Its content is run as code. So a folder is only used if it belongs to the user and no one else may write or replace it,
and the same holds for a file in it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from codesign.errors import InputError

CACHE_VARIABLE = "CODESIGN_KERNEL_CACHE"
"""Environment variable that names another folder for compiled code."""

_MOST_BYTES = 2**30


def code_folder(state: str) -> Path | None:
    """The folder for code made from a given state of its sources: below the user's cache, or in a folder for temporary
    files; None if there is no safe one. Raises InputError if the folder named by `CODESIGN_KERNEL_CACHE` is not safe or
    cannot be used."""
    chosen = os.environ.get(CACHE_VARIABLE)
    for root in [Path(chosen)] if chosen else _default_roots():
        try:
            return _folder_below(root, state)
        except OSError as error:
            reason = error.strerror or error
            if chosen:
                raise InputError(
                    f"compiled kernels cannot be kept in {chosen}: {reason}; {CACHE_VARIABLE} must name a folder of "
                    "your own that nobody else may write to"
                ) from error
    return None


def read_code(path: Path) -> bytes:
    """The content of a file. It is opened once, so that the checked file is the one read, and without waiting. Raises
    OSError if it is missing, does not belong to the user, or is damaged."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        state = os.fstat(file.fileno())
        _check_own(state, path)
        if not stat.S_ISREG(state.st_mode):
            raise OSError(f"{path} is not a file")
        if state.st_size > _MOST_BYTES:
            raise OSError(f"{path} is too large to be code")
        content = file.read()
    code = unsealed(content)
    if code is None:
        raise OSError(f"{path} is damaged")
    return code


def write_code(path: Path, content: bytes) -> None:
    """Store code for `read_code`, whole or not at all. Raises OSError if it cannot be written."""
    number, half = tempfile.mkstemp(prefix=f"{path.name}.tmp.", dir=path.parent)  # readable only by the user
    try:
        with open(number, "wb") as file:
            file.write(sealed(content))
        os.replace(half, path)
    finally:
        with suppress(OSError):
            os.unlink(half)


def sealed(content: bytes) -> bytes:
    """Content preceded by its checksum, as `read_code` expects."""
    return hashlib.sha256(content).digest() + content


def unsealed(data: bytes) -> bytes | None:
    """The content of `sealed` data; None if it does not match its checksum."""
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


def _default_roots() -> list[Path]:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    roots = []
    with suppress(RuntimeError):  # a user without a home folder
        roots.append(Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "codesign" / "kernels")
    return [*roots, Path(tempfile.gettempdir()) / f"codesign-kernels-{user}"]


def _folder_below(root: Path, state: str) -> Path:
    """The folder of a state in `root`, created if missing. A read-only one must not be empty. Raises OSError that says
    what is wrong."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = root.resolve() / state
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _check_own(root.lstat(), root)  # a link made by someone else leads wherever they want
    for path in (folder, folder.parent):
        _check_own(path.lstat(), path)
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise OSError(f"{path} is not a folder")
    for parent in {*root.absolute().parents, *folder.parent.parents}:
        mode = parent.stat().st_mode
        if hasattr(os, "getuid") and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise OSError(f"others may replace the contents of {parent}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        if not any(folder.iterdir()):
            raise
    return folder


def _check_own(state: os.stat_result, path: Path) -> None:
    """Raise OSError if a file or folder is not the user's, or others may write it."""
    if hasattr(os, "getuid"):  # Windows has no such ids; there, a user's folders belong to the user
        if state.st_uid != os.getuid():
            raise OSError(f"{path} belongs to somebody else")
        if not stat.S_ISLNK(state.st_mode) and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise OSError(f"others may write to {path}")
