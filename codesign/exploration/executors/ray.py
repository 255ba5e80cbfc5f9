"""Tasks on all cores of this machine, or of a cluster, by Ray."""

from __future__ import annotations

import os
import pickle
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from codesign.errors import InputError
from codesign.exploration.executors.base import Completion, Executor, Failure, Resources, Task
from codesign.exploration.executors.batching import Batcher
from codesign.exploration.executors.messages import (
    Broken,
    Drop,
    Ended,
    Lost,
    Misplaced,
    Node,
    Nodes,
    Note,
    Put,
    Result,
    Send,
    Slot,
    pack,
)
from codesign.exploration.executors.perform import GRACE_S, check_timeout
from codesign.exploration.executors.ray_process import RayProcess
from codesign.units import format_si

__all__ = ["RayExecutor"]

_RETRIES = 3
"""How often a task is started again whose worker or node died; an exception in the task is no reason."""


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """Tasks that travelled together, and for the how-manieth time."""

    tasks: tuple[Task, ...]
    attempt: int


class _Shared:
    """Stands for a value that was sent before; when nothing refers to it any more, the value is dropped."""

    def __init__(self, handle: int) -> None:
        self.handle = handle


class RayExecutor(Executor):
    """Starts Ray, or connects to it, when first used.

    Workers need no shared disk: arguments and outputs travel through Ray. On a cluster every node needs the same
    codesign. A task whose worker or node dies is started again, three times at most. Tasks that take less than 100 ms
    travel in batches; one that kills its worker, or whose output cannot be sent, takes no other with it, since a batch
    that was lost is sent again task by task.

    Args:
        workers: cores to use; None for all. Local only.
        address: `HOST:PORT` of a running cluster that this machine is a node of; None starts Ray on this machine alone
            and stops it on `close`.
        on_note: called with a sentence where something was lost and is tried again.
        grace_s: a worker that hangs in compiled code so long after a task's timeout is ended.

    Raises:
        InputError: both are given; on first use, `address` is of no cluster that can be used.
        CodesignError: Ray cannot be started; later, Ray has died.
    """

    name = "ray"
    in_process = False

    def __init__(
        self,
        *,
        workers: int | None = None,
        address: str | None = None,
        on_note: Callable[[str], None] = lambda text: None,
        grace_s: float = GRACE_S,
    ) -> None:
        if address is not None and workers is not None:
            raise InputError("--workers: cannot be chosen with --ray-address; a cluster's size is its own")
        self._workers = workers or os.cpu_count() or 1
        self._address = address
        self._on_note = on_note
        self._grace_s = grace_s
        self._process: RayProcess | None = None
        self._nodes: tuple[Node, ...] = ()
        self._starved = False
        self._batcher = Batcher()
        self._numbers = 0
        self._dropped: deque[int] = deque()
        self._running: dict[int, _Sent] = {}
        self._cores_taken = 0
        self._again: deque[_Sent] = deque()
        self._ended: deque[Completion] = deque()

    @property
    def has_room(self) -> bool:
        """Work for twice the cores is handed to Ray, so that no worker waits for the driver; not more."""
        return not self._again and self._cores_taken < 2 * self._workers

    @property
    def batches_under_way(self) -> int:
        """Batches that Ray has."""
        return len(self._running)

    def check(self, resources: Resources) -> None:
        check_timeout(resources)
        self._started()
        if any(node.holds(resources) for node in self._nodes):
            return
        there = "; ".join(
            f"{node.cpus:g} cpus, {node.gpus:g} gpus, {format_si(node.memory_bytes, 'B')} memory"
            for node in self._nodes
        )
        raise InputError(
            f"resources: no node has {resources.cpus} cpus, {resources.gpus:g} gpus and "
            f"{format_si(resources.memory_bytes or 0, 'B')} memory for one job; nodes: {there or 'none'}"
        )

    def share(self, value: object) -> object:
        process = self._started()
        shared = _Shared(self._number())
        process.send(Put(handle=shared.handle, parcel=pack(value)))
        # No message from there: objects are collected at any moment, even in the middle of another message.
        weakref.finalize(shared, self._dropped.append, shared.handle).atexit = False
        return shared

    def submit(self, task: Task) -> None:
        if batch := self._batcher.add(task):
            self._send(_Sent(tasks=tuple(batch), attempt=1))

    def wait(self, timeout_s: float | None = None) -> Completion | None:
        if self._ended:
            return self._ended.popleft()
        self._fill()
        if not self._running:
            raise LookupError("no task is under way")
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ended:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            message = self._started().receive(left)
            if message is None:
                return None
            self._take(message)
            self._fill()
        return self._ended.popleft()

    def close(self) -> None:
        for tasks in (self._running, self._batcher, self._again, self._ended, self._dropped):
            tasks.clear()
        self._cores_taken = 0
        if self._process is not None:
            process, self._process = self._process, None
            process.close()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _started(self) -> RayProcess:
        if self._process is None:
            self._process = RayProcess(address=self._address, workers=self._workers, grace_s=self._grace_s)
            for text in self._process.notes:
                self._on_note(text)
            self._take(Nodes(usable=self._process.nodes))
        while self._dropped:
            self._process.send(Drop(handle=self._dropped.popleft()))
        return self._process

    def _fill(self) -> None:
        """Hand over what had to wait, as far as there is room."""
        while self._cores_taken < 2 * self._workers:
            if self._again:
                self._send(self._again.popleft())
            elif batch := self._batcher.flush():
                self._send(_Sent(tasks=tuple(batch), attempt=1))
            else:
                return

    def _send(self, batch: _Sent) -> None:
        process = self._started()
        slots: dict[int, Slot] = {}

        def travelling(argument: object) -> object:
            if not isinstance(argument, _Shared):
                return argument
            return slots.setdefault(argument.handle, Slot(index=len(slots)))

        calls = [(task.function, tuple(map(travelling, task.arguments)), task.resources) for task in batch.tasks]
        taken = batch.tasks[0].resources  # equal for all of a batch
        number = self._number()
        message = Send(
            number=number,
            calls=pickle.dumps(calls, protocol=5),
            shared=tuple(slots),
            resources=taken,
            watched=taken.timeout_s is not None and len(batch.tasks) == 1,
        )
        process.send(message)
        self._running[number] = batch
        self._cores_taken += taken.cpus

    def _take(self, message: object) -> None:
        match message:
            case Note(text=text):
                self._on_note(text)
            case Nodes(usable=usable):
                self._nodes = usable
                self._workers = max(1, int(sum(node.cpus for node in usable)))
                self._say_if_starved()
            case Ended(number=number, results=results):
                for task, result in zip(self._back(number).tasks, results, strict=True):
                    self._ended.append(_completion(task, result))
                    self._batcher.took(task.kind, result[2])
            case Lost(number=number, failure=failure, ran_s=ran_s):
                self._lost(self._back(number), failure, ran_s)
            case Broken(number=number, failure=failure):
                batch = self._back(number)
                if len(batch.tasks) == 1:
                    self._fail(batch.tasks[0], failure)
                else:
                    self._again.extend(_Sent(tasks=(task,), attempt=batch.attempt) for task in batch.tasks)
            case Misplaced(number=number):
                self._again.append(self._back(number))

    def _back(self, number: int) -> _Sent:
        batch = self._running.pop(number)
        self._cores_taken -= batch.tasks[0].resources.cpus
        return batch

    def _fail(self, task: Task, failure: Failure) -> None:
        self._ended.append(Completion(key=task.key, output=None, failure=failure, wall_s=0.0))

    def _lost(self, batch: _Sent, failure: Failure, ran_s: float | None) -> None:
        """Start tasks again whose worker or node died, each by itself; fail those that were lost too often."""
        first, limit_s = batch.tasks[0], batch.tasks[0].resources.timeout_s
        if limit_s is not None and ran_s is not None and ran_s >= limit_s + self._grace_s:
            message = f"took longer than the {limit_s:g} s it may take, and did not react: its worker was ended"
            self._fail(first, Failure(kind="TimeoutError", message=message))
        elif batch.attempt > _RETRIES:
            message = f"the worker died {batch.attempt} times: {failure.message}"
            self._fail(first, Failure(kind=failure.kind, message=message))
        else:
            what = f"{first.kind}: its worker died ({failure.kind}); it is started again"
            if len(batch.tasks) > 1:
                what = (
                    f"{first.kind}: the worker of {len(batch.tasks)} jobs died ({failure.kind}); they are started again"
                )
            self._on_note(what)
            self._again.extend(_Sent(tasks=(task,), attempt=batch.attempt + 1) for task in batch.tasks)

    def _say_if_starved(self) -> None:
        """Tasks wait for ever, and in silence, where no node is left that could take them."""
        wanted = {batch.tasks[0].resources for batch in self._running.values()}
        starved = any(not any(node.holds(one) for node in self._nodes) for one in wanted)
        if starved and not self._starved:
            self._on_note("no node is left that has what jobs need; they wait until one joins")
        self._starved = starved


def _completion(task: Task, result: Result) -> Completion:
    pickled, failure, wall_s = result
    output = None
    if pickled is not None:
        try:
            output = pickle.loads(pickled)
        except Exception as error:  # whatever an output's own unpickling raises
            failure = Failure(kind=type(error).__name__, message=f"its output cannot be read: {error}")
    return Completion(key=task.key, output=output, failure=failure, wall_s=wall_s)
