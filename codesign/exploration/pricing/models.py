"""The executions that a price file prices: from the store, or run there first; and the core sizes that keep them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from codesign.errors import InputError, UnreadableResultError
from codesign.exploration.encoding import decode_columns, decode_execution
from codesign.exploration.executors.base import Executor
from codesign.exploration.plan import FeasiblePoint, Plan, PlannedPoint, build_plan
from codesign.exploration.pricing.axes import CORE_SIZE
from codesign.exploration.pricing.grid import PricedModel, PricingProblem
from codesign.exploration.pricing.space import PriceSpace, build_space
from codesign.exploration.pricing.spec import PricingSpec, narrowed_sweep
from codesign.exploration.running import run_work
from codesign.exploration.runs.progress import Progress
from codesign.exploration.spec import AxisValue
from codesign.exploration.store import Store
from codesign.exploration.sweep import plan_sweep
from codesign.exploration.work import find_work
from codesign.hardware.energy import check_operation
from codesign.hardware.placement import Placement
from codesign.simulation.policies import get_policy

__all__ = ["prepare"]


def prepare(
    spec: PricingSpec,
    *,
    store: Store,
    executor: Executor | None = None,
    progress: Progress | None = None,
    data_root: Path | None = None,
    cache_root: Path | None = None,
) -> PricingProblem:
    """The executions and the grid of a price file; runs the jobs that are not in the store.

    Args:
        store: where executions are kept.
        executor: runs missing jobs; None chooses one.
        data_root, cache_root: folders of datasets and of binned events; found by the settings if None.

    Raises:
        InputError: parts of the file do not fit each other.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    from codesign.workload.dataset import load_workload

    sweep = narrowed_sweep(spec)
    plan = plan_sweep(sweep, data_root=data_root, cache_root=cache_root)
    jobs = [_feasible(point) for point in plan.points]
    operation = jobs[0].cost.operation
    check_operation(plan.points[0].chip, operation)
    space = build_space(plan.points[0].chip, spec.axes, spec.linked, spec.most_points)
    _check_policy(space, jobs[0])
    placements = _placements(plan, space, jobs)
    for job in jobs:
        _set_aside_unreadable(store, job.execution.key)
    work = find_work(plan, store)
    failures = run_work(
        work,
        store=store,
        workload=cache(lambda: load_workload(sweep.workload, data_root=data_root, cache_root=cache_root)),
        executor=executor,
        progress=progress or Progress(),
        resources=sweep.resources.by_kind,
    )
    for key in (key for job in jobs for key in (job.execution.model.key, job.execution.key, job.summary.key)):
        if key in failures:
            raise InputError(f"{work.labels.get(key, 'an execution')}: has no result to be priced: {failures[key]}")
    models = tuple(_priced_model(store, *of) for of in zip(plan.points, jobs, strict=True))
    return PricingProblem(space=space, models=models, placements=placements, operation=operation)


def _priced_model(store: Store, point: PlannedPoint, job: FeasiblePoint) -> PricedModel:
    execution, summary = store.get(job.execution.key), store.get(job.summary.key)
    if execution is None or summary is None:
        raise InputError(f"{store.root}: an execution vanished from the store while it was priced; run it again")
    return PricedModel(
        recipe=point.columns["recipe"],
        seed=point.columns["training_seed"],
        accuracy=decode_columns(summary.payload)["accuracy"],
        key=job.execution.key,
        payload=execution.payload,
    )


def _feasible(point: PlannedPoint) -> FeasiblePoint:
    if point.jobs is None:
        raise InputError(f"chip: the sweep's network does not fit '{point.columns['chip']}': {point.reason}")
    return point.jobs


def _check_policy(space: PriceSpace, job: FeasiblePoint) -> None:
    policy = job.execution.schedule.policy
    for dimension in space.dimensions:
        if dimension.moves_time and get_policy(policy).uses_service:
            raise InputError(
                f"{dimension.name}: policy '{policy}' chooses neurons by the chip's times, so this changes spikes "
                "and the stored executions do not hold for it; vary it in a sweep, which simulates again"
            )


def _placements(plan: Plan, space: PriceSpace, jobs: list[FeasiblePoint]) -> tuple[Placement, ...]:
    """The placement for each core size; each must leave the executions as they are."""
    for axis in space.axes:
        if axis.path == CORE_SIZE:
            return tuple(_placement_with(plan, jobs, size) for size in axis.values)
    return (jobs[0].cost.placement,)


def _placement_with(plan: Plan, jobs: list[FeasiblePoint], size: AxisValue) -> Placement:
    ((name, entry),) = plan.spec.chips.items()
    changed_entry = entry.model_copy(update={"overrides": {**entry.overrides, CORE_SIZE: size}})
    changed = build_plan(plan.spec.model_copy(update={"chips": {name: changed_entry}}), plan.outline)
    core_aware = get_policy(jobs[0].execution.schedule.policy).uses_cores
    same = all(
        point.jobs is not None
        and point.jobs.execution.key == job.execution.key
        and point.jobs.cost.placement.slices(core_aware=core_aware) == job.cost.placement.slices(core_aware=core_aware)
        for point, job in zip(changed.points, jobs, strict=True)
    )
    if not same:
        reason = changed.points[0].reason or "the network lies on other cores, or its schedule changes"
        raise InputError(
            f"{CORE_SIZE}: {size} changes spikes, so the stored executions do not hold for it ({reason}); "
            "vary it in a sweep, which simulates again"
        )
    return _feasible(changed.points[0]).cost.placement


def _set_aside_unreadable(store: Store, key: str) -> None:
    """An execution that cannot be priced, so that it counts as missing."""
    entry = store.get(key)
    if entry is not None:
        try:
            decode_execution(entry.payload)
        except UnreadableResultError as error:
            store.set_aside(key, f"could not be read ({error})")
