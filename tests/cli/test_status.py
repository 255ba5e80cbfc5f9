"""`codesign status`: what it says of runs that run, ended, were killed, or left something unreadable behind."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import program
import pytest
from program import entries, stop_after
from rich.console import Console
from tiny_sweeps import TINY, run, tiny
from typer.testing import CliRunner

from codesign.analysis.results.table import contents_equal, read_results
from codesign.cli.main import app
from codesign.errors import CodesignError, InputError
from codesign.exploration.running import RunArguments
from codesign.exploration.runs.picture import front_table
from codesign.exploration.runs.progress import FrontLine
from codesign.files import open_folder

SWEEP = TINY.replace("training: [0]", "training: [0, 1]")


def said(*arguments: str | Path, columns: int = 120) -> str:
    shown = {"COLUMNS": str(columns)}
    ended = CliRunner().invoke(app, ["status", *map(str, arguments)], catch_exceptions=False, env=shown)
    assert ended.exit_code == 0
    return ended.stdout


def told(*arguments: str | Path) -> dict[str, Any]:
    (found,) = json.loads(said(*arguments, "--json"))["runs"]
    return dict(found)


def start(folder: Path, cache_root: Path) -> subprocess.Popen[str]:
    (folder / "tiny.yaml").write_text(SWEEP, encoding="utf-8")
    words = ("sweep", "tiny.yaml", "--executor", "serial", "--store", "my store", "--output", "out")
    return program.start(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root})


@pytest.fixture(params=["path", "memory"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "path" else f"memory://{uuid4().hex}"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> dict[str, Any]:
    """The record that a finished sweep leaves."""
    folder = tmp_path_factory.mktemp("finished")
    run(tiny(), folder, cache_root)
    return json.loads((folder / "out" / "run.json").read_bytes())


def put(location: str | Path, name: str, record: dict[str, Any]) -> None:
    open_folder(location).write(f"{name}/run.json", json.dumps(record).encode())


def test_a_finished_sweep_from_its_output_and_from_the_folder_of_it(location: str, finished: dict[str, Any]) -> None:
    put(location, "tiny", finished)
    from_output = said(f"{location}/tiny")
    lines = from_output.splitlines()
    assert said(location).splitlines()[2:] == lines[2:]  # the second line says how many seconds ago
    assert lines[0] == "tiny  sweep, finished"
    assert re.match(r"started (just now|\d+ s ago), ended (just now|\d+ s ago), on ", lines[1])
    assert lines[3].endswith(" 11/11 jobs")
    assert lines[4:6] == ["done 11", "train 1/1, execute 4/4, price 6/6"]
    assert "layered, asynchronous on mubrain" in from_output
    assert [line.split()[0] for line in lines if line.startswith(("output ", "store "))] == ["output", "store"]
    assert "goes on" not in from_output
    one = told(f"{location}/tiny")
    assert one["jobs"]["total"] == one["jobs"]["ended"] == {"train": 1, "execute": 4, "price": 6}
    assert (one["state"], one["search"], one["command"]) == ("finished", None, "")


def test_a_folder_lists_its_runs_newest_first(location: str, finished: dict[str, Any]) -> None:
    for seconds, name in enumerate(("first", "second")):
        put(location, name, {**finished, "name": name, "alive": finished["alive"] + seconds})
    header, newest, oldest, hint = said(location).splitlines()
    assert header.split() == ["output", "state", "jobs", "failed", "last", "sign", "of", "life"]
    assert newest.split()[:3] == ["second", "finished", "11/11"]
    assert oldest.startswith("first")
    assert hint == "`codesign status` shows all of a run if it is given its output."


def test_nothing_there(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing", Path(__file__), "memory://nothing"):
        with pytest.raises(InputError, match="is neither the output of a sweep or study, such as reports/NAME, nor a"):
            said(place)


def test_records_that_cannot_be_read_are_named_and_the_others_listed(location: str, finished: dict[str, Any]) -> None:
    put(location, "tiny", finished)
    put(location, "tiny/deeper", {})
    open_folder(location).write("torn/run.json", b'{"format": "codesign-run 2"')
    shown = said(location)
    assert shown.count("finished  11/11") == 1
    assert "deeper" not in shown
    assert "torn/run.json: is no record of a run by this version of codesign, or " in shown.replace("\n", "")
    with pytest.raises(CodesignError, match=r"torn/run\.json: is no record"):
        said(f"{location}/torn")


def test_nothing_in_a_record_steers_the_terminal(tmp_path: Path, finished: dict[str, Any]) -> None:
    (line,) = finished["front"]
    name = "\u202egnp.exe [bold]x[/bold]"
    put(tmp_path, "tiny", {**finished, "name": name, "title": name, "front": [{**line, "name": "\x1b[2J\x1b[31mred"}]})
    for shown in (said(tmp_path / "tiny"), said(tmp_path / "tiny", "--json")):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "[bold]x[/bold]" in said(tmp_path / "tiny")
    assert [path.name for path in tmp_path.rglob("*")] == ["tiny", "run.json"]  # it only reads


def test_the_command_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given, in the order of the help; no password."""
    found: list[str] = []

    def note(spec: object, run: RunArguments) -> None:
        found.append(run.resume)
        raise KeyboardInterrupt

    monkeypatch.setattr("codesign.exploration.sweep.run_sweep", note)
    (tmp_path / "my sweep.yaml").write_text(SWEEP, encoding="utf-8")
    file = shlex.quote(str(tmp_path / "my sweep.yaml"))
    options = "--executor serial --output out --store memory://key:secret@place/store --seeds 3"
    for words in (f"{file} {options}", f"--store memory://place {file}"):
        ended = CliRunner().invoke(app, shlex.split(f"sweep {words}"))
        assert ended.exit_code == 130
        assert "interrupted: finished jobs are kept in memory://" in ended.stderr
        assert "; the same command continues from there" in ended.stderr
        assert ": is in the memory of this command, and gone when it ends" in ended.stderr
    assert shlex.split(found[0]) == shlex.split(f"codesign sweep {file} {options.replace('secret', '***')}")
    assert found[1] == f"codesign sweep {file} --store memory://place"


