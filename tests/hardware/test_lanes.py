"""Words that are not full: how the targets of messages fill the lanes of a core, and what that costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade_hardware import Builder, chip_from, cost_of, mesh, near, structured
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of, network_of

import codesign as cd
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.chip.prices import number_at
from codesign.hardware.chip.structure import estimate
from codesign.hardware.cost.work import PlacedExecution
from codesign.hardware.placement.lanes import message_cycles
from codesign.network.cuts import CUTS, cut_order

OF_OPERATIONS = {
    "energies": "{synaptic_operation: {value: 1 pJ, all_in: false}, neuron_update: 0 J}",
    "static_power": "{chip: 0 W}",
    "times": "{synaptic_operation: 1 us, neuron_update: 0 s, output: 0 s, hop: 0 s}",
}


def with_lanes(lanes: int | str, neurons: int = 64) -> cd.Chip:
    """Eight cores; only the operation has an energy and a time, so that what it is counted as can be read off."""
    sizes = {"cores": 8, "neurons_per_core": neurons, "synapses_per_core": 65536, "potential_bits": 16}
    cores = {"vector_width": lanes, "layers_share_core": "false", "structure": "{memory: sram}"}
    return chip_from(structured(**sizes, **cores, **OF_OPERATIONS) + mesh(2, 4))


pairs = st.tuples(st.integers(1, 2), st.integers(1, 2))
windows = st.builds(
    dict,
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=pairs,
    groups=st.integers(1, 2),
    pool=pairs,
    grid=st.tuples(st.integers(1, 2), st.integers(2, 5), st.integers(2, 5)),
    out=st.integers(1, 3),
)


def convolution(case: dict) -> cd.TopologySpec:
    """`grid` and `out` have channels of a group. A kernel that does not fit is made smaller."""
    (channels, *sizes), groups = case["grid"], case.get("groups", 1)
    layer = {"kind": "conv2d", "channels": groups * case["out"], "groups": groups}
    layer |= {name: case.get(name, 1) for name in ("stride", "padding", "dilation")}
    layer["kernel"] = [
        min(kernel, (size // pool + 2 * padding - 1) // dilation + 1)
        for size, pool, kernel, padding, dilation in zip(
            sizes, case["pool"], case["kernel"], case["padding"], case["dilation"], strict=True
        )
    ]
    pool = {"kind": "sum_pool", "kernel": case["pool"]}
    layers = [pool, layer, {"kind": "linear", "neurons": 2}]
    return cd.TopologySpec.model_validate({"input": (groups * channels, *sizes), "layers": layers})


@settings(max_examples=60)
@given(windows, st.sampled_from([1, 2, 3, 4, 8]), st.integers(1, 9), st.sampled_from(["auto", *CUTS]))
def test_cycles_of_a_convolution_are_the_means_over_its_connections(case, lanes, neurons, cut):
    """Each source alone through the network's own connection; banks are counted one by one, part by part."""
    topology = convolution(case)
    network, shape = network_of(topology.model_dump()), cd.network_shape(topology)
    chip = with_lanes(lanes, neurons=neurons)
    placement = cd.place(shape, chip, "scaled", cut=cut)
    found, side_by_side = (
        message_cycles(shape, placement.geometry, placement.parts, lanes, banks=banks) for banks in (True, False)
    )
    reached = network.connections[0].messages(torch.eye(shape.input_size)).numpy() > 0
    cores, first = np.array(placement.cores_of_neurons), 0
    layer = shape.layers[0]
    order = cut_order((layer.channels, layer.height, layer.width), placement.parts[0].cut)
    for part in placement.geometry.parts_of(0):
        held = order[first : first + placement.geometry.neurons[part]]
        assert (cores[held] == placement.parts[part].core).all()
        own = reached[:, held]
        banks = [[row[lane::lanes].sum() for lane in range(lanes)] for row in own]
        assert found.synapses[0, part] == near(own.sum(axis=1).mean())
        assert found.cycles[0, part] == near(np.max(banks, axis=1).mean())
        assert side_by_side.cycles[0, part] == near(np.ceil(own.sum(axis=1) / lanes).mean())
        assert placement.geometry.reach.synapses[0, part] == near(own.sum(axis=1).mean())
        assert placement.geometry.reach.share[0, part] == near(own.any(axis=1).mean())
        first += own.shape[1]


