"""The record of a sweep or study in its output, `run.json`, which shows its progress to anyone.

It states what the run is, its process and its progress. A run with the same configuration in the same output continues
the record. The status of runs comes from their records, and from the locks that they hold on their outputs.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from codesign.errors import CodesignError, InputError, StoreError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.jobs.encoding import digest
from codesign.exploration.runs.progress import FrontLine, JobCounts, TrialCounts, View
from codesign.files import Folder, Location, is_free, is_url, join, lock_of, open_folder, printable
from codesign.mistakes import first_mistake
from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from codesign.exploration.running import RunArguments

RECORD = "run.json"
_MOST_BYTES = 2**20
_MOST_FRONT = 20
_PAUSE_S = 5.0
"""Shortest time between two records."""
_BEAT_S = 20.0
"""Interval of signs of life while nothing happens: a job in this process, or a page, may take longer than `ALIVE_S`."""
ALIVE_S = 60.0
"""How long a process counts as running after its last sign of life, unless it is of this machine and nobody holds its
lock. Whether its process number exists says nothing: containers may share a host's name, but not its processes."""

Kind = Literal["sweep", "study", "run"]
State = Literal["running", "finished", "interrupted", "failed", "dead"]


@dataclass(frozen=True, kw_only=True)
class ProcessIdentity:
    """A process, given by the name of its machine and its number there."""

    host: str
    pid: int


class RunRecord(BaseModel):
    """The record of a sweep or study that was started.

    Attributes:
        command: shell command that continues it, in `folder`; "" if it was not started by a command.
        store, output: paths, or URLs without secrets.
        configuration: hash that a later run must have to continue this one.
        process: the process that ran it last.
        first_started, started: first and last start, in seconds since 1970.
        alive: last sign of life, in seconds since 1970.
        state: the last state that the process wrote; `running` if it was killed.
        front: the best points so far, the first of `front_size`.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    format: Literal["codesign-run 2"] = "codesign-run 2"
    name: str
    title: str
    kind: Kind
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
    """The record in an output; None if there is none. Raises StoreError if it cannot be read, or is damaged."""
    data = output.read(RECORD, first=_MOST_BYTES)
    if data is None:
        return None
    try:
        return RunRecord.model_validate_json(data)
    except ValidationError as error:
        place, told = printable(join(output.location, RECORD)), ": ".join(filter(None, first_mistake(error)))
        raise StoreError(f"{place}: is no record of a run by this version of codesign, or is damaged: {told}") from None


def check_output(output: Location, kind: Kind) -> None:
    """Raise InputError if an output cannot be written, or holds results of another kind, which would be lost."""
    open_folder(output).check_writable()
    with suppress(StoreError):  # a damaged record is replaced
        earlier = read_record(open_folder(output, error=StoreError))
        if earlier is not None and earlier.kind != kind:
            held = f"{printable(output)}: holds the {earlier.kind} '{earlier.name}'"
            raise InputError(f"{held}, which the {kind} would replace; rename one, or choose another output")


@contextmanager
def recorded(run: RunArguments, spec: SweepSpec, *, kind: Kind, configuration: object) -> Iterator[None]:
    """Keep a record of the run's progress during the block, and of how the block ends. A later run with an equal
    configuration continues the record."""
    now = time.time()
    record = RunRecord(
        name=spec.name,
        title=spec.title,
        kind=kind,
        command=escaped(run.resume),
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
    """Writes a record every few seconds. If that fails, it says so once, and the run continues."""

    def __init__(self, record: RunRecord, folder: Folder) -> None:
        self._record = record
        self._folder = folder
        self._noted = False
        self._next = 0.0
        self._writing = threading.Lock()

    def take_up(self) -> None:
        """Continue an earlier record of the same run, if any, and write the first one. Says what it replaces if a
        command with another file, or other options, wrote here."""
        with suppress(StoreError):  # a damaged one is replaced
            earlier = read_record(self._folder)
            if earlier is not None and earlier.configuration == self._record.configuration:
                self._record.first_started = earlier.first_started
            elif earlier is not None and "" != earlier.command != self._record.command:
                self.run.note(f"replaces what `{earlier.command}` wrote here")
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
        """Give signs of life during the block, even if nothing happens in it."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_BEAT_S):
                with suppress(RuntimeError):  # the run changed meanwhile, so it is alive
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
            record.alive, record.executor, record.jobs = time.time(), run.executor, run.jobs()
            record.failures, record.search = tuple(map(_text, run.last_failures)), run.search
            record.front, record.front_size = run.front_lines[:_MOST_FRONT], len(run.front_lines)
            try:
                # A file left by an interruption or power failure counts as damaged.
                self._folder.write(RECORD, (record.model_dump_json(indent=1) + "\n").encode(), durable=False)
            except Exception as error:  # results are worth more than their record
                if not self._noted:
                    self._noted = True
                    run.note(f"no record of this run can be written, so `codesign status` lacks it: {_reason(error)}")
            self._next = run.clock() + _PAUSE_S


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, CodesignError) else f"{type(error).__name__}: {error}"


def _text(text: str) -> str:
    """The text in one line, safe for any reader."""
    return escaped(" ".join(text.split()))


def _place(location: Location) -> str:
    """A location as text that is valid in any working directory, without secrets."""
    return printable(location) if is_url(location) else _text(os.path.abspath(location))


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """The present status of a run.

    Attributes:
        folder: name of its output in a folder of several; "" if requested individually.
        state: the state in the record, but `dead` if that is `running` and the process gave no recent sign of life or
            has ended.
        silent_s: time since the last sign of life.
        gone: whether its process is known to have ended.
    """

    folder: str
    record: RunRecord
    state: State
    silent_s: float
    gone: bool


def find_runs(location: Location) -> tuple[list[RunStatus], list[str]]:
    """The run of an output, or the runs of all outputs in a folder, ordered from the most recent sign of life; and why
    other records cannot be read. Raises StoreError if the location, or the record of an output, cannot be read."""
    folder = open_folder(location, error=StoreError)
    record = read_record(folder)
    if record is not None:
        return [_status("", record, location)], []
    runs, problems = [], []
    for file in folder.names():
        name, _, rest = file.partition("/")
        if rest == RECORD:
            output = join(location, name)
            try:
                record = read_record(open_folder(output, error=StoreError))
            except StoreError as error:
                problems.append(str(error))
            else:
                runs += [] if record is None else [_status(name, record, output)]
    return sorted(runs, key=lambda run: (-run.record.alive, run.folder)), problems


def _status(folder: str, record: RunRecord, output: Location) -> RunStatus:
    silent_s, runs = time.time() - record.alive, record.state == "running"
    gone = runs and record.process.host == socket.gethostname() and is_free(lock_of(output))
    dead = gone or (runs and abs(silent_s) > ALIVE_S)
    state: State = "dead" if dead else record.state
    return RunStatus(folder=folder, record=record, state=state, silent_s=silent_s, gone=gone)
