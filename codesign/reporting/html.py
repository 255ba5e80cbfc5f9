"""The page of a sweep: one self-contained file, a pure function of the results, with the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from codesign.analysis.answers.answers import Answer, Option
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.remarks import silent_networks
from codesign.analysis.answers.savings import first_taking_part, what_limits
from codesign.analysis.answers.selecting import value_of
from codesign.analysis.comparisons.constraints import Constraint, more_is_better
from codesign.analysis.comparisons.not_modelled import unpriced_currents
from codesign.analysis.comparisons.variants import best_variant
from codesign.analysis.questions import CHOICES, ChooseQuestion, CompareQuestion, Question
from codesign.analysis.results.columns import AXIS_PREFIX
from codesign.analysis.results.formatting import chance_percent
from codesign.analysis.results.metadata import ResultMetadata
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import GIVEN
from codesign.analysis.results.table import ResultTable
from codesign.arguments import instance
from codesign.files import Location, write_atomically
from codesign.hardware.terms import BOOKS, StaticBook
from codesign.reporting.facts import trust_line, without_result
from codesign.reporting.page.data import FACTS, block, columns_of, preferred
from codesign.reporting.sections.contents import sections_of
from codesign.reporting.templates import render_page
from codesign.units import plural

_SCRIPTS = ("common.js", "first.js", "labels.js", "chart.js", "points.js")
_MOST_ANSWERS = 3
_SHARE = "the share of training seeds and of draws of the chips' numbers that agree"
_UNASKED = {"name": "", "by": "chip", "objective": "energy_j", "limits": [], "rows": []}
"""The question on the first screen if no question has options."""


def write_report(table: ResultTable, path: Location) -> None:
    """Write the report of results, as `read_results` or `run_sweep` returns them, to a path or a URL, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    instance("table", table, ResultTable)
    write_atomically(path, render_report(table).encode())


def render_report(table: ResultTable) -> str:
    """The report as HTML, at most about three megabytes for any size of sweep."""
    answered = AnsweredTable.of(table)
    metadata, points, answers = answered.metadata, answered.points, answered.answers
    shown = preferred(points, metadata.objectives)
    data = _data(answered, shown)
    sections = sections_of(answered)
    accuracies = [100 * mean for point in points if (mean := point.value("accuracy").mean) is not None]
    places = {asked["name"]: place for place, asked in enumerate(data["asked"])}
    opened = next((answer for answer in answers if answer.name in places), answers[0] if answers else None)
    ranked = opened.options if opened is not None else ()
    trust = trust_line(metadata, ranked, answered.names) if points else ""  # otherwise there is no number to trust
    return render_page(
        "page/page.html.j2",
        scripts=_SCRIPTS if points else _SCRIPTS[:1],  # others draw points
        parts=sections,
        points=block(data) if points else "",
        title=metadata.title,
        answers=_first_answers(answers, opened),
        opened=opened,
        places=places,
        share=_SHARE,
        further=max(len(answers) - _MOST_ANSWERS, 0),
        note=_note(answered),
        data=data,
        limits={"low": int(min(accuracies, default=0)), "high": round(max(accuracies, default=100) + 0.05, 1)},
        trust=" ".join(filter(None, [unpriced_currents(points), trust])),
        lowering=what_limits(first_taking_part(answered.decision.options), answered.names),
        lacking=without_result(answered),
        summary=_summary(metadata, points),
        sections=sections,
        total=len(points),
    )


def _data(table: AnsweredTable, shown: Sequence[Point]) -> dict[str, Any]:
    """The data of the script. Questions are in their order, without those that have no options."""
    numbers = {point.number for point in shown}
    books = {book: [point for point in in_book if point.number in numbers] for book, in_book in _books(table).items()}
    asked = []
    for answer in table.answers:
        found = _asked(table.questions[answer.name], answer, shown, books)
        if found is not None:
            asked.append({"name": answer.name, **found})
    samples = table.metadata.workload.test or 1
    needed = {name for of in asked for name in (of["by"], of["objective"], *(column for column, _, _ in of["limits"]))}
    return {
        **columns_of(books, table.names, needed, [of["objective"] for of in asked]),
        "asked": asked or [_UNASKED],
        "book": table.metadata.static_book,
        "leastError": 0.5 / samples,
    }


def _books(table: AnsweredTable) -> dict[StaticBook, Sequence[Point]]:
    drawn = [name for name in table.frame.columns if "draws" in name or "uncertain" in name]
    means = replace(table, frame=table.frame.drop(columns=drawn))  # draws take long, and the script does not need them
    own = table.metadata.static_book
    return {book: table.points if book == own else means.in_book(book).points for book in BOOKS}


def _first_answers(answers: Sequence[Answer], opened: Answer | None) -> list[Answer]:
    """The answers on the first screen, in their order, among them the one that is open."""
    others = [answer for answer in answers if answer is not opened][: _MOST_ANSWERS - 1]
    return [answer for answer in answers if answer is opened or answer in others]


