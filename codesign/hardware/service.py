"""The times that a latency needs, checked for completeness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.work import Layout

__all__ = ["ServiceTimes", "missing_times", "service_times"]


@dataclass(frozen=True, kw_only=True)
class ServiceTimes:
    """Times of one chip and layout, in seconds; 0 where another time contains them or the chip does not separate them.

    Attributes:
        synaptic_operation_s, message_s, neuron_access_s, neuron_update_s, spike_s, output_s: as in `Times`.
        route_s: (K + 1, K) time under way to each core, row 0 from the input, row 1 + c from core c.
    """

    synaptic_operation_s: float
    message_s: float
    neuron_access_s: float
    neuron_update_s: float
    spike_s: float
    output_s: float
    route_s: NDArray[np.float64]


_NEEDED = ("synaptic_operation", "neuron_update", "output")


def _included(chip: Chip) -> set[str]:
    numbers = [getattr(chip.times, name) for name in type(chip.times).model_fields]
    return {term for number in numbers if number is not None for term in number.includes}


def missing_times(chip: Chip, layout: Layout) -> tuple[str, ...]:
    """What a busy time needs and the chip's file does not give, in words for `not_modelled`."""
    times, included = chip.times, _included(chip)
    missing = []
    if chip.vector_width is None:
        missing.append("vector_width")
    missing += [f"times.{name}" for name in _NEEDED if getattr(times, name) is None and name not in included]
    if "hop" not in included:
        if layout.horizontal is None or layout.vertical is None:
            missing.append("network_on_chip")
        elif times.hop is None and (layout.horizontal.any() or layout.vertical.any()):
            missing.append("times.hop")
    if layout.crossings.any() and times.chip_hop is None and "hop" not in included:
        missing.append("times.chip_hop")
    return tuple(missing)


def service_times(chip: Chip, layout: Layout) -> ServiceTimes | None:
    """The chip's times, or None if `missing_times` names any."""
    if missing_times(chip, layout):
        return None
    times = chip.times
    seconds = {name: chip.seconds(getattr(times, name)) or 0.0 for name in type(times).model_fields}
    route = layout.crossings * seconds["chip_hop"]
    if times.hop is not None and layout.horizontal is not None and layout.vertical is not None:
        vertical = seconds["hop" if times.hop_vertical is None else "hop_vertical"]
        route = route + layout.horizontal * seconds["hop"] + layout.vertical * vertical
    return ServiceTimes(
        synaptic_operation_s=seconds["synaptic_operation"],
        message_s=seconds["message"],
        neuron_access_s=seconds["neuron_access"],
        neuron_update_s=seconds["neuron_update"],
        spike_s=seconds["spike"],
        output_s=seconds["output"],
        route_s=np.asarray(route, dtype=np.float64),
    )
