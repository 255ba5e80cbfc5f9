"""One design point priced the long way, with nothing shared: what a priced grid has to equal, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.exploration.pricing_times import Problem
from codesign.hardware.cost import price
from codesign.hardware.energy import energy_of, on_time
from codesign.hardware.latency import latency_of
from codesign.hardware.usage import usage_of
from codesign.hardware.work import layout_of
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
    if chip.synchronized or not bound_only:
        cost = price(execution, chip, mapping, operation=problem.operation)
        return cost.energy_j, cost.latency_s
    layout = layout_of(execution, chip, mapping)
    latency = latency_of(execution, chip, layout, bound_only=True)
    on_s, _ = on_time(execution, chip, latency.total_s, problem.operation)
    mean_on_s = None if on_s is None else on_s.mean(keepdims=True)
    book = energy_of(execution, chip, mapping, layout, usage_of(execution, chip, layout).mean(), mean_on_s)
    return (
        None if book.total_j is None else float(book.total_j[0]),
        None if latency.total_s is None else float(latency.total_s.mean()),
    )