def _note(table: AnsweredTable) -> str:
    """The note on the first screen: the file's general question if it asks no other, and remarks that replace or limit
    answers."""
    said = [] if table.answers else [table.metadata.question]
    if silent := silent_networks(table):
        said.append(f"{silent}.")
    if not table.points:
        said.append("No design point has a result, so nothing is answered.")
    elif table.study and table.study.emptiness:
        said.append(table.study.emptiness)
    elif not table.answers:
        said.append(table.costs)
    elif table.study:
        said += table.study.named_in(
            [f"{answer.question} {answer.sentence}" for answer in table.answers[:_MOST_ANSWERS]]
        )
    return " ".join(filter(None, said))


def _summary(metadata: ResultMetadata, points: Sequence[Point]) -> str:
    workload = metadata.workload
    seeds = max((len(point.training_seeds) for point in points if point.training_method != GIVEN), default=0)
    coverage = f" {workload.coverage}." if workload.coverage else ""
    counts = plural(len(points), "design point")
    each = f", {plural(seeds, 'training seed')} each" if seeds else ""
    data = f"Data: {workload.name}, {workload.test:,} test samples.{coverage}"
    energy = "all that is powered" if metadata.static_book == "board" else "the cores in use"
    return f"{counts}{each}. {data} Energy: {energy}."


# questions, for the script to answer again ---------------------------------------------------------------------------


def _asked(
    question: Question, answer: Answer, shown: Sequence[Point], books: Mapping[StaticBook, Sequence[Point]]
) -> dict[str, Any] | None:
    """The data that the script needs to answer a question for other requirements; None if it has no options. Points are
    given by their positions in `shown`."""
    if answer.form == "printed" or not answer.options:
        return None
    places = {point.number: place for place, point in enumerate(shown)}
    required = max((limit.value for limit in answer.where if _of_control(limit)), default=None)
    members = [places[point.number] for point in answer.able if point.number in places]
    all_able = [place for place, point in enumerate(shown) if not point.set_aside]
    by, named = _by(question, answer)
    return {
        "by": by,
        "objective": answer.column,
        "more": answer.more,
        "ofPoints": not named,
        "required": required,
        "limits": _limits(question, answer, books),
        "members": None if members == all_able else members,
        "rows": [_asked_row(option, places) for option in answer.options],
    }


def _limits(
    question: Question, answer: Answer, books: Mapping[StaticBook, Sequence[Point]]
) -> list[tuple[str, str, dict[StaticBook, float]]]:
    """The limits that a reader cannot move, in each book: `within … of best` moves with the energies."""
    able = {point.number for point in answer.able}
    path = question.choose.removeprefix(AXIS_PREFIX) if isinstance(question, ChooseQuestion) else "chip"
    concerned = {
        book: [point for point in points if point.number in able and value_of(point, path) is not None]
        for book, points in books.items()
    }

    def limit_in(points: Sequence[Point], limit: Constraint) -> float:
        asked, column = Constraint.parse(limit.text), limit.column
        best = best_variant(points, column, more=more_is_better(column)) if asked.relation == "within" else None
        mean = None if best is None else best.value(column).mean
        return limit.value if mean is None else float(asked.from_best(np.array(mean)))

    return [
        (limit.column, limit.relation, {book: limit_in(points, limit) for book, points in concerned.items()})
        for limit in answer.where
        if not _of_control(limit)
    ]


def _of_control(limit: Constraint) -> bool:
    """Whether a reader can move this limit, which is so for the least accuracy."""
    return limit.column == "accuracy" and limit.is_least


def _by(question: Question, answer: Answer) -> tuple[str, bool]:
    """The fact whose values are the options, and whether these are the answer's; for two sides, the first in which they
    differ, of those that both name if there are any."""
    if isinstance(question, ChooseQuestion):
        return question.choose, True
    points = [option.point for option in answer.options if option.point is not None]
    axes = [path for path, _ in points[0].axes] if points else []
    sides = question.compare if isinstance(question, CompareQuestion) else ()
    further = sorted({name for side in sides if not isinstance(side, str) for name in side} & FACTS.keys())
    values = {name: {value_of(point, name) for point in points} for name in (*CHOICES, *axes, *further)}
    differing = [name for name, found in values.items() if len(found) > 1]

    def is_named(name: str) -> bool:
        return all(side in values[name] if isinstance(side, str) else name in side for side in sides)

    named = next(filter(is_named, differing), None) if sides else None
    name = named or next(iter(differing), "chip")
    return f"{AXIS_PREFIX}{name}" if name in axes else name, named is not None


def _asked_row(option: Option, places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "label": option.label,
        "point": None if option.point is None else places.get(option.point.number),
        "factor": None if option.factor is None else float(f"{option.factor:.6g}"),
        "wins": None if option.wins is None else chance_percent(option.wins),
        "obstacle": option.obstacle,
    }
