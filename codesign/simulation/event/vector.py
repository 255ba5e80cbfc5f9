"""Vectors of float32 or int32 numbers inside compiled kernels, held in registers.

Left to itself, the compiler loads and stores a row of potentials for every row of weights added to it. With these few
primitives a kernel says what stays in registers and still reads like the algorithm. LLVM splits a vector into as many
registers as the machine needs, so results are the same everywhere: `total` adds lanes in a fixed order, and nothing is
reassociated.

A `Vector` exists only in compiled code; a comparison returns a mask, a vector of flags. Vectors of different lengths or
types cannot be mixed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic as _intrinsic
from numba.extending import models, register_model

AHEAD = 1024
"""How many numbers ahead of the current one a trace is prefetched."""
LANES, BLOCK, WIDE = 16, 64, 128
"""Numbers in a vector of `load`, `load_block` and `load_wide`: one, four and eight registers of AVX-512."""
HAS_LONG_REGISTERS = "+avx512f" in cpu_target.target_context.codegen().magic_tuple()[2]
"""Whether the machine has such registers. Others hold less than half as many numbers in total, and keep masks in
ordinary vectors: there, long vectors spill to memory, and a mask of 64 lanes is taken apart lane by lane."""

_FLOAT, _FLAG, _WORD, _LONG = ir.FloatType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
_BYTE_POINTER = ir.IntType(8).as_pointer()
ALIGNMENT = 4  # guaranteed for every array of such numbers; rows are aligned to 64 bytes anyway


intrinsic: Any = _intrinsic  # Numba's own type omits that the compiler supplies the first argument


class Vector(types.Type):
    """`lanes` numbers of a type, float32 or int32, or flags."""

    def __init__(self, lanes: int, of: Any = types.float32) -> None:
        self.lanes, self.of = lanes, of
        super().__init__(name=f"codesign.Vector({lanes}, {of})")

    @property
    def key(self) -> tuple[int, Any]:
        return self.lanes, self.of

    @property
    def is_whole(self) -> bool:
        return bool(self.of == types.int32)

    @property
    def in_llvm(self) -> Any:
        return ir.VectorType({types.float32: _FLOAT, types.int32: _WORD, types.boolean: _FLAG}[self.of], self.lanes)

    @property
    def mask(self) -> Vector:
        """The type of masks for this many lanes."""
        return Vector(self.lanes, types.boolean)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type_: Vector) -> None:
        super().__init__(manager, type_, type_.in_llvm)


def pointer_to(context: Any, builder: Any, array_type: Any, to: Any, array: Any, index: Any) -> Any:
    """Pointer to a vector of type `to` in an array."""
    held = cgutils.create_struct_proxy(array_type)(context, builder, array)
    if context.enable_boundscheck:  # NUMBA_BOUNDSCHECK=1
        for number in (index, builder.add(index, _LONG(to.count - 1))):
            cgutils.do_boundscheck(context, builder, number, held.nitems)
    return builder.bitcast(builder.gep(held.data, [index]), to.as_pointer())


def every(builder: Any, number: Any, lanes: int) -> Any:
    """A vector with the same number in every lane."""
    kind = ir.VectorType(number.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, _WORD(0))
    order = ir.Constant(ir.VectorType(_WORD, lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), order)


def called(builder: Any, name: str, returns: Any, *arguments: Any) -> Any:
    """The result of one of LLVM's own functions."""
    kind = ir.FunctionType(returns, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def lowered(build: Callable[..., Any]) -> Any:
    """What Numba asks an intrinsic for, given how to build its result from a builder and the arguments."""
    return lambda context, builder, signature, arguments: build(builder, *arguments)


def _loaded(array: Any, lanes: int) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], signature.return_type.in_llvm, *arguments)
        return builder.load(pointer, align=ALIGNMENT)

    return Vector(lanes, array.dtype)(array, types.intp), generate