TEN = Builder("5-10-2").message(-1, 0, 3).update(0, 0, 10, 2).message(1, 1, 2).build()
"""3 inputs reach 10 neurons, and 2 spikes of these 2 more."""


def test_words_of_a_fully_connected_layer_by_hand() -> None:
    """With 4 lanes, 10 operations take 3 words, and 2 take one."""
    chip = with_lanes(4)
    share = estimate(chip).word_share
    cost = cost_of(TEN, chip)
    operations = (3 * 10 + 2 * 2) * (1 - share) + share * 4 * (3 * 3 + 2 * 1)
    assert cost.energy_j == near(operations * 1e-12)
    assert cost.columns()["synaptic_operations"] == 34
    both = with_parameters(chip, {"static_power.chip": "1 mW", "cores": 2})  # of which both are in use
    books = cost_of(TEN, both).energy
    assert books.cores_in_use_j == near(books.total_j)
    assert books.terms_j["static_chip"] == near(1e-3 * cost.latency.total_s)
    pruned = replace(TEN, zero_weights=(0.5, 0.0))
    skipping = cost_of(pruned, chip.model_copy(update={"skips_zero_weights": "yes"}))
    halved = (3 * 10 / 2 + 2 * 2) * (1 - share) + share * 4 * (3 * 3 / 2 + 2 * 1)
    assert skipping.energy_j == near(halved * 1e-12)
    for lanes in (1, 2):  # full words
        assert cost_of(TEN, with_lanes(lanes)).energy_j == near(34e-12)
    operation = chip.energies.synaptic_operation.model_copy(update={"all_in": True, "operation": "accelerated"})
    energies = chip.energies.model_copy(update={"synaptic_operation": operation, "neuron_update": None})
    assert cost_of(TEN, chip.model_copy(update={"energies": energies})).energy_j == near(34e-12)


@pytest.mark.parametrize("memory", ["sram", "flip_flops"])
def test_as_many_lanes_as_neurons_are_the_same_machine_in_words_and_in_numbers(memory: str) -> None:
    """Words of 64 lanes that 10 and 2 targets do not fill: of flip-flops only those of lanes that work switch."""
    in_words, in_numbers = (
        with_parameters(with_lanes(lanes), {"structure.memory": memory, "synapses_per_core": 256})
        for lanes in ("all", 64)
    )
    share = estimate(in_numbers).word_share
    assert estimate(in_words) == estimate(in_numbers)
    assert (share > 0) == (memory == "sram")
    all_at_once, many = (cost_of(TEN, chip) for chip in (in_words, in_numbers))
    given = number_at(in_numbers, "energies.synaptic_operation").value
    assert many.energy_j == near((34 * (1 - share) + share * 64 * (3 + 2)) * given)
    assert (all_at_once.energy_j, all_at_once.latency_s) == (many.energy_j, many.latency_s)


def executed(network: cd.SpikingNetwork, chip: cd.Chip, inputs: int) -> tuple[cd.Execution, cd.Chip]:
    frames = np.random.default_rng(3).integers(0, 2, (2, 2, inputs))
    placement = cd.place(network.shape, chip, "scaled")
    schedule = cd.Schedule(policy="fifo", group_size=3, cores=placement.schedule_cores())
    return cd.evaluate(network, batch_of(frames), schedule, seed=0), placement


