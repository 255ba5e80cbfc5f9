"""What a notebook gives by mistake is named, with what is meant, and never ends in an error of Python's own."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from networks import network_of

import codesign as cd

WORKLOAD: Any = SimpleNamespace(train=(), test=())
STATE = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)).state_dict()
EVENTS = ": must be EventBatch, such as workload.test, found SimpleNamespace"
CHIP = "chip: must be Chip, as find_chip gives it, found str"
LOIHI: Any = "loihi"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: cd.evaluate(net, WORKLOAD, cd.LAYERED), f"events{EVENTS}"),
        (lambda net: cd.evaluate(LOIHI, WORKLOAD, cd.LAYERED), "network: must be SpikingNetwork, found str"),
        (lambda net: cd.train(net, cd.Recipe(method="layered", epochs=1), WORKLOAD, None, seed=0), f"training{EVENTS}"),
        (lambda net: cd.chip_schedule(LOIHI), "placement: must be Placement, as place gives it, found str"),
        (lambda net: cd.place(net.shape, LOIHI), CHIP),
        (lambda net: cd.validate(LOIHI), CHIP),
        (lambda net: cd.with_parameter(LOIHI, "cores", 3), CHIP),
        (lambda net: cd.chip_quantization(LOIHI), CHIP),
        (lambda net: cd.plot_schedules(3), "frame: must be DataFrame, as compare_schedules gives it, found int"),
        (lambda net: cd.SpikingNetwork(512, cd.NeuronSpec(), timestep_s=0.01), "a text such as '512-64-10', found int"),
        (lambda net: cd.SpikingNetwork("4-2", {}, timestep_s=0.01), "neuron: must be NeuronSpec, found dict"),
        (lambda net: cd.Schedule(policy="randm"), "unknown scheduling policy 'randm'; did you mean 'random'?"),
        (lambda net: net.load_weights("a.pt"), "must be a list of tensors or arrays, one for each layer, found str"),
        (lambda net: net.load_weights(STATE), "mapping; of `state`, pass [state['0.weight'], state['1.weight']]"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_named(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(cd.InputError) as caught:
        call(network_of("4-3-2"))
    assert message in str(caught.value)
