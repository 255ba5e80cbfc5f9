"""Sweeps on clusters: nodes, the head and the program itself are killed, join, or are not what they should be.

Thorough, since each starts nodes: they would catch results that depend on where a job ran, jobs that are lost with
their node, jobs that run a node's own code, and a wait without end for a cluster that is none.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ray_clusters import TOKEN, Cluster, start_cluster, start_node
from ray_faults import Run, kill, sweep_on_ray
from undisturbed_sweep import Undisturbed, check_stopped, sweep

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"),
]


@pytest.fixture(scope="module")
def cluster(reference: Undisturbed) -> Iterator[Cluster]:
    """One that no test destroys. After the reference, which has compiled the kernels."""
    with start_cluster() as started:
        yield started


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, cache_root: Path, temporary: Path) -> Iterator[Start]:
    """Starts the long sweep on a cluster, in a folder of its own; what still runs at the end is killed."""
    started: list[Run] = []

    def start_sweep(address: str, *options: str, folder: str = "run", **environment: str) -> Run:
        place = (tmp_path / folder, cache_root, temporary)
        started.append(sweep_on_ray(*place, "--ray-address", address, *options, **{**TOKEN, **environment}))
        return started[-1]

    yield start_sweep
    for run in started:
        run.process.kill()
        run.process.wait()


def check_mistake(run: Run, message: str) -> None:
    """Fail unless it ends with exit code 2 and one line, before any job."""
    ended = run.end(within_s=60)
    check_stopped(ended, message)
    assert ended.jobs == []
    run.check_no_litter()


def test_a_node_is_killed(cluster: Cluster, start: Start, reference: Undisturbed) -> None:
    with start_node(f"--address={cluster.address}", address="127.0.0.3") as third:
        run = start(cluster.address)
        third.wait_for_a_job()
        with cluster.head.halted(), cluster.second.halted():  # all are used, and there is something to do afterwards
            kill(*third.processes("/raylet "))
            run.wait_until_said("node 127.0.0.3 has gone")
        said = run.check_complete(reference)
    assert f"connected to Ray at {cluster.address}" in said
    assert "train: a worker died (" in said
    cluster.check_idle()


def test_the_program_is_killed(cluster: Cluster, start: Start, reference: Undisturbed) -> None:
    run = start(cluster.address)
    run.wait_for_jobs(2)
    kill(run.process.pid)
    assert run.end().code == -signal.SIGKILL
    run.check_no_litter()
    cluster.check_idle()
    reference.check_resumes(run.folder, start(cluster.address).process)


def test_two_sweeps_at_once_share_a_cluster_and_a_store(cluster, start, reference):
    both = [start(cluster.address, "--store", "../store", folder=folder) for folder in ("one", "other")]
    for run in both:
        ended = run.end()
        assert ended.code == 0, ended.err
        reference.check_results(run.folder / "out")
    cluster.check_idle()


def test_a_cluster_with_another_token(cluster: Cluster, start: Start) -> None:
    for token in ({"RAY_AUTH_TOKEN": "f" * 64}, {"RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": "/none"}):
        check_mistake(start(cluster.address, **token), "its token differs from the one here, or there is none")


def test_a_node_with_other_code_runs_that_of_the_program(cluster, start, reference, tmp_path):
    """Of the node itself, and where the program runs, as in a checkout in which it was installed some time ago."""
    other = tmp_path / "run" / "codesign" / "__init__.py"
    other.parent.mkdir(parents=True)
    other.write_text("raise ImportError('another codesign')\n")
    environment = {"PYTHONPATH": tmp_path / "run"}
    run = start(cluster.address, PYTHONSAFEPATH="1")
    with ExitStack() as nodes:
        with cluster.head.halted(), cluster.second.halted():  # so that jobs wait for a place
            strange = nodes.enter_context(
                start_node(f"--address={cluster.address}", address="127.0.0.6", environment=environment)
            )
            strange.wait_for_a_job()
        run.check_complete(reference)


def test_the_head_is_killed(start: Start, cache_root: Path, reference: Undisturbed) -> None:
    with start_cluster() as own:
        run = start(own.address)
        run.wait_for_jobs(2)
        own.head.die()
        run.check_lost(within_s=60)
    reference.check_resumes(run.folder, sweep(run.folder, cache_root))


def test_an_address_at_which_something_else_is(start: Start) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        run = start(f"127.0.0.1:{server.server_port}")
        check_mistake(run, "something answers there, but no Ray cluster")
    finally:
        server.shutdown()
        server.server_close()
