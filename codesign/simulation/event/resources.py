"""Memory that runs of one network share."""

from __future__ import annotations

from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.event import memory
from codesign.simulation.event.arrays import Floats
from codesign.simulation.event.delay_layout import DelayLayout
from codesign.simulation.event.direct_layout import DirectLayout
from codesign.simulation.event.layout import MemoryLayout
from codesign.simulation.event.structures import Network, Rules, Sums, Trace
from codesign.simulation.event.tables import Tables, new_tables
from codesign.simulation.event.working_memory import State

Memory = TypeVar("Memory")

MOST_CHUNKS = 8
"""Into how many chunks a batch is cut at most."""


def free(memories: list[Memory]) -> Memory | None:
    """Take one that nobody holds; in one step, since other threads do the same."""
    try:
        return memories.pop()
    except IndexError:
        return None


class Resources:
    """What runs of the same network use again: its layout, and memory that no thread holds right now."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.layout = MemoryLayout(network)
        self.delays, self.direct = DelayLayout(self.layout), DirectLayout(network, self.layout)
        self.states: list[tuple[int, State]] = []
        self.traces: list[Trace] = []
        self.stores: list[Trace] = []
        self.tables: list[Tables] = []
        self.packed: list[Floats] = []
        self.gradients: list[Sums] = []
        self.prepared: list[tuple[tuple[Any, ...], Rules, Network]] = []  # with what they were made from

    def take_trace(self) -> Trace:
        return free(self.traces) or memory.new_trace(1 << 14, 1 << 16)

    def take_store(self) -> Trace:
        """Room for the traces of a chunk. Fresh memory costs more time than what is written to it: it is used again."""
        return free(self.stores) or memory.new_trace(1 << 16, 1 << 18)

    def take_tables(self) -> Tables:
        """Room for messages and updates of a chunk; a sample that finds none begins anew, so there is plenty."""
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
