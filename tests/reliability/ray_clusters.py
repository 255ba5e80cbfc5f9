"""Clusters of several nodes on this machine, as users start them: `ray start`, each node in a session of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from faults import mortal
from program import ROOT, find_processes
from ray_faults import temporary_folder, wait_for

from codesign.simulation.event.compilation import cache_folder

TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
"""Ray listens at all addresses of the machine; nobody else is to use these nodes."""

_START_S = 60.0
_JOB_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a cluster.

    Attributes:
        pid: of `ray start`, the leader of the session that all of its processes are in.
        address: as the cluster calls it.
    """

    pid: int
    address: str

    def processes(self, command: str) -> list[int]:
        """Those of this node whose command line has that pattern."""
        return find_processes(self.pid, command)

    def jobs(self) -> list[int]:
        """Processes of this node that are at a job right now."""
        return self.processes("^ray::perform_batch")

    def wait_for_a_job(self) -> int:
        """Wait until it is at one; the process."""
        deadline = time.monotonic() + _JOB_S
        while not (jobs := self.jobs()):
            assert time.monotonic() < deadline, f"node {self.address} has no job"
            time.sleep(0.02)
        return jobs[0]

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Wait until it is at a job, which then stands still for as long as the block."""
        job = self.wait_for_a_job()
        os.kill(job, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(job, signal.SIGCONT)

    def die(self) -> None:
        """All of it at once, as where the power fails."""
        kill_session(self.pid)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster of two nodes with one core each; `address` is what `--ray-address` takes."""

    address: str
    head: Node
    second: Node

    def check_idle(self) -> None:
        """Fail unless, at the latest in a moment, no node is at a job."""
        wait_for(lambda: not self.head.jobs() and not self.second.jobs(), within_s=15)


def kill_session(leader: int) -> None:
    """Kill every process of a session, and wait until they are gone; its leader must not have been waited for."""

    def members() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    deadline = time.monotonic() + 10
    while left := members():
        assert time.monotonic() < deadline, left
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Different ports, all of them free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def start_node(*options: str, address: str = "", environment: Mapping[str, str | Path] | None = None) -> Iterator[Node]:
    """A node with a home of its own; none of its processes outlives the block.

    Args:
        options: of `ray start`, that say which cluster.
        address: of the node; by default the machine's.
        environment: variables beside those of the tests and `TOKEN`.
    """
    parts = ("node-manager", "object-manager", "metrics-export", "dashboard-agent-listen", "runtime-env-agent")
    ports = [f"--{part}-port={port}" for part, port in zip(parts, free_ports(len(parts)), strict=True)]
    place = ["--num-cpus=1", *([f"--node-ip-address={address}"] if address else [])]
    with temporary_folder() as folder:
        log = folder / "log"
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "CODESIGN_"))},
            "PYTHONPATH": ROOT,
            "HOME": folder,
            "CODESIGN_KERNEL_CACHE": cache_folder().parent,
            **TOKEN,
            **(environment or {}),
        }
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
                    *("--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"),
                    *(f"--temp-dir={folder / 'r'}", *ports, *place, *options),
                ],
                cwd=folder,
                env={name: str(value) for name, value in variables.items()},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=mortal,
            )
        try:
            deadline = time.monotonic() + _START_S
            while "Ray runtime started" not in (said := log.read_text(errors="replace")):
                # Not to be waited for before its session has ended: until then its number is its own.
                assert os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
            yield Node(pid=process.pid, address=address)
        finally:
            kill_session(process.pid)
            process.wait(timeout=10)


@contextmanager
def start_cluster() -> Iterator[Cluster]:
    """Two nodes on this machine, which is the first of them."""
    port, dashboard = free_ports(2)
    ports = (f"--port={port}", f"--dashboard-port={dashboard}")
    with (
        start_node("--head", "--include-dashboard=false", *ports) as head,
        start_node(f"--address=127.0.0.1:{port}", address="127.0.0.2") as second,
    ):
        yield Cluster(address=f"127.0.0.1:{port}", head=head, second=second)
