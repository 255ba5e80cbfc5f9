"""What a chip's file must give in addition to its structure, and contradictions in a structure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codesign.documents import Mistake
from codesign.hardware.chip.core_structure import CoreStructure, core_structures
from codesign.hardware.chip.laws import MOST_FLIP_FLOPS, MOST_IN_PLACE, NODES_M, voltages
from codesign.hardware.chip.parts import ROOM_FOR_WEIGHTS
from codesign.units import format_si


def structure_mistakes(chip: Any) -> Iterator[Mistake]:
    """Mistakes of a chip that states a structure: what the model lacks, does not cover, or contradicts."""
    structure = chip.structure
    if structure is None:
        return
    missing = [*_missing(chip)]
    yield from missing
    if not missing:
        yield from _beyond(chip, core_structures(chip))
        yield from _lanes(chip)


def _missing(chip: Any) -> Iterator[Mistake]:
    structure = chip.structure
    room = [name for name in ROOM_FOR_WEIGHTS if getattr(chip, name) is not None]
    needed = {
        "technology_node": chip.technology_node,
        "supply_voltage": chip.supply_voltage,
        "weight_bits or structure.synapse_bits": chip.synapse_bits,
        "vector_width or structure.lanes": chip.vector_width or structure.lanes,
        "potential_bits or structure.state_bits": chip.potential_bits or structure.state_bits,
        "neurons_per_core or structure.shared_memory": chip.neurons_per_core or structure.shared_memory or None,
        "synapses_per_core, weight_memory or structure.weight_store": structure.weight_store or room or None,
    }
    if room and structure.weight_store is not None:
        yield ("structure", "weight_store"), f"is given together with {room[0]}; keep the one that is known"
    if structure.shared_memory and structure.state_memory is not None:
        yield ("structure", "state_memory"), "must be left out: shared_memory puts states into the memory of weights"
    for name, number in needed.items():
        if number is None:
            yield ("structure",), f"needs {name}"
    every = chip.vector_width is not None and chip.vector_width.value == "all"
    if every and structure.lanes is None and chip.neurons_per_core is None:
        yield ("structure",), "needs structure.lanes or neurons_per_core, because vector_width is 'all'"


def _beyond(chip: Any, cores: list[CoreStructure]) -> Iterator[Mistake]:
    """Mistakes: values for which the laws of the structure have no source."""
    node, voltage, structure = chip.technology_node.value, chip.supply_voltage.value, chip.structure
    if not NODES_M[0] * (1 - 1e-9) <= node <= NODES_M[1] * (1 + 1e-9):
        ends = " to ".join(format_si(end, "m") for end in NODES_M)
        yield ("technology_node",), f"must be {ends} where a structure is given, found {format_si(node, 'm')}"
        return
    least, most = voltages(node)
    if not least <= voltage <= most * (1 + 1e-9):
        ends = f"{format_si(least, 'V')} to {format_si(most, 'V')} at {format_si(node, 'm')}"
        yield ("supply_voltage",), f"must be {ends} where a structure is given, found {format_si(voltage, 'V')}"
    in_place = chip.neurons_per_core is not None and all(core.state_word == core.state_store for core in cores)
    most = MOST_IN_PLACE if in_place else MOST_FLIP_FLOPS
    stored = [("memory", "weights", structure.memory, max(core.weight_store for core in cores))]
    if not structure.shared_memory:
        key = "memory" if structure.state_memory is None else "state_memory"
        stored.append((key, "states", getattr(structure, key), max(core.state_store for core in cores)))
    for key, what, kind, bits in stored:
        if kind == "flip_flops" and bits > most:
            where = "where all neurons of a core work at once" if in_place else "of which lanes select words"
            yield ("structure", key), f"flip_flops hold at most {most:,} bits of {what} a core {where}, found {bits:,}"


def _lanes(chip: Any) -> Iterator[Mistake]:
    structure, width = chip.structure, chip.vector_width
    if structure.lanes is not None and width is not None:
        neurons = chip.neurons_per_core
        every = structure.lanes.value if neurons is None else max(neurons.value)
        if structure.lanes.value != (every if width.value == "all" else width.value):
            both = f"is {structure.lanes.value} and vector_width {width.value}"
            yield ("structure", "lanes"), f"{both}; keep one of the two"
