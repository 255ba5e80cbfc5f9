"""Vectors of 16 float32 numbers inside compiled kernels, held in registers.

Left to itself the compiler reloads and stores a row of potentials for every row of weights added to it. With these few
primitives a kernel says what stays in registers; it still reads like the algorithm. LLVM splits a vector where the
machine's are shorter, so results are the same everywhere: `total` adds its lanes in a fixed order and nothing is
reassociated.

A `Vector` is a value of compiled code only; a comparison gives a `Mask` of 16 lanes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "LANES",
    "above",
    "add",
    "divide",
    "exceeding",
    "fill",
    "highest_lane",
    "is_number",
    "lanes_of",
    "lanes_set",
    "load",
    "lowest_lane",
    "multiply",
    "multiply_add",
    "natural",
    "reaching",
    "select",
    "store",
    "subtract",
    "total",
]

LANES = 16
"""Numbers in a vector: one register of AVX-512, two of AVX2, four of NEON."""

_FLOAT = ir.FloatType()
_FLOATS = ir.VectorType(_FLOAT, LANES)
_FLAGS = ir.VectorType(ir.IntType(1), LANES)
_BITS = ir.IntType(LANES)
_ALIGNMENT = 4  # what every float32 array has; rows are laid out on 64 bytes, where this costs nothing


class Vector(types.Type):
    def __init__(self) -> None:
        super().__init__(name="codesign.Vector")


class Mask(types.Type):
    def __init__(self) -> None:
        super().__init__(name="codesign.Mask")


vector, mask = Vector(), Mask()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type_: Any) -> None:
        super().__init__(manager, type_, _FLOATS)


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type_: Any) -> None:
        super().__init__(manager, type_, _FLAGS)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = cgutils.create_struct_proxy(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _FLOATS.as_pointer())


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """16 numbers of a float32 array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature.args[0], *arguments)
        return builder.load(pointer, align=_ALIGNMENT)

    return vector(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write 16 numbers to a float32 array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], pointer, align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def natural(typing: Any, number: Any) -> Any:
    """An integer that is known to be at least 0 and below 2³²: indexing with it checks for no negative index."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, word = arguments[0], ir.IntType(32)
        if value.type.width > word.width:
            value = builder.trunc(value, word)
        return builder.zext(value, ir.IntType(64))

    return types.int64(number), generate


@intrinsic
def fill(typing: Any, number: Any) -> Any:
    """The same float32 number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), arguments[0], ir.IntType(32)(0))
        order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), order)

    return vector(types.float32), generate


def _binary(instruction: str) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments)

    return vector(vector, vector), generate


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """a + b, lane by lane."""
    return _binary("fadd")


@intrinsic
def subtract(typing: Any, a: Any, b: Any) -> Any:
    """a − b."""
    return _binary("fsub")


@intrinsic
def multiply(typing: Any, a: Any, b: Any) -> Any:
    """a · b."""
    return _binary("fmul")


@intrinsic
def divide(typing: Any, a: Any, b: Any) -> Any:
    """a / b."""
    return _binary("fdiv")


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        return builder.call(fused, arguments)

    return vector(vector, vector, vector), generate


@intrinsic
def above(typing: Any, a: Any, b: Any) -> Any:
    """Lanes where a > b; false where either is not a number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fcmp_ordered(">", *arguments)

    return mask(vector, vector), generate


@intrinsic
def is_number(typing: Any, a: Any) -> Any:
    """Lanes that do not hold NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fcmp_ordered("ord", arguments[0], arguments[0])

    return mask(vector), generate


@intrinsic
def select(typing: Any, where: Any, a: Any, b: Any) -> Any:
    """a in the lanes of the mask, b in the others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return vector(mask, vector, vector), generate


@intrinsic
def lanes_of(typing: Any, where: Any) -> Any:
    """The mask as an integer: bit i is lane i."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.bitcast(arguments[0], _BITS), ir.IntType(64))

    return types.int64(mask), generate


def _compare_integers(operator: str) -> Any:
    """Lanes of an int32 array, from an index on, for which a comparison with a number holds, as bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data
        numbers = ir.VectorType(ir.IntType(32), LANES)
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), numbers.as_pointer())
        found = builder.load(pointer, align=_ALIGNMENT)
        first = builder.insert_element(ir.Constant(numbers, ir.Undefined), arguments[2], ir.IntType(32)(0))
        order = ir.Constant(numbers, [0] * LANES)
        every = builder.shuffle_vector(first, ir.Constant(numbers, ir.Undefined), order)
        lanes = builder.bitcast(builder.icmp_signed(operator, found, every), _BITS)
        return builder.zext(lanes, ir.IntType(64))

    return generate


@intrinsic
def exceeding(typing: Any, array: Any, index: Any, number: Any) -> Any:
    """Which of the 16 numbers of an int32 array from `index` on are above `number`: bit i for number i."""
    return types.int64(array, types.intp, types.int32), _compare_integers(">")


@intrinsic
def reaching(typing: Any, array: Any, index: Any, least: Any) -> Any:
    """Which of the 16 numbers of an int32 array from `index` on are at least `least`: bit i for number i."""
    return types.int64(array, types.intp, types.int32), _compare_integers(">=")


@intrinsic
def lanes_set(typing: Any, lanes: Any) -> Any:
    """How many bits of a number are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), generate


@intrinsic
def lowest_lane(typing: Any, lanes: Any) -> Any:
    """Position of the lowest bit of a number above 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), generate


@intrinsic
def highest_lane(typing: Any, lanes: Any) -> Any:
    """Position of the highest bit of a number that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sub(ir.IntType(64)(63), builder.ctlz(arguments[0], ir.IntType(1)(1)))

    return types.int64(types.int64), generate


@intrinsic
def total(typing: Any, a: Any) -> Any:
    """Sum of all lanes, halves first: ((lane 0 + lane 8) + (lane 4 + lane 12)) + …"""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, width = arguments[0], LANES
        while width > 1:
            width //= 2
            indices = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(value, value, ir.Constant(indices, list(range(width))))
            high = builder.shuffle_vector(value, value, ir.Constant(indices, list(range(width, 2 * width))))
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.IntType(32)(0))

    return types.float32(vector), generate
