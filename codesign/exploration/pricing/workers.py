"""Tasks on stored executions, in this process or in several that end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from codesign.exploration.encoding import decode_execution
from codesign.simulation.execution import Execution

__all__ = ["outcomes"]


class _Stored(Protocol):
    @property
    def payload(self) -> bytes: ...


class _Models(Protocol):
    @property
    def models(self) -> Sequence[_Stored]: ...


class _OfModel(Protocol):
    @property
    def model(self) -> int: ...


P = TypeVar("P", bound=_Models)
T = TypeVar("T", bound=_OfModel)
R = TypeVar("R")

if TYPE_CHECKING:
    Run = Callable[[P, T, Execution], R]

_shared: list[Any] = []  # of a worker process: what runs tasks, and their problem


def outcomes(run: Run[P, T, R], problem: P, tasks: Sequence[T], workers: int) -> Iterator[tuple[T, R]]:
    """`run` of each task and the execution of its model, as they are done.

    Where the caller stops early, for an error or Ctrl-C, all processes end at once: what they were at is lost anyway.
    """
    if workers < 2 or len(tasks) < 2:
        decoded = lru_cache(maxsize=1)(lambda model: decode_execution(problem.models[model].payload))
        for task in tasks:
            yield task, run(problem, task, decoded(task.model))
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(run, problem),
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
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield  # on Windows they ignore it once they have started
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(run: Any, problem: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _shared[:] = [run, problem]


def _end_with_parent() -> None:
    """Where the process that started this one is killed, nobody would tell it to end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@lru_cache(maxsize=1)
def _execution(model: int) -> Execution:
    return decode_execution(_shared[1].models[model].payload)


def _in_a_worker(task: Any) -> Any:
    return _shared[0](_shared[1], task, _execution(task.model))
