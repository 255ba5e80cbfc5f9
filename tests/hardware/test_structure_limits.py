"""What a structure cannot be, and beyond which limits its laws say nothing: in files, and for axes."""

from __future__ import annotations

from typing import Any

import pytest
from handmade_hardware import HEAD, chip_from

from codesign.errors import DocumentError, InputError
from codesign.hardware.parameters import with_parameters
from codesign.hardware.structure import estimate

BODY = """
technology_node: 28 nm
supply_voltage: 0.8 V
cores: 2
neurons_per_core: 64
synapses_per_core: 4096
weight_bits: 8
vector_width: 4
synchronization: {kind: asynchronous}
"""
PLAIN = "structure: {memory: sram, state_bits: 16}\n"


def structure(more: str, body: str = BODY) -> Any:
    return chip_from(body + f"structure: {{memory: sram, state_bits: 16, {more}}}\n")


IMPOSSIBLE = {
    "weight_word: 8": "structure.weight_word: must hold 4 weights of 8 bits, 32, found 8",
    "weight_word: 64, weights_used: 16": "structure.weight_word: must hold 16 weights of 8 bits, 128, found 64",
    "synapse_bits: 1": "structure.synapse_bits: must be at least weight_bits, 8, found 1",
    "lanes: 64": "structure.lanes: is 64 and vector_width 4; keep one of the two",
    "weights_used: 5000": "structure.weights_used: must be at most the 4,096 weights of a core, found 5,000",
    "state_reuse: 5000": "structure.state_reuse: must be at most the 4,096 synapses of a neuron, found 5,000",
}


@pytest.mark.parametrize(("more", "message"), IMPOSSIBLE.items())
def test_numbers_of_a_structure_that_contradict_each_other_are_refused_at_their_line(more: str, message: str) -> None:
    with pytest.raises(DocumentError) as raised:
        structure(more)
    (problem,) = raised.value.problems
    assert message in str(problem)
    assert problem.line == (HEAD + BODY).count("\n") + 1
    changes = {f"structure.{name}": int(number) for name, number in (one.split(": ") for one in more.split(", "))}
    with pytest.raises(InputError) as refused:
        with_parameters(chip_from(BODY + PLAIN), changes)
    assert message.partition(": ")[2] in str(refused.value)


@pytest.mark.parametrize("lines", ["potential_bits: 20\nweight_bits: 8", "weight_bits: 20"])
def test_a_state_holds_a_potential_and_a_potential_a_weight(lines: str) -> None:
    message = f"structure.state_bits: must be at least {lines.partition(':')[0]}, 20, found 16"
    with pytest.raises(DocumentError, match=message):
        chip_from(BODY.replace("weight_bits: 8", lines) + PLAIN)


def test_a_word_is_as_wide_as_what_is_used_of_it_and_grows_with_an_axis() -> None:
    """Sixteen weights of a word are 128 bits; a word of 64 bits takes 8 lanes, and one of 128 where an axis asks."""
    used, stated = (estimate(structure(more)) for more in ("weights_used: 16", "weights_used: 16, weight_word: 128"))
    assert used == stated
    chip = structure("weight_word: 64")
    wide = structure("weight_word: 128", BODY.replace("vector_width: 4", "vector_width: 16"))
    assert estimate(with_parameters(chip, {"vector_width": 16})) == estimate(wide)
    with pytest.raises(InputError, match="must hold 16 weights of 8 bits, 128, found 64"):
        with_parameters(chip, {"vector_width": 16, "structure.weight_word": 64})
