"""Pareto fronts, and the volume of the objective space that they dominate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from codesign.arrays import Flags, Floats
from codesign.deferred import moocore

Direction = Literal["maximize", "minimize"]
Values = ArrayLike | Sequence[Sequence[float | None]]


def pareto_front(values: Values, directions: Sequence[Direction]) -> Flags:
    """(n,) whether each point is on the Pareto front: no other point is at least as good in every objective and better
    in one.

    Equal points are on the front together. A point with an unknown (None or NaN) or infinite objective is not on the
    front and does not dominate any other.

    Args:
        values: (n, k) objectives of n points.
        directions: (k,) direction of each objective.
    """
    points = _points(values, directions)
    known = np.asarray(np.isfinite(points).all(axis=1))
    front, points, maximize = known.copy(), points[known], np.array(_maximize(directions))
    varies = (points != points[:1]).any(axis=0)  # fewer objectives are faster
    if varies.any():
        front[known] = moocore.is_nondominated(points[:, varies], maximise=maximize[varies], keep_weakly=True)
    return front


def front_order(values: Values, directions: Sequence[Direction]) -> list[int]:
    """Positions of the points on the front, best in the first objective first, earlier ones first among equals."""
    points = _points(values, directions)
    front = np.flatnonzero(pareto_front(points, directions))
    first = points[front, 0]
    order = np.argsort(-first if directions[0] == "maximize" else first, kind="stable")
    return [int(position) for position in front[order]]


def hypervolume(values: Values, directions: Sequence[Direction], reference: Sequence[float]) -> float:
    """Volume dominated by (n, k) values up to a fixed (k,) reference, in the product of the objectives' units; 0 if no
    point is better than the reference in every objective. Points with an unknown objective add nothing, and only
    volumes with the same reference can be compared."""
    points = _points(values, directions)
    corner = np.asarray(reference, dtype=float)
    maximize = _maximize(directions)
    signs = np.where(maximize, 1.0, -1.0)
    better = np.isfinite(points).all(axis=1) & (points * signs > corner * signs).all(axis=1)
    if not better.any():
        return 0.0
    return float(moocore.hypervolume(points[better], ref=corner, maximise=maximize))


def pareto_ranking(values: Values, directions: Sequence[Direction], reference: Sequence[float]) -> list[int]:
    """Positions of points with known objectives, best first: by layers of non-dominated sorting (Deb et al. 2002,
    doi:10.1109/4235.996017), within a layer those that add most hypervolume up to the reference, then earlier ones."""
    points = _points(values, directions)
    if not len(points):
        return []
    maximize = _maximize(directions)
    if len(directions) == 1:
        return [int(position) for position in np.argsort(-points[:, 0] if maximize[0] else points[:, 0], kind="stable")]
    ranks = moocore.pareto_rank(points, maximise=maximize)
    contributions = np.zeros(len(points))
    _, first = np.unique(
        points, axis=0, return_index=True
    )  # among equals only the first counts; the others add nothing
    for rank in np.unique(ranks):
        layer = first[ranks[first] == rank]
        contributions[layer] = moocore.hv_contributions(
            points[layer], ref=np.asarray(reference, dtype=float), maximise=maximize
        )
    return [int(position) for position in np.lexsort((np.arange(len(points)), -contributions, ranks))]


def _points(values: Values, directions: Sequence[Direction]) -> Floats:
    return np.asarray(values, dtype=float).reshape(-1, len(directions))


def _maximize(directions: Sequence[Direction]) -> list[bool]:
    return [direction == "maximize" for direction in directions]
