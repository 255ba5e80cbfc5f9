"""Running tasks in their process: threads, timeouts and exceptions."""

from __future__ import annotations

import faulthandler
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from codesign.deferred import torch
from codesign.devices import in_float32, made_on, on_threads
from codesign.exploration.executors.base import Completion, Failure, Task
from codesign.signals import can_raise, handlers_kept

GRACE_S = 20.0
"""Default time after a task's timeout after which a worker that hangs in compiled code is ended."""
_AGAIN_S = 1.0


class _OutOfTime(BaseException):
    """Not an Exception, because code that continues after any exception must not continue after this one."""


def perform(task: Task, *, grace_s: float | None = None) -> Completion:
    """Run a task to its end. Executors run every task through this.

    The task computes with one thread per core that it takes, by default one: if every worker started a thread per core
    of the machine, they would slow each other down by an order of magnitude. This includes the event engine, which
    takes its number of threads from torch. If the function has not reacted `grace_s` after its timeout, this process is
    ended; None lets it hang.
    """
    limit_s = task.resources.timeout
    reporting = {} if task.on_report is None else {"report": task.on_report}
    start = time.perf_counter()
    output: Any = None
    failure: Failure | None = None
    try:
        with (
            on_threads(task.resources.cpus),
            made_on("cpu"),
            in_float32(),
            torch.inference_mode(False),
            torch.enable_grad(),
            _timeout(limit_s, grace_s=grace_s),
        ):
            output = task.function(*task.arguments, **reporting)
    except _OutOfTime:
        failure = Failure(kind="TimeoutError", message=f"took longer than the {limit_s:g} s it may take")
    except Exception as error:  # any error in a job belongs in its row, and the sweep continues
        failure = Failure.of(error)
    finally:
        wall_s = time.perf_counter() - start
    return Completion(key=task.key, output=output if failure is None else None, failure=failure, wall_s=wall_s)


@contextmanager
def _timeout(seconds: float | None, *, grace_s: float | None) -> Iterator[None]:
    """End the block after a time, by an exception between two Python instructions."""
    if seconds is None:
        yield
        return

    def out_of_time(number: int, frame: FrameType | None) -> None:
        if can_raise(frame):
            raise _OutOfTime

    with handlers_kept([signal.SIGALRM]):
        signal.signal(signal.SIGALRM, out_of_time)
        # Repeated, because the first may come where it cannot be raised, or be swallowed.
        signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
        if grace_s is not None:
            faulthandler.dump_traceback_later(seconds + grace_s, exit=True)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            if grace_s is not None:
                faulthandler.cancel_dump_traceback_later()
