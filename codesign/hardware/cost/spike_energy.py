"""The energy of one more spike on a chip, by which a budget of energy weighs spikes in training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from codesign.arguments import instance
from codesign.arrays import Floats, Integers
from codesign.errors import InputError
from codesign.hardware.cost.action_counts import action_counts
from codesign.hardware.cost.energy import term_energies
from codesign.hardware.cost.work import PlacedExecution, updates_anyway
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import COST_TERMS
from codesign.network.cuts import part_of_neurons
from codesign.network.direct import DirectShape
from codesign.simulation.execution import NOT_REACHED, Execution, MessageTable, UpdateTable
from codesign.simulation.late_messages import delayed_operations, first_of_direct


def spike_energy(placement: Placement) -> Floats:
    """(N,) energy that follows from one spike of each neuron, in joules; 0 for output neurons.

    That is its generation, its message over the ways to the cores that it goes to, the synaptic operations there, and
    the updates of the neurons that it reaches, where the chip gives energies for them. It is the energy of a pass in
    which all neurons of a part fire once, less that of a pass without spikes, by neuron: neurons of a part count alike,
    each with the mean fan-out of its layer. Static power and the energy of a visit do not depend on spikes, and neither
    do evaluations of neurons that wait: without the spike, a barrier message would cause them.

    Raises:
        InputError: the chip gives no energy of a synaptic operation.
    """
    instance("placement", placement, Placement)
    counts = action_counts(PlacedExecution(_one_part_each(placement), placement))
    terms = term_energies(counts, placement.prices, None, None)
    if terms["synaptic_operation"] is None:
        raise InputError(f"{placement.chip.name}: gives no energy of a synaptic operation")
    anyway = {"neuron_update"} if updates_anyway(placement.chip) else set[str]()
    moved = [name for name, term in COST_TERMS.items() if term.drawn_by is None and name not in anyway]
    known = [energy for name in moved if (energy := terms[name]) is not None]
    energy = np.sum(known, axis=0)
    of_part = np.maximum(energy[:-1] - energy[-1], 0.0) / placement.geometry.neurons
    return np.asarray(of_part[part_of_neurons(placement.shape, placement.parts)])


def _one_part_each(placement: Placement) -> Execution:
    """Samples in whose first timestep all neurons of one part fire once, and in the last sample none does. Further
    timesteps are those in which delayed connections bring these spikes."""
    shape, slices, geometry = placement.shape, placement.parts, placement.geometry
    of_layer, neurons = geometry.layer, geometry.neurons
    layers, samples = len(shape.layers), len(slices) + 1
    timesteps = 1 + max((one.delay for one in shape.delayed), default=0)
    fires = of_layer < layers - 1
    synapses = np.array([round(shape.fan_out(part.layer + 1) * part.neurons) for part in slices]) * fires
    emitted, operations = np.zeros((2, samples, layers), dtype=np.int64)
    active = np.zeros((samples, timesteps, len(slices)), dtype=np.int64)
    rows, messages, direct = list[Any](), list[Any](), list[Any]()
    for sample in np.flatnonzero(fires).tolist():
        emitted[sample, of_layer[sample]] = neurons[sample]
        operations[sample, of_layer[sample] + 1] = synapses[sample]
        messages.append((sample, 0, 0, 1 + sample, 0, neurons[sample], neurons[sample], synapses[sample], 0))
        rows += [(sample, 0, 0, sample, 0, neurons[sample]), *_reached_late(placement, sample, active)]
        ordinary = np.round(neurons[sample] * geometry.reach.synapses[1 + sample]).astype(np.int64)
        arriving = [(1, ordinary)]
        for one, row, reached in _over_direct(placement, sample):
            direct.append(row)
            operations[sample, one.target] += row[7]
            arriving.append((1 + one.detour, reached))
        for step, reached in arriving:
            rows += [(sample, 0, step, target, reached[target], 0) for target in np.flatnonzero(reached)]
            active[sample, 0] = np.minimum(active[sample, 0] + reached, neurons)
    nothing, outputs = np.zeros((samples, timesteps), dtype=np.int64), shape.layers[-1].neurons
    updates = UpdateTable.of(np.array(sorted(rows), dtype=np.int64).reshape(-1, 6).T)
    delayed = delayed_operations(shape, slices, updates, nothing[:, 0] + timesteps, timesteps)
    return Execution(
        shape=shape,
        slices=slices,
        timestep_s=0.0,
        sample_ids=np.arange(samples),
        labels=np.zeros(samples, dtype=np.int64),
        scores=np.zeros((samples, outputs)),
        output_counts=np.zeros((samples, timesteps, outputs), dtype=np.int64),
        timesteps_run=nothing[:, 0] + timesteps,
        spiking_readout=True,
        input_events=nothing[:, 0],
        input_macs=nothing[:, 0],
        emitted=emitted,
        propagated=emitted,
        synaptic_operations=operations + delayed,
        delayed_operations=delayed,
        evaluations=np.zeros_like(emitted),
        barrier_messages=np.zeros_like(emitted),
        active=active,
        residual=np.zeros_like(active[:, 0]),
        forward_steps=nothing + 2 + max((one.detour for one in shape.direct), default=0),
        contended_steps=nothing,
        steps_to_first_output=nothing + NOT_REACHED,
        spikes_to_first_output=nothing + NOT_REACHED,
        spikes_to_stop=nothing + emitted.sum(axis=1, keepdims=True) * (np.arange(timesteps) == 0),
        convergence=np.zeros((samples, 1, outputs), dtype=np.int64),
        currents_before_firing=np.zeros((2, 1), dtype=np.int64),
        messages=MessageTable.of(np.array(messages, dtype=np.int64).reshape(-1, 9).T),
        direct_messages=MessageTable.of(np.array(direct, dtype=np.int64).reshape(-1, 9).T),
        updates=updates,
    )


def _reached_late(placement: Placement, part: int, active: Integers) -> Iterator[tuple[int, ...]]:
    """Rows of updates over delayed connections from a part; `active` gets the neurons reached."""
    of_layer, neurons = placement.geometry.layer, placement.geometry.neurons
    for late in placement.shape.delayed:
        for target in np.flatnonzero((of_layer == late.target) & (of_layer[part] == late.source)).tolist():
            active[part, late.delay, target] = neurons[target]
            yield part, late.delay, late.target, target, int(neurons[target]), 0


def _over_direct(placement: Placement, part: int) -> Iterator[tuple[DirectShape, tuple[int, ...], Integers]]:
    """Direct connections from a part, all of whose neurons fire: the row of their messages, and how many synapses these
    cross into each part."""
    shape, of_layer = placement.shape, placement.geometry.layer
    neurons = int(placement.geometry.neurons[part])
    for one, first in zip(shape.direct, first_of_direct(shape, tuple(of_layer.tolist())), strict=True):
        if one.source == of_layer[part]:
            source = first + part - int(np.argmax(of_layer == one.source))
            reached = np.round(neurons * placement.geometry.reach.synapses[source]).astype(np.int64)
            yield one, (part, 0, 0, source, 0, neurons, neurons, int(reached.sum()), 0), reached
