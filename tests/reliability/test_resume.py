"""The whole program in a subprocess: killed, interrupted, and run again.

Thorough is what would catch an end late in a sweep that loses what an early one does not.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from program import descendants, entries, stop_after, wait_until_gone
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed, completed, run_undisturbed, sweep

pytestmark = pytest.mark.slow

SWEEP = TINY.replace("training: [0]", "training: [0, 1, 2]")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Undisturbed:
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"), cache_root, SWEEP)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(SWEEP, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("jobs", [2, pytest.param(7, marks=pytest.mark.thorough)])
def test_a_killed_sweep_goes_on_where_it_was(
    folder: Path, cache_root: Path, undisturbed: Undisturbed, jobs: int
) -> None:
    process = sweep(folder, cache_root)
    stop_after(process, jobs, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert [path.name for path in (folder / "out").iterdir()] == ["run.json"]  # where its record is; no results
    kept = entries(folder / "store")
    assert len(kept) >= jobs
    resumed = completed(sweep(folder, cache_root)).jobs
    assert 0 < len(resumed) <= len(undisturbed.jobs) - jobs
    assert set(resumed) < set(undisturbed.jobs)
    after = entries(folder / "store")
    assert {key: after[key] for key in kept} == kept  # nothing that was finished was written again
    undisturbed.check_results(folder / "out" / "results.parquet")
    assert completed(sweep(folder, cache_root)).jobs == []


def test_an_interrupted_sweep_says_how_to_go_on(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    process = sweep(folder, cache_root)
    _, said = stop_after(process, 2, signal.SIGINT)
    assert process.returncode == 130
    assert "interrupted: what is finished is kept in store; the same command goes on from there" in said
    assert "Traceback" not in said
    assert len(completed(sweep(folder, cache_root)).jobs) <= len(undisturbed.jobs) - 2


def test_an_interrupted_sweep_on_ray_leaves_no_processes(
    folder: Path, cache_root: Path, undisturbed: Undisturbed
) -> None:
    process = sweep(folder, cache_root, "--executor", "ray", "--workers", "2")
    started: set[int] = set()
    _, said = stop_after(process, 2, signal.SIGINT, before=lambda: started.update(descendants(process.pid)))
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert len(started) > 2
    wait_until_gone(started)
    completed(sweep(folder, cache_root))
    undisturbed.check_results(folder / "out" / "results.parquet")
