"""What a core of known structure stores, in bits, and how it accesses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CoreStructure:
    """One core. Words of weights and states grow with the widths that an axis sets.

    Attributes:
        lanes: lanes that can work at the same time, at most one per neuron.
        weights_used: weights of a word that are used before the next word is read.
        weight_store: bits of the weight memory, which holds at least one word.
        adder_bits: width of an adder and of a comparator.
    """

    lanes: int
    weights_used: int
    weight_word: int
    weight_store: int
    state_word: int
    state_store: int
    adder_bits: int


def core_structures(chip: Any) -> list[CoreStructure]:
    """The structure of each core in the lists of a chip's file, or of a single one if all are alike; the file must have
    everything for it."""
    return [_core(chip, core) for core in range(chip.cores_told_apart)]


def _core(chip: Any, core: int) -> CoreStructure:
    structure, synapse_bits = chip.structure, chip.synapse_bits
    potential_bits, weight_bits = number_in(chip, "potential_bits"), number_in(chip, "weight_bits")
    state_bits = max(number_in(structure, "state_bits"), potential_bits, weight_bits)
    neurons = 0 if chip.neurons_per_core is None else chip.neurons_per_core.of_core(core)
    stated = (structure.lanes or chip.vector_width).value
    lanes = neurons if stated == "all" else min(stated, neurons or stated)
    weights_used = max(number_in(structure, "weights_used"), lanes)
    weight_word = max(number_in(structure, "weight_word"), weights_used * synapse_bits)
    weights = number_in(structure, "weight_store")
    if chip.weight_memory is not None:
        weights = chip.weight_memory.of_core(core)
    elif chip.synapses_per_core is not None:
        weights = chip.synapses_per_core.of_core(core) * synapse_bits
    return CoreStructure(
        lanes=lanes,
        weights_used=weights_used,
        weight_word=weight_word,
        weight_store=max(weights, weight_word),
        state_word=lanes * state_bits,
        state_store=(neurons or lanes) * state_bits,
        adder_bits=potential_bits or state_bits,
    )


def number_in(spec: Any, name: str) -> int:
    """A number of a file; 0 if it is not given, which is not a valid value of these numbers."""
    number = getattr(spec, name)
    return 0 if number is None else int(number.value)
