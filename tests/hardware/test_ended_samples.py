"""Samples that end early: by a margin, where each costs what one of that many timesteps does, and at the first output.

A chip that cannot drop what waits then pays for it. In a stream the next sample waits until the margin shows.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import torch
from handmade_hardware import ASYNCHRONOUS, ENERGIES, MESH_CORES, chip_from
from networks import batch_of, network_of

import codesign as cd
from codesign.hardware.chip.parameters import replaced
from codesign.hardware.cost.cost import Cost, mean_times, price
from codesign.hardware.cost.energy import term_energies
from codesign.hardware.cost.latency import Latency
from codesign.training.evaluation import answer, evaluate

TIMESTEPS = 5
MARGIN = cd.Schedule(group_size=4, stop="margin", margin=2)
ABLE = {"can_end_sample": "yes", "can_flush": "yes"}


@pytest.fixture(scope="module")
def network() -> cd.SpikingNetwork:
    return network_of("16-20-12-4", threshold=0.15, seed=0)


@cache
def events(timesteps: int = TIMESTEPS) -> cd.EventBatch:
    frames = np.random.default_rng(1).poisson(0.3, (9, TIMESTEPS, 16))[:, :timesteps]
    return batch_of(frames, np.arange(9) % 4)


def placed(network: cd.SpikingNetwork, chip: cd.Chip) -> cd.Placement:
    return cd.place(network.shape, chip, "scaled", None if chip.weight_bits is None else chip.weight_bits.value)


def operations_of(chip: cd.Chip) -> list[str]:
    only = getattr(chip.energies.synaptic_operation, "operation", None)
    return ["accelerated", "real_time"] if only is None else [only]


def of_sample(cost: Cost, sample: int) -> dict[str, object]:
    """Everything that a cost says of a sample alone."""
    told = {field.name: getattr(cost.latency, field.name) for field in fields(Latency)}
    told |= {"on_s": cost.on_s, "link_load": cost.link_load, "operations": cost.synaptic_operations}
    told |= {"energy": cost.energy.total_j, "book": cost.energy.cores_in_use_j, **cost.energy.terms_j}
    return {name: value[sample] for name, value in told.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("name", [*cd.chip_names(), "loihi between neighbours"])
def test_a_sample_that_ended_costs_what_it_would_without_the_timesteps_after(name: str, network: cd.SpikingNetwork):
    chip = cd.find_chip(name.removesuffix(" between neighbours")).model_copy(update=ABLE)
    if name not in cd.chip_names():
        chip = replaced(chip, {"synchronization": "neighbour", "synchronization.handshake": "20 ns"})
    placement = placed(network, chip)
    waits = {"synchronization_threshold": "layer", "barrier_messages": True} if chip.synchronized else {}
    schedule = cd.on_chip(replace(MARGIN, **waits), placement).schedule
    assert schedule.stop == "margin"
    execution = cd.simulate(network, events(), schedule, seed=1).execution
    lengths = execution.timesteps_run
    assert len(set(lengths.tolist())) >= 3
    shorter = {
        length: cd.simulate(network, events(length), schedule.drained(), seed=1).execution
        for length in set(lengths.tolist())
    }
    for operation in operations_of(chip):
        cost = price(execution, placement, operation=operation)
        alone = {length: price(one, placement, operation=operation) for length, one in shorter.items()}
        for sample, length in enumerate(lengths.tolist()):
            found, expected = of_sample(cost, sample), of_sample(alone[length], sample)
            assert found.keys() == expected.keys()
            if length < TIMESTEPS and "interval_s" in expected:
                expected["interval_s"] = expected["total_s"]
            for what, value in expected.items():
                np.testing.assert_allclose(found[what], value, rtol=1e-12, atol=0, err_msg=what)
        assert_means_are_of_the_samples(cost)


def assert_means_are_of_the_samples(cost: Cost) -> None:
    """What many scenarios are priced with, at the chip's own prices."""
    this, prices = cost.counted, cost.counted.placement.prices
    if cost.counted.chip.synchronization.kind == "timer":
        prices = replace(prices, varied={"synchronization.tick": np.full(2, prices.seconds("synchronization.tick"))})
    times = mean_times(this, prices, cost.operation)
    means = term_energies(this.actions.mean().during(cost.operation, prices), prices, times.on_s, times.latency_s)
    for name, energy in cost.energy.terms_j.items():
        assert (energy is None) == (means[name] is None)
        if energy is not None:
            np.testing.assert_allclose(means[name], energy.mean(), rtol=1e-12, err_msg=name)


CHIP = chip_from(MESH_CORES + ENERGIES + ASYNCHRONOUS)


