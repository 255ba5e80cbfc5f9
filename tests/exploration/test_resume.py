"""The whole program in a subprocess: killed, interrupted, and run again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_sweeps import TINY

import codesign
from codesign.exploration.store import Store
from codesign.results import contents_equal, read_results

pytestmark = pytest.mark.slow

ROOT = Path(codesign.__file__).parent.parent
SWEEP = TINY.replace("training: [0]", "training: [0, 1, 2]")


def start(folder: Path, cache_root: Path, *options: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(SWEEP, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "codesign", "sweep", "tiny.yaml", "--store", "store", "--output", "out", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CODESIGN_CACHE": str(cache_root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )


def hear_interrupts() -> None:
    """A background job of a shell ignores interrupts, and its children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def finish(process: subprocess.Popen[str]) -> list[str]:
    """Jobs that it ran."""
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return re.findall(r"^\[\d+/\d+\] (.*): done", errors, flags=re.MULTILINE)


def processes() -> dict[int, int]:
    """Parent of each process that runs."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in listing.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in fields if not state.startswith("Z")}


def descendants(pid: int) -> set[int]:
    parents = processes()
    found, size = {pid}, 0
    while len(found) > size:
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def stop_after(
    process: subprocess.Popen[str],
    jobs: int,
    how: signal.Signals,
    before: Callable[[], None] = lambda: None,
) -> tuple[list[str], str]:
    """Send a signal as soon as so many jobs are done; the jobs, and what was said afterwards."""
    assert process.stderr is not None
    done: list[str] = []
    for line in process.stderr:
        if found := re.match(r"\[\d+/\d+\] (.*): done", line):
            done.append(found[1])
        if len(done) == jobs:
            before()
            process.send_signal(how)
            break
    assert len(done) == jobs
    return done, process.communicate(timeout=60)[1]


def entries(store: Path) -> dict[str, int]:
    """Time of writing of each entry."""
    return {path.name: path.stat().st_mtime_ns for path in store.glob("??/[0-9a-f]*")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> tuple[Path, list[str]]:
    """A run from beginning to end: its folder and its jobs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, finish(start(folder, cache_root, "--executor", "serial"))


@pytest.mark.parametrize("jobs", [2, 7])
def test_a_killed_sweep_goes_on_where_it_was(
    tmp_path: Path, cache_root: Path, undisturbed: tuple[Path, list[str]], jobs: int
) -> None:
    folder, everything = undisturbed
    process = start(tmp_path, cache_root, "--executor", "serial")
    stop_after(process, jobs, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not list((tmp_path / "out").iterdir())
    kept = entries(tmp_path / "store")
    assert len(kept) >= jobs
    resumed = finish(start(tmp_path, cache_root, "--executor", "serial"))
    assert 0 < len(resumed) <= len(everything) - jobs
    assert set(resumed) < set(everything)
    after = entries(tmp_path / "store")
    assert {key: after[key] for key in kept} == kept  # nothing that was finished was written again
    ours, theirs = (read_results(place / "out" / "results.parquet") for place in (tmp_path, folder))
    assert contents_equal(ours, theirs)
    assert finish(start(tmp_path, cache_root)) == []


def test_an_interrupted_sweep_says_how_to_go_on(
    tmp_path: Path, cache_root: Path, undisturbed: tuple[Path, list[str]]
) -> None:
    process = start(tmp_path, cache_root, "--executor", "serial")
    _, said = stop_after(process, 2, signal.SIGINT)
    assert process.returncode == 130
    assert "interrupted: what is finished is kept in store; the same command goes on from there" in said
    assert "Traceback" not in said
    assert len(finish(start(tmp_path, cache_root, "--executor", "serial"))) <= len(undisturbed[1]) - 2


def test_an_interrupted_sweep_on_ray_leaves_no_processes(
    tmp_path: Path, cache_root: Path, undisturbed: tuple[Path, list[str]]
) -> None:
    process = start(tmp_path, cache_root, "--executor", "ray", "--workers", "2")
    started: set[int] = set()
    _, said = stop_after(process, 2, signal.SIGINT, before=lambda: started.update(descendants(process.pid)))
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert len(started) > 2
    deadline = time.monotonic() + 30
    while left := started & processes().keys():
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
    finish(start(tmp_path, cache_root, "--executor", "serial"))
    ours, theirs = (read_results(place / "out" / "results.parquet") for place in (tmp_path, undisturbed[0]))
    assert contents_equal(ours, theirs)


def test_two_sweeps_at_once_share_a_store(
    tmp_path: Path, cache_root: Path, undisturbed: tuple[Path, list[str]]
) -> None:
    one, other = (start(tmp_path, cache_root, "--executor", "serial", "--output", name) for name in ("a", "b"))
    finish(one)
    finish(other)
    reference = read_results(undisturbed[0] / "out" / "results.parquet")
    for name in ("a", "b"):
        assert contents_equal(read_results(tmp_path / name / "results.parquet"), reference)
    store = Store(tmp_path / "store")
    assert all(store.get(key) is not None for key in entries(store.root))
