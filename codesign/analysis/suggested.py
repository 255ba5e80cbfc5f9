"""Questions that the shape of a sweep suggests where its file asks none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codesign.analysis.metadata import Objective
from codesign.analysis.points import Point
from codesign.analysis.questions import ChooseQuestion, Constraint, Question

__all__ = ["suggested_questions"]


def suggested_questions(points: Sequence[Point], objectives: Sequence[Objective]) -> Mapping[str, Question]:
    """By name: which chip, which schedule, which training, what each axis does."""
    questions: dict[str, Question] = {}
    if len({point.chip for point in points}) > 1:
        questions["chip"] = ChooseQuestion(
            choose="chip", least="energy_j", where=(Constraint.parse("accuracy within 1 point of best"),)
        )
    if len({point.recipe for point in points}) > 1:
        questions["training"] = ChooseQuestion(choose="recipe", most="accuracy")
    return questions
