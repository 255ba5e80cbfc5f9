"""Claims that the value of every training seed lies above or below a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from codesign.analysis.answers.answers import Answer, Status
from codesign.analysis.answers.chance import one_training, trained_once
from codesign.analysis.answers.remarks import may_miss
from codesign.analysis.comparisons.constraints import Constraint, Relation, met_in, shortfalls
from codesign.analysis.comparisons.robustness import drawn
from codesign.analysis.questions import ClaimQuestion
from codesign.analysis.results.formatting import like, stated, whole_percent
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.samples import counts_samples, samples_of, share_by_samples
from codesign.analysis.results.statistics import CONFIDENCE
from codesign.deferred import pd
from codesign.units import plural

UNDRAWN = "Claims about gains or two columns leave out the ranges of the chips' numbers, which may change the answer."
WEAKER: dict[Status, Status] = {"holds": "holds in part", "does not hold": "not shown"}


def judge_limit(
    answer: partial[Answer], question: ClaimQuestion, known: Sequence[tuple[Point, pd.Series]], names: Names
) -> Answer:
    """Judge points with their values by training seed. What all seeds show is weakened if there is a single one, or if
    the ranges of the chips' numbers, terms that are not modelled or the choice of test samples may change it."""
    limit = _limit(question)
    seen = np.array([value for _, of in known for value in of])
    within = shortfalls(seen, np.array(limit.value), limit) <= 0
    standing: Status = "holds" if within.all() else "holds in part" if within.any() else "does not hold"
    points = [point for point, _ in known]
    if question.relative_to is not None:
        doubts = [UNDRAWN] if any(drawn(point, limit.column) for point in points) else []
    else:
        doubts = [*dict.fromkeys(_doubts(points, limit, names, standing))]
    if all(trained_once(point, limit.column) for point in points):
        doubts = [one_training(), *doubts]
    return answer(
        standing=WEAKER.get(standing, standing) if doubts else standing,
        sentence=f"It holds for {within.sum()} of {len(within)} values, each of a training seed.",
        remarks=(*doubts, *filter(None, [question.remark])),
    )


def _limit(question: ClaimQuestion) -> Constraint:
    relation: Relation = "<" if question.above is None else ">"
    value = question.below if question.above is None else question.above
    return _constraint(question.column, relation, float(value or 0.0))


def _opposite(limit: Constraint) -> Constraint:
    return _constraint(limit.column, ">=" if limit.relation == "<" else "<=", limit.value)


def _constraint(column: str, relation: Relation, value: float) -> Constraint:
    text = f"{column} {relation} {stated(value, like(column))}"
    return Constraint(column=column, relation=relation, value=value, text=text)


def _doubts(points: Sequence[Point], limit: Constraint, names: Names, standing: Status) -> Iterator[str]:
    """Yield what leaves open on which side of a limit points lie, if the seeds of all lie on one."""
    if standing not in WEAKER:
        return
    shown = limit if standing == "holds" else _opposite(limit)
    ranged = [point for point in points if drawn(point, limit.column) is not None]
    shares = [float(met_in(point, [shown], [*map(int, point.seeds(limit.column).index)]).mean()) for point in ranged]
    if any(share < CONFIDENCE for share in shares):
        agree = sum(shares) / len(shares)
        share = whole_percent(agree if shown is limit else 1 - agree)
        yield f"With the chips' numbers drawn from their ranges, it holds in {share} of seeds and draws."
    yield from filter(None, (may_miss(point, [shown], names) for point in points))
    for point in points if counts_samples(limit.column) else ():
        low, high = share_by_samples(point, limit.column)
        if low <= limit.value <= high:
            samples = plural(round(samples_of(point, limit.column) or 0), "sample")
            yield f"With {samples}, chance may decide on which side it lies."
