"""Figure 9, repeated: accuracy without layer synchronization against F of training, refractory dropout and noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import listed
from codesign.analysis.points import Point
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.lines import Line, draw_lines
from codesign.reporting.paper.cells import here, seeds_cell
from codesign.reporting.paper.judging import between, statement
from codesign.reporting.paper.numbers import Pair
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, training_name
from codesign.reporting.svg import render
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["repeat_figure9"]

_POLICIES = ("random", "momentum")
_SIZE = (3.6, 2.7)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Knob:
    """One panel: a hyperparameter of training, and its value in the paper's Table 6."""

    name: str
    title: str
    usual: float | None
    policies: tuple[str, ...] = _POLICIES


@dataclass(frozen=True, kw_only=True, eq=False)
class _Line:
    """Points of one policy by the value of a knob, ascending."""

    knob: _Knob
    policy: str
    points: tuple[tuple[float, Point], ...]

    def at(self, value: float) -> Point | None:
        return next((point for x, point in self.points if x == value), None)

    @property
    def usual(self) -> Point | None:
        """At the paper's value, else at the inner value nearest to it."""
        if self.knob.usual is None or not self.points:
            return None
        wanted = self.knob.usual
        inner = self.points[1:-1] or self.points
        exact = self.at(wanted)
        return exact if exact is not None else min(inner, key=lambda one: (abs(one[0] - wanted), one[0]))[1]


def repeat_figure9(sweep: Repeated) -> Part:
    """The paper's figure 9: each hyperparameter along its axis, the others as they are in most rows."""
    printed = sweep.printed
    dropout, noise = (printed.refractory_dropout, printed.momentum_noise) if printed else (None, None)
    knobs = (
        _Knob(name="group_size", title="F of training", usual=float(sweep.training_group_size)),
        _Knob(name="refractory_dropout", title="refractory dropout", usual=dropout),
        _Knob(name="momentum_noise", title="momentum noise", usual=noise, policies=("momentum",)),
    )
    lines = [_line(sweep, knob, policy) for knob in knobs for policy in knob.policies]
    known = [line for line in lines if len(line.points) > 1]
    absent = [knob.title for knob in knobs if not any(line.knob is knob for line in known)]
    table = _table(known)
    return Part(
        claims=tuple(_claims(known)),
        table=table,
        brief=Table(
            caption="Figure 9: accuracy here", headings=table.headings[:4], rows=tuple(row[:4] for row in table.rows)
        ),
        panels=tuple(_panels(knobs, known)),
        legend=tuple(
            LegendEntry(glyph="▬", color=color, text=training_name(policy))
            for policy, color in zip(_POLICIES, palette(len(_POLICIES)), strict=True)
        ),
        remarks=(
            "The paper draws this figure and prints no numbers of it. Values are those of training; inference is "
            "asynchronous under the policy trained through, stopped on output.",
        ),
        missing=f"The sweep has fewer than two values of {listed(absent)}." if absent else "",
    )


def _value(sweep: Repeated, point: Point, name: str) -> float | None:
    if name == "group_size":
        return None if point.training_group_size is None else float(point.training_group_size)
    return sweep.setting(point, name)


def _line(sweep: Repeated, knob: _Knob, policy: str) -> _Line:
    """Along a knob with the others held: where the knob has most values, and then as in the paper."""
    pair = Pair(training=policy, inference=policy)
    matching = sweep.matching(pair) or sweep.matching(pair, stop="drained")
    others = [name for name in ("group_size", "refractory_dropout", "momentum_noise") if name != knob.name]
    groups: dict[tuple[float | None, ...], dict[float, Point]] = {}
    for point in matching:
        value = _value(sweep, point, knob.name)
        if value is not None and point.group_size == matching[0].group_size:
            held = tuple(_value(sweep, point, name) for name in others)
            groups.setdefault(held, {}).setdefault(value, point)
    # max() takes the first of equals, and matching() has those most like the paper first.
    longest = max(groups.values(), key=len, default={})
    return _Line(knob=knob, policy=policy, points=tuple(sorted(longest.items())))


