"""What to know of an answer beside it: what a side lacks, what seeds leave open, the other book, time that is idle."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from codesign.analysis.comparison import Obstacle, energy_of
from codesign.analysis.contest import GUESSED, Contest
from codesign.analysis.formatting import coverage_words, listed, percent, quantity, significant, with_interval
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.questions import Constraint
from codesign.analysis.statistics import CONFIDENCE, quantile_of
from codesign.hardware.terms import BOOKS, COST_TERMS, weight

__all__ = [
    "accuracy_remark",
    "idle_remark",
    "lacking_terms",
    "lacks",
    "left_out",
    "other_book",
    "seeds_wanted",
    "silent_remark",
    "terms_remarks",
]

_ENERGIES = ("energy_j", "energy_delay_js", "energy_cores_in_use_j")
_MOST_SEEDS = 100
_MUCH = 2.0
"""By which the factors of two books differ before both are told."""
_LITTLE = 0.005
"""The share of an energy that is too little to be told beside an answer."""
_WIDE = 0.05
"""Half of an accuracy's interval from which on it is pointed out."""


def silent_remark(points: Collection[Point], names: Names) -> tuple[str, ...]:
    """That some points, or some seeds of one, answer nothing; the point that comes first is named."""
    silent = sum(point.silent for point in points)
    mixed = [point for point in points if point.silent_seeds and not point.silent]
    said = []
    if silent:
        words = "1 point has" if silent == 1 else f"{silent:,} points have"
        said.append(f"{words} no output spike or no right answer and {'is' if silent == 1 else 'are'} left out.")
    if mixed:
        seeds = mixed[0].silent_seeds
        which = f"seed {seeds[0]} has" if len(seeds) == 1 else f"seeds {listed([str(seed) for seed in seeds])} have"
        more = f" The same holds at {len(mixed) - 1:,} more." if mixed[1:] else ""
        said.append(f"At {names.point(mixed[0])}, training {which} no right answer but counts.{more}")
    return tuple(said)


def left_out(best: Point, column: str, names: Names) -> str:
    """What the energy of a point leaves out, and the numbers of its chip that are lacking for it."""
    entries = [entry.partition(": ") for entry in best.not_modelled] if column in _ENERGIES else []
    of_terms = [(what, why) for what, _, why in entries if what == "static energy" or what.startswith("energy of ")]
    if not of_terms:
        return ""
    reasons = [why.partition(" gives no ")[2] for _, why in of_terms]
    times = [why.partition(" gives no ")[2] for what, _, why in entries if what == "latency"]
    numbers = [each for reason in reasons for each in (times if reason.startswith("latency,") else [reason])]
    what = listed([what.removeprefix("energy of ") for what, _ in of_terms])
    missing = listed([*dict.fromkeys(filter(None, numbers))])
    why = f": its file gives no {missing}" if missing else ""
    return f"The energy of {names.chips[best.chip]} leaves out {what}{why}."


def lacking_terms(contest: Contest, names: Names) -> str:
    """That the energy of the best lacks terms that are more than a little of another one's; empty where it does not."""
    best = contest.ranked[0]
    for point, terms in contest.terms.items():
        if share := lacks(best, point, terms):
            a, b = names.chips[best.chip], names.chips[point.chip]
            return f"The energy of {a} lacks {coverage_words(_without(point, terms))}: {percent(share)} of that of {b}."
    return ""


def lacks(point: Point, other: Point, terms: tuple[str, ...] | Obstacle) -> float:
    """The share of another energy in terms that a point does not hold; 0 if it is little or they do not compare.

    Args:
        terms: as `matched_terms` gives them.
    """
    if isinstance(terms, Obstacle) or point is other or not _without(other, terms):
        return 0.0
    share = 1 - float(energy_of(other, terms).mean()) / (other.value("energy_j").mean or math.nan)
    return share if share >= _LITTLE else 0.0


