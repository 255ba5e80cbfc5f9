"""The times of a service model, kept along with a run: when each core gets free, and when waiting neurons have sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from codesign.simulation.event.compilation import leaf, routine

__all__ = ["serve_departures", "serve_evaluations", "serve_row"]

_ENQUEUE_BITS = 32


@leaf
def serve_row(service: Any, free: Any, source: Any, layer: Any, sent: Any, spikes: Any) -> None:
    """One row of the message table, at every slice of the layer that it reaches: `source` is 0 or 1 + slice."""
    if spikes > 0 and layer + 1 < len(service.layer_slices):
        for part in range(service.layer_slices[layer], service.layer_slices[layer + 1]):
            core = service.core[part]
            arrival = sent + service.route_s[source, part]
            free[core] = max(free[core], arrival) + np.float64(spikes) * service.message_s[part]


@routine
def serve_evaluations(
    service: Any,
    sums: Any,
    fired: Any,
    number: Any,
    source_slice: Any,
    enqueue_step: Any,
    step: Any,
    free: Any,
    done: Any,
    sent: Any,
    delivery: Any,
) -> None:
    """A step's evaluations and spikes, `sums` by slice; notes when those of the `number` that fired have sent which
    begin to wait in this step."""
    for part in range(len(sums)):
        turns = np.int64(sums[part, 0] > 0)
        if service.lanes > 0:
            turns = (sums[part, 0] + service.lanes - 1) // service.lanes
        core = service.core[part]
        free[core] += np.float64(turns) * service.update_s
        free[core] += np.float64(sums[part, 1]) * service.emission_s[part]
        done[part] = free[core]
    for i in range(number):
        source = fired[i]
        if enqueue_step[source] == step:
            part = source_slice[source]
            sent[source] = done[part]
            delivery[source] = np.float32(done[part] + service.longest_way_s[part])


@routine
def serve_departures(
    service: Any,
    chosen: Any,
    ordered: Any,
    inputs: Any,
    currents: Any,
    frame_left: Any,
    q: Any,
    source_layer: Any,
    source_slice: Any,
    enqueue_step: Any,
    free: Any,
    sent: Any,
    keys: Any,
    sums: Any,
) -> None:
    """Messages of the `chosen` sources in `ordered`, in rows by slice and step of enqueueing as the table has them."""
    groups = 0
    for i in range(chosen):
        source = np.int64(ordered[i])
        if source < inputs:
            key = np.int64(0)
            spikes = np.int64(1) if currents else np.int64(frame_left[source])
        else:
            key = ((1 + np.int64(source_slice[source])) << _ENQUEUE_BITS) + np.int64(enqueue_step[source])
            spikes = np.int64(q[source])
        group = groups - 1
        while group >= 0 and keys[group] != key:
            group -= 1
        if group < 0:
            group = groups
            groups += 1
            keys[group] = key
            sums[group, 0] = 0
            sums[group, 1] = source
        sums[group, 0] += spikes
    for _ in range(groups):  # ascending: there are few groups
        least = 0
        for group in range(groups):
            if keys[group] >= 0 and (keys[least] < 0 or keys[group] < keys[least]):
                least = group
        source = sums[least, 1]
        when = 0.0 if source < inputs else sent[source]
        layer = np.int64(source_layer[source])
        serve_row(service, free, keys[least] >> _ENQUEUE_BITS, layer, when, sums[least, 0])
        keys[least] = -1