def _table(lines: Sequence[_Line]) -> Table:
    return Table(
        caption="Accuracy under asynchronous inference by what training was given, here; 95 % intervals.",
        headings=(
            Heading(text="hyperparameter"),
            Heading(text="training"),
            Heading(text="value", numeric=True),
            Heading(text="accuracy", numeric=True),
            Heading(text="density", numeric=True, hint="spikes per hidden neuron per sample"),
            Heading(text="seeds", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=line.knob.title),
                Cell(text=training_name(line.policy)),
                Cell(text=f"{value:.4g}", order=value),
                here(point, "accuracy"),
                here(point, "spike_density"),
                seeds_cell(point),
            )
            for line in lines
            for value, point in line.points
        ),
    )


def _panels(knobs: Sequence[_Knob], lines: Sequence[_Line]) -> list[Panel]:
    panels = []
    for knob in knobs:
        own = {line.policy: line.points for line in lines if line.knob is knob}
        if own:
            # A policy without points keeps its colour.
            drawn = [_drawn(own.get(policy, ())) for policy in _POLICIES]
            title = f"Accuracy by {knob.title}"
            drawing = draw_lines(drawn, knob.title, "accuracy", marker="o", evenly_spaced=True, dashed_levels=True)
            svg = render(f"paper-{knob.name.replace('_', '-')}", drawing, size=_SIZE, label=title)
            panels.append(Panel(title=title, svg=svg, note="Bands: 95 % intervals over training seeds."))
    return panels


def _drawn(points: Sequence[tuple[float, Point]]) -> Line:
    known = [(x, value.mean, value.half_width) for x, point in points for value in [point.value("accuracy")]]
    kept = [(x, mean, half) for x, mean, half in known if mean is not None]
    return Line(curve=[(x, mean) for x, mean, _ in kept], half_widths=tuple(half for _, _, half in kept))


def _claims(lines: Sequence[_Line]) -> list[Claim]:
    def of(name: str) -> list[_Line]:
        return [line for line in lines if line.knob.name == name]

    def names(knob: str, title: str) -> Callable[[Point], str]:
        # A point may stand in several lines: the values of Table 6 are on all of them.
        values = {point.number: f"{x:.4g}" for line in of(knob) for x, point in line.points}
        return lambda point: f"{training_name(point.training_policy)} with {title} {values[point.number]}"

    def usual_against(name: str, value: float) -> list[Comparison | None]:
        return [between("accuracy", line.usual, line.at(value), more_is_better=True) for line in of(name)]

    return [
        statement(
            "smaller groups",
            "A smaller F in training may improve accuracy",
            "appendix A.7",
            [
                between("accuracy", line.points[0][1], line.points[-1][1], more_is_better=True)
                for line in of("group_size")
            ],
            nothing="Needs models trained with two values of F; the sweep lacks them.",
            naming=names("group_size", "F ="),
            remark="The smallest F against the largest.",
        ),
        statement(
            "refractory dropout helps",
            "Refractory dropout can help training",
            "appendix A.7",
            usual_against("refractory_dropout", 0.0),
            nothing="Needs models trained with and without refractory dropout; the sweep lacks them.",
            naming=names("refractory_dropout", "refractory dropout"),
        ),
        statement(
            "full refractory dropout hurts",
            "Full refractory dropout can reduce accuracy",
            "appendix A.7",
            usual_against("refractory_dropout", 1.0),
            nothing="Needs models trained with refractory dropout of 1 and less; the sweep lacks them.",
            naming=names("refractory_dropout", "refractory dropout"),
        ),
        statement(
            "momentum noise helps",
            "Momentum noise helps",
            "appendix A.7",
            usual_against("momentum_noise", 0.0),
            nothing="Needs models trained with and without momentum noise; the sweep lacks them.",
            naming=names("momentum_noise", "noise"),
            remark="The paper sees little of it on N-MNIST and much on SHD and DVS gesture.",
        ),
    ]
