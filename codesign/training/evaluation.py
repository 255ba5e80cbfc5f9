"""Running a trained network on a split, in batches, without gradients and regularization."""

from __future__ import annotations

import numpy as np
import torch

from codesign.arrays import Integers
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import DEFAULT_ENGINE, check_labels, simulate
from codesign.simulation.execution import Execution, predicted
from codesign.simulation.schedule import Schedule
from codesign.simulation.silence import warn_if_silent
from codesign.workload.events import EventBatch

_BATCH = 512


@torch.no_grad()
def evaluate(
    network: SpikingNetwork,
    events: EventBatch,
    schedule: Schedule,
    *,
    seed: int = 0,
    batch_size: int = _BATCH,
    engine: str = DEFAULT_ENGINE,
    warn: bool = True,
) -> Execution:
    """All counters of every sample of a split, in the split's order. The result does not depend on `batch_size`.

    Args:
        network, events, schedule, seed, engine: as for `simulate`.

    Raises:
        InputError: the split is empty, the network has no output for a label, or as for `simulate`.

    Warns:
        SilentNetworkWarning: no sample has an output spike, so all answers are wrong; only if `warn`.
    """
    check_labels(network, events)
    if not len(events):
        raise InputError("cannot evaluate an empty split")
    parts = []
    for batch in events.batches(batch_size):
        execution = simulate(network, batch, schedule, seed=seed, engine=engine).execution
        assert execution is not None
        if len(events) > len(batch):
            execution = execution.packed()
        parts.append(execution)
    whole_split = parts[0] if len(parts) == 1 else Execution.concatenate(parts)
    if warn:
        warn_if_silent(whole_split)
    return whole_split


@torch.no_grad()
def answer(
    network: SpikingNetwork, events: EventBatch, schedule: Schedule, *, seed: int = 0, engine: str = DEFAULT_ENGINE
) -> tuple[Integers, int]:
    """The (B,) predictions that `evaluate` would give on a split, which may be empty, without counters and warnings;
    and the spikes emitted by hidden neurons, summed over the samples."""
    parts: list[Integers] = [np.zeros(0, dtype=np.int64)]
    emitted = 0
    for batch in events.batches(_BATCH):
        simulation = simulate(network, batch, schedule, seed=seed, counters=False, engine=engine)
        parts.append(predictions(network, simulation.logits))
        emitted += simulation.emitted
    return np.concatenate(parts), emitted


def predictions(network: SpikingNetwork, logits: torch.Tensor) -> Integers:
    """(B,) classes with the highest of (B, C) logits, ties to the lowest index, −1 without an output spike."""
    return predicted(logits.numpy(force=True), spiking=network.neuron.readout == "spikes")
