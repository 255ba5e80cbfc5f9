"""The whole program in a process of its own, killed or interrupted, and run again.

Thorough is what would catch a store that two processes spoil for each other, and an end late in a sweep that loses what
an early one does not.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import program
import pytest
from program import entries, finish, run_here, stop_after
from tiny_sweeps import TINY

from codesign.analysis.table import contents_equal, read_results
from codesign.exploration.store import Store

pytestmark = pytest.mark.slow

SWEEP = TINY.replace("training: [0]", "training: [0, 1, 2]")


def command(folder: Path, *options: str) -> tuple[str, ...]:
    """What runs the sweep in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(SWEEP, encoding="utf-8")
    return ("sweep", "tiny.yaml", "--store", "store", "--output", "out", *options)


def start(folder: Path, cache_root: Path, *options: str) -> subprocess.Popen[str]:
    return program.start(*command(folder, *options), folder=folder, environment={"CODESIGN_CACHE": cache_root})


def resumed(folder: Path, cache_root: Path) -> list[str]:
    """Jobs that were left to do."""
    ended = run_here(
        *command(folder, "--executor", "serial"), folder=folder, environment={"CODESIGN_CACHE": cache_root}
    )
    return ended.jobs


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> tuple[Path, list[str]]:
    """A run from beginning to end: its folder and its jobs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, resumed(folder, cache_root)


@pytest.mark.parametrize("jobs", [2, pytest.param(7, marks=pytest.mark.thorough)])
def test_a_killed_sweep_goes_on_where_it_was(
    tmp_path: Path, cache_root: Path, undisturbed: tuple[Path, list[str]], jobs: int
) -> None:
    folder, everything = undisturbed
    process = start(tmp_path, cache_root, "--executor", "serial")
    stop_after(process, jobs, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".lock", "run.json"}  # no results
    kept = entries(tmp_path / "store")
    assert len(kept) >= jobs
    left = resumed(tmp_path, cache_root)
    assert 0 < len(left) <= len(everything) - jobs
    assert set(left) < set(everything)
    after = entries(tmp_path / "store")
    assert {key: after[key] for key in kept} == kept  # nothing that was finished was written again
    ours, theirs = (read_results(place / "out" / "results.parquet") for place in (tmp_path, folder))
    assert contents_equal(ours, theirs)
    assert resumed(tmp_path, cache_root) == []


@pytest.mark.thorough
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
