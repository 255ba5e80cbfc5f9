"""What must be equal before two points are held against each other."""

from __future__ import annotations

from collections.abc import Hashable

from codesign.analysis.points import Point

__all__ = ["Key", "network_of", "place_of"]

Key = tuple[Hashable, ...]


def network_of(point: Point) -> Key:
    """What decides accuracy and spikes besides model and schedule: weights, and how much of the input is run."""
    return point.workload, point.topology, point.weight_bits, point.input_dropout or 0.0, point.timesteps


def place_of(point: Point) -> Key:
    """The chip that a point is run on, whatever the schedule."""
    axes = tuple((name, value) for name, value in point.axes if name.startswith("chip.") and value is not None)
    return point.chip, point.capacity, point.operation, axes
