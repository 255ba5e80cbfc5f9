"""What an executor does: take tasks, run them somewhere, hand back what they returned, one by one."""

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
_CALLS = os.path.join("torch", "nn", "modules", "module.py")  # calls what is a torch module


@dataclass(frozen=True, kw_only=True)
class Task:
    """A call of a function that lives in a module and whose arguments can be pickled.

    Attributes:
        key: names the task among those under way.
        kind: tasks of one kind take about equally long.
        function: called with `arguments`; must not depend on anything else.
        arguments: values, or stand-ins that `Executor.share` returned.
        on_report: is told here what the function reports where it runs, now and then, and the last of it at most: the
            function is then called with a parameter `report`, a function of one value that can be pickled.
    """

    key: str
    kind: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    resources: JobResources = field(default_factory=JobResources)
    on_report: Callable[[Any], None] | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task has no output: the type of its exception and what it said."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @staticmethod
    def of(error: BaseException) -> Failure:
        message = str(error).strip()
        if not isinstance(error, CodesignError | OSError | MemoryError):
            message = f"{message} ({_place(error)})".lstrip()
        message = message.encode(errors="replace").decode()  # it may name a file whose name is not text
        return Failure(kind=type(error).__name__, message=message)


def _place(error: BaseException) -> str:
    """File and line of what this package called when it was raised, such as a user's loss."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(_CALLS)]
    known = [number for number, frame in enumerate(frames) if frame.filename.startswith(_HERE)]
    frame = frames[max(known, default=-1) + 1 :][:1] or frames[-1:]
    return ", ".join(f"{os.path.basename(one.filename)}:{one.lineno}" for one in frame)


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The end of a task: its output, or the failure that it ended in, and how long it ran where it ran."""

    key: str
    output: Any
    failure: Failure | None
    wall_s: float


class Executor(ABC):
    """Runs tasks, in this process or elsewhere. Whatever the executor, a task gives the same bytes. Its name is that of
    the command line."""

    name: str

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether another task is worth submitting now; to go on regardless only fills memory."""

    @abstractmethod
    def check(self, resources: JobResources) -> None:
        """Make sure that tasks which take this can be run at all. Raises InputError, with what there is, where there is
        no such place."""

    @abstractmethod
    def share(self, value: object) -> object:
        """A stand-in for `value`, to be given as an argument of any number of tasks; sent to workers once."""

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Take a task. An exception in it becomes the `failure` of its completion."""

    @abstractmethod
    def wait(self, timeout_s: float | None = None) -> Completion | None:
        """Block until some task that was submitted ends; None where none does within `timeout_s`.

        An executor that runs tasks in this process runs one to its end, whatever the timeout. Raises LookupError where
        no task is under way.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what was started; tasks under way are lost."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
