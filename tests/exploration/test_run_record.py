"""The records that runs leave in their outputs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import tiny_sweeps
from tiny_sweeps import Recording, tiny

from codesign.errors import StoreError
from codesign.exploration import runner
from codesign.exploration.executors.base import Failure
from codesign.exploration.jobs.jobs import ExecuteInputs
from codesign.exploration.jobs.store import Entry, Store
from codesign.exploration.runs.progress import Progress
from codesign.exploration.runs.record import RECORD, RecordView, RunRecord, RunStatus, find_runs, read_record
from codesign.exploration.sweep import SweepOutcome
from codesign.exploration.work import Job
from codesign.files import Folder, held, lock_of, open_folder


def record(**changes: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "name": "mine",
        "title": "Mine",
        "kind": "sweep",
        "command": "codesign sweep mine.yaml",
        "folder": "/somewhere",
        "store": "/somewhere/store",
        "output": "/somewhere/out",
        "configuration": "0" * 64,
        "process": {"host": socket.gethostname(), "pid": os.getpid()},
        "first_started": 1000.0,
        "started": 1000.0,
        "alive": 1000.0,
    }
    return RunRecord.model_validate({**fields, **changes})


def folder_at(path: Path) -> Folder:
    return open_folder(path, error=StoreError)


def run(folder: Path, cache_root: Path, *, progress: Recording | None = None, seeds: str = "[0]") -> SweepOutcome:
    spec, resume = tiny(("training: [0]", f"training: {seeds}")), "codesign sweep tiny.yaml --seeds 1"
    outcome, _ = tiny_sweeps.run(spec, folder, cache_root, progress=progress, resume=resume)
    return outcome


def found(output: Path) -> RunStatus:
    (one,), problems = find_runs(output)
    assert problems == []
    return one


def test_the_same_run_goes_on_with_its_record_and_another_begins_one(tmp_path: Path, cache_root: Path) -> None:
    run(tmp_path, cache_root)
    first = found(tmp_path / "out")
    assert (first.record.name, first.record.kind, first.record.executor) == ("tiny", "sweep", "serial")
    assert first.record.command == "codesign sweep tiny.yaml --seeds 1"
    assert [line.name for line in first.record.front] == ["layered, asynchronous on mubrain"]
    run(tmp_path, cache_root)
    again = found(tmp_path / "out")
    assert again.record.first_started == first.record.first_started
    assert again.record.started > first.record.started
    assert (again.record.jobs.done, again.record.jobs.reused) == (0, 11)
    run(tmp_path, cache_root, seeds="[0, 1]")
    other = found(tmp_path / "out")
    assert other.record.first_started == other.record.started
    assert (other.record.jobs.there, other.record.jobs.needed) == (22, 22)


def test_a_run_of_another_file_says_whose_results_it_replaces(tmp_path: Path, cache_root: Path) -> None:
    """As after a copy of a file whose name in it stays."""
    told = []
    for file, seed in (("a", 0), ("a", 1), ("b", 1), ("c", 0)):
        spec, resume = tiny(("training: [0]", f"training: [{seed}]")), f"codesign sweep {file}.yaml"
        _, progress = tiny_sweeps.run(spec, tmp_path, cache_root, resume=resume)
        told.append([note for note in progress.notes if note.startswith("replaces")])
    assert told == [[], [], [], ["replaces what `codesign sweep b.yaml` wrote here"]]


def test_an_interruption_and_a_failure_are_written_down(tmp_path, cache_root, monkeypatch):
    def interrupt(*arguments: Any) -> Entry:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, cache_root)
    one = found(tmp_path / "out")
    assert (one.state, one.record.message, one.record.jobs.there) == ("interrupted", "", 1)

    def full(*arguments: Any, **options: Any) -> None:
        raise StoreError("No space\nleft on device")

    monkeypatch.undo()
    monkeypatch.setattr(Store, "put_many", full)
    with pytest.raises(StoreError):
        run(tmp_path, cache_root)
    one = found(tmp_path / "out")
    assert (one.state, one.record.message) == ("failed", "No space left on device")


def test_failures_are_listed_with_their_reasons(tmp_path, cache_root, monkeypatch):
    original = runner.run_execute

    def crash(inputs: ExecuteInputs, *arguments: Any) -> Entry:
        if inputs.quantization is None:
            raise ZeroDivisionError("a bug\x1b[31m")
        return original(inputs, *arguments)

    monkeypatch.setattr(runner, "run_execute", crash)
    run(tmp_path, cache_root)
    one = found(tmp_path / "out")
    assert one.state == "finished"
    assert {failure.partition(" (test_run_record.py:")[0] for failure in one.record.failures} == {
        rf"execute layered seed 0, {schedule} on mubrain with 32-bit weights: ZeroDivisionError: a bug\x1b[31m"
        for schedule in ("layered", "asynchronous")
    }
    assert (one.record.jobs.failed, one.record.jobs.skipped) == (2, 2)
    assert (one.record.jobs.there, one.record.jobs.needed) == (7, 11)


def recording(folder: Folder, now: list[float], monkeypatch: pytest.MonkeyPatch) -> tuple[Progress, RecordView]:
    """A run with a record, at a time that the test sets."""
    monkeypatch.setattr("codesign.exploration.runs.record.time.time", lambda: 2000.0 + now[0])
    recorder = RecordView(record(), folder)
    return Progress(recorder, clock=lambda: now[0]), recorder


def test_a_record_is_written_now_and_then_and_lists_the_last_failures(tmp_path, monkeypatch) -> None:
    now, output = [0.0], folder_at(tmp_path)
    progress, recorder = recording(output, now, monkeypatch)
    recorder.take_up()
    assert read_record(output).alive == 2000.0
    for number in range(25):
        now[0] += 0.1
        job = Job(kind="train", label=f"job {number}", wanted=(None,), needs=None)
        progress.failed(job, Failure(kind="ValueError", message="no"))
        progress.pulse()
    assert read_record(output).jobs.failed == 0
    now[0] = 5.0
    progress.pulse()
    assert (read_record(output).alive, read_record(output).jobs.failed) == (2005.0, 25)
    assert list(read_record(output).failures) == [f"train job {number}: ValueError: no" for number in range(5, 25)]
    now[0] = 9.9
    progress.pulse()
    assert read_record(output).alive == 2005.0
    recorder.end("finished")
    assert (read_record(output).state, read_record(output).alive) == ("finished", 2009.9)


def test_a_record_that_cannot_be_written_is_noted_once_and_the_run_goes_on(tmp_path: Path, cache_root: Path) -> None:
    (tmp_path / "out" / RECORD).mkdir(parents=True)
    progress = Recording()
    outcome = run(tmp_path, cache_root, progress=progress)
    assert outcome.ok == 2
    (note,) = (note for note in progress.notes if "record" in note)
    assert note.startswith("no record of this run can be written, so `codesign status` lacks it: ")
    assert str(tmp_path / "out" / RECORD) in note


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "codesign-run 1"}, "format: "),
        ({"alive": None}, "alive: "),
        ({"front": [{"name": "x"}]}, "front.0.labels: "),
    ],
)
def test_records_are_checked(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    output = folder_at(tmp_path)
    content = {**json.loads(record().model_dump_json()), **changes}
    output.write(RECORD, json.dumps(content).encode())
    with pytest.raises(StoreError, match=r"run\.json: is no record of a run by this version of codesign") as raised:
        read_record(output)
    assert said in str(raised.value)


def test_a_run_that_tells_nothing_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codesign.exploration.runs.record._BEAT_S", 1e-3)
    now, written, output = [0.0], threading.Event(), folder_at(tmp_path)
    _, recorder = recording(output, now, monkeypatch)
    recorder.take_up()
    write = output.write
    monkeypatch.setattr(output, "write", lambda *file, **how: (write(*file, **how), written.set()))
    with recorder.beating():
        now[0] = 100.0
        assert written.wait(30)
    assert read_record(output).alive == 2100.0


@pytest.mark.parametrize(("silent_s", "state"), [(10.0, "running"), (70.0, "dead")])
def test_a_run_without_signs_of_life_is_dead(tmp_path, monkeypatch, silent_s, state):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.communicate()  # its number is free, like that of a process in a container with this host's name
    for pid in (os.getpid(), child.pid):
        process = {"host": socket.gethostname(), "pid": pid}
        folder_at(tmp_path).write(RECORD, record(process=process, alive=5000.0).model_dump_json().encode())
        monkeypatch.setattr("codesign.exploration.runs.record.time.time", lambda: 5000.0 + silent_s)
        assert found(tmp_path).state == state


@pytest.mark.parametrize(("host", "state"), [(socket.gethostname(), "dead"), ("another", "running")])
def test_a_run_of_this_machine_is_dead_once_it_holds_no_lock(tmp_path, monkeypatch, host, state):
    process = {"host": host, "pid": os.getpid()}
    folder_at(tmp_path).write(RECORD, record(process=process, alive=5000.0).model_dump_json().encode())
    monkeypatch.setattr("codesign.exploration.runs.record.time.time", lambda: 5010.0)
    with held(lock_of(tmp_path)):
        assert found(tmp_path).state == "running"
    assert found(tmp_path).state == state
