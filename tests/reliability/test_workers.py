"""Sweeps on the cores of this machine: workers, Ray and the program itself are killed, hang, and run out of things.

Thorough, since each starts Ray: they would catch processes that outlive the program, an end without
a word when Ray dies, endless retries, and memory that is never given back.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import executor_tasks
import numpy as np
import pytest
from program import descendants, find_processes, wait_until_gone
from ray_faults import RESUME, Run, kill, sweep_on_ray, wait_for
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed, sweep

from codesign.exploration.executors.base import Task
from codesign.exploration.executors.ray import RayExecutor

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]

PROCESSES = "gcs_server|raylet|ray::"


@pytest.fixture
def run(tmp_path: Path, cache_root: Path, temporary: Path) -> Iterator[Run]:
    """The long sweep on two workers, some of its trainings done."""
    run = sweep_on_ray(tmp_path, cache_root, temporary)
    try:
        run.wait_for_jobs(2)
        yield run
    finally:
        run.process.kill()
        run.process.wait()


def test_a_worker_is_killed(run: Run, reference: Undisturbed) -> None:
    kill(find_processes(run.process.pid, "ray::perform_batch")[0])
    assert "train: a worker died (WorkerCrashedError); 1 job restarted" in run.check_complete(reference)


def test_the_program_is_killed(run: Run, cache_root: Path, reference: Undisturbed) -> None:
    started = descendants(run.process.pid)
    assert len(find_processes(run.process.pid, PROCESSES)) >= 5
    kill(run.process.pid)
    assert run.end().code == -signal.SIGKILL
    wait_until_gone(started, within_s=90)
    reference.check_resumes(run.folder, sweep(run.folder, cache_root))


def interrupt_twice(pid: int) -> None:
    """Ctrl-C at a terminal, which all processes in the foreground get, and again in the middle of what follows."""
    os.killpg(pid, signal.SIGINT)
    time.sleep(0.05)
    os.killpg(pid, signal.SIGINT)


@pytest.mark.parametrize("stop", [lambda pid: os.kill(pid, signal.SIGTERM), interrupt_twice], ids=["TERM", "INT INT"])
def test_the_program_is_told_to_stop(run, cache_root, reference, stop):
    started = descendants(run.process.pid)
    stop(run.process.pid)
    ended = run.end(within_s=15)
    # After a second Ctrl-C an interpreter that is about to exit dies of the signal, which shells call 130, too.
    assert ended.code == 130 or (stop is interrupt_twice and ended.code == -signal.SIGINT), ended.err
    assert f"interrupted: finished jobs are kept in store; {RESUME}" in ended.err
    assert "Traceback" not in ended.err
    wait_until_gone(started, within_s=15)
    run.check_no_litter()
    reference.check_resumes(run.folder, sweep(run.folder, cache_root))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_is_told_to_stop_while_ray_starts(tmp_path, cache_root, temporary, number):
    """Ray would end the program with codes of its own, and without a word."""
    run = sweep_on_ray(tmp_path, cache_root, temporary)
    wait_for(lambda: bool(find_processes(run.process.pid, "gcs_server")), within_s=60)
    started = descendants(run.process.pid)
    os.kill(run.process.pid, number)
    ended = run.end(within_s=60)
    assert ended.code == 130, ended.err
    assert f"interrupted: finished jobs are kept in store; {RESUME}" in ended.err
    assert "Traceback" not in ended.err
    wait_until_gone(started, within_s=15)
    run.check_no_litter()


@pytest.mark.parametrize("part", ["/raylet ", "/gcs_server "])
def test_ray_itself_is_killed(run: Run, cache_root: Path, reference: Undisturbed, part: str) -> None:
    kill(*find_processes(run.process.pid, part))
    run.check_lost(within_s=30)
    reference.check_resumes(run.folder, sweep(run.folder, cache_root))


def test_surroundings_in_which_ray_would_go_astray(tmp_path: Path, cache_root: Path, temporary: Path) -> None:
    """No home, a dead cluster that both a variable and a file of Ray name, and a folder too deep for sockets."""
    deep = temporary / ("d" * 90)
    for folder in (deep, temporary):
        (folder / "ray").mkdir(parents=True)
        (folder / "ray" / "ray_current_cluster").write_text("127.0.0.1:1", encoding="utf-8")
    run = sweep_on_ray(
        *(tmp_path, cache_root, deep),
        text=TINY,
        HOME="/dev/null",
        RAY_ADDRESS="127.0.0.1:1",
        RAY_TMPDIR=temporary,
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH="/dev/null/token",
    )
    ended = run.end()
    assert ended.code == 0, ended.err
    assert not list(deep.glob("codesign-ray-*"))


def test_jobs_without_enough_memory_are_not_started_for_ever(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    """Ray, told that a hundredth of the memory is all there is, kills whatever runs."""
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.01")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    notes: list[str] = []
    task = Task(key="a", kind="large", function=executor_tasks.spin, arguments=(60.0,))
    with RayExecutor(workers=1, on_note=notes.append) as executor:
        executor.submit(task)
        completion = executor.wait(120)
    assert str(completion.failure).startswith("OutOfMemoryError: the worker died 4 times: ")
    assert notes == ["large: a worker died (OutOfMemoryError); 1 job restarted"] * 3


def test_shared_values_and_outputs_take_room_only_while_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a store of 100 MB, what is not given back goes to the disk."""
    monkeypatch.setattr("ray._private.ray_constants.DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES", 100_000_000)
    with RayExecutor(workers=1) as executor:

        def result(function: Callable[..., object], *arguments: object) -> Any:
            executor.submit(Task(key="a", kind=function.__name__, function=function, arguments=arguments))
            completion = executor.wait(60)
            assert completion.failure is None
            return completion.output

        for number in range(8):
            value = executor.share(np.full(4_000_000, number, np.float64))  # 32 MB
            assert result(executor_tasks.first_of, value) == number
            del value
            assert len(result(executor_tasks.large, 30_000_000)) == 30_000_000
        assert result(executor_tasks.spilled_bytes) == 0
        values = [executor.share(np.full(4_000_000, number, np.float64)) for number in range(8)]
        assert [result(executor_tasks.first_of, value) for value in values] == list(range(8))
        assert result(executor_tasks.spilled_bytes) > 100_000_000  # the test could have seen it
