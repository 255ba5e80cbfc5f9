"""Questions that the shape of a sweep suggests if its file asks none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codesign.analysis.answers.selecting import ladders_along, pairs_between, points_in, value_of
from codesign.analysis.comparisons.constraints import Constraint
from codesign.analysis.comparisons.variants import best_variant, by_option
from codesign.analysis.questions import ChooseQuestion, ClaimQuestion, CompareQuestion, Question, Selection, Size
from codesign.analysis.results.columns import AXIS_PREFIX, BASELINE, NUMERIC_COLUMNS, TRIAL_AXIS
from codesign.analysis.results.formatting import column_label
from codesign.analysis.results.metadata import Objective
from codesign.analysis.results.points import Point
from codesign.analysis.results.study import Study, trial_name, trial_title

_ACCURATE = (Constraint.parse("accuracy within 1 point of best"),)
_WITHIN_A_POINT = Size.parse("-1 points")
_MOST_AXES = 6
_FREE = {"free_running": True}


def suggested_questions(points: Sequence[Point], objectives: Sequence[Objective]) -> Mapping[str, Question]:
    """Return questions on the best chip, schedule and training, what not waiting costs, what makes up for it, and what
    each axis does to the first objective that it moves."""
    able = [point for point in points if not point.silent and not point.drops_spikes]
    return dict([*_choices(able), *_waiting(able), *_axes(able, objectives)])


def search_questions(study: Study) -> Mapping[str, Question]:
    """Return questions whether the best trials of a study beat its baseline on the test data, which chose none of them,
    and what that costs in accuracy and the other objectives."""
    if BASELINE not in study.tested:
        return {}
    baseline: Selection = {TRIAL_AXIS: BASELINE}
    asked: dict[str, Question] = {}
    columns = [objective.column for objective in study.objectives]
    for place, objective in enumerate(study.objectives):
        best = study.best(place)
        if best is None or trial_name(best) not in study.tested:
            continue
        asked[f"best_{objective.column}"] = CompareQuestion(
            ask=f"Is {trial_title(best)}, the best of the front in {column_label(objective.column)} on validation, "
            "also better on test than the baseline, with the same trained models?",
            compare=({TRIAL_AXIS: trial_name(best)}, baseline),
            columns=tuple(dict.fromkeys((objective.column, *columns, "accuracy"))),
        )
    return asked


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
    """Yield questions on what layered-trained models lose if nothing waits, and what makes up for it, the cheapest
    first, as far as points with the same cost of spikes in training can answer them."""
    trained: Selection = {"training_method": "layered"}
    layered: Selection = {**trained, "calibration": None}
    calibrated = {"calibration": tuple(sorted({p.calibration for p in points if p.calibration is not None}))}
    unlayered: Selection = {"training_method": "unlayered"}
    waiting = {"layered": True}

    def claim(text: str, select: Selection, **form: Any) -> ClaimQuestion:
        return ClaimQuestion(claim=text, column="accuracy", select=select, **form)

    losing = "A model trained layer by layer loses accuracy where layers do not wait"
    draining = "Waiting until all activity has drained recovers the accuracy of a model trained layer by layer"
    reaching = "Trained without waiting, a model that does not wait comes within a point of layers that wait"
    grouping = "More neurons per step recover the accuracy of a model trained layer by layer"
    free = {**layered, **_FREE}
    asked = {
        "not_waiting": claim(losing, layered, more=waiting, less=_FREE),
        "larger_groups": claim(grouping, free, along="group_size"),
        "later_answers": claim(draining, free, more={"stop": "drained"}, less={"stop": "on_output"}),
        "calibration": claim(
            "Calibrated thresholds recover accuracy", {**trained, **_FREE}, more=calibrated, less={"calibration": None}
        ),
        "training_for_it": claim("Training without waiting recovers accuracy", _FREE, more=unlayered, less=layered),
        "made_up_for": claim(
            reaching, {}, more={**unlayered, **_FREE}, less={**layered, **waiting}, at_least=_WITHIN_A_POINT
        ),
    }
    for name, question in asked.items():
        chosen = points_in(points, question.select)
        if question.along is not None:
            known = any(len(ladder) > 1 for ladder in ladders_along(chosen, question.along))
        else:
            pairs = pairs_between(chosen, question.more or {}, question.less or {})
            known = any(more.training_cost == less.training_cost for more, less in pairs)
        if known:
            yield name, question


def _axes(points: Sequence[Point], objectives: Sequence[Objective]) -> Iterator[tuple[str, Question]]:
    paths = dict.fromkeys(name for point in points for name in point.axis_texts)
    for path in list(paths)[:_MOST_AXES]:
        moving = [one for one in objectives if _moves(points, path, one)]
        if path == TRIAL_AXIS:  # the question asks for an accuracy close to the best, so the best accuracy says nothing
            moving = [one for one in moving if one.column != "accuracy"] or moving
        if not moving:
            continue
        moved = moving[0]
        most = moved.column if moved.direction == "maximize" else None
        least = moved.column if moved.direction == "minimize" else None
        where = _ACCURATE if path == TRIAL_AXIS and moved.column != "accuracy" else ()
        question = ChooseQuestion(choose=f"{AXIS_PREFIX}{path}", most=most, least=least, where=where)
        yield path.replace(".", "_"), question


def _moves(points: Sequence[Point], path: str, objective: Objective) -> bool:
    """Whether the best that a value of an axis allows differs between its values."""
    column = objective.column
    if column not in NUMERIC_COLUMNS:
        return False
    values = by_option(points, lambda point: value_of(point, path))
    best = [best_variant(variants, column, more=objective.direction == "maximize") for variants in values.values()]
    return len({f"{point.value(column).mean:.9g}" for point in best if point is not None}) > 1
