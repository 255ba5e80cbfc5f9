"""Running one task after another, in this process."""

from __future__ import annotations

import threading
from collections import deque

from codesign.deferred import torch
from codesign.exploration.executors.base import Completion, Executor, Task
from codesign.exploration.executors.perform import perform
from codesign.exploration.resources import JobResources


class SerialExecutor(Executor):
    """Runs each task when its completion is waited for, in the order of submission. Ignores limits on memory."""

    name = "serial"

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()

    @property
    def has_room(self) -> bool:
        return not self._tasks

    def lacking(self, resources: JobResources) -> str:
        if resources.gpus and resources.gpus > (there := torch.cuda.device_count()):
            return f"gpus: a job asks for {resources.gpus:g}, this machine has {there}"
        if resources.timeout is not None and threading.current_thread() is not threading.main_thread():
            return "timeout: only a program's main thread can end its jobs; use executor 'ray'"
        return ""

    def share(self, value: object) -> object:
        return value

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def wait(self, timeout_s: float | None = None) -> Completion | None:
        if not self._tasks:
            raise LookupError("no task is under way")
        return perform(self._tasks.popleft())

    def close(self) -> None:
        self._tasks.clear()
