"""Chips that extend others: the base's description with the differences merged over it.

Mappings are merged key by key, everything else is replaced; docs/chips.md (Variants of a chip) has the special rules.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from codesign.documents import Document, Path_, Place, value_at
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.kinds import KINDS
from codesign.hardware.chip.numbers import Number, TimeNumber
from codesign.hardware.chip.parts import ROOM_FOR_WEIGHTS
from codesign.hardware.chip.provenance import named_sources
from codesign.hardware.terms import WAITING_KINDS
from codesign.merging import Fragment, Merged, paths_in

VALUES = ("value", "cycles", "by_tiles")
"""Keys of which a number has exactly one."""
_OF_A_VALUE = {*VALUES, "by_chips", "range", "confidence", "source", "note", "quote"}
_OWN = ("name", "title", "aliases", "description", "operating_point", "validation")


def extended(chain: list[Document]) -> Document:
    """A chip's file and those it extends as one document, given the one that extends nothing first."""
    merged = _Description(data={}, places={(): chain[-1].places[()]})
    merged.extend(Fragment(document=chain[0]))
    for document in chain[1:]:
        base = merged.data.get("name", "")
        for key in _OWN:
            if key in merged.data:
                merged.forget((key,))
        merged.extend(Fragment(document=document))
        merged.name_base(base, document.place(("extends",)))
    return merged


def extended_by(base: Document, parts: Mapping[str, Any]) -> Document:
    """A chip's document with parts of a description merged over it; it keeps its name, but not its measurements."""
    merged = _Description(data=copy.deepcopy(base.data), places=dict(base.places))
    if "validation" in merged.data:
        merged.forget(("validation",))
    here = Place(file="", line=0)
    merged.extend(Fragment(document=Document(data=dict(parts), places=dict.fromkeys(paths_in(parts), here))))
    for name in [name for name, part in merged.data.items() if part is None]:  # an entry cannot say `remove`
        merged.forget((name,))
    merged.name_base(base.data.get("name"), here)
    return merged


class _Description(Merged):
    example = "energies.hop"

    def extend(self, part: Fragment) -> None:
        self.remove(part)
        give_way(self, (), part.data)
        self.merge(part, without=("extends", "remove"))

    def name_base(self, base: Any, place: Place) -> None:
        """Name what is extended, and remove sources that are no longer used, except those of the extending file."""
        self.data["extends"], self.places["extends",] = base, place
        sources = self.data.get("sources")
        if not isinstance(sources, dict):
            return
        named = [key for _, key in named_sources(self.data)]
        for key in set(sources).difference(named):
            if key != self.data.get("citation") and self.place(("sources", key)).file != place.file:
                self.forget(("sources", key))

    def prepared(self, here: Path_, before: Any, value: Any) -> Any:
        return part_over(self, here, before, value)


def give_way(merged: Merged, chip: Path_, over: Mapping[str, Any]) -> None:
    """Remove from the description at `chip` what contradicts the parts about to be merged over it: a group size under a
    kind of synchronization that has none, and the other form of the room for weights."""
    held = value_at(merged.data, chip)
    kind = _new_kind(held.get("synchronization"), over.get("synchronization"))
    if kind in WAITING_KINDS and "group_size" in held:
        merged.forget((*chip, "group_size"))
    for given, other in (ROOM_FOR_WEIGHTS, ROOM_FOR_WEIGHTS[::-1]):
        if over.get(given) is not None and other in held and other not in over:
            merged.forget((*chip, other))


def part_over(merged: Merged, here: Path_, before: Any, value: Any, *, chip: Path_ = ()) -> Any:
    """What to merge over `before`, which is at `here` in the description at `chip`, if a variant says `value`.

    A number's new value replaces the old one's range and provenance; a remark or range alone keeps the value. Another
    kind of synchronization keeps only the keys that it shares with the old kind.
    """
    inside = here[len(chip) :]
    synchronization = inside == ("synchronization",)
    if not isinstance(before, dict):
        remark = isinstance(value, dict) and value and value.keys().isdisjoint(VALUES)
        if remark and not synchronization and isinstance(before, str | int | float):
            return {**_number({}, inside, before), **value}
        return value
    if synchronization and (kind := _new_kind(before, value)) in KINDS:
        _forget_keys(merged, here, set(before) - set(KINDS[kind].model_fields))
    if before.keys().isdisjoint(VALUES):
        return value
    if value is not None and not isinstance(value, dict | list):
        value = _number(before, inside, value)
    if isinstance(value, dict) and not value.keys().isdisjoint(VALUES):
        _forget_keys(merged, here, _OF_A_VALUE)
    return value


def _forget_keys(merged: Merged, here: Path_, keys: set[str]) -> None:
    for key in keys & set(value_at(merged.data, here)):
        merged.forget((*here, key))


def _new_kind(before: Any, written: Any) -> str | None:
    """The kind of synchronization that `written` changes the one `before` to; None if it does not change."""
    kinds = [part.get("kind") if isinstance(part, dict) else None for part in (before, written)]
    return kinds[1] if isinstance(kinds[1], str) and kinds[1] != kinds[0] else None


def _number(before: Mapping[str, Any], inside: Path_, value: Any) -> dict[str, Any]:
    """The mapping that a bare value stands for; a time without a unit is in cycles, as in a file that extends
    nothing."""
    if "by_tiles" in before or inside == ("synchronization", "times"):
        return BarrierTimes.written_out(value)
    return (TimeNumber if inside[0] in ("times", "synchronization") else Number).written_out(value)
