"""The program in this process, and in processes of its own: started, watched, stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

import codesign

ROOT = Path(codesign.__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def jobs(self) -> list[str]:
        """Jobs that it ran, as it said."""
        return jobs_of(self.err)


def start(
    *arguments: str | Path,
    folder: Path,
    environment: Mapping[str, str | Path | None] | None = None,
    prepare: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """Start `codesign` with these arguments.

    Args:
        folder: working folder of the process.
        environment: variables beside those of the tests; None takes one away.
        prepare: runs in the new process before the program.
    """

    def before() -> None:
        # A background job of a shell ignores interrupts, and its children inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if prepare is not None:
            prepare()

    return subprocess.Popen(
        [sys.executable, "-m", "codesign", *map(str, arguments)],
        cwd=folder,
        env=_variables({"CODESIGN_PROGRESS": "jobs", **(environment or {})}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before if os.name == "posix" else None,
    )


def run_python(
    *arguments: str | Path,
    folder: Path,
    environment: Mapping[str, str | Path | None] | None = None,
    given: str = "",
    within_s: float = 300,
    prepare: Callable[[], None] | None = None,
) -> Ended:
    """How Python ends with these arguments and `given` as its input; other options are as in `start`."""
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=_variables(environment or {}),
        input=given,
        capture_output=True,
        text=True,
        timeout=within_s,
        preexec_fn=prepare,
        check=False,
    )
    return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)


def _variables(changes: Mapping[str, str | Path | None]) -> dict[str, str]:
    """The variables of the tests, with which Python finds this checkout, and changes; None takes a variable away."""
    changed = {**os.environ, "PYTHONPATH": ROOT, **changes}
    return {name: str(value) for name, value in changed.items() if value is not None}


def run_here(
    *arguments: str | Path, folder: Path, environment: Mapping[str, str | Path] | None = None, code: int = 0
) -> Ended:
    """How `codesign` ends in this process, because starting another takes seconds.

    Args:
        folder: working folder meanwhile.
        environment: variables beside those of the tests.
        code: the exit code with which it must end.
    """
    from codesign.cli.main import app

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CODESIGN_PROGRESS", "jobs")
        for name, value in (environment or {}).items():
            patch.setenv(name, str(value))
        ended = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert ended.exit_code == code, ended.output
    return Ended(code=ended.exit_code, out=ended.stdout, err=ended.stderr)


def end(process: subprocess.Popen[str], *, within_s: float = 300) -> Ended:
    """Wait for a process; one that takes longer is killed, and fails the test."""
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(code=process.returncode, out=out, err=err)


def jobs_of(errors: str) -> list[str]:
    """Jobs that a sweep said it has done."""
    return re.findall(r"^\[\d+/\d+\] (.*): done", errors, flags=re.MULTILINE)


def stop_after(
    process: subprocess.Popen[str], jobs: int, before: Callable[[], None] = lambda: None
) -> tuple[list[str], str]:
    """Kill a process as soon as so many jobs are done; return the jobs, and what it said afterwards."""
    done: list[str] = []
    for line in process.stderr:
        done.extend(jobs_of(line))
        if len(done) == jobs:
            before()
            process.kill()
            break
    assert len(done) == jobs
    return done, process.communicate(timeout=60)[1]


def descendants(pid: int) -> set[int]:
    """Children of a process, their children, and so on."""
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def find_processes(root: int, command: str) -> list[int]:
    """Descendants of a process whose command line has that pattern."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if re.search(command, " ".join(process.cmdline())):
                found.append(process.pid)
    return sorted(found)


def wait_until_gone(pids: set[int], *, within_s: float = 30) -> None:
    """Fail where one of these processes still runs after so long."""
    deadline = time.monotonic() + within_s
    while left := [pid for pid in pids if _runs(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def _runs(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def entries(store: Path) -> dict[str, int]:
    """Time of writing of each entry of a store, by its key."""
    return {path.name: path.stat().st_mtime_ns for path in store.glob("??/[0-9a-f]*")}
