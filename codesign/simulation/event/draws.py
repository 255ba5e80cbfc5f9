"""The counter-based random numbers of `codesign.simulation.random`, compiled. Keys are uint64."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import LANES, Vector, every, intrinsic

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_ONE, _27, _30, _31, _40 = (np.uint64(number) for number in (1, 27, 30, 31, 40))
_SCALE = np.float32(2.0**-24)
_NUMBERS = Vector(LANES, types.int32)
_WORDS, _LONGS, _FLOATS = _NUMBERS.in_llvm, ir.VectorType(ir.IntType(64), LANES), Vector(LANES).in_llvm


@leaf
def absorb(key: Any, value: Any) -> Any:
    """The key with one more number mixed in."""
    mixed = key + (np.uint64(value) + _ONE) * _GAMMA
    mixed = (mixed ^ (mixed >> _30)) * _MULTIPLIER_1
    mixed = (mixed ^ (mixed >> _27)) * _MULTIPLIER_2
    return mixed ^ (mixed >> _31)


@leaf
def uniform(key: Any) -> Any:
    """A float32 in [0, 1)."""
    return np.float32(np.int64(key >> _40)) * _SCALE


@leaf
def uniform_number(keys: Any, number: Any, inputs: Any) -> Any:
    """A policy's draw for neuron `number` by the first key or, if `number` is negative, for an input by the second."""
    if number < 0:
        return uniform(absorb(keys[1], number + inputs))
    return uniform(absorb(keys[0], number))


def _absorbed(builder: Any, keys: Any, values: Any) -> Any:
    """`absorb` for 16 keys and non-negative int32 numbers, for which a third of the products can be left out."""

    def constant(number: Any) -> Any:
        return ir.Constant(_LONGS, [int(number)] * LANES)

    def mixed(value: Any, bits: Any) -> Any:
        return builder.xor(value, builder.lshr(value, constant(bits)))

    after = builder.zext(builder.add(values, ir.Constant(_WORDS, [1] * LANES)), _LONGS)
    value = builder.add(keys, builder.mul(after, constant(_GAMMA)))
    value = builder.mul(mixed(value, _30), constant(_MULTIPLIER_1))
    return mixed(builder.mul(mixed(value, _27), constant(_MULTIPLIER_2)), _31)


def _uniform(builder: Any, keys: Any) -> Any:
    """`uniform` for 16 keys."""
    value = builder.trunc(builder.lshr(keys, ir.Constant(_LONGS, [int(_40)] * LANES)), _WORDS)
    return builder.fmul(builder.sitofp(value, _FLOATS), ir.Constant(_FLOATS, [float(_SCALE)] * LANES))


@intrinsic
def uniform_numbers(typing: Any, sources: Any, key: Any, of_inputs: Any, inputs: Any) -> Any:
    """`uniform_number` for 16 sources, as the bits of float32 numbers; sources below `inputs` are inputs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, (of_neurons, of_inputs) = arguments[0], (every(builder, key, LANES) for key in arguments[1:3])
        inputs = every(builder, builder.trunc(arguments[3], _WORDS.element), LANES)
        is_input = builder.icmp_signed("<", source, inputs)
        number = builder.select(is_input, source, builder.sub(source, inputs))
        drawn = _uniform(builder, _absorbed(builder, builder.select(is_input, of_inputs, of_neurons), number))
        return builder.bitcast(drawn, _WORDS)

    return _NUMBERS(_NUMBERS, types.uint64, types.uint64, types.int64), generate


@intrinsic
def event_draws(typing: Any, entries: Any, key: Any, event: Any) -> Any:
    """Draws for event number `event` of each of 16 entries; see `survivors`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        key, event = arguments[1], builder.trunc(arguments[2], _WORDS.element)
        key, event = every(builder, key, LANES), every(builder, event, LANES)
        own = _absorbed(builder, key, arguments[0])
        return _uniform(builder, _absorbed(builder, own, event))

    return Vector(LANES)(_NUMBERS, types.uint64, types.int64), generate


@leaf
def survivors(key: Any, count: Any, probability: Any) -> Any:
    """How many of `count` events survive if each is lost with the given probability: one draw per event."""
    kept = 0
    for event in range(count):
        kept += uniform(absorb(key, event)) >= probability
    return kept
