"""The record that a sweep or study leaves in its output, `run.json`, so that anybody can see how far it is.

It says what the run is, who runs it and how it goes. A run with the same configuration that goes on in the same output
goes on with its record. How far runs are is told from their records; nothing is asked of the processes.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from codesign.errors import CodesignError, StoreError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.encoding import digest
from codesign.exploration.runs.progress import FrontLine, JobCounts, TrialCounts, View
from codesign.files import Folder, Location, is_url, join, open_folder, printable
from codesign.mistakes import first_mistake
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from codesign.exploration.running import RunArguments

RECORD = "run.json"
_MOST_BYTES = 2**20
_MOST_FRONT = 20
_PAUSE_S = 5.0
_SHARE = 0.05
"""A record is written so often at most, and in no more than this share of the time."""
_BEAT_S = 20.0
"""Between signs of life while nothing is told: a job of this process, or a page, may take longer than `ALIVE_S`. So may
20 times what a slow place needs for a record, or what a process that was stopped takes one to have needed."""
ALIVE_S = 60.0
"""A process counts as running for so long after its last sign of life, unless it is seen to be gone."""

State = Literal["running", "finished", "interrupted", "failed", "dead"]


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, by the name of its machine and its number there."""

    host: str
    pid: int


class RunRecord(BaseModel):
    """A sweep or study that was started.

    Attributes:
        command: shell command that goes on with it, in `folder`; "" where it was not started by one that is text.
        store, output: paths, or URLs as they may be printed.
        configuration: hash of what decides whether a later run goes on with this one.
        process: that ran it last.
        first_started, started: the first time, and the last, in seconds since 1970.
        alive: last sign of life, likewise.
        state: as the process wrote it; one that was killed could not.
        failures: the last ones, a line each.
        front: the best points so far, of `front_size`.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    format: Literal["codesign-run 2"] = "codesign-run 2"
    name: str
    title: str
    kind: Literal["sweep", "study"]
    command: str
    folder: str
    store: str
    output: str
    configuration: str
    process: ProcessIdentity
    first_started: float
    started: float
    alive: float
    state: Literal["running", "finished", "interrupted", "failed"] = "running"
    message: str = ""
    executor: str = ""
    jobs: JobCounts = JobCounts()
    failures: tuple[str, ...] = ()
    front: tuple[FrontLine, ...] = ()
    front_size: int = 0
    search: TrialCounts | None = None


def read_record(output: Folder) -> RunRecord | None:
    """The record in an output; None where there is none. Raises StoreError where it cannot be read, or is damaged."""
    data = output.read(RECORD, first=_MOST_BYTES)
    if data is None:
        return None
    try:
        return RunRecord.model_validate_json(data)
    except ValidationError as error:
        (where, reason), place = first_mistake(error), printable(join(output.location, RECORD))
        if where == "format":
            again = "run its sweep or study again to have one"
            raise StoreError(f"{place}: is the record of another version of codesign; {again}") from None
        told = f"{where}: {reason}" if where else reason
        raise StoreError(f"{place}: is not the record of a run, or is damaged: {told}") from None


@contextmanager
def recorded(
    run: RunArguments, spec: SweepSpec, *, kind: Literal["sweep", "study"], configuration: object
) -> Iterator[None]:
    """Keep a record of what the run's progress is told in the block; at the end it says how the block ended. The
    configuration decides whether a later run goes on with this one."""
    now = time.time()
    record = RunRecord(
        name=spec.name,
        title=spec.title,
        kind=kind,
        command=run.resume if run.resume == escaped(run.resume) else "",  # a name that is no text cannot be copied
        folder=_text(os.getcwd()),
        store=_place(run.store.root),
        output=_place(run.output),
        configuration=digest({"configuration": configuration}),
        process=ProcessIdentity(host=socket.gethostname(), pid=os.getpid()),
        first_started=now,
        started=now,
        alive=now,
    )
    recorder = RecordView(record, open_folder(run.output, error=StoreError))
    with run.progress.seen_by(recorder), recorder.beating():
        recorder.take_up()
        try:
            yield
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt | GeneratorExit | SystemExit)
            recorder.end("interrupted" if interrupted else "failed", "" if interrupted else _reason(error))
            raise
        recorder.end("finished")


class RecordView(View):
    """Writes a record every few seconds. Where it cannot, it says so once, and the run goes on."""

    def __init__(self, record: RunRecord, folder: Folder, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._record = record
        self._folder = folder
        self._wall_clock = wall_clock
        self._noted = False
        self._next = 0.0
        self._writing = threading.Lock()

    def take_up(self) -> None:
        """Take an earlier record of the same run up, and write the first one."""
        with suppress(StoreError):  # a damaged one is replaced
            earlier = read_record(self._folder)
            if earlier is not None and earlier.configuration == self._record.configuration:
                self._record.first_started = earlier.first_started
        self._write()

    def end(self, state: Literal["finished", "interrupted", "failed"], message: str = "") -> None:
        self._record.state, self._record.message = state, _text(message)
        self._write()

    def added(self) -> None:
        self._write()  # the first job may take minutes

    def pulse(self) -> None:
        if self.run.clock() >= self._next:
            self._write()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Give signs of life in the block however long it tells nothing."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_BEAT_S):
                with suppress(RuntimeError):  # the run changed while it was looked at, so it tells something
                    self.pulse()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _write(self) -> None:
        record, run = self._record, self.run
        with self._writing:
            start = run.clock()
            record.alive, record.executor, record.jobs = self._wall_clock(), run.executor, run.jobs()
            record.failures, record.search = tuple(map(_text, run.last_failures)), run.search
            record.front, record.front_size = run.front_lines[:_MOST_FRONT], len(run.front_lines)
            try:
                # What an interruption or power failure leaves counts as damaged.
                self._folder.write(RECORD, (record.model_dump_json(indent=1) + "\n").encode(), durable=False)
            except Exception as error:  # results are worth more than the record of how they came about
                if not self._noted:
                    self._noted = True
                    run.note(f"no record of this run can be written, so `codesign status` lacks it: {_reason(error)}")
            now = run.clock()
            self._next = now + min(_BEAT_S, max(_PAUSE_S, (now - start) / _SHARE))


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, CodesignError) else f"{type(error).__name__}: {error}"


def _text(text: str) -> str:
    """In a line that any reader can take."""
    return escaped(" ".join(text.split()))


def _place(location: Location) -> str:
    """A location that means the same from everywhere, as it may be printed."""
    return printable(location) if is_url(location) else _text(os.path.abspath(location))


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run as it is now.

    Attributes:
        folder: name of its output in a folder of several; "" where it was asked for alone.
        state: as the process wrote it, but `dead` for one that says it runs and does not.
        silent_s: time since the last sign of life.
    """

    folder: str
    record: RunRecord
    state: State
    silent_s: float


def find_runs(location: Location) -> tuple[list[RunStatus], list[str]]:
    """The run of an output, or those of all outputs in a folder, the one first that gave a sign of life last; and why
    other records cannot be read. Raises StoreError where the location, or the record of an output, cannot be read."""
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
    silent_s, process, state = time.time() - record.alive, record.process, record.state
    gone = process.host == socket.gethostname() and not psutil.pid_exists(process.pid)
    dead = state == "running" and (gone or abs(silent_s) > ALIVE_S)
    return RunStatus(folder=folder, record=record, state="dead" if dead else state, silent_s=silent_s)
