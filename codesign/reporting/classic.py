"""The HTML report: one self-contained file, a pure function of the results, the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.asking import answers_of
from codesign.analysis.columns import COLUMNS
from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import column_label, number, quantity
from codesign.analysis.fronts import Front, find_fronts
from codesign.analysis.metadata import ResultMetadata
from codesign.analysis.points import Point, gather
from codesign.analysis.table import ResultTable
from codesign.files import Location, write_atomically
from codesign.reporting.charging import (
    charging_table,
    pace_warnings,
    quantization_table,
    robustness_table,
    utilization_table,
)
from codesign.reporting.claims import Claim, describe_gain
from codesign.reporting.distributions import axis_panels, behaviour_legend, behaviour_panels, behaviour_points
from codesign.reporting.facts import (
    assumption_table,
    chip_numbers,
    contradiction_notes,
    coverage_note,
    energy_books_sentence,
    failure_table,
    not_modelled_table,
    remarks_table,
    settings_tables,
    structure_notes,
    validation_table,
    version_table,
)
from codesign.reporting.figures import energy_panels, pareto_panels, styles_of
from codesign.reporting.printed import printed_section
from codesign.reporting.study import study_page
from codesign.reporting.tables import (
    Cell,
    Heading,
    Table,
    accuracy_and_density,
    all_points,
    operations_and_energy,
    pareto_table,
    shortened,
)
from codesign.reporting.templates import render_page, resource
from codesign.reporting.transfer_tables import transfer_section
from codesign.reporting.verdict import equivalence_note, headlines, verdict
from codesign.units import format_si

__all__ = ["render_report", "write_report"]

_POINT_LIMIT = 800
_FRONT_LIMIT = 100
_PAPER_LIMIT = 60


def write_report(table: ResultTable, path: Location) -> None:
    """Write the report to `path`, a path or a URL, atomically.

    Raises:
        InputError: the place cannot be written.
    """
    write_atomically(path, render_report(table).encode())


def render_report(table: ResultTable) -> str:
    """The report as HTML, below two megabytes whatever the size of the sweep."""
    metadata = table.metadata
    points = gather(table)
    fronts = find_fronts(points, metadata.objectives)
    study = study_page(table, points)
    claims = study.claims if study else verdict(points) if points else []
    paper = _preferred(points, fronts, _PAPER_LIMIT)
    behaviour = study.behaviour if study else behaviour_points(points)
    energies, energy_legend = energy_panels(points)
    along, axis_legend = axis_panels(points, [o.column for o in metadata.objectives if o.column in COLUMNS])
    listed = _preferred(points, fronts, _POINT_LIMIT)
    return render_page(
        "report.html.j2",
        metadata=metadata,
        study=study,
        asked=answers_of(table, points) if metadata.questions else (),
        printed=printed_section(answers_of(table, points)) if metadata.questions else None,
        workload=metadata.workload,
        timestep=format_si(metadata.workload.timestep_s, "s") if metadata.workload.timestep_s else None,
        summary=_summary(table, points),
        objectives=", ".join(f"{o.direction} {column_label(o.column)}" for o in metadata.objectives),
        claims=headlines(claims),
        chip_claims=[claim for claim in claims if claim not in headlines(claims)],
        notes=[*structure_notes(metadata), *filter(None, [equivalence_note(points)])],
        warnings=_warnings(points, metadata),
        robustness=shortened(sure, _FRONT_LIMIT) if (sure := robustness_table(_by_numbers(claims))) else None,
        charging=charging_table(points, table),
        utilization=utilization_table(points),
        quantization=quantization_table(paper),
        evidence=_evidence(claims),
        styles=styles_of(points),
        pareto_panels=pareto_panels(fronts, styles_of(points)),
        transfer=None if study else transfer_section(points),
        pareto=shortened(pareto_table(fronts, metadata.objectives), _FRONT_LIMIT),
        hypervolumes=_hypervolumes(fronts),
        energy_panels=energies,
        energy_legend=energy_legend,
        paper_tables=[accuracy_and_density(paper), operations_and_energy(paper)] if paper else [],
        paper_note=_shortening(len(paper), len(points)),
        books=energy_books_sentence(points),
        behaviour_panels=behaviour_panels(behaviour, points),
        behaviour_legend=study.behaviour_legend if study else behaviour_legend(behaviour),
        axis_panels=along,
        axis_legend=axis_legend,
        failures=failure_table(table),
        not_modelled=not_modelled_table(points),
        assumptions=assumption_table(points),
        numbers=chip_numbers(metadata),
        remarks=remarks_table(metadata),
        validation=validation_table(metadata),
        everything=all_points(listed),
        everything_note=_shortening(len(listed), len(points)),
        settings=settings_tables(metadata),
        versions=version_table(metadata),
        css=resource("report.css"),
        js=resource("report.js"),
    )


def _warnings(points: Sequence[Point], metadata: ResultMetadata) -> list[str]:
    mixed = coverage_note(points) if metadata.study is not None else None  # a sweep has a front for each coverage
    return [*filter(None, [mixed]), *pace_warnings(points), *contradiction_notes(metadata)]


def _summary(table: ResultTable, points: Sequence[Point]) -> str:
    counts = table.frame["status"].value_counts().to_dict()
    rows = ", ".join(f"{counts[status]} {status}" for status in ("ok", "infeasible", "failed") if status in counts)
    workload = table.metadata.workload
    seeds = sorted({int(seed) for point in points for seed in point.rows["training_seed"]})
    tested = "tested " if table.metadata.study else ""
    return (
        f"{len(points)} {tested}design points from {len(table.frame)} rows ({rows or 'none'}); {workload.name}, "
        f"{workload.test} test samples; {table.metadata.topology}; training seeds: "
        f"{', '.join(map(str, seeds)) or 'none'}. Intervals are 95 %, Student's t over training seeds, and differences "
        "are paired by seed: a claim holds if its interval excludes zero and, if it rests on a chip's numbers, 95 % of "
        "their joint draws agree."
    )


def _preferred(points: Sequence[Point], fronts: Sequence[Front], limit: int) -> list[Point]:
    """All points, or so many of them: those on a front first, then the most accurate; in the report's order."""
    if len(points) <= limit:
        return list(points)
    best = {point.number for front in fronts for point in front.best}
    ranked = sorted(points, key=lambda p: (p.number not in best, -(p.value("accuracy").mean or 0.0), p.number))
    return sorted(ranked[:limit], key=lambda point: point.number)


