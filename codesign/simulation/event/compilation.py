"""How kernels are compiled, and where compiled code is kept.

Numba's own cache notices a change of the file that defines a function, but not of a file that it imports helpers from:
stale code would stay in use. Here the folder's name is a hash of every source that kernels are made of and of the
versions of what compiles them, so code of another state of the sources cannot be found. Processes share the folder:
each file is written beside its place and then moved.
"""

from __future__ import annotations

import gc
import hashlib
import pickle
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from filelock import FileLock, Timeout
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator
from numba.core.ccallback import CFunc

from codesign.files.code import code_folder, read_code, write_code
from codesign.terminal_text import is_watched

_SOURCES = (Path(__file__).parent, Path(__file__).parent.parent / "policies")

COMPILING = "compiling the simulator, once on this machine and version: usually ten to twenty seconds"
_LONGEST_COMPILATION_S = 300
_asked: list[bool] = []
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
    """Where compiled kernels of these very sources are kept; a temporary folder of this process where nothing else is.

    Raises:
        InputError: the folder that `CODESIGN_KERNEL_CACHE` names is of no use, as `code_folder` says.
    """
    return code_folder(_state_of_sources()) or Path(_temporary_folder().name)


def is_compiled() -> bool:
    """Whether kernels of these sources were compiled on this machine before, or some of them."""
    with suppress(OSError):  # a disk that fails is told where it is needed
        return any(cache_folder().glob("*.nbc"))
    return False


def tell_of_compiling(say: Callable[[str], object] | None = None) -> None:
    """Say where kernels are about to be compiled. Only the first call of a process looks and speaks.

    Args:
        say: None for standard error, where that is a terminal or a notebook.
    """
    if not _asked:
        _asked.append(True)
        if not is_compiled() and (say is not None or is_watched()):
            (say or partial(print, file=sys.stderr))(COMPILING)


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="codesign-kernels-")


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
        return pickle.loads(read_code(Path(name)))

    def _write(self, name: str, value: Any) -> None:
        write_code(Path(name), self._dump(value))


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
    dispatcher.compile = _uncollected(dispatcher.compile)
    return dispatcher


def _uncollected(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """`compile_` without garbage collection: hardly any of its millions of objects is garbage, and looking at them
    takes a tenth of its time."""

    def compiled(*arguments: Any) -> Any:
        if not gc.isenabled():
            return compile_(*arguments)
        gc.disable()
        try:
            return compile_(*arguments)
        finally:
            gc.enable()

    return compiled


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


def is_kept(compiled: Any) -> bool:
    """Whether code of a `kernel` or of a `kept` function lies on disk, of whatever types and state."""
    return Path(compiled._cache._cache_file._index_path).exists()


@contextmanager
def alone(name: str, *, waits: bool) -> Iterator[bool]:
    """Hold the lock of a function that is to be compiled; yields False if another process does and is not waited for.

    Without locks, as of some network folders, two processes may compile the same.
    """
    lock = FileLock(cache_folder() / f"{name}.lock", timeout=_LONGEST_COMPILATION_S if waits else 0, mode=0o600)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except Timeout:
            yield waits
            return
        except (OSError, NotImplementedError):
            pass
        yield True


def kept(function: Callable[..., Any]) -> Any:
    """A `routine` that is kept on disk, for kernels that call it through its address."""
    compiled = routine(function)
    compiled._cache = _KernelCache(function)
    compiled.compile = _uncollected(compiled.compile)
    return compiled


def callback(function: Callable[..., Any], signature: Any, *, keep: bool) -> Any:
    """Compile a function that kernels call through its address; kept on disk if `keep`."""
    signature = (signature.args, signature.return_type)
    compiled = CFunc(function, signature, locals={}, options={"nogil": True, "error_model": "numpy", "_nrt": False})
    if keep:
        compiled._cache = _KernelCache(function)
    _uncollected(compiled.compile)()
    return compiled
