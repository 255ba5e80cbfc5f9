"""Tasks on all cores of this machine, or of a cluster, by Ray."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from codesign.errors import CodesignError, InputError
from codesign.exploration.executors.base import Completion, Executor, Failure, Task, perform

__all__ = ["RayExecutor"]

_RETRIES = 3
"""How often a task is started again whose worker died; an exception in the task is no reason."""


class RayExecutor(Executor):
    """Starts Ray, or connects to it, when first used.

    Workers need no shared disk: arguments and outputs travel through Ray. On a cluster every node needs codesign
    installed.

    Args:
        workers: tasks at once; None for one a core. Local only.
        address: `HOST:PORT` of a running cluster; None starts Ray on this machine and stops it on `close`.

    Raises:
        InputError: both are given; on first use, nothing answers at `address`.
    """

    name = "ray"
    in_process = False

    def __init__(self, *, workers: int | None = None, address: str | None = None) -> None:
        if address is not None and workers is not None:
            raise InputError("--workers: cannot be chosen with --ray-address; a cluster's size is its own")
        self._workers = workers or os.cpu_count() or 1
        self._address = address
        self._ray: Any = None
        self._perform: Any = None
        self._running: dict[Any, str] = {}

    @property
    def slots(self) -> int:  # type: ignore[override]
        """Twice the workers, so that none waits for the driver."""
        return 2 * self._workers

    def share(self, value: object) -> object:
        return self._started().put(value)

    def submit(self, task: Task) -> None:
        self._started()
        # A shared value is only replaced by Ray where it is itself an argument, hence the arguments one by one.
        self._running[self._perform.remote(task.function, *task.arguments)] = task.key

    def wait(self) -> Completion:
        if not self._running:
            raise LookupError("no task is under way")
        ray = self._started()
        try:
            (done,), _ = ray.wait(list(self._running), num_returns=1)
        except ray.exceptions.RayError as error:
            raise CodesignError(
                f"Ray was lost: {error}; finished jobs are in the store, run the sweep again"
            ) from error
        key = self._running.pop(done)
        try:
            output, failure, wall_s = ray.get(done)
        except ray.exceptions.RayError as error:
            failure = _failure(error, ray)
            return Completion(key=key, output=None, failure=failure, wall_s=0.0)
        return Completion(key=key, output=output, failure=failure, wall_s=wall_s)

    def close(self) -> None:
        self._running.clear()
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = self._perform = None

    def _started(self) -> Any:
        if self._ray is not None:
            return self._ray
        if self._address is not None:
            _check_address(self._address)
        # Ray reads these when it is imported or started.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        os.environ.setdefault("RAY_task_oom_retries", str(_RETRIES))  # by default without limit
        if self._address is None:
            # Ray would write a token into the home folder, which may be read-only; nobody else connects here.
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        import ray

        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._address is None:
                with _import_path_for_children():
                    ray.init(address="local", num_cpus=self._workers, include_dashboard=False, **options)
            else:
                ray.init(address=self._address, **options)
                cluster: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
                self._workers = max(1, int(cluster.get("CPU", 1)))
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            where = self._address or "on this machine"
            raise CodesignError(f"Ray cannot be started or reached {where}: {error}") from error
        self._ray = ray
        self._perform = ray.remote(_perform).options(num_cpus=1, max_retries=_RETRIES)
        return ray


def _check_address(address: str) -> None:
    """Ray itself would wait for minutes and then end the process."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--ray-address: must be HOST:PORT, found '{address}'")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray-address: no Ray cluster answers at {address}: {error}") from error


def _failure(error: Exception, ray: Any) -> Failure:
    """Exceptions of a job never get here: either Ray could not start it, or its worker died."""
    cause = getattr(error, "cause", None)
    if isinstance(error, ray.exceptions.RayTaskError) and cause is not None:
        return Failure.of(cause)
    first = (str(error).strip().splitlines() or [""])[0]
    return Failure(kind=type(error).__name__, message=f"the worker died {_RETRIES + 1} times: {first}")


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


def _perform(function: Any, *arguments: Any) -> tuple[Any, Failure | None, float]:
    return perform(function, arguments)
