"""A study's trials as pictures: the objectives against each other, and how far the search had come after each trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import column_label, number, quantity
from codesign.analysis.metadata import Objective, TrialFacts
from codesign.analysis.pareto import pareto_front
from codesign.reporting.figures import LegendEntry, Panel, evenly, few_ticks, label_axis, palette, percent_ticks
from codesign.reporting.study_trials import Study, mark
from codesign.reporting.study_verdict import baseline_hypervolume, reached_hypervolume
from codesign.reporting.svg import FAINT, INK, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FAINT_COLOR",
    "colors",
    "draw_cloud",
    "draw_trial",
    "progress_panels",
    "scale_axis",
    "study_legend",
    "trade_off_panels",
]

FAINT_COLOR = "#949494"
"""Of trials that are not complete: to be seen on light and on dark ground, and not first."""

_ELEMENTS = 400
"""With more trials than this in all panels of a kind, only the front and the baseline have elements of their own."""
_FRONT_ELEMENTS = 120
_STEPS = 40
_VECTOR = 40
"""Trials of a kind in one panel that are drawn as marks; more are a picture."""
_SIZE = (4.2, 3.1)
_WIDE = 30
"""Values that span more than this are drawn on a log axis."""
_FAINT_MARKERS = {"dropped": ("v", "▼"), "infeasible": ("x", "✕")}


def colors() -> tuple[str, str]:
    """Of complete trials, and of those on the front."""
    complete, front = palette(2)
    return complete, front


def study_legend(study: Study) -> list[LegendEntry]:
    """What the marks in `trade_off_panels` stand for; only those that there are."""
    states = {trial.state for trial in study.facts.trials if any(value is not None for value in trial.values)}
    complete, front = colors()
    entries = []
    if study.front:
        entries.append(LegendEntry(glyph="●", color=front, text="on the front"))
    if "complete" in states:
        entries.append(LegendEntry(glyph="●", color=complete, text="complete"))
    for state, (_, glyph) in _FAINT_MARKERS.items():
        if state in states:
            entries.append(LegendEntry(glyph=glyph, color=FAINT_COLOR, text=state))
    if study.facts.baseline is not None:
        entries.append(LegendEntry(glyph="★", color=None, text="baseline"))
    return entries


# objectives against each other ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two objectives by their places, and the trials that have both."""

    y: int
    x: int
    trials: tuple[TrialFacts, ...]

    def of(self, trial: TrialFacts) -> tuple[float, float]:
        x, y = trial.values[self.x], trial.values[self.y]
        assert x is not None, "a pair holds trials that have both values"
        assert y is not None, "a pair holds trials that have both values"
        return x, y


def trade_off_panels(study: Study) -> list[Panel]:
    """The first objective against each other one, all trials with both values on validation."""
    everything = (*study.facts.trials, *([study.facts.baseline] if study.facts.baseline else []))
    pairs = []
    for x in range(1, len(study.objectives)):
        both = tuple(t for t in everything if t.values[0] is not None and t.values[x] is not None)
        if both:
            pairs.append(_Pair(y=0, x=x, trials=both))
    one_by_one = sum(len(pair.trials) for pair in pairs) <= _ELEMENTS
    panels = []
    for pair in pairs:
        chosen = [trial for trial in pair.trials if trial.on_front or trial.number is None]
        own = list(pair.trials) if one_by_one else evenly(chosen, _FRONT_ELEMENTS)
        title = f"{_label(study, pair.y)} against {_label(study, pair.x)}"
        panels.append(
            Panel(
                title=title,
                svg=render(
                    f"trials{pair.x}",
                    _trade_off_drawing(study, pair, own),
                    size=_SIZE,
                    label=f"{title}, trials on validation",
                    titles={f"p-{mark(trial)}": study.describe(trial) for trial in own},
                ),
                note=_trade_off_note(pair),
            )
        )
    return panels


def _trade_off_note(pair: _Pair) -> str:
    count = sum(trial.number is not None for trial in pair.trials)
    return f"{count:,} trials have both values. Faint ones may lie outside of the picture."


