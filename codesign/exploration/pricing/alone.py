"""One design point priced the long way, with nothing shared: what a priced grid has to equal, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.exploration.pricing.times import Problem
from codesign.hardware.cost import price
from codesign.simulation.execution import Execution

__all__ = ["price_alone"]


def price_alone(
    problem: Problem, execution: Execution, positions: Sequence[int], *, bound_only: bool = True
) -> tuple[float | None, float | None]:
    """Mean energy in joules and mean latency in seconds of a design point, None where not known.

    Args:
        execution: of one of the problem's models, unpacked.
        positions: of the point, one a dimension.
        bound_only: take the stepwise bound for the time of a chip without synchronization, as a grid does.
    """
    chip = problem.space.chip_at(positions)
    mapping = problem.mappings[problem.placement(tuple(positions))]
    cost = price(execution, chip, mapping, operation=problem.operation, bound_only=bound_only)
    return cost.energy_j, cost.latency_s
