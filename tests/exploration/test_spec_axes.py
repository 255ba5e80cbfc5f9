"""Values of axes and of chips: each by itself, and those that must go together."""

from __future__ import annotations

import pytest
from mistakes_found import mistakes_of
from tiny_sweeps import axes, beside, instead, plan_of, problems, text_of, tiny

from codesign.exploration.definition.variants import recipe_variants
from codesign.exploration.sweep import plan_sweep


def test_an_unknown_dataset_is_told_once():
    unknown = text_of(("name: digits", "name: digitz"), axes("workload.timesteps: [2, 3]", "workload.train: [20]"))
    ((line, told),) = problems(unknown)
    assert (line, told.startswith("workload.name: unknown dataset 'digitz'")) == (3, True)


NETWORK = 'network: {hidden: "12-8"}'
LAYERS = (NETWORK, "network: {layers: [{kind: linear, neurons: 8}, {kind: linear, neurons: 10}]}")
NEURON = (NETWORK, f"{NETWORK[:-1]}, neuron: {{time_constant: [1 ms, 2 ms, 3 ms]}}}}")
TOPOLOGY = ('hidden: "12-8"', "topology: 512-12-10")
RECIPES = beside(
    "budgeted: {method: layered, budget: {density: 1.0}, loss: sum}",
    "mixed: {method: unlayered, mixture: [{policy: random, group_size: 8}, {method: layered}]}",
    "jittered: {method: layered, augmentation: {time_jitter: 2 ms, shift: 1}}",
)
LOIHI, ODIN, SPECK = (instead(f"{chip}: {{}}") for chip in ("loihi", "odin", "speck"))
QUEUED = "schedule.asynchronous.prioritize_input: [true]"
KIND = "chip.loihi.synchronization"
UNSTATED = "no result depends on it, because speck states no structure"


