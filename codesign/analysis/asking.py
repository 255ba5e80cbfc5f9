"""The one evaluator: what the page, the terminal, notebooks and JSON say of a table of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from codesign.analysis.answers import Answer, plain_answer
from codesign.analysis.choosing import choose
from codesign.analysis.claims import answer_claim
from codesign.analysis.comparing import compare_sides
from codesign.analysis.naming import Names, names_of
from codesign.analysis.points import Point, gather
from codesign.analysis.printed import answer_printed
from codesign.analysis.questions import (
    ChooseQuestion,
    ClaimQuestion,
    CompareQuestion,
    Constraint,
    PrintedQuestion,
    Question,
    TargetQuestion,
    question_of,
)
from codesign.analysis.study import read_study
from codesign.analysis.suggested import search_questions, suggested_questions
from codesign.analysis.table import ResultTable
from codesign.analysis.targets import reach
from codesign.errors import InputError


def answers_of(table: ResultTable, points: Sequence[Point]) -> tuple[Answer, ...]:
    """The answers to the questions of a sweep or study, in their order; without any, to those that its shape suggests.

    Args:
        points: those of `gather(table)`.

    Raises:
        InputError: the file's questions are of no known form.
    """
    names = names_of(points)
    return tuple(
        _answer(name, question, table, points, names) for name, question in questions_of(table, points).items()
    )


def chips_at(
    table: ResultTable, points: Sequence[Point], accuracy: str | None = None, least: str = "energy_j"
) -> Answer:
    """Each chip at its best variant with a required accuracy.

    Args:
        points: those of `gather(table)`.
        accuracy: such as `95 %`, or `within 1 point of best`; None for what the first question that chooses a chip
            requires; without such a question, a point from the best.
        least: the column that decides.
    """
    questions = questions_of(table, points).values()
    chosen = next((one for one in questions if isinstance(one, ChooseQuestion) and one.choose == "chip"), None)
    required = [limit for limit in (chosen.where if chosen is not None else ()) if limit.column == "accuracy"]
    if accuracy is not None or chosen is None:
        text = accuracy or "within 1 point of best"
        required = [Constraint.parse(f"accuracy {text if text.startswith('within') else f'>= {text}'}")]
    question = ChooseQuestion(choose="chip", least=least, where=tuple(required[:1]))
    return choose("chips", question, points, names_of(points))


def json_of(table: ResultTable) -> str:
    """The answers as JSON: SI units, points by what they are."""
    answers = [plain_answer(answer) for answer in answers_of(table, gather(table))]
    return json.dumps(answers, indent=2, allow_nan=False)


def questions_of(table: ResultTable, points: Sequence[Point]) -> Mapping[str, Question]:
    """The questions of a file by name, or those that its shape suggests; of a study also whether it got anywhere.

    Raises:
        InputError: they are of no known form, or a study's trials and rows do not fit together.
    """
    study = read_study(table, points)
    about_trials = {} if study is None else search_questions(study)
    if not table.metadata.questions:
        return {**suggested_questions(points, table.metadata.objectives), **about_trials}
    try:
        asked = {name: question_of(content) for name, content in table.metadata.questions.items()}
    except ValueError as error:
        raise InputError(f"results: questions from another version of codesign: {error}") from None
    return {**asked, **{name: question for name, question in about_trials.items() if name not in asked}}


def _answer(name: str, question: Question, table: ResultTable, points: Sequence[Point], names: Names) -> Answer:
    match question:
        case ChooseQuestion():
            return choose(name, question, points, names)
        case CompareQuestion():
            return compare_sides(name, question, points, names)
        case ClaimQuestion():
            return answer_claim(name, question, points, names, failed=table.frame[table.frame["status"] != "ok"])
        case TargetQuestion():
            return reach(name, question, points, names)
        case PrintedQuestion():
            return answer_printed(name, question, points, table.metadata)
