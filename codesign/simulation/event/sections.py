"""Large functions that kernels call through a table of addresses: each is compiled separately, if the rules need it.

Several processes can therefore compile in parallel. If two need the same section at the same time, one compiles it; the
other compiles sections that nobody has begun, then waits and loads the result.
"""

from __future__ import annotations

import inspect
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from typing import Any

import numpy as np
from numba.core import cgutils, types
from numpy.typing import NDArray

from codesign.simulation.event.compilation import alone, kept
from codesign.simulation.event.held import Held, field_of
from codesign.simulation.event.vector import intrinsic

_MOST_PROCESSES = 4
"""Processes that compile in parallel, at most: half of the work is a single function."""
COMPILE_GIVEN = """
import codesign.simulation.event.kernels, codesign.simulation.event.sections
codesign.simulation.event.sections.compile_given()
"""
_STRUCTURES = {"network", "rules", "input_", "state", "out", "frame", "moment"}
_first = threading.Lock()
_sections: dict[str, CompiledSection] = {}


class CompiledSection:
    """A function that is compiled once, for the types of a batch's structures.

    Attributes:
        compiled: Numba's function.
        returns: type of its result.
        when: given the rules and the flags of `NeuronSlots`, whether the forward run (with `back`, the backward run)
            needs it.
        address: address of its code; 0 before `have`.
    """

    def __init__(self, compiled: Any, returns: Any, when: Callable[[Any, Any], bool], *, back: bool) -> None:
        self.compiled, self.returns, self.when, self.back, self.address = compiled, returns, when, back, 0
        function = compiled.py_func
        self.parameters = tuple(inspect.signature(function).parameters)
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        assert self.name not in _sections, self.name
        _sections[self.name] = self

    @property
    def is_kept(self) -> bool:
        """Whether its code is on disk, for any argument types, intact or not."""
        return bool(self.compiled._cache.is_kept())

    def arguments(self, kinds: Mapping[str, Any]) -> tuple[Any, ...]:
        """Types of its arguments, derived from their names."""
        return tuple(kinds.get(name, types.uint64 if name == "key" else types.int64) for name in self.parameters)

    def make(self, kinds: Mapping[str, Any], *, waits: bool) -> bool:
        """Load or compile it; return False if another process is compiling it and `waits` is false."""
        with nullcontext(True) if self.is_kept else alone(self.name, waits=waits) as mine:
            if mine:
                arguments = self.arguments(kinds)
                self.compiled.compile(arguments)
                result = self.compiled.overloads[arguments]
                address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
                table()[_place(self.name)] = address
                self.address = address  # last, because other threads read it
        return mine


class CompiledEntry(CompiledSection):
    """The kernel that Python calls, with structures by value."""

    def __init__(self, compiled: Any) -> None:
        super().__init__(compiled, types.int64, lambda rules, neuron: False, back=False)

    def arguments(self, kinds: Mapping[str, Any]) -> tuple[Any, ...]:
        return super().arguments({name: kind.kind for name, kind in kinds.items() if isinstance(kind, Held)})


def section(
    returns: Any, *, when: Callable[[Any, Any], bool] = lambda rules, neuron: True, back: bool = False
) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function separately. Kernels call it like any other function. Its parameters are typed by name: held
    structures, `frame` and `moment`, `key` as uint64, all others int64; `rules` is required. See `CompiledSection`."""
    return lambda function: _caller(CompiledSection(kept(function), returns, when, back=back))


@cache
def table() -> NDArray[np.int64]:
    """(sections,) addresses, sorted by name; 0 for sections that have not been needed yet."""
    return np.zeros(len(_sections), dtype=np.int64)


def _place(name: str) -> int:
    return sorted(_sections).index(name)


def _caller(made: CompiledSection) -> Any:
    """The function that kernels call: typed by its arguments' names, so the section need not be compiled."""

    def definition(typing: Any, *given: Any) -> Any:
        named = zip(made.parameters, given, strict=True)
        structures = {name: kind for name, kind in named if name in _STRUCTURES}
        return made.returns(*made.arguments(structures)), generate

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rules = made.parameters.index("rules")
        sections = field_of(context, builder, signature.args[rules], arguments[rules], "sections")
        addresses = cgutils.create_struct_proxy(types.int64[::1])(context, builder, sections).data
        address = builder.load(cgutils.gep_inbounds(builder, addresses, _place(made.name)))
        convention = context.call_conv
        with cgutils.if_unlikely(builder, cgutils.is_null(builder, address)):
            convention.return_user_exc(builder, RuntimeError, (f"{made.name} is called but was not needed",))
        kind = convention.get_function_type(signature.return_type, signature.args).as_pointer()
        function = builder.inttoptr(address, kind)
        status, value = convention.call_function(builder, function, signature.return_type, signature.args, arguments)
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return value

    names = ("typing", *made.parameters)
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    definition.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    definition.__name__ = made.compiled.__name__
    return intrinsic(definition)


def known() -> list[CompiledSection]:
    """All sections."""
    return list(_sections.values())


def needed(rules: Any, neuron: Any, *, back: bool) -> list[CompiledSection]:
    """Sections that a batch's forward or backward run calls, largest first or last: the largest is defined last."""
    sections = [section for section in known() if section.back == back and section.when(rules, neuron)]
    return sections if back else sections[::-1]


def have(sections: Sequence[CompiledSection], kinds: Callable[[], Mapping[str, Any]]) -> None:
    """Make sections callable; compile missing ones together with another process."""
    if all(section.address for section in sections):
        return
    with _first:
        missing, of_batch = [section for section in sections if not section.address], kinds()
        new = [section.name for section in missing if not section.is_kept]
        others = min(_MOST_PROCESSES, os.cpu_count() or 1, len(new)) - 1
        order = pickle.dumps((new[::-1], of_batch))  # others begin at the end; the rest is compiled here
        with beside(COMPILE_GIVEN, processes=others, order=order):
            for section in [section for section in missing if not section.make(of_batch, waits=False)]:
                section.make(of_batch, waits=True)


@contextmanager
def beside(program: str, *, processes: int, order: bytes = b"") -> Iterator[None]:
    """Run a program in other processes, which read `order` from standard input, until the block ends. They only help:
    nothing depends on them."""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    nowhere = subprocess.DEVNULL
    with ExitStack() as stack:
        for _ in range(processes):
            with suppress(OSError):
                streams: Any = {"stdin": subprocess.PIPE, "stdout": nowhere, "stderr": nowhere}
                helper = subprocess.Popen(command, env=environment, **streams)
                stack.callback(helper.wait)
                stack.callback(helper.kill)
                assert helper.stdin is not None
                with helper.stdin:
                    helper.stdin.write(order)
        yield


def compile_given() -> None:
    """Compile the sections named on standard input, except those that another process is compiling."""
    names, kinds = pickle.load(sys.stdin.buffer)
    for name in names:
        _sections[name].make(kinds, waits=False)
