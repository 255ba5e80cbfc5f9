"""Questions that the shape of a sweep suggests where its file asks none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from codesign.analysis.columns import AXIS_PREFIX, COLUMNS
from codesign.analysis.formatting import column_label
from codesign.analysis.metadata import Objective
from codesign.analysis.points import Point
from codesign.analysis.questions import ChooseQuestion, ClaimQuestion, Constraint, Question
from codesign.analysis.selecting import ladders_along, pairs_between, points_in
from codesign.analysis.variants import best_variant, by_option

__all__ = ["suggested_questions"]

_ACCURATE = (Constraint.parse("accuracy within 1 point of best"),)
_MOST_AXES = 6
_FREE = {"free_running": True}


def suggested_questions(points: Sequence[Point], objectives: Sequence[Objective]) -> Mapping[str, Question]:
    """Which chip, which schedule, which training, what not waiting costs, what gives it back, what each axis does.

    Args:
        objectives: of the sweep; an axis is asked about the first that it moves.
    """
    able = [point for point in points if not point.silent]
    return dict([*_choices(able), *_waiting(able), *_axes(able, objectives)])


def _choices(points: Sequence[Point]) -> Iterator[tuple[str, Question]]:
    if len({point.chip for point in points}) > 1:
        cost = "energy_j" if any(point.value("energy_j").mean is not None for point in points) else "latency_s"
        yield "chip", ChooseQuestion(choose="chip", least=cost, where=_ACCURATE)
    schedules = {(point.chip, point.schedule) for point in points if not point.beyond_chip}
    several = Counter(chip for chip, _ in schedules)
    chip = min(several, key=lambda name: (-several[name], name), default=None)
    on_one = {} if chip is None or len(several) == 1 else {"chip": chip}
    if chip is not None and several[chip] > 1:
        yield "schedule", ChooseQuestion(choose="schedule", most="accuracy", select=on_one)
    if len({point.recipe for point in points_in(points, on_one)}) > 1:
        yield "training", ChooseQuestion(choose="recipe", most="accuracy", select=on_one)


def _waiting(points: Sequence[Point]) -> Iterator[tuple[str, Question]]:
    """What layered-trained models lose where nothing waits, and what gives it back; only what the points can say."""
    layered = {"training_method": "layered", "calibration": None}
    trained = points_in(points, layered)
    if pairs_between(trained, {"layered": True}, _FREE):
        yield (
            "not_waiting",
            ClaimQuestion(
                claim="A model trained layer by layer loses accuracy where layers do not wait",
                column="accuracy",
                select=layered,
                more={"layered": True},
                less=_FREE,
            ),
        )
    free = points_in(points, _FREE)
    if pairs_between(free, {"training_method": "unlayered"}, {"training_method": "layered"}):
        yield (
            "training_for_it",
            ClaimQuestion(
                claim="Training without waiting recovers accuracy",
                column="accuracy",
                select=_FREE,
                more={"training_method": "unlayered"},
                less={"training_method": "layered"},
            ),
        )
    if any(len(ladder) > 1 for ladder in ladders_along(points_in(free, layered), "group_size")):
        yield (
            "larger_groups",
            ClaimQuestion(
                claim="More neurons per step recover the accuracy of a model trained layer by layer",
                column="accuracy",
                select={**layered, **_FREE},
                along="group_size",
            ),
        )


def _axes(points: Sequence[Point], objectives: Sequence[Objective]) -> Iterator[tuple[str, Question]]:
    paths = dict.fromkeys(name for point in points for name, value in point.axes if value is not None)
    for path in list(paths)[:_MOST_AXES]:
        moving = [one for one in objectives if _moves(points, path, one)]
        if path == "trial":  # an accuracy that is close to the best is asked for, so the best of it says nothing
            moving = [one for one in moving if one.column != "accuracy"] or moving
        moved = next(iter(moving), None)
        if moved is None:
            continue
        most = moved.column if moved.direction == "maximize" else None
        least = moved.column if moved.direction == "minimize" else None
        ask, where = "", tuple[Constraint, ...]()
        if path == "trial":
            wanted = f"the {'highest' if most else 'least'} {column_label(moved.column)}"
            ask = f"Which trial has {wanted}, at nearly the best accuracy?"
            where = _ACCURATE
        yield (
            path.replace(".", "_"),
            ChooseQuestion(ask=ask, choose=f"{AXIS_PREFIX}{path}", most=most, least=least, where=where),
        )


def _moves(points: Sequence[Point], path: str, objective: Objective) -> bool:
    """Whether the best that each value of an axis allows differs between its values."""
    column = objective.column
    if column not in COLUMNS or COLUMNS[column].kind not in ("int", "float"):
        return False
    values = by_option(points, lambda point: dict(point.axes).get(path))
    best = [best_variant(variants, column, more=objective.direction == "maximize") for variants in values.values()]
    return len({f"{point.value(column).mean:.9g}" for point in best if point is not None}) > 1
