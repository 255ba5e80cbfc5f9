"""How kernels are compiled, and where compiled code is kept.

Numba's own cache notices a change of the file that defines a function, but not of a file that it imports helpers from:
stale code would stay in use. Here the folder's name is a hash of every source that kernels are made of and of the
versions of what compiles them, so code of another state of the sources cannot be found. Processes share the folder:
Numba writes each file beside its place and then moves it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import re
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator
from numba.core.ccallback import CFunc

from codesign.errors import InputError
from codesign.files.local import remove_old

__all__ = ["CACHE_VARIABLE", "cache_folder", "callback", "is_compiled", "kernel", "leaf", "part", "routine"]

CACHE_VARIABLE = "CODESIGN_KERNEL_CACHE"
"""Environment variable that names another folder for compiled code."""

_SOURCES = (Path(__file__).parent, Path(__file__).parent.parent / "policies")


_MOST_BYTES = 2**30
_HALF_WRITTEN = re.compile(r".+\.tmp\.[0-9a-f]{16}")
"""What Numba calls a file of code before it is complete."""
_INSIDE = {"error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of what only kernels call: no entry points for Python or C, which would cost a sixth more time."""


@cache
def _state_of_sources() -> str:
    """Hash of all sources of kernels and of the versions of their compilers."""
    state = hashlib.sha256()
    versions = (numba.__version__, llvmlite.__version__, np.__version__, platform.python_version())
    state.update(repr((*versions, numba.config.BOUNDSCHECK)).encode())
    for file in sorted(file for folder in _SOURCES for file in folder.glob("*.py")):
        state.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return state.hexdigest()[:20]


@cache
def cache_folder() -> Path:
    """Where compiled kernels of these very sources are kept: below the user's cache, or a temporary folder.

    What lies there is run as code. So only a folder is taken that is the user's own and that nobody else may write or
    replace; where there is none, a temporary one of this process.

    Raises:
        InputError: the folder that `CODESIGN_KERNEL_CACHE` names is not such a folder, or is of no use.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    for root in [Path(chosen)] if chosen else _default_roots():
        try:
            return _folder_below(root)
        except OSError as error:
            reason = error.strerror or error
            if chosen:
                raise InputError(
                    f"compiled kernels cannot be kept in {chosen}: {reason}; {CACHE_VARIABLE} must name a folder of "
                    "your own that nobody else may write"
                ) from error
    return Path(_temporary_folder().name)


def is_compiled() -> bool:
    """Whether kernels of these sources were compiled on this machine before, or some of them."""
    return any(cache_folder().glob("*.nbc"))


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="codesign-kernels-")


def _default_roots() -> list[Path]:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    roots = []
    with suppress(RuntimeError):  # a user without a home
        roots.append(Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "codesign" / "kernels")
    return [*roots, Path(tempfile.gettempdir()) / f"codesign-kernels-{user}"]


def _folder_below(root: Path) -> Path:
    """The folder of these sources in `root`, made if it is not there. One that can only be read must hold something.

    Raises:
        OSError: with what is wrong.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = root.resolve() / _state_of_sources()
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
            raise OSError(f"others may replace what is in {parent}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            remove_old(folder, "*.tmp.*", _HALF_WRITTEN)
    except OSError:
        if not any(folder.iterdir()):
            raise
    return folder


def _check_own(state: os.stat_result, path: Path) -> None:
    """Raise OSError if a file or folder is not the user's, or others may write it."""
    if hasattr(os, "getuid"):  # Windows has no such numbers; there, the folders of a user are the user's
        if state.st_uid != os.getuid():
            raise OSError(f"{path} is somebody else's")
        if not stat.S_ISLNK(state.st_mode) and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise OSError(f"others may write {path}")


class _Locator(_CacheLocator):
    """Puts every kernel into the folder of its sources' state, whose name says that nothing in it can be stale."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def get_cache_path(self) -> str:
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        return _state_of_sources()

    def get_disambiguator(self) -> str:
        return str(self._function.__module__).rpartition(".")[2]

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _Locator:
        return cls(function)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Files(IndexDataCacheFile):
    """Numba's files with a checksum before their content. What cannot be read counts as missing and is written over.

    So does what is damaged, and what is not the user's own: to read it is to run what somebody else wrote.
    """

    def _load_index(self) -> Any:
        with suppress(Exception):  # whatever becomes of reading somebody's file
            stamp, overloads = self._read(self._index_path)
            if stamp == self._source_stamp:
                return overloads
        return {}

    def _save_index(self, overloads: Any) -> None:
        self._write(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        try:
            return self._read(self._data_path(name))
        except Exception as error:
            raise OSError(f"{name} cannot be read") from error  # which the caller takes as missing

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, name: str) -> Any:
        """What a file holds. It is opened once, so that what was checked is what is read, and not waited for."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(name, flags), "rb") as file:
            state = os.fstat(file.fileno())
            _check_own(state, Path(name))
            if not stat.S_ISREG(state.st_mode):
                raise OSError(f"{name} is not a file")
            if state.st_size > _MOST_BYTES:
                raise OSError(f"{name} is too large to be a kernel")
            content = file.read()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise OSError(f"{name} is damaged")
        return pickle.loads(content[32:])

    def _write(self, name: str, value: Any) -> None:
        dumped = self._dump(value)
        with self._open_for_write(name) as file:
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), 0o600)  # whatever the umask is
            file.write(hashlib.sha256(dumped).digest() + dumped)


class _KernelCache(FunctionCache):
    _impl_class = _Implementation

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        """Without Numba's hash of what a function closes over: it differs from process to process.

        The folder's name already says what all functions are made of.
        """
        return sig, codegen.magic_tuple()

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):  # a full disk: the code that was compiled is there all the same
            super().save_overload(sig, data)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that is called from Python: without the interpreter's lock, kept on disk.

    Kernels allocate nothing (so no reference is counted inside them) and divide as IEEE 754 says.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)(function)
    dispatcher._cache = _KernelCache(function)
    return dispatcher


def part(function: Callable[..., Any]) -> Any:
    """A step of a kernel, with whatever it needs of the kernel's tuples; becomes part of it before types are inferred.

    So it is compiled once, in its place. For functions that are called from one or two places.
    """
    return numba.njit(**_INSIDE, inline="always")(function)


def leaf(function: Callable[..., Any]) -> Any:
    """A small function of numbers and single arrays that kernels call; compiled by itself and then inlined."""
    return numba.njit(**_INSIDE, forceinline=True)(function)


def routine(function: Callable[..., Any]) -> Any:
    """A larger function that kernels call; compiled by itself and left to itself."""
    return numba.njit(**_INSIDE)(function)


def callback(function: Callable[..., Any], signature: Any, *, keep: bool) -> Any:
    """Compile a function that kernels call through its address; kept on disk if `keep`."""
    signature = (signature.args, signature.return_type)
    compiled = CFunc(function, signature, locals={}, options={"nogil": True, "error_model": "numpy", "_nrt": False})
    if keep:
        compiled._cache = _KernelCache(function)
    compiled.compile()
    return compiled
