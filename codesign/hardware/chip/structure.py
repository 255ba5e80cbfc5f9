"""Energies, times, leakage and area of a chip, estimated from the structure of its cores.

docs/design.md (Structure) has the equations, `codesign.hardware.chip.laws` the laws of memories and logic. A group is
the operations that the lanes of a core do at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

from codesign.hardware.chip.core_structure import CoreStructure, core_structures, number_in
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.laws import (
    ADD_J,
    REGISTER_J,
    Memory,
    MemoryKind,
    leakage,
    logic_area,
    logic_delay,
    logic_energy,
    memory,
)

K_ENERGY, K_AREA = 2.94, 2.68
"""Factors fitted over the chips that come with the program: `docs/site/validation.py`."""


_OF_CHIP = ("area_m2", "leakage_w", "chip_logic")
"""Estimates that are sums over the cores; the others are those of a mean core."""


@dataclass(frozen=True, kw_only=True)
class StructureEstimate:
    """The model's estimates for a chip, in SI units.

    Attributes:
        lanes: L, the lanes that fill words; never more than the neurons of a core.
        operation_j: energy of a synaptic operation if all lanes are filled.
        word_share: the part of it that is spent per word, whether or not its lanes are filled: SRAM is read and written
            by the word, while only the flip-flops of working lanes switch.
        update_j: energy of a neuron update if all lanes are filled.
        area_m2: area of all cores.
        leakage_w, core_leakage_w: leakage of all cores, and mean per core.
        word_s, update_s: lower bounds of the time in which each lane does an operation, and an update.
        access_s: time of one access to the memory of states.
        logic: energy of logic, relative to 40 nm at 0.9 V.
        chip_logic: `logic` times the number of cores.
        delay: relative delay of logic.
    """

    lanes: int
    operation_j: float
    word_share: float
    update_j: float
    area_m2: float
    leakage_w: float
    core_leakage_w: float
    word_s: float
    update_s: float
    access_s: float
    logic: float
    chip_logic: float
    delay: float


def estimate(chip: Chip, memories: Literal["laws", "cacti"] = "laws") -> StructureEstimate | None:
    """The model's estimates for a chip, with SRAM by closed forms or by CACTI; None if its file states no structure.

    Raises:
        InputError: CACTI is not installed.
    """
    if chip.structure is None:
        return None
    law = memory
    if memories == "cacti":
        from codesign.hardware.chip.cacti import cacti_memory as law
    cores = [_estimate(chip, core, law) for core in core_structures(chip)]
    share = chip.cores.value / len(cores)
    of_chip = {name: sum(getattr(core, name) * share for core in cores) for name in _OF_CHIP}
    means = {
        field.name: float(sum(getattr(core, field.name) for core in cores) / len(cores))
        for field in fields(StructureEstimate)
        if field.name not in (*_OF_CHIP, "lanes", "word_share")
    }
    words_j = sum(core.word_share * core.operation_j for core in cores) / len(cores)
    lanes = max(core.lanes for core in cores)
    return StructureEstimate(lanes=lanes, word_share=words_j / means["operation_j"], **means, **of_chip)


def _estimate(chip: Chip, core: CoreStructure, law: Callable[..., Memory]) -> StructureEstimate:
    structure = chip.structure
    assert structure is not None
    assert chip.technology_node is not None
    assert chip.supply_voltage is not None
    node_m, voltage_v = chip.technology_node.value, chip.supply_voltage.value
    kind, state_kind = structure.memory, structure.state_memory or structure.memory
    shared = core.weight_store if structure.shared_memory else 0.0

    def stored(kind: MemoryKind, bits: float, word: float) -> Memory:
        return law(kind, bits=bits, word=word, node_m=node_m, voltage_v=voltage_v)

    weights = stored(kind, core.weight_store, core.weight_word)
    states = stored(state_kind, shared or core.state_store, core.state_word)
    others = [(state_kind, 0 if shared else core.state_store), (kind, number_in(structure, "other_store"))]
    logic = logic_energy(node_m, voltage_v)
    # States in flip-flops are the registers that take the adder's result.
    register_j = REGISTER_J if shared or state_kind != "flip_flops" else 0.0
    lane_j = logic * core.adder_bits * (2 * ADD_J + register_j)
    state_j = states.read_j + states.write_j
    of_weights_j = weights.read_j * core.lanes / core.weights_used
    of_states_j = state_j / (number_in(structure, "state_reuse") or 1)
    group_j = of_weights_j + of_states_j + core.lanes * lane_j
    by_word = ((kind, of_weights_j), (state_kind, of_states_j))
    word_j = sum(energy for memory_kind, energy in by_word if memory_kind != "flip_flops")
    width = core.lanes * core.adder_bits
    area_m2 = weights.area_m2 + logic_area(node_m, registers=width, adders=2 * width)
    leakage_w = leakage(kind, core.weight_store, voltage_v)
    for other, bits in others:
        if bits:
            area_m2 += stored(other, bits, core.state_word).area_m2
            leakage_w += leakage(other, bits, voltage_v)
    return StructureEstimate(
        lanes=core.lanes,
        operation_j=K_ENERGY * group_j / core.lanes,
        word_share=word_j / group_j,
        update_j=K_ENERGY * (state_j / core.lanes + lane_j),
        area_m2=K_AREA * area_m2,
        leakage_w=leakage_w,
        core_leakage_w=leakage_w,
        word_s=max(weights.access_s, 2 * states.access_s),
        update_s=2 * states.access_s,
        access_s=states.access_s,
        logic=logic,
        chip_logic=logic,
        delay=logic_delay(node_m, voltage_v),
    )
