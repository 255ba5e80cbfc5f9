"""What a chip's file must give beside its structure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codesign.documents import Mistake
from codesign.hardware.laws import THRESHOLD_V


def structure_mistakes(chip: Any) -> Iterator[Mistake]:
    """What a chip that states a structure lacks for the model, or has beyond it."""
    structure = chip.structure
    if structure is None:
        return
    room = [name for name in ("synapses_per_core", "weight_memory") if getattr(chip, name) is not None]
    needed = {
        "technology_node": chip.technology_node,
        "supply_voltage": chip.supply_voltage,
        "weight_bits or structure.synapse_bits": chip.weight_bits or structure.synapse_bits,
        "vector_width or structure.lanes": chip.vector_width or structure.lanes,
        "potential_bits or structure.state_bits": chip.potential_bits or structure.state_bits,
        "neurons_per_core or structure.shared_memory": chip.neurons_per_core or structure.shared_memory or None,
        "synapses_per_core, weight_memory or structure.weight_store": structure.weight_store or room or None,
    }
    if room and structure.weight_store is not None:
        yield ("structure", "weight_store"), f"is given together with {room[0]}; keep the one that is known"
    if structure.shared_memory and structure.state_memory is not None:
        yield ("structure", "state_memory"), "must be left out, as shared_memory puts states into the memory of weights"
    for name, number in needed.items():
        if number is None:
            yield ("structure",), f"needs {name}"
    every = chip.vector_width is not None and chip.vector_width.value == "all"
    if every and structure.lanes is None and chip.neurons_per_core is None:
        yield ("structure",), "needs structure.lanes or neurons_per_core, as vector_width is 'all'"
    if chip.supply_voltage is not None and chip.supply_voltage.value <= THRESHOLD_V:
        yield ("supply_voltage",), f"must be above {THRESHOLD_V:g} V, below which the laws of the structure do not hold"
