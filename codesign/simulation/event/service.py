"""The times of a service model during a run: when each core becomes free, and when waiting neurons have sent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from codesign.simulation.event.compilation import leaf
from codesign.simulation.event.departures import ENQUEUE_BITS, group_of, lowest_group
from codesign.simulation.event.evaluation import FIRED
from codesign.simulation.event.propagation import messages_of
from codesign.simulation.event.sections import section


@leaf
def serve_row(service: Any, free: Any, source: Any, layer: Any, sent: Any, spikes: Any) -> None:
    """Serve one row of the message table at every slice of the target layer; `source` is 0 or 1 + slice."""
    if spikes > 0 and layer + 1 < len(service.layer_slices):
        for place in range(service.layer_slices[layer], service.layer_slices[layer + 1]):
            core = service.core[place]
            arrival = sent + service.route_s[source, place]
            free[core] = max(free[core], arrival) + np.float64(spikes) * service.message_s[place]


@section(types.none, when=lambda rules, neuron: rules.timed)
def serve_evaluations(network: Any, rules: Any, state: Any, step: Any) -> None:
    """Serve a step's evaluations and spikes, by slice, and note when the neurons that begin to wait have sent."""
    service, served, sums = network.service, state.served, state.counting.slice_sums
    for place in range(len(sums)):
        turns = np.int64(sums[place, 0] > 0)
        if service.lanes > 0:
            turns = (sums[place, 0] + service.lanes - 1) // service.lanes
        core = service.core[place]
        served.free[core] += np.float64(turns) * service.update_s
        served.free[core] += np.float64(sums[place, 1]) * service.emission_s[place]
        served.done[place] = served.free[core]
    for i in range(state.fired.tally[FIRED]):
        source = state.fired.sources[i]
        if state.queue.enqueue_step[source] == step:
            place = network.slices.of_source[source]
            served.sent[source] = served.done[place]
            served.delivery[source] = np.float32(served.done[place] + service.longest_way_s[place])


@section(types.none, when=lambda rules, neuron: rules.timed)
def serve_departures(network: Any, rules: Any, state: Any, chosen: Any) -> None:
    """Serve the messages of the `chosen` sources in `ordered`, in the rows of the message table: by slice and step of
    enqueueing."""
    queue, keys, sums = state.queue, state.counting.group_keys, state.counting.group_sums
    groups = np.int64(0)
    for i in range(chosen):
        source, key = np.int64(queue.ordered[i]), np.int64(0)
        if source >= rules.inputs:
            key = (1 + np.int64(network.slices.of_source[source])) << ENQUEUE_BITS
            key += np.int64(queue.enqueue_step[source])
        groups, group = group_of(keys, sums, groups, key)
        sums[group, 0] += messages_of(rules, queue, source)
        sums[group, 1] = source  # any source of the group: all sent at the same time
    for _ in range(groups):
        least = lowest_group(keys, groups)
        source = sums[least, 1]
        when = 0.0 if source < rules.inputs else state.served.sent[source]
        layer = np.int64(network.wiring.source_layer[source])
        serve_row(network.service, state.served.free, keys[least] >> ENQUEUE_BITS, layer, when, sums[least, 0])
        keys[least] = -1
