"""Policies compiled for the event engine give the priorities that they give on torch tensors, a user's own too."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
import torch

from codesign.simulation import random as reference_random
from codesign.simulation.event import memory, priorities
from codesign.simulation.policies import ARBITER, FIFO, MOMENTUM, RANDOM, ROUND_ROBIN, TIMED, Policy, Waiting

SHARE = 0.3
LIMIT = 7


def with_literals(waiting):
    return 0.1 * waiting.potential - waiting.uniform / 3 + 2 * (waiting.enqueue_step - 1) - 1e-3 * waiting.index


def with_globals(waiting):
    return SHARE * waiting.potential + LIMIT * waiting.layer - SHARE * waiting.core


def with_closure(share: float, limit: int) -> Callable[..., Any]:
    def priority(waiting):
        return share * waiting.potential + limit - waiting.noise * waiting.uniform * waiting.step

    return priority


def with_names_of_its_own(w):
    local, own = w.potential * 0.7, w
    return local + (own.enqueue_step - w.step) * 0.01 + own.noise * w.uniform


def with_delivery(waiting):
    return waiting.potential - 0.7 * waiting.delivery


PRIORITIES = {
    "random": RANDOM.priority,
    "momentum": MOMENTUM.priority,
    "fifo": FIFO.priority,
    "timed": TIMED.priority,
    "round_robin": ROUND_ROBIN.priority,
    "arbiter": ARBITER.priority,
    "delivery_among_others": with_delivery,
    "literals": with_literals,
    "globals": with_globals,
    "closure": with_closure(0.3, 5),
    "another_closure": with_closure(-1.7, 2),
    "names": with_names_of_its_own,
    "constant": lambda waiting: 0 * waiting.potential + 1,
}


@numba.njit(_nrt=False)
def key_of(priority: float) -> int:
    return priorities.key_of(priority)


def compiled_keys(policy: Policy, arguments: dict[str, np.ndarray], step: float, noise: float) -> np.ndarray:
    """The keys that the compiled loop of a policy gives, for all sources in some order, drawing afresh."""
    ranking = memory.new_ranking(SOURCES)
    queue = memory.new_queue(SOURCES, INPUTS, 1)
    held = {"waiting": arguments["waiting"], "potential": arguments["potential"]}
    queue = queue._replace(**held, enqueue_step=arguments["enqueue_step"])
    network = SimpleNamespace(policy_layer=arguments["layer"], policy_core=arguments["core"])
    state = SimpleNamespace(queue=queue, ranking=ranking, served=SimpleNamespace(delivery=arguments["delivery"]))
    places = priorities.places_of(state, network)
    ranking.places[: len(places)] = places
    ranking.draw_keys[:] = NEURON_KEY, INPUT_KEY
    count = len(arguments["waiting"])
    rules = Numbers(INPUTS, True, np.float32(noise), np.float32(CORES), priorities.policy_address(policy))
    outcome = call_policy(rules, ranking, count, np.float32(step))
    return ranking.keys[:count] if outcome == 0 else np.zeros(0, dtype=np.int32)


class Numbers(NamedTuple):
    """What of `Rules` a policy's call needs."""

    inputs: int
    draws: bool
    noise: np.float32
    cores: np.float32
    policy: int


@numba.njit(_nrt=False)
def call_policy(rules, ranking, count, step):
    return priorities.call_policy(rules, ranking, count, step)


INPUTS, SOURCES, CORES = 20, 300, 9
NEURON_KEY, INPUT_KEY = 0x1234567890ABCDEF, 0xFEDCBA0987654321


def arguments_of(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "waiting": rng.permutation(SOURCES)[:200].astype(np.int32),
        "potential": rng.normal(size=SOURCES).astype(np.float32),
        "enqueue_step": rng.integers(0, 50, SOURCES).astype(np.int32),
        "layer": rng.integers(0, 4, SOURCES).astype(np.float32),
        "core": rng.integers(0, CORES, SOURCES).astype(np.float32),
        "delivery": rng.random(SOURCES).astype(np.float32),
    }


@pytest.mark.parametrize("uses_service", [False, True])
@pytest.mark.parametrize("name", PRIORITIES)
def test_compiled_policies_give_the_priorities_of_torch(name: str, uses_service: bool):
    policy = Policy(name=name, priority=PRIORITIES[name], uses_uniform=True, uses_service=uses_service)
    given = arguments_of(np.random.default_rng(5))
    found = compiled_keys(policy, given, step=11.0, noise=0.1)
    waiting = torch.from_numpy(given["waiting"]).long()
    number = waiting - INPUTS
    signed = [torch.tensor(key - (1 << 64) if key >> 63 else key) for key in (INPUT_KEY, NEURON_KEY)]
    absorbed = reference_random.absorb(
        torch.where(number < 0, signed[0], signed[1]), torch.where(number < 0, waiting, number)
    )
    gathered = [
        torch.from_numpy(given[name])[waiting].float() for name in ("potential", "enqueue_step", "layer", "core")
    ]
    step, noise = torch.tensor(11.0), torch.tensor(0.1)
    delivery = torch.from_numpy(given["delivery"])[waiting] * uses_service
    uniform, cores = reference_random.uniform(absorbed), torch.tensor(float(CORES))
    expected = policy.priority(Waiting(*gathered, number.float(), step, uniform, noise, delivery, cores))
    expected = torch.as_tensor(expected).expand(len(waiting)).contiguous()
    assert expected.dtype == torch.float32
    assert found.tolist() == [key_of(one) for one in expected.numpy()]
    few = ("constant", "fifo", "arbiter")
    assert len(set(found.tolist())) > 20 or name in few or (name == "timed" and not uses_service)


def test_a_priority_that_is_not_a_number_is_told():
    def divided(waiting):
        return (waiting.potential - waiting.potential) / (waiting.layer - waiting.layer)

    given = arguments_of(np.random.default_rng(6))
    assert len(compiled_keys(Policy(name="divided", priority=divided), given, step=1.0, noise=0.0)) == 0
