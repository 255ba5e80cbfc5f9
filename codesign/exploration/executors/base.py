"""What an executor does: take tasks, run them somewhere, hand back what they returned, one by one."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

__all__ = ["Completion", "Executor", "Failure", "Task", "perform"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A call of a function that lives in a module and whose arguments can be pickled.

    Attributes:
        key: names the task among those under way.
        function: called with `arguments`; must not depend on anything else.
        arguments: values, or stand-ins that `Executor.share` returned.
    """

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task has no output: the type of its exception and what it said."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @staticmethod
    def of(error: BaseException) -> Failure:
        return Failure(kind=type(error).__name__, message=str(error).strip())


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The end of a task: its output, or the failure that it ended in, and how long it ran where it ran."""

    key: str
    output: Any
    failure: Failure | None
    wall_s: float


class Executor(ABC):
    """Runs tasks. Whatever the executor, a task gives the same bytes: each computes with one thread.

    Attributes:
        name: as on the command line.
        in_process: whether tasks run in this process, so that a function may report while it runs.
        slots: how many tasks are worth having under way at once.
    """

    name: str
    in_process: bool
    slots: int

    @abstractmethod
    def share(self, value: object) -> object:
        """A stand-in for `value`, to be given as an argument of any number of tasks; sent to workers once."""

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Take a task. An exception in it becomes the `failure` of its completion."""

    @abstractmethod
    def wait(self) -> Completion:
        """Block until some task that was submitted ends.

        Raises:
            LookupError: no task is under way.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what was started; tasks under way are lost."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def perform(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Failure | None, float]:
    """Call with one compute thread; output, failure, wall time in seconds. Executors run every task through this.

    One thread, because torch's sums in several threads may round differently from those in one, and because workers
    that each start a thread a core slow each other down by an order of magnitude. The event engine takes its number of
    threads from torch, so it keeps to one too.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    try:
        return function(*arguments), None, time.perf_counter() - start
    except Exception as error:  # whatever went wrong in a job belongs to its row, and the sweep goes on
        return None, Failure.of(error), time.perf_counter() - start
    finally:
        torch.set_num_threads(threads)
