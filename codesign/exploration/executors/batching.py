"""Quick tasks travel together: to send one takes longer than to run it."""

from __future__ import annotations

import math
from collections.abc import Hashable

from codesign.exploration.executors.base import Task

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
