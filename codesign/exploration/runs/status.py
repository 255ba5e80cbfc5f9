"""How far runs are, from their records; nothing is asked of the processes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from codesign.errors import StoreError
from codesign.exploration.runs.processes import lives
from codesign.exploration.runs.record import RECORD, RunRecord, read_record
from codesign.files import Location, join, open_folder

ALIVE_S = 60.0
"""A process of another machine counts as running for so long after its last sign of life."""

State = Literal["running", "finished", "interrupted", "failed", "dead"]


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run as it is now.

    Attributes:
        folder: name of its output in a folder of several; "" where it was asked for alone.
        state: as the process wrote it, but `dead` for one that says it runs and does not.
        silent_s: time since the last sign of life.
        seen: whether its process can be looked for from here; otherwise only its signs of life tell.
    """

    folder: str
    record: RunRecord
    state: State
    silent_s: float
    seen: bool


def find_runs(location: Location) -> tuple[list[RunStatus], list[str]]:
    """The run of an output, or those of all outputs in a folder, the one first that gave a sign of life last.

    Returns:
        The runs, and why other records cannot be read.

    Raises:
        StoreError: the location, or the record of an output, cannot be read.
    """
    folder = open_folder(location, error=StoreError)
    record = read_record(folder)
    if record is not None:
        return [_status("", record)], []
    runs, problems = [], []
    for file in folder.names():
        name, _, rest = file.partition("/")
        if rest == RECORD:
            try:
                record = read_record(open_folder(join(location, name), error=StoreError))
            except StoreError as error:
                problems.append(str(error))
            else:
                runs += [] if record is None else [_status(name, record)]
    return sorted(runs, key=lambda run: (-run.record.alive, run.folder)), problems


def _status(folder: str, record: RunRecord) -> RunStatus:
    silent_s, state = time.time() - record.alive, record.state
    seen = lives(record.process) if state == "running" else None
    dead = state == "running" and not (abs(silent_s) < ALIVE_S if seen is None else seen)
    return RunStatus(
        folder=folder, record=record, state="dead" if dead else state, silent_s=silent_s, seen=seen is not None
    )
