"""Samples that follow each other without a pause, on a chip that works on layers in a pipeline.

The first layer turns to the next sample when it has had the last timestep of this one, while later layers still work on
this one. A step is then as long as the longest of those that fall on it: of step t of one sample, step T + t of the
sample before, and so on. Each sample is taken to follow one like it, so that its time depends on no other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.geometry import Geometry
from codesign.hardware.steps import StepWork

__all__ = ["overlaps", "stream_intervals"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def overlaps(geometry: Geometry | None) -> bool:
    """Whether every core holds one layer only, so that it works on one sample at a time."""
    return geometry is not None and len({*zip(geometry.core, geometry.layer, strict=True)}) == geometry.cores


def stream_intervals(steps: StepWork, length_s: Floats, apart: Integers) -> Floats:
    """(B, n) time from each sample to the next.

    Args:
        length_s: (U, n) of each step.
        apart: (B,) steps from the begin of a sample to that of the next.
    """
    sample, step = np.nonzero(steps.real)
    begin, first = np.cumsum(apart) - apart, steps.real.argmax(axis=1)
    longest = np.zeros((int(apart.sum()), length_s.shape[1]))
    place = begin[sample] + (step - first[sample]) % apart[sample]
    np.maximum.at(longest, place, length_s[steps.which[steps.real]])
    intervals = np.zeros((len(apart), length_s.shape[1]))
    np.add.at(intervals, np.repeat(np.arange(len(apart)), apart), longest)
    return intervals
