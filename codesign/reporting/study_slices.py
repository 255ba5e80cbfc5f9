"""What a study's parameters do: how much of each objective's variation is theirs, and the objectives along each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.analysis.formatting import column_label
from codesign.analysis.metadata import ParameterFacts, TrialFacts
from codesign.reporting.figures import Panel, clipped, engineering, evenly, few_ticks, palette, percent_ticks
from codesign.reporting.study_figures import draw_cloud, draw_trial, scale_axis
from codesign.reporting.study_trials import Study, mark, parameter_text
from codesign.reporting.svg import FAINT, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["importance_panels", "slice_panels"]

_BARS = 12
_NAME = 30
_PANELS = 24
_ELEMENTS = 200
"""Trials on the front with an element of their own, in all slices together."""
_ALL_ELEMENTS = 600
"""With fewer trials than this in all slices together, each has an element of its own."""
_CLOUD = 300
"""Other trials that one slice draws."""
_CATEGORIES = 12
_SIZE = (3.3, 2.5)
_GOLDEN = 0.6180339887498949

_Place = tuple[TrialFacts, float, float]


def importance_panels(study: Study) -> list[Panel]:
    """One panel an objective: the share of each parameter in its variation."""
    panels = []
    for index, objective in enumerate(study.objectives):
        shares = study.facts.importances.get(objective.column, {})
        if not shares:
            continue
        shown = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:_BARS]
        label = f"Importance for {column_label(objective.column)}"
        panels.append(
            Panel(
                title=label,
                svg=render(
                    f"importance{index}",
                    _bars([(_ending(name), share) for name, share in shown]),
                    size=(4.4, 0.5 + 0.24 * len(shown)),
                    label=label,
                ),
                note="" if len(shown) == len(shares) else f"The {len(shown)} largest of {len(shares)}.",
            )
        )
    return panels


def _bars(shares: Sequence[tuple[str, float]]) -> Callable[[Figure], None]:
    def draw(figure: Figure) -> None:
        import seaborn

        axes = figure.subplots()
        rows = range(len(shares))
        axes.barh(rows, [share for _, share in shares], color=palette(1)[0], height=0.7)
        for row, (_, share) in zip(rows, shares, strict=True):
            axes.annotate(
                f"{100 * share:.0f} %",
                (max(share, 0.0), row),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        axes.set_yticks(rows, [name for name, _ in shares])
        axes.invert_yaxis()
        axes.margins(x=0.16)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(few_ticks(4))
        axes.xaxis.set_major_formatter(percent_ticks())
        axes.tick_params(which="both", color=FAINT)
        seaborn.despine(ax=axes, left=True)

    return draw


# slices --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Slice:
    """One objective along one parameter.

    Attributes:
        places: (x, y) of each trial; x is a category's place where there are categories.
        categories: as they are written, from the left; empty for a numeric parameter.
    """

    parameter: ParameterFacts
    index: int
    places: tuple[_Place, ...]
    categories: tuple[str, ...]

    @property
    def chosen(self) -> list[_Place]:
        """The front and the baseline."""
        return [place for place in self.places if place[0].on_front or place[0].number is None]

    @property
    def others(self) -> list[_Place]:
        return [place for place in self.places if not (place[0].on_front or place[0].number is None)]


def slice_panels(study: Study) -> list[Panel]:
    """Each parameter that matters against each objective: complete trials and the baseline, on validation."""
    slices = [
        found
        for name in study.drawn[: max(_PANELS // len(study.objectives), 1)]
        for index in range(len(study.objectives))
        if (found := _slice(study, study.spaces[name], index)) is not None
    ]
    panels = []
    for position, one in enumerate(slices):
        few = len(slices) * len(one.places) <= _ALL_ELEMENTS
        own = list(one.places) if few else evenly(one.chosen, max(_ELEMENTS // len(slices), 2))
        title = f"{column_label(study.objectives[one.index].column)} by {one.parameter.name}"
        panels.append(
            Panel(
                title=title,
                svg=render(
                    f"slice{position}",
                    _slice_drawing(study, one, own),
                    size=_SIZE,
                    label=f"{title}, complete trials on validation",
                    titles={f"p-{mark(trial)}": study.describe(trial) for trial, _, _ in own},
                ),
                note=_note(one),
            )
        )
    return panels


def _note(one: _Slice) -> str:
    words = [f"Condition: {one.parameter.condition}."] if one.parameter.condition else []
    if len(one.others) > _CLOUD:
        words.append(f"{_CLOUD} of {len(one.others):,} trials off the front are drawn.")
    return " ".join(words)


def _slice(study: Study, parameter: ParameterFacts, index: int) -> _Slice | None:
    """None where no complete trial has both the parameter and the objective."""
    baseline = study.facts.baseline
    everything = (*study.facts.trials, *([baseline] if baseline else []))
    known = [
        (trial, trial.parameters[parameter.name], value)
        for trial in everything
        if trial.state == "complete"
        and (value := trial.values[index]) is not None
        and trial.parameters.get(parameter.name) is not None
    ]
    if all(trial.number is None for trial, _, _ in known):
        return None
    if parameter.kind == "categorical":
        texts = [parameter_text(value, parameter) for _, value, _ in known]
        rank = {choice: place for place, choice in enumerate(parameter.choices)}
        categories = tuple(sorted(set(texts), key=lambda text: (rank.get(text, len(rank)), text)))
        xs = [categories.index(text) + _aside(trial) for (trial, _, _), text in zip(known, texts, strict=True)]
    else:
        numeric = [(t, x, y) for t, x, y in known if isinstance(x, (int, float))]
        known, categories, xs = list(numeric), (), [float(x) for _, x, _ in numeric]
    places = tuple((trial, x, y) for (trial, _, y), x in zip(known, xs, strict=True))
    return _Slice(parameter=parameter, index=index, places=places, categories=categories)


def _aside(trial: TrialFacts) -> float:
    """A place beside a category's middle, the same each time: trials in a row fall far from each other."""
    return 0.0 if trial.number is None else 0.6 * ((trial.number * _GOLDEN) % 1.0 - 0.5)


