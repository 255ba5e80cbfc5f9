"""What jobs give for inputs whose results can be worked out by hand.

If a change makes one of these fail for a good reason, the same inputs now mean something else: raise the matching
`*_VERSION` in `codesign/exploration/jobs/jobs.py`, or stores of earlier versions will go on handing out old results.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from handmade_hardware import near
from networks import batch_of, network_of

from codesign.exploration.jobs import job_runs
from codesign.exploration.jobs.encoding import decode_columns, decode_execution, decode_state, encode_state
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.jobs.store import Entry
from codesign.hardware.library import find_chip
from codesign.hardware.placement.placement import place
from codesign.network.neuron import NeuronSpec
from codesign.network.quantization import Quantization
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import network_shape, parse_topology
from codesign.simulation.schedule import LAYERED
from codesign.training.recipe import Recipe
from codesign.workload.dataset import Workload


def workload(inputs: int, classes: int, timesteps: int = 1) -> Workload:
    """One sample of class 0, one event at each input in each timestep."""
    events = batch_of(np.ones((1, timesteps, inputs)))
    return Workload(
        name="by hand",
        input_size=inputs,
        input_grid=(1, 1, inputs),
        classes=classes,
        timesteps=timesteps,
        timestep_s=0.01,
        train=events,
        validation=events,
        test=events,
        coverage=None,
        fingerprint="by hand",
    )


def model(topology: str) -> TrainInputs:
    return TrainInputs(
        workload="by hand",
        topology=parse_topology(topology),
        neuron=NeuronSpec(),
        recipe=Recipe(method="layered", epochs=1, learning_rate=2**-6),
        schedule=LAYERED,
        seed=4,
    )


def execute(second: float = 0.0, bits: int | None = None, **others: Any) -> Entry:
    """2-2-2. Both hidden neurons reach 0.5 + 0.5 > 0.3 and fire; of the outputs, 0 reaches 1 and 1 stays at 0.

    Args:
        second: both weights of output 1.
        bits, others: of the quantization.
    """
    quantization = None if bits is None else Quantization(bits=bits, **others)
    inputs = ExecuteInputs(model=model("2-2-2"), schedule=LAYERED, seed=0, quantization=quantization)
    state = network_of("2-2-2", 0.5, [[0.5, 0.5], [second, second]], threshold=0.3).state_dict()
    return job_runs.run_execute(inputs, encode_state(state), workload(2, 2))


def test_train():
    """Adam's first step moves every weight by the learning rate, against the sign of its gradient.

    One layer, one event: more of output 0 and less of output 1 is what a sample of class 0 asks for.
    """
    inputs = model("1-2")
    output = job_runs.run_train(inputs, workload(1, 2))
    before = SpikingNetwork(inputs.topology, inputs.neuron, timestep_s=0.01, seed=4).state_dict()
    after = decode_state(output.payload)
    moved = (after["connections.0.weight"] - before["connections.0.weight"]).flatten()
    assert moved.tolist() == pytest.approx([2**-6, -(2**-6)], rel=1e-4)
    assert output.facts["trained_epochs"] == output.facts["best_epoch"] == 1
    # Neither weight reaches the threshold, before or after the step: equal logits, and no decision.
    assert before["connections.0.weight"].max() + 2**-6 < 0.3
    assert output.facts["training_loss_curve"] == pytest.approx([math.log(2)])
    assert output.facts["validation_accuracy_curve"] == [0]
    assert output.facts["epoch_wall_s"] > 0


@pytest.mark.parametrize(("rule", "learns"), [("all", True), ("spare", True), ("none", False)])
def test_idle_gradient_decides_whether_a_silent_neuron_learns(rule, learns):
    """1-2-2: one hidden neuron fires, the other stays below 0.3, and the group of two has room for it."""
    recipe = Recipe(method="unlayered", group_size=2, epochs=1, learning_rate=2**-6, idle_gradient=rule)
    inputs = replace(model("1-2-2"), recipe=recipe, schedule=recipe.schedule, seed=5)
    output = job_runs.run_train(inputs, workload(1, 2))
    before = SpikingNetwork(inputs.topology, inputs.neuron, timestep_s=0.01, seed=5).state_dict()
    moved = (decode_state(output.payload)["connections.0.weight"] != before["connections.0.weight"]).flatten()
    fires = before["connections.0.weight"].flatten() > 0.3
    assert fires.sum() == 1
    assert moved[fires].tolist() == [True]
    assert moved[~fires].tolist() == [learns]


def test_train_with_one_bit():
    """Weights of 0.1193 and 0.1182 are both 0.1187, above a threshold of 0.1185 where the second by itself is not.

    Both outputs fire, before and after the step, which moves the float weights as above.
    """
    one_bit = Quantization(bits=1)
    inputs = replace(model("1-2"), neuron=NeuronSpec(threshold=0.1185), quantization=one_bit)
    inputs = replace(inputs, recipe=inputs.recipe.model_copy(update={"quantization": "chip"}))
    output = job_runs.run_train(inputs, workload(1, 2))
    after = decode_state(output.payload)["connections.0.weight"].flatten()
    assert after.tolist() == pytest.approx([0.1193 + 2**-6, 0.1182 - 2**-6], abs=1e-4)
    assert output.facts["training_loss_curve"] == pytest.approx([math.log(2)])
    assert output.facts["validation_accuracy_curve"] == [1]


def test_execute():
    execution = decode_execution(execute().payload)
    assert execution.scores.tolist() == [[1, 0]]
    assert execution.emitted.tolist() == [[2, 1]]
    assert execution.propagated.tolist() == [[2, 1]]
    assert execution.synaptic_operations.tolist() == [[4, 4]]
    assert execution.evaluations.tolist() == [[2, 2]]
    assert execution.steps_to_first_output.tolist() == [[2]]
    assert execution.spikes_to_first_output.tolist() == [[2]]


@pytest.mark.parametrize(
    ("second", "quantization", "scores"),
    [
        (0.2, {}, [1, 1]),  # 0.4 > 0.3
        (0.2, {"bits": 2}, [1, 0]),  # steps of 0.5: 0.2 becomes 0
        (0.2, {"bits": 3}, [1, 1]),  # steps of 1/6: 0.2 becomes 1/6, twice that is more than 0.3
        (0.3, {"bits": 3, "signed": False}, [1, 1]),
        (-0.3, {"bits": 3, "signed": False}, [1, 0]),
        (0.2, {"bits": 3, "potential_bits": 4}, [1, 1]),  # up to 7/6
        (0.2, {"bits": 3, "potential_bits": 2}, [0, 0]),  # up to 1/6: nothing ever fires
    ],
)
def test_execute_with_weights_and_potentials_of_few_bits(second, quantization, scores):
    execution = decode_execution(execute(second, **quantization).payload)
    assert execution.scores.tolist() == [scores]


@pytest.mark.parametrize(("fraction_bits", "spikes"), [(None, 1), (2, 1), (0, 0)])
def test_execute_truncates_potentials_that_decay(fraction_bits, spikes):
    """Weight 1 is 3 steps of 1/3. Half of it and 1 are above 1.4; 1.5 steps truncated to 1, 4/3, are not."""
    neuron = NeuronSpec(threshold=1.4, time_constant=f"{0.01 / math.log(2)!r} s")
    inputs = ExecuteInputs(
        model=replace(model("1-1"), neuron=neuron),
        schedule=LAYERED,
        quantization=Quantization(bits=3, potential_fraction_bits=fraction_bits),
        seed=0,
    )
    state = SpikingNetwork(inputs.model.topology, neuron, timestep_s=0.01).state_dict()
    state["connections.0.weight"] = torch.ones(1, 1)
    execution = decode_execution(job_runs.run_execute(inputs, encode_state(state), workload(1, 1, 2)).payload)
    assert execution.scores.tolist() == [[spikes]]


def test_summary_and_cost():
    """8 synaptic operations at 26 pJ; in the paper's book 2 hidden spikes of fan-out 2."""
    chip = find_chip("mubrain_layersync2024")
    placement = place(network_shape(parse_topology("2-2-2")), chip, "published", 4)
    summary, cost = job_runs.run_assess(
        execute().payload,
        [
            SummaryInputs(execution="0", last_step=None),
            CostInputs(execution="0", placement=placement, operation="accelerated"),
        ],
    )
    assert isinstance(summary, Entry)
    assert isinstance(cost, Entry)
    answered, priced = decode_columns(summary.payload), decode_columns(cost.payload)
    assert (answered["accuracy"], answered["spike_density"], answered["latency_steps"]) == (1, 1, 2)
    assert answered["spike_density_quartiles"] == [1, 1, 1]
    assert priced["synaptic_operations"] == 8
    assert priced["energy_j"] == near(8 * 26e-12)
    assert priced["paper_energy_j"] == near(4 * 26e-12)
    assert priced["latency_s"] is None


def test_a_chip_that_cannot_price_leaves_the_others_alone():
    chip = find_chip("mubrain_layersync2024")
    other, own = (place(network_shape(parse_topology(sizes)), chip) for sizes in ("3-2", "2-2-2"))
    wrong, right = job_runs.run_assess(
        execute().payload,
        [
            CostInputs(execution="0", placement=other, operation="accelerated"),
            CostInputs(execution="0", placement=own, operation="accelerated"),
        ],
    )
    assert str(wrong).startswith("InputError: placement: is of another network")
    assert isinstance(right, Entry)
