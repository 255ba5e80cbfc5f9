"""Studies in processes of their own: killed, interrupted, two at once, with damaged journals and full disks.

Thorough, since each runs a study twice: they would catch trials that change when a study goes on
after an interruption, and jobs that are lost with a journal.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import small_disk
from program import Ended, end, start
from tiny_studies import STUDY
from undisturbed_sweep import check_stopped

from codesign.analysis.table import contents_equal, read_results
from codesign.exploration.study.storage import JOURNAL

pytestmark = pytest.mark.thorough

# Trainings of a few tenths of a second, so that there is a middle to be killed in.
SLOWER = STUDY.replace("epochs: 4", "epochs: 30")


def study(folder: Path, cache_root: Path, *options: str, output: str = "out") -> subprocess.Popen[str]:
    """Start the study of a folder, on one core unless options name an executor."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(SLOWER, encoding="utf-8")
    executor = () if "--executor" in options else ("--executor", "serial")
    return start(
        *("study", "tiny.yaml", "--store", "store", "--output", output, *executor, *options),
        folder=folder,
        environment={"CODESIGN_CACHE": cache_root},
    )


def completed(process: subprocess.Popen[str]) -> Ended:
    ended = end(process)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    return ended


@dataclass(frozen=True)
class Reference:
    """The study with nothing in its way."""

    folder: Path

    def check(self, folder: Path, output: str = "out") -> None:
        """Fail where a study found anything else."""
        theirs, ours = folder / output, self.folder / "out"
        assert (theirs / "trials.parquet").read_bytes() == (ours / "trials.parquet").read_bytes()
        assert contents_equal(read_results(theirs / "results.parquet"), read_results(ours / "results.parquet"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Reference:
    folder = tmp_path_factory.mktemp("reference")
    completed(study(folder, cache_root))
    return Reference(folder)


def stop_when_told(process: subprocess.Popen[str], trials: int, how: signal.Signals) -> str:
    """Send a signal once so many trials have been told; what was said afterwards."""
    assert process.stderr is not None
    told = 0
    for line in process.stderr:
        told += re.match(r"\[\d+/\d+ trials\] trial ", line) is not None
        if told == trials:
            break
    assert told == trials
    time.sleep(0.15)  # into the middle of something
    process.send_signal(how)
    return process.communicate(timeout=60)[1]


@pytest.mark.parametrize("executor", ["serial", "ray"])
def test_a_killed_study_ends_as_if_it_had_not_been(
    tmp_path: Path, cache_root: Path, reference: Reference, executor: str
) -> None:
    for trials in (2, 3):  # twice
        process = study(tmp_path, cache_root, "--executor", executor)
        stop_when_told(process, trials, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out" / "results.parquet").exists()
    ended = completed(study(tmp_path, cache_root, "--executor", executor))
    assert "from earlier runs" in ended.err
    reference.check(tmp_path)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_says_how_to_go_on(
    tmp_path: Path, cache_root: Path, reference: Reference, how: signal.Signals
) -> None:
    process = study(tmp_path, cache_root)
    said = stop_when_told(process, 2, how)
    assert process.returncode == 130
    assert "interrupted: finished jobs are kept in store; the same command continues from there" in said
    assert "Traceback" not in said
    completed(study(tmp_path, cache_root))
    reference.check(tmp_path)


def test_a_torn_journal_and_a_stale_lock(tmp_path: Path, cache_root: Path, reference: Reference) -> None:
    stop_when_told(study(tmp_path, cache_root), 3, signal.SIGKILL)
    journal = tmp_path / "out" / JOURNAL
    with journal.open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"x","trial')
    journal.with_name(f"{JOURNAL}.lock").touch()
    ended = completed(study(tmp_path, cache_root))
    assert "the last line was torn when its writer ended, and is cut off" in ended.err
    reference.check(tmp_path)


@pytest.mark.parametrize("damage", ["line", "everything"])
def test_a_damaged_journal_costs_no_finished_job(
    tmp_path: Path, cache_root: Path, reference: Reference, damage: str
) -> None:
    stop_when_told(study(tmp_path, cache_root), 4, signal.SIGKILL)
    journal = tmp_path / "out" / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    lines[middle] = b"\x00" * len(lines[middle]) + b"\n"
    journal.write_bytes(b"\xde\xad" * 500 if damage == "everything" else b"".join(lines))
    finished = {path.name for path in (tmp_path / "store").glob("??/*")}
    ended = completed(study(tmp_path, cache_root))
    assert "damaged" in ended.err or "torn" in ended.err
    after = {path.name for path in (tmp_path / "store").glob("??/*")}
    assert finished <= after
    reference.check(tmp_path)


def test_two_studies_in_one_folder_do_not_mix(tmp_path: Path, cache_root: Path, reference: Reference) -> None:
    first = study(tmp_path, cache_root)
    assert first.stderr is not None
    while "trial 0 " not in first.stderr.readline():
        pass
    second = end(study(tmp_path, cache_root))
    assert second.code == 2
    assert re.search(r"is held by process [0-9]+ on .*, which writes there; wait", second.err)
    completed(first)
    reference.check(tmp_path)


def test_two_studies_share_a_store(tmp_path: Path, cache_root: Path, reference: Reference) -> None:
    both = [study(tmp_path, cache_root, output=output) for output in ("a", "b")]
    for process in both:
        completed(process)
    reference.check(tmp_path, "a")
    reference.check(tmp_path, "b")


def test_a_full_disk_under_the_journal(tmp_path: Path, cache_root: Path, reference: Reference) -> None:
    with small_disk(tmp_path / "out", 12) as resize:
        ended = end(study(tmp_path, cache_root))
        check_stopped(ended, f"out/{JOURNAL}", "No space left on device")
        resize(10_000)
        completed(study(tmp_path, cache_root))
        reference.check(tmp_path)
