"""What a chip cannot do with a point's network and schedule, so that its results are not those of the chip."""

from __future__ import annotations

from codesign.hardware.terms import WAITING_KINDS

CANNOT_WAIT = "the chip's neurons cannot wait"
DROPS = "the chip drops spikes, which is not simulated"


def cannot_wait(inference: object, synchronization: object) -> bool:
    """Whether neurons wait, for layers or so many messages, on a chip that cannot: the first is the projection of the
    paper's Table 3."""
    return inference in ("layered", "gated") and synchronization not in WAITING_KINDS


def drops_spikes(latency_model: object, overloaded_ticks: float | None) -> bool:
    """Whether cores drop spikes, which are counted as if they arrived."""
    return str(latency_model).endswith("drops") and bool(overloaded_ticks)
