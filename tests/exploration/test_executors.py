"""One contract for all executors, and what only Ray can do.

A new executor gets a fixture of its name. Thorough are tests that wait for workers to hang or to die again and again,
and that of 20,000 tasks: they would catch a hang that is never ended, endless retries, and a driver that hands over
more than there is room for, or after which the process can start no Ray itself.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import executor_tasks
import pytest
import torch
from program import find_processes

from codesign.errors import InputError
from codesign.exploration.executors import ExecutorName
from codesign.exploration.executors.base import Completion, Executor, Task
from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.resources import LONGEST_TIMEOUT_S, SHORTEST_TIMEOUT_S, JobResources
from codesign.simulation.event.compilation import cache_folder


@pytest.fixture(scope="module")
def serial() -> SerialExecutor:
    return SerialExecutor()


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayExecutor]:
    """Started where another state of the program lies, as a checkout is in which it was installed some time ago."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "codesign").mkdir()
    (folder / "codesign" / "__init__.py").write_text("raise ImportError('a worker takes what lies around')")
    with RayExecutor(workers=2, grace_s=2.5) as started:
        with chdir(folder):  # where Ray starts: when first used
            run(started, task(executor_tasks.add, 1, 1))
        yield started


@pytest.fixture(params=get_args(ExecutorName))
def executor(request: pytest.FixtureRequest) -> Executor:
    started: Executor = request.getfixturevalue(request.param)
    return started


def task(function: Callable[..., object], *arguments: object, key: str = "a", kind: str = "", **needs: Any) -> Task:
    """A task of the kind that its function names, with what it needs."""
    kind = kind or function.__name__
    return Task(key=key, kind=kind, function=function, arguments=arguments, resources=JobResources(**needs))


def run(executor: Executor, *tasks: Task) -> dict[str, Completion]:
    for task in tasks:
        executor.submit(task)
    ended = [executor.wait() for _ in tasks]
    return {completion.key: completion for completion in ended if completion is not None}


def test_every_task_ends_once_with_its_output(executor: Executor) -> None:
    tasks = [task(executor_tasks.add, n, 1, key=f"{n}") for n in range(7)]
    ended = run(executor, *tasks)
    outcomes = {key: (completion.output, completion.failure) for key, completion in ended.items()}
    assert outcomes == {f"{n}": (n + 1, None) for n in range(7)}
    assert all(completion.wall_s >= 0 for completion in ended.values())


def test_waiting_for_nothing_is_an_error_and_not_forever(executor: Executor) -> None:
    with pytest.raises(LookupError):
        executor.wait()


def test_shared_values_are_arguments_of_many_tasks(executor: Executor) -> None:
    shared = executor.share([1, 2, 3])
    ended = run(executor, *(task(executor_tasks.total, shared, b"x" * n, key=f"{n}") for n in range(3)))
    assert {key: completion.output for key, completion in ended.items()} == {"0": 6, "1": 7, "2": 8}


def test_an_exception_is_a_failure_with_type_and_message(executor: Executor) -> None:
    ended = run(
        executor,
        task(executor_tasks.raise_infeasible, "too small", key="known"),
        task(executor_tasks.raise_own, key="own"),
        task(executor_tasks.add, 1, 1, key="fine"),
    )
    assert ended["known"].failure is not None
    assert str(ended["known"].failure) == "InfeasibleError: too small"
    line = executor_tasks.raise_own.__code__.co_firstlineno + 5
    told = f"OddError: 1 and 2 (executor_tasks.py:{line})"  # an exception that cannot be pickled, and its place
    assert str(ended["own"].failure) == told
    assert ended["fine"].output == 2


def test_a_torch_module_fails_where_it_is_written(serial: SerialExecutor) -> None:
    class Own(torch.nn.Module):
        def forward(self) -> None:
            raise ValueError("a bug")

    line = Own.forward.__code__.co_firstlineno + 1
    failure = run(serial, task(Own(), kind="loss"))["a"].failure
    assert str(failure) == f"ValueError: a bug (test_executors.py:{line})"


def test_a_task_reports_while_it_runs(executor: Executor) -> None:
    heard: list[object] = []
    telling = replace(task(executor_tasks.tell, 0.0 if executor.name == "serial" else 2.0), on_report=heard.append)
    assert run(executor, telling)["a"].output == "all"
    assert set(heard) == {"half"}


def test_a_task_computes_in_float32_on_the_cpu_whatever_a_notebook_has_set(executor: Executor) -> None:
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float16)
    try:
        assert run(executor, task(executor_tasks.kind))["a"].output == "cpu torch.float32"
        assert (torch.get_default_device().type, torch.get_default_dtype()) == ("meta", torch.float16)
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_task_computes_with_as_many_threads_as_it_takes_cores(executor: Executor, cpus: int) -> None:
    before = torch.get_num_threads()
    assert run(executor, task(executor_tasks.threads, cpus=cpus))["a"].output == cpus
    assert torch.get_num_threads() == before


