"""Policies compiled for the event engine give the priorities that they give on torch tensors, a user's own too."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
import torch

from codesign.simulation import random as reference_random
from codesign.simulation.event import selection
from codesign.simulation.policies import ARBITER, FIFO, MOMENTUM, RANDOM, ROUND_ROBIN, TIMED, Policy

SHARE = 0.3
LIMIT = 7


def with_literals(potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores):
    return 0.1 * potential - uniform / 3 + 2 * (enqueue_step - 1) - 1e-3 * index


def with_globals(potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores):
    return SHARE * potential + LIMIT * layer - SHARE * core


def with_closure(share: float, limit: int) -> Callable[..., Any]:
    def priority(potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores):
        return share * potential + limit - noise * uniform * step

    return priority


def with_names_of_its_own(p, e, ly, c, i, s, u, n, d, k):
    local = p * 0.7
    return local + (e - s) * 0.01 + n * u


def with_delivery(potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores):
    return potential - 0.7 * delivery


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
    "constant": lambda potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores: (
        0 * potential + 1
    ),
}


@numba.njit(_nrt=False)
def key_of(priority: float) -> int:
    return selection.key_of(priority)


def compiled_keys(policy: Policy, arguments: dict[str, np.ndarray], step: float, noise: float) -> np.ndarray:
    """The keys that the compiled loop of a policy gives, for all sources in some order, drawing afresh."""
    waiting = arguments["waiting"]
    scratch = [np.zeros(len(waiting), dtype=np.float32) for _ in range(4)]
    keys = np.zeros(len(waiting), dtype=np.int32)
    number, pointer = ctypes.c_int64, ctypes.c_void_p
    kinds = [
        number,
        pointer,
        number,
        *[pointer] * 5,
        *[ctypes.c_uint64] * 2,
        *[ctypes.c_float] * 3,
        number,
        *[pointer] * 5,
    ]
    function = ctypes.CFUNCTYPE(number, *kinds)(selection.policy_address(policy))
    arrays = [arguments[name].ctypes.data for name in ("potential", "enqueue_step", "layer", "core", "delivery")]
    outcome = function(
        len(waiting), waiting.ctypes.data, INPUTS, *arrays, NEURON_KEY, INPUT_KEY, step, noise, CORES, 1,
        *(one.ctypes.data for one in scratch), keys.ctypes.data,
    )  # fmt: skip
    return keys if outcome == 0 else np.zeros(0, dtype=np.int32)


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
    expected = policy.priority(*gathered, number.float(), step, uniform, noise, delivery, cores)
    expected = torch.as_tensor(expected).expand(len(waiting)).contiguous()
    assert expected.dtype == torch.float32
    assert found.tolist() == [key_of(one) for one in expected.numpy()]
    few = ("constant", "fifo", "arbiter")
    assert len(set(found.tolist())) > 20 or name in few or (name == "timed" and not uses_service)


def test_a_priority_that_is_not_a_number_is_told():
    def divided(potential, enqueue_step, layer, core, index, step, uniform, noise, delivery, cores):
        return (potential - potential) / (layer - layer)

    given = arguments_of(np.random.default_rng(6))
    assert len(compiled_keys(Policy(name="divided", priority=divided), given, step=1.0, noise=0.0)) == 0
