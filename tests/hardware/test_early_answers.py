"""A chip that cannot drop what waits pays for it: what a schedule of such a chip runs, and what a price refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from handmade_hardware import ASYNCHRONOUS, ENERGIES, MESH_CORES, chip_from
from networks import batch_of, network_of

from codesign.errors import InputError
from codesign.hardware.cost.cost import price
from codesign.hardware.cost.scheduling import chip_schedule
from codesign.hardware.placement.placement import place
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, simulate
from codesign.training.evaluation import answer, evaluate
from codesign.workload.events import EventBatch

DROPS = chip_from(MESH_CORES + ENERGIES + ASYNCHRONOUS)
KEEPS = {word: DROPS.model_copy(update={"can_flush": word}) for word in ("no", "unknown")}


@pytest.fixture(scope="module")
def network() -> SpikingNetwork:
    return network_of("12-20-20-4", threshold=0.2, seed=3)


@pytest.fixture(scope="module")
def events() -> EventBatch:
    frames = np.random.default_rng(0).integers(0, 3, size=(16, 2, 12))
    return batch_of(frames, np.arange(16) % 4)


@pytest.mark.parametrize("can_flush", KEEPS)
def test_a_chip_that_cannot_drop_its_queue_is_charged_for_all_of_it(
    can_flush: str, network: SpikingNetwork, events: EventBatch
) -> None:
    placement = place(network.shape, KEEPS[can_flush])
    chosen = chip_schedule(placement, group_size=2)
    assert any("all of it is counted" in text for text in chosen.assumptions)
    execution = evaluate(network, events, chosen.schedule)
    drained = evaluate(network, events, chosen.schedule.drained())
    cost, whole = price(execution, placement), price(drained, placement)
    np.testing.assert_array_equal(cost.synaptic_operations, whole.synaptic_operations)
    assert cost.energy_j == whole.energy_j
    # the answer is that of the first output spike and one step more, pass by pass
    np.testing.assert_array_equal(execution.scores, drained.convergence[:, 1])
    np.testing.assert_array_equal(answer(network, events, chosen.schedule).predictions, execution.predictions)
    early = evaluate(network, events, chip_schedule(place(network.shape, DROPS), group_size=2).schedule)
    assert early.synaptic_operations.sum() < drained.synaptic_operations.sum()
    with pytest.raises(InputError, match=r"drop what waits after the decision.* chip_schedule gives"):
        price(early, placement)
    price(early, place(network.shape, DROPS))


def test_an_early_answer_has_no_gradient(network: SpikingNetwork, events: EventBatch) -> None:
    schedule = chip_schedule(place(network.shape, KEEPS["no"])).schedule
    assert not simulate(network, events, schedule).logits.requires_grad
    with pytest.raises(InputError, match="'read_early' has no gradient"):
        classification_loss(network, events, schedule)


def test_so_many_steps_are_not_recorded(network: SpikingNetwork, events: EventBatch) -> None:
    schedule = replace(chip_schedule(place(network.shape, KEEPS["no"])).schedule, steps_after_output=33)
    with torch.no_grad(), pytest.raises(InputError, match="steps_after_output: must be between 0 and 32, found 33"):
        simulate(network, events, schedule)
