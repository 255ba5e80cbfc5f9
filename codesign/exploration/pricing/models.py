"""The executions that a price file prices: from the store, or run there first."""

from __future__ import annotations

from codesign.errors import InputError, UnreadableResultError
from codesign.exploration.encoding import decode_columns, decode_execution
from codesign.exploration.executors.base import Executor
from codesign.exploration.plan import FeasiblePoint, PlannedPoint, build_plan
from codesign.exploration.pricing.grid import PricedModel, PricingProblem
from codesign.exploration.pricing.space import build_space
from codesign.exploration.pricing.spec import PricingSpec, narrowed_sweep
from codesign.exploration.running import run_work
from codesign.exploration.runs.progress import Progress
from codesign.exploration.store import Store
from codesign.exploration.work import find_work
from codesign.exploration.workloads import Workloads
from codesign.hardware.energy import check_operation
from codesign.simulation.policies import get_policy

__all__ = ["prepare"]


def prepare(
    spec: PricingSpec,
    *,
    store: Store,
    executor: Executor | None = None,
    progress: Progress | None = None,
    workloads: Workloads | None = None,
) -> PricingProblem:
    """The executions and the grid of a price file; runs the jobs that are not in the store.

    Args:
        store: where executions are kept.
        executor: runs missing jobs; None chooses one.
        workloads: what reads the data, with folders found by the settings if None.

    Raises:
        InputError: parts of the file do not fit each other.
        DataError: the dataset is missing or damaged.
        StoreError: a result cannot be kept.
    """
    sweep, workloads = narrowed_sweep(spec), workloads or Workloads()
    plan = build_plan(sweep, workloads.outline(sweep.workload))
    jobs = [_feasible(point) for point in plan.points]
    chip, cost, policy = plan.points[0].chip, jobs[0].cost, jobs[0].execution.schedule.policy
    check_operation(chip, cost.operation)
    space = build_space(chip, spec.axes, spec.linked, spec.most_points)
    for dimension in space.dimensions:
        if dimension.moves_time and get_policy(policy).uses_service:
            raise InputError(
                f"{dimension.name}: policy '{policy}' chooses neurons by the chip's times, so this changes spikes "
                "and the stored executions do not hold for it; vary it in a sweep, which simulates again"
            )
    for job in jobs:
        _set_aside_unreadable(store, job.execution.key)
    work = find_work(plan, store)
    failures = run_work(
        work,
        store=store,
        workload=lambda: workloads.load(plan.workload),
        executor=executor,
        progress=progress or Progress(),
        resources=sweep.resources.by_kind,
    )
    for key in (key for job in jobs for key in (job.execution.model.key, job.execution.key, job.summary.key)):
        if key in failures:
            raise InputError(f"{work.labels.get(key, 'an execution')}: has no result to be priced: {failures[key]}")
    models = tuple(_priced_model(store, *of) for of in zip(plan.points, jobs, strict=True))
    return PricingProblem(space=space, models=models, placement=cost.placement, operation=cost.operation)


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


def _set_aside_unreadable(store: Store, key: str) -> None:
    """An execution that cannot be priced, so that it counts as missing."""
    entry = store.get(key)
    if entry is not None:
        try:
            decode_execution(entry.payload)
        except UnreadableResultError as error:
            store.set_aside(key, f"could not be read ({error})")
