"""What a notebook gives by mistake is named, with what is meant, and never ends in an error of Python's own."""

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
EVENTS = ": must be EventBatch, such as a split of a workload, found SimpleNamespace"
CHIP = "chip: must be Chip, as find_chip gives it, found str"
LOIHI: Any = "loihi"
SOME = toy_split(0, 20)
GIVEN = cd.Recipe(model="a.safetensors", method="layered", epochs=1)
OF_CHIP: Any = ChipSchedule(schedule=cd.LAYERED, assumptions=())


ONE = np.ones((1, 1, 4))
MASKED = np.ma.masked_array(ONE, mask=ONE > 0)
FOUR = cd.EventBatch.from_dense(ONE, [0], timestep_s=0.01)


def placed(network: cd.SpikingNetwork) -> cd.Placement:
    return cd.place(network.shape, cd.find_chip("loihi"))


def spike_cost(weight: float) -> cd.SpikeCost:
    return cd.SpikeCost(weights=torch.tensor([weight]), multipliers=(1.0,), floors=(0.0,))


EVENTS_OF_ONE: Any = {"t": [0], "unit": [0]}


def of_events(events: Any = EVENTS_OF_ONE, **options: Any) -> object:
    given = {"offsets": [0, 1], "grid": (4,), "timestep_s": 0.01, "timesteps": 3} | options
    return cd.EventBatch.from_events(events, [0], **given)


