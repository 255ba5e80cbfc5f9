"""Two options that differ in more than was asked: in the chip, or in parameter values that only one of them was tried
with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from codesign.analysis.comparisons.contest import Contest
from codesign.analysis.results.columns import TRIAL_AXIS
from codesign.analysis.results.formatting import in_times, is_share, written

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
    one, another = ({point.chip for point in contest.members[contest.option_of(each)]} for each in (best, other))
    advice = "no chip has both" if one.isdisjoint(another) else "select one chip to compare on it"
    return f"{label} is at its best on {chip} and {next_best}; {advice}."


def unequal_settings(contest: Contest) -> str:
    """Say in what else the best differs from the next, and which is better where both have the same; "" if nothing.

    `They also differ in vector width, 64 against 8; both at 8, mine, neighbour has 15 % less.`"""
    best, other = contest.ranked[0], contest.second
    if other is None or best.silicon != other.silicon or best.chip == other.chip:
        return ""
    options = [contest.option_of(point) for point in (best, other)]
    sides = [contest.members[option] for option in options]
    for path in dict.fromkeys(name for point in (best, other) for name in point.axis_texts):
        parameter = path.split(".", _OWNER)[-1]
        tried = [{point.setting(parameter) for point in side} for side in sides]
        here, there = (point.setting(parameter) for point in (best, other))
        if not path.startswith("chip.") or None in (here, there) or (here in tried[1] and there in tried[0]):
            continue
        unit = best.axis_units.get(path, "")
        said = f"They also differ in {contest.names.axes[path]}, {written(here, unit)} against {written(there, unit)}"
        common = tried[0] & tried[1] - {None}
        if not common:
            return f"{said}."
        alike = [[point for point in side if point.setting(parameter) in common] for side in sides]
        value = f"both at {written(next(iter(common)), unit)}" if len(common) == 1 else "with a value that both have"
        return f"{said}; {value}, {_better(replace(contest, members=dict(zip(options, alike, strict=True))))}."
    return ""


def _better(contest: Contest) -> str:
    if contest.second is None:
        return "they come to the same" if contest.ranked[1:] else "they do not compare"
    label, factor = contest.label_of(contest.ranked[0]), contest.factors[contest.second]
    if is_share(contest.column) or factor is None:
        return f"{label} is better"
    return f"{label} has {in_times(factor, more=contest.more)}"
