"""One contract for all executors, and what only Ray can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import executor_tasks
import pytest

from codesign.errors import InputError
from codesign.exploration.executors.base import Completion, Executor, Task
from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.executors.serial import SerialExecutor
from codesign.simulation.event.compilation import cache_folder


@pytest.fixture(scope="module", params=["serial", pytest.param("ray", marks=pytest.mark.slow)])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with SerialExecutor() if request.param == "serial" else RayExecutor(workers=2) as started:
        yield started


def run(executor: Executor, *tasks: Task) -> dict[str, Completion]:
    for task in tasks:
        executor.submit(task)
    ended = [executor.wait() for _ in tasks]
    return {completion.key: completion for completion in ended}


def test_every_task_ends_once_with_its_output(executor: Executor) -> None:
    tasks = [Task(key=f"{n}", function=executor_tasks.add, arguments=(n, 1)) for n in range(7)]
    ended = run(executor, *tasks)
    assert {key: (one.output, one.failure) for key, one in ended.items()} == {f"{n}": (n + 1, None) for n in range(7)}
    assert all(one.wall_s >= 0 for one in ended.values())


def test_waiting_for_nothing_is_an_error_and_not_forever(executor: Executor) -> None:
    with pytest.raises(LookupError):
        executor.wait()


def test_shared_values_are_arguments_of_many_tasks(executor: Executor) -> None:
    shared = executor.share([1, 2, 3])
    tasks = [Task(key=f"{n}", function=executor_tasks.total, arguments=(shared, b"x" * n)) for n in range(3)]
    assert {key: one.output for key, one in run(executor, *tasks).items()} == {"0": 6, "1": 7, "2": 8}


def test_an_exception_is_a_failure_with_type_and_message(executor: Executor) -> None:
    ended = run(
        executor,
        Task(key="known", function=executor_tasks.raise_infeasible, arguments=("too small",)),
        Task(key="own", function=executor_tasks.raise_own, arguments=()),
        Task(key="fine", function=executor_tasks.add, arguments=(1, 1)),
    )
    assert ended["known"].failure is not None
    assert str(ended["known"].failure) == "InfeasibleError: too small"
    assert str(ended["own"].failure) == "OddError: 1 and 2"  # an exception that cannot be pickled
    assert ended["fine"].output == 2


def test_a_task_computes_with_one_thread(executor: Executor) -> None:
    assert run(executor, Task(key="a", function=executor_tasks.threads, arguments=()))["a"].output == 1


def test_bits_do_not_depend_on_the_executor(executor: Executor) -> None:
    here = run(SerialExecutor(), Task(key="a", function=executor_tasks.product, arguments=(3,)))["a"].output
    assert run(executor, Task(key="a", function=executor_tasks.product, arguments=(3,)))["a"].output == here


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["ray"], indirect=True)
def test_workers_find_the_kernels_that_this_process_compiled(executor: Executor) -> None:
    here = run(SerialExecutor(), Task(key="a", function=executor_tasks.simulate, arguments=()))["a"]
    assert here.failure is None
    before = {file.name: file.stat().st_mtime_ns for file in cache_folder().iterdir()}
    assert len(before) >= 4
    ended = run(executor, *(Task(key=f"{n}", function=executor_tasks.simulate, arguments=()) for n in range(6)))
    assert {one.output for one in ended.values()} == {(here.output[0], 0)}
    assert {file.name: file.stat().st_mtime_ns for file in cache_folder().iterdir()} == before


def test_serial_leaves_the_threads_of_the_process_alone() -> None:
    import torch

    before = torch.get_num_threads()
    run(SerialExecutor(), Task(key="a", function=executor_tasks.threads, arguments=()))
    assert torch.get_num_threads() == before


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["ray"], indirect=True)
def test_ray_starts_a_task_again_whose_worker_was_killed(executor: Executor, tmp_path: Path) -> None:
    task = Task(key="a", function=executor_tasks.die_first, arguments=(str(tmp_path / "died"),))
    assert run(executor, task)["a"].output == "survived"
    assert (tmp_path / "died").exists()


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["ray"], indirect=True)
def test_ray_gives_up_on_a_task_that_always_kills_its_worker(executor: Executor) -> None:
    completion = run(executor, Task(key="a", function=executor_tasks.die, arguments=()))["a"]
    assert completion.failure is not None
    assert "the worker died 4 times" in completion.failure.message


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
