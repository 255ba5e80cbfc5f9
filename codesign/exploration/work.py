"""What of a plan is still to be done, given what a store holds."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from codesign.analysis.results.columns import AXIS_PREFIX, is_of_design
from codesign.analysis.results.formatting import written
from codesign.exploration.definition.network import unit_of_values
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.jobs.store import Store
from codesign.exploration.planned import Plan
from codesign.units import plural

_LISTED = 1000
"""So many results are looked up by one listing of the store, which at a URL takes a request for as many."""
_TOGETHER = 64
"""Results of one execution that one job computes. Pricing takes milliseconds, unpacking an execution about as long as
pricing it a few times; all of a thousand prices in one job would keep one worker busy and the others idle."""

_RESULTS = {
    "train": ("model", "models"),
    "execute": ("execution", "executions"),
    "price": ("summary or price", "summaries and prices"),
}
"""What the results of a kind of job are."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What is still to be computed from one execution, or a part of that: its summary, and its price on some chips."""

    execution: ExecuteInputs
    wanted: tuple[SummaryInputs | CostInputs, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """The jobs that are not in the store, each once, in the order of the plan.

    Attributes:
        to_run, in_store: results by kind of job, train, execute or price: to be computed, and found in the store. Of a
            price job, each summary and each price is one.
    """

    trainings: tuple[TrainInputs, ...]
    executions: tuple[ExecuteInputs, ...]
    assessments: tuple[Assessment, ...]
    to_run: Mapping[str, int]
    in_store: Mapping[str, int]
    labels: dict[str, str]

    @property
    def jobs(self) -> int:
        """Tasks for an executor."""
        return len(self.trainings) + len(self.executions) + len(self.assessments)

    @property
    def reused(self) -> int:
        return sum(self.in_store.values())


def work_text(work: Work) -> str:
    kinds = [
        f"{work.to_run[kind]:,} {one if work.to_run[kind] == 1 else several} ({work.in_store[kind]:,} in the store)"
        for kind, (one, several) in _RESULTS.items()
    ]
    return f"to run: {', '.join(kinds)}: {plural(sum(work.to_run.values()), 'result')}"


def find_work(
    plan: Plan, store: Store, *, on_result: Callable[[str, bytes], None] | None = None, models: bool = False
) -> Work:
    """Look every job of the plan up. Damaged entries are removed and count as missing.

    A large plan begins with a listing of the store; what another process puts there meanwhile counts as missing. So
    does a training or an execution whose payload is damaged, where something that is missing needs it.

    Args:
        on_result: is told the key and the payload of each summary and each price that is there.
        models: whether the models themselves are wanted, whatever needs them.
    """
    points = [point.jobs for point in plan.points if point.jobs is not None]
    trainings = {job.execution.model.key: job.execution.model for job in points}
    executions = {execution.key: execution for job in points for execution in job.executions}
    summaries = {summary.key: summary for job in points for summary in job.summaries}
    costs = {job.cost.key: job.cost for job in points}

    missing: dict[str, list[SummaryInputs | CostInputs]] = {}
    assessed: list[SummaryInputs | CostInputs] = [*summaries.values(), *costs.values()]
    lookups = len(assessed) + len(executions) + len(trainings)
    listed = store.keys() if lookups >= _LISTED else None
    for part, entry in zip(assessed, _look_up([part.key for part in assessed], listed, store.get_many), strict=True):
        if entry is None:
            missing.setdefault(part.execution, []).append(part)
        elif on_result is not None:
            on_result(part.key, entry.payload)

    def lacking(jobs: Mapping[str, T], needed: Container[str]) -> list[T]:
        """Those without a result, or with a damaged payload that something needs."""
        facts = zip(jobs, _look_up(list(jobs), listed, store.facts_many), strict=True)
        return [jobs[key] for key, found in facts if found is None or (key in needed and store.get(key) is None)]

    to_execute = lacking(executions, missing)
    to_train = lacking(trainings, trainings if models else {execution.model.key for execution in to_execute})
    to_run = {"train": len(to_train), "execute": len(to_execute), "price": sum(map(len, missing.values()))}
    needed_of = {"train": len(trainings), "execute": len(executions), "price": len(assessed)}
    return Work(
        trainings=tuple(to_train),
        executions=tuple(to_execute),
        assessments=tuple(
            Assessment(execution=executions[key], wanted=tuple(missing[key][first : first + _TOGETHER]))
            for key in executions
            if key in missing
            for first in range(0, len(missing[key]), _TOGETHER)
        ),
        to_run=to_run,
        in_store={kind: needed_of[kind] - count for kind, count in to_run.items()},
        labels=_labels(plan),
    )


def _look_up(
    keys: Sequence[str], listed: frozenset[str] | None, look: Callable[[Sequence[str]], Iterator[T | None]]
) -> Iterator[T | None]:
    """What `look` finds, key by key; it is not asked for what a listing lacks."""
    if listed is None:
        yield from look(keys)
        return
    looked_up = look([key for key in keys if key in listed])
    for key in keys:
        yield next(looked_up) if key in listed else None


def _labels(plan: Plan) -> dict[str, str]:
    """A name for each training and execution, after the first design point that needs it."""
    labels: dict[str, str] = {}
    axes = {path: unit_of_values(values) for path, values in plan.spec.axes.items() if is_of_design(path)}
    for point in plan.points:
        if point.jobs is None:
            continue
        columns, jobs = point.columns, point.jobs
        design = "".join(
            f", {path.partition('.')[2]} {written(columns[AXIS_PREFIX + path], unit)}" for path, unit in axes.items()
        )
        model = f"{columns['recipe']}{design} seed {columns['training_seed']}"
        labels.setdefault(jobs.execution.model.key, model)
        deployed = f"{model}, {columns['schedule']} on {columns['chip']}"
        labels.setdefault(jobs.execution.key, deployed)
        if jobs.unquantized is not None:
            labels.setdefault(jobs.unquantized.key, f"{deployed} with 32-bit weights")
        if jobs.layered is not None:
            labels.setdefault(jobs.layered.key, f"{model}, layered on {columns['chip']}")
    return labels
