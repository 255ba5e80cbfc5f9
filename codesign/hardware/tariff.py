"""What a chip charges for each event, and the charge for what an execution uses. Prices, which change no spike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.terms import COST_TERMS
from codesign.hardware.usage import Usage
from codesign.hardware.work import Layout

__all__ = ["ENERGY_TERMS", "Tariff", "charges", "tariff_of", "total"]

Floats = NDArray[np.float64]
Price = float | Floats | None

ENERGY_TERMS = tuple(COST_TERMS)
"""Names of the terms of an energy, in the order in which they are added up."""


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """Energies of events in joules and powers in watts; None where not known, arrays to price many chips at once.

    Attributes:
        synaptic_operation_j, neuron_access_j, neuron_update_j, spike_j, message_j, hop_j, hop_vertical_j, chip_hop_j,
            barrier_message_j: as in `Energies`.
        clock_w, active_core_w, static_w: drawn by all chips or cores that the network takes.
        included: terms that another number already contains.
    """

    synaptic_operation_j: Price
    neuron_access_j: Price
    neuron_update_j: Price
    spike_j: Price
    message_j: Price
    hop_j: Price
    hop_vertical_j: Price
    chip_hop_j: Price
    barrier_message_j: Price
    clock_w: Price
    active_core_w: Price
    static_w: Price
    included: Mapping[str, str]


def tariff_of(chip: Chip, layout: Layout) -> Tariff:
    """The prices of a chip for a network that lies on it as `layout` says."""
    energies = chip.energies

    def value(name: str) -> float | None:
        number = getattr(energies, name)
        return None if number is None else number.value

    hop = value("hop")
    clock = None
    if energies.clock_cycle is not None and chip.clock is not None:
        clock = energies.clock_cycle.value * chip.clock.value * layout.chips
    active = None if chip.active_core_power is None else chip.active_core_power.value * layout.cores
    numbers = [(name, getattr(energies, name)) for name in type(energies).model_fields]
    numbers.append(("static", chip.static_power))
    return Tariff(
        synaptic_operation_j=value("synaptic_operation"),
        neuron_access_j=value("neuron_access"),
        neuron_update_j=value("neuron_update"),
        spike_j=value("spike"),
        message_j=value("message"),
        hop_j=hop,
        hop_vertical_j=hop if energies.hop_vertical is None else value("hop_vertical"),
        chip_hop_j=value("chip_hop"),
        barrier_message_j=value("barrier_message"),
        clock_w=clock,
        active_core_w=active,
        static_w=_static_w(chip, layout),
        included={
            term: name for name, number in numbers if number is not None for term in getattr(number, "includes", ())
        },
    )


def _static_w(chip: Chip, layout: Layout) -> float | None:
    number = chip.static_power
    if number is None:
        return None
    gated = chip.power_gating.unused_cores == "yes"
    if number.per == "core":
        return number.value * (layout.cores if gated else chip.cores.value * layout.chips)
    return number.value * (layout.cores / chip.cores.value if gated else layout.chips)


def charges(usage: Usage, tariff: Tariff, on_s: Floats | None) -> dict[str, Floats | None]:
    """Energy of each term in joules, shaped like `usage` and the tariff together; None where it is not known.

    Where a price is not known but nothing of its kind happened, the term is 0 and known.

    Args:
        on_s: time that the chips are on, shaped like the counts of `usage`; None if it is not known.
    """
    terms: dict[str, Floats | None] = {
        "synaptic_operation": _charge(usage.synaptic_operation, tariff.synaptic_operation_j)
    }
    for name in ("neuron_access", "neuron_update", "spike", "message"):
        terms[name] = _charge(getattr(usage, name), getattr(tariff, f"{name}_j"))
    hops = [
        _charge(usage.hop, tariff.hop_j),
        _charge(usage.hop_vertical, tariff.hop_vertical_j),
        _charge(usage.chip_hop, tariff.chip_hop_j),
    ]
    terms["hop"] = None if any(part is None for part in hops) else total(hops)
    terms["barrier_message"] = _charge(usage.barrier_message, tariff.barrier_message_j)
    for name in ("clock", "active_core", "static"):
        power = getattr(tariff, f"{name}_w")
        terms[name] = None if power is None or on_s is None else np.asarray(on_s * power)
    for name in tariff.included:
        # A number that contains hops contains those between chips too, unless they have their own.
        own = name == "hop" and tariff.chip_hop_j is not None
        terms[name] = _charge(usage.chip_hop, tariff.chip_hop_j) if own else None
    return terms


def _charge(count: Floats | None, price: Price) -> Floats | None:
    if count is None:
        return None
    if price is None:
        return None if count.any() else np.zeros_like(count)
    return np.asarray(count * price)


def total(terms: list[Floats | None]) -> Floats | None:
    """Sum of the known terms, one after another; None if none is known."""
    found: Floats | None = None
    for term in terms:
        if term is not None:
            found = term if found is None else np.asarray(found + term)
    return found
