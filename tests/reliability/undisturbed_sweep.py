"""Sweeps with nothing in their way, which every other run is compared with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from program import Ended, end, entries, run_here, start

from codesign.analysis.results.table import ResultTable, contents_equal, read_results


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A sweep that ran from beginning to end: its folder, whose files must not be changed, and the jobs that it ran."""

    folder: Path
    jobs: list[str]

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def results(self) -> ResultTable:
        return read_results(self.folder / "out" / "results.parquet")

    def check_results(self, output: Path) -> None:
        """Fail where the results of another output say anything else."""
        assert contents_equal(read_results(output / "results.parquet"), self.results)

    def check_resumes(self, folder: Path, again: subprocess.Popen[str]) -> None:
        """Fail unless a second run in a folder does what the first has left, and nothing else, to the same results."""
        kept = entries(folder / "store")
        jobs = completed(again).jobs
        assert 0 < len(jobs) < len(self.jobs)
        assert kept.items() <= entries(folder / "store").items()
        self.check_results(folder / "out")


def run_undisturbed(folder: Path, cache_root: Path, text: str) -> Undisturbed:
    """Run a sweep from beginning to end."""
    (folder / "tiny.yaml").write_text(text, encoding="utf-8")
    words = ("sweep", "tiny.yaml", "--store", "store", "--output", "out", "--executor", "serial")
    ended = run_here(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root})
    return Undisturbed(folder=folder, jobs=ended.jobs)


def sweep(
    folder: Path,
    cache_root: Path | None,
    *options: str | Path,
    store: Path | str = "store",
    output: Path | str = "out",
    environment: Mapping[str, str | Path | None] | None = None,
    prepare: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """Start the sweep of a folder, one job after another unless `options` name an executor or a cluster."""
    executor = () if {"--executor", "--ray-address"} & set(options) else ("--executor", "serial")
    return start(
        *("sweep", "tiny.yaml", "--store", store, "--output", output, *executor, *options),
        folder=folder,
        environment={"CODESIGN_CACHE": cache_root, **(environment or {})},
        prepare=prepare,
    )


def check_stopped(ended: Ended, *words: Path | str) -> None:
    """Exit code 2 and one line at the end, in which the place and the reason are named."""
    assert ended.code == 2, ended.err
    (error,) = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert not [word for word in words if str(word) not in error], error
    assert ended.err.endswith(f"{error}\n")
    assert "Traceback" not in ended.err


def completed(process: subprocess.Popen[str]) -> Ended:
    """A sweep that must succeed."""
    ended = end(process)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    return ended
