"""The executions that a price file prices: taken from the store, into which missing ones are run first."""

from __future__ import annotations

import math
from collections.abc import Iterator

from codesign.documents import Path_
from codesign.errors import InputError
from codesign.exploration.jobs.encoding import decode_columns
from codesign.exploration.jobs.store import Store
from codesign.exploration.plan import FeasiblePoint, PlannedPoint
from codesign.exploration.planning import build_plan
from codesign.exploration.point_rows import of_budget, training_columns
from codesign.exploration.pricing.grid import PricedModel, PricingProblem
from codesign.exploration.pricing.space import MOST_STRUCTURES, PriceSpace, build_space
from codesign.exploration.pricing.spec import ENERGIES, PricingSpec, narrowed_sweep
from codesign.exploration.running import RunArguments, run_work
from codesign.exploration.work import find_work
from codesign.hardware.placement.placement import Placement
from codesign.simulation.policies import get_policy


def prepare(spec: PricingSpec, run: RunArguments) -> PricingProblem:
    """Build the grid of a price file and get its executions, running the jobs that are not in the store."""
    sweep = narrowed_sweep(spec)
    plan = build_plan(sweep, run.workloads.outline(sweep), with_twins=False)
    for point in plan.points:
        if point.jobs is None:
            raise spec.refusal([(("chip",), f"the sweep's network does not fit '{spec.chip}': {point.reason}")])
    chip, jobs = plan.points[0].chip, plan.jobs
    cost, policy = jobs[0].cost, jobs[0].execution.schedule.policy_name
    space = build_space(chip, spec.axes, spec.linked)
    for mistakes in (
        _too_many_points(spec, space),
        axis_mistakes(space, policy),
        _objective_mistakes(spec, space, cost.placement),
        _too_many_structures(space),
    ):
        if found := list(mistakes):
            raise spec.refusal(found)
    work = find_work(plan, run.store)
    failures = run_work(work, run, sweep)
    for key in (key for job in jobs for key in (job.execution.model.key, job.execution.key, job.summary.key)):
        if key in failures:
            label = next(one.label for one in work.jobs if key in one.results)
            raise InputError(f"{label}: has no result to price: {failures[key]}")
    models = tuple(_priced_model(run.store, *of) for of in zip(plan.points, jobs, strict=True))
    assumed = [text for point in plan.points for text in point.columns["assumptions"]]
    for trained in (job.execution.model for job in jobs):
        assumed += of_budget(trained.recipe, training_columns(run.store.facts(trained.key) or {}))
    return PricingProblem(
        spec=spec,
        space=space,
        models=models,
        placement=cost.placement,
        operation=cost.operation,
        assumptions=tuple(dict.fromkeys(assumed)),
    )


def _too_many_points(spec: PricingSpec, space: PriceSpace) -> Iterator[tuple[Path_, str]]:
    if space.size > spec.most_points:
        sizes = ", ".join(f"{dimension.size:,} ({dimension.place[1]})" for dimension in space.dimensions)
        allowed = f"more than most_points allows, {spec.most_points:,}"
        yield _all_axes(space), f"{space.size:,} design points are {allowed}; the dimensions have {sizes}"


def _too_many_structures(space: PriceSpace) -> Iterator[tuple[Path_, str]]:
    if (count := math.prod(space.structural_shape)) > MOST_STRUCTURES:
        yield (
            _all_axes(space),
            f"{count:,} combinations of lanes, memories, node, voltage and clock are more than the "
            f"{MOST_STRUCTURES:,} that are estimated; take fewer values of them",
        )


def _all_axes(space: PriceSpace) -> Path_:
    """The place of the first block of axes, for what is wrong with several together."""
    return space.dimensions[0].place[:1]


def axis_mistakes(space: PriceSpace, policy: str) -> Iterator[tuple[Path_, str]]:
    """Yield mistakes in axes that change spikes, and in values that do not fit the chip, on their own or together with
    an end of another axis."""
    first, uses_service = [0] * len(space.shape), get_policy(policy).uses_service
    try:
        space.chip_at(first)
    except InputError as error:
        yield _all_axes(space), str(error)
        return
    for i, dimension in enumerate(space.dimensions):
        if dimension.moves_time and uses_service:
            yield (
                dimension.place,
                f"policy '{policy}' chooses neurons by the chip's times, so this changes spikes and the stored "
                "executions do not hold for it; vary it in a sweep, which simulates again",
            )
        points = [{i: position} for position in range(dimension.size)]
        ends = (0, dimension.size - 1)
        points += [{j: other, i: end} for j in range(i) for other in (0, space.shape[j] - 1) for end in ends]
        try:
            for point in points:
                space.chip_at([point.get(j, position) for j, position in enumerate(first)])
        except InputError as error:
            yield dimension.place, str(error)


def _objective_mistakes(spec: PricingSpec, space: PriceSpace, placement: Placement) -> Iterator[tuple[Path_, str]]:
    placement = placement.on(space.chip_at([0] * len(space.shape)))
    chip = placement.chip
    axes = {axis.path: axis for axis in space.axes}
    timed = chip.synchronization.kind == "timer"  # ticks take the same time, whatever is done in them
    times = () if timed else placement.prices.missing_times(placement.geometry.route_kinds)
    energies = () if chip.energies.synaptic_operation is not None else ("energies.synaptic_operation",)
    area = () if placement.area_m2 is not None else ("area, or had to be scaled",)
    lacking = {"latency_s": times, **dict.fromkeys(ENERGIES, energies), "area_m2": area}
    lacking["energy_delay_js"] = (*energies, *times)
    for i, column in enumerate(spec.objective_columns):
        place: Path_ = ("objectives", i, "column")
        if lack := lacking.get(column):
            instead = "vary that, or give objectives without it"
            yield place, f"{column} is not known: {chip.name} gives no {', '.join(lack)}; {instead}"
        if column in axes and any(isinstance(value, str) for value in axes[column].shown):
            yield place, f"{column} has values that are not numbers of one kind, found {list(axes[column].shown)}"


def _priced_model(store: Store, point: PlannedPoint, job: FeasiblePoint) -> PricedModel:
    return PricedModel(
        recipe=point.columns["recipe"],
        seed=point.columns["training_seed"],
        accuracy=decode_columns(store.needed(job.summary.key).payload)["accuracy"],
        payload=store.needed(job.execution.key).payload,
    )