def _fetcher(*, written: bool) -> Any:
    def fetch(typing: Any, like: Any, array: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = cgutils.create_struct_proxy(array)(context, builder, arguments[1]).data
            kind = ir.FunctionType(ir.VoidType(), [_BYTE_POINTER, _WORD, _WORD, _WORD])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            for line in range(0, getattr(like, "lanes", 1), LANES):
                place = builder.gep(data, [builder.add(arguments[2], _LONG(line))])
                builder.call(function, [builder.bitcast(place, _BYTE_POINTER), _WORD(int(written)), _WORD(3), _WORD(1)])
            return context.get_dummy_value()

        return types.void(like, array, types.intp), generate

    return intrinsic(fetch)


fetch_to_read, fetch_to_write = _fetcher(written=False), _fetcher(written=True)
"""fetch(like, array, index): prefetch as many 32-bit numbers from `index` on as the vector `like` has, or one if `like`
is not a vector; the place need not exist. Hardware prefetchers miss arrays that are read backwards, and writes
interleaved with much else."""


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """16 numbers of an array from `index` on."""
    return _loaded(array, LANES)


@intrinsic
def load_block(typing: Any, array: Any, index: Any) -> Any:
    """64 numbers of an array from `index` on."""
    return _loaded(array, BLOCK)


@intrinsic
def load_wide(typing: Any, array: Any, index: Any) -> Any:
    """128 numbers of an array from `index` on."""
    return _loaded(array, WIDE)


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector to an array from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], arguments[2].type, *arguments[:2])
        builder.store(arguments[2], pointer, align=ALIGNMENT)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@intrinsic
def unsigned_index(typing: Any, number: Any) -> Any:
    """An integer known to be at least 0 and below 2³²: indexing with it does not test for a negative index.

    Numbers that may be larger, such as an index into a batch's entries or a trace's words, become an `np.uint64`, to
    which no int64 can be added.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        if value.type.width > _WORD.width:
            value = builder.trunc(value, _WORD)
        return builder.zext(value, _LONG)

    return types.int64(number), generate


@intrinsic
def fill_as(typing: Any, like: Any, number: Any) -> Any:
    """A vector like `like` with the same number in every lane."""
    return like(like, like.of), lowered(lambda builder, _, number: every(builder, number, like.lanes))


@intrinsic
def one_by_one(typing: Any, number: Any) -> Any:
    """The same integer, opaque to the compiler: a loop that uses it is not vectorized."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        return builder.asm(ir.FunctionType(kind, [kind]), "", "=r,0", arguments, False)

    return number(number), generate


def _binary(instruction: str, a: Any) -> Any:
    return a(a, a), lowered(lambda builder, *given: getattr(builder, instruction)(*given))


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """a + b, lane by lane."""
    return _binary("add" if a.is_whole else "fadd", a)


@intrinsic
def subtract(typing: Any, a: Any, b: Any) -> Any:
    """a − b."""
    return _binary("fsub", a)


@intrinsic
def multiply(typing: Any, a: Any, b: Any) -> Any:
    """a · b."""
    return _binary("fmul", a)


