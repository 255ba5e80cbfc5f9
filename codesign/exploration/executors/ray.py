"""Running tasks on all cores of this machine, or of a cluster, by Ray."""

from __future__ import annotations

import pickle
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from codesign.errors import InputError
from codesign.exploration.executors.base import Completion, Executor, Failure, Task
from codesign.exploration.executors.batching import Batcher, Slot, perform_batch
from codesign.exploration.executors.perform import GRACE_S
from codesign.exploration.executors.ray_nodes import Nodes
from codesign.exploration.executors.ray_session import RaySession
from codesign.exploration.resources import JobResources, usable_cores
from codesign.files.folder import reason_of
from codesign.units import plural

_RETRIES = 3
"""How often a task is restarted if its worker or node dies; not after an exception in the task."""
_PULSE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Tasks that are sent together.

    Attributes:
        attempt: 1 for the first time.
        started, reported: keys of Ray's table under which the worker stores its node when it begins, and its reports;
            None if not requested.
        seen_s: when the batch was seen to have begun, by this process' clock, because the clocks of nodes may be hours
            off.
        node: the node on which it then ran.
    """

    tasks: tuple[Task, ...]
    attempt: int
    started: str | None = None
    reported: str | None = None
    seen_s: float | None = None
    node: str | None = None

    @property
    def resources(self) -> JobResources:
        """What each of its tasks takes."""
        return self.tasks[0].resources


class RayExecutor(Executor):
    """Starts Ray, or connects to it, when first used. docs/design.md (Executors) says how it sends tasks, in batches
    and again if they are lost, and why.

    Workers need no shared disk: arguments and outputs are sent through Ray, and so is this process' codesign, which the
    nodes of a cluster run.

    Args:
        workers: number of cores to use, only without `address`; None for all that this process may use.
        address: `HOST:PORT` of a running cluster of which this machine is a node; None starts Ray on this machine alone
            and stops it on `close`.
        on_note: called with a message if something was lost and is tried again.
        grace_s: time after a task's timeout after which a worker that hangs in compiled code is ended.

    Raises:
        InputError: both `workers` and `address` are given; on first use, there is no usable cluster at `address`.
        CodesignError: Ray cannot be started; later, Ray has died.
    """

    name = "ray"

    def __init__(
        self,
        *,
        workers: int | None = None,
        address: str | None = None,
        on_note: Callable[[str], None] = lambda text: None,
        grace_s: float = GRACE_S,
    ) -> None:
        if address is not None and workers is not None:
            raise InputError("--workers: cannot be combined with --ray-address, because the cluster's size is fixed")
        self._cores = workers or usable_cores()
        self._address = address
        self._on_note = on_note
        self._grace_s = grace_s
        self._session: RaySession | None = None
        self._perform: Any = None
        self._nodes = Nodes()
        self._lacking: set[str] = set()  # what jobs under way lack, as last said
        self._batcher = Batcher()
        self._running: dict[Any, _Batch] = {}  # by the reference to their completions
        self._again: deque[_Batch] = deque()
        self._ended: deque[Completion] = deque()

    @property
    def has_room(self) -> bool:
        """Whether Ray has work for less than twice the cores, with which no worker waits for the driver."""
        return not self._again and self._cores_taken < 2 * self._cores

    @property
    def _cores_taken(self) -> int:
        return sum(batch.resources.cpus for batch in self._running.values())

    def lacking(self, resources: JobResources) -> str:
        self._connected()
        lacking = self._nodes.lacking(resources)
        return f"{lacking}; nodes: {'; '.join(map(str, self._nodes.usable)) or 'none'}" if lacking else ""

    def share(self, value: object) -> object:
        return self._connected().ray.put(value)  # Ray drops the value when its last reference goes

    def submit(self, task: Task) -> None:
        if batch := self._batcher.add(task):
            self._send(_Batch(tasks=tuple(batch), attempt=1))

    def wait(self, timeout_s: float | None = None) -> Completion | None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ended:
            self._fill()
            if not self._running:
                raise LookupError("no task is under way")
            left = _PULSE_S if deadline is None else max(0.0, min(_PULSE_S, deadline - time.monotonic()))
            self._collect(left)
            if not self._ended and deadline is not None and time.monotonic() >= deadline:
                return None
        return self._ended.popleft()

    def close(self) -> None:
        for held in (self._running, self._batcher, self._again, self._ended):
            held.clear()
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def _connected(self) -> RaySession:
        if self._session is None:
            self._session = RaySession(address=self._address, workers=self._cores, on_note=self._on_note)
            self._perform = self._session.ray.remote(perform_batch)
            self._see_nodes()
        self._session.check()
        return self._session

    def _fill(self) -> None:
        """Send waiting tasks, as far as there is room."""
        while self._cores_taken < 2 * self._cores:
            if self._again:
                self._send(self._again.popleft())
            elif tasks := self._batcher.flush():
                self._send(_Batch(tasks=tuple(tasks), attempt=1))
            else:
                return

    def _send(self, batch: _Batch) -> None:
        ray = self._connected().ray
        slots: dict[Any, Slot] = {}

        def travelling(argument: object) -> object:
            if not isinstance(argument, ray.ObjectRef):
                return argument
            return slots.setdefault(argument, Slot(index=len(slots)))

        tasks = [
            replace(task, arguments=tuple(map(travelling, task.arguments)), on_report=None) for task in batch.tasks
        ]
        taken = batch.resources
        alone, key = len(batch.tasks) == 1, f"codesign {uuid4().hex}"
        started = key if self._address is not None or (alone and taken.timeout is not None) else None
        reported = f"{key} reported" if alone and batch.tasks[0].on_report is not None else None
        function = self._perform.options(
            name="perform_batch",
            num_cpus=taken.cpus,
            num_gpus=taken.gpus,
            memory=None if taken.memory is None else int(taken.memory),
            max_retries=0,  # Ray would send a whole batch again and again
        )
        # Ray only replaces a shared value that is itself an argument, hence each is one.
        reference = function.remote(self._grace_s, started, reported, pickle.dumps(tasks, protocol=5), *slots)
        self._running[reference] = replace(batch, started=started, reported=reported)

    def _collect(self, timeout_s: float) -> None:
        """Process a batch that ends in time, if any, and check that Ray and its nodes are alive."""
        session = self._connected()
        # Nothing is fetched, because that would use the object store before it is known that it still exists.
        ended, _ = session.ray.wait(list(self._running), num_returns=1, timeout=timeout_s, fetch_local=False)
        if session.look():
            self._running = {reference: _heard(batch) for reference, batch in self._running.items()}
            if self._address is not None:
                self._see_nodes()
        for reference in ended:
            if reference in self._running:  # otherwise it was left with its node
                self._take(self._running.pop(reference), reference, session)

    def _take(self, batch: _Batch, reference: Any, session: RaySession) -> None:
        errors = session.ray.exceptions
        session.check()
        try:
            node, versions, ended = session.ray.get(reference)
        except errors.RayTaskError as error:
            self._broken(batch, self._reason(error))
        except errors.RayError as error:
            session.check()
            failure = Failure(kind=type(error).__name__, message=reason_of(error))
            self._lost(batch, failure, None if batch.seen_s is None else time.monotonic() - batch.seen_s)
        else:
            for text in self._nodes.meet(node, versions):
                self._on_note(text)
            for task, completion in zip(batch.tasks, ended, strict=True):
                self._ended.append(completion)
                self._batcher.took(task.kind, completion.wall_s)
        _forget(batch, session)

    def _reason(self, error: Exception) -> Failure:
        """The exception of a worker outside of tasks; on a cluster with its node, which may lack a package."""
        cause = getattr(error, "cause", None) or error
        node = None if self._address is None else re.search(r"ip=([^,)\s]+)", str(error))
        where = "" if node is None else f"on node {node[1]}: "
        return Failure(kind=type(cause).__name__, message=f"{where}{reason_of(cause)}")

    def _broken(self, batch: _Batch, failure: Failure) -> None:
        """Handle a batch that could not begin or end, although its worker is alive."""
        if len(batch.tasks) == 1:
            self._fail(batch.tasks[0], failure)
        else:
            self._send_singly(batch, attempt=batch.attempt)

    def _lost(self, batch: _Batch, failure: Failure, ran_s: float | None) -> None:
        """Restart tasks whose worker or node died, each separately; fail a task that was lost too often, or whose time
        was up."""
        first, limit_s, alone = batch.tasks[0], batch.resources.timeout, len(batch.tasks) == 1
        # Half of the grace, because its start may have been seen a little late.
        if alone and limit_s is not None and ran_s is not None and ran_s >= limit_s + self._grace_s / 2:
            message = f"took longer than the {limit_s:g} s it may take, and did not react: its worker was ended"
            self._fail(first, Failure(kind="TimeoutError", message=message))
        elif alone and batch.attempt > _RETRIES:
            message = f"the worker died {batch.attempt} times: {failure.message}"
            self._fail(first, Failure(kind=failure.kind, message=message))
        else:
            jobs = plural(len(batch.tasks), "job")
            self._on_note(f"{first.kind}: a worker died ({failure.kind}); {jobs} restarted")
            self._send_singly(batch, attempt=batch.attempt + 1)

    def _send_singly(self, batch: _Batch, *, attempt: int) -> None:
        self._again.extend(_Batch(tasks=(task,), attempt=attempt) for task in batch.tasks)

    def _leave_dead_nodes(self, session: RaySession) -> None:
        """Give up batches on dead nodes: Ray waits on for workers of a machine that has lost power or network."""
        for reference, batch in list(self._running.items()):
            if batch.node is not None and batch.node not in self._nodes:
                del self._running[reference]
                self._lost(batch, Failure(kind="NodeDiedError", message="its node has gone"), None)
                _forget(batch, session)

    def _fail(self, task: Task, failure: Failure) -> None:
        self._ended.append(Completion(key=task.key, output=None, failure=failure, wall_s=0.0))

    def _see_nodes(self) -> None:
        """Update the nodes; say which have gone, and which resources tasks wait for that no node has."""
        assert self._session is not None
        for text in self._nodes.update(self._session.ray.nodes()):
            self._on_note(text)
        self._cores = self._nodes.cores
        self._leave_dead_nodes(self._session)
        under_way = (*self._running.values(), *self._again)
        lacking = {self._nodes.lacking(batch.resources) for batch in under_way} - {""}
        for text in sorted(lacking - self._lacking):
            self._on_note(f"jobs wait, because {text}; they start when such a node joins")
        self._lacking = lacking


def _heard(batch: _Batch) -> _Batch:
    """Read the notes of a batch's worker: pass on its report, and return the batch with when and where it began."""
    from ray.experimental.internal_kv import _internal_kv_get

    if batch.reported is not None and batch.tasks[0].on_report is not None:
        value = _internal_kv_get(batch.reported)
        if value is not None:
            batch.tasks[0].on_report(pickle.loads(value))
    node = None if batch.started is None or batch.seen_s is not None else _internal_kv_get(batch.started)
    return batch if node is None else replace(batch, seen_s=time.monotonic(), node=node.decode())


def _forget(batch: _Batch, session: RaySession) -> None:
    from ray.experimental.internal_kv import _internal_kv_del

    keys = [key for key in (batch.started, batch.reported) if key is not None]
    if keys and session.answers():
        for key in keys:
            _internal_kv_del(key)