@pytest.mark.parametrize(
    ("changes", "axis", "message"),
    [
        ((), "network: [3]", "must be one of recipe.<name>.<parameter>"),
        ((), "schedule.asynchronous.group_siz: [1]", "a schedule has no parameter 'group_siz'; did you mean 'group_s"),
        ((), "schedule.asynchronous.group_size: [4, 0]", "must be greater than 0, or 'all' or 'layer', found 0"),
        ((), "schedule.asynchronous.group_size: [some]", "must be a whole number, or 'all' or 'layer', found 'some'"),
        ((), "schedule.layered.steps_after_output: [1, 33]", "must be less than 33, found 33"),
        ((), "schedule.layered.policy:\n    - fifo\n    - randum", "unknown scheduling policy 'randum'; did you mean"),
        ((), "network.width: [16, 0]", "must be a whole number above 0, at most 10,000,000, found 0"),
        ((), "network.topology: [64x]", "topology '64x'"),
        ((), "network.widht: [3]", "a network has no parameter 'widht'; did you mean 'width'? allowed: delayed,"),
        ((), "network.neuron.threshold: [1]", "cannot be varied; write neuron.<parameter>"),
        ((), "network.hidden.0: [8]", "hidden layers are counted from 1"),
        ((), "network.layers.0.channels: [2]", "the network of the file has no 'layers.0'"),
        ((), "network.topology: [512-9-10]\n  network.width: [16]", "cannot be combined with network.topology"),
        ((), "network.hidden: [9, 8]\n  network.depth: [2]", "cannot be combined with network.hidden"),
        ([TOPOLOGY], "network.hidden: [64]", "network.hidden = 64: give one of topology"),
        ([TOPOLOGY], "network.topology: [512-9-10, 511-9-10]", "'511-9-10' has 511 inputs"),
        ([LAYERS], "network.layers.0.kind: [conv2d]", "'channels' is missing"),
        ((), "neuron.time_constant: [5 ms, 5]", "needs a unit, found 5"),
        ([NEURON], "neuron.time_constant.0: [5]", "needs a unit, found 5"),
        ((), "neuron.time_constant: [1 ms, 1000 us]", "values must differ"),
        ((), "neuron.thresold: [1]", "a neuron has no parameter 'thresold'; did you mean 'threshold'?"),
        ((), "neuron.reset: [zero, value]\n  neuron.reset_value: [0.1, 0.2]", "goes with reset 'value', found 'ze"),
        ((), "workload.name: [digits]", "cannot be varied; give each its own sweep"),
        ((), "workload.contrast: [0]", "must be"),
        ((), "workload.timestep: [1 us, 10 ms]", "must be at least 1 ms, found 1 µs"),
        ((), "recipe.layered.method: [unlayered]", "cannot be varied; give each a recipe of its own"),
        ([RECIPES], "recipe.budgeted.budget.density: [0.5, -1]", "must be greater than 0, found -1"),
        ([RECIPES], "recipe.budgeted.budget.densty: [0.5]", "'budget.densty'; did you mean 'budget.density'?"),
        ([RECIPES], "recipe.budgeted.loss.temprature: [0.5]", "loss 'sum' has no parameter 'temprature'"),
        ([RECIPES], "recipe.mixed.mixture.0.group_siz: [1]", "did you mean 'mixture.0.group_size'?"),
        ([RECIPES], "recipe.jittered.augmentation.time_jitter: [0.002]", "needs a unit, found 0.002"),
        ((), QUEUED, "prioritize_input = True: prioritize_input needs input_mode 'queued'; in mode 'frame' no input"),
        (
            *((), f"{QUEUED}\n  schedule.asynchronous.input_mode: [queued, frame]"),
            "prioritize_input = True, input_mode = frame: prioritize_input needs input_mode 'queued'",
        ),
        ((), "chip.mubrain.vector_width: [1, 4, 1]", "must differ, found 1, 4, 1"),
        ((), "chip.mubrain.vector_width: [0]", "must be greater than 0"),
        ((), "chip.mubrain.weight_bits: [chip, 33]", "must be 'chip' or 'none', or less than or equal to 32, found 33"),
        ((), "chip.mubrain.energies.synaptic_operation: [26 pJ, 3]", "needs a unit, found 3"),
        ((), "chip.mubrain.extends: [mubrain, loihi]", "cannot be varied; list schedules in the chip's entry, and"),
        ([SPECK], "chip.speck.supply_voltage: [0.6 V, 0.7 V]", UNSTATED),
        ([SPECK], "chip.speck.technology_node: [28 nm]", UNSTATED),
        (
            *([ODIN], "chip.odin.times.synaptic_operation: [1 ns, 20000]\n  chip.odin.clock: [100 MHz, 100 Hz]"),
            "times.synaptic_operation = 20000, clock = 100 Hz: odin: times.synaptic_operation.cycles:",
        ),
        (  # a mesh of 4 × 8 tiles of 4 cores does not hold 200
            *([LOIHI], "chip.loihi.vector_width: [1, 2]\n  chip.loihi.cores: [64, 200]"),
            "vector_width = 1, cores = 200: loihi_sanafe: network_on_chip: has place for 128 cores (4×8",
        ),
        ([LOIHI], f"{KIND}: [barrier, timr]", "loihi_sanafe: synchronization: must be a kind in words"),
        (  # right under one kind, told where it meets the other
            *([LOIHI], f"{KIND}: [barrier, neighbour]\n  {KIND}.handshake: [5 ns]"),
            "synchronization = barrier, synchronization.handshake = 5 ns: chip 'loihi_sanafe' has no parameter",
        ),
        (
            *([LOIHI], f"{KIND}: [asynchronous, barrier]\n  chip.loihi.group_size: [4]"),
            "synchronization = barrier, group_size",
        ),
        (  # Loihi's file states a structure and weights of 9 bits, which no potential of 6 bits holds
            *([LOIHI], "chip.loihi.potential_bits: [6, 16]\n  chip.loihi.weight_bits: [4, chip]"),
            "potential_bits = 6, weight_bits = chip: loihi_sanafe: potential_bits: a potential must hold at least one "
            "weight, found 6 bits of potential and 9 of weights",
        ),
    ],
)
def test_an_axis_that_cannot_be_is_told_at_its_line(changes, axis, message):
    """What does not go together is told at the last of these axes."""
    found = mistakes_of(lambda: plan_sweep(tiny(*changes, axes(axis))))
    assert {line for line, _ in found} == {text_of(*changes, axes(axis)).count("\n")}
    told, path = found[0][1], [line for line in axis.split("\n  ") if ":" in line][-1].partition(":")[0]
    assert (told.startswith(f"axes.{path}"), message in told) == (True, True), told


@pytest.mark.parametrize(
    ("changes", "axis"),
    [
        ((), f"{QUEUED}\n  schedule.asynchronous.input_mode: [queued]"),
        ([LOIHI], f"{KIND}: [neighbour]\n  {KIND}.handshake: [5 ns]"),
        # Memories are built for the widths of weights that an axis gives.
        ([LOIHI], "chip.loihi.potential_bits: [6, 16]\n  chip.loihi.weight_bits: [4, 6]"),
        # Operations of a chip whose layers do not wait are estimated with their updates, until an axis gives these.
        (
            [instead("own: {extends: mubrain, energies: {synaptic_operation: null}}")],
            "chip.own.energies.neuron_update: [1 pJ, 2 pJ]",
        ),
    ],
)
def test_values_of_axes_need_to_go_together_only_as_they_are_combined(changes, axis):
    assert plan_of(tiny(*changes, axes(axis))).points


def test_a_part_is_set_in_the_whole_that_another_axis_sets_whichever_comes_first():
    whole, part = "recipe.budgeted.loss: [timestep, sum]", "recipe.budgeted.loss.temperature: [0.25, 1.0]"
    for order in ((whole, part), (part, whole)):
        losses = [variant.value.loss for variant in recipe_variants(tiny(RECIPES, axes(*order)), "budgeted")]
        assert {(loss["name"], loss["temperature"]) for loss in losses} == {
            (name, temperature) for name in ("timestep", "sum") for temperature in (0.25, 1.0)
        }
