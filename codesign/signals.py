"""Signals whose handlers end what is under way by an exception."""

from __future__ import annotations

from types import FrameType


def can_raise(frame: FrameType | None) -> bool:
    """Whether an exception that a handler raises in this frame would arrive.

    Not where compiled code has called Python back: llvmlite, which then asks for kept code, drops the exception, takes
    the code for loaded and jumps to where it is not.
    """
    while frame is not None:
        if frame.f_code.co_name.startswith("_raw_object_cache_"):
            return False
        frame = frame.f_back
    return True
