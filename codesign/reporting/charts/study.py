"""Charts of a study: objectives against each other, progress of the search, and the effect of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from codesign.analysis.answers.selecting import as_number
from codesign.analysis.results.formatting import column_label, number, percent, quantity
from codesign.analysis.results.metadata import ParameterFacts, TrialFacts
from codesign.analysis.results.study import Study, parameter_text
from codesign.deferred import alt
from codesign.reporting.charts.base import (
    Figure,
    Row,
    axis_of,
    evenly,
    figure,
    named_rows,
    nominal,
    of_more,
    quantitative,
    source,
    tooltip,
    whole_places,
    wide_spread,
)

_HEIGHT = 300
_MOST_SLICES = 12
_MOST_MARKS, _MOST_IN_SLICE = 250, 60
"""Most trials in a chart, and in a slice: the front, then an even choice of the others."""
_FAINT = "Faint: dropped or infeasible; the axes may not hold them all."
_STATES = ("on the front", "complete", "dropped", "infeasible", "baseline")
_SHAPES = ("circle", "square", "triangle-down", "cross", "diamond")


def trade_off_figures(study: Study) -> list[Figure]:
    """Charts of the first objective against each of the others, on validation: all trials that have both values."""
    found = []
    for place in range(1, len(study.objectives)):
        trials = [t for t in study.everything if t.values[0] is not None and t.values[place] is not None]
        if trials:
            y, x = study.objectives[0].column, study.objectives[place].column
            rows = [_row(study, trial, trial.values[place], trial.values[0]) for trial in _thinned(trials, _MOST_MARKS)]
            title = f"{column_label(y).capitalize()} against {column_label(x)}, on validation"
            faint = _FAINT if any(row["faint"] for row in rows) else ""
            found.append(figure(f"trials-{place}", title, _scatter(rows, x, y), _drawn(rows, trials), faint))
    return found


def progress_figure(study: Study) -> Figure | None:
    """A step chart of the hypervolume over trials, or of the best value so far of a single objective, with the
    baseline's; None if no trial has a value."""
    objective, baseline = study.objectives[0], study.facts.baseline
    of_objective, level = study.hypervolume is None, None
    if of_objective and baseline is not None and baseline.state == "complete":
        level = baseline.values[0]
    values = [(trial, trial.values[0] if of_objective else trial.hypervolume) for trial in study.complete]
    sign = -1 if of_objective and objective.direction == "minimize" else 1
    text = partial(quantity, column=objective.column) if of_objective else number
    rows: list[Row] = []
    for trial, value in values:
        if value is not None and (not rows or sign * value > sign * float(rows[-1]["y"] or 0.0)):
            rows.append({"x": trial.number, "y": value, "trial": study.describe(trial), "text": text(value)})
    if not rows:
        return None
    rows = evenly(rows, _MOST_MARKS)
    ys = [float(row["y"] or 0.0) for row in rows] + ([] if level is None else [level])
    line: list[Row] = [*rows, {**rows[-1], "x": max(trial.number or 0 for trial in study.facts.trials)}]
    axis = axis_of(objective.column, ys) if of_objective else alt.Axis(title="hypervolume", format=".3~g", tickCount=6)
    numbers = whole_places([float(row["x"] or 0.0) for row in line])
    base = alt.Chart(source(line)).encode(
        x=alt.X("x:Q", axis=alt.Axis(title="trial", **numbers)), y=alt.Y("y:Q", scale=quantitative(ys), axis=axis)
    )
    marks = base.mark_point(filled=True, size=50, opacity=1).encode(tooltip=tooltip(trial="trial", text="reached"))
    layers = [base.mark_line(interpolate="step-after"), marks]
    if level is not None:
        levels = alt.Chart(source([{"y": level}])).mark_rule(strokeDash=[3, 3])
        layers.append(levels.encode(y=alt.Y("y:Q")))
    what = f"Best {column_label(objective.column)} so far" if of_objective else "Hypervolume"
    chart = alt.layer(*layers).properties(width="container", height=_HEIGHT)
    note = "" if level is None else f"Dashed: the baseline, {text(level)}."
    name = "best-0" if of_objective else "hypervolume"
    return figure(name, f"{what} after each trial, on validation", chart, note)


def importance_figures(study: Study) -> list[Figure]:
    """Charts of the share of each parameter in the variation of an objective, largest first."""
    found = []
    for place, objective in enumerate(study.objectives):
        shares = study.facts.importances.get(objective.column, {})
        shown = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        if not shown:
            continue
        rows: list[Row] = [{"parameter": name, "share": share, "text": percent(share)} for name, share in shown]
        parameters, height = named_rows("parameter", (name for name, _ in shown))
        base = alt.Chart(source(rows), width="container", height=height).encode(
            x=alt.X("share:Q", axis=axis_of("agreement", [], title="share of the variation")), y=parameters
        )
        bars = base.mark_bar(height={"band": 0.7}).encode(tooltip=tooltip(parameter="parameter", text="share"))
        chart = alt.layer(bars, base.mark_text(align="left", dx=4, fontSize=11).encode(text=alt.Text("text:N")))
        found.append(figure(f"importance-{place}", f"What {column_label(objective.column)} depends on", chart))
    return found


