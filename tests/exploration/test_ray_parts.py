"""The parts of the Ray executor, without a Ray that runs anything."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import executor_tasks
import psutil
import pytest
import ray
from ray.experimental import internal_kv

from codesign.errors import CodesignError
from codesign.exploration.executors.base import Failure, Task
from codesign.exploration.executors.batching import Batcher, Slot, perform_batch
from codesign.exploration.executors.ray import RayExecutor
from codesign.exploration.executors.ray_nodes import Node, Nodes
from codesign.exploration.executors.ray_session import RaySession, _find_raylet, _Searched
from codesign.exploration.resources import JobResources
from codesign.versions import package_versions


def quick(key: int, payload: bytes = b"") -> Task:
    return Task(key=f"{key}", kind="quick", function=executor_tasks.process, arguments=(payload,))


def test_tasks_are_gathered_only_once_it_is_known_that_they_are_quick() -> None:
    batcher = Batcher()
    assert [task.key for task in batcher.add(quick(0))] == ["0"]  # nothing is known
    batcher.took("quick", 0.05)
    assert [len(batcher.add(quick(number))) for number in range(5)] == [0, 0, 0, 0, 5]  # 5 · 50 ms
    batcher.took("quick", 10.0)
    assert len(batcher.add(quick(9))) == 1


def test_batches_have_a_limit_and_are_flushed() -> None:
    batcher = Batcher()
    batcher.took("quick", 0.0)
    sizes = [len(batcher.add(quick(number))) for number in range(300)]
    assert [size for size in sizes if size] == [256]
    assert len(batcher.flush()) == 44
    assert batcher.flush() == []
    assert len(batcher.add(quick(0, bytes(40 * 2**20)))) == 1  # too large to wait for others


def test_tasks_of_other_kinds_or_resources_do_not_mix() -> None:
    batcher = Batcher()
    batcher.took("quick", 0.0)
    batcher.took("other", 0.0)
    for kind, cpus in (("quick", 1), ("quick", 2), ("other", 1)):
        task = replace(quick(0), key=f"{kind} {cpus}", kind=kind, resources=JobResources(cpus=cpus))
        assert batcher.add(task) == []
    assert sorted(batch[0].key for _ in range(3) if (batch := batcher.flush())) == ["other 1", "quick 1", "quick 2"]


class FakeRay(SimpleNamespace):
    """Stands where Ray, its functions and a session are, and remembers what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.lost: list[int] = []
        self.error: Exception = ray.exceptions.WorkerCrashedError()
        super().__init__(ray=self, ObjectRef=int, exceptions=ray.exceptions)
        self.check = self.nodes = list
        self.look = self.answers = lambda: True
        self.options = self.get_runtime_context = lambda **options: self
        self.get_node_id = lambda: "1"
        self.wait = lambda references, **options: (self.lost, [])

    def get(self, reference: int) -> None:
        raise self.error

    def remote(self, *arguments: Any) -> int:
        self.sent.append(arguments)
        return len(self.sent)


