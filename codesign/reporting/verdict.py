"""The verdict: what the rows say about the paper's claims, in sentences with intervals. Nothing here knows a result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from codesign.analysis.comparison import Comparison, compare, status_of
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
    runs = _LayeredRuns([p for p in plain if p.layered and p.training_method == "layered"])
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


def _effect(free: list[Point], runs: _LayeredRuns) -> Claim:
    found = _distinct(
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
    found = _trained_for_it_first(
        _distinct(
            compare("accuracy", point, other, more_is_better=True)
            for point in free
            if point.training_method == "unlayered"
            for other in free
            if other.training_method == "layered" and other.schedule == point.schedule and _same_context(point, other)
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


def _parity(free: list[Point], runs: _LayeredRuns) -> Claim:
    found = _trained_for_it_first(_distinct(_against_layered("accuracy", free, runs, more_is_better=True)))
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


def _savings(free: list[Point], runs: _LayeredRuns) -> list[Claim]:
    early = [point for point in free if point.stop == "on_output"]
    claims = []
    for column, (title, noun) in _SAVINGS.items():
        found = _trained_for_it_first(_distinct(_against_layered(column, early, runs, more_is_better=False)))
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
    sentence = (
        f"{opening} {span} points ({standing(found)}). {_lead(found)}{means(example)}: "
        f"a difference of {describe_gain(example)}."
    )
    return Claim(name=name, title=title, status=status_of(found), sentence=sentence, comparisons=tuple(found))


def _against_layered(
    column: str, free: list[Point], runs: _LayeredRuns, *, more_is_better: bool
) -> Iterator[Comparison | None]:
    """Unlayered models without synchronization against layered models with it; times only on the same chip."""
    for point in free:
        if point.training_method == "unlayered":
            for run in runs.beside(point, same_chip=column.endswith("_s")):
                yield compare(column, point, run, more_is_better=more_is_better)


class _LayeredRuns:
    """Layered models under layered inference, found by what they can be held against."""

    def __init__(self, runs: list[Point]) -> None:
        self._runs: dict[tuple[object, ...], list[Point]] = {}
        self._found: dict[tuple[int, bool], list[Point]] = {}
        for run in runs:
            self._runs.setdefault(_network(run), []).append(run)

    def beside(self, point: Point, *, same_chip: bool) -> list[Point]:
        """One run a recipe to hold against `point`: on its own chip if there is one, else on another if allowed."""
        key = point.number, same_chip
        if key not in self._found:
            own: dict[str, Point] = {}
            others: dict[str, Point] = {}
            for run in self._runs.get(_network(point), ()):
                (own if _same_context(point, run) else others).setdefault(run.recipe, run)
            self._found[key] = list((own if same_chip else {**others, **own}).values())
        return self._found[key]


def _network(point: Point) -> tuple[object, ...]:
    """What decides accuracy and spikes beside model and schedule."""
    return point.workload, point.topology, point.weight_bits


def _same_context(a: Point, b: Point) -> bool:
    """Whether two points differ in nothing but model, schedule and axes that do not apply to one of them."""
    if (a.chip, a.capacity, a.operation) != (b.chip, b.capacity, b.operation) or _network(a) != _network(b):
        return False
    return all(x == y or x is None or y is None for (_, x), (_, y) in zip(a.axes, b.axes, strict=True))


def _distinct(comparisons: Iterable[Comparison | None]) -> list[Comparison]:
    """One of each: chips that only price the same spikes differently repeat accuracies, and do not add evidence."""
    kept: dict[tuple[object, ...], Comparison] = {}
    for found in comparisons:
        if found is not None:
            values = [tuple(point.seeds(found.column).items()) for point in (found.better, found.worse)]
            kept.setdefault((found.better.recipe, found.worse.recipe, *values), found)
    return list(kept.values())


def _trained_for_it_first(comparisons: list[Comparison]) -> list[Comparison]:
    """Only models evaluated under the schedule that they were trained through, as in the paper; all if none is."""
    matched = [comparison for comparison in comparisons if comparison.better.trained_for_it]
    return matched or comparisons


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
