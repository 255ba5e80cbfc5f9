"""A policy's priorities of all waiting sources, as sortable keys: its function is compiled into a loop that kernels
call.

Kernels call the loop through its address, so they are compiled once for all policies. The loop gets its arguments
through tables of addresses and numbers (`Ranking.places`, `whole`, `numbers`): a new argument of policies is an entry
there and a field of `codesign.simulation.policies.policy.Waiting`, and nothing else here.
"""

from __future__ import annotations

import re
import types as python_types
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from codesign.errors import InputError
from codesign.simulation.event.compilation import callback, leaf
from codesign.simulation.event.draws import uniform_number
from codesign.simulation.event.vector import intrinsic, lowered
from codesign.simulation.policies import Policy, Waiting, is_built_in

GIVEN = 1
"""`call_policy` returns this if every priority is a number. Numba prints an exception, discards it and returns 0."""

_WAITING, _POTENTIAL, _ENQUEUE_STEP, _LAYER, _CORE, _SCORE, _DELIVERY = range(7)
_DRAWN, _POTENTIALS, _STEPS, _DELIVERIES, _KEYS = range(7, 12)
"""Places of arrays in `Ranking.places`."""
_COUNT, _INPUTS, _DRAWS = range(3)
"""Places in `Ranking.whole`."""
_STEP, _NOISE, _CORES = range(3)
"""Places in `Ranking.numbers`."""

_F32, _I32, _I64, _U64 = types.float32, types.int32, types.int64, types.uint64
_SIGNATURE = _I64(types.CPointer(_I64), types.CPointer(_I64), types.CPointer(_U64), types.CPointer(_F32))


def point_to_state(state: Any) -> None:
    """Write the addresses of the state's arrays that a policy reads to `Ranking.places`; valid while the state
    lives."""
    queue, ranking = state.queue, state.ranking
    arrays = {
        _WAITING: queue.waiting,
        _POTENTIAL: queue.potential,
        _ENQUEUE_STEP: queue.enqueue_step,
        _DELIVERY: state.served.delivery,
        _DRAWN: ranking.drawn,
        _POTENTIALS: ranking.potentials,
        _STEPS: ranking.steps,
        _DELIVERIES: ranking.deliveries,
        _KEYS: ranking.keys,
    }
    for place, array in arrays.items():
        ranking.places[place] = array.ctypes.data


def point_to_network(state: Any, network: Any) -> None:
    """Likewise the addresses of the network's arrays."""
    arrays = {_LAYER: network.policy_layer, _CORE: network.policy_core, _SCORE: network.policy_score}
    for place, array in arrays.items():
        state.ranking.places[place] = array.ctypes.data


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


def _pointer(kind: Any) -> Any:
    @intrinsic
    def pointer(typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), generate

    return pointer


_floats, _integers = _pointer(_F32), _pointer(_I32)


def _loop(policy: Policy) -> Callable[..., Any]:
    """The loop over all waiting sources around a policy's priority."""
    priority = leaf(_in_float32(policy.priority))
    # only fields that the policy reads are gathered; a user's function may read any of them in what it calls
    used = set(policy.priority.__code__.co_names) if is_built_in(policy) else set(Waiting._fields)
    sees_potential, sees_step = "potential" in used, "enqueue_step" in used
    sees_delivery = policy.uses_service and "delivery" in used

    def keys_of_waiting(whole: Any, places: Any, draw_keys: Any, numbers: Any) -> Any:
        count, inputs = whole[_COUNT], whole[_INPUTS]
        waiting, keys = _integers(places[_WAITING]), _integers(places[_KEYS])
        layer, core, drawn = _floats(places[_LAYER]), _floats(places[_CORE]), _floats(places[_DRAWN])
        potentials, steps = _floats(places[_POTENTIALS]), _floats(places[_STEPS])
        deliveries, score = _floats(places[_DELIVERIES]), _floats(places[_SCORE])
        step, noise, cores = numbers[_STEP], numbers[_NOISE], numbers[_CORES]
        # separate loops for draws and gathers, so that the compiler vectorizes the last one
        if whole[_DRAWS]:
            for i in range(count):
                number = np.int64(waiting[i]) - inputs
                drawn[i] = uniform_number(draw_keys, number, inputs)
        else:
            for i in range(count):
                drawn[i] = 0
        if sees_potential:
            potential = _floats(places[_POTENTIAL])
            for i in range(count):
                potentials[i] = potential[waiting[i]]
        if sees_step:
            enqueue_step = _integers(places[_ENQUEUE_STEP])
            for i in range(count):
                steps[i] = enqueue_step[waiting[i]]
        if sees_delivery:
            delivery = _floats(places[_DELIVERY])
            for i in range(count):
                deliveries[i] = delivery[waiting[i]]
        unordered = 0
        for i in range(count):
            source = np.int64(waiting[i])
            value = np.float32(
                priority(
                    Waiting(
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
                        score[source],
                    )
                )
            )
            unordered += value != value
            keys[i] = key_of(value)
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
        compiled = callback(loop, _SIGNATURE, keep=is_built_in(policy))
    except Exception as error:  # Numba raises nearly anything; a constant may be too large or a closure cell empty
        code = policy.priority.__code__
        raise InputError(
            f"scheduling policy '{policy.name}' cannot be compiled: {code.co_filename}:{code.co_firstlineno}: "
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
def _call(typing: Any, address: Any, whole: Any, places: Any, draw_keys: Any, numbers: Any) -> Any:
    """Call the compiled loop at `address`."""
    signature = _I64(_I64, whole, places, draw_keys, numbers)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = zip(signature.args[1:], arguments[1:], strict=True)
        values = [cgutils.create_struct_proxy(kind)(context, builder, array).data for kind, array in arrays]
        function = ir.FunctionType(ir.IntType(64), [value.type for value in values])
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), values)

    return signature, generate


@leaf
def call_policy(rules: Any, ranking: Any, waiting: Any, step: Any) -> Any:
    """Fill `Ranking.keys` for all waiting sources; `Ranking.draw_keys` holds the keys of the step's draws."""
    ranking.whole[_COUNT] = waiting
    ranking.whole[_INPUTS] = rules.inputs
    ranking.whole[_DRAWS] = rules.draws
    ranking.numbers[_STEP] = step
    ranking.numbers[_NOISE] = rules.noise
    ranking.numbers[_CORES] = rules.cores
    return _call(rules.policy, ranking.whole, ranking.places, ranking.draw_keys, ranking.numbers)