def training(network: Any, **options: Any) -> object:
    return cd.train(network, cd.Recipe(method="layered", epochs=1), SOME, SOME, seed=0, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: cd.evaluate(net, WORKLOAD, cd.LAYERED), f"events{EVENTS}"),
        (lambda net: cd.evaluate(LOIHI, WORKLOAD, cd.LAYERED), "network: must be SpikingNetwork, found str"),
        (lambda net: cd.train(net, cd.Recipe(method="layered", epochs=1), WORKLOAD, None, seed=0), f"training{EVENTS}"),
        (lambda net: cd.chip_schedule(LOIHI), "placement: must be Placement, as place gives it, found str"),
        (lambda net: cd.place(net.shape, LOIHI), CHIP),
        (lambda net: cd.price(cd.simulate(net, FOUR[:0], cd.LAYERED).execution, placed(net)), "without samples"),
        (lambda net: cd.sensitivities(LOIHI), "cost: must be Cost, as price gives it, found str"),
        (lambda net: cd.validate(LOIHI), CHIP),
        (lambda net: cd.with_parameter(LOIHI, "cores", 3), CHIP),
        (lambda net: cd.chip_quantization(LOIHI), CHIP),
        (lambda net: cd.plot_schedules(3), "frame: must be DataFrame, as compare_schedules gives it, found int"),
        (lambda net: cd.plot_schedules(pd.DataFrame({"a": [1]})), "gives, found one without the column 'accuracy'"),
        (lambda net: SOME.frame(SOME.timesteps), f"timestep: must be between 0 and {SOME.timesteps - 1}, found"),
        (lambda net: cd.SpikingNetwork(512, cd.NeuronSpec(), timestep_s=0.01), "a text such as '512-64-10', found int"),
        (lambda net: cd.SpikingNetwork("4-2", {}, timestep_s=0.01), "neuron: must be NeuronSpec, found dict"),
        (lambda net: cd.Schedule(policy="randm"), "unknown scheduling policy 'randm'; did you mean 'random'?"),
        (lambda net: net.load_weights("a.pt"), "must be a list of tensors or arrays, one for each layer, found str"),
        (lambda net: net.load_weights(STATE), "mapping; of `state`, pass [state['0.weight'], state['1.weight']]"),
        (lambda net: cd.import_model(STATE), "or a torch module, found OrderedDict; a state dict has no neurons"),
        (lambda net: cd.import_model(None), "model: must be a file, a NIR graph or a torch module, found NoneType"),
        (lambda net: cd.quantize(net, 4), "quantization: must be Quantization, as chip_quantization gives it"),
        (lambda net: net.set_decay(0.5, which="gain"), "which: unknown 'gain'; allowed: synaptic_time_constant, "),
        (lambda net: cd.evaluate(net, FOUR, cd.LAYERED).decided(1.5), "steps_after_output: must be a whole number,"),
        (lambda net: cd.calibrate(LOIHI, {}, SOME, trained_through=cd.LAYERED, seed=0), "network: must be SpikingNetw"),
        (lambda net: cd.calibrate(net, {}, SOME, trained_through=cd.LAYERED, seed=0), "calibration: must be Cal"),
        (lambda net: training(net, device="gpu"), "device: must be a device that torch can compute on here"),
        (lambda net: training(net, device="meta"), "such as 'cpu', found 'meta': it holds no numbers"),
        (lambda net: training(net, schedule=OF_CHIP), "such as the .schedule of what chip_schedule gives, found C"),
        (lambda net: cd.NeuronSpec(0.3), "NeuronSpec: takes its fields by name, as in NeuronSpec(threshold=…, time"),
        (lambda net: cd.Recipe("layered"), "as in Recipe(method=…, epochs=…), found 'layered'"),
        (lambda net: SOME.select([99]), "positions: must be of 20 samples: index 99 is out of bounds"),
        (lambda net: SOME.select(None), "positions: must be one or a list, found an index of 2 dimensions"),
        (lambda net: SOME.first_timesteps(1.0), "timesteps: must be a whole number, found 1.0"),
        (lambda net: cd.EventBatch.concatenate([SOME, 3]), "batches: each: must be EventBatch, such as a split of a"),
        (lambda net: cd.EventBatch.from_dense([[1], [1, 2]], [0], timestep_s=1), "frames: must be an array, found lis"),
        (lambda net: cd.EventBatch.from_dense(MASKED, [0], timestep_s=1), "frames: must be an array without a mask"),
        (lambda net: cd.EventBatch.from_dense(ONE, 0, timestep_s=1), "events: labels must be one number each, found n"),
        (lambda net: cd.EventBatch.from_torch(3, ONE, timestep_s=1), "from_torch takes a tensor and labels, or batche"),
        (lambda net: cd.EventBatch.from_torch([(ONE, [0]), (ONE[:, :0], [0])], timestep_s=1), "must have one shape, f"),
        (lambda net: of_events(grid=None), "grid: must be (inputs,), (height, width) or (channels, height, width), e"),
        (lambda net: of_events(offsets=0), "events: offsets must be one number each, found numbers of shape ()"),
        (lambda net: of_events(timesteps="3"), "timesteps: must be a whole number, found '3'"),
        (lambda net: of_events(timestep_s=1e-12), "timestep_s: must be 1 ns to 100 years in 3 timesteps, found 1e-12 "),
        (lambda net: of_events(None), "events: need columns with names, 't' among them, found none"),
        (lambda net: net.load_weights([np.full((3, 4), 1e39), np.ones((2, 3))]), "weight 0 must be finite and at most"),
        (lambda net: net.load_weights([np.ones((3, 4)) * 1j, np.ones((2, 3))]), "number 0: must be real numbers, foun"),
        (lambda net: cd.quantize(net, None, weights=[torch.ones(4, 3), torch.ones(2, 3)]), "of the shapes [(3, 4), (2"),
        (lambda net: cd.simulate(net, SOME, cd.LAYERED, engine=None), "engine: unknown None; allowed: auto, event"),
        (lambda net: cd.simulate(net, FOUR, cd.LAYERED, spike_cost=3), "spike_cost: must be SpikeCost, found int"),
        (lambda net: spike_cost(-1.0), "weights: must be one finite number of at least 0 for each neuron"),
        (lambda net: cd.simulate(net, FOUR, cd.LAYERED, spike_cost=spike_cost(1.0)), "weights: must be 5 numbers"),
        (lambda net: cd.evaluate(net, FOUR.select([]), cd.LAYERED), "cannot evaluate an empty split"),
        (lambda net: cd.Schedule(stop="read_margin", margin_check="step"), "margin_check: must be 'timestep' with"),
        (lambda net: cd.train(net, GIVEN, SOME, SOME, seed=0), "`cd.load_model` reads it, to train with another"),
        (lambda net: training(net.half()), "weights of layer 0 must be dense, of float32 or float64, found torch.fl"),
        (lambda net: cd.NeuronSpec(threshold=np.array(["a"])), "NeuronSpec: threshold.0: must be a number, found 'a'"),
        (lambda net: cd.place(net.shape, cd.find_chip("loihi"), spread=2.5), "spread: must be a whole number, found 2"),
        (lambda net: cd.neurobench(None, net), "execution: must be Execution, found NoneType"),
        (lambda net: cd.describe_model(net, name=3), "name: must be str, found int"),
        (lambda net: cd.load_sweep({"name": "x"}), "name_or_path: must be a path, found dict"),
        (lambda net: cd.load_workload("digits", data_root=3), "data_root: must be a path, found int"),
        (lambda net: cd.load_chip(3), "path: must be a path, found int"),
        (lambda net: cd.load_model(3), "path: must be a path, found int"),
        (lambda net: cd.read_results(None), "location: must be a path, found NoneType"),
        (lambda net: cd.Store(None), "root: must be a path, found NoneType"),
        (lambda net: cd.recommended(3, "digits"), "name: unknown 3; allowed: recommended_layered, recommended_unlaye"),
        (lambda net: cd.simulate(net, SOME, cd.LAYERED, engine=ONE), "engine: unknown array([[[1., 1., 1., 1.]]]); al"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_named(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(cd.InputError) as caught:
        call(network_of("4-3-2"))
    assert message in str(caught.value)


def test_the_package_says_its_version() -> None:
    assert cd.__version__ == package_versions()["codesign"]
