"""What a model loses where layers do not wait, and the cheapest of what a sweep tried that gives it back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from codesign.analysis.comparison import Comparison, compare
from codesign.analysis.counterparts import network_of, place_of
from codesign.analysis.points import Point
from codesign.analysis.transfer import Model, Setting, Transfer

__all__ = ["MITIGATIONS", "Gap", "Mitigation", "MitigationKind", "find_gaps", "worst_gaps"]

MitigationKind = Literal["policy", "run", "policy and run", "calibration", "retraining", "other retraining"]

MITIGATIONS: tuple[MitigationKind, ...] = (
    "policy",
    "run",
    "policy and run",
    "calibration",
    "retraining",
    "other retraining",
)
"""What can be done against a gap, in rising order of cost: run the same model under another policy; with a larger F, a
later decision or drained; both; adjust its thresholds; train it anew for the schedule's policy, or for another."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mitigation:
    """One thing that was tried against a gap.

    Attributes:
        model, setting: what is run instead, on the same chip if the results have it.
        without: the point that it stands for, on the chip of `remaining.worse`, which is what it gives.
        remaining: the target against it: what is still missing to the accuracy of layered training with layered
            inference at the same weight bits, paired by seed.
        closes: whether it is better than doing nothing, and the interval of what remains is not wholly above zero.
    """

    kind: MitigationKind
    model: Model
    setting: Setting
    without: Point
    remaining: Comparison
    closes: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Gap:
    """A model where layers do not wait.

    Attributes:
        gap: its own layered inference at the same weight bits against this, paired by seed.
        remaining: the target against this; for a model trained with layers waiting the same as `gap`.
        mitigations: all that was tried, cheapest first; none where there is no gap beyond the spread of the seeds.
    """

    model: Model
    setting: Setting
    gap: Comparison
    remaining: Comparison
    mitigations: tuple[Mitigation, ...]

    @property
    def shown(self) -> bool:
        """Whether the gap is there beyond the spread of the seeds."""
        return self.gap.gain.above_zero

    @property
    def level(self) -> bool:
        """Whether nothing is missing to the target beyond the spread of the seeds, gap or not."""
        return not _missing(self.remaining)

    @property
    def mitigation(self) -> Mitigation | None:
        """The cheapest that closes it; None if none does."""
        return next((mitigation for mitigation in self.mitigations if mitigation.closes), None)

    @property
    def closest(self) -> Mitigation | None:
        """What leaves least, if that is less than without it."""
        best = min(self.mitigations, key=lambda mitigation: _mean(mitigation.remaining), default=None)
        return best if best is not None and _mean(best.remaining) < _mean(self.remaining) else None


def find_gaps(transfer: Transfer) -> list[Gap]:
    """The gaps of every model under every schedule that nothing waits in, where it was run with layers waiting too."""
    gaps = []
    for model in transfer.models:
        for setting in transfer.settings:
            point = transfer.cell(model, setting)
            if point is None or not setting.free_running:
                continue
            own = _layered_run(transfer, model, point)
            target = own if model.layered and model.calibration is None else _target(transfer, point) or own
            gap, remaining = _against(own, point), _against(target, point)
            if target is not None and gap is not None and remaining is not None:
                open_gap = gap.gain.above_zero or gap.gain.half_width is None
                mitigations = tuple(_mitigations(transfer, model, setting, target, remaining)) if open_gap else ()
                gaps.append(Gap(model=model, setting=setting, gap=gap, remaining=remaining, mitigations=mitigations))
    return gaps


def worst_gaps(gaps: Sequence[Gap]) -> dict[Model, Gap]:
    """The largest gap of each model."""
    worst: dict[Model, Gap] = {}
    for gap in gaps:
        if gap.model not in worst or _mean(gap.gap) > _mean(worst[gap.model].gap):
            worst[gap.model] = gap
    return worst


def _layered_run(transfer: Transfer, model: Model, point: Point) -> Point | None:
    """The model with layers waiting and weights of as many bits, on the same chip if there is one."""
    runs = [
        run
        for setting in transfer.settings
        if setting.layered
        for run in [transfer.cell(model, setting, point)]
        if run is not None and network_of(run) == network_of(point)
    ]
    return min(runs, key=lambda run: place_of(run) != place_of(point), default=None)


def _target(transfer: Transfer, point: Point) -> Point | None:
    """Layered training with layered inference: of several such models, the most accurate."""
    models = [model for model in transfer.models if model.layered and model.calibration is None]
    runs = [run for model in models if (run := _layered_run(transfer, model, point)) is not None]
    return max(runs, key=lambda run: run.value("accuracy").mean or 0.0, default=None)


