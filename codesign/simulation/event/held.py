"""Kernel structures by reference: a `Held` named tuple is a pointer, and a field is loaded when it is used.

By value, every mention of a structure in compiled code copies all its arrays, which takes the compiler minutes. A held
structure never changes, and its loads are marked so: the compiler moves them out of loops as it would with values.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, models, register_model

from codesign.simulation.event.vector import intrinsic

_WORD = ir.IntType(32)


class Held(types.Type):
    """A pointer to a named tuple of type `kind`."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        super().__init__(name=f"codesign.Held({kind})")

    @property
    def key(self) -> Any:
        return self.kind

    def member(self, name: str) -> Any:
        """Type of a field; nested structures are held as well."""
        kind = self.kind.types[self.kind.fields.index(name)]
        return Held(kind) if isinstance(kind, types.BaseNamedTuple) else kind


@register_model(Held)
class _HeldModel(models.PrimitiveModel):
    def __init__(self, manager: Any, type_: Held) -> None:
        super().__init__(manager, type_, manager.lookup(type_.kind).get_value_type().as_pointer())


@infer_getattr
class _HeldFields(AttributeTemplate):
    key = Held

    def generic_resolve(self, held: Held, name: str) -> Any:
        return held.member(name) if name in held.kind.fields else None


@lower_getattr_generic(Held)
def field_of(context: Any, builder: Any, held: Held, pointer: Any, name: str) -> Any:
    """The value of a field, or its address if it is a structure."""
    place = builder.gep(pointer, [_WORD(0), _WORD(held.kind.fields.index(name))])
    return place if isinstance(held.member(name), Held) else _load(builder, place)


def _load(builder: Any, place: Any) -> Any:
    """The value at an address, loaded scalar by scalar: only scalar loads keep the mark that they never change."""
    kind = place.type.pointee
    if isinstance(kind, ir.Aggregate):
        value = ir.Constant(kind, ir.Undefined)
        for i in range(len(kind.elements) if isinstance(kind, ir.LiteralStructType) else kind.count):
            value = builder.insert_value(value, _load(builder, builder.gep(place, [_WORD(0), _WORD(i)])), i)
        return value
    number = builder.load(place)
    number.set_metadata("invariant.load", builder.module.add_metadata([]))
    return number


@intrinsic
def hold(typing: Any, structure: Any) -> Any:
    """A named tuple by reference, valid while the calling function runs."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = cgutils.alloca_once_value(builder, arguments[0])
        # The pointer passes through this barrier so that no load marked invariant can move before the store.
        through = ir.FunctionType(pointer.type, [pointer.type])
        return builder.asm(through, "", "=r,0,~{memory}", [pointer], side_effect=True)

    return Held(structure)(structure), generate
