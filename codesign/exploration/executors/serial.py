"""One task after another, in this process."""

from __future__ import annotations

from collections import deque

from codesign.exploration.executors.base import Completion, Executor, Task, perform

__all__ = ["SerialExecutor"]


class SerialExecutor(Executor):
    """Runs each task when its completion is waited for, in the order of submission."""

    name = "serial"
    in_process = True
    slots = 1

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()

    def share(self, value: object) -> object:
        return value

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def wait(self) -> Completion:
        if not self._tasks:
            raise LookupError("no task is under way")
        task = self._tasks.popleft()
        output, failure, wall_s = perform(task.function, task.arguments)
        return Completion(key=task.key, output=output, failure=failure, wall_s=wall_s)

    def close(self) -> None:
        self._tasks.clear()