def test_a_task_that_takes_too_long_is_ended(executor: Executor) -> None:
    """After the shortest timeout that is allowed, too; with the longest, a task ends by itself."""
    slow = {"slow": executor_tasks.spin, "swallowing": executor_tasks.swallow_and_spin}
    ended = run(
        executor,
        *(task(function, 60.0, key=key, kind="spin", timeout=0.3) for key, function in slow.items()),
        task(executor_tasks.spin, 60.0, key="shortest", timeout=SHORTEST_TIMEOUT_S),
        task(executor_tasks.add, 1, 1, key="longest", timeout=LONGEST_TIMEOUT_S),
    )
    for key, timeout_s in {"slow": 0.3, "swallowing": 0.3, "shortest": 0.01}.items():
        assert str(ended[key].failure) == f"TimeoutError: took longer than the {timeout_s} s it may take"
        assert timeout_s <= ended[key].wall_s < 10
    assert (ended["longest"].failure, ended["longest"].output) == (None, 2)


def test_resources_that_nobody_has_are_a_mistake(executor: Executor) -> None:
    assert executor.lacking(JobResources(cpus=1)) == ""
    assert "64" in executor.lacking(JobResources(gpus=64))


def test_a_time_limit_that_no_thread_can_keep_is_a_mistake() -> None:
    """Instead of a failure of every job: only the main thread gets signals."""
    with ThreadPoolExecutor(1) as pool:
        lacking = pool.submit(SerialExecutor().lacking, JobResources(timeout=1.0)).result()
    assert lacking.startswith("timeout: only a program's main thread")


@pytest.mark.parametrize("timeout_s", [-1.0, 0.0099, 31_622_401, float("inf"), float("nan")])
def test_timeouts_that_no_timer_can_keep_are_a_mistake(timeout_s: float) -> None:
    with pytest.raises(InputError, match="timeout: "):
        JobResources(timeout=timeout_s)


def test_more_memory_than_can_be_asked_for_is_a_mistake() -> None:
    with pytest.raises(InputError, match=r"memory: .*less than or equal to 1152921504606846976"):
        JobResources(memory=10**20)


def test_a_timeout_is_a_mistake_where_no_job_can_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGALRM")
    with pytest.raises(InputError, match="timeout: must be left out on Windows"):
        JobResources(timeout=5.0)


def test_a_local_ray_asks_nobody_on_the_network(ray: RayExecutor) -> None:
    """Ray's dashboard looks up and asks the metadata servers of clouds, also where it shows nothing."""
    assert run(ray, task(executor_tasks.add, 1, 1))["a"].output == 2
    assert find_processes(os.getpid(), "raylet")
    assert find_processes(os.getpid(), r"dashboard/dashboard\.py") == []


def test_there_is_room_until_there_is_enough_to_do(executor: Executor) -> None:
    submitted = 0
    while executor.has_room:
        executor.submit(task(executor_tasks.spin, 0.01, key=f"{submitted}", kind="room"))
        submitted += 1
        assert submitted <= 2 * 2 * 256
    assert submitted >= 1
    assert {completion.key for _ in range(submitted) if (completion := executor.wait())} == {
        str(number) for number in range(submitted)
    }


def test_bits_do_not_depend_on_the_executor(executor: Executor) -> None:
    here, there = (run(one, task(executor_tasks.product, 3))["a"] for one in (SerialExecutor(), executor))
    assert there.output == here.output is not None


@pytest.mark.thorough
def test_workers_find_the_kernels_that_this_process_compiled(ray: RayExecutor) -> None:
    here = run(SerialExecutor(), task(executor_tasks.simulate))["a"]
    assert here.failure is None
    before = {file.name: file.stat().st_mtime_ns for file in cache_folder().iterdir()}
    assert len(before) >= 4
    ended = run(ray, *(task(executor_tasks.simulate, key=f"{n}") for n in range(6)))
    assert {completion.output for completion in ended.values()} == {(here.output[0], 0)}
    after = {file.name: file.stat().st_mtime_ns for file in cache_folder().iterdir()}
    assert after.items() >= before.items()  # other tests may compile meanwhile


def test_ray_starts_a_task_again_whose_worker_was_killed(ray: RayExecutor, tmp_path: Path) -> None:
    assert run(ray, task(executor_tasks.die_first, str(tmp_path / "died")))["a"].output == "survived"
    assert (tmp_path / "died").exists()


