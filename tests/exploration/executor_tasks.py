"""Functions that executors run in tests; workers import this module."""

from __future__ import annotations

import os
import signal
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


def threads() -> int:
    import torch

    return torch.get_num_threads()


def product(seed: int) -> bytes:
    """Bits that depend on the order of summation, and so on the number of threads."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(300, 5000, generator=generator) @ torch.rand(5000, generator=generator)).numpy().tobytes()


def die_first(marker: str) -> str:
    """Kill the worker the first time, and say so the second."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
