"""Tasks on all cores of this machine, or of a cluster, by Ray."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from codesign.errors import CodesignError, InputError
from codesign.exploration.executors.base import Completion, Executor, Failure, Resources, Task
from codesign.exploration.executors.batching import Batcher
from codesign.exploration.executors.perform import GRACE_S, check_timeout, perform
from codesign.units import format_si

__all__ = ["RayExecutor"]

_RETRIES = 3
"""How often a task is started again whose worker or node died; an exception in the task is no reason."""

_CLUSTER_REFRESH_S = 10.0
"""How often a cluster is asked for its size, since nodes come and go."""


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """Tasks that travelled together, for the how-manieth time, and since when."""

    tasks: tuple[Task, ...]
    attempt: int
    since: float


class RayExecutor(Executor):
    """Starts Ray, or connects to it, when first used.

    Workers need no shared disk: arguments and outputs travel through Ray. On a cluster every node needs codesign
    installed. A task whose worker or node dies is started again, three times at most. Tasks that take less than 100 ms
    travel in batches; one that kills its worker takes no other with it, since a batch that was lost is sent again task
    by task.

    Args:
        workers: cores to use; None for all. Local only.
        address: `HOST:PORT` of a running cluster; None starts Ray on this machine and stops it on `close`.
        on_note: called with a sentence where something was lost and is tried again.

    Raises:
        InputError: both are given; on first use, nothing answers at `address`.
    """

    name = "ray"
    in_process = False

    def __init__(
        self,
        *,
        workers: int | None = None,
        address: str | None = None,
        on_note: Callable[[str], None] = lambda text: None,
    ) -> None:
        if address is not None and workers is not None:
            raise InputError("--workers: cannot be chosen with --ray-address; a cluster's size is its own")
        self._workers = workers or os.cpu_count() or 1
        self._address = address
        self._on_note = on_note
        self._ray: Any = None
        self._perform: Any = None
        self._refreshed = 0.0
        self._batcher = Batcher()
        self._running: dict[Any, _Sent] = {}
        self._cores_taken = 0
        self._ended: deque[Completion] = deque()

    @property
    def has_room(self) -> bool:
        """Work for twice the cores is handed to Ray, so that no worker waits for the driver; not more."""
        return self._cores_taken < 2 * self._workers

    def check(self, resources: Resources) -> None:
        check_timeout(resources)
        nodes = [node["Resources"] for node in self._started().nodes() if node["Alive"]]
        wanted = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": resources.memory_bytes or 0}
        if any(all(node.get(name, 0) >= amount for name, amount in wanted.items()) for node in nodes):
            return
        there = "; ".join(
            f"{node.get('CPU', 0):g} cpus, {node.get('GPU', 0):g} gpus, {format_si(node.get('memory', 0), 'B')} memory"
            for node in nodes
        )
        raise InputError(
            f"resources: no node has {resources.cpus} cpus, {resources.gpus:g} gpus and "
            f"{format_si(resources.memory_bytes or 0, 'B')} memory for one job; nodes: {there or 'none'}"
        )

    def share(self, value: object) -> object:
        return self._started().put(value)

    def submit(self, task: Task) -> None:
        self._send(self._batcher.add(task), attempt=1)

    def wait(self, timeout_s: float | None = None) -> Completion | None:
        if self._ended:
            return self._ended.popleft()
        while self.has_room and (batch := self._batcher.flush()):
            self._send(batch, attempt=1)
        if not self._running:
            raise LookupError("no task is under way")
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._ended:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if not self._collect(left):
                return None
        return self._ended.popleft()

    def close(self) -> None:
        self._running.clear()
        self._batcher.clear()
        self._ended.clear()
        self._cores_taken = 0
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = self._perform = None

    def _send(self, tasks: list[Task], *, attempt: int) -> None:
        if not tasks:
            return
        self._started()
        taken = tasks[0].resources  # equal for all of a batch
        calls = tuple((task.function, len(task.arguments), task.resources) for task in tasks)
        # A shared value is only replaced by Ray where it is itself an argument, hence the arguments one by one.
        arguments = [argument for task in tasks for argument in task.arguments]
        # Ray's own retries would send a whole batch again and again, and those for lack of memory without limit.
        placed = self._perform.options(
            num_cpus=taken.cpus, num_gpus=taken.gpus, memory=taken.memory_bytes, max_retries=0
        )
        reference = placed.remote(calls, *arguments)
        self._running[reference] = _Sent(tasks=tuple(tasks), attempt=attempt, since=time.monotonic())
        self._cores_taken += taken.cpus

    def _collect(self, timeout_s: float | None) -> bool:
        """Take in everything that ended, waiting for something if nothing has; whether anything did."""
        ray = self._started()
        self._refresh_size()
        references = list(self._running)
        try:
            done, _ = ray.wait(references, num_returns=len(references), timeout=0)
            if not done:
                done, _ = ray.wait(references, num_returns=1, timeout=timeout_s)
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise CodesignError(f"Ray was lost: {_first_line(error)}; finished jobs are kept, run it again") from error
        for reference in done:
            sent = self._running.pop(reference)
            self._cores_taken -= sent.tasks[0].resources.cpus
            try:
                results = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                failure = Failure.of(getattr(error, "cause", None) or error)
                self._ended.extend(_failed(task, failure) for task in sent.tasks)
            except ray.exceptions.RayError as error:
                self._lost(sent, error)
            else:
                for task, (output, failure, wall_s) in zip(sent.tasks, results, strict=True):
                    self._batcher.took(task.kind, wall_s)
                    self._ended.append(Completion(key=task.key, output=output, failure=failure, wall_s=wall_s))
        return bool(done)

    def _lost(self, sent: _Sent, error: Exception) -> None:
        """Start tasks again whose worker or node died, each by itself; fail those that were lost too often."""
        waited_s = time.monotonic() - sent.since
        for task in sent.tasks:
            what = task.kind if len(sent.tasks) == 1 else f"{task.kind}, one of {len(sent.tasks)} in a batch"
            limit_s = task.resources.timeout_s
            if len(sent.tasks) == 1 and limit_s is not None and waited_s > limit_s + GRACE_S:
                message = f"took longer than the {limit_s:g} s it may take, and its worker ended ({_first_line(error)})"
                self._ended.append(_failed(task, Failure(kind="TimeoutError", message=message)))
            elif sent.attempt > _RETRIES:
                message = f"the worker died {sent.attempt} times: {_first_line(error)}"
                self._ended.append(_failed(task, Failure(kind=type(error).__name__, message=message)))
            else:
                self._on_note(f"{what}: its worker died ({type(error).__name__}); it is started again")
                self._send([task], attempt=sent.attempt + 1)

    def _refresh_size(self) -> None:
        now = time.monotonic()
        if self._address is not None and now - self._refreshed > _CLUSTER_REFRESH_S:
            self._workers = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            self._refreshed = now

    def _started(self) -> Any:
        if self._ray is not None:
            return self._ray
        if self._address is not None:
            _check_address(self._address)
        _set_environment(local=self._address is None)
        import ray

        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._address is None:
                with _import_path_for_children():
                    ray.init(address="local", num_cpus=self._workers, include_dashboard=False, **options)
            else:
                ray.init(address=self._address, **options)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            where = self._address or "on this machine"
            raise CodesignError(f"Ray cannot be started or reached {where}: {error}") from error
        self._ray = ray
        self._refresh_size()
        self._perform = ray.remote(_perform)
        return ray


def _set_environment(*, local: bool) -> None:
    """Ray reads these when it is imported or started."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_task_oom_retries", "0")  # by default without limit
    if local:
        # Ray would write a token into the home folder, which may be read-only; nobody else connects here.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")


def _check_address(address: str) -> None:
    """Ray itself would wait for minutes and then end the process."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--ray-address: must be HOST:PORT, found '{address}'")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray-address: no Ray cluster answers at {address}: {error}") from error


def _failed(task: Task, failure: Failure) -> Completion:
    return Completion(key=task.key, output=None, failure=failure, wall_s=0.0)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def _import_path_for_children() -> Iterator[None]:
    """Workers import from where this process does; they inherit the environment of the moment that Ray is started."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _perform(
    calls: tuple[tuple[Callable[..., Any], int, Resources], ...], *arguments: Any
) -> list[tuple[Any, Failure | None, float]]:
    """On a worker: the tasks of a batch, one after another."""
    results, first = [], 0
    for function, count, resources in calls:
        results.append(perform(function, arguments[first : first + count], resources, may_exit=True))
        first += count
    return results
