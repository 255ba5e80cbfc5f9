from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from priced_sweeps import OBJECTIVES, price_file, problem_of, read_prices
from program import end, run_here, start

BODY = "axes:\n  vector_width: [1, 2, 4]\n  static_power.chip: [1 mW, 2 mW]\n" + OBJECTIVES
LARGE = (
    "axes:\n  times.output: {from: 1 ns, to: 90 ns, points: 3000}\n  vector_width: [1, 2, 4]\n"
    "  static_power.chip: {from: 1 mW, to: 2 mW, points: 2000}\n"
)


def test_the_command_writes_its_three_files(priced: Path, cache_root: Path):
    file = priced / "prices.yaml"
    file.write_text(price_file(Path("./priced.yaml"), "clocked_accelerated", BODY), encoding="utf-8")
    words = ("price", file, "--store", priced / "store", "--output", priced / "out")
    done = run_here(*words, folder=priced.parent, environment={"CODESIGN_CACHE": cache_root})
    assert "6 design points on 4 models" in done.out
    run, stored = re.search(r"(\d+) executions? \((\d+) in the store\)", done.err).groups()
    assert int(run) + int(stored) == 4  # nothing that is not priced
    assert "least energy per sample and least latency: #" in done.out
    assert "latency here is the stepwise bound" in done.out  # the chip is clocked
    names = {path.name for path in (priced / "out").iterdir()}
    assert names - {".lock"} == {"points.parquet", "front.parquet", "index.html"}
    assert "replays: " in done.err


@pytest.mark.thorough
def test_ctrl_c_ends_all_threads_and_leaves_no_file(priced: Path, cache_root: Path):
    """Would catch threads that go on, or end in a traceback, after Ctrl-C."""
    text = price_file(priced, "barrier_accelerated", LARGE)
    problem_of(read_prices(text), priced, cache_root)  # its executions are in the store
    file, output = priced / "large.yaml", priced / "interrupted"
    file.write_text(text, encoding="utf-8")
    words = ("price", file, "--store", priced / "store", "--threads", "2", "--output", output)
    process = start(*words, folder=priced, environment={"CODESIGN_CACHE": cache_root}, prepare=os.setsid)
    assert any("points:" in line for line in process.stderr)
    os.killpg(process.pid, signal.SIGINT)
    ended = end(process, within_s=60)
    assert ended.code == 130
    assert "interrupted: nothing was written" in ended.err
    assert "Traceback" not in ended.err
    assert [path.name for path in output.iterdir()] == [".lock"]
