"""A sweep on any number of workers, simulated: what a driver that takes so long a job keeps busy."""

from __future__ import annotations

import heapq
import random

AHEAD = 2
"""Jobs that Ray is handed for each core, as `RayExecutor.has_room` has it."""
JOBS = 30
"""For each worker; the first and the last tenth are not counted."""
SPREAD = 0.5
"""Standard deviation of the logarithm of the jobs' times."""


def utilization(workers: int, job_s: float, driver_s: float) -> float:
    """Share of the workers' time that is spent on jobs.

    A job is handed over by the driver; a free worker runs it; its result goes the same way back. The driver does one
    thing at a time, and half of what it takes for a job each way.

    Args:
        job_s: mean of the jobs' times, which are lognormal.
        driver_s: what the driver takes for a job.
    """
    total = JOBS * workers
    rng = random.Random(0)
    # (time, order, kind): 0 is a job that reaches a worker, 1 a result that comes back.
    events: list[tuple[float, int, int]] = []
    order = sent = ended = 0
    driver_free = 0.0
    idle_workers = workers
    waiting: list[float] = []  # when a job that waits for a worker arrived
    busy: list[tuple[float, float]] = []

    def start(at: float) -> None:
        nonlocal order
        seconds = job_s * rng.lognormvariate(-(SPREAD**2) / 2, SPREAD)
        busy.append((at, at + seconds))
        order += 1
        heapq.heappush(events, (at + seconds, order, 1))

    def hand_over(now: float) -> None:
        """One more job to a worker."""
        nonlocal driver_free, order, sent
        driver_free = max(driver_free, now) + driver_s / 2
        sent += 1
        order += 1
        heapq.heappush(events, (driver_free, order, 0))

    for _ in range(min(AHEAD * workers, total)):
        hand_over(0.0)
    while ended < total:
        now, _, kind = heapq.heappop(events)
        if kind == 0:
            if idle_workers:
                idle_workers -= 1
                start(now)
            else:
                waiting.append(now)
            continue
        if waiting:
            waiting.pop()
            start(now)
        else:
            idle_workers += 1
        ended += 1
        driver_free = max(driver_free, now) + driver_s / 2
        if sent < total:
            hand_over(driver_free)
    ends = sorted(end for _, end in busy)
    first, last = ends[total // 10], ends[-1 - total // 10]
    spent = sum(max(0.0, min(end, last) - max(begin, first)) for begin, end in busy)
    return spent / (workers * (last - first))
