"""How kernels are compiled, and where compiled code is kept.

Numba's own cache notices when the file that defines a function changes, but not when a file it imports from does, so
stale code would stay in use. Here the cache folder is named after a hash of all kernel sources and of the compilers'
versions, so code compiled from other sources is never found. Processes share the folder: each file is written next to
its final place and then moved there.
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
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from codesign.files.code import code_folder, read_code, write_code
from codesign.terminal_text import is_watched

_SOURCES = (Path(__file__).parent, Path(__file__).parent.parent / "policies")

COMPILING = "compiling the simulator, once on this machine and version: usually ten to twenty seconds"
_LONGEST_COMPILATION_S = 300
_asked: list[bool] = []
_INSIDE = {"error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options for functions that only kernels call: no entry points for Python or C, which would take a sixth longer."""


@cache
def _state_of_sources() -> str:
    """Hash of all kernel sources and of the versions of their compilers."""
    state = hashlib.sha256()
    versions = (numba.__version__, llvmlite.__version__, np.__version__, platform.python_version())
    state.update(repr((*versions, numba.config.BOUNDSCHECK)).encode())
    for file in sorted(file for folder in _SOURCES for file in folder.glob("*.py")):
        state.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return state.hexdigest()[:20]


@cache
def cache_folder() -> Path:
    """Folder of the kernels compiled from exactly these sources, or a temporary one if no lasting folder is available.

    Raises:
        InputError: the folder named by `CODESIGN_KERNEL_CACHE` cannot be used; see `code_folder`.
    """
    return code_folder(_state_of_sources()) or Path(_temporary_folder().name)


def is_compiled() -> bool:
    """Whether at least some kernels have been compiled from these sources on this machine before."""
    return any(cache_folder().glob("*.code"))


def tell_of_compiling(say: Callable[[str], object] | None = None) -> None:
    """Announce that kernels are about to be compiled, if they are. Only the first call in a process checks.

    Args:
        say: None prints to standard error if that is a terminal or a notebook.

    Raises:
        InputError: as from `cache_folder`, at every call.
    """
    if not _asked:
        known = is_compiled()
        _asked.append(True)
        if not known and (say is not None or is_watched()):
            (say or partial(print, file=sys.stderr))(COMPILING)


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="codesign-kernels-")


class _KernelCache(NullCache):
    """A function's compiled code: a file for each signature and kind of processor.

    An unreadable file counts as missing and is overwritten. So does a damaged file, and one that does not belong to the
    user: reading it would run someone else's code.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"

    def file(self, signature: Any, codegen: Any) -> Path:
        key = hashlib.sha256(repr((signature, codegen.magic_tuple())).encode()).hexdigest()[:20]
        return cache_folder() / f"{self._name}-{key}.code"

    def is_kept(self) -> bool:
        """Whether there is code for any signature, intact or not."""
        return any(cache_folder().glob(f"{self._name}-*.code"))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        try:
            code = pickle.loads(read_code(self.file(sig, target_context.codegen())))
        except Exception:  # unpickling a damaged file may raise anything
            return None
        return CompileResult._rebuild(target_context, *code)

    def save_overload(self, sig: Any, data: Any) -> None:
        if data.library.has_dynamic_globals:
            return  # it holds addresses of this process, as of large arrays
        with suppress(OSError):  # a full disk; the compiled code is still in memory
            write_code(self.file(sig, data.codegen), dumps(data._reduce()))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls: it releases the GIL and is cached on disk.

    Kernels allocate nothing (so they count no references) and divide as IEEE 754 specifies.
    """
    dispatcher = numba.njit(nogil=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)(function)
    dispatcher._cache = _KernelCache(function)
    dispatcher.compile = _uncollected(dispatcher.compile)
    return dispatcher


def _uncollected(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """`compile_` without garbage collection, which takes a tenth of its time and finds hardly any garbage."""

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
    """A step of a kernel, inlined before type inference, so it may take any of the kernel's tuples.

    It is compiled in place, as part of its caller: for functions called from one or two places.
    """
    return numba.njit(**_INSIDE, inline="always")(function)


def leaf(function: Callable[..., Any]) -> Any:
    """A small function that kernels call; compiled separately and then inlined by LLVM."""
    return numba.njit(**_INSIDE, forceinline=True)(function)


def routine(function: Callable[..., Any]) -> Any:
    """A larger function that kernels call; compiled separately and not forced inline."""
    return numba.njit(**_INSIDE)(function)


@contextmanager
def alone(name: str, *, waits: bool) -> Iterator[bool]:
    """Hold the lock of a function about to be compiled; yield False if another process holds it and `waits` is false.

    Where no lock can be held, as in a folder that is read-only, two processes may compile the same function.
    """
    lock = FileLock(cache_folder() / f"{name}.lock", timeout=_LONGEST_COMPILATION_S if waits else 0, mode=0o600)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock)
        except Timeout:
            yield waits
            return
        except OSError:
            pass
        yield True


def kept(function: Callable[..., Any]) -> Any:
    """A `routine` cached on disk, which kernels call through its address."""
    compiled = routine(function)
    compiled._cache = _KernelCache(function)
    compiled.compile = _uncollected(compiled.compile)
    return compiled


def callback(function: Callable[..., Any], signature: Any, *, keep: bool) -> Any:
    """Compile a function that kernels call through its address; cached on disk if `keep`."""
    signature = (signature.args, signature.return_type)
    compiled = CFunc(function, signature, locals={}, options={"nogil": True, "error_model": "numpy", "_nrt": False})
    if keep:
        compiled._cache = _KernelCache(function)
    _uncollected(compiled.compile)()
    return compiled
