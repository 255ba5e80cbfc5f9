"""`record`: what each neuron did in each timestep, for raster plots, traces of potentials and checks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.arguments import instance
from codesign.arrays import Integers, OfArrays
from codesign.devices import made_on
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.reference import Machine
from codesign.simulation.run import Run
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.simulation.trace import Pass
from codesign.workload.events import EventBatch


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class NeuronRecord(OfArrays):
    """Result of `record`: (B, T, N) arrays of all neurons, layer after layer; `[:, :, network.layer_slices[0]]` are
    those of the first layer.

    Attributes:
        spikes: how often the neuron fired in the timestep.
        highest: the highest potential at which the neuron was evaluated in the timestep, before any reset, which is
            compared with its threshold; NaN if it was not evaluated, 0 if it is held after a spike (`reset_delay`).
        potentials: the potential at the end of the timestep, after any reset and before the next timestep's decay.
    """

    spikes: Integers
    highest: NDArray[np.float32]
    potentials: NDArray[np.float32]


@torch.no_grad()
def record(network: SpikingNetwork, events: EventBatch, schedule: Schedule = LAYERED, *, seed: int = 0) -> NeuronRecord:
    """Spikes and potentials of every neuron in every timestep.

    They come from the reference engine, which is slow: give it a few samples, such as `workload.test[:10]`. The spikes
    equal those of `simulate`, unless a potential is within rounding of its threshold. If the answer is read early while
    spikes go on, these are included. After a margin has ended a sample, its neurons are silent and keep their
    potentials.

    Args and errors: as for `simulate`.
    """
    instance("network", network, SpikingNetwork)
    instance("schedule", schedule, Schedule)
    spikes, highest, potentials = [], [], []
    early = schedule.goes_on and network.neuron.readout == "spikes"
    with made_on(network.threshold.device):
        run = Run(
            network=network,
            events=events,
            schedule=schedule.drained() if early else schedule,
            regularization=Regularization(),
            seed=seed,
            learns=True,  # so that a pass keeps its steps
        )
        machine = Machine(run)
        for timestep in range(run.events.timesteps):
            highest.append(_highest(machine.forward_pass(timestep)))
            spikes.append(machine.c)
            potentials.append(machine.state.u)
        return NeuronRecord(
            spikes=torch.stack(spikes, dim=1).numpy(force=True),
            highest=torch.stack(highest, dim=1).numpy(force=True),
            potentials=torch.stack(potentials, dim=1).numpy(force=True),
        )


def _highest(timestep: Pass) -> torch.Tensor:
    """(B, N) the highest potential of a neuron's evaluations."""
    highest = torch.full_like(timestep.undecayed, math.nan)
    for step in timestep.steps:
        highest = highest.fmax(torch.where(step.evaluated, step.v, math.nan))
    return highest
