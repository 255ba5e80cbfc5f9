"""Two options that differ in more than was asked: in the chip, or in a parameter of it."""

from __future__ import annotations

from collections.abc import Collection

from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.results.columns import TRIAL_AXIS
from codesign.analysis.results.formatting import written

_OWNER = 2
"""The number of parts of an axis' path before the parameter: `chip.mine.`."""
_CHOOSE_CHIPS = ("chip", "capacity", "operation", "mapping", "synchronization", TRIAL_AXIS)


def unequal_chips(contest: Contest, asked: Collection[str]) -> str:
    """Say that the best is on another chip than the next; "" if it is not, or if what is `asked`, the facts and axes
    that set the options apart, is about chips."""
    best, other = contest.ranked[0], contest.second
    about_chips = any(name in _CHOOSE_CHIPS or name.startswith("chip.") for name in asked)
    if about_chips or other is None or best.chip == other.chip:
        return ""
    names = contest.names
    label, chip = names.upper(contest.label_of(best)), names.chips[best.chip]
    next_best = f"{contest.label_of(other)} on {names.chips[other.chip]}"
    return f"{label} is at its best on {chip} and {next_best}; select one chip to compare on it."


def unequal_settings(contest: Contest) -> str:
    """Say what else sets the best apart from the next: `They also differ in vector width, 64 against 8.`"""
    best, other = contest.ranked[0], contest.second
    if other is None or best.silicon != other.silicon or best.chip == other.chip:
        return ""
    for path in dict.fromkeys(name for point in (best, other) for name in point.axis_texts if name.startswith("chip.")):
        here, there = (point.setting(path.split(".", _OWNER)[-1]) for point in (best, other))
        if None not in (here, there) and here != there:
            one, another = (written(value, best.axis_units.get(path, "")) for value in (here, there))
            return f"They also differ in {contest.names.axes[path]}, {one} against {another}."
    return ""
