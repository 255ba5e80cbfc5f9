"""The executions that a price file prices: from the store, or run there first; and the core sizes that keep them."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

from codesign.errors import InputError, UnreadableResultError
from codesign.exploration.encoding import decode_columns, decode_execution
from codesign.exploration.executors.base import Executor
from codesign.exploration.plan import FeasiblePoint, Plan, build_plan
from codesign.exploration.pricing.axes import build_space
from codesign.exploration.pricing.grid import Positions, PricedModel, Problem
from codesign.exploration.pricing.space import CORE_SIZE, PriceSpace
from codesign.exploration.pricing.spec import PricingSpec, narrowed_sweep
from codesign.exploration.running import run_work
from codesign.exploration.runs.progress import Progress
from codesign.exploration.spec import AxisValue, SweepSpec
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
) -> Problem:
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
    sweep = narrowed_sweep(spec)
    plan = plan_sweep(sweep, data_root=data_root, cache_root=cache_root)
    jobs = _feasible(plan)
    chip = plan.points[0].chip
    check_operation(chip, jobs[0].cost.operation)
    space = build_space(chip, spec.axes, spec.linked, spec.most_points)
    _check_policy(space, jobs[0])
    placements = _placements(sweep, plan, space)
    _run_missing(sweep, plan, store, executor, progress or Progress(), data_root, cache_root)
    models = []
    for point, job in zip(plan.points, jobs, strict=True):
        execution, summary = store.get(job.execution.key), store.get(job.summary.key)
        if execution is None or summary is None:
            raise InputError(f"{store.root}: an execution vanished from the store while it was priced; run it again")
        models.append(
            PricedModel(
                recipe=point.columns["recipe"],
                seed=point.columns["training_seed"],
                accuracy=decode_columns(summary.payload)["accuracy"],
                key=job.execution.key,
                payload=execution.payload,
            )
        )
    return Problem(space=space, models=tuple(models), placements=placements, operation=jobs[0].cost.operation)


def _feasible(plan: Plan) -> list[FeasiblePoint]:
    jobs = []
    for point in plan.points:
        if point.jobs is None:
            raise InputError(f"chip: the sweep's network does not fit '{point.columns['chip']}': {point.reason}")
        jobs.append(point.jobs)
    return jobs


def _check_policy(space: PriceSpace, job: FeasiblePoint) -> None:
    policy = job.execution.schedule.policy
    if not get_policy(policy).uses_service:
        return
    for dimension in space.dimensions:
        if dimension.moves_time:
            raise InputError(
                f"{dimension.name}: policy '{policy}' chooses neurons by the chip's times, so this changes spikes "
                "and the stored executions do not hold for it; vary it in a sweep, which simulates again"
            )


def _placements(sweep: SweepSpec, plan: Plan, space: PriceSpace) -> dict[Positions, Placement]:
    """The placement for each core size; each must leave the execution as it is."""
    base = [job.execution.key for job in _feasible(plan)]
    along = [space.dimensions[i] for i in space.placement_dimensions]
    placements: dict[Positions, Placement] = {}
    for key in itertools.product(*(range(dimension.size) for dimension in along)):
        sizes = [
            value
            for dimension, position in zip(along, key, strict=True)
            for path, value in zip(dimension.paths, dimension.settings[position], strict=True)
            if path == CORE_SIZE
        ]
        changed = plan if not sizes else _with_core_size(sweep, plan, sizes[0])
        jobs = [point.jobs for point in changed.points]
        same = [None if job is None else job.execution.key for job in jobs] == base
        first = jobs[0]
        if first is None or not same or (sizes and not _same_slices(plan, first.cost.placement)):
            reason = changed.points[0].reason or "the network lies on other cores, or its schedule changes"
            raise InputError(
                f"{CORE_SIZE}: {sizes[0]} changes spikes, so the stored executions do not hold for it ({reason}); "
                "vary it in a sweep, which simulates again"
            )
        placements[key] = first.cost.placement
    return placements


def _with_core_size(sweep: SweepSpec, plan: Plan, size: AxisValue) -> Plan:
    ((name, entry),) = sweep.chips.items()
    changed = entry.model_copy(update={"overrides": {**entry.overrides, CORE_SIZE: size}})
    return build_plan(sweep.model_copy(update={"chips": {name: changed}}), plan.outline)


def _same_slices(plan: Plan, placement: Placement) -> bool:
    base = _feasible(plan)[0]
    core_aware = get_policy(base.execution.schedule.policy).uses_cores
    return placement.slices(core_aware=core_aware) == base.cost.placement.slices(core_aware=core_aware)


def _set_aside_unreadable(store: Store, key: str) -> None:
    """An execution that cannot be priced, so that it counts as missing."""
    entry = store.get(key)
    if entry is not None:
        try:
            decode_execution(entry.payload)
        except UnreadableResultError as error:
            store.set_aside(key, f"could not be read ({error})")


def _run_missing(
    sweep: SweepSpec,
    plan: Plan,
    store: Store,
    executor: Executor | None,
    progress: Progress,
    data_root: Path | None,
    cache_root: Path | None,
) -> None:
    from codesign.workload.dataset import load_workload

    for job in _feasible(plan):
        _set_aside_unreadable(store, job.execution.key)
    work = find_work(plan, store)
    failures = run_work(
        work,
        store=store,
        workload=cache(lambda: load_workload(sweep.workload, data_root=data_root, cache_root=cache_root)),
        executor=executor,
        progress=progress,
        resources=sweep.resources.by_kind,
    )
    for job in _feasible(plan):
        for key in (job.execution.model.key, job.execution.key, job.summary.key):
            if key in failures:
                raise InputError(f"{work.labels.get(key, 'an execution')}: has no result to be priced: {failures[key]}")