@pytest.mark.thorough
def test_quick_tasks_travel_together_and_a_deadly_one_takes_no_other_with_it(ray: RayExecutor, tmp_path: Path) -> None:
    first = task(executor_tasks.process, key="first", kind="quick")
    run(ray, first)
    tasks = [task(executor_tasks.process, key=f"{n}", kind="quick") for n in range(300)]
    deadly = [
        task(executor_tasks.die_first, str(tmp_path / "died"), key="once", kind="quick"),
        task(executor_tasks.die, key="always", kind="quick"),
    ]
    ended = run(ray, *tasks[:150], *deadly, *tasks[150:])
    assert len(ended) == 302
    assert all(ended[quick.key].failure is None for quick in tasks)
    assert ended["once"].output == "survived"
    assert "the worker died 4 times" in str(ended["always"].failure)


def test_waiting_ends_where_nothing_does(ray: RayExecutor) -> None:
    ray.submit(task(executor_tasks.spin, 0.5, kind="sleep"))
    assert ray.wait(0.05) is None
    completion = ray.wait(60)
    assert completion.key == "a"


def test_more_cores_or_memory_than_any_node_has_are_a_mistake(ray: RayExecutor) -> None:
    told = r"no node has 3 cores for one job; nodes: 2 cores and .+ GiB of memory"
    assert re.fullmatch(told, ray.lacking(JobResources(cpus=3)))
    told = "no node has 1 core and 1000 GiB of memory for one job; nodes: 2 cores and "
    assert ray.lacking(JobResources(memory=1000 * 2**30)).startswith(told)


@pytest.mark.thorough
def test_a_hang_that_looks_for_no_signals_is_ended(ray: RayExecutor) -> None:
    hanging = task(executor_tasks.hang, key="hang", timeout=0.5)
    ended = run(ray, hanging, task(executor_tasks.add, 1, 1, key="fine"))
    assert ended["fine"].output == 2
    assert str(ended["hang"].failure) == (
        "TimeoutError: took longer than the 0.5 s it may take, and did not react: its worker was ended"
    )


@pytest.mark.thorough
def test_libraries_of_workers_compute_with_one_thread_each(ray: RayExecutor) -> None:
    tasks = [task(executor_tasks.pools, key=f"{n}") for n in range(4)]
    for completion in run(ray, *tasks).values():
        assert {threads for _, threads in completion.output} == {1}


def test_nobody_else_can_use_the_ray_of_this_machine(ray: RayExecutor) -> None:
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS")
    mode, token, address = run(ray, task(executor_tasks.variables, *names))["a"].output
    assert mode == "token"
    assert token is not None
    assert len(token) == 64
    assert token != os.environ.get("RAY_AUTH_TOKEN")
    assert address != os.environ.get("RAY_ADDRESS", "")


@pytest.mark.thorough
def test_a_notebook_can_start_a_ray_of_its_own_afterwards(tmp_path: Path) -> None:
    code = """
import ray
from codesign.exploration.executors.ray_session import RaySession
RaySession(address=None, workers=1, on_note=print).close()
ray.init(num_cpus=1, include_dashboard=False)
print(ray.get(ray.remote(lambda: 3).remote()))
"""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {"HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)
    assert ended.stdout == "3\n", ended.stderr


@pytest.mark.thorough
def test_many_tasks_are_handed_over_no_faster_than_they_are_run(ray: RayExecutor) -> None:
    """20,000 tasks, offered as a runner does: while there is room, and then one completion after another."""
    offered = ended = most_batches = most_tasks = 0
    while ended < 20_000:
        while ray.has_room and offered < 20_000:
            ray.submit(task(executor_tasks.add, offered, 1, key=f"{offered}", kind="many"))
            offered += 1
        most_batches = max(most_batches, len(ray._running))
        most_tasks = max(most_tasks, offered - ended)
        completion = ray.wait(60)
        assert completion.output == int(completion.key) + 1
        ended += 1
    assert 1 <= most_batches <= 2 * 2
    # Besides those under way: a batch that is being gathered, and those of one that has ended.
    assert most_tasks <= (2 * 2 + 2) * 256
    assert len(ray._running) == 0


def test_a_process_has_one_ray(ray: RayExecutor) -> None:
    assert ray.lacking(JobResources()) == ""
    with pytest.raises(InputError, match="Ray is in use in this process already"):
        RayExecutor(workers=1).share(1)
    assert run(ray, task(executor_tasks.add, 1, 1))["a"].output == 2  # which goes on, with the token that it has


@pytest.mark.parametrize(
    ("address", "workers", "message"),
    [
        ("127.0.0.1:1", None, "no Ray cluster answers at 127.0.0.1:1"),
        ("auto", None, "must be HOST:PORT, found 'auto'"),
        ("host:6379", 2, "--ray-address"),  # workers of a cluster cannot be chosen
    ],
)
def test_a_cluster_that_is_not_there_is_a_mistake_and_no_wait(address: str, workers: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RayExecutor(address=address, workers=workers).share(1)
