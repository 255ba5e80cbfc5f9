"""Keeping the record of a run up to date while it runs."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from codesign.errors import CodesignError, StoreError
from codesign.exploration.runs.counting import Counting
from codesign.exploration.runs.processes import this_process
from codesign.exploration.runs.progress import Progress, Relay
from codesign.exploration.runs.record import (
    MOST_LINES,
    POINTER,
    RESULT_KINDS,
    FailureLine,
    RunPointer,
    RunRecord,
    absolute,
    one_line,
    path_between,
    read_record,
    record_name,
    run_id,
    short_key,
    write,
)
from codesign.exploration.store import Store
from codesign.files import Folder, Location, open_folder

if TYPE_CHECKING:
    from codesign.exploration.executors.base import Failure
    from codesign.exploration.work import Work
    from codesign.training.trainer import EpochReport

__all__ = ["RunRecorder", "recorded_run"]

_PAUSE_S = 5.0
_SHARE = 0.05
"""A record is written so often at most, and in no more than this share of the time."""


@contextmanager
def recorded_run(
    progress: Progress,
    *,
    kind: Literal["sweep", "study"],
    name: str,
    title: str,
    configuration: object,
    store: Store,
    output: Location,
    command: str | None,
) -> Iterator[Progress]:
    """Progress that is told to `progress` and kept in a record, which says at the end how the block ended.

    Args:
        configuration: what decides whether a later run goes on with this one.
        command: shell command that goes on with the run; None where it was not started by one.
    """
    now = time.time()
    record = RunRecord(
        id=run_id(name, configuration, output),
        name=one_line(name),
        title=one_line(title),
        kind=kind,
        command=one_line(command or ""),
        folder=one_line(os.getcwd()),
        store=one_line(absolute(store.root)),
        output=one_line(absolute(output)),
        process=this_process(),
        first_started=now,
        started=now,
        alive=now,
        state="running",
    )
    recorder = RunRecorder(record, store.folder, on_note=progress.note)
    recorder.begin(output)
    try:
        yield Relay(progress, recorder)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt | GeneratorExit | SystemExit)
        recorder.end("interrupted" if interrupted else "failed", "" if interrupted else _reason(error))
        raise
    recorder.end("finished")


class RunRecorder(Counting):
    """Writes a record every few seconds. Where it cannot, it says so once, and the run goes on."""

    def __init__(
        self,
        record: RunRecord,
        folder: Folder,
        *,
        on_note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._record = record
        self._folder = folder
        self._on_note = on_note
        self._wall_clock = wall_clock
        # Short keys of results, in the order in which they were planned.
        self._needed: dict[str, dict[str, None]] = {kind: {} for kind in RESULT_KINDS}
        self._planned = False
        self._last_failures: deque[FailureLine] = deque(maxlen=MOST_LINES)
        self._next = clock()
        self._noted = False

    def begin(self, output: Location) -> None:
        """Take an earlier record of the same run up, and write the first one, with a pointer to it in the output."""
        with suppress(StoreError):  # a damaged one is replaced
            earlier = read_record(self._folder, self._record.id)
            if earlier is not None:
                self._record = self._record.model_copy(update={"first_started": earlier.first_started})
                for kind, keys in (earlier.needed or {}).items():
                    self._needed[kind].update(dict.fromkeys(keys))
        with self._going_on():
            pointer = RunPointer(
                run=self._record.id,
                store=self._record.store,
                store_from_here=path_between(self._folder.location, output),
            )
            write(open_folder(output), POINTER, pointer)
        self._write()

    def end(self, state: Literal["finished", "interrupted", "failed"], message: str = "") -> None:
        """Write how the run ended."""
        self._record = self._record.model_copy(update={"state": state, "message": one_line(message)})
        self._write()

    def added(self, work: Work, new: Mapping[str, int]) -> None:
        super().added(work, new)
        for kind, keys in work.keys.items():
            self._needed[kind].update(dict.fromkeys(map(short_key, keys)))
        if not self._planned:
            self._planned = True
            self._write()  # the first job may take minutes

    def failed(self, kind: str, label: str, failure: Failure, results: int = 1) -> None:
        super().failed(kind, label, failure, results)
        self._note_failure(kind, label, failure)

    def part_failed(self, kind: str, label: str, failure: Failure) -> None:
        super().part_failed(kind, label, failure)
        self._note_failure(kind, label, failure)

    def epoch(self, label: str, report: EpochReport) -> None:
        super().epoch(label, report)
        self.pulse()

    def trial_ended(self, text: str, state: str) -> None:
        super().trial_ended(text, state)
        self.pulse()

    def pulse(self) -> None:
        if self._clock() >= self._next:
            self._write()

    def _note_failure(self, kind: str, label: str, failure: Failure) -> None:
        self._last_failures.append(FailureLine(job=one_line(f"{kind} {label}"), reason=one_line(str(failure))))

    def _write(self) -> None:
        start = self._clock()
        with self._going_on():
            write(self._folder, record_name(self._record.id), self._now())
        now = self._clock()
        self._next = now + max(_PAUSE_S, (now - start) / _SHARE)

    def _now(self) -> RunRecord:
        return self._record.model_copy(
            update={
                "alive": self._wall_clock(),
                "executor": self.executor,
                "jobs": self.jobs(),
                "failures": tuple(self._last_failures),
                "front": self.front_lines[:MOST_LINES],
                "front_size": len(self.front_lines),
                "search": self.trials(),
                "needed": {kind: tuple(keys) for kind, keys in self._needed.items()},
            }
        )

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Results are worth more than the record of how they came about."""
        try:
            yield
        except Exception as error:
            if not self._noted:
                self._noted = True
                self._on_note(
                    f"the record of this run cannot be kept, so that `codesign status` lacks it: {_reason(error)}"
                )


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, CodesignError) else f"{type(error).__name__}: {error}"
