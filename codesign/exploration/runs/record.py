"""The record that a sweep or study leaves in its store, so that anybody can see how far it is.

    <store>/runs/<id>.json    what it is, who runs it, how it goes, and which results it needs
    <output>/run.json         where the record is

`<id>` is the name and a hash of the configuration and the output, so that the same command goes on with the same
record. What a record says is checked when it is read: whoever can write to the store may have written it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from codesign.errors import StoreError
from codesign.exploration.encoding import digest
from codesign.exploration.runs.processes import ProcessIdentity
from codesign.exploration.runs.progress import FrontLine
from codesign.files import Folder, Location, is_url, join, printable
from codesign.terminal_text import escaped

__all__ = [
    "MOST_LINES",
    "POINTER",
    "RESULT_KINDS",
    "FailureLine",
    "JobProgress",
    "RunPointer",
    "RunRecord",
    "SearchCounts",
    "absolute",
    "is_run_id",
    "one_line",
    "path_between",
    "read_pointer",
    "read_record",
    "record_name",
    "run_id",
    "run_ids",
    "short_key",
    "write",
]

POINTER = "run.json"
ResultKind = Literal["train", "execute", "summary", "price"]
RESULT_KINDS: tuple[ResultKind, ...] = ("train", "execute", "summary", "price")
MOST_LINES = 20
"""Failures, and points of the front, that a record lists."""
_RUNS = "runs"
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,149}")
_MOST_TEXT = 4000
_MOST_BYTES = 64 * 2**20
_LAST_TIME = 253402300799.0
"""The end of the year 9999, after which there are no dates."""


def is_run_id(text: str) -> bool:
    """Whether a run can have that name."""
    return _ID.fullmatch(text) is not None


def _checked_id(text: str) -> str:
    if not is_run_id(text):
        raise ValueError("no run can have that name")
    return text


Text = Annotated[str, Field(max_length=_MOST_TEXT, pattern=r"^[^\x00-\x1f\x7f]*$")]
Time = Annotated[float, Field(ge=0, le=_LAST_TIME, allow_inf_nan=False)]
"""Seconds since 1970."""
RunId = Annotated[str, AfterValidator(_checked_id)]
ShortKey = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


Part = TypeVar("Part", bound=_Part)


class FailureLine(_Part):
    """A job that failed, and why."""

    job: Text
    reason: Text


class JobProgress(_Part):
    """Results of one process, as in `Counting`.

    Attributes:
        total, ended: by kind.
        running: jobs under way.
        rate_per_s: results a second.
        left_s: time that is left, from the last sign of life on.
    """

    total: dict[Text, Count] = {}
    ended: dict[Text, Count] = {}
    done: Count = 0
    running: Count = 0
    reused: Count = 0
    failed: Count = 0
    skipped: Count = 0
    rate_per_s: Seconds | None = None
    left_s: Seconds | None = None


class SearchCounts(_Part):
    """Trials of a study, those of earlier runs included; see `Search`."""

    trials: Count | None
    time_s: Seconds | None
    told: dict[Text, Count]
    in_flight: Count
    hypervolume: Text
    place: Text


class RunRecord(_Part):
    """A sweep or study that was started.

    Attributes:
        command: shell command that goes on with it, in `folder`; "" where it was not started by one.
        store, output: paths, or URLs as they may be printed.
        process: that ran it last.
        first_started, started: the first time, and the last.
        alive: last sign of life.
        state: as the process wrote it; one that was killed could not.
        message: why it failed.
        failures: the last ones.
        front: the best points so far, of `front_size`.
        search: of a study.
        needed: `short_key`s of all results that it needs, as far as it has planned, by kind; None in records of
            versions that kept them elsewhere.
    """

    format: Literal["codesign-run 1"] = "codesign-run 1"
    id: RunId
    name: Text
    title: Text
    kind: Literal["sweep", "study"]
    command: Text
    folder: Text
    store: Text
    output: Text
    process: ProcessIdentity
    first_started: Time
    started: Time
    alive: Time
    state: Literal["running", "finished", "interrupted", "failed"]
    message: Text = ""
    executor: Text = ""
    jobs: JobProgress = JobProgress()
    failures: tuple[FailureLine, ...] = ()
    front: tuple[FrontLine, ...] = ()
    front_size: Count = 0
    search: SearchCounts | None = None
    needed: dict[ResultKind, tuple[ShortKey, ...]] | None = None


class RunPointer(_Part):
    """Says in the output where the record is.

    Attributes:
        store: a path, or a URL as it may be printed.
        store_from_here: path from the output, where both are of this machine, so that they can be moved together.
    """

    format: Literal["codesign-run-pointer 1"] = "codesign-run-pointer 1"
    run: RunId
    store: Text
    store_from_here: Text | None


def run_id(name: str, configuration: object, output: Location) -> str:
    """The name of a run's record: what is not a letter, digit or dash becomes `_`, so that it stays in its folder."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80] or "_"
    return f"{readable.lstrip('-') or '_'}-{digest({'configuration': configuration, 'output': absolute(output)})[:12]}"


def absolute(location: Location) -> str:
    """A location that means the same from everywhere, as it may be printed."""
    return printable(location) if is_url(location) else os.path.abspath(location)


def one_line(text: str) -> str:
    """A text as a record may hold it."""
    return escaped(" ".join(text.split()))[:_MOST_TEXT]


def record_name(run: str) -> str:
    """Name in the store's folder."""
    return f"{_RUNS}/{run}.json"


def run_ids(store: Folder) -> list[str]:
    """Runs that have a record, readable or not. Raises StoreError where the folder cannot be listed."""
    names = (name.removeprefix(f"{_RUNS}/") for name in store.names(_RUNS))
    return [name.removesuffix(".json") for name in names if name.endswith(".json") and is_run_id(name[:-5])]


def read_record(store: Folder, run: str) -> RunRecord | None:
    """A run's record; None where there is none.

    Raises:
        StoreError: it cannot be read, or is damaged.
    """
    record = _read(store, record_name(run), RunRecord, "is not the record of a run, or is damaged")
    if record is not None and record.id != run:
        place = printable(join(store.location, record_name(run)))
        raise StoreError(f"{place}: is the record of another run, {record.id}")
    return record


def read_pointer(output: Folder) -> RunPointer | None:
    """What an output says of its record; None where it says nothing.

    Raises:
        StoreError: it cannot be read, or is damaged.
    """
    return _read(output, POINTER, RunPointer, "does not say where a record is, or is damaged")


def _read(folder: Folder, name: str, model: type[Part], wrong: str) -> Part | None:
    data = folder.read(name, first=_MOST_BYTES)
    if data is None:
        return None
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        place = printable(join(folder.location, name))
        raise StoreError(f"{place}: {wrong}: {f'{where}: ' if where else ''}{first['msg']}") from None


def write(folder: Folder, name: str, part: BaseModel) -> None:
    """Write one of these files; what an interruption or power failure leaves counts as damaged."""
    folder.write(name, (part.model_dump_json(indent=1) + "\n").encode(), durable=False)


def short_key(key: str) -> str:
    """The first 64 bits of a key: enough to tell those of a store apart."""
    return key[:16]


def path_between(store: Location, output: Location) -> str | None:
    """The way from an output to a store, both on this machine; None where there is none."""
    if is_url(store) or is_url(output):
        return None
    try:
        return Path(os.path.relpath(store, output)).as_posix()
    except ValueError:  # on another drive
        return None
