"""The verdict: what the rows say about the paper's claims, in sentences with intervals. Nothing here knows a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from codesign.analysis.comparison import Comparison, compare, status_of
from codesign.analysis.counterparts import LayeredRuns, distinct, same_context, trained_for_it_first
from codesign.analysis.formatting import listed, points, quantity, significant
from codesign.analysis.points import Point
from codesign.analysis.transfer import MOST_SHOWN, find_transfer, losses
from codesign.reporting.chip_comparison import compare_chips, summarize
from codesign.reporting.claims import Claim, describe_gain, standing
from codesign.reporting.robustness import describe_robustness

__all__ = ["equivalence_note", "headlines", "verdict"]

_FEW = 4
_NAMED = 12

_SAVINGS = {
    "spike_density": ("Unlayered training makes activity sparser", "spike density"),
    "latency_spikes": ("Fewer spikes are processed before the first output spike", "spikes until output"),
    "latency_steps": ("Fewer forward steps pass before the first output spike", "forward steps until output"),
    "latency_s": ("A sample takes less time on the chip", "time per sample"),
    "decision_latency_s": ("The decision comes sooner after the last frame", "time from last frame to decision"),
}
_STEP_REMARK = " A layered step takes a whole layer, an asynchronous one at most F neurons: steps are not equal work."


def verdict(gathered: tuple[Point, ...]) -> list[Claim]:
    """The claims about a sweep: the paper's effect, its remedy, what that saves, and how the chips compare.

    Those about training are about models as training left them; calibrated ones stand with the remedies.
    """
    plain = [point for point in gathered if point.calibration is None]
    free = [point for point in plain if point.free_running]
    runs = LayeredRuns([p for p in plain if p.layered and p.training_method == "layered"])
    effect = [_effect(free, runs), _recovery(free), *_match(gathered), _parity(free, runs)]
    return [*effect, *_savings(free, runs), *compare_chips(gathered)]


def headlines(claims: Sequence[Claim]) -> list[Claim]:
    """The claims for a first look: those about chips in one if there are many."""
    chips = [claim for claim in claims if claim.name.startswith("chip ")]
    if len(chips) <= _FEW:
        return list(claims)
    return [claim for claim in claims if claim not in chips] + [summarize(chips)]


def equivalence_note(gathered: tuple[Point, ...]) -> str | None:
    """Names the schedules that provably give the spikes of layered inference under another name."""
    names = sorted(
        {f"{p.schedule} on {p.place}" for p in gathered if p.equivalent_to_layered and p.schedule != "layered"}
    )
    if not names:
        return None
    if len(names) > _NAMED:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return (
        f"Equivalent to layered inference, whatever the weights: {listed(names)}. "
        "Such a schedule waits for whole layers by another name, and counts as layered here."
    )


def _effect(free: list[Point], runs: LayeredRuns) -> Claim:
    found = distinct(
        compare("accuracy", twin, point, more_is_better=True)
        for point in free
        if point.training_method == "layered"
        for twin in runs.beside(point, same_chip=False)
        if twin.recipe == point.recipe
    )
    return _claim(
        "effect",
        "Doing without layer synchronization costs accuracy if training assumed it",
        "Trained with layer synchronization and run without it, accuracy falls by",
        found,
        lambda c: (
            f"{c.worse.recipe} under {_under(c.worse)} is right on {_mean(c, 'worse')} of the samples, "
            f"and on {_mean(c, 'better')} where layers wait"
        ),
        "Needs a layered-trained model run both with and without layer synchronization; the rows lack one.",
    )


def _recovery(free: list[Point]) -> Claim:
    found = trained_for_it_first(
        distinct(
            compare("accuracy", point, other, more_is_better=True)
            for point in free
            if point.training_method == "unlayered"
            for other in free
            if other.training_method == "layered" and other.schedule == point.schedule and same_context(point, other)
        )
    )
    return _claim(
        "recovery",
        "Unlayered training recovers accuracy under the same asynchronous schedule",
        "Under the same asynchronous schedule, unlayered training gains over layered training",
        found,
        lambda c: (
            f"{c.better.recipe} under {_under(c.better)} is right on {_mean(c, 'better')}, "
            f"{c.worse.recipe} on {_mean(c, 'worse')}"
        ),
        "Needs a layered and an unlayered recipe under the same asynchronous schedule; the rows lack them.",
    )


def _match(gathered: tuple[Point, ...]) -> list[Claim]:
    """Whether unlayered training must know the very schedule; no claim where no model was trained for another."""
    transfer = find_transfer(gathered)
    found = [] if transfer is None else losses(transfer.limited(MOST_SHOWN))
    unlayered = [one for loss in found for one in loss.comparisons if one.worse.training_method == "unlayered"]
    if not unlayered:
        return []
    return [
        _claim(
            "match",
            "Unlayered training for the very schedule that is run beats unlayered training for another",
            "Under an asynchronous schedule, the model trained through it gains over those trained through others",
            unlayered,
            lambda c: (
                f"under {_under(c.better)} {c.better.recipe} is right on {_mean(c, 'better')}, "
                f"{c.worse.recipe} on {_mean(c, 'worse')}"
            ),
            "",
        )
    ]


def _parity(free: list[Point], runs: LayeredRuns) -> Claim:
    found = trained_for_it_first(distinct(_against_layered("accuracy", free, runs, more_is_better=True)))
    return _claim(
        "parity",
        "Unlayered training without synchronization beats layered training with it",
        "Against layered training with layered inference, unlayered training with asynchronous inference gains",
        found,
        lambda c: (
            f"{c.better.recipe} under {_under(c.better)} is right on {_mean(c, 'better')}, "
            f"{c.worse.recipe} with layers waiting on {_mean(c, 'worse')}"
        ),
        "Needs an unlayered model run asynchronously and a layered model run layered; the rows lack them.",
    )


def _savings(free: list[Point], runs: LayeredRuns) -> list[Claim]:
    early = [point for point in free if point.stop == "on_output"]
    claims = []
    for column, (title, noun) in _SAVINGS.items():
        found = trained_for_it_first(distinct(_against_layered(column, early, runs, more_is_better=False)))
        if not found:
            continue
        example = _most_telling(found)
        sentence = (
            f"Stopped on output, {noun} {_factor(found)} that of layered training with layered inference "
            f"({standing(found)}). {_lead(found)}{example.better.recipe} under {_under(example.better)} has "
            f"{_mean(example, 'better')}, {example.worse.recipe} with layers waiting {_mean(example, 'worse')}: "
            f"a saving of {describe_gain(example)}."
        )
        claims.append(
            Claim(
                name=column,
                title=title,
                status=status_of(found),
                sentence=sentence + (_STEP_REMARK if column == "latency_steps" else ""),
                comparisons=tuple(found),
                robustness=describe_robustness(example),
            )
        )
    return claims


def _claim(
    name: str,
    title: str,
    opening: str,
    found: list[Comparison],
    means: Callable[[Comparison], str],
    nothing: str,
) -> Claim:
    if not found:
        return Claim(name=name, title=title, status="cannot be asked", sentence=nothing)
    gains = sorted(comparison.gain.mean for comparison in found if comparison.gain.mean is not None)
    span = points(gains[0])
    if points(gains[-1]) != span:
        span = f"{span} to {points(gains[-1])}"
    example = _most_telling(found)
    remark = _sparsity_remark(found)
    sentence = (
        f"{opening} {span} points ({standing(found)}). {_lead(found)}{means(example)}: "
        f"a difference of {describe_gain(example)}.{remark}"
    )
    return Claim(name=name, title=title, status=status_of(found), sentence=sentence, comparisons=tuple(found))


def _sparsity_remark(found: Sequence[Comparison]) -> str:
    """A warning where only one of two trainings made spikes cost: sparse networks hardly queue, under any training."""
    recipes = {c.better.recipe: c.worse.recipe for c in found if c.better.training_cost and not c.worse.training_cost}
    if not recipes:
        return ""
    mine, other = next(iter(recipes.items()))
    more = f" ({len(recipes)} such recipes)" if len(recipes) > 1 else ""
    return (
        f" Spikes cost something in the training of {mine} and nothing in that of {other}{more}: sparse networks "
        "hardly queue, so this may be sparsity and not asynchrony. Layered training at the same cost would tell."
    )


def _against_layered(
    column: str, free: list[Point], runs: LayeredRuns, *, more_is_better: bool
) -> Iterator[Comparison | None]:
    """Unlayered models without synchronization against layered models with it; times only on the same chip."""
    for point in free:
        if point.training_method == "unlayered":
            for run in runs.beside(point, same_chip=column.endswith("_s")):
                yield compare(column, point, run, more_is_better=more_is_better)


def _most_telling(comparisons: Sequence[Comparison]) -> Comparison:
    return max(comparisons, key=lambda comparison: comparison.gain.mean or 0.0)


def _lead(comparisons: Sequence[Comparison]) -> str:
    return "Most of all: " if len(comparisons) > 1 else "In numbers: "


def _factor(comparisons: Sequence[Comparison]) -> str:
    ratios = sorted(1 / comparison.ratio for comparison in comparisons if comparison.ratio)
    if not ratios:
        return "is compared with"
    low, high = significant(ratios[0], 3), significant(ratios[-1], 3)
    return f"is {low} times" if low == high else f"is {low} to {high} times"


def _under(point: Point) -> str:
    return f"{point.schedule} on {point.place}"


def _mean(comparison: Comparison, side: str) -> str:
    value = comparison.better_mean if side == "better" else comparison.worse_mean
    return quantity(value, comparison.column)
