"""Functions that executors run in tests; workers import this module."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from codesign.errors import InfeasibleError


def add(a: int, b: int) -> int:
    return a + b


def total(values: list[int], more: bytes) -> int:
    return sum(values) + len(more)


def raise_infeasible(message: str) -> None:
    raise InfeasibleError(message)


def raise_own() -> None:
    class OddError(Exception):
        def __init__(self, a: int, b: int) -> None:
            super().__init__(f"{a} and {b}")

    raise OddError(1, 2)


def kind() -> str:
    """Device and type of what does not say its own."""
    import torch

    made = torch.zeros(1)
    return f"{made.device.type} {made.dtype}"


def threads() -> int:
    import torch

    return torch.get_num_threads()


def product(seed: int) -> bytes:
    """Bits that depend on the order of summation, and so on the number of threads."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(300, 5000, generator=generator) @ torch.rand(5000, generator=generator)).numpy().tobytes()


def simulate() -> tuple[bytes, int]:
    """Logits and gradient of a training step, and how many kernels had to be compiled for them in this process."""
    import numpy as np

    from codesign.network.neuron import NeuronSpec
    from codesign.network.spiking_network import SpikingNetwork
    from codesign.network.topology import parse_topology
    from codesign.simulation.engine import classification_loss
    from codesign.simulation.event import sections
    from codesign.simulation.schedule import Schedule
    from codesign.workload.events import EventBatch

    network = SpikingNetwork(parse_topology("30-[40x2]-5"), NeuronSpec(), timestep_s=0.01, seed=0)
    frames = np.random.default_rng(0).poisson(0.5, (40, 4, 30))
    events = EventBatch.from_dense(frames, np.arange(40) % 5, timestep_s=0.01)
    loss = classification_loss(network, events, Schedule(group_size=4), engine="event")
    loss.value.backward()
    numbers = [loss.logits, *(weight.grad for weight in network.weights())]
    compiled = sum(sum(section.compiled.stats.cache_misses.values()) for section in sections.known())
    return b"".join(one.numpy().tobytes() for one in numbers), compiled


def die_first(marker: str) -> str:
    """Kill the worker the first time, and say so the second."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def spin(seconds: float) -> None:
    """Compute, rather than sleep, so that nothing but a signal ends it."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def swallow_and_spin(seconds: float) -> None:
    """Carry on after every exception."""
    try:
        spin(seconds)
    except Exception:
        spin(seconds)


def process(payload: bytes = b"") -> int:
    return os.getpid()


def hang() -> int:
    """Stay in compiled code that holds the interpreter's lock and looks for no signals."""
    return sum(range(10**14))


def large(size: int) -> bytes:
    return bytes(size)


def pools() -> set[tuple[str, int]]:
    """Thread pools of compiled libraries in this process, and how many threads each computes with."""
    import numpy as np
    import threadpoolctl
    import torch

    matrix = np.ones((400, 400))
    torch.ones(400, 400) @ torch.from_numpy(matrix).float() @ (matrix @ matrix)[0]
    return {(pool["user_api"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info()}


def spilled_bytes() -> int:
    """What the object store of this node has put on disk, because it was full."""
    import ray

    session = Path(ray._private.worker._global_node.get_session_dir_path())
    return sum(file.stat().st_size for file in session.rglob("ray_spilled_objects*/**/*") if file.is_file())


def first_of(array: object) -> float:
    return float(array[0])


def variables(*names: str) -> list[str | None]:
    """Of the environment."""
    return [os.environ.get(name) for name in names]


def tell(seconds: float, *, report: Callable[[object], None]) -> str:
    report("half")
    time.sleep(seconds)
    return "all"
