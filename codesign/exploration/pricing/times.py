"""Times of design points: one latency for each combination of prices that time depends on.

Everything that two combinations share, the execution and the work of its steps, is gathered once. The combinations of
one model and one number of lanes are a task; tasks run in this process or in several.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from codesign.exploration.encoding import decode_execution
from codesign.exploration.pricing.space import PriceSpace
from codesign.hardware.energy import Operation, on_time
from codesign.hardware.latency import latency_of, steps_of
from codesign.hardware.mapping import Mapping as NetworkMapping
from codesign.hardware.usage import Usage, usage_of
from codesign.hardware.work import Layout, layout_of
from codesign.simulation.execution import Execution

__all__ = ["ModelTimes", "PricedModel", "Problem", "TimeTask", "model_times", "model_usage", "time_tasks"]

Floats = NDArray[np.float64]
Positions = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PricedModel:
    """One stored execution.

    Attributes:
        recipe, seed: of the training.
        accuracy: of the execution.
        key, payload: of the execution in the store.
    """

    recipe: str
    seed: int
    accuracy: float
    key: str
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is to be priced.

    Attributes:
        space: the design points.
        models: the executions, all of one network under one schedule.
        mappings: the network on the chip, by positions along the space's placement dimensions.
        operation: how the chip runs.
    """

    space: PriceSpace
    models: tuple[PricedModel, ...]
    mappings: dict[Positions, NetworkMapping]
    operation: Operation

    @property
    def time_shape(self) -> tuple[int, ...]:
        """Positions along each dimension that time depends on."""
        return tuple(self.space.shape[i] for i in self.space.time_dimensions)

    @property
    def recipes(self) -> dict[str, list[int]]:
        """Models of each recipe, one a training seed."""
        found: dict[str, list[int]] = {}
        for i, model in enumerate(self.models):
            found.setdefault(model.recipe, []).append(i)
        return found

    def full(self, times: Positions) -> Positions:
        """Positions along all dimensions from those along the time dimensions; the others are at their first."""
        positions = [0] * len(self.space.shape)
        for dimension, position in zip(self.space.time_dimensions, times, strict=True):
            positions[dimension] = position
        return tuple(positions)

    def placement(self, positions: Positions) -> Positions:
        """Key of `mappings` for a design point."""
        return tuple(positions[i] for i in self.space.placement_dimensions)


@dataclass(frozen=True, kw_only=True)
class TimeTask:
    """Combinations of one model that share the work of their steps, by flat index into `Problem.time_shape`."""

    model: int
    combinations: tuple[int, ...]
    bound_only: bool = True


@dataclass(frozen=True, kw_only=True)
class ModelTimes:
    """Times of one model by combination, (combinations,) each, in seconds; NaN where the chip's numbers allow none.

    Attributes:
        latency_s: mean time until the stop; of chips without synchronization the stepwise bound, or the replay.
        on_s: mean time that static power is drawn.
        lacking: what is missing for a latency, in words.
    """

    latency_s: Floats
    on_s: Floats
    lacking: tuple[str, ...]


def time_tasks(
    problem: Problem, wanted: Mapping[int, Iterable[int]] | None = None, *, bound_only: bool = True
) -> list[TimeTask]:
    """All combinations of all models, or the `wanted` ones by model, as tasks."""
    space, shape = problem.space, problem.time_shape
    everything = range(int(np.prod(shape, dtype=np.int64)))
    groups: dict[tuple[int, Positions, str], list[int]] = {}
    for model in range(len(problem.models)):
        for flat in sorted(everything if wanted is None else wanted.get(model, ())):
            positions = problem.full(_unravel(flat, shape))
            lanes = str(space.values_at(positions).get("vector_width"))
            groups.setdefault((model, problem.placement(positions), lanes), []).append(flat)
    return [TimeTask(model=key[0], combinations=tuple(flat), bound_only=bound_only) for key, flat in groups.items()]


def model_times(
    problem: Problem,
    tasks: list[TimeTask],
    *,
    workers: int,
    advanced: Callable[[int, int], None] | None = None,
) -> dict[int, ModelTimes]:
    """Run tasks; times by model, NaN for combinations that no task has.

    Args:
        workers: processes; 1 runs the tasks in this one.
        advanced: told how many combinations are done, of how many.
    """
    count = int(np.prod(problem.time_shape, dtype=np.int64))
    total, done = sum(len(task.combinations) for task in tasks), 0
    found: dict[int, ModelTimes] = {}
    for task, latency, on, lacking in _results(problem, tasks, workers):
        if task.model not in found:
            nothing = np.full(count, np.nan)
            found[task.model] = ModelTimes(latency_s=nothing, on_s=nothing.copy(), lacking=lacking)
        which = list(task.combinations)
        found[task.model].latency_s[which] = latency
        found[task.model].on_s[which] = on
        done += len(which)
        if advanced is not None:
            advanced(done, total)
    return found


