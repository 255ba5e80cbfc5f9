"""Choosing F of the waiting neurons: the policy's priorities become sortable keys, and a threshold parts them.

A key is an int32 in the order of its float32 priority. The threshold that exactly F keys reach is searched for by
interpolation and halving, each turn a count of whole vectors. Neurons of equal priority are parted by their number.
"""

from __future__ import annotations

import dis
import types as python_types
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import NumbaError

from codesign.errors import InputError
from codesign.simulation.event.compilation import callback, leaf
from codesign.simulation.event.draws import absorb, uniform
from codesign.simulation.event.vector import (
    BLOCK,
    LANES,
    exceeding,
    highest_lane,
    intrinsic,
    lanes_set,
    natural,
    reaching,
)
from codesign.simulation.policies import Policy, is_built_in

__all__ = [
    "FEW",
    "FIRST",
    "LAST",
    "NOT_A_NUMBER",
    "call_policy",
    "choose_among_few",
    "keep_lowest_equals",
    "key_of",
    "move_reaching",
    "policy_address",
    "separator",
]

FEW = 32
"""Waiting sources up to which `choose_among_few` is worth it: two vectors of keys."""
FIRST, LAST = np.int32(0x7FFFFFFF), np.int32(-(1 << 31))
"""Keys beyond those of any priority."""
NOT_A_NUMBER = -1
"""What `call_policy` returns where a priority is not a number."""


_F32, _I32, _I64, _U64 = types.float32, types.int32, types.int64, types.uint64
_POINTERS = {"F": types.CPointer(_F32), "I": types.CPointer(_I32)}
_SIGNATURE = _I64(
    _I64, _POINTERS["I"], _I64, _POINTERS["F"], _POINTERS["I"], _POINTERS["F"], _POINTERS["F"],
    _POINTERS["F"], _U64, _U64, _F32, _F32, _F32, _I64,
    _POINTERS["F"], _POINTERS["F"], _POINTERS["F"], _POINTERS["F"], _POINTERS["I"],
)  # fmt: skip


@intrinsic
def _bits(typing: Any, number: Any) -> Any:
    """The bits of a float32 as an int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def _number(typing: Any, bits: Any) -> Any:
    """The float32 with the given bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@leaf
def key_of(priority: Any) -> Any:
    """An int32 in the order of the priority; adding 0 makes −0 equal to +0."""
    bits = _bits(priority + np.float32(0))
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


@leaf
def _priority_of(key: Any) -> Any:
    """The inverse of `key_of`."""
    return _number(key ^ ((key >> np.int32(31)) & np.int32(0x7FFFFFFF)))


def _filler(priority: Callable[..., Any], *, uses_service: bool) -> Callable[..., Any]:
    """The loop over all that wait, around one policy."""
    compiled = leaf(_in_float32(priority))
    used = _arguments_used(priority)
    sees_potential, sees_step = "potential" in used, "enqueue_step" in used
    sees_delivery = uses_service and "delivery" in used

    def keys_of_waiting(
        count: Any,
        waiting: Any,
        inputs: Any,
        potential: Any,
        enqueue_step: Any,
        layer: Any,
        core: Any,
        delivery: Any,
        neuron_key: Any,
        input_key: Any,
        step: Any,
        noise: Any,
        cores: Any,
        draws: Any,
        drawn: Any,
        potentials: Any,
        steps: Any,
        deliveries: Any,
        keys: Any,
    ) -> Any:
        # loops of their own for draws and for what has to be gathered: so the last one becomes vectors
        if draws:
            for i in range(count):
                source = np.int64(waiting[i])
                number = source - inputs
                drawn[i] = uniform(absorb(input_key if number < 0 else neuron_key, source if number < 0 else number))
        else:
            for i in range(count):
                drawn[i] = 0
        if sees_potential:
            for i in range(count):
                potentials[i] = potential[waiting[i]]
        if sees_step:
            for i in range(count):
                steps[i] = enqueue_step[waiting[i]]
        if sees_delivery:
            for i in range(count):
                deliveries[i] = delivery[waiting[i]]
        unordered = 0
        for i in range(count):
            source = np.int64(waiting[i])
            value = np.float32(
                compiled(
                    potentials[i],
                    steps[i],
                    layer[source],
                    core[source],
                    np.float32(source - inputs),
                    step,
                    drawn[i],
                    noise,
                    deliveries[i] if sees_delivery else np.float32(0),
                    cores,
                )
            )
            unordered += value != value
            keys[i] = key_of(value)
        return NOT_A_NUMBER if unordered else 0

    return keys_of_waiting


