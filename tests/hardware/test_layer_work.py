"""Work that takes longer in one kind of layer than in another: cycles of a chip counted a second time, from spikes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from handmade_hardware import STATED, barrier, chip_from, group, near, number, shape_of
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of, network_of

import codesign as cd
from codesign.hardware.cost.work import PlacedExecution

INPUTS, OUTPUTS, TIMESTEPS = 16, 4, 3
KINDS = {"clocked": "synchronization: {kind: clocked}\n"}
KINDS |= {scope: barrier("1: 0 s", scope) for scope in ("timestep", "layer")}


def chip_of(kind: str) -> cd.Chip:
    """Operations of 3.5, 7 and 8 cycles, visits of 2, 22 and 12, spikes of 4 and 0; 3 for each source of a layer, and
    half a cycle for each of its synapses."""
    units = {"synaptic_operation": (3.5, 7, 8), "neuron_access": (2, 22, 12), "spike": (0, 4, 0)}
    sources = {"synaptic_operation": ", presynaptic: 0.5", "neuron_access": ", presynaptic: 3"}
    factors = ", ".join(
        f"{name}: {{input: {first}, hidden: {hidden}, output: {last}{sources.get(name, '')}}}"
        for name, (first, hidden, last) in units.items()
    )
    times = dict.fromkeys(units, "1 us")
    return chip_from(
        f"cores: {number(1)}\nlayers_share_core: true\nvector_width: {number(1)}\n{KINDS[kind]}"
        f"layer_work: {{{factors}, {STATED}}}\n{group('times', **times, neuron_update='0 s', output='0 s')}"
    )


def run(chip: cd.Chip, hidden: list[int], seed: int) -> tuple[cd.Execution, float, int]:
    """An execution, its latency, and how many input spikes it has."""
    topology = cd.parse_topology("-".join(map(str, [INPUTS, *hidden, OUTPUTS])))
    network = cd.SpikingNetwork(
        topology, cd.NeuronSpec(threshold=0.05, time_constant="20 ms"), timestep_s=1e-2, seed=seed
    )
    frames = np.random.default_rng(seed).random((1, TIMESTEPS, INPUTS)) < 0.3
    events = batch_of(frames.astype(np.float32))
    placement = cd.place(network.shape, chip, "published")
    execution = cd.simulate(network, events, cd.chip_schedule(placement, stop="drained").schedule).execution
    return execution, float(cd.price(execution, placement).latency.total_s[0]), int(frames.sum())


@pytest.mark.parametrize("kind", KINDS)
@given(hidden=st.lists(st.integers(1, 12), min_size=1, max_size=3), seed=st.integers(0, 99))
@settings(max_examples=15, derandomize=True, database=None)
def test_cycles_are_those_of_the_layers(kind: str, hidden: list[int], seed: int) -> None:
    execution, seconds, inputs = run(chip_of(kind), hidden, seed)
    spikes, targets = execution.emitted[0], [*hidden[1:], OUTPUTS]
    cycles = inputs * 3.5 * hidden[0] + 4 * spikes[:-1].sum()
    for layer, count in enumerate(spikes[:-1]):
        cycles += count * targets[layer] * (8 if layer == len(hidden) - 1 else 7)
    visits = TIMESTEPS + (len(hidden) if kind == "timestep" else 0)
    cycles += visits * (2 * INPUTS + 22 * sum(hidden) + 12 * OUTPUTS)
    sizes = [INPUTS, *hidden, OUTPUTS]
    cycles += visits * (3 * sum(sizes[:-1]) + 0.5 * sum(before * after for before, after in pairwise(sizes)))
    assert seconds == near(cycles * 1e-6, rel=1e-9)


@pytest.mark.parametrize(
    ("further", "cycles"),
    [
        ({"delayed": [{"from": 0, "to": 0}]}, 7),  # into the first layer, but not from the input
        ({"skips": [{"from": "input", "to": 1, "kind": "linear"}]}, 3.5),
        ({"delayed": [{"from": 1, "to": 1}]}, 8),
    ],
)
def test_operations_take_the_cycles_of_where_their_messages_come_from(further: dict, cycles: float) -> None:
    layers = [{"kind": "linear", "neurons": 5}, {"kind": "linear", "neurons": 3}]
    network = network_of({"input": 4, "layers": layers, **further}, threshold=0.05)
    execution = cd.simulate(network, batch_of(np.ones((1, TIMESTEPS, 4))), cd.LAYERED).execution
    work = PlacedExecution(execution, cd.place(network.shape, chip_of("clocked")))
    late = work.messages.source[work.deliveries.row] > len(execution.slices)
    performed = work.messages.synaptic_operations[work.deliveries.row[late]].sum()
    assert performed > 0
    assert work.deliveries.operations[late].sum() == near(cycles * performed)


@pytest.mark.parametrize(
    ("layers", "further", "scanned", "operations"),
    [
        # cores of 4 neurons: 4 + 1 of the first layer, 3 of the second; 2 lanes take 2, 1 and 2 cycles a source
        ([{"kind": "linear", "neurons": 5}, {"kind": "linear", "neurons": 3}], {}, [6, 6, 5], [12, 6, 10]),
        # the second layer's own neurons reach it, too
        (
            [{"kind": "linear", "neurons": 5}, {"kind": "linear", "neurons": 3}],
            {"delayed": [{"from": 1, "to": 1}]},
            [6, 6, 5 + 3],
            [12, 6, 10 + 6],
        ),
        # windows of 3 of 6 inputs: the first core's four neurons see all inputs, with 1, 2, 3, 3, 2 and 1 targets
        ([{"kind": "conv1d", "channels": 1, "kernel": 3}], {}, [6], [1 + 1 + 2 + 2 + 1 + 1]),
    ],
)
def test_sources_count_on_each_core_that_they_reach(
    layers: list[dict], further: dict, scanned: list[float], operations: list[float]
) -> None:
    factors = "{hidden: 0, output: 0, presynaptic: 1}"
    chip = chip_from(
        f"cores: {number(4)}\nneurons_per_core: {number(4)}\nlayers_share_core: false\nvector_width: {number(2)}\n"
        f"{KINDS['clocked']}layer_work: {{synaptic_operation: {factors}, neuron_access: {factors}, {STATED}}}\n"
    )
    network = network_of({"input": [1, 6] if layers[0]["kind"] == "conv1d" else 6, "layers": layers, **further})
    placement = cd.place(network.shape, chip)
    schedule = cd.on_chip(cd.LAYERED, placement).schedule
    work = PlacedExecution(cd.simulate(network, batch_of(np.zeros((1, TIMESTEPS, 6))), schedule).execution, placement)
    assert work.standing[:, 2].tolist() == scanned
    assert work.standing[:, 0].tolist() == operations


def test_xylo_takes_the_cycles_of_its_makers_model() -> None:
    """`cycles_model` of rockpool for one hidden layer, whose last spikes take a timestep more to reach the output."""
    chip, hidden, out = cd.find_chip("xylo_audio2"), 60, OUTPUTS
    execution, seconds, inputs = run(chip, [hidden], 3)
    steps = TIMESTEPS + 1
    p_in, p = inputs / (steps * INPUTS), execution.emitted[0, 0] / (steps * hidden)
    step = INPUTS * (1 + 3.5 * p_in * hidden) + hidden * 3 + hidden * p * (1 + 8 * out)
    step += hidden * (19 + 3 * p) + 12 * out
    assert p > 0
    assert seconds == near(steps * step / chip.clock.value, rel=1e-9)
    assert chip.power_gating.clock == "yes"  # "performs no operations until the next network time-step"


def test_service_times_have_no_layers() -> None:
    placement = cd.place(shape_of("4-3-2"), chip_of("clocked"), "published")
    with pytest.raises(cd.InputError, match="does not support the chip's layer_work"):
        cd.service_model(placement)
