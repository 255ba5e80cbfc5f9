"""How long a chip draws its static power for a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.hardware.description import Chip
from codesign.hardware.latency import StepRecord

__all__ = ["on_time"]

Floats = NDArray[np.float64]


def on_time(
    record: StepRecord, chip: Chip, latency_s: Floats | None, operation: str
) -> tuple[Floats | None, tuple[str, ...]]:
    """Seconds that static power is drawn, shaped like `latency_s`, and what was assumed; None if not known.

    Accelerated: until the stop. Real time: while the stimulus lasts, or until the stop if that is later; a chip that
    gates its power between inputs draws it while it works.

    Raises:
        InputError: real time with a static input, which lasts no time.
    """
    if operation == "accelerated":
        return latency_s, ()
    if record.timestep_s == 0:
        raise InputError("operation 'real_time': a static input (timestep 0 s) has no duration; use 'accelerated'")
    if chip.power_gating.between_inputs == "yes":
        return latency_s, (f"{chip.name}: static power is off between inputs",)
    stimulus_s = record.timesteps_run.astype(np.float64) * record.timestep_s
    if latency_s is None:
        return stimulus_s, (f"{chip.name}: taken to keep pace with its input",)
    return np.maximum(latency_s, stimulus_s.reshape(-1, *(1,) * (latency_s.ndim - 1))), ()