def _arguments_used(priority: Callable[..., Any]) -> set[str]:
    """Which of its arguments a policy looks at, by the policy's names for them: all, if it cannot be told."""
    code = priority.__code__
    names = code.co_varnames[: code.co_argcount]
    loaded = {name for instruction in dis.get_instructions(code) for name in names if name in str(instruction.argval)}
    own = ("potential", "enqueue_step", "layer", "core", "index", "step", "uniform", "noise", "delivery", "cores")
    if len(names) != len(own):
        return set(own)
    return {mine for mine, theirs in zip(own, names, strict=True) if theirs in loaded}


def _in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with its numbers as float32, which is how torch treats numbers beside float32 tensors."""

    def single(value: Any) -> Any:
        return np.float32(value) if type(value) in (int, float) else value

    code = function.__code__
    constants = tuple(single(value) for value in code.co_consts)
    names = {name: single(value) for name, value in function.__globals__.items()}
    closure = tuple(python_types.CellType(single(cell.cell_contents)) for cell in function.__closure__ or ())
    return python_types.FunctionType(code.replace(co_consts=constants), names, function.__name__, None, closure)


@cache
def policy_address(policy: Policy) -> int:
    """Address of the compiled loop of a policy. Only the project's own are kept on disk: their sources are known.

    Raises:
        InputError: the policy cannot be compiled.
    """
    if not isinstance(policy.priority, python_types.FunctionType):
        raise InputError(f"scheduling policy '{policy.name}': its priority must be a function to be compiled")
    filler = _filler(policy.priority, uses_service=policy.uses_service)
    filler.__name__ = filler.__qualname__ = f"keys_by_{policy.name}" if policy.name.isidentifier() else "keys_by_policy"
    try:
        compiled = callback(filler, _SIGNATURE, keep=is_built_in(policy))
    except NumbaError as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "unknown reason")
        raise InputError(
            f"scheduling policy '{policy.name}' cannot be compiled: {reason}; a priority is arithmetic on its "
            "arguments and numbers alone, or needs engine 'reference'"
        ) from error
    _kept_alive.append(compiled)
    return int(compiled.address)


_kept_alive: list[Any] = []


@intrinsic
def call_policy(
    typing: Any, address: Any, count: Any, waiting: Any, inputs: Any, potential: Any, enqueue_step: Any, layer: Any,
    core: Any, delivery: Any, neuron_key: Any, input_key: Any, step: Any, noise: Any, cores: Any, draws: Any,
    drawn: Any, potentials: Any, steps: Any, deliveries: Any, keys: Any,
) -> Any:  # fmt: skip
    """Fill `keys` for the first `count` of `waiting` by the policy at `address`."""
    signature = _I64(
        _I64, _I64, waiting, _I64, potential, enqueue_step, layer, core, delivery, _U64, _U64, _F32, _F32, _F32,
        _I64, drawn, potentials, steps, deliveries, keys,
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = []
        for kind, argument in zip(signature.args[1:], arguments[1:], strict=True):
            is_array = isinstance(kind, types.Array)
            values.append(cgutils.create_struct_proxy(kind)(context, builder, argument).data if is_array else argument)
        function = ir.FunctionType(ir.IntType(64), [value.type for value in values])
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), values)

    return signature, generate


@leaf
def separator(keys: Any, count: Any, wanted: Any) -> Any:
    """A number that at least `wanted` of the first `count` keys reach, and how many do; wanted < count.

    More than `wanted` reach it only if equal keys leave no other number. At least `wanted` keys must be above `LAST`.
    Keys behind `count`, up to a block, are overwritten.
    """
    low, high = keys[0], keys[0]
    for i in range(count):
        low, high = min(low, keys[i]), max(high, keys[i])
    for i in range(count, -(-count // BLOCK) * BLOCK):
        keys[i] = LAST
    reach_low, reach_above = count, 0  # keys that reach `low`: enough; and `high` + 1: too few
    halve = False
    while low < high:
        distance = np.int64(high) - np.int64(low)
        middle = np.int64(low) + 1 + distance // 2
        if not halve:  # where it would be if priorities were evenly spread; halving in between bounds the turns
            share = np.float32(reach_low - wanted) / np.float32(reach_low - reach_above)
            bottom, top = _priority_of(low), _priority_of(high)
            guess = bottom + (top - bottom) * share
            if bottom < guess < top:
                middle = np.int64(key_of(guess)) + 1
        middle = min(max(middle, np.int64(low) + 1), np.int64(high))
        found = 0
        for i in range(0, count, BLOCK):
            lanes = reaching(keys, i, np.int32(middle)) | (reaching(keys, i + LANES, np.int32(middle)) << LANES)
            lanes |= reaching(keys, i + 2 * LANES, np.int32(middle)) << 2 * LANES
            found += lanes_set(lanes | (reaching(keys, i + 3 * LANES, np.int32(middle)) << 3 * LANES))
        if found >= wanted:
            low, reach_low = np.int32(middle), found
            if found == wanted:
                break
        else:
            high, reach_above = np.int32(middle - 1), found
        halve = not halve
    return low, reach_low


@leaf
def keep_lowest_equals(keys: Any, sources: Any, count: Any, least: Any, wanted: Any, scratch: Any) -> None:
    """More than `wanted` keys reach `least`: of those that equal it, only the lowest sources keep their key."""
    above = equals = 0
    for i in range(count):
        scratch[equals] = -sources[i]
        equals += keys[i] == least
        above += keys[i] > least
    lowest, _ = separator(scratch, equals, wanted - above)
    for i in range(count):
        if keys[i] == least and -sources[i] < lowest:
            keys[i] = LAST


@leaf
def _move(lanes: Any, begin: Any, waiting: Any, stay: Any, chosen: Any, moved: Any) -> None:
    """Move the sources in the places `begin` + set bits of `lanes` from `waiting`, of which `stay` stay, to `chosen`.

    From the last to the first, so that the place of one that goes can be given to the last of those that stay.
    """
    while lanes != 0:
        lane = highest_lane(lanes)
        lanes ^= np.int64(1) << lane
        place = natural(begin + lane)
        chosen[natural(moved)] = waiting[place]
        moved += 1
        stay -= 1
        waiting[place] = waiting[natural(stay)]


@leaf
def choose_among_few(keys: Any, waiting: Any, count: Any, wanted: Any, chosen: Any) -> Any:
    """Move the `wanted` of at most `FEW` sources with the highest keys; none, if equal keys leave it open which.

    Each key's rank is counted: no branch depends on the keys. Keys behind `count`, up to `FEW`, are overwritten.
    """
    for i in range(count, FEW):
        keys[i] = LAST
    lanes = np.int64(0)
    for i in range(count):
        key = keys[i]
        above = exceeding(keys, 0, key) | (exceeding(keys, LANES, key) << LANES)
        lanes |= np.int64(lanes_set(above) < wanted) << i
    if lanes_set(lanes) != wanted:
        return False
    _move(lanes, 0, waiting, count, chosen, 0)
    return True


@leaf
def move_reaching(keys: Any, least: Any, waiting: Any, count: Any, chosen: Any) -> Any:
    """Move sources whose keys reach `least` from `waiting` to `chosen`; returns how many."""
    moved = 0
    begin = (count - 1) // BLOCK * BLOCK
    stay = count
    while begin >= 0:
        lanes = np.int64(0)
        for n in range(0, min(BLOCK, count - begin), LANES):
            lanes |= reaching(keys, begin + n, least) << n
        _move(lanes, begin, waiting, stay, chosen, moved)
        moved += lanes_set(lanes)
        stay -= lanes_set(lanes)
        begin -= BLOCK
    return moved
