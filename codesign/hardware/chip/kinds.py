"""Kinds of synchronization by their names in axes, and a chip under another kind of synchronization.

asynchronous      clocked       nothing waits
barrier           neighbour     once a timestep, layers pipelined
barrier by layer                once a layer and timestep
timer             timer 100 us  ticks of the chip's own length, or of another
"""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ValidationError

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Synchronization
from codesign.hardware.chip.provenance import AXIS_SOURCE
from codesign.mistakes import mistakes_of, reason, suggestion

KINDS: dict[str, type[Spec]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(get_args(Synchronization)[0])
}
_BY_LAYER = "by layer"
_WORDS = (*KINDS, f"barrier {_BY_LAYER}", "timer 100 us")


def in_words(synchronization: Any) -> str:
    """The name of a chip's own synchronization."""
    by_layer = getattr(synchronization, "scope", "") == "layer"
    return f"{synchronization.kind} {_BY_LAYER}" if by_layer else str(synchronization.kind)


def with_kind(chip: Chip, words: object) -> Chip:
    """The chip under another kind of synchronization, as set by an axis.

    `barrier` and `barrier by layer` share the times of barriers; what another kind needs is unknown. The group size is
    dropped if the new kind has none. Raises InputError if the words do not name a kind, or name a timer without a tick
    and the chip has none.
    """
    kind, _, rest = words.partition(" ") if isinstance(words, str) else ("", "", "")
    own = chip.synchronization
    given: dict[str, Any] = {"kind": kind}
    if kind == "barrier" and rest in ("", _BY_LAYER):
        given["scope"] = "layer" if rest else "timestep"
    elif kind == "timer":
        if rest:
            given["tick"] = {"value": rest, "confidence": "estimated", "source": AXIS_SOURCE}
        if kind != own.kind:
            given["overload"] = "stretch"
    elif kind not in KINDS or rest:
        hint = suggestion(str(words), _WORDS)
        raise InputError(f"{chip.name}: synchronization: must be a kind in words, found {words!r}{hint}")
    shared = set(KINDS[kind].model_fields) & set(type(own).model_fields) - set(given)
    given = {**{name: getattr(own, name) for name in shared}, **given}
    try:
        changed = KINDS[kind].model_validate(given)
    except ValidationError as error:
        hint = "; write for example 'timer 100 us'" * (words == "timer")
        raise InputError(f"{chip.name}: synchronization: {reason(mistakes_of(error, given)[0])}{hint}") from None
    chip = chip.model_copy(update={"synchronization": changed})
    return chip.model_copy(update={"group_size": None}) if chip.synchronized else chip
