"""What is not modelled of a point: why it has no value of a column, and what its values leave out."""

from __future__ import annotations

from collections.abc import Collection

from codesign.analysis.comparisons.comparability import ENERGIES
from codesign.analysis.comparisons.robustness import DRAWN
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import column_label, listed
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.hardware.terms import AGREEMENT, CURRENTS, UNCHECKED, UNTIMED

_TIMED = ("late_fraction", "on_s", "latency_synchronization_s", "energy_cores_in_use_j")
"""Columns that depend on times, besides those of `DRAWN`."""
_OF_TERMS = ("static energy", "energy of ")
"""The beginnings of entries of `not_modelled` on terms of the energy."""


def absence(point: Point, column: str, names: Names) -> str:
    """Say that a point has no value of a column, and which numbers of its chip are missing. Columns without a unit,
    such as numbers of steps and accuracies, do not depend on the chip's numbers."""
    label, chip = column_label(column), names.chips[point.chip]
    if not COLUMNS[column].unit:
        return f"The results have no {label} for {chip}."
    made_of = ("energy_j", "latency_s") if column == "power_w" else DRAWN.get(column) or (column,)
    words = [name.partition("_")[0] for name in made_of]
    entries = (entry.partition(": ") for entry in point.not_modelled)
    lacking = [reason for word, _, reason in entries if word in words]
    return f"No {label} is modelled for {chip}{f': {listed(lacking)}' if lacking else ''}."


def unmodelled(point: Point, column: str, names: Names) -> str:
    """Say which terms or times a value leaves out, so that it is a lower bound; a power may also be less over a longer
    time. "" if none."""
    return terms_left_out(point, column, names) or (time_left_out(point, column, names) if column != "power_w" else "")


def terms_left_out(point: Point, column: str, names: Names) -> str:
    """Say what is not modelled of a point if the column is an energy that lacks a term; "" otherwise."""
    lacking = any(entry.startswith(_OF_TERMS) for entry in point.not_modelled)
    return " ".join(not_modelled([point], names)) if column in ENERGIES and lacking else ""


def time_left_out(point: Point, column: str, names: Names) -> str:
    """Say which time a value leaves out because the chip's file does not give it; "" if none."""
    time = next((entry for entry in point.not_modelled if entry.startswith(AGREEMENT)), "")
    if not time or not (column in _TIMED or DRAWN.get(column)):
        return ""
    return f"The {column_label(column)} of {names.chips[point.chip]} leaves out the {time}."


def too_low(point: Point, others: Collection[Point], column: str, names: Names) -> str:
    """Say which time a value leaves out, for certain or unless another time contains it; "" if none."""
    return time_left_out(point, column, names) or times_in_others(point, others, column, names)


def times_in_others(point: Point, others: Collection[Point], column: str, names: Names) -> str:
    """Say which times a point's chip gives at most as part of other times, while chips of other points give them apart;
    "" if none."""
    if column != "late_fraction" and "latency_s" not in DRAWN.get(column, ()):
        return ""
    facts = {other.chip: other.chip_facts for other in others}
    apart = {one.name for of in facts.values() if of for one in of.numbers}
    apart -= {*UNTIMED.get(str(point.synchronization), ())}
    own = point.chip_facts.times_in_others if point.chip_facts else ()
    lacking = [path for path in own if path in apart]
    if not lacking:
        return ""
    chip, missing = names.chips[point.chip], listed(lacking, "or")
    return f"The {column_label(column)} of {chip} is too low if its other times do not contain {missing}."


def may_overload(point: Point, column: str) -> bool:
    """Whether a value assumes that a timer's cores keep its ticks although their times are not known."""
    assumed = any(entry.startswith(UNCHECKED) for entry in point.assumptions)
    return assumed and (column == "late_fraction" or "latency_s" in DRAWN.get(column, ()))


def not_modelled(points: Collection[Point], names: Names) -> list[str]:
    """Say what the energy and latency of each chip leave out, and which numbers its file lacks for them."""
    by_chip: dict[str, list[tuple[str, str]]] = {}
    for point in points:
        for entry in point.not_modelled:
            what, _, why = entry.partition(": ")
            if (" gives no " in why or what.startswith(_OF_TERMS)) and CURRENTS not in entry:
                by_chip.setdefault(point.chip, []).append((what, why.partition(" gives no ")[2]))
    said = []
    for chip, lacking in by_chip.items():
        terms, numbers = (dict.fromkeys(each) for each in zip(*lacking, strict=True))
        missing = listed([number for number in numbers if number and not number.startswith("latency,")], "or")
        without = f" (no {missing})" if missing else ""
        said.append(f"Not modelled of {names.chips[chip]}: {listed([*terms])}{without}.")
    return said


def unpriced_currents(points: Collection[Point]) -> str:
    """Say that no energy includes the multiplications of a first layer that takes currents; "" if none does."""
    entry = next((entry for point in points for entry in point.not_modelled if CURRENTS in entry), "")
    if not entry:
        return ""
    count = entry.partition(CURRENTS)[0]
    return f"The first layer takes currents: its {count}multiplications a sample have no price and are in no energy."
