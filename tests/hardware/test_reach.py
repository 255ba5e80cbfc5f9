"""Messages go only to cores that hold a target of the neuron that sends them. Shares of neurons: `test_lanes.py`."""

from __future__ import annotations

import numpy as np
from handmade_hardware import group, mesh_chip, near
from networks import batch_of, network_of

import codesign as cd

PRICES = group("energies", synaptic_operation="0 J", message="1 uJ", hop="1 mJ", neuron_update="0 J")
PRICES += group("times", synaptic_operation="1 us", message="1 ms", neuron_update="0 s", output="1 s", hop="0 s")
DEPTHWISE = {"kind": "conv2d", "channels": 2, "kernel": 1, "groups": 2}


def cost_of_layers(count: int, **further: object) -> cd.Cost:
    """Of two channels of two neurons each, on tiles 0 and 1 of a row, then on tiles 2 and 3, ...; all fire once."""
    chip = mesh_chip(1, 2 * count, neurons=2, more=f"vector_width: 1\n{PRICES}")
    weights = [1.0] * (count + len(further))
    network = network_of({"input": [2, 1, 2], "layers": [DEPTHWISE] * count, **further}, *weights)
    placement = cd.place(network.shape, chip)
    schedule = cd.Schedule(group_size=None, stop="drained", cores=placement.schedule_cores())
    execution = cd.evaluate(network, batch_of(np.ones((1, 1, 4))), schedule)
    assert execution.emitted.tolist() == [[4] * count]
    return cd.price(execution, placement)


def test_a_depthwise_convolution_by_hand() -> None:
    """A neuron has one target, on one core. Ways: from tile 0 to 0 and 1, then from 0 to 2 and from 1 to 3."""
    cost = cost_of_layers(2)
    placement = cost.counted.placement
    assert cost.energy.terms_j["message"] == near([8e-6])  # 4 inputs and 4 neurons
    assert cost.energy.terms_j["hop"] == near([(2 * 0 + 2 * 1 + 2 * 2 + 2 * 2) * 1e-3])
    received, sent = 2 * (1e-3 + 1e-6), 2 * 1.0
    assert cost.latency.busy_s == near(np.array([[received + sent, received + sent, received, received]]))
    service = cd.service_model(placement)
    assert service.message_s == near([(1e-3 + 1e-6) / 2] * 4)  # of the layer before, one half goes there
    assert service.output_s == near([1.0, 1.0, 0.0, 0.0])
    # from tiles 0, 1 and 2 to the next
    assert placement.geometry.links.T.tolist() == [[0.5, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0]]


def test_spikes_over_an_identity_go_to_the_core_of_their_one_target() -> None:
    """Neurons of the first of three layers also send to the third, two tiles on."""
    plain, cost = cost_of_layers(3), cost_of_layers(3, skips=[{"from": 0, "to": 2, "kind": "identity"}])
    assert cost.counted.geometry.reach.share[-2:].tolist() == [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]]
    assert cost.energy.terms_j["message"] - plain.energy.terms_j["message"] == near([4e-6])
    assert cost.energy.terms_j["hop"] - plain.energy.terms_j["hop"] == near([4 * 4e-3])
    more_busy = cost.latency.busy_s - plain.latency.busy_s
    assert more_busy == near(np.array([[2.0, 2.0, 0, 0, 2 * (1e-3 + 1e-6), 2 * (1e-3 + 1e-6)]]))
