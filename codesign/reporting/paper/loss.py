"""Figures 10 and 12, repeated: training loss by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from codesign.analysis.comparison import Comparison, Status, compare_series
from codesign.analysis.distributions import series_of
from codesign.analysis.formatting import listed, with_interval
from codesign.analysis.points import Point
from codesign.analysis.statistics import interval
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.lines import Line, draw_lines
from codesign.reporting.paper.judging import statement
from codesign.reporting.paper.numbers import NOISE_UNSTABLE
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, training_name
from codesign.reporting.svg import render
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["repeat_figure10", "repeat_figure12"]

_SIZE = (5.0, 3.2)
_NEEDS = "The sweep lacks one of the trainings that this compares, or their losses by epoch."
_START = 10
"""Steepness at the start is that of the first epoch in so many."""
_UNSTABLE = 0.5
"""A training is called unstable if its loss rises again by more than so much of what it had fallen by."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Training:
    """One training with its curves.

    Attributes:
        curves: (epochs, training seeds) loss; NaN after a curve's end.
        failed: training seeds that ended in an error.
    """

    name: str
    point: Point
    curves: pd.DataFrame
    noise: float | None = None
    failed: int = 0

    @property
    def unstable(self) -> int:
        """Seeds whose loss rose again, or whose training failed."""
        lowest, last = self.curves.min(), self.curves.apply(lambda curve: curve.dropna().iloc[-1])
        fall, rise = self.curves.iloc[0] - lowest, last - lowest
        return int((rise > _UNSTABLE * fall).sum()) + self.failed

    @property
    def seeds(self) -> int:
        return self.curves.shape[1] + self.failed


def repeat_figure10(sweep: Repeated) -> Part:
    """The paper's figure 10: layered training, and unlayered training with either policy."""
    policies = (None, "random", "momentum")
    found = {policy: _training(training_name(policy), sweep.trained(policy)) for policy in policies}
    known = {policy: one for policy, one in found.items() if one is not None}
    return _part(
        sweep,
        "Figure 10: training loss here",
        list(known.values()),
        _lower_loss(known),
        [training_name(policy) for policy in policies if policy not in known],
    )


def repeat_figure12(sweep: Repeated) -> Part:
    """The paper's figure 12: momentum scheduling with several amounts of noise beside layered and random training."""
    trainings = [_training(training_name(policy), sweep.trained(policy)) for policy in (None, "random")]
    absent = [name for name, one in zip(("Layered", "Unlayered RS"), trainings, strict=True) if one is None]
    momentum = sweep.trained("momentum")
    noises = sorted({noise for point in momentum if (noise := sweep.setting(point, "momentum_noise")) is not None})
    for noise in noises:
        points = [point for point in momentum if sweep.setting(point, "momentum_noise") == noise]
        failed = sweep.failed_trainings("momentum", momentum_noise=noise)
        trainings.append(_training(f"Unlayered MS, noise {noise:.4g}", points, noise, failed))
    known = [one for one in trainings if one is not None]
    if not any(one.noise is not None for one in known):
        absent.append("Unlayered MS")
    return _part(sweep, "Figure 12: training loss here", known, _stability(known), absent)


def _training(name: str, points: Sequence[Point], noise: float | None = None, failed: int = 0) -> _Training | None:
    for point in points:
        curves = {
            int(seed): pd.Series([float(loss) for loss in cell], dtype=float)
            for seed, cell in zip(point.rows["training_seed"], point.rows["training_loss_curve"], strict=True)
            if cell is not None and len(cell)
        }
        if curves:
            frame = pd.DataFrame(dict(sorted(curves.items())))
            return _Training(name=name, point=point, curves=frame, noise=noise, failed=failed)
    return None


def _part(
    sweep: Repeated, caption: str, trainings: Sequence[_Training], claims: Sequence[Claim], absent: Sequence[str]
) -> Part:
    lines = [_line(one) for one in trainings]
    title = "Training loss by epoch"
    drawing = draw_lines(lines, "epoch", "training loss", dashed_levels=True)
    table = _table(trainings)
    return Part(
        claims=tuple(claims),
        table=table if trainings else None,
        brief=Table(caption=caption, headings=table.headings, rows=table.rows) if trainings else None,
        panels=(
            (
                Panel(
                    title=title,
                    svg=render("paper-loss", drawing, size=_SIZE, label=title),
                    note="Mean over training seeds; bands: 95 % intervals.",
                ),
            )
            if trainings
            else ()
        ),
        legend=tuple(
            LegendEntry(glyph="▬", color=color, text=one.name)
            for one, color in zip(trainings, palette(len(trainings)), strict=True)
        ),
        remarks=("The paper draws this figure and prints no numbers of it.",),
        missing=f"The sweep has no losses by epoch of {listed(list(absent))}." if absent else "",
    )


