"""When messages of a pass are at cores that serve one after the other, written a second time."""

from __future__ import annotations

import numpy as np

from codesign.simulation.execution import Slice
from codesign.simulation.service import ServiceModel

F32 = np.float32


def slice_of_neurons(slices: tuple[Slice, ...], layer_of: list[int], core_of: list[int]) -> list[int]:
    """Slices of a layer that share no core are told apart by it, others are runs of neurons."""
    held: list[int] = []
    for layer in sorted(set(layer_of)):
        own = {number: part for number, part in enumerate(slices) if part.layer == layer}
        number_of = {part.core: number for number, part in own.items()}
        if len(number_of) == len(own):
            held += [number_of[core] for of, core in zip(layer_of, core_of, strict=True) if of == layer]
        else:
            held += [number for number, part in own.items() for _ in range(part.neurons)]
    return held


class Cores:
    """When each core of a service model gets free in one pass, one message after the other."""

    def __init__(self, model: ServiceModel, slices: tuple[Slice, ...], layer_of: list[int], core_of: list[int]) -> None:
        self.model = model
        self.parts = [(part.layer, part.core) for part in slices]
        self.part_of = slice_of_neurons(slices, layer_of, core_of)
        self.free = dict.fromkeys(core_of, 0.0)
        self.sent: dict[tuple[int, int], float] = {}  # by source (0 input, 1 + part) and step
        self.under_way: dict[tuple[int, int], int] = {}  # spikes, by the same

    def leave(self, source: int, step: int, spikes: int) -> None:
        self.under_way[source, step] = self.under_way.get((source, step), 0) + spikes

    def receive(self) -> None:
        for (source, step), spikes in sorted(self.under_way.items()):
            target = 0 if source == 0 else self.parts[source - 1][0] + 1
            for part, (layer, core) in enumerate(self.parts):
                if layer == target:
                    arrival = self.sent.get((source, step), 0.0) + self.model.route_s[source][part]
                    self.free[core] = max(self.free[core], arrival) + spikes * self.model.message_s[part]
        self.under_way = {}

    def work(self, step: int, evaluated: set[int], emitted: dict[int, int]) -> None:
        for part, (_, core) in enumerate(self.parts):
            number = sum(self.part_of[n] == part for n in evaluated)
            lanes = self.model.lanes or max(number, 1)
            self.free[core] += -(-number // lanes) * self.model.update_s
            spikes = sum(number for n, number in emitted.items() if self.part_of[n] == part)
            self.free[core] += spikes * (self.model.spike_s + self.model.output_s[part])
            self.sent[1 + part, step] = self.free[core]

    def delivery(self, n: int, step: int) -> float:
        source = 1 + self.part_of[n]
        following = self.parts[source - 1][0] + 1
        ways = [
            way for way, (layer, _) in zip(self.model.route_s[source], self.parts, strict=True) if layer == following
        ]
        return F32(self.sent[source, step] + max(ways, default=0.0))