def _trade_off_drawing(study: Study, pair: _Pair, own: Sequence[TrialFacts]) -> Callable[[Figure], None]:
    def draw(figure: Figure) -> None:
        import seaborn

        axes = figure.subplots()
        main = [trial for trial in pair.trials if trial.state == "complete"]
        faint = [trial for trial in pair.trials if trial.state != "complete"]
        for letter, index, place in (("x", pair.x, 0), ("y", pair.y, 1)):
            scale_axis(axes, letter, [pair.of(trial)[place] for trial in main or faint], study.objectives[index].column)
        axes.margins(0.08)
        _draw_edge(axes, study, pair)
        single = {trial.number for trial in own}
        for group in (main, faint):
            draw_cloud(axes, [(trial, *pair.of(trial)) for trial in group if trial.number not in single])
            for trial in group:
                if trial.number in single:
                    draw_trial(axes, *pair.of(trial), trial)
            if group:
                # What is faint must not squeeze the rest: it is drawn into the limits that the rest asks for.
                axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
        axes.tick_params(which="both", color=FAINT)
        seaborn.despine(ax=axes)

    return draw


def _draw_edge(axes: Axes, study: Study, pair: _Pair) -> None:
    """A dashed line through the complete trials that no other beats in these two objectives."""
    complete = [trial for trial in pair.trials if trial.state == "complete" and trial.number is not None]
    directions = [study.objectives[pair.x].direction, study.objectives[pair.y].direction]
    values = [pair.of(trial) for trial in complete]
    best = sorted(value for value, chosen in zip(values, pareto_front(values, directions), strict=True) if chosen)
    if len(best) > 1:
        stairs = "steps-post" if directions[0] == "minimize" else "steps-pre"
        axes.plot(*zip(*best, strict=True), color=INK, linewidth=0.8, dashes=(4, 3), drawstyle=stairs, zorder=2)


def draw_cloud(axes: Axes, placed: Sequence[tuple[TrialFacts, float, float]]) -> None:
    """Trials as one picture and not one by one; few of them as one drawing that stays sharp."""
    complete, front = colors()
    kinds = (("dropped", False), ("infeasible", False), ("complete", False), ("complete", True))
    for state, on_front in kinds:
        members = [(x, y) for trial, x, y in placed if (trial.state, trial.on_front) == (state, on_front)]
        if not members:
            continue
        faint = state in _FAINT_MARKERS
        marker = _FAINT_MARKERS[state][0] if faint else "o"
        # One colour a drawing: matplotlib then stamps one mark, and the picture takes a third of the room.
        axes.scatter(
            [x for x, _ in members],
            [y for _, y in members],
            s=42 if on_front else 9 if len(members) > _VECTOR else 16,
            color=FAINT_COLOR if faint else front if on_front else complete,
            marker=marker,
            alpha=0.35 if faint else 0.9 if on_front else 0.55,
            linewidths=0.8 if marker == "x" else 0,
            rasterized=len(members) > _VECTOR,
            zorder=2 if on_front else 1,
        )


def draw_trial(axes: Axes, x: float, y: float, trial: TrialFacts) -> None:
    """One trial as an element of its own, that can be hovered."""
    complete, front = colors()
    style: dict[str, object] = {"marker": "o", "color": complete, "markersize": 4, "alpha": 0.75, "zorder": 3}
    if trial.number is None:
        style |= {"marker": "*", "color": INK, "markersize": 11, "alpha": 1.0, "zorder": 5}
    elif trial.on_front:
        style |= {"color": front, "markersize": 6.5, "alpha": 1.0, "zorder": 4}
    elif trial.state in _FAINT_MARKERS:
        style |= {"marker": _FAINT_MARKERS[trial.state][0], "color": FAINT_COLOR, "alpha": 0.5, "zorder": 2}
    axes.plot([x], [y], linestyle="none", gid=f"p-{mark(trial)}", **style)  # type: ignore[arg-type]


# how far the search had come -----------------------------------------------------------------------------------------


