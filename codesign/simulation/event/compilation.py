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

__all__ = ["CACHE_VARIABLE", "cache_folder", "callback", "kernel", "leaf", "part", "routine"]

CACHE_VARIABLE = "CODESIGN_KERNEL_CACHE"
"""Environment variable that names another folder for compiled code."""

_SOURCES = (Path(__file__).parent, Path(__file__).parent.parent / "policies")


_INSIDE = {"error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of what only kernels call: no entry points for Python or C, which would cost a sixth more time."""


@cache
def _state_of_sources() -> str:
    """Hash of all sources of kernels and of the versions of their compilers."""
    state = hashlib.sha256()
    versions = (numba.__version__, llvmlite.__version__, np.__version__, platform.python_version())
    state.update(repr(versions).encode())
    for file in sorted(file for folder in _SOURCES for file in folder.glob("*.py")):
        state.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return state.hexdigest()[:20]


@cache
def cache_folder() -> Path:
    """Where compiled kernels of these very sources are kept: below the user's cache, or a temporary folder.

    What lies there is run as code. So only a folder is taken that is the user's own and that nobody else may write;
    where there is none, a temporary one of this process.

    Raises:
        InputError: the folder that `CODESIGN_KERNEL_CACHE` names cannot be written, or others may write it.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    for root in [Path(chosen)] if chosen else _default_roots():
        root = root.resolve()
        folder = root / _state_of_sources()
        with suppress(OSError):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                if _is_private(root) and _is_private(folder):
                    return folder
    if chosen:
        raise InputError(
            f"compiled kernels cannot be kept in {chosen}; {CACHE_VARIABLE} must name a folder of your own that you, "
            "and nobody else, may write"
        )
    return Path(_temporary_folder().name)


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="codesign-kernels-")


def _default_roots() -> list[Path]:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    roots = []
    with suppress(RuntimeError):  # a user without a home
        roots.append(Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "codesign" / "kernels")
    return [*roots, Path(tempfile.gettempdir()) / f"codesign-kernels-{user}"]


def _is_own(path: Path) -> bool:
    """Whether a file or folder, and not a link to one, is the user's. Raises OSError where there is none."""
    state = path.lstat()
    # Windows has no such numbers; there, the folders of a user are the user's
    return not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not stat.S_ISLNK(state.st_mode))


def _is_private(folder: Path) -> bool:
    """Whether the user alone may write it."""
    shared = hasattr(os, "getuid") and folder.lstat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return _is_own(folder) and not shared


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
    """Numba's files, with a checksum before compiled code: a damaged file counts as missing and is written over.

    So does one that is not the user's own: to read it is to run what somebody else wrote.
    """

    def _load_index(self) -> Any:
        with suppress(Exception):  # whatever damaged bytes make of the reader
            if _is_own(Path(self._index_path)):
                return super()._load_index()
        return {}

    def _load_data(self, name: str) -> Any:
        path = Path(self._data_path(name))
        if not _is_own(path):
            raise OSError(f"{name} is somebody else's")  # which the caller takes as missing
        content = path.read_bytes()
        checksum, data = content[:32], content[32:]
        if hashlib.sha256(data).digest() != checksum:
            raise OSError(f"{name} is damaged")  # which the caller takes as missing
        return pickle.loads(data)

    def _save_data(self, name: str, data: Any) -> None:
        dumped = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
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
