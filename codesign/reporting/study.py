"""What the report says of a study before it says anything of the rows: what was searched, found and then tested."""

from __future__ import annotations

from dataclasses import dataclass

from codesign.analysis.metadata import StudyFacts
from codesign.analysis.points import Point
from codesign.analysis.table import ResultTable
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.study_figures import progress_panels, study_legend, trade_off_panels
from codesign.reporting.study_slices import importance_panels, slice_panels
from codesign.reporting.study_tables import front_table, level_table, objective_table, space_table, trial_table
from codesign.reporting.study_trials import BASELINE, Study, read_study
from codesign.reporting.study_verdict import study_summary, study_verdict
from codesign.reporting.tables import Table

__all__ = ["StudyPage", "study_page"]

_BEHAVIOURS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyPage:
    """The parts of the page that only a study has.

    Attributes:
        summary: sentences on how much was searched and on which samples.
        claims: the verdict; every number in it is of the test split unless it says otherwise.
        behaviour, behaviour_legend: the tested points whose behaviour is drawn, and the colours of their lines.
    """

    facts: StudyFacts
    summary: list[str]
    claims: list[Claim]
    front: Table
    legend: list[LegendEntry]
    trade_offs: list[Panel]
    progress: list[Panel]
    importances: list[Panel]
    slices: list[Panel]
    trials: Table
    trials_note: str
    space: Table
    levels: Table | None
    objectives: Table
    behaviour: list[Point]
    behaviour_legend: list[LegendEntry]


def study_page(table: ResultTable, points: tuple[Point, ...]) -> StudyPage | None:
    """The study's part of a report; None for results of a sweep.

    Args:
        points: those of `gather(table)`.

    Raises:
        InputError: trials and rows do not fit together.
    """
    if table.metadata.study is None:
        return None
    study = read_study(table, points)
    trials, note = trial_table(study)
    behaviour = _behaviour(study)
    return StudyPage(
        facts=study.facts,
        summary=study_summary(study, table.metadata),
        claims=study_verdict(study),
        front=front_table(study),
        legend=study_legend(study),
        trade_offs=trade_off_panels(study),
        progress=progress_panels(study),
        importances=importance_panels(study),
        slices=slice_panels(study),
        trials=trials,
        trials_note=note,
        space=space_table(study),
        levels=level_table(study),
        objectives=objective_table(study),
        behaviour=[point for _, point in behaviour],
        behaviour_legend=[
            LegendEntry(glyph="▬", color=color, text=name if name == BASELINE else f"trial {name}")
            for (name, _), color in zip(behaviour, palette(len(behaviour)), strict=True)
        ],
    )


def _behaviour(study: Study) -> list[tuple[str, Point]]:
    """The baseline and the best trial in each objective, then others of the front, by name."""
    best = [study.best(index) for index in range(len(study.objectives))]
    trials = [study.facts.baseline, *best, *study.front]
    names = dict.fromkeys(BASELINE if t.number is None else str(t.number) for t in trials if t is not None)
    return [(name, study.tested[name]) for name in names if name in study.tested][:_BEHAVIOURS]