def _shortening(shown: int, total: int) -> str:
    if shown == total:
        return ""
    return f"{shown} of {total} points: those on a front and the most accurate. The results file holds all."


def _hypervolumes(fronts: Sequence[Front]) -> Table | None:
    rows = [
        (
            Cell(text=" × ".join(column_label(objective.column) for objective in front.objectives)),
            Cell(text=str(front.group)),
            Cell(text=f"{len(front.best)} of {len(front.members)}", order=len(front.best)),
            Cell(text=number(front.volume), order=front.volume),
            Cell(text=", ".join(quantity(o.reference, o.column) for o in front.objectives)),
        )
        for front in fronts
        if front.volume is not None and front.members
    ]
    if not rows:
        return None
    return Table(
        caption="Hypervolume, in the product of the objectives' SI units: volumes with the same reference compare.",
        headings=(
            Heading(text="objectives"),
            Heading(text="points that compare"),
            Heading(text="on the front", numeric=True),
            Heading(text="hypervolume", numeric=True),
            Heading(text="up to the fixed reference"),
        ),
        rows=tuple(rows),
    )


def _by_numbers(claims: Sequence[Claim]) -> list[Comparison]:
    """Comparisons that depend on the chips' numbers, those between chips first; one that two claims share is one."""
    ordered = sorted(claims, key=lambda claim: not claim.name.startswith("chip"))
    found = [comparison for claim in ordered for comparison in claim.comparisons if comparison.robustness]
    return list(dict.fromkeys(found))


def _evidence(claims: Sequence[Claim]) -> Table:
    headings = ("claim", "recipe", "schedule", "on", "mean", "against recipe", "schedule", "on", "mean", "difference")
    rows = [
        (
            Cell(text=claim.title),
            Cell(text=comparison.better.recipe),
            Cell(text=comparison.better.schedule),
            Cell(text=comparison.better.place),
            Cell(text=quantity(comparison.better_mean, comparison.column)),
            Cell(text=comparison.worse.recipe),
            Cell(text=comparison.worse.schedule),
            Cell(text=comparison.worse.place),
            Cell(text=quantity(comparison.worse_mean, comparison.column)),
            Cell(text=describe_gain(comparison)),
            Cell(text=str(comparison.gain.seeds), order=comparison.gain.seeds),
            Cell(text=comparison.status),
        )
        for claim in claims
        for comparison in claim.comparisons
    ]
    table = Table(
        caption="Differences are in the direction of the claim: above zero agrees with it.",
        headings=(
            *(Heading(text=text) for text in headings),
            Heading(text="seeds", numeric=True),
            Heading(text="standing"),
        ),
        rows=tuple(rows),
    )
    return shortened(table, 300)
