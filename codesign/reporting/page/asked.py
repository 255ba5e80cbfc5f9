"""Questions and answers as the first screen shows them, and as its script goes on from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codesign.analysis.answers.answers import Answer, Option
from codesign.analysis.answers.selecting import points_in
from codesign.analysis.comparisons.constraints import resolved
from codesign.analysis.questions import ChooseQuestion, CompareQuestion, Constraint, Question, TargetQuestion
from codesign.analysis.results.points import Point

_SIDES = ("chip", "schedule", "recipe")
MOST_OPTIONS = 40


def asked_of(
    question: Question, answer: Answer, points: Sequence[Point], shown: Sequence[Point]
) -> dict[str, Any] | None:
    """What the script needs to answer a question for other requirements; None of one that has no options.

    Args:
        points: all.
        shown: those in the page, by position.
    """
    if not isinstance(question, ChooseQuestion | CompareQuestion | TargetQuestion) or not answer.options:
        return None
    places = {point.number: place for place, point in enumerate(shown)}
    column, more = _aim(question)
    selected = points_in(points, question.select) if question.select else points
    limits = resolved(_limits(question), [point for point in selected if not point.set_aside])
    required = max((limit.value for limit in limits if _of_control(limit)), default=None)
    members = [places[point.number] for point in selected if point.number in places]
    return {
        "by": _by(question, answer),
        "objective": column,
        "more": more,
        "required": required,
        "limits": [[limit.column, limit.relation, limit.value] for limit in limits if not _of_control(limit)],
        "members": members if len(selected) < len(points) else None,
        "rows": [_row(option, places) for option in answer.options[:MOST_OPTIONS]],
    }


def _aim(question: ChooseQuestion | CompareQuestion | TargetQuestion) -> tuple[str, bool]:
    """The column that decides, and whether more of it is better."""
    match question:
        case ChooseQuestion():
            return question.column, question.most is not None
        case CompareQuestion():
            return question.columns[0], question.columns[0] == "accuracy"
        case TargetQuestion():
            return "energy_j", False


def _limits(question: ChooseQuestion | CompareQuestion | TargetQuestion) -> tuple[Constraint, ...]:
    return question.target if isinstance(question, TargetQuestion) else question.where


def _of_control(limit: Constraint) -> bool:
    """Whether a reader may move this limit: the least accuracy."""
    return limit.column == "accuracy" and limit.relation in (">=", ">")


def _by(question: Question, answer: Answer) -> str:
    """The fact whose values are the options; of two sides, the first in which they differ."""
    if isinstance(question, ChooseQuestion):
        return question.choose
    points = [option.point for option in answer.options if option.point is not None]
    return next((side for side in _SIDES if len({getattr(point, side) for point in points}) > 1), "chip")


def _row(option: Option, places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "label": option.label,
        "point": None if option.point is None else places.get(option.point.number),
        "factor": None if option.factor is None else float(f"{option.factor:.6g}"),
        "wins": None if option.wins is None else round(option.wins, 3),
        "obstacle": option.obstacle,
    }
