"""Compiling what trainings and executions usually need, in separate processes while other work starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import parse_topology
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.event.compilation import is_compiled, tell_of_compiling
from codesign.simulation.event.sections import beside
from codesign.simulation.schedule import Schedule
from codesign.workload.events import EventBatch


@contextmanager
def compiling_ahead(say: Callable[[str], object]) -> Iterator[None]:
    """If nothing is compiled yet, say so and start compiling; what is unfinished at the end of the block is
    abandoned."""
    new = not is_compiled()
    tell_of_compiling(say)
    with beside("import codesign.simulation.event.ahead as ahead; ahead.compile_usual()", processes=int(new)):
        yield


def compile_usual() -> None:
    """Learn from one sample, and run another with counters."""
    network = SpikingNetwork(parse_topology("2-1-2"), NeuronSpec(), timestep_s=0.01)
    events = EventBatch.from_dense(np.ones((1, 1, 2)), np.zeros(1, dtype=np.int64), timestep_s=0.01)
    schedule = Schedule(group_size=1)
    classification_loss(network, events, schedule, engine="event")
    with torch.no_grad():
        simulate(network, events, schedule, engine="event")
