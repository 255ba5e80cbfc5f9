from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path

import pytest
from tiny_sweeps import Recording, arguments, plan_of, text_of, tiny

from codesign.errors import InputError
from codesign.exploration import runner as runner_module
from codesign.exploration.executors.base import Completion, Executor, Failure, Task
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.jobs.jobs import TrainInputs
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.planning import plan_designs
from codesign.exploration.resources import JobResources
from codesign.exploration.runner import Runner
from codesign.exploration.sweep import run_sweep
from codesign.exploration.work import find_work
from codesign.exploration.workloads import Workloads

SEEDS = 7


class Eager(Executor):
    """Runs tasks when they are submitted, and has room for five."""

    name = "eager"

    def __init__(self) -> None:
        self.ended: deque[Completion] = deque()
        self.waits: list[float | None] = []

    @property
    def has_room(self) -> bool:
        return len(self.ended) < 5

    def lacking(self, resources: JobResources) -> str:
        return ""

    def share(self, value: object) -> object:
        return value

    def submit(self, task: Task) -> None:
        output, failure = None, None
        try:
            output = task.function(*task.arguments)
        except ValueError as error:
            failure = Failure.of(error)
        self.ended.append(Completion(key=task.key, output=output, failure=failure, wall_s=0.5))

    def wait(self, timeout_s: float | None = None) -> Completion | None:
        self.waits.append(timeout_s)
        return self.ended.popleft()

    def close(self) -> None:
        self.ended.clear()


def test_data_is_held_as_long_as_jobs_need_it(tmp_path, cache_root, monkeypatch):
    """Every trial of a study may have data of its own."""
    done = Entry(payload=b"{}", facts={})
    for name in ("run_train", "run_execute"):
        monkeypatch.setattr(runner_module, name, lambda *arguments, **options: done)
    monkeypatch.setattr(runner_module, "run_assess", lambda execution, wanted: [done] * len(wanted))
    workloads, read = Workloads(cache_root=cache_root), []
    runner = Runner(
        store=Store(tmp_path), executor=SerialExecutor(), workload=workloads.load, progress=Recording(), spec=tiny()
    )
    for timesteps in range(1, 9):
        spec = tiny(("timesteps: 3", f"timesteps: {timesteps}"))
        plan = plan_designs(spec, workloads.outline)
        runner.add(find_work(plan, runner.store))
        runner.run()
        read.append(plan.workload)
        assert [*runner._workloads] == read[-1:]
    assert [*workloads._loaded] == read[-6:]
    assert workloads.load(read[0]).timesteps == 1
    assert not runner.failures


def test_resources_that_nobody_has_are_told_with_their_line(tmp_path: Path, cache_root: Path) -> None:
    spec = tiny(("seeds:", "resources: {execute: {gpus: 9}}\nseeds:"))
    (line,) = (n for n, text in enumerate(text_of().splitlines(), start=1) if text.startswith("seeds:"))
    with pytest.raises(InputError, match=rf"^tiny.yaml:{line}: resources.execute: gpus: a job asks for 9"):
        run_sweep(spec, arguments(tmp_path, cache_root, Recording()))


def test_what_has_ended_is_kept_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven trainings, of which one fails; of each other one two executions with few bits, and the same in floats."""
    spec = tiny(("seeds: {training: [0]}", f"seeds: {{training: {list(range(SEEDS))}}}"))
    plan, store = plan_of(spec), Store(tmp_path)
    work = find_work(plan, store)
    assert [work.to_run[kind] for kind in ("train", "execute")] == [SEEDS, 4 * SEEDS]
    kept: list[int] = []
    put_many = Store.put_many

    def counting(store: Store, entries: Mapping[str, Entry], *, durable: bool = True) -> None:
        if durable:
            kept.append(len(entries))
        put_many(store, entries, durable=durable)

    def train(inputs: TrainInputs, workload: object, report: object = None) -> Entry:
        if inputs.seed == 3:
            raise ValueError("diverged")
        return Entry(payload=b"model", facts={"trained_epochs": inputs.seed})

    def execute(inputs: object, model: bytes, workload: object) -> Entry:
        assert model == b"model"  # in the store before anything that needs it starts
        return Entry(payload=b"execution", facts={})

    monkeypatch.setattr(Store, "put_many", counting)
    monkeypatch.setattr(runner_module, "run_train", train)
    monkeypatch.setattr(runner_module, "run_execute", execute)
    priced = Entry(payload=b"{}", facts={})
    monkeypatch.setattr(runner_module, "run_assess", lambda execution, wanted: [priced] * len(wanted))
    progress, executor = Recording(), Eager()
    runner = Runner(store=store, executor=executor, workload=lambda name: None, progress=progress, spec=tiny())
    runner.add(work)
    runner.run()
    trainings = [job.wanted[0] for job in work.jobs if job.kind == "train"]
    failed = trainings[3]
    assert failed.seed == 3
    assert str(runner.failures[failed.key]).startswith("ValueError: diverged (test_runner.py:")
    lost = {key for jobs in plan.jobs if jobs.execution.model.key == failed.key for key in jobs.keys}
    assert store.keys() == {key for jobs in plan.jobs for key in jobs.keys} - lost
    facts = store.facts(trainings[4].key)
    assert facts == {"trained_epochs": 4, "wall_s": 0.5}
    durable = [number for number in kept if number]
    assert sum(durable) == (SEEDS - 1) * 5
    assert max(durable) == 5
    assert all(timeout in (0.0, runner_module._PULSE_S) for timeout in executor.waits)
    assert progress.kinds().count("train") == SEEDS - 1
