"""Memory shared by the runs of one network."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.event import structures
from codesign.simulation.event.arrays import Floats
from codesign.simulation.event.further_layout import FurtherLayout
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.structures import Network, Rules, Sums, Trace
from codesign.simulation.event.tables import Tables, new_tables
from codesign.simulation.event.working_memory import State

Memory = TypeVar("Memory")

MOST_CHUNKS = 8
"""Most chunks that a batch is cut into."""


def free(memories: list[Memory]) -> Memory | None:
    """Take an unused one, if there is any; in a single step, since other threads do the same."""
    try:
        return memories.pop()
    except IndexError:
        return None


class Resources:
    """What runs of the same network reuse: its layout, and memory that no thread currently holds."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.layout = MemoryLayout(network)
        self.delays = FurtherLayout("delayed", network.delayed(), self.layout)
        self.direct = FurtherLayout("direct", network.direct(), self.layout)
        self.states: list[State] = []
        self.traces: list[Trace] = []
        self.tables: list[Tables] = []
        self.packed: list[Floats] = []
        self.gradients: dict[tuple[int, ...], list[Sums]] = defaultdict(list)  # zeros, by their sizes
        self.prepared: list[tuple[tuple[Any, ...], Rules, Network]] = []  # each with its key; see `preparation`

    def take_trace(self) -> Trace:
        """Room for a trace. It is reused: touching fresh memory takes longer than writing to it."""
        return free(self.traces) or structures.new_trace(1 << 16, 1 << 18)

    def take_tables(self) -> Tables:
        """Room for the messages and updates of a chunk; plenty, because a sample that runs out of room is restarted."""
        return free(self.tables) or new_tables(1 << 16)

    def give_back_tables(self, tables: list[Tables]) -> None:
        self.tables.extend(tables)
        del self.tables[MOST_CHUNKS:]


_resources: WeakKeyDictionary[SpikingNetwork, Resources] = WeakKeyDictionary()


def resources_of(network: SpikingNetwork) -> Resources:
    resources = _resources.get(network)
    if resources is None:
        resources = _resources[network] = Resources(network)
    return resources
