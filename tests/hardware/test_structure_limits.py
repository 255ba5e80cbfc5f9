"""What a structure cannot be, and beyond which limits its laws say nothing: in files, and for axes."""

from __future__ import annotations

import pytest
from handmade_hardware import Builder, chip_from, cost_of, near, structured

from codesign.errors import DocumentError, InputError
from codesign.hardware.chip.derivation import with_derived
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.chip.prices import number_at
from codesign.hardware.chip.structure import estimate

SRAM = "{memory: sram, state_bits: 16, state_memory: sram}"


def test_lanes_are_stated_once_also_where_all_neurons_work_at_once() -> None:
    stated, other = (f"{{memory: sram, state_bits: 16, lanes: {lanes}}}" for lanes in (64, 4))
    with pytest.raises(DocumentError, match=r"structure\.lanes: is 4 and vector_width all; keep one"):
        chip_from(structured(vector_width="all", structure=other))
    twice, once = (structured(vector_width="all", **more) for more in ({"structure": stated}, {}))
    assert estimate(chip_from(twice)) == estimate(chip_from(once))


def test_words_synapses_and_states_are_as_wide_as_what_is_used_of_them() -> None:
    """A word of 64 bits takes 8 lanes, and one of 128 where there are 16; a state holds a potential and a weight."""
    for changes, wide in (
        ({"vector_width": 16, "structure.weight_word": 64}, {"structure.weight_word": 128}),
        ({"structure.weights_used": 16, "structure.weight_word": 64}, {"structure.weight_word": 128}),
        ({"weight_bits": 20, "structure.synapse_bits": 16}, {"structure.synapse_bits": 20}),
        ({"weight_bits": 20}, {"structure.state_bits": 20}),
        ({"potential_bits": 20}, {"structure.state_bits": 20}),
    ):
        one, other = (with_parameters(chip_from(structured()), more) for more in (changes, changes | wide))
        assert estimate(one) == estimate(other)


def test_a_price_says_that_potentials_do_not_saturate_however_few_bits_their_states_have() -> None:
    execution = Builder(topology="5-10-2").message(-1, 0, 3).update(0, 0, 10, 2).build()
    assumption = "tiny gives no potential_bits: potentials never saturate, whatever their state_bits"
    free, bound = (cost_of(execution, structured(potential_bits=bits)) for bits in (None, 16))
    assert assumption in free.assumptions
    assert not [text for text in bound.assumptions if "potential_bits" in text]


@pytest.mark.parametrize("value", ["5 V", "1.2 V", "450 mV", "5 nm", "90 nm"])
def test_voltages_and_nodes_without_a_source_are_refused_where_prices_follow_them(value: str) -> None:
    path, allowed = ("technology_node", "7 nm to 65 nm")
    if value.endswith("V"):
        path, allowed = ("supply_voltage", "500 mV to 1.15 V at 28 nm")
    reason = f"must be {allowed} where a structure is given, found {value}"
    with pytest.raises(DocumentError, match=f"{path}: {reason}"):
        chip_from(structured(**{path: value}))
    with pytest.raises(InputError, match=reason):
        with_parameters(chip_from(structured()), {path: value})
    assert chip_from(structured(structure=None, **{path: value})).structure is None  # no price follows there


@pytest.mark.parametrize(
    ("key", "more", "most", "what", "bits"),
    [("memory", "synapses_per_core", 2048, "weights", 8), ("state_memory", "neurons_per_core", 1024, "states", 16)],
)
def test_flip_flops_are_refused_beyond_what_has_been_built_of_them(key, more, most, what, bits) -> None:
    """16,384 bits of which lanes select words: 2,048 weights of 8 bits, or 1,024 states of 16."""
    sizes = {"synapses_per_core": 10**6, more: most}
    chip = with_parameters(chip_from(structured(structure=SRAM, **sizes)), {f"structure.{key}": "flip_flops"})
    found = f"{(most + 1) * bits:,}"
    message = f"flip_flops hold at most 16,384 bits of {what} a core of which lanes select words, found {found}"
    with pytest.raises(InputError, match=message):
        with_parameters(chip, {more: most + 1})


def test_flip_flops_of_neurons_that_all_work_at_once_hold_four_times_as_much_as_mubrain() -> None:
    sizes = {"vector_width": "all", "synapses_per_core": None, "structure": "{memory: flip_flops, state_bits: 16}"}
    assert estimate(chip_from(structured(weight_memory=597_856, **sizes))) is not None
    message = r"tiny.yaml:\d+: structure.memory: flip_flops hold at most 597,856 bits of weights a core where all"
    with pytest.raises(DocumentError, match=message):
        chip_from(structured(weight_memory=597_857, **sizes))


def test_a_step_to_another_node_takes_given_times_along_with_derived_ones() -> None:
    """At each node's nominal voltage, times follow n^0.9; at one voltage, a node whose nominal is lower gains more."""
    chip = with_derived(chip_from(structured(energies="{spike: 1 pJ}", times="{output: 5 ns}")))
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
