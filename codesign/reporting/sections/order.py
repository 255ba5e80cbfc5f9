"""The folded sections that compare points, in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.answers import Answer
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.table import ResultTable
from codesign.reporting.charts.sweeps import effects_figure, matrix_figure
from codesign.reporting.section import Section
from codesign.reporting.sections.evidence import evidence_section
from codesign.reporting.sections.parts import parts_section
from codesign.reporting.sections.study import study_sections

__all__ = ["comparing_sections", "effects_section"]

_EFFECTS = ("accuracy", "energy_j", "latency_s", "spike_density")


def comparing_sections(
    table: ResultTable, points: Sequence[Point], answers: Sequence[Answer], names: Names
) -> tuple[Section, ...]:
    """Those that have something to show: of a study its search, of a sweep what its choices and trainings do."""
    found = [*study_sections(table, points)]
    if not found:
        found += filter(None, [effects_section(points, names)])
    rest = parts_section(table, points, names), evidence_section(answers, names)
    return tuple(section for section in (*found, *rest) if section is not None and section.body)


def effects_section(points: Sequence[Point], names: Names) -> Section | None:
    """What each choice does, and trainings by schedules where a sweep crosses them; None without two of anything."""
    crossed = all(len({part(point) for point in points}) > 1 for part in (names.training, names.run))
    matrix = matrix_figure("trained-run", points, names, "accuracy") if crossed else None
    drawn = [matrix, *(effects_figure(points, names, column) for column in _EFFECTS)]
    body = tuple(one for one in drawn if one is not None)
    return Section(name="effects", title="What each choice does", summary="all else equal", body=body) if body else None
