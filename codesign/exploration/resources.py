"""Resources of jobs, as in files and for executors, and the usable cores of this machine."""

from __future__ import annotations

import math
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from codesign.documents import Spec
from codesign.mistakes import problem
from codesign.units import Memory, Real, Time

SHORTEST_TIMEOUT_S = 0.01
LONGEST_TIMEOUT_S = 366 * 24 * 3600.0
"""Outside this range, timers round to zero or overflow."""


def usable_cores() -> int:
    """Number of cores that this process may use: `taskset`, a batch system or a container can restrict it to fewer than
    the machine has."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux
    cores = (os.cpu_count() or 1) if allowed is None else len(allowed(0))
    return max(1, math.ceil(min(cores, core_limit(Path("/sys/fs/cgroup")))))


def core_limit(control: Path) -> float:
    """The limit of a container's processor time per wall time, from its folder of control files."""
    with suppress(OSError, ValueError):  # "max" if unlimited
        limit_us, period_us = (control / "cpu.max").read_text(encoding="ascii").split()
        return int(limit_us) / int(period_us)
    return math.inf


def _enforceable(limit_s: float) -> float:
    """The time limit, on a system that can interrupt a job."""
    if not hasattr(signal, "SIGALRM"):
        raise problem("must be left out on Windows, which cannot interrupt a job")
    return limit_s


_TimeLimit = Annotated[Time, Field(ge=SHORTEST_TIMEOUT_S, le=LONGEST_TIMEOUT_S), AfterValidator(_enforceable)]


class JobResources(Spec):
    """Resources and time limit of one job. Results do not depend on them, except on the device that `gpus` chooses.

    Attributes:
        cpus: number of cores, and of threads.
        gpus: number of GPUs, or a share of one; above 0 the job computes on CUDA, with the reference engine.
        memory: memory that the job needs, such as `2 GiB`; a node runs as many jobs at a time as fit.
        timeout: time limit, such as `2 h`, after which the job is ended; its rows say so. Not on Windows.
    """

    cpus: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    gpus: Annotated[Real, Field(ge=0, le=64)] = 0.0
    memory: Annotated[Memory, Field(ge=1, le=2**60)] | None = None
    timeout: _TimeLimit | None = None

    @property
    def device(self) -> Literal["cpu", "cuda"]:
        return "cuda" if self.gpus else "cpu"


class ResourcesEntry(Spec):
    """Resources of each kind of job: trainings, executions, and prices of executions."""

    train: JobResources = JobResources()
    execute: JobResources = JobResources()
    price: JobResources = JobResources()
