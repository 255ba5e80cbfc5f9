"""Prices of a chip with a changed structure: price = given · model(changed) / model(as given).

A number is valid for the structure for which it was given: that of the chip's file, or of the call that set it. Later
changes start from there, so a path that leads back to this structure gives the number itself. docs/design.md
(Structure, Scaled) says what each number depends on, and how much its range grows.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import EnergyNumber, Number, SynapticEnergy, TimeNumber
from codesign.hardware.chip.parts import Source
from codesign.hardware.chip.prices import number_at, with_number
from codesign.hardware.chip.provenance import SCALED, STRUCTURE, ends_of
from codesign.hardware.chip.structure import StructureEstimate, estimate
from codesign.hardware.terms import ACTIONS, HOP_TIMES, RATES, WORK_TIMES
from codesign.units import format_si

_CITATION = Source(citation="a number of the chip's file, at another structure by the model of a core's structure")

UNEXPLAINED = 0.41
"""A range grows in both directions by the ratio to this power: the part of the differences between chips' energies, as
logarithms, that the model does not explain, ln 1.94 / ln 4.98 with each chip left out once."""

_RATIOS = {
    "clock": "delay",  # first, because times in cycles depend on it
    "network_on_chip.link_rate": "delay",
    "area": "area_m2",
    **{action.price: action.follows for action in ACTIONS if action.follows},
    **{path: "delay" for path in (*WORK_TIMES, *(path for path, _ in HOP_TIMES)) if path != "times.chip_hop"},
    **{f"synchronization.{name}": "delay" for name in ("times", "least_step", "handshake")},
}
"""The attribute of `StructureEstimate` that each number follows."""

_LEAST_S = {"times.synaptic_operation": "word_s", "times.neuron_update": "update_s"}


def at_structure(given: Chip, changed: Chip, settled: Collection[str]) -> Chip:
    """The changed chip with its numbers scaled to its structure; unchanged if one of the two states no structure.

    Args:
        given: the chip before the change.
        changed: the chip with other numbers, some of which may belong to its structure.
        settled: paths of numbers that are not scaled.
    """
    before, after = estimate(given), estimate(changed)
    held = {path: number for path, number in given.held.items() if path not in settled}
    scaled = False
    if before is not None and after is not None and (before != after or held or given.clock != changed.clock):
        for path in _RATIOS:
            number = number_at(given, path)
            if path in settled or number is None or number.source == STRUCTURE:
                continue
            seconds = given.seconds(number) if isinstance(number, TimeNumber) else None
            held.setdefault(path, GivenNumber(number=number, expected=before, seconds=seconds))
            if number_at(changed, path) is not None:
                there = _scaled(held[path], path, changed, after)
                changed, scaled = with_number(changed, path, there), scaled or there.source == SCALED
    if scaled:
        changed = changed.model_copy(update={"sources": {**changed.sources, SCALED: _CITATION}})
    return changed.holding(held)


@dataclass(frozen=True, kw_only=True)
class GivenNumber:
    """A number as it was given, the model's estimate for its structure at that time, and its value in seconds if it is
    a time."""

    number: Any
    expected: StructureEstimate
    seconds: float | None


def _scaled(held: GivenNumber, path: str, chip: Chip, expected: StructureEstimate) -> Number:
    """The number for another structure; the given number for its own structure, and if the other changes nothing. In
    its own structure, too, a word may not fit in the cycles of another clock."""
    number: Any = held.number
    if held.expected == expected and getattr(number, "cycles", None) is None:
        return number  # type: ignore[no-any-return]
    ratio = float(getattr(expected, _RATIOS[path]) / getattr(held.expected, _RATIOS[path]))
    if path in RATES:
        ratio = 1 / ratio
    if isinstance(number, TimeNumber):
        return _scaled_time(held, path, chip, ratio, expected)
    ratios = [ratio]
    if isinstance(number, SynapticEnergy) and number.all_in:
        ratios.append(_static_ratio(held.expected, expected))
    if all(one == 1 for one in ratios):
        return number  # type: ignore[no-any-return]
    if isinstance(number, BarrierTimes):
        times = number.times_factor(ratio)
        return number.model_copy(update={**times, **_provenance(number, "times of barriers", ratio)})
    moved: Number = _moved(number, number.value * ratio, ratio, (min(ratios), max(ratios)))
    if isinstance(number, EnergyNumber) and number.voltage:
        assert chip.supply_voltage is not None
        moved = moved.model_copy(update={"voltage": format_si(chip.supply_voltage.value, "V")})
    return moved


def _scaled_time(held: GivenNumber, path: str, chip: Chip, ratio: float, expected: StructureEstimate) -> TimeNumber:
    """A time for another structure, never below the model's bound there; a time in cycles stays one."""
    number: TimeNumber = held.number
    least_s = 0.0
    if path in _LEAST_S:
        bound_s = getattr(held.expected, _LEAST_S[path])
        assert held.seconds is not None
        # A chip that is faster than its bound stays faster by the same factor.
        least_s = getattr(expected, _LEAST_S[path]) * min(1.0, held.seconds / bound_s)
    if number.cycles is not None:
        assert chip.clock is not None
        cycles = max(number.cycles, float(math.ceil(least_s * chip.clock.value * (1 - 1e-9))))
        if cycles == number.cycles:
            return number
        text = f"{number.cycles:g} cycles"
        return number.model_copy(update={"cycles": cycles, **_provenance(number, text, cycles / number.cycles)})
    assert number.value is not None
    value = max(number.value * ratio, least_s)
    ratio = value / number.value if number.value else 1.0
    if ratio == 1:
        return number
    return _moved(number, value, ratio, (ratio, ratio))  # type: ignore[no-any-return]


def _static_ratio(before: StructureEstimate, after: StructureEstimate) -> float:
    """Ratio of the static energy per operation: leakage of a core during an operation of a lane."""
    leakage = after.core_leakage_w / before.core_leakage_w
    return leakage * after.delay / before.delay * before.lanes / after.lanes


def _moved(number: Any, value: float, ratio: float, of_ends: tuple[float, float]) -> Any:
    """A number with another value, its range moved with it and widened by what the model does not explain."""
    (low, high), wider = ends_of(number, number.value), max(ratio, 1 / ratio) ** UNEXPLAINED
    ends = low * of_ends[0] / wider, high * of_ends[1] * wider
    provenance = _provenance(number, format_si(number.value, number.unit), ratio)
    return number.model_copy(update={"value": value, "range": ends, **provenance})


def _provenance(number: Number, text: str, ratio: float) -> dict[str, Any]:
    note = f"{text} ({number.source}) times {ratio:.3g} for another structure than it was given at"
    return {"confidence": "estimated", "source": SCALED, "note": note, "quote": ""}
