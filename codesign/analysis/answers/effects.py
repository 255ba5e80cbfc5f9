"""What each choice does, all else equal: a column under each option, over points that differ in that choice alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean

import numpy as np

from codesign.analysis.comparisons.comparability import comparison_group
from codesign.analysis.questions import CHOICES
from codesign.analysis.results.columns import COLUMNS, sets_topology
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point

_FOLLOWS = {"chip": ("capacity", "weight_bits")}
"""Facts that change together with a choice and are therefore not held equal."""
_WORDS = {"recipe": "training"}
_MOST_OPTIONS = 12


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One option of one choice against the mean of all options of that choice.

    Attributes:
        choice, option: their names for a reader.
        mean: the mean over blocks of points that agree in everything else: a difference, or a factor for a column with
            a unit. Each block has all options.
        low, high: its least and greatest value over the blocks.
        blocks: the number of blocks.
    """

    choice: str
    option: str
    mean: float
    low: float
    high: float
    blocks: int


def effects_of(points: Sequence[Point], column: str, names: Names) -> list[Effect]:
    """Return the effects of all choices of which two or more options share a block; energies only as far as they
    compare."""
    choices = [*CHOICES, *dict.fromkeys(name for point in points for name in point.axis_texts)]
    counted = {point: counts for point in points if (counts := _counted(point, column)) is not None}
    return [effect for choice in choices for effect in _of_choice(points, counted, column, choice, names)]


def _counted(point: Point, column: str) -> tuple[Hashable, float] | None:
    """Return what other points must share to compare, and the value, or its logarithm for a ratio; None if it does not
    count."""
    if point.set_aside if is_ratio(column) else point.beyond_chip or point.drops_spikes:
        return None  # an accuracy of 0 counts, a cost without answers does not
    value = point.value(column).mean
    if value is None or (value <= 0 and is_ratio(column)):
        return None
    return comparison_group(point, (column,)), float(np.log(value)) if is_ratio(column) else value


def _of_choice(
    points: Sequence[Point], counted: Mapping[Point, tuple[Hashable, float]], column: str, choice: str, names: Names
) -> list[Effect]:
    blocks: dict[Hashable, dict[str, list[float]]] = {}
    # Of many axes each concerns few points.
    if choice in CHOICES:
        options = {point: names.of(choice, getattr(point, choice)) for point in points}
    else:
        options = {point: point.axis_texts[choice] for point in points if choice in point.axis_texts}
    rest = _rest(points, choice)
    for point, option in options.items():
        if point in counted:
            group, value = counted[point]
            blocks.setdefault((group, rest(point)), {}).setdefault(option, []).append(value)
    means = [{option: fmean(values) for option, values in block.items()} for block in blocks.values()]
    common, complete = _complete(means)
    order = [option for option in dict.fromkeys(options.values()) if option in common]
    middles = [fmean([block[option] for option in common]) for block in complete]
    found = []
    for option in order[:_MOST_OPTIONS]:
        gains = [block[option] - middle for block, middle in zip(complete, middles, strict=True)]
        ends = fmean(gains), min(gains), max(gains)
        mean, low, high = np.exp(ends).tolist() if is_ratio(column) else ends
        title = _WORDS.get(choice, choice) if choice in CHOICES else names.axis(choice)
        found.append(Effect(choice=title, option=option, mean=mean, low=low, high=high, blocks=len(complete)))
    return found


def _complete(blocks: Sequence[dict[str, float]]) -> tuple[tuple[str, ...], list[dict[str, float]]]:
    """Return the set of two or more options, and the blocks that have them all, which together hold most values; empty
    if there is none."""
    sets = dict.fromkeys(tuple(sorted(block)) for block in blocks if len(block) > 1)
    held = {options: [block for block in blocks if block.keys() >= set(options)] for options in sets}
    options = max(held, key=lambda options: len(options) * len(held[options]), default=())
    return options, held.get(options, [])


def is_ratio(column: str) -> bool:
    """Whether a column is better described by a factor than by a difference."""
    return bool(COLUMNS[column].unit)


def _rest(points: Sequence[Point], choice: str) -> Callable[[Point], Hashable]:
    """Return a function that gives everything in which the points of a block agree."""
    held = ("workload", "topology", "operation", "capacity", "weight_bits", *CHOICES)
    set_by = choice.rpartition(".")[2]  # the fact that an axis of its name sets, such as `weight_bits` of a chip
    left = (set_by, *_FOLLOWS.get(choice, ()), *(["topology"] if sets_topology(choice) else []))
    with_it = f"{choice}." if choice in CHOICES else None  # the axes of a chip, schedule or recipe
    names = [name for point in points[:1] for name, _ in point.axes]  # all points have the same
    kept = [at for at, name in enumerate(names) if name != choice and not (with_it and name.startswith(with_it))]
    facts = attrgetter(*(name for name in held if name not in left))
    return lambda point: (facts(point), *(point.axes[at] for at in kept))
