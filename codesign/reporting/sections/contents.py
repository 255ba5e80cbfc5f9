"""All folded sections of a page, what interests most readers first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codesign.analysis.answers.answers import Answer
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.figures import FigureEntry
from codesign.analysis.results.formatting import listed
from codesign.analysis.results.metadata import ResultMetadata
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.reporting.charts.asked import asked_section
from codesign.reporting.charts.base import Figure
from codesign.reporting.charts.sweeps import effects_figure, matrix_figure
from codesign.reporting.facts import by_chip, chip_numbers, failure_table, pace_warnings, settings_tables, varied_of
from codesign.reporting.pieces import Cell, Heading, Section, Table, table_of, text_table, with_rows
from codesign.reporting.sections.evidence import evidence_section
from codesign.reporting.sections.parts import parts_section
from codesign.reporting.sections.printed import printed_section
from codesign.reporting.sections.study import study_sections
from codesign.units import format_si, plural

_EFFECTS = ("accuracy", "energy_j", "latency_s", "area_m2", "spike_density")
_SHOWN = "Dots: options against the mean of all, over cases that differ in this choice alone. Bars: the least and most."


def sections_of(table: AnsweredTable) -> tuple[Section, ...]:
    """All sections that are not empty."""
    metadata, points, answers = table.metadata, table.points, table.answers
    if table.study is None:
        compared = [effects_section(points, table.names)]
    else:
        compared = [*study_sections(table.study, metadata, table.names, table.searched_in)]
    contradicted = dict.fromkeys(note for _, chip in sorted(metadata.chips.items()) for note in chip.contradictions)
    found = (
        _answers(answers, metadata.question),
        printed_section(answers),
        asked_section([FigureEntry.model_validate(entry) for entry in metadata.figures], points),
        *compared,
        parts_section(table),
        evidence_section(answers, table.names),
        Section(
            name="not-modelled",
            title="What is not modelled",
            body=(*pace_warnings(points), *contradicted, *with_rows(*_said_of_chips(points))),
        ),
        Section(name="failures", title="Without a result", body=with_rows(failure_table(table))),
        Section(
            name="chips",
            title="Chips: where the numbers come from",
            body=with_rows(_citations(metadata), chip_numbers(metadata), _remarks(metadata)),
        ),
        _reproduction(metadata),
    )
    return tuple(section for section in found if section.body or section.code)


def effects_section(points: Sequence[Point], names: Names) -> Section:
    """The effect of each choice, and trainings by schedules if a sweep crosses them; empty if no choice has two
    options."""
    crossed = all(len({part(point) for point in points}) > 1 for part in (names.training, names.run))
    matrix = [matrix_figure("trained-run", points, names, "accuracy")] if crossed else []
    effects = [*filter(None, (effects_figure(points, names, column) for column in _EFFECTS))]
    body: list[str | Figure] = [*filter(None, matrix), *([_SHOWN] if effects else []), *effects]
    return Section(name="effects", title="What each choice does", summary="all else equal", body=tuple(body))


def _said_of_chips(points: Sequence[Point]) -> Iterator[Table]:
    left_out = ((point.chip, entry) for point in points for entry in point.not_modelled)
    yield by_chip("left-out", "Left out because the chip's numbers are not known.", left_out)
    assumed = ((point.chip, entry) for point in points for entry in point.assumptions)
    yield by_chip("assumed", "Assumed, because the chip does not state or have it.", assumed)


def _remarks(metadata: ResultMetadata) -> Table:
    notes = ((name, note) for name, chip in sorted(metadata.chips.items()) for note in chip.notes)
    return by_chip("remarks", "Remarks of the chips' files on their numbers.", notes)


def _answers(answers: Sequence[Answer], question: str) -> Section:
    """The general question of the sweep, and all its questions, with answers and remarks."""
    rows = [
        {
            Heading("question"): Cell(answer.question),
            Heading("how sure"): Cell(answer.how_sure),
            Heading("answer", wide=True): Cell(" ".join((answer.sentence, *answer.remarks))),
        }
        for answer in answers
    ]
    body = table_of("What was asked, and all that is said of it.", rows)
    count = plural(len(answers), "question")
    return Section(
        name="answers", title="All answers", summary=count, body=(*filter(None, [question]), body) if rows else ()
    )


def _citations(metadata: ResultMetadata) -> Table:
    kinds = {
        name: "varied" if "synchronization" in varied_of(metadata, name) else chip.synchronization
        for name, chip in metadata.chips.items()
    }
    rows = [
        (name, chip.title, kinds[name], chip.operating_point, chip.citation, chip.validation_summary)
        for name, chip in sorted(metadata.chips.items())
    ]
    headings = ("chip", "title", "synchronization", "operating point", "source", "validation")
    return text_table("Chips of the sweep.", headings, rows)


def _reproduction(metadata: ResultMetadata) -> Section:
    workload, jobs = metadata.workload, metadata.jobs
    timestep = format_si(workload.timestep_s, "s")
    of_workload = [path for path in metadata.varied if path.startswith("workload.")]
    varied = f"; varied: {listed(of_workload)}" if of_workload else ""
    counts = f"{workload.validation} validation, {workload.test} test, {workload.train} training"
    rows = [
        ("configuration hash", metadata.config_hash),
        ("data", f"{workload.name}: {counts}{varied}"),
        ("input", f"{workload.timesteps} timesteps of {timestep}" if workload.timestep_s else "a static input"),
        ("coverage", workload.coverage or "the whole dataset was there, as far as the loader knows"),
        ("network", metadata.topology),
        (
            "jobs",
            f"{jobs.trained} trainings, {jobs.executed} executions, {jobs.priced} summaries and prices; "
            f"{jobs.reused} from the store",
        ),
        *(("failures", line) for line in metadata.platform),
    ]
    tables = [
        text_table("What was run.", ("what", "value"), rows, "run"),
        *settings_tables(metadata),
        text_table("Versions.", ("package", "version"), sorted(metadata.versions.items()), "versions"),
    ]
    description = (metadata.description,) if metadata.description else ()
    return Section(
        name="reproduction",
        title="Data, method and reproduction",
        body=(*description, *with_rows(*tables)),
        code=metadata.command,
    )