def noted(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What workers note in the table of a cluster that is not there."""
    table: dict[str, bytes] = {}
    monkeypatch.setattr(internal_kv, "_internal_kv_put", lambda key, value: table.update({key: value.encode()}))
    monkeypatch.setattr(internal_kv, "_internal_kv_get", table.get)
    monkeypatch.setattr(internal_kv, "_internal_kv_del", lambda key: table.pop(key, None))
    return table


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> RayExecutor:
    """With two cores on a Ray that runs nothing."""
    executor, ray = RayExecutor(workers=2), FakeRay()
    monkeypatch.setattr(executor, "_session", ray)
    monkeypatch.setattr(executor, "_perform", ray)
    return executor


def finish(executor: RayExecutor, reference: Any, end: Callable[[Any], None]) -> None:
    """Let a batch that is under way end."""
    end(executor._running.pop(reference))
    executor._fill()


def test_lost_batches_do_not_crowd_out_room(executor: RayExecutor) -> None:
    """A batch of 100 that was lost comes back as 100 batches, of which only as many travel as there is room for."""
    executor._batcher.took("quick", 0.0025)  # 100 in 250 ms
    for number in range(100):
        executor.submit(quick(number))
    (reference,) = executor._running
    gone = Failure(kind="WorkerCrashedError", message="gone")
    finish(executor, reference, lambda batch: executor._lost(batch, gone, None))
    assert not executor.has_room
    assert len(executor._running) == 4
    ended: list[str] = []
    while executor._running:
        assert len(executor._running) <= 4
        finish(executor, min(executor._running), lambda batch: ended.extend(task.key for task in batch.tasks))
    assert executor.has_room
    assert sorted(map(int, ended)) == list(range(100))


@pytest.mark.parametrize(("ran_s", "failures"), [(60.0, []), (700.0, ["TimeoutError"])])
def test_only_a_worker_whose_time_was_up_ends_as_a_timeout(executor, monkeypatch, ran_s, failures):
    """A worker that dies before its time is up is no timeout, and one that dies long after it is one."""
    session: Any = executor._session
    table, clock = noted(monkeypatch), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(ray, "get_runtime_context", lambda: session)
    executor.submit(replace(quick(0), resources=JobResources(timeout=600.0)))
    perform_batch(*session.sent[0])
    executor._collect(0.0)
    clock[0] = ran_s
    session.lost = list(executor._running)
    executor._collect(0.0)
    assert [completion.failure.kind for completion in executor._ended] == failures
    assert table == {}


def test_a_batch_whose_time_was_up_is_sent_again_task_by_task(executor: RayExecutor) -> None:
    """Only one of them hangs."""
    executor._batcher.took("quick", 0.05)
    for number in range(5):
        executor.submit(replace(quick(number), resources=JobResources(timeout=1.0)))
    (batch,) = executor._running.values()
    executor._lost(batch, Failure(kind="WorkerCrashedError", message="gone"), 60.0)
    assert [one.tasks for one in executor._again] == [(task,) for task in batch.tasks]
    assert not executor._ended


def test_a_node_that_lacks_a_package_is_named_in_one_line(executor, monkeypatch):
    cause = ray.exceptions.RaySystemError("No module named 'pydantic'", "Traceback (most recent call last):\n  ...")
    error = ray.exceptions.RayTaskError("perform_batch", "ray::perform_batch() (pid=7, ip=10.0.0.9)\n  ...", cause)
    monkeypatch.setattr(executor, "_address", "10.0.0.1:6379")
    noted(monkeypatch)
    executor.submit(quick(0))
    session: Any = executor._session
    session.lost, session.error = list(executor._running), error.as_instanceof_cause()
    executor._collect(0.0)
    (completion,) = executor._ended
    assert str(completion.failure) == "RaySystemError: on node 10.0.0.9: System error: No module named 'pydantic'"


def test_a_shared_value_is_an_argument_of_its_own_once(executor: RayExecutor) -> None:
    ray: Any = executor._session
    function = executor_tasks.total
    executor.submit(Task(key="a", kind="test", function=function, arguments=(7, b"", 7, 8)))  # numbers as references
    ((_, _, _, tasks, *shared),) = ray.sent
    assert shared == [7, 8]
    (task,) = pickle.loads(tasks)
    assert task.arguments == (Slot(index=0), b"", Slot(index=0), Slot(index=1))


def test_a_task_on_a_node_that_fell_silent_is_started_again(executor, monkeypatch):
    """No connection breaks where a machine loses its power, so Ray would wait for its worker for minutes."""
    session: Any = executor._session
    table, alive = noted(monkeypatch), [True]
    monkeypatch.setattr(ray, "get_runtime_context", lambda: session)
    monkeypatch.setattr(executor, "_address", "10.0.0.1:6379")
    facts: dict[str, Any] = {"NodeID": "1", "NodeManagerAddress": "10.0.0.9", "Resources": {"CPU": 1}}
    monkeypatch.setattr(session, "nodes", lambda: [facts | {"Alive": alive[0]}])
    executor.submit(quick(0))
    perform_batch(*session.sent[0])
    executor._collect(0.0)
    assert [batch.attempt for batch in executor._running.values()] == [1]
    alive[0] = False
    executor._collect(0.0)
    executor._fill()
    assert [batch.attempt for batch in executor._running.values()] == [2]
    assert len(session.sent) == 2
    assert table == {}


def test_jobs_that_wait_for_a_node_are_told_once(executor, monkeypatch):
    session: Any = executor._session
    noted(monkeypatch)
    alive, notes = [True], []
    monkeypatch.setattr(executor, "_address", "10.0.0.1:6379")
    monkeypatch.setattr(executor, "_on_note", notes.append)
    facts: dict[str, Any] = {"NodeID": "1", "NodeManagerAddress": "10.0.0.9", "Resources": {"CPU": 1, "GPU": 1}}
    small: dict[str, Any] = {"NodeID": "2", "NodeManagerAddress": "10.0.0.1", "Resources": {"CPU": 1}, "Alive": True}
    monkeypatch.setattr(session, "nodes", lambda: [facts | {"Alive": alive[0]}, small])
    for gpus in (0, 1):
        executor.submit(replace(quick(gpus), resources=JobResources(gpus=gpus)))
    said = "jobs wait, because no node has 1 core and 1 GPU for one job; they start when such a node joins"
    for alive[0], told in ((True, []), (False, ["node 10.0.0.9 has gone", said]), (False, []), (True, [])):
        notes.clear()
        executor._collect(0.0)
        assert notes == told


def test_nodes_come_and_go() -> None:
    def listed(name: str, **resources: float) -> dict[str, Any]:
        return {"NodeID": name, "Alive": True, "NodeManagerAddress": f"10.0.0.{name}", "Resources": resources}

    nodes = Nodes()
    assert nodes.update([listed("1", CPU=4, memory=1e9), listed("2", CPU=2, GPU=1)]) == []
    assert nodes.cores == 6
    assert nodes.usable[0] == Node(address="10.0.0.1", cpus=4, gpus=0, memory_bytes=1e9)
    assert nodes.meet("2", package_versions()) == []
    (said,) = nodes.meet("1", {**package_versions(), "numba": "0"})
    assert said.startswith("node 10.0.0.1: results may differ in their last bits, it has numba 0, this machine ")
    assert nodes.update([listed("2", CPU=2)]) == ["node 10.0.0.1 has gone"]
    assert nodes.cores == 2


def test_workers_search_no_folder_that_this_process_does_not_or_that_has_another_codesign(tmp_path, monkeypatch):
    mine, checkout, working = (tmp_path / name for name in ("mine", "checkout", "working"))
    (checkout / "codesign").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, *map(str, (mine, checkout))])
    searched = _Searched()
    searched.extend(map(str, (mine, checkout, working)))
    assert searched == [str(mine)]


def session(raylet: int, address: str | None, control: str) -> RaySession:
    """A connection to a Ray of which only these processes are there."""
    connected = object.__new__(RaySession)
    connected._raylet, connected._address, connected._control = psutil.Process(raylet), address, control
    connected._looked = connected._answered = 0.0
    return connected


@pytest.mark.parametrize(("name", "listens"), [("raylet", "sockets/raylet"), ("raylet.exe", "tcp://127.0.0.1:62325")])
def test_the_raylet_is_found_by_its_name_on_this_system(monkeypatch, name, listens):
    raylet = SimpleNamespace(name=lambda: name, cmdline=lambda: [name, f"--raylet_socket_name={listens}"])
    other = SimpleNamespace(name=lambda: "python", cmdline=lambda: [f"--raylet-name={listens}"])
    monkeypatch.setattr(psutil, "process_iter", lambda: iter([other, raylet]))
    nodes = [{"NodeID": "one", "RayletSocketName": listens}]
    assert _find_raylet(SimpleNamespace(nodes=lambda: nodes), "one") is raylet


def test_a_raylet_that_has_ended_is_an_error_before_the_object_store_is_used() -> None:
    raylet = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    connected = session(raylet.pid, None, "")
    connected.check()
    raylet.kill()
    os.waitid(os.P_PID, raylet.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(CodesignError, match=r"Ray was lost: on this machine, its raylet .* run it again to continue"):
        connected.check()  # though it has not been collected
    raylet.communicate()
    with pytest.raises(CodesignError, match="Ray was lost"):
        connected.check()


def test_a_control_service_is_waited_for_on_a_cluster_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [10.0]
    monkeypatch.setattr("codesign.exploration.executors.ray_session.time.monotonic", lambda: clock[0])
    with socket.create_server(("127.0.0.1", 0)) as server:
        control = f"127.0.0.1:{server.getsockname()[1]}"
        here, cluster = (session(os.getpid(), address, control) for address in (None, "10.0.0.1:6379"))
        assert here.look()
        assert cluster.look()
        assert not cluster.look()  # not yet again
    clock[0] = 13.0
    with pytest.raises(CodesignError, match="Ray was lost: on this machine, its control service does not answer"):
        here.look()
    assert not cluster.look()
    clock[0] = 41.0
    with pytest.raises(CodesignError, match=r"Ray was lost: at 10\.0\.0\.1:6379, its control service does not answer"):
        cluster.look()