@pytest.mark.slow
def test_a_killed_sweep_is_dead_and_its_command_goes_on(tmp_path: Path, cache_root: Path) -> None:
    process, live = start(tmp_path, cache_root), []
    stop_after(process, 7, before=lambda: live.append(told(tmp_path / "out")))
    assert (live[0]["state"], sum(live[0]["jobs"]["total"].values())) == ("running", 22)
    found = told(tmp_path / "out")
    assert (found["process"]["pid"], found["state"]) == (process.pid, "dead")
    assert "\nIts process has ended.\n" in said(tmp_path / "out")
    record = tmp_path / "out/run.json"
    elsewhere = {"alive": found["alive"] - 61, "process": found["process"] | {"host": "elsewhere"}}
    record.write_text(json.dumps(json.loads(record.read_text(encoding="utf-8")) | elsewhere), encoding="utf-8")
    assert told(tmp_path / "out")["state"] == "dead"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".lock", "run.json"}  # no results
    kept = entries(tmp_path / "my store")
    assert len(kept) >= 7
    # Two models, each layered and asynchronous, with the chip's weights and with those of 32 bits.
    assert found["jobs"]["total"] == {"train": 2, "execute": 8, "price": 12}
    shown = said(tmp_path / "out")
    assert "tiny  sweep, dead\n" in shown
    assert re.search(r" \d+/22 jobs\n", shown)
    assert "It has given no sign of life for a minute by this machine's clock" in shown
    command = shown.splitlines()[-1]
    assert command == f"cd {tmp_path} && codesign sweep tiny.yaml --executor serial --output out --store 'my store'"
    assert (found["folder"], found["command"]) == (str(tmp_path), command.partition(" && ")[2])

    words = shlex.split(found["command"])[1:]
    for more in ((), ("--store", "another store", "--output", "whole")):
        program.run_here(*words, *more, folder=tmp_path, environment={"CODESIGN_CACHE": cache_root})
    again = told(tmp_path / "out")
    assert (again["state"], again["first_started"]) == ("finished", found["first_started"])
    assert again["jobs"]["reused"] == len(kept)
    after = entries(tmp_path / "my store")
    assert {key: after[key] for key in kept} == kept  # nothing that was finished was written again
    assert contents_equal(*(read_results(tmp_path / output / "results.parquet") for output in ("out", "whole")))
    assert " 22/22 jobs\n" in said(tmp_path / "out")


def test_a_study_is_as_far_as_its_trials_whose_jobs_are_known_when_they_begin(tmp_path, finished):
    search = {"trials": 8, "time_s": None, "told": {"complete": 4}, "place": "out/journal.log"}
    put(tmp_path, "tiny", {**finished, "search": search})
    shown = said(tmp_path / "tiny", columns=200)
    done, left = re.search(r"\n(━+)(─+) 11/11 jobs", shown).groups()
    assert len(done) == len(left)
    assert str(Path(finished["folder"]) / "out/journal.log") in shown


def test_trials_that_failed_are_not_promised_to_be_run_again(tmp_path: Path, finished: dict[str, Any]) -> None:
    search = {"trials": 4, "time_s": None, "told": {"complete": 3, "failed": 1}, "place": "sqlite:///trials.db"}
    jobs = {**finished["jobs"], "failed": 2}
    put(tmp_path, "tiny", {**finished, "command": "codesign study tiny.yaml", "jobs": jobs, "search": search})
    shown = said(tmp_path / "tiny", columns=200)
    assert "A failed trial has ended too. Running the study again tries only what failed on the test split." in shown
    assert "continues with the rest" not in shown
    assert re.search(r"^trials +sqlite:///trials.db *$", shown, re.MULTILINE)


def rows_of(*lines: tuple[str, str], width: int = 90) -> list[str]:
    """The first column of the front of such points, given by their names and groups, and its head."""
    labels, values = ("accuracy", "energy per sample"), ("90.0 %", "1 µJ")
    points = [FrontLine(name=name, labels=labels, values=values, group=group) for name, group in lines]
    console = Console(file=io.StringIO(), width=width)
    console.print(front_table(points, rows=3))
    return [row.split("  ")[0].strip() for row in console.file.getvalue().splitlines()]


def test_of_groups_that_do_not_compare_each_shows_its_best() -> None:
    first = [(f"first {n}", "with static") for n in range(9)]
    assert rows_of(*first, ("second", "without"), width=60) == [
        "best: 10 points, which do not all compare",
        *("with static", "first 0", "without", "second"),
    ]