def _slice_drawing(study: Study, one: _Slice, own: Sequence[_Place]) -> Callable[[Figure], None]:
    def draw(figure: Figure) -> None:
        import seaborn

        axes = figure.subplots()
        _parameter_axis(axes, one)
        scale_axis(axes, "y", [y for _, _, y in one.places], study.objectives[one.index].column)
        axes.margins(0.08)
        single = {trial.number for trial, _, _ in own}
        crowd = [*evenly(one.others, _CLOUD), *one.chosen]
        draw_cloud(axes, [place for place in crowd if place[0].number not in single])
        for trial, x, y in own:
            draw_trial(axes, x, y, trial)
        axes.minorticks_off()
        axes.tick_params(which="both", color=FAINT)
        seaborn.despine(ax=axes)

    return draw


def _parameter_axis(axes: Axes, one: _Slice) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_xlabel(_ending(one.parameter.name))
    if one.categories:
        shown = one.categories if len(one.categories) <= _CATEGORIES else ()
        long = sum(map(len, shown)) > 2 * _CATEGORIES
        labels = [clipped(text, 14) for text in shown]
        axes.set_xticks(range(len(shown)), labels, rotation=35 if long else 0, ha="right" if long else "center")
        axes.set_xlim(-0.5, len(one.categories) - 0.5)
        return
    if one.parameter.log:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(few_ticks(4))
    if one.parameter.unit:
        axes.xaxis.set_major_formatter(engineering(one.parameter.unit))
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))


def _ending(name: str) -> str:
    """A path short enough for a figure: its end says most."""
    return name if len(name) <= _NAME else f"…{name[1 - _NAME :]}"