@pytest.mark.parametrize("can_end_sample", ["no", "unknown"])
def test_a_chip_that_cannot_end_a_sample_is_read_at_the_margin_and_charged_for_all_of_it(can_end_sample, network):
    placement = placed(network, CHIP.model_copy(update={"can_end_sample": can_end_sample, "can_flush": "yes"}))
    chosen = cd.on_chip(replace(MARGIN, margin_check="step"), placement)
    assert chosen.schedule == replace(MARGIN, stop="read_margin", cores=chosen.schedule.cores)
    assert any("all timesteps are run and counted" in text for text in chosen.assumptions)
    assert any("checked after each timestep" in text for text in chosen.assumptions)
    read, ended, drained = (
        evaluate(network, events(), one, seed=1) for one in (chosen.schedule, MARGIN, MARGIN.drained())
    )
    assert (read.timesteps_run == TIMESTEPS).all()
    assert (ended.timesteps_run < TIMESTEPS).any()
    np.testing.assert_array_equal(read.scores, ended.scores)
    np.testing.assert_array_equal(read.margin_timesteps(2), ended.timesteps_run)
    np.testing.assert_array_equal(answer(network, events(), chosen.schedule, seed=1)[0], ended.predictions)
    assert price(read, placement).energy_j == price(drained, placement).energy_j
    with pytest.raises(cd.InputError, match=r"end a sample before its last timestep.* on_chip gives"):
        price(ended, placement)
    assert not cd.simulate(network, events(), chosen.schedule).logits.requires_grad
    with pytest.raises(cd.InputError, match="'read_margin' has no gradient"):
        cd.classification_loss(network, events(), chosen.schedule)


def test_a_chip_that_cannot_drop_its_queue_ends_samples_between_timesteps(network: cd.SpikingNetwork):
    placement = placed(network, CHIP.model_copy(update={"can_end_sample": "yes", "can_flush": "no"}))
    chosen = cd.on_chip(replace(MARGIN, margin_check="step"), placement)
    assert chosen.schedule == replace(MARGIN, cores=chosen.schedule.cores)
    assert chosen.assumptions == (
        "tiny cannot drop what waits; the margin is checked after each timestep, not after each step",
    )
    price(evaluate(network, events(), chosen.schedule), placement)
    able = placed(network, CHIP.model_copy(update=ABLE))
    chosen = cd.on_chip(replace(MARGIN, margin_check="step"), able)
    assert (chosen.schedule.stop, chosen.schedule.margin_check, chosen.assumptions) == ("margin", "step", ())
    cut = evaluate(network, events(), chosen.schedule)
    assert price(cut, able).energy_j > 0
    with pytest.raises(cd.InputError, match="drop what waits"):
        price(cut, placement)


def test_inputs_that_wait_are_cut_off_too() -> None:
    """The output leaves before the last input, as its potential is higher."""
    own, one = network_of("3-2", 1.0), batch_of(np.ones((1, 1, 3), dtype=np.int64))
    given = {"policy": "momentum", "group_size": 1, "input_mode": "queued", "steps_after_output": 2}
    cut = evaluate(own, one, cd.Schedule(stop="on_output", **given))
    np.testing.assert_array_equal(cut.emitted, cut.propagated)
    with pytest.raises(cd.InputError, match="drop what waits"):
        price(cut, cd.place(own.shape, KEEPS["no"], "scaled"))


KEEPS = {word: CHIP.model_copy(update={"can_flush": word}) for word in ("no", "unknown")}


@pytest.mark.parametrize("can_flush", KEEPS)
def test_a_chip_that_cannot_drop_its_queue_is_charged_for_all_of_it(can_flush: str, network: cd.SpikingNetwork) -> None:
    placement = cd.place(network.shape, KEEPS[can_flush])
    chosen = cd.chip_schedule(placement, group_size=2)
    assert any("all of it is counted" in text for text in chosen.assumptions)
    execution = evaluate(network, events(), chosen.schedule)
    drained = evaluate(network, events(), chosen.schedule.drained())
    cost, whole = price(execution, placement), price(drained, placement)
    np.testing.assert_array_equal(cost.synaptic_operations, whole.synaptic_operations)
    assert cost.energy_j == whole.energy_j
    # the answer is that of the first output spike and one step more, pass by pass
    np.testing.assert_array_equal(execution.scores, drained.convergence[:, 1])
    np.testing.assert_array_equal(answer(network, events(), chosen.schedule)[0], execution.predictions)
    early = evaluate(network, events(), cd.chip_schedule(cd.place(network.shape, CHIP), group_size=2).schedule)
    assert early.synaptic_operations.sum() < drained.synaptic_operations.sum()
    with pytest.raises(cd.InputError, match=r"drop what waits after the decision.* chip_schedule gives"):
        price(early, placement)
    price(early, cd.place(network.shape, CHIP))
    assert not cd.simulate(network, events(), chosen.schedule).logits.requires_grad
    with pytest.raises(cd.InputError, match="'read_early' has no gradient"):
        cd.classification_loss(network, events(), chosen.schedule)


def test_so_many_steps_are_not_recorded(network: cd.SpikingNetwork) -> None:
    schedule = replace(cd.chip_schedule(cd.place(network.shape, KEEPS["no"])).schedule, steps_after_output=33)
    with torch.no_grad(), pytest.raises(cd.InputError, match="steps_after_output: must be between 0 and 32, found 33"):
        cd.simulate(network, events(), schedule)
