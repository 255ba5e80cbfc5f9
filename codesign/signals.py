"""Signals whose handlers end the current work with an exception."""

from __future__ import annotations

from types import FrameType


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
