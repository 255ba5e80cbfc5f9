"""Direct connections: which layers they may connect, and what they make of a network."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import codesign as cd
from codesign.errors import InputError
from codesign.network.topology import TopologySpec, network_shape, topology_text

CONV = {"kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1}
POOL = {"kind": "average_pool", "kernel": 2}
LAYERS = [CONV, POOL, CONV, CONV, {"kind": "linear", "neurons": 3}]


def spec(*skips: dict[str, Any], delayed: tuple[dict[str, Any], ...] = ()) -> TopologySpec:
    return TopologySpec.model_validate({"input": [2, 4, 4], "layers": LAYERS, "skips": skips, "delayed": delayed})


def test_they_begin_behind_the_pools():
    """2×4×4 inputs; layers of 4×4×4, 4×2×2, 4×2×2 and 3 neurons, with a pool behind the first."""
    topology = spec(
        {"from": 0, "to": 2, "kind": "identity", "factor": 0.5},
        {"from": "input", "to": 2, "kind": "conv2d", "kernel": 1, "stride": 2},
        {"from": 0, "to": 3, "kind": "linear"},
        delayed=({"from": 1, "to": 1, "within": "pass"},),
    )
    shape = network_shape(topology)
    sizes = [(one.source, one.target, one.fan_in, one.synapses, one.weights) for one in shape.direct]
    assert sizes == [(0, 2, 4, 64, 4), (-1, 2, 2, 32, 8), (0, 3, 64, 192, 48), (1, 1, 16, 256, 256)]
    assert [one.detour for one in shape.direct] == [1, 2, 2, 0]
    assert [layer.fan_in for layer in shape.layers] == [18, 64 + 16, 16 + 4 + 2, 16 + 64]
    assert topology_text(shape).startswith("32-64-16-16-3, layer 0 to layer 2 within the timestep, input to layer 2")
    network = cd.SpikingNetwork(topology, cd.NeuronSpec(), timestep_s=1e-3)
    assert network.layers_fed() == [0, 1, 2, 3, 2, 2, 3, 1]
    identity = network.direct()[0]
    assert not identity.weight.requires_grad
    assert identity.currents(torch.ones(1, 64), identity.weight).tolist() == [[0.5] * 16]
    assert TopologySpec.model_validate_json(topology.model_dump_json(by_alias=True)) == topology


IDENTITY = {"from": 0, "to": 2, "kind": "identity"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        # skips lead on, connections within a pass lead back
        ([{"from": 0, "to": 1, "kind": "identity"}], "skips.0.to: must be a later layer than the one after from"),
        ([{"from": 0, "to": 4, "kind": "linear"}], "skips.0.to: must be a layer of neurons, 0 to 3, found 4"),
        ([{"from": "input", "to": 2, "kind": "identity"}], "skips.0.kind: identity gives 2×4×4, but layer 2 has 4×2×2"),
        ([{"from": 0, "to": 2, "kind": "conv2d", "kernel": 1, "groups": 3}], "skips.0.kind: groups must divide"),
        ([IDENTITY, {**IDENTITY, "factor": 0.5}], "skips.1: this connection is already listed"),
        ([{"from": 1, "to": 2, "within": "pass"}], "the next is connected, and skips lead to others"),
        ([{"from": 3, "to": 1, "within": "pass"}], "must not be the last layer"),
        ([{"from": 1, "to": 1, "within": "pass", "delay": 2}], "give this or within, not both"),
        ([{"from": 0, "to": 0, "within": "pass"}, {"from": 4, "to": 0}], "delayed.1.from: must be a layer of neurons"),
        ([{"from": 0, "to": 0}] * 2, "delayed.1: this connection is already listed"),
    ],
)
def test_what_does_not_fit_is_an_error(given: list[dict[str, Any]], message: str):
    with pytest.raises(InputError, match=message):
        TopologySpec(input=(2, 4, 4), layers=LAYERS, **{"skips" if "kind" in given[0] else "delayed": given})
