"""Executions of the real simulator, on every shipped chip."""

from __future__ import annotations

import numpy as np
import pytest
from networks import batch_of, network_of

import codesign as cd
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.cost.work import PlacedExecution
from codesign.network.layers import Conv2d, Linear

CONVOLUTIONAL = cd.TopologySpec(
    input=(1, 8, 8), layers=(Conv2d(kind="conv2d", channels=3, kernel=3), Linear(neurons=12), Linear(neurons=4))
)
SAME = {"kind": "conv2d", "channels": 3, "kernel": 3, "padding": 1}
RESIDUAL = cd.TopologySpec.model_validate(
    {
        "input": [1, 8, 8],
        "layers": [SAME, {"kind": "max_pool", "kernel": 2}, SAME, SAME, {"kind": "linear", "neurons": 4}],
        "skips": [
            {"from": 0, "to": 2, "kind": "identity"},
            {"from": "input", "to": 2, "kind": "conv2d", "kernel": 2, "stride": 2},
        ],
        "delayed": [{"from": 1, "to": 1, "within": "pass"}, {"from": 2, "to": 2}],
    }
)
LINEAR = "64-[20x2]-4"


def random_events() -> cd.EventBatch:
    return batch_of(np.random.default_rng(1).poisson(0.2, (5, 3, 64)))


@pytest.mark.parametrize(
    ("name", "topology"),
    [
        *((name, CONVOLUTIONAL) for name in cd.chip_names()),
        *((name, RESIDUAL) for name in ("loihi", "mubrain", "speck")),
    ],
)
def test_a_convolution_is_priced_as_it_was_placed(name: str, topology: cd.TopologySpec) -> None:
    """Linear networks on every chip: test_ended_samples; that parts sum to totals: test_pricing_properties."""
    chip = cd.find_chip(name)
    network = network_of(topology, threshold=0.05)
    placement = cd.place(network.shape, chip, "scaled", None if chip.weight_bits is None else chip.weight_bits.value)
    schedule = cd.chip_schedule(placement, stop="drained").schedule
    execution = cd.simulate(network, random_events(), schedule, seed=1).execution
    assert execution.emitted.sum() > 0
    synaptic = chip.energies.synaptic_operation
    operation = (synaptic.operation if synaptic is not None else None) or "accelerated"
    cost = cd.price(execution, placement, operation=operation)
    energy, latency = cost.energy, cost.latency
    bound = cd.price(execution, placement, operation=operation, bound_only=True).latency.total_s
    assert bound is None or (latency.total_s <= bound * (1 + 1e-9)).all()
    assert energy.total_j is None or (energy.total_j > 0).all()
    if latency.total_s is not None:
        decided = ~np.isnan(latency.decision_s)
        assert (latency.decision_s[decided] <= latency.total_s[decided] * (1 + 1e-12)).all()


def test_a_skip_behind_a_max_pool_delivers_what_was_performed() -> None:
    """A window passes on one of its spikes, so a message has a fraction of its operations in the mean."""
    layers = [SAME, {"kind": "max_pool", "kernel": 2}, SAME, SAME, {"kind": "linear", "neurons": 4}]
    skip = {"from": 0, "to": 2, "kind": "conv2d", "kernel": 3, "padding": 1}
    network = network_of(
        cd.TopologySpec.model_validate({"input": [1, 8, 8], "layers": layers, "skips": [skip]}), threshold=0.05
    )
    chip = with_parameters(cd.find_chip("mubrain"), {"vector_width": 1, "structure.memory": "sram"})
    placement = cd.place(network.shape, chip, "scaled", 4)
    schedule = cd.chip_schedule(placement, stop="drained").schedule
    placed = PlacedExecution(cd.simulate(network, random_events(), schedule, seed=1).execution, placement)
    skipped = placed.messages.source > len(placement.parts)
    delivered, performed = placed.deliveries, placed.messages.synaptic_operations[skipped].sum()
    assert performed > 0
    assert delivered.operations[skipped[delivered.row]].sum() == pytest.approx(performed, rel=1e-12)


def test_what_a_user_holds_is_shown_in_a_few_lines() -> None:
    chip, network = cd.find_chip("loihi"), network_of(LINEAR, threshold=0.05)
    placement = cd.place(network.shape, chip)
    execution = cd.simulate(network, random_events(), cd.chip_schedule(placement, stop="drained").schedule).execution
    cost, schedule = cd.price(execution, placement), cd.chip_schedule(placement).schedule
    recipe = cd.Recipe(method="unlayered", epochs=2, batch_size=8, learning_rate=0.1)
    for shown in (chip, network, placement, schedule, recipe, execution, execution.messages, cost, random_events()):
        for text in (repr(shown), str(shown)):
            assert len(text) < 500
            assert text.count("\n") <= 9
    assert str(recipe) == "Recipe(method='unlayered', epochs=2, batch_size=8, learning_rate=0.1)"


def test_weights_that_are_not_the_chips_are_told_with_the_cost() -> None:
    """Of the chips, one gives no bits, so that there is nothing to quantize and nothing to say."""
    for name, bits in (("loihi", 9), ("truenorth", 1), ("spinnaker2", None)):
        chip, network = cd.find_chip(name), network_of(LINEAR, threshold=0.05)
        schedule = cd.chip_schedule(cd.place(network.shape, chip, "scaled"), stop="drained").schedule
        execution = cd.simulate(network, random_events(), schedule).execution
        floats, own = (cd.price(execution, cd.place(network.shape, chip, "scaled", of)) for of in (None, "chip"))
        words = f"evaluated with 32-bit floating-point weights; the chip holds {bits}-bit weights"
        assert (words in str(floats)) == (bits is not None)
        assert "evaluated with" not in str(own)
        assert own.energy_j == floats.energy_j