def slice_figures(study: Study) -> list[Figure]:
    """Charts of objectives over the parameters that matter most: complete trials and the baseline, on validation."""
    found: list[Figure] = []
    for name in study.drawn:
        parameter = study.spaces[name]
        for place, objective in enumerate(study.objectives):
            trials = [
                trial
                for trial in study.everything
                if trial.state == "complete"
                and trial.values[place] is not None
                and trial.parameters.get(name) is not None
            ]
            if len(found) == _MOST_SLICES or all(trial.number is None for trial in trials):
                continue
            rows = [
                _row(study, trial, _place(trial, parameter), trial.values[place])
                for trial in _thinned(trials, _MOST_IN_SLICE)
            ]
            title = f"{column_label(objective.column).capitalize()} by {name}"
            condition = f"Condition: {parameter.condition}." if parameter.condition else ""
            chart = _scatter(rows, "", objective.column, parameter)
            found.append(figure(f"slice-{len(found)}", title, chart, condition, _drawn(rows, trials)))
    return found


# parts ----------------------------------------------------------------------------------------------------------------


def _thinned(trials: Sequence[TrialFacts], most: int) -> list[TrialFacts]:
    """All trials, or at most about `most`: the baseline, and even choices of the front and of the others."""
    chosen = evenly([trial for trial in trials if trial.on_front or trial.number is None], most // 2)
    others = evenly([trial for trial in trials if not (trial.on_front or trial.number is None)], most - len(chosen))
    baseline = [trial for trial in trials if trial.number is None and trial not in chosen]
    return [*others, *chosen, *baseline]


def _place(trial: TrialFacts, parameter: ParameterFacts) -> str | float | None:
    value = trial.parameters[parameter.name]
    number = None if parameter.kind == "categorical" else as_number(value)
    return parameter_text(value, parameter) if number is None else number


def _row(study: Study, trial: TrialFacts, x: str | float | None, y: float | None) -> Row:
    state: str = "baseline" if trial.number is None else "on the front" if trial.on_front else trial.state
    faint = trial.state in ("dropped", "infeasible")
    return {"x": x, "y": y, "state": state, "faint": faint, "trial": study.describe(trial)}


def _drawn(rows: Sequence[Row], trials: Sequence[TrialFacts]) -> str:
    """A sentence on how many of the trials are drawn, not counting the baseline."""
    marks, known = sum(row["state"] != "baseline" for row in rows), sum(trial.number is not None for trial in trials)
    return of_more(marks, known, "trials")


def _scatter(rows: Sequence[Row], x: str, y: str, parameter: ParameterFacts | None = None) -> Any:
    """Trials as marks; complete trials determine the axes, the others are drawn as far as they fit."""
    main = [row for row in rows if not row["faint"]] or list(rows)
    ys = [float(row["y"] or 0.0) for row in main]
    states = [state for state in _STATES if any(row["state"] == state for row in rows)]
    vertical = alt.Y("y:Q", scale=quantitative(ys, **_ends(ys)), axis=axis_of(y, ys))
    # A state has the same mark in each chart, whatever others there are.
    legend = alt.Legend(title="trial", values=states) if len(states) > 1 else None
    return (
        alt.Chart(source(sorted(rows, key=lambda row: -_STATES.index(str(row["state"])))))
        .mark_point(filled=True, size=50, clip=True)
        .encode(
            opacity=alt.condition("datum.faint", alt.value(0.25), alt.value(0.85)),
            x=_horizontal(main, x, parameter),
            y=vertical,
            color=alt.Color("state:N", scale=nominal(_STATES), legend=legend),
            shape=alt.Shape("state:N", scale=nominal(_STATES, range=list(_SHAPES)), legend=legend),
            tooltip=tooltip(trial="trial"),
        )
        .properties(width="container", height=_HEIGHT)
    )


def _horizontal(main: Sequence[Row], column: str, parameter: ParameterFacts | None) -> alt.X:
    if parameter is not None and any(isinstance(row["x"], str) for row in main):
        known = {str(row["x"]) for row in main}
        order = [*(choice for choice in parameter.choices if choice in known), *sorted(known - {*parameter.choices})]
        return alt.X("x:N", scale=nominal(order), axis=alt.Axis(title=parameter.name, labelAngle=-30))
    xs = [float(row["x"] or 0.0) for row in main]
    whole = whole_places(xs) if parameter and parameter.kind == "integer" and not wide_spread(xs) else {}
    named = {"title": parameter.name, "unit": parameter.unit, **whole} if parameter else {}
    axis = axis_of(column, xs, **named)
    return alt.X("x:Q", scale=quantitative(xs, **_ends(xs)), axis=axis)


def _ends(values: Sequence[float]) -> dict[str, Any]:
    """Limits of an axis from complete trials, so that faint marks do not squeeze the rest."""
    return {"domain": [min(values), max(values)], "padding": 12, "nice": False} if min(values) < max(values) else {}