def _line(training: _Training) -> Line:
    by_epoch = [interval(row.dropna()) for _, row in training.curves.iterrows()]
    known = [(float(epoch), one) for epoch, one in enumerate(by_epoch, start=1) if one.mean is not None]
    return Line(
        curve=[(epoch, one.mean or 0.0) for epoch, one in known],
        half_widths=tuple(one.half_width for _, one in known),
    )


def _table(trainings: Sequence[_Training]) -> Table:
    def loss(values: pd.Series) -> Cell:
        known = interval(values.dropna())
        return Cell(text=with_interval(known, "training_loss"), order=known.mean)

    return Table(
        caption="Mean training loss, here; 95 % intervals over training seeds.",
        headings=(
            Heading(text="training"),
            Heading(text="first epoch", numeric=True),
            Heading(text="lowest", numeric=True),
            Heading(text="last epoch", numeric=True),
            Heading(text="epochs", numeric=True),
            Heading(text="unstable", numeric=True, hint="training seeds whose loss rose again, or that failed"),
        ),
        rows=tuple(
            (
                Cell(text=one.name),
                loss(one.curves.iloc[0]),
                loss(one.curves.min()),
                loss(_last(one)),
                Cell(text=str(len(one.curves)), order=len(one.curves)),
                Cell(text=f"{one.unstable} of {one.seeds}", order=one.unstable),
            )
            for one in trainings
        ),
    )


def _last(training: _Training) -> pd.Series:
    return series_of(training.point, "training_loss_curve", lambda curve: curve[-1])


def _fall(training: _Training) -> pd.Series:
    """What the loss falls by from the first epoch, in the first tenth of them but in one at least."""
    after = max(len(training.curves) // _START, 1)
    return series_of(training.point, "training_loss_curve", lambda c: c[0] - c[after] if len(c) > after else None)


def _lower_loss(known: dict[str | None, _Training]) -> list[Claim]:
    layered = known.get(None)
    unlayered = [one for policy, one in known.items() if policy is not None]
    state = partial(statement, nothing=_NEEDS, naming=lambda point: point.training_label)

    def lower(one: _Training) -> Comparison | None:
        if layered is None:
            return None
        last, other = _last(one), _last(layered)
        return compare_series("training_loss", one.point, layered.point, last, other, more_is_better=False)

    def less_steep() -> Comparison | None:
        random = known.get("random")
        if layered is None or random is None:
            return None
        steep, other = _fall(layered), _fall(random)
        return compare_series("training_loss", layered.point, random.point, steep, other, more_is_better=True)

    return [
        state(
            "lower loss",
            "Unlayered training reaches a lower loss than layered training",
            "appendix A.9",
            [lower(one) for one in unlayered],
            remark="Compared are last epochs. Losses of different forward passes are compared, each with the dropouts "
            "of its training.",
        ),
        state(
            "less steep at first",
            "At the start, the loss falls a little more slowly with random scheduling than with layered training",
            "appendix A.9",
            [less_steep()],
            remark="Compared is by how much the loss falls in the first tenth of the epochs.",
        ),
    ]


def _stability(known: Sequence[_Training]) -> list[Claim]:
    low, high = NOISE_UNSTABLE
    small = [one for one in known if one.noise is not None and low <= one.noise <= high]
    others = [
        one for one in known if one.point.training_method == "unlayered" and (one.noise is None or one.noise > high)
    ]
    rule = (
        f" A training counts as unstable if it failed, or if its loss rose again by more than {100 * _UNSTABLE:.0f} % "
        "of what it had fallen by."
    )
    return [
        Claim(
            name="unstable with little noise",
            title=f"With momentum noise of {low:.4g} to {high:.4g} training becomes unstable (appendix A.10)",
            status=_share_status(small, unstable=True),
            sentence=_counts(small) + rule
            if small
            else f"Needs momentum scheduling with noise of {low:.4g} to {high:.4g}.",
        ),
        Claim(
            name="stable otherwise",
            title="With larger noise, and with random scheduling, it does not (appendix A.10)",
            status=_share_status(others, unstable=False),
            sentence=_counts(others) + rule if others else "Needs random scheduling, or momentum with larger noise.",
        ),
    ]


def _share_status(trainings: Sequence[_Training], *, unstable: bool) -> Status:
    if not trainings:
        return "cannot be asked"
    as_said = sum(one.unstable if unstable else one.seeds - one.unstable for one in trainings)
    total = sum(one.seeds for one in trainings)
    return "holds" if as_said == total else "holds in part" if as_said else "does not hold"


def _counts(trainings: Sequence[_Training]) -> str:
    written = [f"{one.unstable} of {one.seeds} training seeds of {one.name}" for one in trainings]
    return f"Unstable: {listed(written)}."
