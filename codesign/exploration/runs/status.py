"""How far a run is, from its record and from what the store holds; nothing is asked of the process that runs it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from codesign.errors import InputError, StoreError
from codesign.exploration.runs.processes import lives
from codesign.exploration.runs.record import (
    POINTER,
    RunPointer,
    RunRecord,
    read_pointer,
    read_record,
    run_ids,
    short_key,
)
from codesign.exploration.store import listed_keys
from codesign.files import Folder, Location, open_folder, printable

__all__ = ["ResultCounts", "RunStatus", "StoreStatus", "output_status", "run_status", "store_status"]

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
        state: as the process wrote it, but `dead` for one that says it runs and does not.
        results: by kind; None where the record does not say what it needs.
        silent_s: time since the last sign of life.
        seen: whether its process can be looked for from here; otherwise only its signs of life tell.
    """

    record: RunRecord
    state: State
    results: dict[str, ResultCounts] | None
    silent_s: float
    seen: bool

    @property
    def problem(self) -> str | None:
        """Why the results are not known."""
        return "its record does not say which it needs" if self.results is None else None

    @property
    def needed(self) -> int:
        return sum(counts.needed for counts in (self.results or {}).values())

    @property
    def in_store(self) -> int:
        return sum(counts.in_store for counts in (self.results or {}).values())


@dataclass(frozen=True, kw_only=True)
class StoreStatus:
    """All runs that a store knows, those first that gave a sign of life last; and why records cannot be read."""

    runs: tuple[RunStatus, ...]
    problems: tuple[str, ...]


def store_status(store: Folder, *, run: str | None = None) -> StoreStatus:
    """All runs that a store knows, or one.

    Args:
        store: its folder.
        run: id or name of one.

    Raises:
        StoreError: the store cannot be read.
        InputError: it knows no runs, or no such run, or several of that name.
    """
    known = run_ids(store)
    if not known:
        raise InputError(f"{store}: is neither the output of a sweep or study nor a store that knows of one")
    if run is not None:
        known = [_chosen(store, known, run)]
    records, problems = [], []
    for id_ in known:
        try:
            record = read_record(store, id_)
        except StoreError as error:
            problems.append(str(error))
            continue
        if record is not None:  # otherwise it has been removed meanwhile
            records.append(record)
    stored = _stored(store) if records else frozenset()
    records.sort(key=lambda record: (-record.alive, record.id))
    return StoreStatus(runs=tuple(run_status(record, stored) for record in records), problems=tuple(problems))


def output_status(output: Location, *, store: Location | None = None) -> RunStatus | None:
    """The run that an output comes from; None where it says nothing of one.

    Args:
        store: where its record is, if not where the output says.

    Raises:
        StoreError: what the output says, or the record, cannot be read.
        InputError: there is no such record.
    """
    pointer = read_pointer(open_folder(output, error=StoreError))
    if pointer is None:
        return None
    places = [store] if store is not None else _places(output, pointer)
    for place in places:
        folder = open_folder(place, error=StoreError)
        record = read_record(folder, pointer.run)
        if record is not None:
            return run_status(record, _stored(folder))
    looked = " or ".join(printable(place) for place in places)
    raise InputError(
        f"{printable(output)}/{POINTER}: run {pointer.run} has no record in {looked}; give --store if that was moved"
    )


def run_status(record: RunRecord, stored: frozenset[str]) -> RunStatus:
    """A run as it is now.

    Args:
        stored: `short_key`s of all results in the store.
    """
    results: dict[str, ResultCounts] | None = None
    if record.needed is not None:
        results = {
            kind: ResultCounts(needed=len(keys), in_store=sum(key in stored for key in keys))
            for kind, keys in record.needed.items()
        }
    silent_s = time.time() - record.alive
    seen = lives(record.process) if record.state == "running" else None
    state: State = record.state
    if state == "running":
        state = "running" if (abs(silent_s) < ALIVE_S if seen is None else seen) else "dead"
    return RunStatus(record=record, state=state, results=results, silent_s=silent_s, seen=seen is not None)


def _chosen(store: Folder, known: Sequence[str], run: str) -> str:
    """The id that `run` is, or the only one of that name."""
    matching = [run] if run in known else [id_ for id_ in known if id_.rpartition("-")[0] == run]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise InputError(f"--run {run}: there are several; give one of {', '.join(matching)}")
    raise InputError(f"--run {run}: {store} knows no such run; it knows {', '.join(known)}")


def _stored(store: Folder) -> frozenset[str]:
    return frozenset(map(short_key, listed_keys(store)))


def _places(output: Location, pointer: RunPointer) -> list[Location]:
    """Where the store is: as seen from an output that was moved along with it, and where it was."""
    near = [] if pointer.store_from_here is None else [Path(output) / pointer.store_from_here]
    return [*near, pointer.store]
