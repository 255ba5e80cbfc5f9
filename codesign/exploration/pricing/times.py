"""Times of the combinations of a problem, in this process or in several that end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.connection import wait
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codesign.exploration.encoding import decode_execution
from codesign.exploration.pricing.grid import ModelTimes, PricingProblem
from codesign.hardware.cost import MeanTimes, counted, mean_times

__all__ = ["model_times"]

Positions = NDArray[np.int64]


class _Task(NamedTuple):
    """Combinations of one model that share the work of their steps."""

    model: int
    combinations: Sequence[int]
    bound_only: bool


def model_times(
    problem: PricingProblem,
    wanted: Mapping[int, Sequence[int]] | None = None,
    *,
    bound_only: bool = True,
    workers: int,
    advanced: Callable[[int, int], None],
) -> list[ModelTimes]:
    """Times of each model; NaN for combinations that are not wanted.

    Args:
        wanted: combinations by model; None for all.
        bound_only: the stepwise bound of chips without synchronization, instead of a replay.
        workers: processes; 1 works in this one.
        advanced: told how many combinations are done, of how many.
    """
    shape = len(problem.models), int(np.prod(problem.space.combined_shape, dtype=np.int64))
    latency_s, on_s = np.full(shape, np.nan), np.full(shape, np.nan)
    missing: tuple[str, ...] = ()
    tasks = _tasks(problem, wanted or dict.fromkeys(range(shape[0]), range(shape[1])), bound_only)
    total, done = sum(len(task.combinations) for task in tasks), 0
    for task, times in _in_processes(problem, tasks, workers):
        for means, values in ((latency_s, times.latency_s), (on_s, times.on_s)):
            if values is not None:
                means[task.model, task.combinations] = values
        missing = times.not_modelled
        done += len(task.combinations)
        advanced(done, total)
    _decoded.cache_clear()
    return [ModelTimes(latency_s=latency_s[i], on_s=on_s[i], missing=missing) for i in range(shape[0])]


def _tasks(problem: PricingProblem, wanted: Mapping[int, Sequence[int]], bound_only: bool) -> list[_Task]:
    along = [i for i, dimension in enumerate(problem.space.dimensions) if dimension.moves_work]
    tasks = []
    for model, combinations in wanted.items():
        groups: dict[tuple[int, ...], list[int]] = {}
        for combination, key in zip(combinations, _positions(problem, combinations)[along].T.tolist(), strict=True):
            groups.setdefault(tuple(key), []).append(combination)
        tasks += [_Task(model=model, combinations=own, bound_only=bound_only) for own in groups.values()]
    return tasks


def _positions(problem: PricingProblem, combinations: Sequence[int]) -> Positions:
    return np.array(np.unravel_index(combinations, problem.space.combined_shape), dtype=np.int64)


_decoded = lru_cache(maxsize=1)(decode_execution)  # tasks of a model follow each other


def _times(problem: PricingProblem, task: _Task) -> MeanTimes:
    positions = _positions(problem, task.combinations)
    placement = problem.placement_at(positions[:, 0])
    this = counted(_decoded(problem.models[task.model].payload), placement)
    return mean_times(this, problem.space.prices(placement, positions), problem.operation, bound_only=task.bound_only)


# processes -----------------------------------------------------------------------------------------------------------


_shared: list[PricingProblem] = []  # of a worker process


def _in_processes(problem: PricingProblem, tasks: Sequence[_Task], workers: int) -> Iterator[tuple[_Task, MeanTimes]]:
    """Tasks as they are done. Where the caller stops early, for an error or Ctrl-C, all processes end at once."""
    if workers < 2 or len(tasks) < 2:
        yield from ((task, _times(problem, task)) for task in tasks)
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(problem,),
    )
    try:
        with _interrupts_held():
            futures = {pool.submit(_in_a_worker, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of the block.

    Processes that are started in it never hear it: they inherit the blocked signal. Whoever shows progress does.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield  # on Windows they ignore it once they have started
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(problem: PricingProblem) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _shared[:] = [problem]


def _end_with_parent() -> None:
    """Where the process that started this one is killed, nobody would tell it to end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _in_a_worker(task: _Task) -> MeanTimes:
    return _times(_shared[0], task)