def terms_remarks(contest: Contest, names: Names) -> list[str]:
    """Who lacks what where energies do not hold the same terms, and what that is taken to cost."""
    best, said = contest.ranked[0], []
    for point, terms in contest.terms.items():
        if missing := _without(best, terms):
            a, b = names.chips[point.chip], names.chips[best.chip]
            said.append(f"The energy of {a} lacks {coverage_words(missing)}, which that of {b} has.")
    if contest.terms:
        said.append(
            f"In how sure it is, what one side lacks costs what it costs the other, within a factor of {GUESSED:.0f}."
        )
    return list(dict.fromkeys(said))


def _without(point: Point, terms: Sequence[str]) -> list[str]:
    return sorted(set(point.coverage) - set(terms))


def other_book(contest: Contest, place: int, names: Names) -> str:
    """By what factor another chip is worse by the cores in use alone, where it is much another than the board's.

    Empty where the results are in that book anyway.
    """
    best, other, factor = contest.ranked[0], contest.ranked[place], contest.factors[place]
    terms = contest.terms.get(other, best.coverage)
    low, high = (_of_cores_in_use(point, terms) for point in (best, other))
    if best.static_book != "board" or best.silicon == other.silicon or not factor or not low or not high:
        return ""
    if max(factor / (high / low), high / low / factor) < _MUCH:
        return ""
    times = significant(max(high / low, low / high), 3)
    needs = f"{names.chips[other.chip]} needs {times} times {'as much' if high >= low else 'less'}"
    return f"Counting the cores in use alone, {needs}."


def _of_cores_in_use(point: Point, terms: Sequence[str]) -> float | None:
    share = point.value("core_share").mean
    if share is None or not point.separable:
        return None
    known = point.known_terms(terms)
    weights = {name: float(weight(COST_TERMS[name], BOOKS["cores_in_use"], share)) for name in known}
    return sum(of * (point.term(name).mean or 0.0) for name, of in weights.items())


def idle_remark(best: Point, column: str) -> str:
    """That an energy leaves out the time in which the chip waits for the next sample."""
    busy = best.value("on_s").mean
    if column not in ("energy_j", "energy_delay_js") or best.operation != "accelerated" or not busy:
        return ""
    time = quantity(busy, "on_s")
    return (
        f"Static power counts for the {time} of computing a sample; a chip's `operation: real_time` adds the waiting."
    )


def accuracy_remark(labels: Mapping[Point, str], column: str, where: Sequence[Constraint]) -> str:
    """That an answer which asks for no accuracy is about points whose accuracy is hardly known.

    Args:
        labels: of those ranked, the best first.
    """
    best, label = next(iter(labels.items()))
    found = best.value("accuracy")
    asked = column == "accuracy" or any(limit.column == "accuracy" for limit in where)
    if asked or found.mean is None or (found.half_width is not None and found.half_width < _WIDE):
        return ""
    return f"No accuracy is asked for, and that of {label} is hardly known: {with_interval(found, 'accuracy')}."


def seeds_wanted(contest: Contest) -> str:
    """How many training seeds would tell the best from the runner-up, where their spread is what leaves it open.

    From the paired difference of mean m and deviation s: an interval of n seeds excludes zero where t(n) · s / √n < m.
    """
    found = contest.runner_up
    if found is None or found.gain.above_zero or not found.gain.mean or contest.settled < CONFIDENCE:
        return ""
    seeds = found.gain.seeds
    if found.gain.half_width is None:
        return "One training seed gives no spread; three or more would."
    deviation = found.gain.half_width * math.sqrt(seeds) / quantile_of(seeds - 1)
    wanted = next(
        (
            n
            for n in range(seeds + 1, _MOST_SEEDS + 1)
            if quantile_of(n - 1) * deviation / math.sqrt(n) < found.gain.mean
        ),
        None,
    )
    if wanted is None:
        return f"The spread of the training seeds hides the difference, and even {_MOST_SEEDS} seeds would not show it."
    return f"The spread of {seeds} training seeds leaves it open; about {wanted} would settle it."
