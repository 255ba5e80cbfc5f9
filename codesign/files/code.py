"""What this program makes once and runs again: compiled kernels, and the script of pages.

What lies there is run as code. So only a folder is taken that is the user's own and that nobody else may write or
replace, and only a file in it that is so too.
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
    """Where code of a state of its sources, which names all that it is made of, is kept: below the user's cache, or a
    folder for temporary files; None where there is no such folder. Raises InputError where the folder that
    `CODESIGN_KERNEL_CACHE` names is no such folder, or is of no use."""
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
    """What a file holds. It is opened once, so that what was checked is what is read, and not waited for. Raises
    OSError where it is not there, not the user's own, or damaged."""
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
    """Keep code for `read_code`, whole or not at all. Raises OSError where it cannot be written."""
    number, half = tempfile.mkstemp(prefix=f"{path.name}.tmp.", dir=path.parent)  # which only the user may read
    try:
        with open(number, "wb") as file:
            file.write(sealed(content))
        os.replace(half, path)
    finally:
        with suppress(OSError):
            os.unlink(half)


def sealed(content: bytes) -> bytes:
    """Content behind its checksum, as `read_code` expects it."""
    return hashlib.sha256(content).digest() + content


def unsealed(data: bytes) -> bytes | None:
    """The content of `sealed`; None where it does not match its checksum."""
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


def _default_roots() -> list[Path]:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    roots = []
    with suppress(RuntimeError):  # a user without a home
        roots.append(Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "codesign" / "kernels")
    return [*roots, Path(tempfile.gettempdir()) / f"codesign-kernels-{user}"]


def _folder_below(root: Path, state: str) -> Path:
    """The folder of a state in `root`, made if it is not there. One that can only be read must hold something. Raises
    OSError with what is wrong."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = root.resolve() / state
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _check_own(root.lstat(), root)  # a link that somebody else made leads where they want
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
    if hasattr(os, "getuid"):  # Windows has no such numbers; there, the folders of a user are the user's
        if state.st_uid != os.getuid():
            raise OSError(f"{path} belongs to somebody else")
        if not stat.S_ISLNK(state.st_mode) and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise OSError(f"others may write to {path}")
