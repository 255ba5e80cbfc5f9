"""Why a point has no value, why two values do not compare, and what a value leaves out."""

from __future__ import annotations

from codesign.analysis.comparisons.comparison import BY_TERM, Obstacle, Terms, matched_terms
from codesign.analysis.comparisons.fronts import comparison_group
from codesign.analysis.comparisons.robustness import DRAWN
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import column_label, listed
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.hardware.terms import AGREEMENT, UNCHECKED


def obstacle_between(a: Point, b: Point, column: str, names: Names) -> Terms | str:
    """Return the energy terms on which two values of a column compare, None for all; or, in words, why they do not
    compare and what would help."""
    unit = COLUMNS[column].unit
    if column not in BY_TERM and comparison_group(a, (column,)) == comparison_group(b, (column,)):
        return None
    terms = matched_terms(a, b) if unit in ("J", "J·s", "W") else None
    if isinstance(terms, Obstacle):
        return terms.sentence.format(*(names.chips[point.chip] for point in terms.points))
    if unit not in ("", "m**2") and a.operation != b.operation:
        chips = listed([f"{names.chips[p.chip]} ({str(p.operation).replace('_', ' ')})" for p in (a, b)])
        return f"{chips} run differently; give both the same operation."
    if column not in BY_TERM:
        return f"Their {column_label(column)} counts different terms; ask for energy_j, compared term by term."
    return None if a.coverage == b.coverage else terms


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


def untimed(point: Point, column: str) -> str:
    """Say what a value leaves out because the chip's file does not give a time; "" if nothing."""
    left_out = next((entry for entry in point.not_modelled if entry.startswith(AGREEMENT)), "")
    return left_out if DRAWN.get(column) else ""


def untimed_sentence(point: Point, column: str, names: Names) -> str:
    left_out = untimed(point, column)
    return f"The {column_label(column)} of {names.chips[point.chip]} leaves out the {left_out}." if left_out else ""


def unchecked(point: Point, column: str) -> bool:
    """Whether a value takes a timer's cores to keep its ticks although their times are not known."""
    assumed = any(entry.startswith(UNCHECKED) for entry in point.assumptions)
    return assumed and (column == "late_fraction" or "latency_s" in DRAWN.get(column, ()))
