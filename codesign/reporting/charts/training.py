"""Charts of trainings against schedules: all accuracies as a matrix, and both ways of training on the same terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from codesign.analysis.formatting import quantity, with_interval
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.transfer import Model, Setting, Transfer
from codesign.reporting.charts.base import Figure, Row, axis_of, color, figure, nominal, quantitative, source, tooltip

__all__ = ["labels_of", "matrix_figure", "on_same_terms", "terms_figure", "terms_of"]

PartT = TypeVar("PartT", Model, Setting)

_CELL = 34
_LAYERED, _UNLAYERED = "layered training", "unlayered training"


def labels_of(parts: Sequence[PartT], names: Names) -> dict[PartT, str]:
    """Titles of models or of settings, with their axes, and the chip where they would else be the same."""
    own = [_label(part, names) for part in parts]
    chips = [names.chips[part.points[0].chip] for part in parts]
    told = [f"{label}, {chip}" if own.count(label) > 1 else label for label, chip in zip(own, chips, strict=True)]
    numbers = [part.points[0].number for part in parts]
    labels = [f"{label} (#{n})" if told.count(label) > 1 else label for label, n in zip(told, numbers, strict=True)]
    return dict(zip(parts, labels, strict=True))


def _label(part: Model | Setting, names: Names) -> str:
    point, model = part.points[0], isinstance(part, Model)
    written = zip(point.axes, point.axis_values, strict=True)
    axes = [
        f"{names.axis(name)} {text}"
        for (name, value), text in written
        if value is not None and name.startswith("recipe.") == model
    ]
    title = names.recipes[point.recipe] if model else names.schedules[point.schedule]
    return ", ".join([title, *axes])


def matrix_figure(transfer: Transfer, names: Names) -> Figure:
    """Accuracy of every training under every schedule; the best of each row is marked, and what was trained for it."""
    import altair as alt

    models, settings = labels_of(transfer.models, names), labels_of(transfer.settings, names)
    known = {pair: point for pair in transfer.cells if (point := transfer.cell(*pair)) is not None}
    best = {
        model: max(point.value("accuracy").mean or 0.0 for (row, _), point in known.items() if row is model)
        for model in transfer.models
        if any(row is model for row, _ in known)
    }
    rows: list[Row] = []
    for (model, setting), point in known.items():
        value = point.value("accuracy")
        marks = "★" * (value.mean == best[model]) + "◆" * transfer.trained_for(model, setting)
        rows.append(
            {
                "trained": models[model],
                "run": settings[setting],
                "value": value.mean,
                "text": f"{quantity(value.mean, 'accuracy').removesuffix(' %')}{f' {marks}' if marks else ''}",
                "full": f"{with_interval(value, 'accuracy')}, {value.seeds} training seeds",
            }
        )
    base = alt.Chart(source(rows)).encode(
        x=alt.X(
            "run:N",
            scale=nominal(settings.values()),
            axis=alt.Axis(title="run under", orient="top", labelAngle=-35, labelLimit=200),
        ),
        y=alt.Y("trained:N", scale=nominal(models.values()), axis=alt.Axis(title=None, labelLimit=260)),
        tooltip=tooltip(trained="trained", run="run under", full="accuracy"),
    )
    shades = base.mark_rect(fillOpacity=0.55).encode(
        color=alt.Color("value:Q", scale=alt.Scale(range="heatmap"), legend=None)
    )
    chart = alt.layer(shades, base.mark_text(fontSize=11).encode(text="text:N"))
    return figure(
        "trained-run",
        "Accuracy in % by training and by how the model is run",
        chart.properties(width="container", height=alt.Step(_CELL)),
        "★ the most accurate of its row. ◆ trained for it: through this policy and F, or with layers waiting.",
    )


def terms_of(point: Point) -> str:
    """What training charged for spikes, in words: only trainings on the same terms tell waiting from sparsity."""
    cost = point.training_cost
    if cost is None:
        return "spikes cost nothing"
    return f"budget: {cost}" if not cost.replace(".", "").isdecimal() else f"spikes cost {cost}"


def on_same_terms(points: Sequence[Point]) -> Mapping[tuple[str, int], tuple[Point, Point]]:
    """Layered and unlayered training side by side, by terms and F, under one schedule on one chip where nothing waits.

    Each the most accurate of its kind there; of several schedules and chips those in which the two give most.
    """
    places: dict[tuple[str, int, object], dict[bool, Point]] = {}
    for point in points:
        mean = point.value("accuracy").mean
        if mean is None or not point.free_running or point.group_size is None:
            continue
        axes = tuple(axis for axis in point.axes if not axis[0].startswith("recipe."))
        ways = places.setdefault((terms_of(point), point.group_size, (point.schedule, point.chip, axes)), {})
        layered = point.training_method == "layered"
        if layered not in ways or mean > (ways[layered].value("accuracy").mean or 0.0):
            ways[layered] = point
    found: dict[tuple[str, int], tuple[Point, Point]] = {}
    for (terms, size, _), ways in places.items():
        if len(ways) == 2:
            pair = ways[True], ways[False]
            found[terms, size] = max(found.get((terms, size), pair), pair, key=_together)
    return {key: found[key] for key in sorted(found, key=lambda key: (key[1], key[0]))}


def _together(pair: tuple[Point, Point]) -> float:
    return sum(point.value("accuracy").mean or 0.0 for point in pair)


def terms_figure(points: Sequence[Point], names: Names) -> Figure | None:
    """Layered and unlayered training beside each other, on the same terms for spikes, by F; None without both."""
    import altair as alt

    rows: list[Row] = []
    for (terms, size), pair in on_same_terms(points).items():
        for way, point in zip((_LAYERED, _UNLAYERED), pair, strict=True):
            value = point.value("accuracy")
            ends = {"low": value.mean if value.low is None else value.low, "high": value.high or value.mean}
            texts = {"point": names.point(point), "text": with_interval(value, "accuracy")}
            rows.append({"terms": f"F {size}, {terms}", "way": way, "value": value.mean, **ends, **texts})
    if not rows:
        return None
    order = dict.fromkeys(str(row["terms"]) for row in rows)
    values = [float(row[name] or 0.0) for row in rows for name in ("low", "high", "value")]
    ways = (_LAYERED, _UNLAYERED)
    base = alt.Chart(source(rows), width="container", height=alt.Step(16)).encode(
        y=alt.Y("terms:N", scale=nominal(order, paddingInner=0.4), axis=alt.Axis(title=None, labelLimit=260)),
        yOffset=alt.YOffset("way:N", scale=nominal(ways)),
        color=color("way", ways, "", orient="top"),
        tooltip=tooltip(point="point", text="accuracy"),
    )
    x = alt.X("value:Q", scale=quantitative(values), axis=axis_of("accuracy", values))
    bars = base.mark_rule(size=2, opacity=0.6).encode(x=alt.X("low:Q", scale=quantitative(values)), x2="high:Q")
    chart = alt.layer(bars, base.mark_point(filled=True, size=80, opacity=1).encode(x=x))
    return figure(
        "same-terms",
        "Layered and unlayered training on the same terms, where nothing waits",
        chart,
        "Compare within a row: one schedule, one chip, and the same price of spikes in training. Bars: 95 % interval.",
    )
