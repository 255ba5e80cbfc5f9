"""What a notebook gives by mistake is named, with what is meant."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from networks import network_of, toy_split

import codesign as cd
from codesign.hardware.cost.scheduling import ChipSchedule
from codesign.versions import package_versions

WORKLOAD: Any = SimpleNamespace(train=(), test=())
STATE = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)).state_dict()
EVENTS = ": must be EventBatch, found SimpleNamespace"
CHIP = "chip: must be Chip, found str"
LOIHI: Any = "loihi"
SOME = toy_split(0, 20)
GIVEN = cd.Recipe(model="a.safetensors", method="layered", epochs=1)
OWN: Any = cd.Policy(name="own", priority=lambda waiting: waiting.layer)
OTHER: Any = (cd.WorkloadSpec(name="mnist"), cd.load_workload("digits"))
OF_CHIP: Any = ChipSchedule(schedule=cd.LAYERED, assumptions=())


ONE = np.ones((1, 1, 4))
BATCHES = torch.utils.data.DataLoader([torch.ones(1, 4)])
MASKED = np.ma.masked_array(ONE, mask=ONE > 0)
COMPARED = pd.DataFrame([{"policy": "fifo", "stop": "drained", "group_size": 8.0, "chip": "loihi", "accuracy": 1.0}])
FOUR = cd.EventBatch.from_dense(ONE, [0], timestep_s=0.01)


def placed(network: cd.SpikingNetwork) -> cd.Placement:
    return cd.place(network.shape, cd.find_chip("loihi"))


def training(network: Any, **options: Any) -> object:
    return cd.train(network, cd.Recipe(method="layered", epochs=1), SOME, SOME, seed=0, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: cd.evaluate(net, WORKLOAD, cd.LAYERED), f"events{EVENTS}"),
        (lambda net: cd.train(net, cd.Recipe(method="layered", epochs=1), WORKLOAD, None, seed=0), f"training{EVENTS}"),
        (lambda net: cd.chip_schedule(LOIHI), "placement: must be Placement, found str"),
        (lambda net: cd.place(net.shape, LOIHI), CHIP),
        (lambda net: cd.price(cd.simulate(net, FOUR[:0], cd.LAYERED).execution, placed(net)), "without samples"),
        (lambda net: cd.validate(LOIHI), CHIP),
        (lambda net: cd.SpikingNetwork(512, cd.NeuronSpec(), timestep_s=0.01), "a text such as '512-64-10', found int"),
        (lambda net: cd.NeuronSpec(0.3), "NeuronSpec: takes values by name, found 0.3 without one"),
        (lambda net: cd.Schedule(policy="randm"), "unknown scheduling policy 'randm'; did you mean 'random'?"),
        (lambda net: cd.Schedule(group_size="all"), "must be a whole number, or None for all, found 'all'"),
        (lambda net: cd.Schedule(cores=3), "cores: must be a list of one number for each neuron, found 3"),
        (lambda net: cd.Schedule(refractory="5 ms"), "refractory: must be True or False, found '5 ms'"),
        (lambda net: cd.Recipe(method="unlayered", epochs=1, policy=OWN), "give a Policy of your own in the `sch"),
        (lambda net: cd.Recipe(method="layered", epochs=1, quantization="chip"), "quantization=cd.chip_quantization("),
        (lambda net: net.load_weights(STATE), "input to output, such as list(module.parameters()), found OrderedDict"),
        (lambda net: net.load_weights(torch.nn.Linear(4, 2)), "found Linear"),
        (lambda net: net.load_weights(None), "weights: must be a list of tensors or arrays, input to output, such as"),
        (lambda net: net.load_weights([*STATE]), "weights: number 0: must hold real numbers, found str of <U8"),
        (lambda net: net.load_weights([torch.ones(2, 4) * 1e39]), "number 0: must hold finite numbers of torch.f"),
        (lambda net: net.load_weights(STATE["0.weight"]), "must be a list, input to output"),
        (lambda net: cd.load_chip("loihi"), "loihi: there is no such file; find_chip takes the name of a chip"),
        (lambda net: cd.price(LOIHI, placed(net)), "execution: must be Execution, found str"),
        (lambda net: cd.place(net, cd.find_chip("loihi")), "shape: must be NetworkShape, found Spiking"),
        (lambda net: cd.EventBatch.from_torch([(torch.ones(1, 4), 0)], timestep_s=1), "or batches of both, as a D"),
        (lambda net: cd.EventBatch.from_torch([{"x": 1, "y": 2}], timestep_s=1), "must be a tensor with labels, or"),
        (lambda net: cd.EventBatch.from_torch(BATCHES, [0], timestep_s=1), "must be numbers of shape (samples, time"),
        (lambda net: cd.import_model(STATE), "or a torch module, found OrderedDict; a state dict has no neurons"),
        (lambda net: cd.quantize(net, 4), "quantization: must be Quantization, found int"),
        (lambda net: cd.calibrate(net, {}, SOME, trained_through=cd.LAYERED, seed=0), "calibration: must be Cal"),
        (lambda net: training(net, device="gpu"), "device: must be a device that torch can compute on here"),
        (lambda net: training(net, schedule=OF_CHIP), "schedule: must be Schedule, found ChipSchedule"),
        (lambda net: cd.EventBatch.from_dense([ONE, ONE[0]], [0], timestep_s=1), "found list: what it holds differs"),
        (lambda net: cd.EventBatch.from_dense(MASKED, [0], timestep_s=1), "frames: must be an array without a mask"),
        (lambda net: cd.evaluate(net, FOUR.select([]), cd.LAYERED), "cannot evaluate an empty split"),
        (lambda net: cd.Schedule(stop="read_margin", margin_check="step"), "margin_check: must be 'timestep' with"),
        (lambda net: cd.train(net, GIVEN, SOME, SOME, seed=0), "`cd.load_model` reads it, to train with another"),
        (lambda net: training(net.requires_grad_(False)), "nothing learns, as no weight or bias requires a gradient"),
        (lambda net: training(net, hooks={"loss": len}), "hooks: must be Hooks, found dict"),
        (lambda net: cd.Hooks(optimizer=torch.optim.SGD(net.parameters())), "must be a function that makes it, found"),
        (lambda net: cd.classification_loss(net, FOUR, cd.LAYERED, loss=torch.nn.MSELoss()), "(simulation.logits, "),
        (lambda net: training(net.half()), "weights of layer 0 must be dense, of float32 or float64, found torch.fl"),
        (lambda net: cd.compare_schedules(FOUR, net), "network: must be SpikingNetwork, found EventBatch"),
        (lambda net: cd.plot_schedules(COMPARED.drop(columns=["policy", "chip"])), "gives it, but lacks policy, chip"),
        (lambda net: cd.plot_schedules(pd.concat([COMPARED] * 2)), "must have one row for each schedule on a chip"),
        (lambda net: cd.compare_schedules(net, FOUR, seeds=[]), "seeds: must be at least one"),
        (lambda net: cd.describe_model(net, name="x", data=WORKLOAD), "data: must be a WorkloadSpec and the workload"),
        (lambda net: cd.describe_model(net, name="x", data=OTHER), "options are of 'mnist', and the workload is"),
        (lambda net: cd.place(net.shape, cd.find_chip("loihi"), cores=3), "spread is how many of them to use"),
        (lambda net: cd.place(net.shape, cd.find_chip("loihi"), spread=2.5), "spread: must be a whole number, found 2"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_named(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(cd.InputError) as caught:
        call(network_of("4-3-2"))
    assert message in str(caught.value)


def test_the_package_says_its_version() -> None:
    assert cd.__version__ == package_versions()["codesign"]
