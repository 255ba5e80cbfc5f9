"""How far runs are, from their records and from what the stores hold; nothing is asked of the processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

from codesign.errors import CodesignError, StoreError
from codesign.exploration.runs.processes import lives
from codesign.exploration.runs.record import RECORD, RunRecord, read_record, short_key
from codesign.exploration.store import listed_keys
from codesign.files import Location, join, open_folder, printable

__all__ = ["ResultCounts", "RunStatus", "find_runs"]

ALIVE_S = 60.0
"""A process of another machine counts as running for so long after its last sign of life."""

State = Literal["running", "finished", "interrupted", "failed", "dead"]


@dataclass(frozen=True, kw_only=True)
class ResultCounts:
    """Results of one kind that a run needs, as far as it has planned, and of those the ones that are in the store."""

    needed: int
    in_store: int


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run as it is now.

    Attributes:
        folder: name of its output in a folder of several; "" where it was asked for alone.
        state: as the process wrote it, but `dead` for one that says it runs and does not.
        results: by kind; None where its store cannot be read.
        problem: why it cannot.
        silent_s: time since the last sign of life.
        seen: whether its process can be looked for from here; otherwise only its signs of life tell.
    """

    folder: str
    record: RunRecord
    state: State
    results: dict[str, ResultCounts] | None
    problem: str | None
    silent_s: float
    seen: bool

    @property
    def needed(self) -> int:
        return sum(counts.needed for counts in (self.results or {}).values())

    @property
    def in_store(self) -> int:
        return sum(counts.in_store for counts in (self.results or {}).values())


def find_runs(location: Location, *, store: Location | None = None) -> tuple[list[RunStatus], list[str]]:
    """The run of an output, or those of all outputs in a folder, the one first that gave a sign of life last.

    Args:
        store: where their results are, if not where the records say.

    Returns:
        The runs, and why other records cannot be read.

    Raises:
        StoreError: the location, or the record of an output, cannot be read.
    """
    folder = open_folder(location, error=StoreError)
    stored, record = cache(_stored), read_record(folder)
    if record is not None:
        return [_status("", record, *stored(store or record.store))], []
    runs, problems = [], []
    for file in folder.names(deep=True):
        name, _, rest = file.partition("/")
        if rest == RECORD:
            try:
                record = read_record(open_folder(join(location, name), error=StoreError))
            except StoreError as error:
                problems.append(str(error))
            else:
                runs += [] if record is None else [_status(name, record, *stored(store or record.store))]
    return sorted(runs, key=lambda run: (-run.record.alive, run.folder)), problems


def _stored(store: Location) -> tuple[frozenset[str] | None, str | None]:
    """`short_key`s of all results in a store, or why they are not known."""
    try:
        return frozenset(map(short_key, listed_keys(open_folder(store, error=StoreError)))), None
    except CodesignError as error:
        return None, f"{error}; give --store if {printable(store)} was moved"


def _status(folder: str, record: RunRecord, stored: frozenset[str] | None, problem: str | None) -> RunStatus:
    results = (
        stored
        if stored is None
        else {
            kind: ResultCounts(needed=len(keys), in_store=sum(key in stored for key in keys))
            for kind, keys in record.needed.items()
        }
    )
    silent_s, state = time.time() - record.alive, record.state
    seen = lives(record.process) if state == "running" else None
    dead = state == "running" and not (abs(silent_s) < ALIVE_S if seen is None else seen)
    return RunStatus(
        folder=folder,
        record=record,
        state="dead" if dead else state,
        results=results,
        problem=problem,
        silent_s=silent_s,
        seen=seen is not None,
    )
