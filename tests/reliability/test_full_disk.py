"""A full disk: a clear end, nothing finished is lost, no litter, and the same command goes on once there is room.

Thorough, since each runs a sweep in processes of its own: they would catch a store that is spoilt, an output that is
torn, and a run that ends for the sake of a cache.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faults import everything_below, small_disk
from program import end, entries, start
from tiny_sweeps import PRICES
from undisturbed_sweep import Undisturbed, check_stopped, completed, sweep

pytestmark = pytest.mark.thorough

FULL = "No space left on device"


def litter(files: set[str]) -> set[str]:
    """Files that were never finished."""
    return {path for path in files if path.rpartition("/")[2].startswith(".") or path.endswith((".tmp", ".part"))}


def test_the_store(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    disk = folder / "disk"
    with small_disk(disk, 28) as resize:  # room for the model and an execution
        stopped = end(sweep(folder, cache_root, store=disk / "store"))
        check_stopped(stopped, disk / "store", FULL)
        kept = entries(disk / "store")
        assert 0 < len(stopped.jobs) == len(kept) < len(undisturbed.jobs)
        left = everything_below(disk)
        assert litter(left) == set()
        again = end(sweep(folder, cache_root, store=disk / "store"))
        check_stopped(again, disk / "store", FULL)
        assert again.jobs == []
        assert entries(disk / "store") == kept
        assert everything_below(disk) == left
        resize(4000)
        resumed = completed(sweep(folder, cache_root, store=disk / "store"))
        assert sorted(stopped.jobs + resumed.jobs) == sorted(undisturbed.jobs)
        after = entries(disk / "store")
        assert {key: after[key] for key in kept} == kept
    undisturbed.check_results(folder / "out")


def test_the_output_folder(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    disk = folder / "disk"
    shutil.copytree(undisturbed.store, folder / "store")
    both = {"results.parquet", "report.html"}
    there = sum((undisturbed.folder / "out" / name).stat().st_size for name in both)
    with small_disk(disk, there // 1024 + 70) as resize:  # for the files of one run
        for name in both:
            shutil.copy(undisturbed.folder / "out" / name, disk)
        check_stopped(end(sweep(folder, cache_root, output=disk)), disk / "results.parquet", FULL)
        undisturbed.check_results(disk)
        assert everything_below(disk) - {"run.json"} == both
        resize(4000)
        (disk / "results.parquet").unlink()
        assert completed(sweep(folder, cache_root, output=disk)).jobs == []
        undisturbed.check_results(disk)
        assert everything_below(disk) - {"run.json"} == both


def test_the_cache_of_events(folder: Path, undisturbed: Undisturbed) -> None:
    disk = folder / "disk"
    with small_disk(disk, 8):
        ended = completed(sweep(folder, disk))
        assert ended.jobs == undisturbed.jobs
        warnings = [line for line in ended.err.splitlines() if str(disk) in line]
        assert len(warnings) == 1, ended.err
        assert f"cannot be written ([Errno 28] {FULL}): working without it" in warnings[0]
        assert everything_below(disk) == set()
    undisturbed.check_results(folder / "out")


AXES = """\
  energies.synaptic_operation: {from: 1 pJ, to: 100 pJ, points: 60, scale: log}
  static_power.chip: {from: 1 uW, to: 100 uW, points: 60, scale: log}
"""


def test_the_points_of_a_price_file(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    shutil.copytree(undisturbed.store, folder / "store")
    (folder / "prices.yaml").write_text(PRICES.partition("  energies")[0] + AXES, encoding="utf-8")
    command = ("price", "prices.yaml", "--store", "store", "--threads", "1", "--output")
    environment = {"CODESIGN_CACHE": cache_root}
    disk = folder / "disk"
    with small_disk(disk, 8) as resize:
        stopped = end(start(*command, disk, folder=folder, environment=environment))
        check_stopped(stopped, disk / "points.parquet", FULL)
        assert everything_below(disk) == set()
        resize(4000)
        completed(start(*command, disk, folder=folder, environment=environment))
        assert everything_below(disk) == {"points.parquet", "front.parquet", "index.html"}
