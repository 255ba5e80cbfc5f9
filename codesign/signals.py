"""Signals whose handlers end the current work with an exception."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handlers_kept(numbers: Iterable[int]) -> Iterator[None]:
    """Restore the handlers of signals after the block, which may set others; only the main thread can set any."""
    known = numbers if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in known}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def can_raise(frame: FrameType | None) -> bool:
    """Whether an exception that a handler raises in this frame would arrive.

    Not if compiled code has called back into Python: llvmlite, which then asks for cached code, drops the exception,
    takes the code for loaded and jumps to a wrong address.
    """
    while frame is not None:
        if frame.f_code.co_name.startswith("_raw_object_cache_"):
            return False
        frame = frame.f_back
    return True
