"""Input that reaches the chip: the sensor or host holds back what the network's gate or the schedule removes.

Event batches are reduced here before an engine gets them, so that everything counted afterwards, in either engine,
counts only the events that passed: synaptic operations, messages, energy, time and `Execution.input_events`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codesign.deferred import torch
from codesign.simulation.random import Purpose, absorb, sample_key, thin, uniform
from codesign.simulation.schedule import Schedule
from codesign.workload.events import EventBatch

if TYPE_CHECKING:
    from codesign.network.spiking_network import SpikingNetwork


def admitted(network: SpikingNetwork, events: EventBatch, schedule: Schedule, *, seed: int, epoch: int) -> EventBatch:
    """The first `schedule.timesteps` of a batch, without the events of closed inputs, the events that `input_dropout`
    loses, and currents of 0.

    Whether an event is lost is a hash of seed, epoch, sample, timestep, input and the event's number at that input in
    that timestep. So no sample depends on its batch, and closing an input changes nothing for the others.

    Raises:
        InputError: the events have fewer timesteps.
    """
    if schedule.timesteps is not None:
        events = events.first_timesteps(schedule.timesteps)
    if events.currents and not events.values.all():  # for example numbers too small for float32: nothing arrives
        events = events.thinned(events.values)
    if (mask := network.input_mask()) is not None:
        events = events.thinned(np.where(mask.numpy(force=True)[events.indices], events.values, np.float32(0)))
    if schedule.input_dropout:
        events = _with_losses(events, schedule.input_dropout, seed=seed, epoch=epoch)
    return events


def entry_keys(events: EventBatch, sample_keys: torch.Tensor) -> torch.Tensor:
    """(E,) keys of the draws of each entry, from the (B,) keys of the samples."""
    rows = absorb(sample_keys[:, None], torch.arange(events.timesteps, device=sample_keys.device)).flatten()
    lengths = torch.from_numpy(np.diff(events.offsets))
    return absorb(rows.repeat_interleave(lengths), torch.from_numpy(events.indices.astype(np.int64)))


def _with_losses(events: EventBatch, probability: float, *, seed: int, epoch: int) -> EventBatch:
    key = entry_keys(events, sample_key(seed, epoch, Purpose.INPUT_LOSS, events.sample_ids))
    values = torch.from_numpy(events.values.copy())
    if events.currents:
        kept = torch.where(uniform(absorb(key, 0)) < probability, 0.0, values)
    else:
        kept = thin(values, key, probability)
    return events.thinned(kept.numpy())
