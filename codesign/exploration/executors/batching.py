"""Sending tasks to Ray's workers in batches, and running them there. Quick tasks are sent together, because sending one
takes longer than running it."""

from __future__ import annotations

import math
import pickle
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from codesign.exploration.executors.base import Completion, Task
from codesign.exploration.executors.perform import perform
from codesign.garbage import collect_rarely
from codesign.versions import package_versions

_QUICK_S = 0.1
_BATCH_S = 0.25
_MOST_TASKS = 256
_MOST_BYTES = 32 * 2**20
_WEIGHT = 0.2


class Batcher:
    """Decides which tasks are sent together, based on the times of earlier tasks of their kind."""

    def __init__(self) -> None:
        self._mean_s: dict[str, float] = {}
        self._gathered: dict[Hashable, list[Task]] = {}

    def took(self, kind: str, wall_s: float) -> None:
        mean = self._mean_s.get(kind, wall_s)
        self._mean_s[kind] = mean + _WEIGHT * (wall_s - mean)

    def add(self, task: Task) -> list[Task]:
        """Add a task, and return the tasks to send now, often none."""
        size = self._size(task.kind)
        if size == 1:
            return [task]
        group = (task.kind, task.resources)
        gathered = self._gathered.setdefault(group, [])
        gathered.append(task)
        sent = sum(len(argument) for one in gathered for argument in one.arguments if isinstance(argument, bytes))
        return self._gathered.pop(group) if len(gathered) >= size or sent >= _MOST_BYTES else []

    def flush(self) -> list[Task]:
        """A batch that is not full, to be sent because there is nothing else to send; empty if there is none."""
        return self._gathered.pop(next(iter(self._gathered))) if self._gathered else []

    def clear(self) -> None:
        self._gathered.clear()

    def _size(self, kind: str) -> int:
        """Number of tasks of a kind per batch; 1 until one of them has ended."""
        mean = self._mean_s.get(kind)
        if mean is None or mean >= _QUICK_S:
            return 1
        return max(1, min(_MOST_TASKS, math.ceil(_BATCH_S / max(mean, 1e-6))))


# in a worker ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Stands for the shared value with this index among the arguments of a task."""

    index: int


def _report(key: str, value: object) -> None:
    """Store a task's report under a key of the cluster's table. The task is worth more than its reports."""
    from ray.experimental.internal_kv import _internal_kv_put

    with suppress(Exception):  # Ray may raise anything
        _internal_kv_put(key, pickle.dumps(value))


def perform_batch(
    grace_s: float, started: str | None, reported: str | None, tasks: bytes, *shared: object
) -> tuple[str, dict[str, str], list[Completion]]:
    """Run the tasks of a batch, one after another; return the node, its `package_versions`, and the completions.

    Args:
        grace_s: time after a task's timeout after which a worker that hangs is ended.
        started: key of the cluster's table under which to store the node when the batch begins, if any.
        reported: key under which to store the function's reports, pickled; None if not requested.
        tasks: a pickled list, with `Slot`s for the `shared` values among arguments.
    """
    import ray
    from ray.experimental.internal_kv import _internal_kv_put

    collect_rarely()
    if started is not None:
        _internal_kv_put(started, ray.get_runtime_context().get_node_id())
    on_report = None if reported is None else partial(_report, reported)
    ended: list[Completion] = []
    for task in pickle.loads(tasks):
        filled = tuple(shared[value.index] if isinstance(value, Slot) else value for value in task.arguments)
        ended.append(perform(replace(task, arguments=filled, on_report=on_report), grace_s=grace_s))
    return ray.get_runtime_context().get_node_id(), package_versions(), ended