def _mitigations(
    transfer: Transfer, model: Model, setting: Setting, target: Point, remaining: Comparison
) -> Iterator[Mitigation]:
    """All that was tried, in rising order of cost; what costs alike by what it leaves."""
    ranked: list[tuple[tuple[float, ...], Mitigation]] = []
    for candidate in (*_other_runs(transfer, model, setting), *_other_models(transfer, model, setting)):
        left = _against(target, candidate.point)
        if left is not None:
            better = _mean(left) < _mean(remaining)
            mitigation = Mitigation(
                kind=candidate.kind,
                model=candidate.model,
                setting=candidate.setting,
                without=candidate.without,
                remaining=left,
                closes=better and left.gain.half_width is not None and not _missing(left),
            )
            ranked.append(((MITIGATIONS.index(candidate.kind), *candidate.cost, _mean(left)), mitigation))
    yield from (mitigation for _, mitigation in sorted(ranked, key=lambda pair: pair[0]))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Candidate:
    """Something that could be done, and what it asks, to be compared within its kind."""

    kind: MitigationKind
    cost: tuple[float, ...]
    model: Model
    setting: Setting
    without: Point
    point: Point


def _other_runs(transfer: Transfer, model: Model, setting: Setting) -> Iterator[_Candidate]:
    """The same model in other settings on the same chip, where still nothing waits."""
    for other in transfer.settings:
        if other is setting or not other.free_running:
            continue
        both = transfer.side_by_side(model, setting, other)
        cost = None if both is None else _cost_of_running(*both)
        if both is None or cost is None:
            continue
        point, run = both
        waits, policy = any(cost), run.policy != point.policy
        if waits or policy:
            kind: MitigationKind = "policy" if not waits else "policy and run" if policy else "run"
            yield _Candidate(kind=kind, cost=cost, model=model, setting=other, without=point, point=run)


def _other_models(transfer: Transfer, model: Model, setting: Setting) -> Iterator[_Candidate]:
    """Other models in the same setting: with calibrated thresholds, or trained without layers waiting."""
    for trained in transfer.models:
        without = transfer.cell(model, setting)
        point = transfer.cell(trained, setting, without)
        if trained is model or without is None or point is None:
            continue
        kind: MitigationKind
        if trained.calibration is not None and model.calibration is None and _same_training(trained, model):
            kind, cost = "calibration", float(trained.recipe != model.recipe)
        elif not trained.layered:
            kind = "retraining" if trained.policy == point.policy else "other retraining"
            cost = float(not transfer.trained_for(trained, setting))
        else:
            continue
        costs = (cost, 0.0, 0.0, 0.0)
        yield _Candidate(kind=kind, cost=costs, model=trained, setting=setting, without=without, point=point)


def _cost_of_running(point: Point, other: Point) -> tuple[float, ...] | None:
    """How much more another schedule asks than a point's: larger groups, more steps after the output, draining.

    None if it differs in anything else, or asks less of any of these.
    """
    same = ("weight_bits", "input_mode", "refractory", "margin", "margin_check")
    groups, steps = _group(other) - _group(point), _steps(other) - _steps(point)
    if any(getattr(point, name) != getattr(other, name) for name in same) or groups < 0 or steps < 0:
        return None
    drains = other.stop == "drained" and steps > 0
    return float((groups > 0) + (steps > 0)), float(drains), 0.0 if drains else float(steps), float(groups)


def _group(point: Point) -> int:
    """F, and for all that wait more than any."""
    return sys.maxsize if point.group_size is None else point.group_size


def _steps(point: Point) -> int:
    """Forward steps that are still run after the first output spike; if all are, more than any number."""
    return sys.maxsize if point.stop == "drained" else point.steps_after_output or 0


def _same_training(a: Model, b: Model) -> bool:
    return (a.layered, a.policy, a.group_size, a.input_mode) == (b.layered, b.policy, b.group_size, b.input_mode)


def _against(target: Point | None, point: Point) -> Comparison | None:
    return None if target is None else compare("accuracy", target, point, more_is_better=True)


def _missing(remaining: Comparison) -> bool:
    """Whether something is missing for certain; what has no interval, as far as its mean goes."""
    gain = remaining.gain
    return gain.above_zero if gain.half_width is not None else _mean(remaining) > 0


def _mean(comparison: Comparison) -> float:
    return comparison.gain.mean or 0.0
