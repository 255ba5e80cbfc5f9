"""Which core each part lies on: chosen so that messages travel few hops, or by hand."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from handmade_hardware import ASYNCHRONOUS, chip_from, mesh_chip, number, shape_of
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of, network_of

from codesign.errors import InfeasibleError, InputError
from codesign.hardware.cost.cost import price
from codesign.hardware.cost.scheduling import chip_schedule
from codesign.hardware.placement.placement import Placement, place
from codesign.hardware.placement.traffic import MOST_CORES, messages_between
from codesign.simulation.engine import simulate

CHOSEN = {"near": "in_order", "balanced_near": "balanced"}


def hops(placement: Placement) -> float:
    """Of all messages, the input's from tile 0 on."""
    geometry = placement.geometry
    between = (geometry.horizontal + geometry.vertical)[np.append(0, 1 + geometry.core)][:, geometry.core]
    return float((messages_between(placement.shape, placement.parts) * between).sum())


def sizes(placement: Placement) -> list[tuple[int, int]]:
    return [(part.layer, part.neurons) for part in placement.parts]


def test_on_few_cores_near_mostly_finds_the_least_of_all_orders() -> None:
    """All orders of six cores are tried for a hundred networks; a local search may miss the least in a few."""
    rng, chip, ratios = np.random.default_rng(0), mesh_chip(2, 3), []
    while len(ratios) < 100:
        layers = rng.integers(1, 4, rng.integers(3, 7))
        if layers[1:].sum() > 6:
            continue
        shape = shape_of("-".join(map(str, layers)))
        placement = place(shape, chip, strategy="near")
        messages = messages_between(shape, placement.parts)
        row, column = np.divmod(np.array(list(permutations(range(6), len(placement.parts)))), 3)
        ways = np.abs(row[:, :, None] - row[:, None, :]) + np.abs(column[:, :, None] - column[:, None, :])
        least = ((ways * messages[1:]).sum(axis=(1, 2)) + (row + column) @ messages[0]).min()
        assert (placement.strategy, placement.assumptions) == ("near", ())
        assert least <= hops(placement)
        ratios.append(hops(placement) / least)
    assert sum(ratio == 1 for ratio in ratios) >= 95
    assert max(ratios) <= 1.5


CASES = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 4),
        "columns": st.integers(1, 4),
        "per_tile": st.integers(1, 3),
        "neurons": st.integers(1, 6),
        "mixed": st.booleans(),
        "chips": st.booleans(),
        "capacity": st.sampled_from(["published", "scaled"]),
    }
)


