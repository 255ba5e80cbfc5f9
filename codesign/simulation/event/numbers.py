"""Vectors of 16 integers inside compiled kernels, and sets of lanes as the bits of an integer: bit i is lane i.

Integers are int32 unless stated. Like the vectors of `codesign.simulation.event.vector`, they are mapped to the
machine's registers by LLVM, so results are the same everywhere.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.vector import ALIGNMENT, LANES, called, every, intrinsic, lowered, pointer_to

_WORD, _LONG = ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(_WORD, LANES)
_FLAGS = ir.VectorType(ir.IntType(1), LANES)


class Numbers(types.Type):
    """16 numbers in registers."""

    def __init__(self) -> None:
        super().__init__(name="codesign.Numbers")


@register_model(Numbers)
class _NumbersModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type_: Numbers) -> None:
        super().__init__(manager, type_, VECTOR)


def _flags(builder: Any, lanes: Any) -> Any:
    return builder.bitcast(builder.trunc(lanes, ir.IntType(LANES)), _FLAGS)


def _bits(builder: Any, flags: Any) -> Any:
    return builder.zext(builder.bitcast(flags, ir.IntType(LANES)), _LONG)


def _loaded(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.load(pointer_to(context, builder, array_type, VECTOR, array, index), align=ALIGNMENT)


# in registers --------------------------------------------------------------------------------------------------------


@intrinsic
def numbers(typing: Any, array: Any, index: Any) -> Any:
    """16 numbers of an array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _loaded(context, builder, signature.args[0], *arguments)

    return Numbers()(array, types.intp), generate


@intrinsic
def numbers_where(typing: Any, array: Any, index: Any, lanes: Any, otherwise: Any) -> Any:
    """16 numbers of an array from `index` on, replaced by `otherwise` where the bit in `lanes` is not set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = _loaded(context, builder, signature.args[0], *arguments[:2])
        return builder.select(_flags(builder, arguments[2]), found, every(builder, arguments[3], LANES))

    return Numbers()(array, types.intp, types.int64, types.int32), generate


@intrinsic
def store_numbers(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write 16 numbers to an array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], VECTOR, *arguments[:2])
        builder.store(arguments[2], pointer, align=ALIGNMENT)
        return context.get_dummy_value()

    return types.void(array, types.intp, Numbers()), generate


@intrinsic
def repeated(typing: Any, number: Any) -> Any:
    """The same number in every lane."""
    return Numbers()(types.int32), lowered(lambda builder, number: every(builder, number, LANES))


@intrinsic
def count_above(typing: Any, counts: Any, number: Any, a: Any) -> Any:
    """`counts`, incremented in each lane in which `number` is above a."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        is_above = builder.icmp_signed(">", every(builder, arguments[1], LANES), arguments[2])
        return builder.sub(arguments[0], builder.sext(is_above, VECTOR))

    return Numbers()(counts, types.int32, a), generate


@intrinsic
def below(typing: Any, a: Any, number: Any) -> Any:
    """Bits of the lanes of a that are below `number`."""
    flags = lowered(
        lambda builder, a, number: _bits(builder, builder.icmp_signed("<", a, every(builder, number, LANES)))
    )
    return types.int64(a, types.int32), flags


def _of_two(function: str) -> Any:
    return lowered(lambda builder, *given: called(builder, f"llvm.{function}.v{LANES}i32", VECTOR, *given))


@intrinsic
def lower(typing: Any, a: Any, b: Any) -> Any:
    """The lower number in each lane."""
    return Numbers()(a, b), _of_two("smin")


@intrinsic
def higher(typing: Any, a: Any, b: Any) -> Any:
    """The higher number in each lane."""
    return Numbers()(a, b), _of_two("smax")


def _of_all(function: str) -> Any:
    return lowered(lambda builder, a: called(builder, f"llvm.vector.reduce.{function}.v{LANES}i32", _WORD, a))


@intrinsic
def lowest(typing: Any, a: Any) -> Any:
    """The lowest of all lanes."""
    return types.int32(a), _of_all("smin")


@intrinsic
def highest(typing: Any, a: Any) -> Any:
    """The highest of all lanes."""
    return types.int32(a), _of_all("smax")


# in arrays -----------------------------------------------------------------------------------------------------------


@leaf
def fill_lanes(array: Any, index: Any, number: Any) -> None:
    """Write the same number to 16 places of an array from `index` on."""
    store_numbers(array, index, repeated(number))


@intrinsic
def reaching(typing: Any, array: Any, index: Any, least: Any) -> Any:
    """Bits of those of the 16 numbers of an array from `index` on that are at least `least`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = _loaded(context, builder, signature.args[0], *arguments[:2])
        return _bits(builder, builder.icmp_signed(">=", found, every(builder, arguments[2], LANES)))

    return types.int64(array, types.intp, types.int32), generate
