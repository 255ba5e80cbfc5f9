"""The folded sections that compare points, in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.answers import Answer
from codesign.analysis.naming import Names
from codesign.analysis.points import Point
from codesign.analysis.table import ResultTable
from codesign.reporting.section import Section
from codesign.reporting.sections.effects import effects_section
from codesign.reporting.sections.parts import parts_section
from codesign.reporting.sections.study import study_sections
from codesign.reporting.sections.sureness import sureness_section
from codesign.reporting.sections.training import training_section

__all__ = ["comparing_sections"]


def comparing_sections(
    table: ResultTable, points: Sequence[Point], answers: Sequence[Answer], names: Names
) -> tuple[Section, ...]:
    """Those that have something to show: of a study its search, of a sweep what its choices and trainings do."""
    found = [*study_sections(table, points)]
    if not found:
        found += filter(None, [effects_section(points, names), training_section(points, names)])
    rest = parts_section(table, points, answers, names), sureness_section(answers, names)
    return tuple(section for section in (*found, *rest) if section is not None and section.body)
