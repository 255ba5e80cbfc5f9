"""A sweep that its data, chips or outputs do not allow is refused when it is planned, with the lines at fault."""

from __future__ import annotations

import pytest
from mistakes_found import mistakes_of
from tiny_sweeps import CHIP, axes, instead, outline, tiny

from codesign.errors import DocumentError, InputError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.planning import build_plan
from codesign.exploration.sweep import plan_sweep

HIDDEN, EPOCHS, METHOD = 'hidden: "12-8"', "epochs: 1", "{method: layered}"
CONVOLUTION = "\n  layers:\n    - {kind: conv2d, channels: 4, kernel: 30}\n    - {neurons: 10, kind: linear}"
LINEAR = ", ".join(f"{{kind: linear, neurons: {neurons}}}" for neurons in (12, 8, 10))
RETURNS = (HIDDEN, f"layers: [{LINEAR}], delayed: [{{from: 0, to: 0, within: pass}}]")
AGAIN = "connections within a pass need refractory neurons"
POTENTIAL = (HIDDEN, f"{HIDDEN}, neuron: {{readout: potential}}")
REAL_TIME = (CHIP, CHIP.replace("{", "{operation: real_time, "))
TIMED = ("{policy: random", "{policy: timed")
POETS = instead("poets: {schedules: [asynchronous]}")


@pytest.mark.parametrize(
    ("line", "message", "changes"),
    [
        (4, "network.topology: '100-12-10' has 100 inputs, the workload", [(HIDDEN, "topology: 100-12-10")]),
        (4, "network.topology: the last layer must be linear with the 10", [(HIDDEN, "topology: 512-12-11")]),
        (6, "network.layers.0: a kernel of 30 does not fit 16×16", [(f"{{{HIDDEN}}}", CONVOLUTION)]),
        (
            *(4, "network.neuron.threshold: must be one for all, or one for each of 3 layers of neurons, found 2"),
            [(HIDDEN, f"{HIDDEN}, neuron: {{threshold: [0.1, 0.2]}}")],
        ),
        (
            *(6, "recipes.layered.loss: 'timestep' needs output spikes"),
            [POTENTIAL, (EPOCHS, f"{EPOCHS}, loss: {{name: timestep, temperature: 2}}")],
        ),
        (16, "axes.recipe.layered.loss", [POTENTIAL, axes("recipe.layered.loss: [sum, timestep]")]),
        (
            *(8, "recipes.layered.spike_cost: must be one number, or one for each of 2 hidden layers, not 1"),
            [(METHOD, "{method: layered, spike_cost: [0.1]}")],
        ),
        (
            *(6, "recipes.layered.budget: needs hidden neurons, whose spikes it saves"),
            [(EPOCHS, f"{EPOCHS}, budget: {{density: 1}}"), (HIDDEN, 'topology: "512-10"')],
        ),
        (*(4, f"network.neuron.refractory: {AGAIN}"), [(HIDDEN, f"{RETURNS[1]}, neuron: {{refractory: false}}")]),
        (
            *(8, f"recipes.layered.refractory: {AGAIN}"),
            [RETURNS, (METHOD, "{method: unlayered, policy: random, refractory: false}")],
        ),
        (
            *(13, f"schedules.asynchronous.refractory: on chips.mubrain: {AGAIN}"),
            [RETURNS, ("{policy: random", "{refractory: false, policy: random")],
        ),
        (
            *(13, "schedules.asynchronous.stop: on chips.mubrain: stop 'on_output' needs output spikes"),
            [POTENTIAL, ("{policy: random", "{stop: on_output, policy: timed")],
        ),
        (10, "chips.mubrain.operation: 'real_time' lasts", [REAL_TIME]),
        (
            *(16, "axes.chip.mubrain.operation: 'real_time' lasts as long as the stimulus, and workload 'digits' is a"),
            [axes("chip.mubrain.operation: [accelerated, real_time]")],
        ),
        (10, "chips.mubrain.spread: must have the cores of", [(CHIP, CHIP.replace("{", "{spread: [1], "))]),
        (13, "schedules.asynchronous.policy: on chips.poets: poets: a policy that looks at", [TIMED, POETS]),
        (
            *(8, "recipes.layered.chip: poets: a policy that looks at service times needs them all; the chip gives no"),
            [POETS, (METHOD, "{method: unlayered, policy: timed, chip: poets}")],
        ),
    ],
)
def test_what_does_not_fit_the_data_is_told_at_its_line(line, message, changes):
    """Before anything is trained; and without a file, at its path."""
    data = outline(timesteps=5, timestep_s=0.0)
    with pytest.raises(DocumentError) as caught:
        build_plan(tiny(*changes), data)
    assert [(one.file, one.line) for one in caught.value.problems] == [("tiny.yaml", line)]
    assert caught.value.problems[0].message.startswith(message)
    spec = tiny(*changes)
    with pytest.raises(InputError) as caught:
        build_plan(SweepSpec.model_construct(**dict(spec)), data)
    assert str(caught.value).startswith(message)


def test_a_budget_on_a_chip_whose_energy_does_not_hold_is_refused():
    """Of a study's chips, the baseline may have another one."""
    allin = (CHIP, f"{CHIP}\n  truenorth_allin: {{operation: accelerated}}")
    spec = tiny(allin, (METHOD, "{method: layered, budget: {energy: 1 uJ, chip: truenorth_allin}}"))
    told = "truenorth_allin: its all-in energy was measured in real_time operation"
    found = mistakes_of(build_plan, spec, outline())
    assert [(line, told in message) for line, message in found] == [(8, True), (11, True)]


def test_all_that_does_not_fit_is_told_at_once():
    spec = tiny(POTENTIAL, ("epochs: 1", "epochs: 1, loss: timestep"), TIMED, POETS, REAL_TIME)
    assert [line for line, _ in mistakes_of(build_plan, spec, outline(timestep_s=0.0))] == [6, 10, 13]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("train: 60", "train: 60000"), "workload.train: asked for 20 validation and 60,000 training samples"),
        (("test: 20", "test: 60000"), "workload.test: asked for 60,000 test samples, found 1,797"),
    ],
)
def test_more_samples_than_there_are_are_told_at_their_line(change, message):
    ((line, told),) = mistakes_of(plan_sweep, tiny(change))
    assert (line, told[: len(message)]) == (3, message)
