"""The large compiled functions: each compiled by itself, so that two processes make them side by side.

Of processes that need a function at the same time one compiles it, while the others turn to what nobody has begun, wait,
and find it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numba
from numba.core import cgutils, types

from codesign.simulation.event.compilation import alone, is_kept
from codesign.simulation.event.held import Held
from codesign.simulation.event.vector import intrinsic

__all__ = ["Section", "call", "call_for_number", "compile_given", "have"]

_COMPILE_GIVEN = "from codesign.simulation.event.kernels import SECTIONS, compile_given; compile_given(SECTIONS)"
_first = threading.Lock()


class Section:
    """A function that is compiled once, for the types of what a batch consists of.

    Attributes:
        compiled: of Numba.
        kinds: types of its arguments, given those of network, rules, input, state and out.
        address: where its code is; 0 before `have`.
    """

    def __init__(self, compiled: Any, kinds: Callable[..., tuple[Any, ...]]) -> None:
        self.compiled, self.kinds, self.address = compiled, kinds, 0

    @property
    def name(self) -> str:
        return str(self.compiled.__name__)

    def make(self, of_batch: Sequence[Any], *, waits: bool) -> bool:
        """Find or compile it; returns False if another process compiles it and is not waited for."""
        with alone(self.name, waits=waits) as mine:
            if mine:
                kinds = self.kinds(*of_batch)
                self.compiled.compile(kinds)
                result = self.compiled.overloads[kinds]
                self.address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
                self.compiled.disable_compile()  # who calls it by its address passes these very types
        return mine


def held(network: Any, rules: Any, input_: Any, state: Any, out: Any) -> tuple[Any, ...]:
    """Types of the arguments of what `call` calls."""
    return Held(network), Held(rules), Held(input_), types.int64, Held(state), Held(out)


def have(sections: Sequence[Section], structures: Sequence[Any]) -> None:
    """See that sections can be called with such structures; what has to be compiled is shared with another process."""
    if all(section.address for section in sections):
        return
    with _first:
        of_batch = [numba.typeof(structure) for structure in structures]
        missing = [section for section in sections if not section.address]
        new = [section for section in missing if not is_kept(section.compiled)]
        beside = _compile_beside(new, of_batch) if len(new) > 1 and (os.cpu_count() or 1) > 1 else None
        try:
            for section in [section for section in missing if not section.make(of_batch, waits=False)]:
                section.make(of_batch, waits=True)
        finally:
            if beside is not None:
                beside.kill()  # done, unless something failed here
                beside.wait()


def _compile_beside(sections: Sequence[Section], of_batch: Sequence[Any]) -> subprocess.Popen[bytes]:
    """Another process begins with the last section. If it fails, what it leaves is compiled here."""
    command = [sys.executable, "-c", _COMPILE_GIVEN]
    nowhere = subprocess.DEVNULL
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    beside = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, env=environment)
    assert beside.stdin is not None
    with beside.stdin as pipe:
        pickle.dump(([section.name for section in reversed(sections)], of_batch), pipe)
    return beside


def compile_given(sections: Sequence[Section]) -> None:
    """Compile what standard input names, one after the other, but nothing that another process is compiling."""
    names, of_batch = pickle.load(sys.stdin.buffer)
    by_name = {section.name: section for section in sections}
    for name in names:
        by_name[name].make(of_batch, waits=False)


def _call(result: Any) -> Any:
    @intrinsic
    def call(
        typing: Any, address: Any, network: Any, rules: Any, input_: Any, sample: Any, state: Any, out: Any
    ) -> Any:
        """The function at an address with the others as its arguments; what it raises is raised."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds, convention = signature.args[1:], context.call_conv
            kind = convention.get_function_type(signature.return_type, kinds).as_pointer()
            function = builder.inttoptr(arguments[0], kind)
            status, value = convention.call_function(builder, function, signature.return_type, kinds, arguments[1:])
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return value

        return result(address, network, rules, input_, sample, state, out), generate

    return call


call, call_for_number = _call(types.none), _call(types.int64)
