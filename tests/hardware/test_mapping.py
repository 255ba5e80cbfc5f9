from __future__ import annotations

import pytest
from handmade_hardware import chip_from, number
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import InfeasibleError, InputError
from codesign.hardware.library import find_chip
from codesign.hardware.mapping import map_network
from codesign.network.topology import Conv2d, Linear, TopologySpec, network_shape, parse_topology

ASYNCHRONOUS = "synchronization: {kind: asynchronous}\n"


def cores(amount: int, body: str = "", share: str = "false"):
    return chip_from(f"cores: {number(amount)}\nlayers_share_core: {share}\n{ASYNCHRONOUS}{body}")


def placed(topology: str, chip, capacity="published", bits=None):
    mapping = map_network(network_shape(parse_topology(topology)), chip, capacity, bits)
    return [(part.layer, part.core, part.neurons) for part in mapping.placements], mapping


def test_a_layer_takes_as_many_cores_as_it_needs() -> None:
    chip = cores(5, f"neurons_per_core: {number(4)}")
    parts, mapping = placed("3-6-4-2", chip)
    assert parts == [(0, 0, 4), (0, 1, 2), (1, 2, 4), (2, 3, 2)]
    assert mapping.cores_used == 4
    assert mapping.neuron_utilization == pytest.approx(12 / 16)
    assert mapping.cores_of_neurons == (0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3)
    assert mapping.schedule_cores() == mapping.cores_of_neurons
    assert [one.core for one in mapping.slices()] == [0, 1, 2, 3]


def test_layers_share_a_core_where_the_chip_says_so() -> None:
    parts, mapping = placed("3-6-4-2", cores(5, f"neurons_per_core: {number(8)}", share="true"))
    assert parts == [(0, 0, 6), (1, 0, 2), (1, 1, 2), (2, 1, 2)]
    assert mapping.cores_used == 2
    parts, mapping = placed("3-6-2", cores(5, f"neurons_per_core: {number(8)}", share="true"))
    assert parts == [(0, 0, 6), (1, 0, 2)]
    assert mapping.schedule_cores() is None  # each layer on one core: one execution serves many chips
    assert [one.core for one in mapping.slices()] == [0, 1]  # as an execution without cores numbers them
    assert mapping.schedule_cores(core_aware=True) == (0,) * 8


def test_synapses_and_weight_memory_limit_a_core() -> None:
    parts, mapping = placed("10-4-2", cores(4, f"synapses_per_core: {number(25)}"))
    assert parts == [(0, 0, 2), (0, 1, 2), (1, 2, 2)]
    assert mapping.synapse_utilization == pytest.approx(48 / 75)
    bits = f"weight_memory: {number(207)}\nweight_bits: {number(8)}"
    parts, _ = placed("10-4-2", cores(4, bits), bits=8)  # 207 bits hold 25 weights of 8 bits
    assert parts == [(0, 0, 2), (0, 1, 2), (1, 2, 2)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (f"fan_in: {number(9)}", "layer 1 needs 10 inputs per neuron, a neuron has 9"),
        (f"synapses_per_core: {number(9)}", "one neuron of layer 1 needs 10 synapses, core 1 holds 9"),
        (f"neurons_per_core: {number(2)}", "layer 2 needs 2 neurons and 8 synapses, more than what is left"),
    ],
)
def test_what_does_not_fit_names_layer_need_and_limit(body: str, message: str) -> None:
    with pytest.raises(InfeasibleError, match=message):
        placed("10-4-2", cores(2, body))
    _, mapping = placed("10-4-2", cores(2, body), "scaled")
    assert 1 <= len(mapping.assumptions) <= 2
    assert all("scaled" in text for text in mapping.assumptions)


def test_scaled_adds_cores_and_keeps_their_size() -> None:
    parts, mapping = placed("10-5-2", cores(2, f"neurons_per_core: {number(2)}"), "scaled")
    assert parts == [(0, 0, 2), (0, 1, 2), (0, 2, 1), (1, 3, 2)]
    assert mapping.neuron_utilization == pytest.approx(7 / 8)


