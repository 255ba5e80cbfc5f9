"""Sweeps on Ray, and finding the processes of it that a test wants to kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from program import Ended, descendants, end, entries, wait_until_gone
from tiny_sweeps import text_of
from undisturbed_sweep import Undisturbed, check_stopped, sweep

from codesign.simulation.event.compilation import cache_folder

RESUME = "the same command continues from there"
LIMIT_S = 240.0
LONG = text_of(("training: [0]", "training: [0, 1, 2, 3, 4, 5]"), ("epochs: 1,", "epochs: 100,"))
"""The tiny sweep with six trainings of about half a second."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A sweep on Ray that is under way.

    Attributes:
        said: lines of its standard error so far.
        temporary: its folder for temporary files.
    """

    process: subprocess.Popen[str]
    folder: Path
    temporary: Path
    said: list[str]

    def wait_until_said(self, pattern: str, *, times: int = 1) -> None:
        """Read on until a line has that pattern, so many times."""
        for line in self.process.stderr:
            self.said.append(line)
            times -= bool(re.search(pattern, line))
            if times == 0:
                return
        raise AssertionError("".join(self.said))

    def wait_for_jobs(self, count: int) -> None:
        self.wait_until_said(r": done in", times=count)

    def end(self, *, within_s: float = 120) -> Ended:
        """How it ended, with all that it said."""
        ended = end(self.process, within_s=within_s)
        return Ended(code=ended.code, out=ended.out, err="".join(self.said) + ended.err)

    def check_complete(self, reference: Undisturbed) -> str:
        """Fail unless it succeeds, with each job once and the results of the reference; what it said."""
        ended = self.end()
        assert ended.code == 0, ended.err
        assert sorted(ended.jobs) == sorted(reference.jobs)
        reference.check_results(self.folder / "out")
        self.check_no_litter()
        return ended.err

    def check_lost(self, *, within_s: float) -> None:
        """Fail unless it soon ends in a clear message, leaves nothing behind, and has kept what was finished."""
        started = set(descendants(self.process.pid))
        ended = self.end(within_s=within_s)
        check_stopped(ended, "Ray was lost", "run it again to continue from there")
        wait_until_gone(started)
        self.check_no_litter()
        assert len(entries(self.folder / "store")) >= len(ended.jobs) > 0

    def check_no_litter(self) -> None:
        """Fail unless its folder for temporary files is, at the latest in a moment, free of Ray's."""
        wait_for(lambda: not list(self.temporary.glob("codesign-ray-*")), within_s=15)


def sweep_on_ray(
    folder: Path, cache_root: Path, temporary: Path, *options: str, text: str = LONG, **environment: str | Path | None
) -> Run:
    """Start a sweep in a session of its own, as a terminal does; on two workers unless `options` say otherwise. If it
    still runs after `LIMIT_S`, it is killed."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.yaml").write_text(text, encoding="utf-8")
    kernels = cache_folder().parent
    process = sweep(
        *(folder, cache_root),
        *(options or ("--executor", "ray", "--workers", "2")),
        environment={"CODESIGN_KERNEL_CACHE": kernels, "TMPDIR": temporary, **environment},
        prepare=os.setsid,
    )
    watchdog = threading.Timer(LIMIT_S, process.kill)
    watchdog.daemon = True
    watchdog.start()
    return Run(process=process, folder=folder, temporary=temporary, said=[])


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Below pytest's, paths are too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="cw-", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)


def wait_for(condition: Callable[[], bool], *, within_s: float) -> None:
    """Fail where it has not come true after so long."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