@intrinsic
def divide(typing: Any, a: Any, b: Any) -> Any:
    """a / b."""
    return _binary("fdiv", a)


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, rounded once."""
    name = f"llvm.fma.v{a.lanes}f32"
    return a(a, a, a), lowered(lambda builder, *given: called(builder, name, given[0].type, *given))


def _unary(function: str, a: Any) -> Any:
    return a(a), lowered(lambda builder, given: called(builder, f"llvm.{function}.v{a.lanes}f32", given.type, given))


@intrinsic
def magnitude(typing: Any, a: Any) -> Any:
    """|a|."""
    return _unary("fabs", a)


@intrinsic
def truncate(typing: Any, a: Any) -> Any:
    """a rounded towards 0."""
    return _unary("trunc", a)


@intrinsic
def ceil(typing: Any, a: Any) -> Any:
    """a rounded up."""
    return _unary("ceil", a)


@intrinsic
def nearest(typing: Any, a: Any) -> Any:
    """a rounded to the nearest integer, halves to even."""
    return _unary("rint", a)


def _comparison(sign: str, a: Any) -> Any:
    compare = "icmp_signed" if a.is_whole else "fcmp_ordered"
    return a.mask(a, a), lowered(lambda builder, *given: getattr(builder, compare)(sign, *given))


@intrinsic
def above(typing: Any, a: Any, b: Any) -> Any:
    """Lanes where a > b; false where either is NaN."""
    return _comparison(">", a)


@intrinsic
def reaches(typing: Any, a: Any, b: Any) -> Any:
    """Lanes where a ≥ b."""
    return _comparison(">=", a)


@intrinsic
def is_number(typing: Any, a: Any) -> Any:
    """Lanes that do not hold NaN."""
    return a.mask(a), lowered(lambda builder, a: builder.fcmp_ordered("ord", a, a))


@intrinsic
def all_lanes(typing: Any, like: Any) -> Any:
    """A mask as long as the vector with every lane set."""
    every_flag = ir.Constant(like.mask.in_llvm, [1] * like.lanes)
    return like.mask(like), lowered(lambda builder, _: every_flag)


@intrinsic
def both(typing: Any, a: Any, b: Any) -> Any:
    """Lanes that are in both masks."""
    return _binary("and_", a)


@intrinsic
def select(typing: Any, where: Any, a: Any, b: Any) -> Any:
    """a in the lanes of the mask, b in the others."""
    return a(where, a, a), lowered(lambda builder, *given: builder.select(*given))


@intrinsic
def total(typing: Any, a: Any) -> Any:
    """Sum of all lanes, halves first: (lane 0 + lane n/2) + (lane n/4 + lane 3n/4) + …"""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, lanes = arguments[0], signature.args[0].lanes
        while lanes > 1:
            lanes //= 2
            kind = ir.VectorType(_WORD, lanes)
            low = builder.shuffle_vector(value, value, ir.Constant(kind, list(range(lanes))))
            high = builder.shuffle_vector(value, value, ir.Constant(kind, list(range(lanes, 2 * lanes))))
            value = builder.fadd(low, high)
        return builder.extract_element(value, _WORD(0))

    return types.float32(a), generate


def _extreme(function: str, a: Any) -> Any:
    name = f"llvm.vector.reduce.{function}.v{a.lanes}i32"
    return types.int32(a), lowered(lambda builder, given: called(builder, name, _WORD, given))


@intrinsic
def lowest(typing: Any, a: Any) -> Any:
    """The lowest of whole numbers."""
    return _extreme("smin", a)


@intrinsic
def highest(typing: Any, a: Any) -> Any:
    """The highest of whole numbers."""
    return _extreme("smax", a)


# sets of lanes as the bits of an integer -----------------------------------------------------------------------------


@intrinsic
def lanes_of(typing: Any, where: Any) -> Any:
    """A mask of at most 64 lanes as an integer: bit i is lane i."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = signature.args[0].lanes
        bits = builder.bitcast(arguments[0], ir.IntType(lanes))
        return bits if lanes == _LONG.width else builder.zext(bits, _LONG)

    return types.int64(where), generate


@intrinsic
def mask_of(typing: Any, like: Any, lanes: Any) -> Any:
    """The mask of a vector like `like` whose lanes are the bits of an integer."""
    flags, bits = like.mask.in_llvm, ir.IntType(like.lanes)
    flagged = lowered(lambda builder, _, lanes: builder.bitcast(builder.trunc(lanes, bits), flags))
    return like.mask(like, types.int64), flagged


@intrinsic
def lanes_set(typing: Any, lanes: Any) -> Any:
    """How many bits are set."""
    return types.int64(types.int64), lowered(lambda builder, lanes: builder.ctpop(lanes))


@intrinsic
def lowest_lane(typing: Any, lanes: Any) -> Any:
    """Position of the lowest bit of a number that is not 0."""
    return types.int64(types.int64), lowered(lambda builder, lanes: builder.cttz(lanes, _FLAG(1)))


@intrinsic
def highest_lane(typing: Any, lanes: Any) -> Any:
    """Position of the highest bit of a number that is not 0."""
    places = lowered(lambda builder, lanes: builder.sub(_LONG(63), builder.ctlz(lanes, _FLAG(1))))
    return types.int64(types.int64), places