def test_the_papers_projection_onto_mubrain_is_infeasible_as_published_and_marked_when_scaled() -> None:
    chip = find_chip("mubrain")
    with pytest.raises(InfeasibleError, match="layer 1 needs 147,968 synapses, core 1 holds 37,366"):
        placed("2312-[64x3]-10", chip)
    parts, mapping = placed("2312-[64x3]-10", chip, "scaled", 4)
    assert parts == [(0, 0, 64), (1, 0, 64), (2, 0, 64), (3, 0, 10)]
    assert len(mapping.assumptions) == 1
    assert mapping.synapse_utilization == pytest.approx(156_800 / 37_366)


def test_nothing_is_assumed_where_the_network_fits() -> None:
    published, _ = placed("64-32-10", find_chip("mubrain"), bits=4)
    scaled, mapping = placed("64-32-10", find_chip("mubrain"), "scaled", 4)
    assert published == scaled
    assert not mapping.assumptions


def test_kernels_are_stored_once_where_the_chip_does_so() -> None:
    """A 3×3 kernel of 4 channels has 36 weights and far more synapses; Speck holds the kernel."""
    spec = TopologySpec(input=(1, 16, 16), layers=(Conv2d(kind="conv2d", channels=4, kernel=3), Linear(neurons=10)))
    mapping = map_network(network_shape(spec), find_chip("speck"), "published", 8)
    assert [(part.layer, part.neurons) for part in mapping.placements] == [(0, 784), (1, 10)]
    # the first core that holds 784 · 10 weights, the first layer's core left out
    assert [part.core for part in mapping.placements] == [0, 1]
    with pytest.raises(InfeasibleError, match="layer 1 needs 147,968 synapses, core 1 holds 16,384"):
        placed("2312-64-10", find_chip("speck"))


def test_a_layer_that_may_not_be_split_takes_the_first_core_that_holds_it() -> None:
    chip = cores(3, f"splits_layers: false\nneurons_per_core: {number('[2, 9, 4]')}")
    assert placed("3-4-3", chip)[0] == [(0, 1, 4), (1, 2, 3)]


def test_evaluated_bits_that_the_chip_does_not_have_are_assumptions() -> None:
    assert any("floating-point" in text for text in placed("64-32-10", find_chip("mubrain"))[1].assumptions)
    assert any("8-bit" in text for text in placed("64-32-10", find_chip("mubrain"), bits=8)[1].assumptions)
    assert not placed("64-32-10", find_chip("loihi"), bits=4)[1].assumptions


def test_an_unknown_capacity_is_refused() -> None:
    with pytest.raises(InputError, match="capacity"):
        placed("3-2", cores(1), "unlimited")


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    per_core=st.integers(1, 10),
    synapses=st.integers(1, 60),
    share=st.sampled_from(["true", "false"]),
    amount=st.integers(1, 6),
)
def test_scaled_places_every_neuron_once_and_published_stays_within_limits(
    sizes: list[int], per_core: int, synapses: int, share: str, amount: int
) -> None:
    shape = network_shape(parse_topology("-".join(map(str, sizes))))
    chip = cores(amount, f"neurons_per_core: {number(per_core)}\nsynapses_per_core: {number(synapses)}", share)
    scaled = map_network(shape, chip, "scaled")
    counts = [sum(part.neurons for part in scaled.placements if part.layer == layer) for layer in range(len(sizes) - 1)]
    assert counts == sizes[1:]
    assert all(part.neurons > 0 for part in scaled.placements)
    assert [part.layer for part in scaled.placements] == sorted(part.layer for part in scaled.placements)
    try:
        published = map_network(shape, chip, "published")
    except InfeasibleError:
        return
    assert max(part.core for part in published.placements) < amount
    assert published.neuron_utilization is not None
    for core in range(amount):
        here = [part for part in published.placements if part.core == core]
        assert sum(part.neurons for part in here) <= per_core
        assert sum(part.neurons * shape.layers[part.layer].fan_in for part in here) <= synapses
    assert published.placements == scaled.placements
