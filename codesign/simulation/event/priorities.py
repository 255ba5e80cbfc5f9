"""A policy's priorities of all waiting sources, as sortable keys: its function is compiled into a loop that kernels
call.

Kernels call the loop through its address, so they are compiled once for all policies. A new argument of policies is a
field of `codesign.simulation.policies.policy.Waiting`, which `_loop` fills from a field of `_Arguments`, which
`call_policy` fills.
"""

from __future__ import annotations

import re
import types as python_types
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.simulation.event.arrays import Floats, Integers
from codesign.simulation.event.compilation import callback, leaf
from codesign.simulation.event.draws import uniform_number
from codesign.simulation.event.vector import intrinsic, lowered
from codesign.simulation.policies import Policy, Waiting, is_built_in

GIVEN = 1
"""`call_policy` returns this if every priority is a number. Numba prints an exception, discards it and returns 0."""

_Keys = NDArray[np.uint64]


class _Arguments(NamedTuple):
    """What the loop is given. Arrays have an entry for each source, except `draw_keys`, and `waiting` and `keys`, which
    have one for each of the `count` sources that wait."""

    count: int
    inputs: int
    draws: int
    draw_keys: _Keys
    waiting: Integers
    potential: Floats
    enqueue_step: Integers
    delivery: Floats
    layer: Floats
    core: Floats
    score: Floats
    step: np.float32
    noise: np.float32
    cores: np.float32
    keys: Integers


_KINDS = {
    int: types.int64,
    np.float32: types.float32,
    Floats: types.CPointer(types.float32),
    Integers: types.CPointer(types.int32),
    _Keys: types.CPointer(types.uint64),
}
_ARGUMENTS = types.NamedTuple([_KINDS[kind] for kind in get_type_hints(_Arguments).values()], _Arguments)
"""The type of `_Arguments` with pointers to where its arrays begin."""


@intrinsic
def _bits(typing: Any, number: Any) -> Any:
    """The bits of a float32 as an int32."""
    return types.int32(types.float32), lowered(lambda builder, number: builder.bitcast(number, ir.IntType(32)))


@intrinsic
def _number(typing: Any, bits: Any) -> Any:
    """The float32 with the given bits."""
    return types.float32(types.int32), lowered(lambda builder, bits: builder.bitcast(bits, ir.FloatType()))


@leaf
def key_of(priority: Any) -> Any:
    """An int32 in the order of the priority; adding 0 makes −0 equal to +0."""
    bits = _bits(priority + np.float32(0))
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


@leaf
def priority_of(key: Any) -> Any:
    """The inverse of `key_of`."""
    return _number(key ^ ((key >> np.int32(31)) & np.int32(0x7FFFFFFF)))


def _loop(policy: Policy) -> Callable[..., Any]:
    """The loop over all waiting sources around a policy's priority."""
    priority, sees_delivery = leaf(_in_float32(policy.priority)), policy.uses_service

    def keys_of_waiting(given: Any) -> Any:
        unordered = 0
        for i in range(given.count):
            source = np.int64(given.waiting[i])
            index = source - given.inputs
            value = np.float32(
                priority(
                    Waiting(
                        given.potential[source],
                        np.float32(given.enqueue_step[source]),
                        given.layer[source],
                        given.core[source],
                        np.float32(index),
                        given.step,
                        uniform_number(given.draw_keys, index, given.inputs) if given.draws != 0 else np.float32(0),
                        given.noise,
                        given.delivery[source] if sees_delivery else np.float32(0),
                        given.cores,
                        given.score[source],
                    )
                )
            )
            unordered += value != value
            given.keys[i] = key_of(value)
        return -1 if unordered else GIVEN

    return keys_of_waiting


def _in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its constants as float32, which is how torch treats them next to float32 tensors."""

    def single(value: Any) -> Any:
        with np.errstate(over="ignore"), suppress(OverflowError):  # its module may hold unrelated, larger numbers
            number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
            return np.float32(value) if number else value
        return value

    code = function.__code__
    constants = tuple(single(value) for value in code.co_consts)
    names = {name: single(value) for name, value in function.__globals__.items()}
    closure = tuple(python_types.CellType(single(cell.cell_contents)) for cell in function.__closure__ or ())
    defaults = tuple(single(value) for value in function.__defaults__ or ())
    return python_types.FunctionType(code.replace(co_consts=constants), names, function.__name__, defaults, closure)


@cache
def policy_address(policy: Policy) -> int:
    """Address of a policy's compiled loop. Only built-in policies are cached on disk: their sources are in the key.

    Raises:
        InputError: the policy cannot be compiled.
    """
    if not isinstance(policy.priority, python_types.FunctionType):
        raise InputError(f"scheduling policy '{policy.name}': its priority must be a function to be compiled")
    try:
        loop = _loop(policy)
        loop.__name__ = loop.__qualname__ = f"keys_by_{policy.name}" if policy.name.isidentifier() else "keys_by_policy"
        compiled = callback(loop, types.int64(_ARGUMENTS), keep=is_built_in(policy))
    except Exception as error:  # Numba raises nearly anything; a constant may be too large or a closure cell empty
        raise InputError(
            f"scheduling policy '{policy.name}' cannot be compiled: {policy.written_at}"
            f"{_reason(str(error))}; a priority is arithmetic on "
            "what it is given and numbers alone, or needs engine 'reference'"
        ) from error
    _kept_alive.append(compiled)
    return int(compiled.address)


def _reason(text: str) -> str:
    """The first line of Numba's message that is not about Numba's own passes, without colours."""
    if re.search("Casting (none|OptionalType)", text):
        return "it does not always return a number"
    lines = map(str.strip, re.sub(r"\x1b\[\d*m", "", text).splitlines())
    return next((line for line in lines if line and not line.startswith("Failed in ")), "unknown reason")


_kept_alive: list[Any] = []


@intrinsic
def _call(typing: Any, address: Any, given: Any) -> Any:
    """Call the compiled loop at `address` with `_Arguments`; of arrays, it gets pointers to where they begin."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = []
        for kind, to, value in zip(given, _ARGUMENTS, cgutils.unpack_tuple(builder, arguments[1]), strict=True):
            if isinstance(kind, types.Array):
                values.append(cgutils.create_struct_proxy(kind)(context, builder, value).data)
            else:
                values.append(context.cast(builder, value, kind, to))
        packed = context.make_tuple(builder, _ARGUMENTS, values)
        function = ir.FunctionType(ir.IntType(64), [packed.type])
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), [packed])

    return types.int64(types.int64, given), generate


@leaf
def call_policy(network: Any, rules: Any, state: Any, waiting: Any, step: Any) -> Any:
    """Fill `Ranking.keys` for all waiting sources; `Ranking.draw_keys` holds the keys of the step's draws."""
    queue, ranking = state.queue, state.ranking
    given = _Arguments(
        count=waiting,
        inputs=rules.inputs,
        draws=rules.draws,
        draw_keys=ranking.draw_keys,
        waiting=queue.waiting,
        potential=queue.potential,
        enqueue_step=queue.enqueue_step,
        delivery=state.served.delivery,
        layer=network.policy_layer,
        core=network.policy_core,
        score=network.policy_score,
        step=step,
        noise=rules.noise,
        cores=rules.cores,
        keys=ranking.keys,
    )
    return _call(rules.policy, given)
