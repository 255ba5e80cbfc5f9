"""A study: what was searched, how far the search came, and what its parameters do."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.points import Point
from codesign.analysis.table import ResultTable
from codesign.reporting.charts.study import importance_figures, progress_figures, slice_figures, trade_off_figures
from codesign.reporting.section import Section
from codesign.reporting.study_tables import front_table, level_table, objective_table, space_table, trial_table
from codesign.reporting.study_trials import read_study
from codesign.reporting.study_verdict import study_summary, study_verdict
from codesign.reporting.tables import Table, text_table

__all__ = ["study_sections"]

_SPLITS = (
    "Validation: mean ± standard deviation over training seeds. Test: mean ± 95 % interval. Test samples chose nothing."
)
_SLICES = "Everything else varies along with each parameter: a slope here is no proof of a cause."


def study_sections(table: ResultTable, points: Sequence[Point]) -> tuple[Section, ...]:
    """Its parts in reading order; none for results of a sweep.

    Args:
        points: those of `gather(table)`.

    Raises:
        InputError: trials and rows do not fit together.
    """
    if table.metadata.study is None:
        return ()
    study = read_study(table, tuple(points))
    trials, left_out = trial_table(study)
    claims = study_verdict(study)
    verdict = text_table(
        "The best of the front against the baseline, on test.",
        ("claim", "standing", "in numbers"),
        [(claim.title, claim.status, claim.sentence) for claim in claims],
    )
    searched = [space_table(study), objective_table(study), *filter(None, [level_table(study)])]
    constraints = [("constraint", text) for text in study.facts.constraints]
    facts = [("sampler", study.facts.sampler), ("seed of the sampler", str(study.facts.seed)), *constraints]
    importances, slices = importance_figures(study), slice_figures(study)
    method = f"Importance: {study.facts.importance_method}." if study.facts.importance_method else ""
    return (
        Section(
            name="front-of-trials",
            title="The front, on validation and on test",
            summary=f"{len(study.front):,} of {len(study.facts.trials):,} trials",
            body=(_SPLITS, *_filled(front_table(study), verdict)),
        ),
        Section(
            name="search",
            title="The search, on validation",
            body=(*study_summary(study, table.metadata), *trade_off_figures(study), *progress_figures(study)),
        ),
        Section(
            name="parameters",
            title="What the parameters do",
            body=(*filter(None, [method]), *importances, *([_SLICES] if slices else []), *slices),
        ),
        Section(name="trials", title="All trials", body=(*filter(None, [left_out]), *_filled(trials))),
        Section(
            name="space",
            title="What was searched",
            body=_filled(*searched, text_table("The sampler.", ("", "value"), facts)),
        ),
    )


def _filled(*tables: Table) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)
