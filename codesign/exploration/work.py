"""The work that remains of a plan, given the results in a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from codesign.analysis.results.columns import AXIS_PREFIX, OF_DESIGN
from codesign.analysis.results.formatting import written
from codesign.exploration.definition.variants import axis_units
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.jobs.store import Store
from codesign.exploration.jobs.summary import Columns
from codesign.exploration.plan import Plan
from codesign.units import plural

_LISTED = 1000
"""Number of results from which on they are looked up in a listing of the store, which at a URL takes one request per
this many entries."""
_TOGETHER = 64
"""Most results of an execution per job. Pricing takes milliseconds, unpacking an execution about as long as pricing it
a few times; a thousand prices in one job would keep one worker busy and the others idle."""

_RESULTS = {
    "train": ("model", "models"),
    "execute": ("execution", "executions"),
    "price": ("summary or price", "summaries and prices"),
}
"""Names of the results of each kind of job, singular and plural."""

T = TypeVar("T")

Inputs = TrainInputs | ExecuteInputs | SummaryInputs | CostInputs


@dataclass(frozen=True, kw_only=True)
class Job:
    """Results that are computed together: a training, an execution, or summaries and prices of one execution; `needs`
    is the key of the result from which they are computed."""

    kind: str
    label: str
    wanted: tuple[Inputs, ...]
    needs: str | None

    @property
    def key(self) -> str:
        """Key of its first result, which no other job has."""
        return self.wanted[0].key

    @property
    def results(self) -> tuple[str, ...]:
        """Keys of its results."""
        return tuple(part.key for part in self.wanted)

    @property
    def epochs(self) -> int:
        """Epochs of a training; 1 for other jobs."""
        return self.wanted[0].recipe.epochs if isinstance(self.wanted[0], TrainInputs) else 1

    @property
    def workload(self) -> str | None:
        """Fingerprint of the workload that it reads, if any."""
        match self.wanted[0]:
            case TrainInputs(workload=workload) | ExecuteInputs(model=TrainInputs(workload=workload)):
                return workload
        return None


@dataclass(frozen=True, kw_only=True)
class Work:
    """Jobs whose results are not in the store, without duplicates: trainings, executions and prices, each in the order
    of the plan; and the number of results of each kind in the store."""

    jobs: tuple[Job, ...]
    in_store: Mapping[str, int]

    @property
    def to_run(self) -> Mapping[str, int]:
        """Results to be computed, by kind of job."""
        return results_by_kind(self.jobs)

    @property
    def reused(self) -> int:
        return sum(self.in_store.values())


def results_by_kind(jobs: Iterable[Job]) -> Counter[str]:
    """Number of results by kind of job."""
    return Counter(job.kind for job in jobs for _ in job.wanted)


def work_text(work: Work) -> str:
    to_run = work.to_run
    kinds = [
        f"{to_run[kind]:,} {one if to_run[kind] == 1 else several} ({work.in_store[kind]:,} in the store)"
        for kind, (one, several) in _RESULTS.items()
    ]
    return f"to run: {', '.join(kinds)}: {plural(sum(to_run.values()), 'job')}"


def find_work(
    plan: Plan, store: Store, *, on_result: Callable[[str, bytes], None] | None = None, models: bool = False
) -> Work:
    """Look up all jobs of a plan. Damaged entries are removed and count as missing.

    For a large plan, the store is listed first; results that other processes store meanwhile count as missing. The
    payload of a training or execution is only checked if a missing result needs it.

    Args:
        on_result: called with the key and payload of each summary and price in the store.
        models: whether all models are needed themselves.
    """
    trainings = {jobs.execution.model.key: jobs.execution.model for jobs in plan.jobs}
    evaluations = [part for jobs in plan.jobs for part in jobs.evaluations]
    executions = {part.execution.key: part.execution for part in evaluations}
    summaries = {part.summary.key: part.summary for part in evaluations}
    costs = {jobs.cost.key: jobs.cost for jobs in plan.jobs}

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
        """Jobs without a result, or with a damaged payload that is needed."""
        facts = zip(jobs, _look_up(list(jobs), listed, store.facts_many), strict=True)
        return [jobs[key] for key, found in facts if found is None or (key in needed and store.get(key) is None)]

    to_execute = lacking(executions, missing)
    to_train = lacking(trainings, trainings if models else {execution.model.key for execution in to_execute})
    labels = _labels(plan)
    jobs = [Job(kind="train", label=labels[one.key], wanted=(one,), needs=None) for one in to_train]
    jobs += [Job(kind="execute", label=labels[one.key], wanted=(one,), needs=one.model.key) for one in to_execute]
    jobs += [
        Job(kind="price", label=labels[key], wanted=tuple(missing[key][first : first + _TOGETHER]), needs=key)
        for key in executions
        if key in missing
        for first in range(0, len(missing[key]), _TOGETHER)
    ]
    needed_of = {"train": len(trainings), "execute": len(executions), "price": len(assessed)}
    to_run = results_by_kind(jobs)
    in_store = {kind: needed - to_run[kind] for kind, needed in needed_of.items()}
    return Work(jobs=tuple(jobs), in_store=in_store)


def _look_up(
    keys: Sequence[str], listed: frozenset[str] | None, look: Callable[[Sequence[str]], Iterator[T | None]]
) -> Iterator[T | None]:
    """The results of `look`, key by key; keys that are not listed are not looked up."""
    if listed is None:
        yield from look(keys)
        return
    looked_up = look([key for key in keys if key in listed])
    for key in keys:
        yield next(looked_up) if key in listed else None


def _labels(plan: Plan) -> dict[str, str]:
    """A label for each training and execution, after the first design point that needs it."""
    labels: dict[str, str] = {}
    units = axis_units(plan.spec)
    for point in plan.points:
        if point.jobs is None:
            continue
        columns, jobs = point.columns, point.jobs
        recipe, schedule = str(columns["recipe"]), str(columns["schedule"])
        model = f"{recipe}{_varied(columns, units, *OF_DESIGN, f'recipe.{recipe}.')} seed {columns['training_seed']}"
        labels.setdefault(jobs.execution.model.key, model)
        deployed = f"{model}, {schedule}{_varied(columns, units, f'schedule.{schedule}.')} on {columns['chip']}"
        labels.setdefault(jobs.execution.key, deployed)
        if jobs.unquantized is not None:
            labels.setdefault(jobs.unquantized.execution.key, f"{deployed} with 32-bit weights")
        if jobs.layered is not None:
            labels.setdefault(jobs.layered.execution.key, f"{model}, layered on {columns['chip']}")
    return labels


def _varied(columns: Columns, units: Mapping[str, str], *blocks: str) -> str:
    """A point's values of the axes in some blocks of a sweep; `units` are the axes' units by path."""
    return "".join(
        f", {path.removeprefix(block)} {written(columns[AXIS_PREFIX + path], unit)}"
        for block in blocks
        for path, unit in units.items()
        if path.startswith(block)
    )