def model_usage(problem: Problem, model: int) -> dict[Positions, tuple[Layout, Usage]]:
    """Layout of each placement, and the mean counts of a model on it."""
    execution = decode_execution(problem.models[model].payload)
    found: dict[Positions, tuple[Layout, Usage]] = {}
    for key, mapping in problem.mappings.items():
        positions = [0] * len(problem.space.shape)
        for dimension, position in zip(problem.space.placement_dimensions, key, strict=True):
            positions[dimension] = position
        chip = problem.space.chip_at(positions)
        layout = layout_of(execution, chip, mapping)
        found[key] = layout, usage_of(execution, chip, layout).mean()
    return found


# tasks ---------------------------------------------------------------------------------------------------------------

_Outcome = tuple[TimeTask, Floats, Floats, tuple[str, ...]]
T = TypeVar("T")


def _results(problem: Problem, tasks: list[TimeTask], workers: int) -> Iterator[_Outcome]:
    if workers < 2 or len(tasks) < 2:
        yield from _in_this_process(problem, tasks)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)), mp_context=context, initializer=_start, initargs=(problem, stop)
    ) as pool:
        futures: list[Future[_Outcome | None]] = []
        with _stopping(stop, futures):
            with _interrupts_held():
                futures.extend(pool.submit(_in_a_worker, task) for task in tasks)
            for future in as_completed(futures):
                outcome = future.result()
                assert outcome is not None  # only an interrupt makes one give up
                yield outcome


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, so that no process is left half started.

    Processes that are started in it never hear it, not even before `_start`: they inherit the blocked signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    maskable = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if maskable else set()
    try:
        yield
    finally:
        if maskable:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if heard:
        raise KeyboardInterrupt


@contextmanager
def _stopping(stop: Event, futures: list[Future[T]]) -> Iterator[None]:
    """Where the block is left early, let no worker go on."""
    try:
        yield
    finally:
        stop.set()
        for future in futures:
            future.cancel()


def _in_this_process(problem: Problem, tasks: list[TimeTask]) -> Iterator[_Outcome]:
    decoded = lru_cache(maxsize=1)(lambda model: decode_execution(problem.models[model].payload))
    for task in tasks:
        outcome = _run(problem, task, decoded(task.model), lambda: False)
        assert outcome is not None
        yield outcome


@dataclass(frozen=True, kw_only=True)
class _Job:
    problem: Problem
    stop: Event


_jobs: list[_Job] = []  # of a worker process: one, set at its start


def _start(problem: Problem, stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that shows progress hears it and sets `stop`
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _jobs.append(_Job(problem=problem, stop=stop))


def _end_with_parent() -> None:
    """Where the process that started this one is killed, nobody would tell it to end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@lru_cache(maxsize=1)
def _execution(model: int) -> Execution:
    return decode_execution(_jobs[0].problem.models[model].payload)


def _in_a_worker(task: TimeTask) -> _Outcome | None:
    job = _jobs[0]
    return _run(job.problem, task, _execution(task.model), job.stop.is_set)


def _run(problem: Problem, task: TimeTask, execution: Execution, stopped: Callable[[], bool]) -> _Outcome | None:
    """Mean latency and time switched on of each combination; None if told to stop."""
    latencies, ons = np.full((2, len(task.combinations)), np.nan)
    lacking: tuple[str, ...] = ()
    layout = steps = None
    for i, flat in enumerate(task.combinations):
        if stopped():
            return None
        positions = problem.full(_unravel(flat, problem.time_shape))
        chip = problem.space.chip_at(positions)
        if layout is None:
            layout = layout_of(execution, chip, problem.mappings[problem.placement(positions)])
            steps = steps_of(execution, chip, layout)
        latency = latency_of(execution, chip, layout, steps, bound_only=task.bound_only)
        on_s, _ = on_time(execution, chip, latency.total_s, problem.operation)
        if latency.total_s is None:
            lacking = latency.not_modelled
        else:
            latencies[i] = latency.total_s.mean()
        if on_s is not None:
            ons[i] = on_s.mean()
    return task, latencies, ons, lacking


def _unravel(flat: int, shape: tuple[int, ...]) -> Positions:
    return tuple(int(one) for one in np.unravel_index(flat, shape)) if shape else ()
