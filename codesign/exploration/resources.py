"""What jobs take where they run, as files and executors have it, and the cores that there are for them here."""

from __future__ import annotations

import math
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from codesign.documents import Spec
from codesign.units import Memory, Real, Time

SHORTEST_TIMEOUT_S = 0.01
LONGEST_TIMEOUT_S = 366 * 24 * 3600.0
"""Outside of these, timers round to nothing or overflow."""


def usable_cores() -> int:
    """Cores of this machine that this process may use: `taskset`, a batch system or a container can leave it fewer than
    there are."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux
    cores = (os.cpu_count() or 1) if allowed is None else len(allowed(0))
    return max(1, math.ceil(min(cores, core_limit(Path("/sys/fs/cgroup")))))


def core_limit(control: Path) -> float:
    """The processor time that a container may take per time, from its folder of control files; infinite if any."""
    with suppress(OSError, ValueError):  # version 2: "max" where there is no limit
        limit_us, period_us = (control / "cpu.max").read_text(encoding="ascii").split()
        return int(limit_us) / int(period_us)
    with suppress(OSError, ValueError):  # version 1: -1 where there is none
        files = (control / "cpu" / f"cpu.cfs_{name}_us" for name in ("quota", "period"))
        limit, period = (int(file.read_text(encoding="ascii")) for file in files)
        return limit / period if limit > 0 else math.inf
    return math.inf


class JobResources(Spec):
    """What one job takes, and its time limit; results do not depend on it, except on the device that `gpus` chooses.

    Attributes:
        cpus: cores, which is also the number of threads.
        gpus: GPUs, or a share of one; with any, the job computes on CUDA, with the engine that can.
        memory: memory that a job needs, such as `2 GiB`; a node runs as many jobs at once as fit.
        timeout: time limit, such as `2 h`, after which a job is ended; its rows say so.
    """

    cpus: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    gpus: Annotated[Real, Field(ge=0, le=64)] = 0.0
    memory: Annotated[Memory, Field(ge=1, le=2**60)] | None = None
    timeout: Annotated[Time, Field(ge=SHORTEST_TIMEOUT_S, le=LONGEST_TIMEOUT_S)] | None = None

    @field_validator("timeout")
    @classmethod
    def _check(cls, timeout: float | None) -> float | None:
        if timeout is not None and not hasattr(signal, "setitimer"):
            raise ValueError("no timeout can end a job on Windows; remove it")
        return timeout

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        return "cuda" if self.gpus else "cpu"


class ResourcesEntry(Spec):
    """What jobs of each kind take: trainings, executions, and prices of executions."""

    train: JobResources = JobResources()
    execute: JobResources = JobResources()
    price: JobResources = JobResources()

    @model_validator(mode="after")
    def _check(self) -> ResourcesEntry:
        if self.price.gpus:
            raise ValueError("price.gpus: prices are arithmetic on the CPU; remove it")
        return self
