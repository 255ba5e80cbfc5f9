"""The records that runs leave in their store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tiny_sweeps import Recording, tiny

from codesign.errors import InputError, StoreError
from codesign.exploration import runner
from codesign.exploration.executors.base import Failure
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.jobs import ExecuteInputs, Output
from codesign.exploration.runs.processes import lives, this_process
from codesign.exploration.runs.record import (
    POINTER,
    RunRecord,
    is_run_id,
    read_record,
    record_name,
    run_id,
    run_ids,
)
from codesign.exploration.runs.recorder import RunRecorder, recorded_run
from codesign.exploration.runs.status import output_status, store_status
from codesign.exploration.store import Store
from codesign.exploration.sweep import Commands, SweepOutcome, run_sweep
from codesign.exploration.work import Work
from codesign.exploration.workloads import Workloads
from codesign.files import Folder, open_folder


def record(name: str = "mine", **changes: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "id": run_id(name, "configuration", "out"),
        "name": name,
        "title": "Mine",
        "kind": "sweep",
        "command": "codesign sweep mine.yaml",
        "folder": "/somewhere",
        "store": "/somewhere/store",
        "output": "/somewhere/out",
        "process": this_process(),
        "first_started": 1000.0,
        "started": 1000.0,
        "alive": 1000.0,
        "state": "running",
    }
    return RunRecord.model_validate({**fields, **changes})


def folder_at(path: Path) -> Folder:
    return open_folder(path, error=StoreError)


def needing(*keys: str) -> Work:
    return Work(
        trainings=(),
        executions=(),
        assessments=(),
        to_run={},
        in_store={},
        labels={},
        keys={"train": keys},
    )


def run(folder: Path, cache_root: Path, *, progress: Recording | None = None, seeds: str = "[0]") -> SweepOutcome:
    return run_sweep(
        tiny(("training: [0]", f"training: {seeds}")),
        store=Store(folder / "store"),
        output=folder / "out",
        executor=SerialExecutor(),
        progress=progress,
        workloads=Workloads(cache_root=cache_root),
        commands=Commands(resume="codesign sweep tiny.yaml --seeds 1"),
    )


def test_a_sweep_leaves_a_record_and_a_pointer(tmp_path: Path, cache_root: Path) -> None:
    run(tmp_path, cache_root)
    found = output_status(tmp_path / "out")
    assert found is not None
    assert (found.state, found.record.name, found.record.kind) == ("finished", "tiny", "sweep")
    assert found.record.command == "codesign sweep tiny.yaml --seeds 1"
    assert found.record.executor == "serial"
    # One model, on layered and asynchronous µBrain with its own weights and with those of 32 bits.
    counts = {kind: (one.needed, one.in_store) for kind, one in (found.results or {}).items()}
    assert counts == {"train": (1, 1), "execute": (4, 4), "summary": (4, 4), "price": (2, 2)}
    assert found.record.jobs.total == found.record.jobs.ended == {"train": 1, "execute": 4, "price": 6}
    assert (found.record.jobs.done, found.record.jobs.running, found.record.jobs.failed) == (11, 0, 0)
    assert [line.name for line in found.record.front] == ["layered, asynchronous on mubrain"]
    assert store_status(folder_at(tmp_path / "store")).runs[0].record == found.record


def test_the_same_run_goes_on_with_its_record_and_another_has_its_own(tmp_path: Path, cache_root: Path) -> None:
    run(tmp_path, cache_root)
    (first,) = store_status(folder_at(tmp_path / "store")).runs
    run(tmp_path, cache_root)
    (again,) = store_status(folder_at(tmp_path / "store")).runs
    assert (again.record.id, again.record.first_started) == (first.record.id, first.record.first_started)
    assert again.record.started > first.record.started
    assert (again.record.jobs.done, again.record.jobs.reused) == (0, 11)
    run(tmp_path, cache_root, seeds="[0, 1]")
    latest, earlier = store_status(folder_at(tmp_path / "store")).runs
    assert earlier.record.id == first.record.id
    assert latest.record.id != first.record.id
    assert latest.needed == 2 * earlier.needed


def test_what_vanished_from_the_store_is_not_counted(tmp_path: Path, cache_root: Path) -> None:
    run(tmp_path, cache_root)
    store = Store(tmp_path / "store")
    for key in sorted(store.keys())[:3]:
        Path(store.path(key)).unlink()
    (found,) = store_status(store.folder).runs
    assert (found.needed, found.in_store) == (11, 8)


def test_an_interruption_and_a_failure_are_written_down(
    tmp_path: Path, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: Any) -> Output:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, cache_root)
    found = output_status(tmp_path / "out")
    assert found is not None
    assert (found.state, found.record.message, found.in_store) == ("interrupted", "", 1)

    def full(*arguments: Any, **options: Any) -> None:
        raise StoreError("No space\nleft on device")

    monkeypatch.undo()
    monkeypatch.setattr(Store, "put_many", full)
    with pytest.raises(StoreError):
        run(tmp_path, cache_root)
    found = output_status(tmp_path / "out")
    assert found is not None
    assert (found.state, found.record.message) == ("failed", "No space left on device")


def test_failures_are_listed_with_their_reasons(
    tmp_path: Path, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = runner.run_execute

    def crash(inputs: ExecuteInputs, *arguments: Any) -> Output:
        if inputs.quantization is None:
            raise ZeroDivisionError("a bug\x1b[31m")
        return original(inputs, *arguments)

    monkeypatch.setattr(runner, "run_execute", crash)
    run(tmp_path, cache_root)
    found = output_status(tmp_path / "out")
    assert found is not None
    assert found.state == "finished"
    assert {line.reason for line in found.record.failures} == {r"ZeroDivisionError: a bug\x1b[31m"}
    assert {line.job for line in found.record.failures} == {
        "execute layered seed 0, layered on mubrain with 32-bit weights",
        "execute layered seed 0, asynchronous on mubrain with 32-bit weights",
    }
    assert (found.record.jobs.failed, found.record.jobs.skipped) == (2, 2)
    assert (found.needed, found.in_store) == (11, 7)


def written(store: Folder) -> RunRecord:
    found = read_record(store, record().id)
    assert found is not None
    return found


def test_a_record_is_written_now_and_then_and_lists_the_last_failures(tmp_path: Path) -> None:
    now = [0.0]
    store = folder_at(tmp_path / "store")
    mine = record()
    recorder = RunRecorder(mine, store, on_note=pytest.fail, clock=lambda: now[0], wall_clock=lambda: 2000.0 + now[0])
    recorder.begin(tmp_path / "out")

    assert written(store).alive == 2000.0
    for number in range(25):
        now[0] += 0.1
        recorder.failed("train", f"job {number}", Failure(kind="ValueError", message="no"))
        recorder.pulse()
    assert written(store).jobs.failed == 0
    now[0] = 5.0
    recorder.pulse()
    assert (written(store).alive, written(store).jobs.failed) == (2005.0, 25)
    assert [line.job for line in written(store).failures] == [f"train job {number}" for number in range(5, 25)]
    now[0] = 9.9
    recorder.pulse()
    assert written(store).alive == 2005.0
    recorder.end("finished")
    assert (written(store).state, written(store).alive) == ("finished", 2009.9)


def test_what_a_run_needs_is_written_before_its_first_job_ends(tmp_path: Path) -> None:
    store = folder_at(tmp_path / "store")
    recorder = RunRecorder(record(), store, on_note=pytest.fail, clock=lambda: 0.0)
    recorder.begin(tmp_path / "out")
    recorder.added(needing("a" * 64, "b" * 64), {"train": 2})
    assert written(store).needed == {"train": ("a" * 16, "b" * 16), "execute": (), "summary": (), "price": ()}
    # A study that is taken up does not plan its earlier trials again.
    later = RunRecorder(record(), store, on_note=pytest.fail, clock=lambda: 0.0)
    later.begin(tmp_path / "out")
    later.added(needing("c" * 64), {"train": 1})
    later.end("finished")
    assert len((written(store).needed or {})["train"]) == 3


def test_a_record_that_cannot_be_written_is_noted_once_and_the_run_goes_on(tmp_path: Path, cache_root: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "runs").touch()
    progress = Recording()
    outcome = run(tmp_path, cache_root, progress=progress)
    assert outcome.ok == 2
    note = progress.notes[0]
    assert note.startswith("the record of this run cannot be kept, so that `codesign status` lacks it: ")
    assert str(tmp_path / "store" / "runs") in note


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "", "a/b", "C:\\x", "\x1b[31m", "-rf", "ü" * 300, "con\n"])
def test_hostile_names_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    found = run_id(name, "configuration", tmp_path / "out")
    assert is_run_id(found)
    store = folder_at(tmp_path / "store")
    with recorded_run(
        Recording(),
        kind="sweep",
        name=name,
        title=name,
        configuration="configuration",
        store=Store(tmp_path / "store"),
        output=tmp_path / "out",
        command=None,
    ):
        pass
    assert run_ids(store) == [found]
    assert {path.name for path in tmp_path.iterdir()} == {"store", "out"}
    assert store.names(deep=True) == [record_name(found)]


def test_runs_of_other_configurations_and_outputs_have_other_records(tmp_path: Path) -> None:
    ids = {run_id("mine", one, output) for one in ("a", "b") for output in (tmp_path, tmp_path / "x", "memory://x")}
    assert len(ids) == 6
    assert run_id("mine", "a", tmp_path / "x") == run_id("mine", "a", str(tmp_path / "y" / ".." / "x"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "sleeping"}, "state: "),
        ({"started": 1e300}, "started: "),
        ({"alive": -1}, "alive: "),
        ({"name": "a\x1b[2J"}, "name: "),
        ({"id": "../../x"}, "id: "),
        ({"process": {"host": "x"}}, "process.space: "),
        ({"front": [{"name": "x"}]}, "front.0.labels: "),
        ({"format": "codesign-run 9"}, "format: "),
        ({"needed": {"price": ["x"]}}, "needed.price.0: "),
        ({"needed": {"prices": []}}, "needed.prices"),
    ],
)
def test_records_are_checked(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    store = folder_at(tmp_path)
    mine = record()
    content = {**json.loads(mine.model_dump_json()), **changes}
    store.write(record_name(mine.id), json.dumps(content).encode())
    with pytest.raises(StoreError, match=r"\.json: is not the record of a run, or is damaged: ") as raised:
        read_record(store, mine.id)
    assert said in str(raised.value)


def test_a_damaged_record_hides_no_other(tmp_path: Path, cache_root: Path) -> None:
    run(tmp_path, cache_root)
    store = folder_at(tmp_path / "store")
    store.write(record_name("torn"), b'{"format": "codesign-run 1", "id": "to')
    store.write(record_name("alias"), record().model_dump_json().encode())
    store.write("runs/..evil.json", b"{}")
    found = store_status(store)
    assert [one.record.name for one in found.runs] == ["tiny"]
    assert [problem.rpartition("/")[2].partition(":")[0] for problem in found.problems] == ["alias.json", "torn.json"]


def test_a_record_without_the_results_that_it_needs_is_shown_without_them(tmp_path: Path) -> None:
    """As versions wrote it that kept them elsewhere."""
    store = folder_at(tmp_path)
    content = json.loads(record().model_dump_json(exclude={"needed"}))
    store.write(record_name(content["id"]), json.dumps(content).encode())
    (found,) = store_status(store).runs
    assert found.results is None
    assert found.problem == "its record does not say which it needs"


def test_a_pointer_finds_its_store_wherever_it_was_moved(tmp_path: Path, cache_root: Path) -> None:
    run(tmp_path / "a", cache_root)
    (tmp_path / "a").rename(tmp_path / "b")
    found = output_status(tmp_path / "b" / "out")
    assert found is not None
    (tmp_path / "b" / "store").rename(tmp_path / "store")
    with pytest.raises(InputError, match=r"run tiny-[0-9a-f]{12} has no record in .*; give --store if that was moved"):
        output_status(tmp_path / "b" / "out")
    again = output_status(tmp_path / "b" / "out", store=tmp_path / "store")
    assert again is not None
    assert again.record == found.record
    (tmp_path / "b" / "out" / POINTER).write_text("{}")
    with pytest.raises(StoreError, match=r"run\.json: does not say where a record is, or is damaged: run: "):
        output_status(tmp_path / "b" / "out")


def test_a_process_is_told_from_others_of_its_number() -> None:
    mine = this_process()
    assert lives(mine) is True
    assert lives(replace(mine, host="elsewhere")) is None
    assert lives(replace(mine, space="another boot")) is None
    assert lives(replace(mine, started=mine.started - 60)) is False  # another process had the number before
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = replace(mine, pid=child.pid, started=psutil.Process(child.pid).create_time())
    assert lives(theirs) is True
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert lives(theirs) is False  # though it has not been collected
    child.communicate()
    assert lives(theirs) is False


@pytest.mark.parametrize(
    ("silent_s", "state"), [(10.0, "running"), (-10.0, "running"), (70.0, "dead"), (-70.0, "dead")]
)
def test_of_a_process_elsewhere_only_signs_of_life_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent_s: float, state: str
) -> None:
    store = folder_at(tmp_path)
    there = record(process=replace(this_process(), host="elsewhere"), alive=5000.0)
    store.write(record_name(there.id), there.model_dump_json().encode())
    monkeypatch.setattr("codesign.exploration.runs.status.time.time", lambda: 5000.0 + silent_s)
    (found,) = store_status(store).runs
    assert found.state == state
    assert not found.seen
