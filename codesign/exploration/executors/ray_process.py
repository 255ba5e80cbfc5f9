"""Starting and ending the process that holds Ray.

Ray ends a process that is connected to it when the part of Ray on its machine dies, without a word and whatever that
process had still to do; and it takes signals for itself. So Ray lives in a process of its own, away from the results,
the store and the terminal.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from queue import Empty, SimpleQueue
from typing import Any

from codesign.errors import CodesignError, InputError
from codesign.exploration.executors.channel import Channel
from codesign.exploration.executors.identity import code_digest, versions
from codesign.exploration.executors.messages import Begin, Nodes, Note, Unusable
from codesign.exploration.executors.scratch import Scratch
from codesign.exploration.executors.sessions import kill_session

__all__ = ["RESUME", "RayProcess"]

RESUME = "what is finished is kept; the same command goes on from there"

_LOCAL_START_S = 180.0
_CONNECT_S = 30.0
_PROBE_S = 60.0
_STOP_S = 5.0

_TROUBLES = {  # what Ray writes while it tries again and again in vain, and what that means
    "InvalidAuthToken": "its token is another one than here; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or "
    "RAY_AUTH_TOKEN_PATH as where it was started (or RAY_AUTH_MODE=disabled, if it was started so)",
    "rpc_code: 12": "something answers there, but no Ray cluster; give the port of `ray start --head`, by default 6379",
    "Failed to connect to GCS": "something answers there, but no Ray cluster; give the port of `ray start --head`, "
    "by default 6379",
}


class RayProcess:
    """A process that starts Ray on this machine, or connects to it.

    Args:
        address: `HOST:PORT` of a running cluster; None for Ray on this machine, which ends with the process.
        workers: cores to use, on this machine.
        grace_s: workers that hang so long after a task's timeout are ended.

    Attributes:
        nodes: that can run tasks, at the start.
        notes: what was said on the way.

    Raises:
        InputError: no cluster that can be used answers at `address`.
        CodesignError: Ray cannot be started.
    """

    def __init__(self, *, address: str | None, workers: int, grace_s: float) -> None:
        self.notes: list[str] = []
        self._address = address
        if address is not None:
            _check_address(address)
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._scratch = Scratch()
        if self._scratch.shortened and address is None:
            self.notes.append(f"the path of TMPDIR is too long for Ray: its files lie in {self._scratch.path.parent}")
        self._log = self._scratch.path / "ray.log"
        self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = Channel(self._process.stdout, self._process.stdin, self._inbox)
        try:
            begin = Begin(
                address=address,
                workers=workers,
                folder=str(self._scratch.path),
                code=code_digest(),
                versions=versions(),
                grace_s=grace_s,
            )
            self.send(begin)
            self.nodes = self._wait_for_nodes()
        except BaseException:
            self.close()
            raise

    def send(self, message: object) -> None:
        """Raises CodesignError where the process has died."""
        try:
            self._channel.send(message)
        except OSError:
            raise self._lost() from None

    def receive(self, timeout_s: float | None) -> Any:
        """The next message; None where there is none in time. Raises CodesignError where Ray was lost."""
        try:
            message = self._inbox.get(timeout=timeout_s)
        except Empty:
            return None
        if message is None:
            raise self._lost()
        if isinstance(message, Unusable):
            raise CodesignError(f"Ray was lost: {message.reason}; {RESUME}")
        return message

    def close(self) -> None:
        """End the process, and all of Ray that it started."""
        try:
            self._channel.close()
            if self._address is not None:  # a cluster is taken leave of; one's own needs no ceremony
                self._wait_for_end()
        finally:
            self._kill()
            self._scratch.remove()

    def _start(self) -> subprocess.Popen[bytes]:
        descriptor = self._scratch.descriptor
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "codesign.exploration.executors.ray_host"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._scratch.path,
                env=_environment(local=self._address is None),
                pass_fds=() if descriptor is None else (descriptor,),
                start_new_session=True,  # interrupts at a terminal are not for Ray
            )

    def _wait_for_nodes(self) -> tuple[Any, ...]:
        where = "started on this machine" if self._address is None else f"reached at {self._address}"
        limit_s = _LOCAL_START_S if self._address is None else _CONNECT_S
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            try:
                message = self._inbox.get(timeout=0.2)
            except Empty:
                self._look_for_trouble()
                continue
            match message:
                case None:
                    raise CodesignError(f"Ray cannot be {where}: its process ended{self._last_line()}")
                case Unusable(reason=reason, mistake=True):
                    raise InputError(reason)
                case Unusable(reason=reason):
                    raise CodesignError(f"Ray cannot be {where}: {reason}")
                case Note(text=text):
                    self.notes.append(text)
                    deadline = time.monotonic() + _PROBE_S
                case Nodes(usable=usable):
                    return usable
        if self._address is not None:
            raise InputError(
                f"--ray-address: the cluster at {self._address} cannot be joined in {limit_s:g} s; this machine must "
                f"be one of its nodes: ray start --address={self._address} (with --num-cpus=0 to run no job here)"
            )
        raise CodesignError(f"Ray cannot be {where}: it has not answered for {limit_s:g} s{self._last_line()}")

    def _look_for_trouble(self) -> None:
        if self._address is None:
            return
        said = self._log.read_text(errors="replace")
        for sign, meaning in _TROUBLES.items():
            if sign in said:
                raise InputError(f"--ray-address: {self._address}: {meaning}")

    def _lost(self) -> CodesignError:
        where = "on this machine" if self._address is None else f"at {self._address}, or its node on this machine,"
        return CodesignError(f"Ray was lost: Ray {where} has ended; {RESUME}")

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f": {lines[-1].strip()}" if lines else ""

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline:
            try:
                if self._inbox.get(timeout=max(deadline - time.monotonic(), 0.0)) is None:
                    return
            except Empty:
                return

    def _kill(self) -> None:
        """End what is left of the process and of those that it started."""
        kill_session(self._process.pid)  # not yet waited for
        self._process.kill()
        self._process.wait()


def _environment(*, local: bool) -> dict[str, str]:
    """What Ray reads when it is imported, and its workers inherit where it is started here."""
    names = dict(os.environ)
    names.pop("RAY_ADDRESS", None)  # may name any cluster
    names.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    names.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    names.setdefault("RAY_task_oom_retries", "0")  # by default without limit
    # The same modules can be imported there as here.
    names["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    if local:
        # Ray listens at all addresses of this machine and runs what it is told to; by default it would write a token
        # into the home folder, which may be read-only.
        names["RAY_AUTH_MODE"] = "token"
        names["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        names.pop("RAY_AUTH_TOKEN_PATH", None)
        # Tasks set the threads that they compute with; whatever they do not reach computes with one.
        names |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
    return names


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--ray-address: must be HOST:PORT, found '{address}'")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray-address: no Ray cluster answers at {address}: {error}") from error