def test_times_and_service_times_are_those_of_the_fullest_banks() -> None:
    """A 2×2 kernel over 4×4: an input reaches 1, 2 or 4 of the 3×3 neurons of a channel, as rows 0-2, 3-5 and 6-8."""
    convolution = {"kind": "conv2d", "channels": 1, "kernel": 2}
    network, lanes = network_of({"input": [1, 4, 4], "layers": [convolution, {"kind": "linear", "neurons": 2}]}), 3
    chip = with_lanes(lanes)
    execution, placement = executed(network, chip, 16)
    # banks are columns: an input in an inner row reaches two rows of the same columns, which takes two cycles
    cycles = (8 * 1 + 8 * 2) / 16
    table = execution.messages
    inputs = table.source == 0
    expected = table.synaptic_operations[inputs].sum() / (36 / 16) * cycles
    assert cd.service_model(placement).message_s[0] == near(cycles * 1e-6)
    cost = cd.price(execution, placement)
    busy = cost.latency.busy_s[:, placement.geometry.core[placement.geometry.parts_of(0)[0]]].sum()
    assert busy == near(expected * 1e-6)


def test_a_spike_that_a_max_pool_loses_is_a_message_without_operations() -> None:
    """Four neurons fire, one spike goes on to 3 neurons on 2 lanes: two cycles; each spike is a message."""
    pool = [{"kind": "conv2d", "channels": 1, "kernel": 1}, {"kind": "max_pool", "kernel": 2}]
    network = network_of({"input": [1, 2, 2], "layers": [*pool, {"kind": "linear", "neurons": 3}]}, 1.0, 0.125)
    execution = cd.evaluate(network, batch_of(np.ones((1, 1, 4))), cd.Schedule(group_size=None), seed=0)
    chip = with_lanes(2)
    for each in (chip, chip.model_copy(update={"structure": None})):
        placed = PlacedExecution(execution, cd.place(network.shape, each))
        part = placed.geometry.parts_of(1)[0]
        last = slice(*placed.deliveries.begins[[part, part + 1]])
        assert placed.deliveries.messages[last].sum() == 4
        assert placed.deliveries.operations[last].sum() == near(2)


def at_the_edge(pool: str, chip: cd.Chip) -> PlacedExecution:
    """The last row and column of 5×5 neurons are in no window, and only one window in four has targets: 3 of them."""
    layers = [{"kind": "conv2d", "channels": 2, "kernel": 1}, {"kind": pool, "kernel": 2}]
    layers += [{"kind": "conv2d", "channels": 3, "kernel": 1, "stride": 2}, {"kind": "linear", "neurons": 2}]
    network = network_of({"input": [1, 5, 5], "layers": layers}, threshold=0.05)
    return PlacedExecution(*executed(network, chip.model_copy(update={"structure": None}), 25))


@pytest.mark.parametrize("pool", ["sum_pool", "max_pool"])
def test_one_lane_takes_a_cycle_for_each_operation_and_spikes_without_targets_none(pool: str) -> None:
    placed = at_the_edge(pool, with_lanes(1, neurons=13))
    assert placed.deliveries.operations.sum() == near(placed.execution.synaptic_operations.sum())
    placed = at_the_edge("sum_pool", with_lanes(2, neurons=25))
    performed = placed.messages.synaptic_operations[placed.deliveries.row]
    assert (performed == 0).any()
    np.testing.assert_array_equal(placed.deliveries.operations > 0, performed > 0)


def test_all_lanes_serve_a_spike_in_one_operation_wherever_its_neuron_lies() -> None:
    """Nine spikes of three neurons in 5×5 that have 9 targets each, more than the mean of 6.76: nine operations in
    time; in energy, a word of 25 lanes for each 6.76 of their 81 additions."""
    layers = [{"kind": "conv2d", "channels": 1, "kernel": 3, "padding": 1}, {"kind": "linear", "neurons": 2}]
    network = network_of({"input": [1, 5, 5], "layers": layers}, threshold=1e6)
    inside = np.zeros((1, 3, 25))
    inside[0, :, [6, 12, 18]] = 1
    execution = cd.evaluate(network, batch_of(inside), cd.Schedule(group_size=None), seed=0)
    chip = with_lanes("all", neurons=25)
    for each in (chip, chip.model_copy(update={"structure": None})):
        placed = PlacedExecution(execution, cd.place(network.shape, each))
        assert placed.deliveries.operations.sum() == near(9)
    assert cost_of(execution, chip).energy_j == near(81e-12 * (1 + estimate(chip).word_share * (25 / 6.76 - 1)))
