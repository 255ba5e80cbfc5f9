"""What the event engine keeps from one batch to the next: a network that ran before gives what a fresh copy gives, in
whatever it was changed meanwhile."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from networks import batch_of, network_of, set_dyadic_weights
from neuron_values import another

from codesign.network.neuron import OF_NEURONS, OF_RESETS, NeuronSpec
from codesign.network.neuron_numbers import type_of
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.event.resources import resources_of
from codesign.simulation.loss import SpikeCost
from codesign.simulation.policies import Policy
from codesign.simulation.schedule import Regularization, Schedule
from codesign.workload.events import EventBatch

TOPOLOGY = {
    "input": 12,
    "layers": [{"kind": "linear", "neurons": n} for n in (20, 9, 17, 4)],
    "delayed": [{"from": 0, "to": 0, "delay": 1}],
    "skips": [{"from": 0, "to": 2, "kind": "linear"}],
}
SCHEDULE = Schedule(policy="momentum", group_size=3)
DROPOUT = Regularization(input_dropout=0.25)
BY_WEIGHTS = Policy(name="by_weights", priority=lambda waiting: waiting.score, score=lambda net: net.bias * 1000)


def made_network() -> SpikingNetwork:
    network = network_of(TOPOLOGY, bias=True, threshold=1.0, time_constant="20 ms")
    set_dyadic_weights(np.random.default_rng(0), network, low=-30)
    return network


def made_events() -> EventBatch:
    rng = np.random.default_rng(1)
    return batch_of(rng.poisson(0.8, (9, 4, 12)), rng.integers(0, 4, 9))


def cost() -> SpikeCost:
    return SpikeCost(weights=torch.ones(50), multipliers=(0.1, 0.1, 0.1, 0.0), floors=(0.0,) * 4)


@dataclass
class Given:
    """What a run is given, to be changed."""

    network: SpikingNetwork = field(default_factory=made_network)
    events: EventBatch = field(default_factory=made_events)
    schedule: Schedule = SCHEDULE
    regularization: Regularization = DROPOUT
    spike_cost: SpikeCost | None = field(default_factory=cost)
    idle_gradient: Any = "all"
    learns: bool = True

    def put(self, **changes: Any) -> None:
        vars(self).update(changes)

    def plan(self, **changes: Any) -> None:
        self.schedule = replace(self.schedule, **changes)

    def set(self, name: str, value: Any) -> None:
        setattr(self.network, name, value)

    def outcome(self) -> list[Any]:
        """All that comes of a loss and of a run with counters."""
        options: dict[str, Any] = {"regularization": self.regularization, "spike_cost": self.spike_cost, "seed": 5}
        options |= {"idle_gradient": self.idle_gradient, "engine": "event"}
        leaves = [*self.network.parameters(), self.network.threshold, self.network.time_constant]
        found: list[Any] = []
        with torch.set_grad_enabled(self.learns):
            loss = classification_loss(self.network, self.events, self.schedule, **options)
            ran = simulate(self.network, self.events, self.schedule, **options)
        if self.learns:
            for value in (loss.value, ran.scores.square().sum()):
                given = torch.autograd.grad(value, [one for one in leaves if one.requires_grad], allow_unused=True)
                found += [None if one is None else one.tolist() for one in given]
        execution = ran.execution
        counted = execution.synaptic_operations.tolist(), execution.forward_steps.tolist()
        charges = None if loss.charges is None else loss.charges.tolist()
        return [loss.value.requires_grad, ran.scores.tolist(), ran.spikes.tolist(), charges, *counted, *found]


def of_neurons(value: float, kind: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.full((50,), value, dtype=kind)


def neurons_have(**parameters: Any) -> Callable[[Given], Any]:
    return lambda given: given.set("neuron", given.network.neuron.model_copy(update=parameters))


def numbers_are(name: str) -> Callable[[Given], Any]:
    """Each neuron has a number other than the default."""
    number = NeuronSpec.model_validate({name: another(name), "reset": OF_RESETS.get(name, "zero")}).each(name)[0]
    return lambda given: given.set(name, of_neurons(number, type_of(name)))


CHANGES: dict[str, Callable[[Given], Any]] = {
    "thresholds in place": lambda given: given.network.threshold.data.mul_(0.5),
    "time constants in place": lambda given: given.network.time_constant.data.mul_(4),
    "weights in place": lambda given: given.network.weights()[1].data.mul_(0.5),
    "delayed weights in place": lambda given: given.network.delayed()[0].weight.data.mul_(0.5),
    "direct weights in place": lambda given: given.network.direct()[0].weight.data.mul_(0.5),
    "biases in place": lambda given: given.network.bias.data.add_(0.125),
    "no biases": lambda given: given.set("bias", None),
    "biases": lambda given: given.set("bias", torch.nn.Parameter(of_neurons(0.125))),
    "biases of currents": lambda given: given.network.bias.data.add_(0.125),
    **{name: numbers_are(name) for name in OF_NEURONS},
    "steepness": neurons_have(surrogate_steepness=9.0),
    "reset": neurons_have(reset="subtract"),
    "timestep": lambda given: (given.set("timestep_s", 0.02), given.put(events=replace(given.events, timestep_s=0.02))),
    "ranges": lambda given: given.set("potential_ranges", ((-0.125, 0.375),) * 4),
    "steps": lambda given: given.set("potential_steps", (0.0625,) * 4),
    "policy": lambda given: given.plan(policy="random"),
    "group size": lambda given: given.plan(group_size=2),
    "stop": lambda given: given.plan(stop="margin", margin=1),
    "gates": lambda given: given.plan(synchronization_threshold=2),
    "cores": lambda given: given.plan(cores=tuple(neuron % 3 for neuron in range(50))),
    "input mode": lambda given: given.plan(input_mode="queued"),
    "refractoriness": lambda given: given.plan(refractory=False),
    "no dropout": lambda given: given.put(regularization=Regularization()),
    "noise": lambda given: given.put(regularization=Regularization(input_dropout=0.25, momentum_noise=1.0)),
    "idle rule": lambda given: given.put(idle_gradient="none"),
    "cost in place": lambda given: given.spike_cost.weights.mul_(3),
    "no cost": lambda given: given.put(spike_cost=None),
    "fewer timesteps": lambda given: given.put(events=given.events.first_timesteps(3)),
    "currents": lambda given: given.put(events=replace(given.events, currents=True)),
    "thresholds that learn": lambda given: given.network.threshold.requires_grad_(),
    "time constants that learn": lambda given: given.network.time_constant.requires_grad_(),
    "no gradient": lambda given: given.put(learns=False),
    "gradients": lambda given: given.put(learns=True),
}
FIRST: dict[str, Callable[[Given], Any]] = {
    **{name: neurons_have(reset=reset) for name, reset in OF_RESETS.items()},
    "biases": CHANGES["no biases"],
    "biases of currents": CHANGES["synaptic_time_constant"],
    "cores": lambda given: given.plan(policy="arbiter"),
    "gradients": CHANGES["no gradient"],
}
"""What is changed before the first run."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name: str) -> None:
    given = Given()
    FIRST.get(name, lambda given: None)(given)
    before = given.outcome()
    CHANGES[name](given)
    after = given.outcome()
    fresh = replace(given, network=copy.deepcopy(given.network))
    assert resources_of(fresh.network) is not resources_of(given.network)
    assert after == fresh.outcome()
    assert after != before


def test_a_score_is_asked_for_at_each_run() -> None:
    given = Given(schedule=Schedule(policy=BY_WEIGHTS, group_size=2))
    before = given.outcome()
    given.network.bias.data.copy_(given.network.bias.flip(0))
    after = given.outcome()
    assert after == replace(given, network=copy.deepcopy(given.network)).outcome()
    assert after != before


def test_ways_taken_in_turn_are_kept_and_others_forgotten() -> None:
    given, outcomes = Given(), {}
    resources = resources_of(given.network)
    for size in (1, 2, 3, 4, 5, 1, 2):
        given.plan(group_size=size)
        found = given.outcome()
        assert outcomes.setdefault(size, found) == found
        assert len(resources.prepared) <= 4
    kept = list(resources.prepared)
    given.outcome()
    assert [id(one) for one in resources.prepared] == [id(one) for one in kept]
