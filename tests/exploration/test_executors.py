"""One contract for all executors, and what only Ray can do.

A new executor gets a name in `EXECUTORS` and a fixture of that name. Thorough are tests that wait for workers to hang
or to die again and again, and those of 20,000 tasks and of 200 MB: they would catch a hang that is never ended, endless
retries, and a driver that hands over more than there is room for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import executor_tasks
import pytest
from tiny_sweeps import TINY

from codesign.errors import InputError
from codesign.exploration.executors.base import Completion, Executor, Task, TaskResources
from codesign.exploration.executors.perform import perform
from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.executors.serial import SerialExecutor
from codesign.exploration.library import load_sweep
from codesign.simulation.event.compilation import cache_folder

EXECUTORS = ("serial", "ray")


@pytest.fixture(scope="module")
def serial() -> SerialExecutor:
    return SerialExecutor()


@pytest.fixture(scope="module")
def ray() -> Iterator[RayExecutor]:
    with RayExecutor(workers=2, grace_s=2.5) as started:
        yield started


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    started: Executor = request.getfixturevalue(request.param)
    return started


def run(executor: Executor, *tasks: Task) -> dict[str, Completion]:
    for task in tasks:
        executor.submit(task)
    ended = [executor.wait() for _ in tasks]
    return {completion.key: completion for completion in ended if completion is not None}


def test_every_task_ends_once_with_its_output(executor: Executor) -> None:
    tasks = [Task(key=f"{n}", kind="test", function=executor_tasks.add, arguments=(n, 1)) for n in range(7)]
    ended = run(executor, *tasks)
    outcomes = {key: (task.output, task.failure) for key, task in ended.items()}
    assert outcomes == {f"{n}": (n + 1, None) for n in range(7)}
    assert all(task.wall_s >= 0 for task in ended.values())


def test_waiting_for_nothing_is_an_error_and_not_forever(executor: Executor) -> None:
    with pytest.raises(LookupError):
        executor.wait()


def test_shared_values_are_arguments_of_many_tasks(executor: Executor) -> None:
    shared = executor.share([1, 2, 3])
    tasks = [
        Task(key=f"{n}", kind="test", function=executor_tasks.total, arguments=(shared, b"x" * n)) for n in range(3)
    ]
    assert {key: task.output for key, task in run(executor, *tasks).items()} == {"0": 6, "1": 7, "2": 8}


def test_an_exception_is_a_failure_with_type_and_message(executor: Executor) -> None:
    ended = run(
        executor,
        Task(key="known", kind="test", function=executor_tasks.raise_infeasible, arguments=("too small",)),
        Task(key="own", kind="test", function=executor_tasks.raise_own, arguments=()),
        Task(key="fine", kind="test", function=executor_tasks.add, arguments=(1, 1)),
    )
    assert ended["known"].failure is not None
    assert str(ended["known"].failure) == "InfeasibleError: too small"
    assert str(ended["own"].failure) == "OddError: 1 and 2"  # an exception that cannot be pickled
    assert ended["fine"].output == 2


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_task_computes_with_as_many_threads_as_it_takes_cores(executor: Executor, cpus: int) -> None:
    resources = TaskResources(cpus=cpus)
    task = Task(key="a", kind=f"{cpus}", function=executor_tasks.threads, arguments=(), resources=resources)
    assert run(executor, task)["a"].output == cpus


def test_a_task_that_takes_too_long_is_ended(executor: Executor) -> None:
    resources = TaskResources(timeout_s=0.3)
    slow = Task(key="slow", kind="spin", function=executor_tasks.spin, arguments=(60.0,), resources=resources)
    stubborn = Task(key="s", kind="spin", function=executor_tasks.swallow_and_spin, arguments=(), resources=resources)
    quick = Task(key="quick", kind="spin", function=executor_tasks.spin, arguments=(0.01,), resources=resources)
    ended = run(executor, slow, stubborn, quick)
    for key in ("slow", "s"):
        assert str(ended[key].failure) == "TimeoutError: took longer than the 0.3 s it may take"
        assert 0.3 <= ended[key].wall_s < 10
    assert ended["quick"].failure is None


def test_resources_that_nobody_has_are_a_mistake(executor: Executor) -> None:
    executor.check(TaskResources(cpus=1))
    with pytest.raises(InputError, match="gpus"):
        executor.check(TaskResources(gpus=64))


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, 1e-30, 1e300, float("inf"), float("nan")])
def test_timeouts_that_no_timer_can_keep_are_a_mistake(executor: Executor, timeout_s: float) -> None:
    with pytest.raises(InputError, match="timeout: must be between 10 ms and 366 days"):
        executor.check(TaskResources(timeout_s=timeout_s))


def test_there_is_room_until_there_is_enough_to_do(executor: Executor) -> None:
    submitted = 0
    while executor.has_room:
        executor.submit(Task(key=f"{submitted}", kind="room", function=executor_tasks.spin, arguments=(0.01,)))
        submitted += 1
        assert submitted <= 2 * 2 * 256
    assert submitted >= 1
    assert {completion.key for _ in range(submitted) if (completion := executor.wait())} == {
        str(number) for number in range(submitted)
    }


def test_bits_do_not_depend_on_the_executor(executor: Executor) -> None:
    here = run(SerialExecutor(), Task(key="a", kind="test", function=executor_tasks.product, arguments=(3,)))[
        "a"
    ].output
    assert (
        run(executor, Task(key="a", kind="test", function=executor_tasks.product, arguments=(3,)))["a"].output == here
    )


@pytest.mark.thorough
def test_workers_find_the_kernels_that_this_process_compiled(ray: RayExecutor) -> None:
    here = run(SerialExecutor(), Task(key="a", kind="test", function=executor_tasks.simulate, arguments=()))["a"]
    assert here.failure is None
    before = {file.name: file.stat().st_mtime_ns for file in cache_folder().iterdir()}
    assert len(before) >= 4
    ended = run(ray, *(Task(key=f"{n}", kind="test", function=executor_tasks.simulate, arguments=()) for n in range(6)))
    assert {task.output for task in ended.values()} == {(here.output[0], 0)}
    assert {file.name: file.stat().st_mtime_ns for file in cache_folder().iterdir()} == before


def test_serial_leaves_the_threads_of_the_process_alone() -> None:
    import torch

    before = torch.get_num_threads()
    run(SerialExecutor(), Task(key="a", kind="test", function=executor_tasks.threads, arguments=()))
    assert torch.get_num_threads() == before


def test_ray_starts_a_task_again_whose_worker_was_killed(ray: RayExecutor, tmp_path: Path) -> None:
    task = Task(key="a", kind="test", function=executor_tasks.die_first, arguments=(str(tmp_path / "died"),))
    assert run(ray, task)["a"].output == "survived"
    assert (tmp_path / "died").exists()


@pytest.mark.thorough
def test_ray_gives_up_on_a_task_that_always_kills_its_worker(ray: RayExecutor) -> None:
    completion = run(ray, Task(key="a", kind="test", function=executor_tasks.die, arguments=()))["a"]
    assert completion.failure is not None
    assert "the worker died 4 times" in completion.failure.message


@pytest.mark.thorough
def test_quick_tasks_travel_together_and_a_deadly_one_takes_no_other_with_it(ray: RayExecutor, tmp_path: Path) -> None:
    first = Task(key="first", kind="quick", function=executor_tasks.process, arguments=())
    run(ray, first)
    tasks = [Task(key=f"{n}", kind="quick", function=executor_tasks.process, arguments=()) for n in range(300)]
    deadly = [
        Task(key="once", kind="quick", function=executor_tasks.die_first, arguments=(str(tmp_path / "died"),)),
        Task(key="always", kind="quick", function=executor_tasks.die, arguments=()),
    ]
    ended = run(ray, *tasks[:150], *deadly, *tasks[150:])
    assert len(ended) == 302
    assert all(ended[task.key].failure is None for task in tasks)
    assert ended["once"].output == "survived"
    assert "the worker died 4 times" in str(ended["always"].failure)


def test_waiting_ends_where_nothing_does(ray: RayExecutor) -> None:
    ray.submit(Task(key="a", kind="sleep", function=executor_tasks.spin, arguments=(1.0,)))
    assert ray.wait(0.05) is None
    completion = ray.wait(60)
    assert completion is not None
    assert completion.key == "a"


def test_more_cores_or_memory_than_any_node_has_are_a_mistake(ray: RayExecutor) -> None:
    with pytest.raises(InputError, match="no node has 3 cpus, 0 gpus and 0 B memory for one job; nodes: 2 cpus"):
        ray.check(TaskResources(cpus=3))
    with pytest.raises(InputError, match="for one job; nodes: 2 cpus"):
        ray.check(TaskResources(memory_bytes=10**15))


def test_an_alarm_at_the_very_end_leaves_no_timer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before, original, late = signal.getsignal(signal.SIGALRM), signal.setitimer, [True]

    def setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        if seconds == 0 and late and late.pop():
            signal.raise_signal(signal.SIGALRM)
        return original(which, seconds, interval)

    monkeypatch.setattr(signal, "setitimer", setitimer)
    output, failure, _ = perform(executor_tasks.add, (1, 1), TaskResources(timeout_s=60.0), grace_s=60.0)
    assert output is None
    assert failure is not None
    assert failure.kind == "TimeoutError"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.thorough
def test_a_hang_that_looks_for_no_signals_is_ended(ray: RayExecutor) -> None:
    resources = TaskResources(timeout_s=0.5)
    hanging = Task(key="hang", kind="hang", function=executor_tasks.hang, arguments=(), resources=resources)
    ended = run(ray, hanging, Task(key="fine", kind="test", function=executor_tasks.add, arguments=(1, 1)))
    assert ended["fine"].output == 2
    assert str(ended["hang"].failure) == (
        "TimeoutError: took longer than the 0.5 s it may take, and did not react: its worker was ended"
    )


@pytest.mark.thorough
def test_to_wait_for_a_worker_counts_for_no_timeout(ray: RayExecutor, tmp_path: Path) -> None:
    """A worker that dies early in a task that had waited for longer than its timeout and grace."""
    resources = TaskResources(timeout_s=1.5)
    tasks = [
        Task(key=f"{n}", kind="spin", function=executor_tasks.spin, arguments=(1.2,), resources=resources)
        for n in range(8)
    ]
    marker = str(tmp_path / "died")
    tasks.append(
        Task(key="once", kind="once", function=executor_tasks.die_first, arguments=(marker,), resources=resources)
    )
    ended = run(ray, *tasks)
    assert ended["once"].output == "survived"
    assert all(task.failure is None for task in ended.values())


def test_outputs_that_cannot_travel_are_failures_and_harm_no_other(ray: RayExecutor) -> None:
    run(ray, Task(key="first", kind="quick", function=executor_tasks.process, arguments=()))
    functions = {"locked": executor_tasks.unsendable, "garbled": executor_tasks.unreadable}
    odd = [Task(key=key, kind="quick", function=function, arguments=()) for key, function in functions.items()]
    fine = [Task(key=f"{n}", kind="quick", function=executor_tasks.add, arguments=(n, 0)) for n in range(40)]
    ended = run(ray, *fine[:20], *odd, *fine[20:])
    assert str(ended["locked"].failure).startswith("TypeError: its output cannot be sent: cannot pickle")
    assert str(ended["garbled"].failure).startswith("ValueError: its output cannot be read: invalid literal")
    assert {key: task.output for key, task in ended.items() if key.isdecimal()} == {f"{n}": n for n in range(40)}


@pytest.mark.thorough
def test_large_outputs_travel(ray: RayExecutor) -> None:
    ended = run(ray, Task(key="a", kind="large", function=executor_tasks.large, arguments=(200_000_000,)))
    assert ended["a"].output == bytes(200_000_000)


@pytest.mark.thorough
def test_libraries_of_workers_compute_with_one_thread_each(ray: RayExecutor) -> None:
    tasks = [Task(key=f"{n}", kind="pools", function=executor_tasks.pools, arguments=()) for n in range(4)]
    for completion in run(ray, *tasks).values():
        assert {threads for _, threads in completion.output} == {1}
    busy = run(ray, Task(key="a", kind="busy", function=executor_tasks.busy, arguments=(1.0,)))["a"]
    assert 0 < busy.output < 1.3  # processors; a second thread would make it 2


def test_nobody_else_can_use_the_ray_of_this_machine(ray: RayExecutor) -> None:
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS")
    function = executor_tasks.variables
    mode, token, address = run(ray, Task(key="a", kind="test", function=function, arguments=names))["a"].output
    assert mode == "token"
    assert token is not None
    assert len(token) == 64
    assert token != os.environ.get("RAY_AUTH_TOKEN")
    assert address != os.environ.get("RAY_ADDRESS", "")


@pytest.mark.thorough
def test_many_tasks_are_handed_over_no_faster_than_they_are_run(ray: RayExecutor) -> None:
    """20,000 tasks, offered as a runner does: while there is room, and then one completion after another."""
    offered = ended = most_batches = most_tasks = 0
    while ended < 20_000:
        while ray.has_room and offered < 20_000:
            ray.submit(Task(key=f"{offered}", kind="many", function=executor_tasks.add, arguments=(offered, 1)))
            offered += 1
        most_batches = max(most_batches, ray.batches_under_way)
        most_tasks = max(most_tasks, offered - ended)
        completion = ray.wait(60)
        assert completion is not None
        assert completion.output == int(completion.key) + 1
        ended += 1
    assert 1 <= most_batches <= 2 * 2
    # Besides those under way: a batch that is being gathered, and those of one that has ended.
    assert most_tasks <= (2 * 2 + 2) * 256
    assert ray.batches_under_way == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("timeout: 1e-30 s", "greater than or equal to 0.01"),
        ("timeout: 1e300 s", "less than or equal to 31622400"),
        ("memory: 1e20 GB", "less than or equal to 1152921504606846976"),
    ],
)
def test_resources_beyond_all_timers_and_machines_are_named_with_their_line(
    tmp_path: Path, entry: str, said: str
) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(TINY + f"resources:\n  train: {{{entry}}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"sweep.yaml:{len(TINY.splitlines()) + 2}: .*{said}"):
        load_sweep(file)


def test_a_process_has_one_ray(ray: RayExecutor) -> None:
    ray.check(TaskResources())
    with pytest.raises(InputError, match="Ray is in use in this process already"):
        RayExecutor(workers=1).share(1)


def test_workers_of_a_cluster_cannot_be_chosen() -> None:
    with pytest.raises(InputError, match="--ray-address"):
        RayExecutor(workers=2, address="host:6379")


@pytest.mark.parametrize(
    ("address", "message"),
    [("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"), ("auto", "must be HOST:PORT, found 'auto'")],
)
def test_a_cluster_that_is_not_there_is_a_mistake_and_no_wait(address: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RayExecutor(address=address).share(1)
