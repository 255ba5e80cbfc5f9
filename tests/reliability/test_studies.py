"""Studies in processes of their own: killed, with a full disk.

Thorough, since each runs a study twice: they would catch trials that change when a study goes on after its process
ended, and not only after an exception (`tests/study` asks that, and what a damaged journal leaves).
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from faults import small_disk
from program import end, start
from tiny_studies import STUDY
from undisturbed_sweep import check_stopped, completed

from codesign.analysis.results.table import contents_equal, read_results
from codesign.exploration.study.storage import JOURNAL

pytestmark = pytest.mark.thorough

# Trainings of a few tenths of a second, so that there is a middle to be killed in.
SLOWER = STUDY.replace("epochs: 4", "epochs: 30")


def study(folder: Path, cache_root: Path) -> subprocess.Popen[str]:
    """Start the study of a folder."""
    (folder / "tiny.yaml").write_text(SLOWER, encoding="utf-8")
    words = ("study", "tiny.yaml", "--store", "store", "--output", "out", "--executor", "serial")
    return start(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root})


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Path:
    """The output of the study with nothing in its way."""
    folder = tmp_path_factory.mktemp("reference")
    completed(study(folder, cache_root))
    return folder / "out"


def check_same(ours: Path, theirs: Path) -> None:
    """Fail unless two studies found the same."""
    assert (theirs / "trials.parquet").read_bytes() == (ours / "trials.parquet").read_bytes()
    assert contents_equal(read_results(theirs / "results.parquet"), read_results(ours / "results.parquet"))


def kill_when_told(process: subprocess.Popen[str], trials: int) -> None:
    """Once so many trials have been told."""
    told = 0
    for line in process.stderr:
        told += re.match(r"\[\d+/\d+ trials\] trial ", line) is not None
        if told == trials:
            break
    assert told == trials
    time.sleep(0.15)  # into the middle of something
    process.kill()
    process.communicate(timeout=60)


def test_a_killed_study_ends_as_if_it_had_not_been(tmp_path: Path, cache_root: Path, reference: Path) -> None:
    for trials in (2, 3):  # twice
        process = study(tmp_path, cache_root)
        kill_when_told(process, trials)
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out" / "results.parquet").exists()
    ended = completed(study(tmp_path, cache_root))
    assert "from earlier runs" in ended.err
    check_same(tmp_path / "out", reference)


def test_a_full_disk_under_the_journal(tmp_path: Path, cache_root: Path, reference: Path) -> None:
    with small_disk(tmp_path / "out", 12) as resize:
        ended = end(study(tmp_path, cache_root))
        check_stopped(ended, f"out/{JOURNAL}", "No space left on device")
        resize(10_000)
        completed(study(tmp_path, cache_root))
        check_same(tmp_path / "out", reference)
