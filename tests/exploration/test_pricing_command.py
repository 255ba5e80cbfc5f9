from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from priced_sweeps import OBJECTIVES, price_file, problem_of, spec_of, write_sweep
from program import run_here

import codesign

ROOT = Path(codesign.__file__).parent.parent
BODY = "axes:\n  vector_width: [1, 2, 4]\n  static_power.chip: [1 mW, 2 mW]\n" + OBJECTIVES
LARGE = (
    "axes:\n  times.output: {from: 1 ns, to: 90 ns, points: 3000}\n  vector_width: [1, 2, 4]\n"
    "  static_power.chip: {from: 1 mW, to: 2 mW, points: 2000}\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("priced")
    write_sweep(path)
    return path


def arguments(folder: Path, file: Path, *more: str) -> list[str]:
    store = ["--store", str(folder / "store")]
    return [sys.executable, "-m", "codesign", "price", str(file), *store, "--out", str(folder / "out"), *more]


def environment(cache_root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "CODESIGN_CACHE": str(cache_root)}


def test_the_command_writes_its_three_files(folder: Path, cache_root: Path):
    file = folder / "prices.yaml"
    file.write_text(price_file(folder / "priced.yaml", "clocked_accelerated", BODY), encoding="utf-8")
    words = ("price", file, "--store", folder / "store", "--out", folder / "out")
    done = run_here(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root})
    assert "6 design points on 4 models" in done.out
    assert "Least energy per sample: " in done.out
    assert {path.name for path in (folder / "out").iterdir()} - {".lock"} == {
        "points.parquet",
        "front.parquet",
        "index.html",
    }
    assert "replays: " in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of other processes need POSIX")
def test_ctrl_c_ends_all_processes_and_leaves_no_file(folder: Path, cache_root: Path):
    text = price_file(folder / "priced.yaml", "barrier_accelerated", LARGE)
    problem_of(spec_of(text), folder, cache_root)  # its executions are in the store
    file, log = folder / "large.yaml", folder / "log"
    file.write_text(text, encoding="utf-8")
    output = folder / "interrupted"
    with log.open("w") as stream:
        process = subprocess.Popen(
            arguments(folder, file, "--workers", "2", "--out", str(output)),
            env=environment(cache_root),
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 120
        while "points:" not in log.read_text() and time.monotonic() < end:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
    assert "interrupted: nothing was written" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert [path.name for path in output.iterdir()] == [".lock"]