def progress_panels(study: Study) -> list[Panel]:
    """Hypervolume after each trial, or the best value so far of each objective where there is no hypervolume."""
    complete = [trial for trial in study.facts.trials if trial.state == "complete"]
    if reached_hypervolume(study) is not None:
        known = [(trial, t) for trial in complete if (t := trial.hypervolume) is not None]
        alone = baseline_hypervolume(study)
        note = "" if alone is None else f"Line: the baseline alone, {number(alone)}."
        steps = _steps(known, "maximize")
        titles = {
            f"p-{mark(t)}": f"{study.describe(t)}; hypervolume {number(volume)}" for t, volume in evenly(steps, _STEPS)
        }
        drawing = _progress_drawing([], steps, _end(study), alone, None)
        label = "hypervolume after each trial"
        svg = render("hypervolume", drawing, size=_SIZE, label=label, titles=titles)
        return [Panel(title="Hypervolume after each trial, on validation", svg=svg, note=note)]
    panels = []
    for index, objective in enumerate(study.objectives):
        known = [(trial, value) for trial in complete if (value := trial.values[index]) is not None]
        if known:
            panels.append(_best_so_far(study, index, objective, known))
    return panels


def _best_so_far(study: Study, index: int, objective: Objective, known: list[tuple[TrialFacts, float]]) -> Panel:
    baseline = study.facts.baseline
    level = baseline.values[index] if baseline is not None and baseline.state == "complete" else None
    steps = _steps(known, objective.direction)
    label = f"Best {_label(study, index)} so far, on validation"
    titles = {f"p-{mark(trial)}": study.describe(trial) for trial, _ in evenly(steps, _STEPS)}
    drawing = _progress_drawing(known, steps, _end(study), level, objective)
    return Panel(
        title=label,
        svg=render(f"best{index}", drawing, size=_SIZE, label=label, titles=titles),
        note="" if level is None else f"Line: the baseline, {quantity(level, objective.column)}.",
    )


def _steps(known: Sequence[tuple[TrialFacts, float]], direction: str) -> list[tuple[TrialFacts, float]]:
    """The trials that got further than all before them."""
    sign = 1 if direction == "maximize" else -1
    steps: list[tuple[TrialFacts, float]] = []
    for trial, value in known:
        if not steps or sign * value > sign * steps[-1][1]:
            steps.append((trial, value))
    return steps


def _end(study: Study) -> int:
    """The last trial's number: a search goes on where nothing gets better."""
    return max(trial.number or 0 for trial in study.facts.trials)


def _progress_drawing(
    cloud: Sequence[tuple[TrialFacts, float]],
    steps: Sequence[tuple[TrialFacts, float]],
    end: int,
    level: float | None,
    objective: Objective | None,
) -> Callable[[Figure], None]:
    """Steps over the numbers of the trials; `level` is the baseline's, `objective` None for a hypervolume."""

    def draw(figure: Figure) -> None:
        import seaborn
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        if objective is not None:
            scale_axis(axes, "y", [value for _, value in cloud], objective.column)
        else:
            axes.set_ylabel("hypervolume")
        numbers = [trial.number or 0 for trial, _ in steps]
        values = [value for _, value in steps]
        _, front = colors()
        if cloud:
            draw_cloud(axes, [(trial, trial.number or 0, value) for trial, value in cloud])
        axes.plot([*numbers, end], [*values, values[-1]], color=front, linewidth=1.6, drawstyle="steps-post", zorder=2)
        if level is not None:
            axes.axhline(level, color=INK, linewidth=0.9, linestyle=":")
        for trial, value in evenly(steps, _STEPS):
            axes.plot(
                [trial.number or 0],
                [value],
                marker="o",
                markersize=5,
                color=front,
                linestyle="none",
                zorder=3,
                gid=f"p-{mark(trial)}",
            )
        axes.set_xlabel("trial")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.tick_params(which="both", color=FAINT)
        seaborn.despine(ax=axes)

    return draw


# axes ----------------------------------------------------------------------------------------------------------------


def scale_axis(axes: Axes, letter: str, values: Sequence[float], column: str) -> None:
    """Name an axis after a column; logarithmic where its values lie far apart.

    Args:
        letter: `x` or `y`.
    """
    from matplotlib.ticker import FuncFormatter

    axis = axes.xaxis if letter == "x" else axes.yaxis
    if values and min(values) > 0 and max(values) / min(values) > _WIDE:
        axes.set(**{f"{letter}scale": "log"})
    else:
        axis.set_major_locator(few_ticks(4))
    label_axis(axis, column)
    if column.endswith(("_fraction", "_accuracy")):
        axis.set_major_formatter(percent_ticks())
    elif axis.get_scale() == "log" and not COLUMNS[column].unit:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


def _label(study: Study, index: int) -> str:
    return column_label(study.objectives[index].column)
