"""Warnings that a network or a layer never fired: the results are valid, but hardly what was intended."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import numpy as np

from codesign.errors import SilentNetworkWarning
from codesign.simulation.execution import Execution
from codesign.units import ordinal

_ENOUGH_SAMPLES = 16
"""Number of samples of which at least one should have a spike."""

_REASONS = (
    "its threshold is too high for its weights and inputs (untrained, or scaled or quantized for another chip)",
    "its potentials decay before spikes have added up (time constant against timestep)",
)


def warn_if_silent(execution: Execution, where: str = "") -> None:
    """Warn if no sample has a single output spike, and name the likely causes; `where` says where the network ran, such
    as ` on loihi`, if the caller's line does not."""
    if not execution.spiking_readout or execution.samples < _ENOUGH_SAMPLES or not execution.undecided.all():
        return
    layer = int(np.flatnonzero(execution.emitted.sum(axis=0) == 0)[0])
    reasons = [
        *_REASONS,
        "its potentials saturate below its threshold (potential_bits)",
        "it waits for more messages than arrive (synchronization_threshold without barrier_messages)",
    ]
    if not execution.input_events.any():
        reasons = ["the samples have no input events that pass the network's gate and the schedule"]
    _warn(
        f"none of {execution.samples} samples has an output spike{where}, so all count as wrong; silence begins in the "
        f"{ordinal(layer + 1)} layer of {len(execution.shape.layers)}. "
        f"Likely: {'; '.join(reasons)}"
    )


def warn_of_silent_layers(spikes: Sequence[float], samples: int) -> None:
    """Warn if a hidden layer has not fired once in an epoch of training, given the (L,) spikes of each layer."""
    silent = [layer for layer, number in enumerate(spikes[:-1]) if number == 0]
    if samples >= _ENOUGH_SAMPLES and silent:
        _warn(
            f"the {ordinal(silent[0] + 1)} of {len(spikes)} layers fired for none of {samples} training samples in the "
            "first epoch; layers that only it feeds get no message, and no gradient passes back through it. Likely: "
            f"{'; '.join(_REASONS)}. A lower threshold, a longer time constant or larger initial weights help"
        )


def _warn(message: str) -> None:
    """Issue a warning that points to the line outside this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("codesign", "torch"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, SilentNetworkWarning, stacklevel=level)
