"""What a structure cannot be, and beyond which limits its laws say nothing: in files, and for axes."""

from __future__ import annotations

from typing import Any

import pytest
from handmade_hardware import Builder, chip_from, cost_of, near

from codesign.errors import DocumentError, InputError
from codesign.hardware.chip.derivation import with_derived
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.chip.prices import number_at
from codesign.hardware.chip.structure import estimate

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


def test_lanes_are_stated_once_also_where_all_neurons_work_at_once() -> None:
    body = BODY.replace("vector_width: 4", "vector_width: all")
    with pytest.raises(DocumentError, match=r"structure\.lanes: is 4 and vector_width all; keep one"):
        structure("lanes: 4", body)
    assert estimate(structure("lanes: 64", body)) == estimate(chip_from(body + PLAIN))


def test_words_synapses_and_states_are_as_wide_as_what_is_used_of_them() -> None:
    """A word of 64 bits takes 8 lanes, and one of 128 where there are 16; a state holds a potential and a weight."""
    for changes, wide in (
        ({"vector_width": 16, "structure.weight_word": 64}, {"structure.weight_word": 128}),
        ({"structure.weights_used": 16, "structure.weight_word": 64}, {"structure.weight_word": 128}),
        ({"weight_bits": 20, "structure.synapse_bits": 16}, {"structure.synapse_bits": 20}),
        ({"weight_bits": 20}, {"structure.state_bits": 20}),
        ({"potential_bits": 20}, {"structure.state_bits": 20}),
    ):
        one, other = (with_parameters(chip_from(BODY + PLAIN), more) for more in (changes, changes | wide))
        assert estimate(one) == estimate(other)


def test_a_price_says_that_potentials_do_not_saturate_however_few_bits_their_states_have() -> None:
    execution = Builder(topology="5-10-2").message(-1, 0, 3).update(0, 0, 10, 2).build()
    assumption = "tiny gives no potential_bits: potentials never saturate, whatever their state_bits"
    free = cost_of(execution, chip_from(BODY + PLAIN))
    assert assumption in free.assumptions
    bound = cost_of(execution, chip_from(BODY + PLAIN + "potential_bits: 16\n"))
    assert not [text for text in bound.assumptions if "potential_bits" in text]


@pytest.mark.parametrize("value", ["5 V", "1.2 V", "450 mV", "5 nm", "90 nm"])
def test_voltages_and_nodes_without_a_source_are_refused_where_prices_follow_them(value: str) -> None:
    path, given_, allowed = (
        ("supply_voltage", "0.8 V", "500 mV to 1.15 V at 28 nm")
        if value.endswith("V")
        else ("technology_node", "28 nm", "7 nm to 65 nm")
    )
    body, reason = BODY.replace(given_, value), f"must be {allowed} where a structure is given, found {value}"
    with pytest.raises(DocumentError, match=f"{path}: {reason}"):
        chip_from(body + PLAIN)
    with pytest.raises(InputError, match=reason):
        with_parameters(chip_from(BODY + PLAIN), {path: value})
    assert chip_from(body).structure is None  # no price follows there


@pytest.mark.parametrize(("key", "synapses", "neurons"), [("memory", 2048, 64), ("state_memory", 10**6, 1024)])
def test_flip_flops_are_refused_beyond_what_has_been_built_of_them(key: str, synapses: int, neurons: int) -> None:
    """16,384 bits of which lanes select words: 2,048 weights of 8 bits, or 1,024 states of 16."""
    body = BODY.replace("4096", str(synapses)).replace("neurons_per_core: 64", f"neurons_per_core: {neurons}")
    body += "structure: {memory: sram, state_bits: 16, state_memory: sram}\n"
    chip = with_parameters(chip_from(body), {f"structure.{key}": "flip_flops"})
    more = {"memory": "synapses_per_core", "state_memory": "neurons_per_core"}[key]
    what, bits = {"memory": ("weights", 2049 * 8), "state_memory": ("states", 1025 * 16)}[key]
    message = f"flip_flops hold at most 16,384 bits of {what} a core of which lanes select words, found {bits:,}"
    with pytest.raises(InputError, match=message):
        with_parameters(chip, {more: 2049 if key == "memory" else 1025})


def test_flip_flops_of_neurons_that_all_work_at_once_hold_four_times_as_much_as_mubrain() -> None:
    body = BODY.replace("vector_width: 4", "vector_width: all").replace("synapses_per_core: 4096", "weight_memory: %d")
    flip_flops = "structure: {memory: flip_flops, state_bits: 16}\n"
    assert estimate(chip_from(body % 597_856 + flip_flops)) is not None
    message = r"tiny.yaml:\d+: structure.memory: flip_flops hold at most 597,856 bits of weights a core where all"
    with pytest.raises(DocumentError, match=message):
        chip_from(body % 597_857 + flip_flops)


def test_a_step_to_another_node_takes_given_times_along_with_derived_ones() -> None:
    """At each node's nominal voltage, times follow n^0.9; at one voltage, a node whose nominal is lower gains more."""
    chip = with_derived(chip_from(BODY + PLAIN + "energies: {spike: 1 pJ}\ntimes: {output: 5 ns}\n"))
    nominal = {28: 0.92, 22: 0.8}

    def times(node: int, volt: float) -> tuple[float, float]:
        moved = with_parameters(chip, {"technology_node": f"{node} nm", "supply_voltage": f"{volt} V"})
        return tuple(number_at(moved, f"times.{name}").value for name in ("synaptic_operation", "output"))

    here = times(28, nominal[28])
    assert [there / before for there, before in zip(times(22, nominal[22]), here, strict=True)] == [
        near((22 / 28) ** 0.9)
    ] * 2
    at_one = [there / before for there, before in zip(times(22, 0.8), times(28, 0.8), strict=True)]
    slower = (0.8 / 0.5**2.9) / (0.92 / 0.62**2.9)
    assert at_one == [near((22 / 28) ** 0.9 / slower)] * 2
