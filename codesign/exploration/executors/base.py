"""The interface of executors: take tasks, run them somewhere, and return their outputs one by one."""

from __future__ import annotations

import os
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import codesign
from codesign.errors import CodesignError
from codesign.exploration.resources import JobResources

_HERE = os.path.dirname(codesign.__file__) + os.sep
_CALLS = os.path.join("torch", "nn", "modules", "module.py")  # calls torch modules


@dataclass(frozen=True, kw_only=True)
class Task:
    """A call of a module-level function with arguments that can be pickled.

    Attributes:
        key: identifies the task among those under way.
        kind: kind of the task; tasks of one kind take about equally long.
        function: called with `arguments`; must not depend on anything else.
        arguments: values, or stand-ins returned by `Executor.share`.
        on_report: if given, receives here, now and then, the latest value that the function has reported; the function
            is then called with a parameter `report`, a function of one value that can be pickled.
    """

    key: str
    kind: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    resources: JobResources = field(default_factory=JobResources)
    on_report: Callable[[Any], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task has no output: the type and message of its exception."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @staticmethod
    def of(error: BaseException) -> Failure:
        message = str(error).strip()
        if not isinstance(error, CodesignError | OSError | MemoryError):
            message = f"{message} ({_place(error)})".lstrip()
        message = message.encode(errors="replace").decode()  # it may contain a file name that is not valid text
        return Failure(kind=type(error).__name__, message=message)


def _place(error: BaseException) -> str:
    """File and line of the code that this package called when the error was raised, such as a user's loss."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(_CALLS)]
    known = [number for number, frame in enumerate(frames) if frame.filename.startswith(_HERE)]
    frame = frames[max(known, default=-1) + 1 :][:1] or frames[-1:]
    return ", ".join(f"{os.path.basename(one.filename)}:{one.lineno}" for one in frame)


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The end of a task: its output or failure, and its running time where it ran."""

    key: str
    output: Any
    failure: Failure | None
    wall_s: float


class Executor(ABC):
    """Runs tasks, in this process or elsewhere. A task gives the same bytes on every executor. `name` is the executor's
    name on the command line."""

    name: str

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether another task is worth submitting now; further tasks would only fill memory."""

    @abstractmethod
    def lacking(self, resources: JobResources) -> str:
        """Why tasks with these resources cannot be run at all, with the available ones; "" if they can."""

    @abstractmethod
    def share(self, value: object) -> object:
        """A stand-in for `value`, to use as an argument of any number of tasks; sent to workers once."""

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Submit a task. An exception in it becomes the `failure` of its completion."""

    @abstractmethod
    def wait(self, timeout_s: float | None = None) -> Completion | None:
        """Block until a submitted task ends; return None if none does within `timeout_s`.

        An executor that runs tasks in this process runs one to its end, regardless of the timeout. Raises LookupError
        if no task is under way.
        """

    @abstractmethod
    def close(self) -> None:
        """Release all resources; tasks under way are lost."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
