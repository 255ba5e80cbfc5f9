"""The one place where questions are answered, for the page, the terminal, notebooks and JSON alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from codesign.analysis.answers.answers import Answer, plain_answer
from codesign.analysis.answers.choosing import choose
from codesign.analysis.answers.claims import answer_claim
from codesign.analysis.answers.comparing import compare_sides
from codesign.analysis.answers.printed import answer_printed
from codesign.analysis.answers.remarks import costs_and_guesses, left_aside
from codesign.analysis.answers.suggested import search_questions, suggested_questions
from codesign.analysis.answers.targets import reach
from codesign.analysis.comparisons.constraints import Constraint
from codesign.analysis.questions import (
    ChooseQuestion,
    ClaimQuestion,
    CompareQuestion,
    PrintedQuestion,
    Question,
    TargetQuestion,
    question_of,
)
from codesign.analysis.results.naming import Names, names_of
from codesign.analysis.results.points import Point, gather
from codesign.analysis.results.study import Study, read_study
from codesign.analysis.results.table import ResultTable, refuse_twice
from codesign.arguments import one_of
from codesign.errors import InputError
from codesign.hardware.terms import BOOKS, StaticBook


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class AnsweredTable(ResultTable):
    """A results file in memory with its answers, each worked out once, when it is asked for.

    Attributes:
        searched_in: the book in which a study's trials have their energies, if its points were asked for in a book.
    """

    searched_in: StaticBook | None = None

    @classmethod
    def of(cls, table: ResultTable) -> Self:
        """Wrap a table so that it can be asked; return it as it is if it already can be."""
        return table if isinstance(table, cls) else cls(frame=table.frame, metadata=table.metadata)

    def in_book(self, book: StaticBook) -> Self:
        """Return the table with energies that count the static power of the whole `board`, or of the `cores_in_use`.

        Raises InputError for any other book."""
        one_of("book", book, BOOKS)
        searched_in = self.searched_in or self.metadata.static_book
        return replace(self, metadata=replace(self.metadata, static_book=book), searched_in=searched_in)

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Design points, each with its seeds gathered; `point.value(column)` gives means and intervals.

        Raises InputError if rows from several results hold the same seed of a point twice."""
        refuse_twice(self.frame, "results")
        return gather(self)

    @cached_property
    def names(self) -> Names:
        """The names of chips, schedules and recipes for a reader."""
        return names_of(self.points)

    @cached_property
    def study(self) -> Study | None:
        """What was searched; None for a sweep. Raises InputError if trials and rows do not fit together."""
        return read_study(self, self.points)

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """The questions of the file by name, or those that its shape suggests; for a study also whether the search
        gained anything.

        Raises InputError if a question has no known form, or a study's trials and rows do not fit together."""
        about_trials = {} if self.study is None else search_questions(self.study)
        if not self.metadata.questions:
            return {**suggested_questions(self.points, self.metadata.objectives), **about_trials}
        try:
            asked = {name: question_of(content) for name, content in self.metadata.questions.items()}
        except ValueError as error:
            raise InputError(f"results: questions from another version of codesign: {error}") from None
        return {**asked, **{name: question for name, question in about_trials.items() if name not in asked}}

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The answers, in the order in which page and terminal show them: as in the file, those on settings alone last.

        Raises InputError as `questions` does."""
        return tuple(_answer(name, question, self) for name, question in sorted(self.questions.items(), key=_is_aside))

    @cached_property
    def chips(self) -> Answer:
        """The answer to the first question that chooses a chip; without one, the chip with the least energy."""
        for answer in self.answers:
            question = self.questions[answer.name]
            if isinstance(question, ChooseQuestion) and question.choose == "chip":
                return answer
        where = (Constraint.parse("accuracy within 1 point of best"),)
        by_energy = ChooseQuestion(choose="chip", least="energy_j", where=where)
        return choose("chips", by_energy, self.points, self.names)

    @cached_property
    def decision(self) -> Answer:
        """The first answer with options to decide between, which a page's first screen shows; without one, `chips`."""
        return next((answer for answer in self.answers if answer.options and answer.form != "printed"), self.chips)

    @cached_property
    def costs(self) -> str:
        """What a sample costs at the best point of each chip, to be told where there is no question; or why no point
        has a cost."""
        best = [option.point for option in self.chips.options if option.point is not None]
        return costs_and_guesses(best, self.names) or " ".join(left_aside(self.points, (), self.names))


def json_of(table: AnsweredTable) -> str:
    """Return the answers as JSON: in SI units, points by what identifies them."""
    return json.dumps([plain_answer(answer) for answer in table.answers], indent=2, allow_nan=False)


def _is_aside(asked: tuple[str, Question]) -> bool:
    """Whether a question only compares settings, which no sweep is run to answer."""
    return isinstance(asked[1], PrintedQuestion) and not asked[1].rows


def _answer(name: str, question: Question, table: AnsweredTable) -> Answer:
    points, names = table.points, table.names
    match question:
        case ChooseQuestion():
            return choose(name, question, points, names)
        case CompareQuestion():
            return compare_sides(name, question, points, names)
        case ClaimQuestion():
            return answer_claim(name, question, points, names)
        case TargetQuestion():
            return reach(name, question, points, names)
        case PrintedQuestion():
            return answer_printed(name, question, points, table.metadata)
