"""Tasks on their way to Ray's workers, and there. Quick ones travel together: they take longer to send than to run."""

from __future__ import annotations

import math
import pickle
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from codesign.exploration.executors.base import Completion, Task
from codesign.exploration.executors.perform import packed, perform
from codesign.versions import package_versions

_QUICK_S = 0.1
_BATCH_S = 0.25
_MOST_TASKS = 256
_MOST_BYTES = 32 * 2**20
_WEIGHT = 0.2


class Batcher:
    """Decides which tasks are sent together, from how long tasks of their kind took."""

    def __init__(self) -> None:
        self._mean_s: dict[str, float] = {}
        self._gathered: dict[Hashable, list[Task]] = {}

    def took(self, kind: str, wall_s: float) -> None:
        mean = self._mean_s.get(kind, wall_s)
        self._mean_s[kind] = mean + _WEIGHT * (wall_s - mean)

    def add(self, task: Task) -> list[Task]:
        """Take a task; what is to be sent now, which is often nothing."""
        size = self._size(task.kind)
        if size == 1:
            return [task]
        group = (task.kind, task.resources)
        gathered = self._gathered.setdefault(group, [])
        gathered.append(task)
        sent = sum(len(argument) for one in gathered for argument in one.arguments if isinstance(argument, bytes))
        return self._gathered.pop(group) if len(gathered) >= size or sent >= _MOST_BYTES else []

    def flush(self) -> list[Task]:
        """Some batch that is not full, to be sent because nothing else is; empty where there is none."""
        return self._gathered.pop(next(iter(self._gathered))) if self._gathered else []

    def clear(self) -> None:
        self._gathered.clear()

    def _size(self, kind: str) -> int:
        """Tasks of a kind in a batch; 1 until one of them has ended."""
        mean = self._mean_s.get(kind)
        if mean is None or mean >= _QUICK_S:
            return 1
        return max(1, min(_MOST_TASKS, math.ceil(_BATCH_S / max(mean, 1e-6))))


# in a worker ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Slot:
    """Stands for the shared value of that index among the arguments of a task."""

    index: int


def _report(key: str, value: object) -> None:
    """Note under a key of the cluster's table what a task reports; it is worth more than what it says."""
    from ray.experimental.internal_kv import _internal_kv_put

    with suppress(Exception):  # whatever Ray raises
        _internal_kv_put(key, pickle.dumps(value))


def perform_batch(
    grace_s: float, started: str | None, reported: str | None, tasks: bytes, *shared: object
) -> tuple[str, dict[str, str], list[Completion]]:
    """Run the tasks of a batch, one after another; the node, its `package_versions`, and the `packed` ends of tasks.

    Args:
        grace_s: the worker is ended where a task hangs so long after its timeout.
        started: key of the cluster's table under which to note the node as the batch begins.
        reported: key under which to note, pickled, what the function reports; None where nobody asks for it.
        tasks: a pickled list, with `Slot`s for the `shared` values among arguments.
    """
    import ray
    from ray.experimental.internal_kv import _internal_kv_put

    if started is not None:
        _internal_kv_put(started, ray.get_runtime_context().get_node_id())
    on_report = None if reported is None else partial(_report, reported)
    ended: list[Completion] = []
    for task in pickle.loads(tasks):
        filled = tuple(shared[value.index] if isinstance(value, Slot) else value for value in task.arguments)
        ended.append(packed(perform(replace(task, arguments=filled, on_report=on_report), grace_s=grace_s)))
    return ray.get_runtime_context().get_node_id(), package_versions(), ended
