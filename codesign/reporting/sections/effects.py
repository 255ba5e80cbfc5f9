"""What each choice does, all else equal."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.reporting.charts.sweeps import effects_figure
from codesign.reporting.section import Section

__all__ = ["effects_section"]

_COLUMNS = ("accuracy", "energy_j", "latency_s", "spike_density")


def effects_section(points: Sequence[Point], names: Names) -> Section | None:
    """None where no choice has two options that some points share."""
    figures = tuple(figure for column in _COLUMNS if (figure := effects_figure(points, names, column)) is not None)
    if not figures:
        return None
    return Section(name="effects", title="What each choice does", summary="all else equal", body=figures)
