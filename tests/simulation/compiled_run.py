"""A simulation in a process of its own: prints its outcome and whether its kernels were compiled or found."""

from __future__ import annotations

import json

import numpy as np

from codesign.network.neuron import NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import simulate
from codesign.simulation.event import sections
from codesign.simulation.event.compilation import cache_folder
from codesign.simulation.schedule import Schedule
from codesign.workload.events import EventBatch


def outcome() -> dict[str, object]:
    """Spikes of every layer of every sample under two policies, of which one draws; where kernels came from."""
    network = SpikingNetwork("12-[20x2]-4", NeuronSpec(threshold=0.3), timestep_s=0.01, seed=0)
    frames = np.random.default_rng(0).poisson(0.8, (6, 3, 12))
    events = EventBatch.from_dense(frames, np.zeros(6, dtype=np.int64), timestep_s=0.01)
    emitted = {}
    for policy in ("random", "momentum"):
        schedule = Schedule(policy=policy, group_size=3, stop="on_output")
        execution = simulate(network, events, schedule, engine="event").execution
        emitted[policy] = execution.emitted.tolist()
    stats = [section.compiled.stats for section in sections.known()]
    return {
        "emitted": emitted,
        "found": sum(sum(one.cache_hits.values()) for one in stats),
        "compiled": sum(sum(one.cache_misses.values()) for one in stats),
        "folder": str(cache_folder()),
    }


if __name__ == "__main__":
    print(json.dumps(outcome()))
