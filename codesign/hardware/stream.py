"""Samples that follow each other without a pause, on a chip that works on layers in a pipeline.

The first layer turns to the next sample when it has had the last timestep of this one, while later layers still work on
this one. A step is then as long as the longest of those that fall on it: of step t of one sample, step T + t of the
sample before, and so on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.geometry import Geometry
from codesign.hardware.steps import StepWork

__all__ = ["overlaps", "stream_interval"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def overlaps(geometry: Geometry | None) -> bool:
    """Whether every core holds one layer only, so that it works on one sample at a time."""
    return geometry is not None and len({*zip(geometry.core, geometry.layer, strict=True)}) == geometry.cores


def stream_interval(steps: StepWork, length_s: Floats, apart: Integers) -> Floats:
    """(n,) mean time from one sample to the next, where the last of B is followed by the first again.

    Args:
        length_s: (U, n) of each step.
        apart: (B,) steps from the begin of each sample to that of the next.
    """
    sample, step = np.nonzero(steps.real)
    begin, first = np.cumsum(apart) - apart, steps.real.argmax(axis=1)
    period = int(apart.sum())
    longest = np.zeros((period, length_s.shape[1]))
    np.maximum.at(longest, (begin[sample] + step - first[sample]) % max(period, 1), length_s[steps.which[steps.real]])
    return np.asarray(longest.sum(axis=0) / max(len(apart), 1))
