from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
from equality import assert_same
from networks import network_of

import codesign as cd
from codesign.exploration.jobs.encoding import canonical_json, decode_execution, encode_execution


def example(most: int = 2, network: cd.SpikingNetwork | None = None) -> cd.Execution:
    generator = np.random.default_rng(5)
    frames = generator.integers(0, most + 1, size=(6, 3, 7))
    events = cd.EventBatch.from_dense(frames, np.arange(6) % 3, timestep_s=0.01)
    network = network or cd.SpikingNetwork(cd.parse_topology("7-6-5-3"), cd.NeuronSpec(), timestep_s=0.01, seed=1)
    network.weights()[0].data[0] = 0.0
    return cd.simulate(network, events, cd.Schedule(group_size=2), seed=3).execution


def test_an_execution_survives_a_round_trip():
    execution = example()
    assert execution.emitted.sum() > 0
    assert execution.zero_weights == (pytest.approx(1 / 6), 0.0, 0.0)
    layers = [{"kind": "linear", "neurons": neurons} for neurons in (6, 5, 3)]
    sent = {"delayed": [{"from": 0, "to": 0, "delay": 1}], "skips": [{"from": 0, "to": 2, "kind": "linear"}]}
    rich = network_of({"input": 7, "layers": layers, **sent}, tick=True, bias=True)
    rich.bias.data[:] = 0.2
    ticking = example(most=0, network=rich)
    assert min(map(np.sum, (ticking.tick_evaluations, ticking.delayed_operations, ticking.direct_messages.sample))) > 0
    for one in (execution, ticking, example(most=0)):  # the last without a message
        assert_same(decode_execution(encode_execution(one)), one)
    head, _, _ = encode_execution(execution).partition(b"\n")
    assert json.loads(head)["arrays"]["emitted"] == ["|u1", [6, 3]]  # the smallest type that holds them
    assert encode_execution(execution) == encode_execution(example())


@dataclass(frozen=True, kw_only=True)
class Pair:
    a: int
    b: tuple[float, ...]


def test_canonical_json_by_hand():
    value = {"z": Pair(a=1, b=(0.5, math.inf)), "a": None, "n": cd.NeuronSpec()}
    assert canonical_json(value) == (
        '{"a":null,"n":{"bias":false,"readout":"spikes","refractory":true,"reset":"zero","surrogate_steepness":2.0,'
        '"threshold":0.3,"time_constant":"inf"},"z":{"a":1,"b":[0.5,"inf"]}}'
    )


def test_what_has_no_canonical_form_is_refused():
    for value in (object(), {1: 2}, {3}, np.float64(1).reshape(1)):
        with pytest.raises(TypeError):
            canonical_json(value)
