"""Numbers that a chip's file leaves out, estimated from its structure.

Their source is `structure`, so they cannot be mistaken for published numbers. The range of each is a factor in either
direction within which every published chip lies; see `ENERGY_FACTOR`. A time is a lower bound, and its range extends to
ten times that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import AreaNumber, ChipPower, Number, SynapticEnergy, TimeNumber, UpdateEnergy
from codesign.hardware.chip.parts import Source
from codesign.hardware.chip.prices import with_number
from codesign.hardware.chip.provenance import STRUCTURE
from codesign.hardware.chip.structure import StructureEstimate, estimate
from codesign.hardware.terms import STRUCTURE_CITATION
from codesign.units import format_si

ENERGY_FACTOR, LEAKAGE_FACTOR, AREA_FACTOR = 5.0, 5.0, 2.5
"""Factors within which the model agrees with the energies of ten chips and the areas of nine, each left out of the fit,
and with the leakage of five: at most 4.7, 2.0 and 4.95."""
_TIME_FACTOR = 10.0


def with_derived(chip: Chip) -> Chip:
    """The chip with numbers that its file leaves out estimated from its structure; an all-in chip is not changed.

    Numbers that were derived before are derived again, whatever other numbers have been set since.
    """
    expected = estimate(chip)
    if expected is None or chip.all_in:
        return chip
    before = {path for path, number in chip.numbers().items() if number.source == STRUCTURE}
    chip = without_derived(chip)
    numbers = dict(_derived(chip, expected, before))
    for path, number in numbers.items():
        chip = with_number(chip, path, number)
    sources = {**chip.sources, STRUCTURE: Source(citation=STRUCTURE_CITATION)} if numbers else chip.sources
    return chip.model_copy(update={"sources": sources})


def without_derived(chip: Chip) -> Chip:
    """The chip as its file gives it."""
    for path, number in chip.numbers().items():
        if number.source == STRUCTURE:
            chip = with_number(chip, path, None)
    sources = {key: source for key, source in chip.sources.items() if key != STRUCTURE}
    return chip.model_copy(update={"sources": sources})


def _derived(chip: Chip, expected: StructureEstimate, before: set[str]) -> Iterator[tuple[str, Number]]:
    """(path, number) of what is missing and not part of another number."""
    if chip.area is None:
        yield "area", _estimated(AreaNumber, expected.area_m2, "area of cores without input and output", AREA_FACTOR)
    inside = any(number.static == "inside" for number in chip.energies.given.values())
    if not inside and (chip.static_power.given.keys() <= {"host"} or "static_power.chip" in before):
        yield "static_power.chip", _estimated(ChipPower, expected.leakage_w, "leakage of all memories", LEAKAGE_FACTOR)
    yield from _energies(chip, expected, before)
    yield from _times(chip, expected, before)


def _energies(chip: Chip, expected: StructureEstimate, before: set[str]) -> Iterator[tuple[str, Number]]:
    """Energies of an operation and an update; it is unknown whether an operation given by the file includes the
    update."""
    given = chip.energies.synaptic_operation is not None
    included = chip.energies.included | chip.static_power.included
    within, apart = _update(chip, chip.energies.neuron_update is None and "neuron_update" not in included)
    assert chip.supply_voltage is not None
    basis: dict[str, Any] = {"static": "outside", "voltage": format_si(chip.supply_voltage.value, "V")}
    basis |= {"note": "all lanes filled", "up": ENERGY_FACTOR}
    if not given:
        more = {**basis, "per": "operation", "includes": within, "all_in": False}
        yield "energies.synaptic_operation", _estimated(SynapticEnergy, expected.operation_j, **more)
    if apart and (not given or "energies.neuron_update" in before):
        more = {**basis, "per": "update", "counted": "active_neurons"}
        yield "energies.neuron_update", _estimated(UpdateEnergy, expected.update_j, **more)


def _times(chip: Chip, expected: StructureEstimate, before: set[str]) -> Iterator[tuple[str, Number]]:
    times, included = chip.times, chip.times.included
    given = times.synaptic_operation is not None
    within, apart = _update(chip, times.neuron_update is None and "neuron_update" not in included)
    if not given:
        yield "times.synaptic_operation", _time(chip, expected.word_s, "a word of lanes", within)
    if apart and (not given or "times.neuron_update" in before):
        yield "times.neuron_update", _time(chip, expected.update_s, "a word of lanes")
    if times.output is None and "output" not in included and (not given or "times.output" in before):
        unknown = times.hop is None and chip.network_on_chip is None and "hop" not in included
        yield "times.output", _time(chip, expected.access_s, "one access of a memory", ("hop",) if unknown else ())


def _update(chip: Chip, missing: bool) -> tuple[tuple[str, ...], bool]:
    """What an operation includes, and whether updates are separate: they are if they happen once per timestep, not per
    event."""
    whole = not chip.synchronized
    return ("neuron_update",) if missing and whole else (), missing and not whole


def _estimated(kind: type[Any], value: float, note: str, up: float, down: float | None = None, **more: Any) -> Any:
    """A number whose range extends by a factor of `up` upwards and of `down` downwards, by default the same."""
    ends = (value / (down or up), value * up)
    fields = {"value": value, "range": ends, "confidence": "estimated", "source": STRUCTURE, "note": note, **more}
    return kind.model_construct(**fields)


def _time(chip: Chip, least_s: float, what: str, includes: tuple[str, ...] = ()) -> Any:
    if chip.clock is not None:
        least_s = math.ceil(least_s * chip.clock.value) / chip.clock.value
    note = f"a lower bound, {what}; how much longer it takes is not known"
    return _estimated(TimeNumber, least_s, note, up=_TIME_FACTOR, down=1.0, includes=includes)
