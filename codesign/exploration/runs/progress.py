"""The events of a running sweep or study. `Progress` ignores them; the command line shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Failure

if TYPE_CHECKING:
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["FrontLine", "Progress", "Relay", "Search"]


@dataclass(frozen=True, kw_only=True)
class FrontLine:
    """A point on the best front so far: what it is called, and its objectives as they are read.

    Attributes:
        labels: names of the objectives, one a value.
        group: what it shares with those that it compares with, in words; "" where all lines compare.
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a study begins with.

    Attributes:
        trials: budget, those of earlier runs included; None where only time ends it.
        time_s: budget of time at work, that of earlier runs included; None where only trials end it.
        told: trials of earlier runs, by how they ended.
        elapsed_s: time at work of earlier runs.
        place: where the trials are kept.
    """

    trials: int | None
    time_s: float | None
    told: Mapping[str, int]
    elapsed_s: float
    executor: str
    place: str


class Progress:
    """Told of jobs as they come and go. `kind` is train, execute or price; `label` names a job.

    A training and an execution have one result each. A price job has one for each summary and each price that it works
    out from an execution: `results`.
    """

    def planned(self, work: Work, executor: str) -> None:
        """Everything is known that there is to do; nothing has started."""

    def study_begins(self, search: Search) -> None:
        """A search begins or goes on."""

    def added(self, work: Work, new: Mapping[str, int]) -> None:
        """Work was taken up: so many results by kind are new; the others are in the store, under way, or failed."""

    def started(self, kind: str, label: str) -> None:
        """A job was handed to the executor."""

    def epoch(self, label: str, report: EpochReport) -> None:
        """A training finished an epoch, perhaps some time ago; not every epoch is told of."""

    def finished(self, kind: str, label: str, wall_s: float, results: int = 1) -> None:
        """A job is done and so many of its results are in the store; of the others `part_failed` told."""

    def failed(self, kind: str, label: str, failure: Failure, results: int = 1) -> None:
        """A job failed; the rows that need it will say so."""

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        """One result of a job failed; the others are kept, and the job is yet to end."""

    def found_in_store(self, kind: str, label: str) -> None:
        """A job is not run after all, because another process has put its result into the store meanwhile."""

    def again(self, kind: str, label: str, maker: str | None) -> None:
        """A job could not read a stored result that it needs, and is run again once that is made anew.

        `maker` is the kind of the job that makes it, one result more than there were; None where that was told before.
        """

    def skipped(self, kind: str, label: str, results: int = 1) -> None:
        """A job will not be run, because one failed that it needs."""

    def pulse(self) -> None:
        """Time has passed: about a second, or less."""

    def front(self, lines: Sequence[FrontLine]) -> None:
        """The best front so far: a group after another, each with the best in the first objective first."""

    def hypervolume(self, text: str) -> None:
        """How much of the space of objectives a study's trials cover, in words."""

    def trial_began(self, number: int) -> None:
        """A trial of a study is under way."""

    def trial_ended(self, text: str, state: str) -> None:
        """A trial of a study ended, and how: complete, dropped, infeasible or failed."""

    def advanced(self, phase: str, done: int, total: int | None, unit: str = "") -> None:
        """So much of a phase without jobs is done; of bytes where `unit` is B. A total of None is not known."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def close(self) -> None:
        """It is over, one way or another."""


class Relay(Progress):
    """Tells several, in their order."""

    def __init__(self, *listeners: Progress) -> None:
        self._listeners = listeners


def _handing_on(event: str) -> Callable[..., None]:
    def hand_on(relay: Relay, *arguments: object, **options: object) -> None:
        for listener in relay._listeners:
            getattr(listener, event)(*arguments, **options)

    return hand_on


for _event in [name for name in vars(Progress) if not name.startswith("_")]:
    setattr(Relay, _event, _handing_on(_event))
