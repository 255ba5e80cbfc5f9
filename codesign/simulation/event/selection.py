"""Choosing F of the waiting neurons: the policy's priorities become sortable keys, and a threshold parts them.

A key holds the priority's order in its upper bits and the source's number below, so no two keys are equal and ties
break by number. The threshold that exactly F keys reach is found by bisection, each turn one vectorized count.
"""

from __future__ import annotations

import types as python_types
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from codesign.simulation.event.compilation import callback, part
from codesign.simulation.event.draws import absorb, uniform
from codesign.simulation.policies import Policy
from codesign.simulation.policies import is_built_in

__all__ = ["NOT_A_NUMBER", "call_policy", "key_of", "policy_address", "separator"]

NOT_A_NUMBER = -1
"""What `call_policy` returns where a priority is not a number."""

_INDEX_BITS = 24
_INDEX_MASK = (1 << _INDEX_BITS) - 1
_PREFERRED = 1 << (32 + _INDEX_BITS)
_HALF = 1 << 31

_F32, _I32, _I64, _U64 = types.float32, types.int32, types.int64, types.uint64
_POINTERS = {"F": types.CPointer(_F32), "I": types.CPointer(_I32), "K": types.CPointer(_I64)}
_SIGNATURE = _I64(
    _I64, _POINTERS["I"], _I64, _POINTERS["F"], _POINTERS["I"], _POINTERS["F"], _POINTERS["F"],
    _U64, _U64, _F32, _F32, _I64, _I64, _POINTERS["K"],
)  # fmt: skip


@intrinsic
def _bits(typing: Any, number: Any) -> Any:
    """The 32 bits of a float32 as a signed integer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sext(builder.bitcast(arguments[0], ir.IntType(32)), ir.IntType(64))

    return types.int64(types.float32), generate


@part
def key_of(priority: Any, source: Any) -> Any:
    """Priority and number as one integer of at least 0; adding 0 makes −0 equal to +0."""
    bits = _bits(priority + np.float32(0))
    ordered = (-1 - bits - _HALF if bits < 0 else bits) + _HALF
    return (ordered << _INDEX_BITS) | (_INDEX_MASK - source)


def _filler(priority: Callable[..., Any]) -> Callable[..., Any]:
    """The loop over all that wait, around one policy."""
    compiled = numba.njit(error_model="numpy", _nrt=False, forceinline=True)(_in_float32(priority))

    def keys_of_waiting(
        count, waiting, inputs, potential, enqueue_step, layer, core,
        neuron_key, input_key, step, noise, draws, prefer_inputs, keys,
    ):  # type: ignore[no-untyped-def] # fmt: skip # noqa: ANN
        unordered = 0
        for i in range(count):
            source = np.int64(waiting[i])
            number = source - inputs
            drawn = np.float32(0)
            if draws:
                if number < 0:
                    drawn = uniform(absorb(input_key, source))
                else:
                    drawn = uniform(absorb(neuron_key, number))
            value = np.float32(
                compiled(
                    potential[source],
                    np.float32(enqueue_step[source]),
                    layer[source],
                    core[source],
                    np.float32(number),
                    step,
                    drawn,
                    noise,
                )
            )
            unordered += value != value
            keys[i] = key_of(value, source) + (_PREFERRED if prefer_inputs and number < 0 else 0)
        return NOT_A_NUMBER if unordered else 0

    return keys_of_waiting


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
    """Address of the compiled loop of a policy. Only the project's own are kept on disk: their sources are known."""
    filler = _filler(policy.priority)
    filler.__name__ = filler.__qualname__ = f"keys_by_{policy.name}" if policy.name.isidentifier() else "keys_by_policy"
    compiled = callback(filler, _SIGNATURE, keep=is_built_in(policy))
    _kept_alive.append(compiled)
    return int(compiled.address)


_kept_alive: list[Any] = []


@intrinsic
def call_policy(
    typing: Any, address: Any, count: Any, waiting: Any, inputs: Any, potential: Any, enqueue_step: Any, layer: Any,
    core: Any, neuron_key: Any, input_key: Any, step: Any, noise: Any, draws: Any, prefer_inputs: Any, keys: Any,
) -> Any:  # fmt: skip
    """Fill `keys` for the first `count` of `waiting` by the policy at `address`."""
    arrays = (waiting, potential, enqueue_step, layer, core, keys)
    signature = _I64(
        _I64, _I64, waiting, _I64, potential, enqueue_step, layer, core, _U64, _U64, _F32, _F32, _I64, _I64, keys
    )  # fmt: skip
    assert all(isinstance(one, types.Array) for one in arrays)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = []
        for kind, argument in zip(signature.args[1:], arguments[1:], strict=True):
            is_array = isinstance(kind, types.Array)
            values.append(cgutils.create_struct_proxy(kind)(context, builder, argument).data if is_array else argument)
        function = ir.FunctionType(ir.IntType(64), [value.type for value in values])
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), values)

    return signature, generate


@part
def separator(keys: Any, count: Any, wanted: Any) -> Any:
    """A number that exactly `wanted` of the first `count` keys reach; 0 < wanted < count."""
    low, high = keys[0], keys[0]
    for i in range(count):
        low, high = min(low, keys[i]), max(high, keys[i])
    while True:  # more than `wanted` keys reach `low`, fewer reach `high` + 1
        middle = low + (high - low + 1) // 2
        reaching = 0
        for i in range(count):
            reaching += keys[i] >= middle
        if reaching == wanted:
            return middle
        if reaching > wanted:
            low = middle
        else:
            high = middle - 1
