"""Garbage collection in processes of this program."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """Look through all objects after 100 instead of 10 collections of younger ones: loading torch and Numba makes some
    400,000 that live to the end, and looking through them takes a fifth of the time of a short command."""
    gc.set_threshold(*gc.get_threshold()[:2], 100)