@settings(max_examples=150)
@given(layers=st.lists(st.integers(1, 14), min_size=2, max_size=5), case=CASES)
def test_near_moves_parts_within_their_chips_and_capacity_and_never_adds_hops(layers: list[int], case: dict) -> None:
    """With `mixed` cores differ in size, so that few of them may be exchanged."""
    amount = case["rows"] * case["columns"] * case["per_tile"]
    neurons = [case["neurons"] + 3 * case["mixed"] * (core % 3) for core in range(amount)]
    more = "multi_chip: {}\n" if case["chips"] else ""
    chip = mesh_chip(case["rows"], case["columns"], case["per_tile"], neurons=neurons, more=more)
    shape = shape_of("-".join(map(str, layers)))
    for chosen, given_order in CHOSEN.items():
        try:
            base = place(shape, chip, case["capacity"], strategy=given_order)
        except InfeasibleError:
            return
        near = place(shape, chip, case["capacity"], strategy=chosen)
        assert sizes(near) == sizes(base)
        assert near.extent._replace(tiles=0) == base.extent._replace(tiles=0)
        assert near.assumptions == base.assumptions
        assert len({(part.layer, part.core) for part in near.parts}) == len(near.parts)
        if case["chips"]:
            at = [[part.core // amount for part in placement.parts] for placement in (base, near)]
            assert at[0] == at[1]
        assert hops(near) <= hops(base)
        within = [load for load in base.core_loads if load.neurons <= load.neuron_capacity]
        for load in near.core_loads:
            assert load.neurons <= load.neuron_capacity or len(within) < len(base.core_loads)
        assert Counter(load.neurons for load in near.core_loads) == Counter(load.neurons for load in base.core_loads)


def test_what_cannot_be_moved_says_so() -> None:
    chip = chip_from(f"cores: {number(3)}\nlayers_share_core: false\n{ASYNCHRONOUS}")
    placement = place(shape_of("3-2-2"), chip, strategy="near")
    assert placement.parts == place(shape_of("3-2-2"), chip).parts
    text = "tiny: the network between its cores is not described, so 'near' leaves parts on the cores in order"
    assert placement.assumptions == (text,)
    wide = shape_of(f"1-{MOST_CORES + 1}")
    placement = place(wide, mesh_chip(32, 32), strategy="near")
    assert placement.parts == place(wide, mesh_chip(32, 32)).parts
    assert "more than 256 cores of a chip are in use" in placement.assumptions[0]


def test_hops_are_those_that_are_priced_where_all_send_one_message() -> None:
    """Every input and neuron does, once; the output's leave the chip. Each layer lies on one core, by hand."""
    network, events = network_of("64-17-17-4", 1.0, 1.0, 1.0), batch_of(np.ones((1, 1, 64)))
    chip = mesh_chip(3, 4, neurons=20, more=f"vector_width: {number(1)}\n")
    placement = place(network.shape, chip, cores=[2, 11, 4])
    execution = simulate(network, events, chip_schedule(placement, group_size=64, stop="drained").schedule).execution
    assert execution.messages.spikes.sum() == 64 + 17 + 17 + 4
    counts = price(execution, placement).counted.actions
    priced = np.asarray(counts.hop + (0 if counts.hop_vertical is None else counts.hop_vertical))
    assert hops(placement) == priced.mean()


def test_cores_by_hand_are_taken_as_they_are_given() -> None:
    shape, chip = shape_of("3-6-2"), mesh_chip(2, 4, neurons=4)
    by_neuron = place(shape, chip, cores=np.array([5, 5, 5, 1, 1, 1, 7, 7]))
    assert [(part.layer, part.core, part.neurons) for part in by_neuron.parts] == [(0, 5, 3), (0, 1, 3), (1, 7, 2)]
    assert by_neuron.strategy == "by_hand"
    assert by_neuron.cores_of_neurons == (5, 5, 5, 1, 1, 1, 7, 7)
    assert [load.core for load in by_neuron.core_loads] == [1, 5, 7]
    by_part = place(shape, chip, strategy="balanced", cores=(5, 1, 7))
    assert by_part == by_neuron
    assert sizes(place(shape, chip, cores=(5, 1, 7))) == [(0, 4), (0, 2), (1, 2)]


@pytest.mark.parametrize(
    ("cores", "message"),
    [
        ([0, 1], r"cores: must have one for each of 8 neurons, or for each of 3 parts, found 2"),
        ([0, 1, -1], r"cores\[2\]: must be at least 0, found -1"),
        ([0, 1, 8], r"cores: second layer, core 8: there is none; tiny has cores 0 to 7"),
        ([0, 0, 0, 1, 1, 0, 2, 2], r"cores: first layer, core 0: the layer returns to a core"),
    ],
)
def test_cores_that_cannot_be_meant_are_refused(cores: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        place(shape_of("3-6-2"), mesh_chip(2, 4, neurons=4), cores=cores)


def test_cores_by_hand_keep_to_what_the_chip_can_do() -> None:
    shape, full = shape_of("3-6-2"), [0, 0, 0, 0, 0, 0, 1, 1]
    with pytest.raises(InfeasibleError, match="tiny: the first layer on core 0: 6 neurons, the core holds 4"):
        place(shape, mesh_chip(2, 4, neurons=4), cores=full)
    lifted = place(shape, mesh_chip(2, 4, neurons=4), "scaled", cores=full)
    assert lifted.assumptions == ("tiny scaled: the first layer on core 0: 6 neurons, the core holds 4; lifted",)
    with pytest.raises(
        InfeasibleError, match="core 3 has neurons of the first and the second layer, which may not share one"
    ):
        place(shape, mesh_chip(2, 4, neurons=9), "scaled", cores=[3] * 8)
    whole = chip_from(f"cores: {number(4)}\nlayers_share_core: true\nsplits_layers: false\n{ASYNCHRONOUS}")
    with pytest.raises(InfeasibleError, match="the first layer lies on cores 2 and 3, and a layer may not be split"):
        place(shape, whole, cores=[2, 2, 3, 3, 3, 3, 3, 3])
    assert place(shape, whole, cores=[3] * 8).cores_used == 1
    limited = chip_from(f"cores: {number(4)}\nlayers_share_core: true\nfan_in: {number(5)}\n{ASYNCHRONOUS}")
    with pytest.raises(InfeasibleError, match="the second layer needs 6 inputs per neuron, a neuron has 5"):
        place(shape_of("3-6-2"), limited, cores=[0, 0, 0, 1, 1, 1, 2, 2])
    with pytest.raises(InputError, match="cores: are chosen by hand, so leave out"):
        place(shape, mesh_chip(2, 4, neurons=9), strategy="near", cores=[0, 1])


def test_cores_by_hand_may_lie_on_further_chips_and_on_added_ones() -> None:
    joined = mesh_chip(1, 2, neurons=4, more=f"multi_chip: {{most: {number(3)}}}\n")
    placement = place(shape_of("3-4-2"), joined, cores=(0, 5))
    assert placement.chips_used == 2
    assert placement.geometry.crossings[1].tolist() == [0, 2]
    with pytest.raises(InputError, match="tiny has cores 0 to 5"):
        place(shape_of("3-4-2"), joined, cores=(0, 6))
    added = place(shape_of("3-4-4-4"), mesh_chip(1, 2, neurons=4), "scaled", cores=(2, 1, 0))
    assert "the network needs 3 cores, the chip has 2; cores added" in added.assumptions[0]
