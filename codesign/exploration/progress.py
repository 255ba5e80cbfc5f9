"""What a running sweep tells whoever watches. This one says nothing; the command line has talking ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codesign.exploration.executors.base import Failure

if TYPE_CHECKING:
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["FrontLine", "Progress"]


@dataclass(frozen=True, kw_only=True)
class FrontLine:
    """A point on the best front so far: what it is called, and its objectives as they are read."""

    name: str
    values: tuple[str, ...]


class Progress:
    """Called by the sweep's driver as jobs come and go. `kind` is train, execute or price; `label` names a job."""

    def planned(self, work: Work, executor: str) -> None:
        """Everything is known that there is to do; nothing has started."""

    def started(self, kind: str, label: str) -> None:
        """A job was handed to the executor."""

    def epoch(self, label: str, report: EpochReport) -> None:
        """A training in this process finished an epoch."""

    def finished(self, kind: str, label: str, wall_s: float) -> None:
        """A job is done and its result in the store."""

    def failed(self, kind: str, label: str, failure: Failure) -> None:
        """A job failed; the rows that need it will say so."""

    def found(self, kind: str, label: str) -> None:
        """A job is not run after all, because another process has put its result into the store meanwhile."""

    def pulse(self) -> None:
        """Time has passed: about a second, or less."""

    def skipped(self, kind: str, label: str) -> None:
        """A job will not be run, because one failed that it needs."""

    def front(self, lines: Sequence[FrontLine]) -> None:
        """The best front so far, the best in the first objective first."""

    def study_begins(self, *, trials: int | None, told: int, executor: str) -> None:
        """A search begins or goes on: `told` trials of earlier runs are known; None trials for a budget of time."""

    def trial_ended(self, text: str) -> None:
        """A trial of a study ended, and how."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def close(self) -> None:
        """The sweep is over, one way or another."""
