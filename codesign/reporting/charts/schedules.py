"""Charts of a network under several schedules, over F."""

from __future__ import annotations

from typing import Any

from codesign.arguments import instance, one_of
from codesign.deferred import alt, pd
from codesign.errors import InputError
from codesign.reporting.charts.base import axis_of, looks, quantitative, source

_DRAWN = ("accuracy", "agreement", "spike_density", "forward_steps", "contention", "energy_j", "latency_s")
_SHOWN = ("policy", "stop", "group_size", "chip")


def plot_schedules(frame: pd.DataFrame, column: str = "accuracy") -> alt.HConcatChart:
    """Plot a column of `compare_schedules` over F: a line per policy and stop, and a level for schedules where layers
    wait.

    Args:
        frame: result of `compare_schedules`.
        column: accuracy, agreement, spike_density, forward_steps, contention, energy_j or latency_s.

    Returns:
        An Altair chart, which notebooks show and `save` writes; several chips are side by side.

    Raises:
        InputError: the frame lacks a column, has no number in this one, or several rows for a schedule on a chip.
    """
    instance("frame", frame, pd.DataFrame)
    one_of("column", column, _DRAWN)
    if missing := [name for name in (*_SHOWN, column) if name not in frame]:
        raise InputError(f"frame: must be as compare_schedules gives it, but lacks {', '.join(missing)}")
    drawn = frame.loc[frame[column].notna(), [*_SHOWN, column]]
    if drawn.empty:
        raise InputError(f"column: no row has a number for {column}")
    if drawn.dropna(subset="group_size").duplicated(list(_SHOWN)).any():
        raise InputError("frame: must have one row for each schedule on a chip, as compare_schedules gives it")
    policies = alt.Scale(domain=list(dict.fromkeys(drawn["policy"])))
    read = alt.Legend(symbolType="stroke", labelExpr="replace(datum.label, '_', ' ')")
    stops = alt.Scale(domain=sorted(set(drawn["stop"])))  # drained first, without dashes

    def panel(rows: pd.DataFrame, title: str) -> Any:
        values = rows[column].tolist()
        common = {
            "y": alt.Y(f"{column}:Q", scale=quantitative(values), axis=axis_of(column, values)),
            "color": alt.Color("policy:N", title="policy", scale=policies),
            "tooltip": [*(f"{name}:N" for name in _SHOWN), f"{column}:Q"],
        }
        over = alt.X("group_size:O", title="group size", axis=alt.Axis(labelAngle=0))
        dash = alt.StrokeDash("stop:N", title="answer read", scale=stops, legend=read)
        free = rows["group_size"].notna()
        layers = [alt.Chart(_rows(rows[~free])).mark_rule(strokeWidth=2).encode(**common)]
        if free.any():
            chart = alt.Chart(_rows(rows[free])).encode(x=over, **common)
            layers += [chart.mark_line().encode(strokeDash=dash), chart.mark_circle(opacity=1)]
        return alt.layer(*layers).properties(width=360, height=240, title=title)

    panels = [panel(rows, str(chip)) for chip, rows in drawn.fillna({"chip": ""}).groupby("chip", sort=False)]
    return alt.hconcat(*panels, config=looks())


def _rows(frame: pd.DataFrame) -> dict[str, Any]:
    return source({str(name): value for name, value in row.items()} for row in frame.to_dict("records"))
