"""Sweeps while the machine's clock is set and while they are stopped.

Thorough where they wait: they would catch jobs that are lost, run twice or taken for dead by one who comes back.
"""

from __future__ import annotations

import itertools
import signal
import time
from pathlib import Path

import psutil
import pytest
from program import end, run_here
from undisturbed_sweep import Undisturbed, sweep

from codesign.exploration.runs.record import RecordView

HOUR_S = 3600.0


def test_a_clock_that_is_set_again_and_again(
    folder: Path, undisturbed: Undisturbed, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, off_s = time.time, itertools.cycle((-HOUR_S, 24 * HOUR_S, 30 * 365 * 24 * HOUR_S, 0.0))

    def jumping() -> float:
        return now() + next(off_s)

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setitem(RecordView.__init__.__kwdefaults__, "wall_clock", jumping)
    words = ("sweep", "tiny.yaml", "--store", "store", "--output", "out", "--executor", "serial")
    ended = run_here(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root})
    assert ended.jobs == undisturbed.jobs
    undisturbed.check_results(folder / "out" / "results.parquet")


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_a_sweep_that_is_stopped_for_a_while(folder: Path, undisturbed: Undisturbed, cache_root: Path) -> None:
    process = sweep(folder, cache_root)
    for line in process.stderr:
        if "done" in line:
            break
    process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    assert psutil.Process(process.pid).status() == psutil.STATUS_STOPPED
    process.send_signal(signal.SIGCONT)
    ended = end(process)
    assert ended.code == 0, ended.err
    assert len(ended.jobs) == len(undisturbed.jobs) - 1
    undisturbed.check_results(folder / "out" / "results.parquet")
