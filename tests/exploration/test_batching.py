"""Which tasks travel together, and how many at once; no Ray is needed to know."""

from __future__ import annotations

import pickle
from typing import Any

import executor_tasks
import pytest

from codesign.exploration.executors import messages
from codesign.exploration.executors.base import Failure, Resources, Task
from codesign.exploration.executors.batching import Batcher
from codesign.exploration.executors.ray import RayExecutor


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
    assert len(batcher) == len(batcher.flush()) == 44
    assert batcher.flush() == []
    assert len(batcher.add(quick(0, bytes(40 * 2**20)))) == 1  # too large to wait for others


def test_tasks_of_other_kinds_or_resources_do_not_mix() -> None:
    batcher = Batcher()
    batcher.took("quick", 0.0)
    batcher.took("other", 0.0)
    for kind, cpus in (("quick", 1), ("quick", 2), ("other", 1)):
        function = executor_tasks.process
        task = Task(key=f"{kind} {cpus}", kind=kind, function=function, arguments=(), resources=Resources(cpus=cpus))
        assert batcher.add(task) == []
    assert sorted(batch[0].key for _ in range(3) if (batch := batcher.flush())) == ["other 1", "quick 1", "quick 2"]


class Sent:
    """Stands where the process is that holds Ray, and remembers what it was sent."""

    def __init__(self) -> None:
        self.messages: list[object] = []

    def send(self, message: object) -> None:
        self.messages.append(message)

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]


def test_shared_values_are_sent_once_and_dropped_when_nobody_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    executor, sent = RayExecutor(workers=2), Sent()
    monkeypatch.setattr(executor, "_process", sent)
    shared = executor.share(b"model")
    for number in range(3):
        function = executor_tasks.total
        executor.submit(Task(key=f"{number}", kind="test", function=function, arguments=(shared, b"", shared)))
    assert len(sent.of(messages.Put)) == 1
    handle = sent.of(messages.Put)[0].handle
    assert [message.shared for message in sent.of(messages.Send)] == [(handle,)] * 3
    del shared
    others = [executor.share(b"other")]
    assert sent.of(messages.Drop) == []  # tasks under way may have to be sent again
    for message in sent.of(messages.Send):
        executor._take(messages.Ended(number=message.number, results=[(pickle.dumps(1), None, 1.0)]))
    others.append(executor.share(b"other"))
    assert sent.of(messages.Drop) == [messages.Drop(handle=handle)]


def test_lost_batches_do_not_crowd_out_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of 100 that was lost comes back as 100 batches, of which only as many travel as there is room for."""
    executor, sent = RayExecutor(workers=2), Sent()
    monkeypatch.setattr(executor, "_process", sent)
    executor._take(messages.Nodes(usable=(messages.Node(address="here", cpus=2, gpus=0, memory_bytes=0),)))
    executor._batcher.took("quick", 0.0025)  # 100 in 250 ms
    for number in range(100):
        executor.submit(quick(number))
    (batch,) = sent.of(messages.Send)
    executor._take(
        messages.Lost(number=batch.number, failure=Failure(kind="WorkerCrashedError", message="gone"), ran_s=None)
    )
    assert not executor.has_room
    executor._fill()
    assert executor.batches_under_way == 4
    while under_way := list(executor._running):
        assert len(under_way) <= 4
        executor._take(messages.Ended(number=under_way[0], results=[(pickle.dumps(1), None, 0.1)]))
        executor._fill()
    assert executor.has_room
    assert sorted(int(one.key) for one in executor._ended) == list(range(100))


def test_jobs_that_no_node_can_take_any_more_are_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    executor = RayExecutor(workers=2, on_note=notes.append)
    monkeypatch.setattr(executor, "_process", Sent())
    wide, narrow = (messages.Node(address="n", cpus=cpus, gpus=0, memory_bytes=0) for cpus in (2, 1))
    executor._take(messages.Nodes(usable=(wide, narrow)))
    function, resources = executor_tasks.process, Resources(cpus=2)
    executor.submit(Task(key="a", kind="wide", function=function, arguments=(), resources=resources))
    for usable in ((wide,), (narrow,), (narrow, narrow), (wide,), ()):
        executor._take(messages.Nodes(usable=usable))
    assert notes == ["no node is left that has what jobs need; they wait until one joins"] * 2
