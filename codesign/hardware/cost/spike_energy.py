"""The energy of one more spike on a chip, with which an energy budget weights spikes in training."""

from __future__ import annotations

import numpy as np

from codesign.arguments import instance
from codesign.arrays import Floats
from codesign.errors import InputError
from codesign.hardware.cost.action_counts import ActionCounts, idle_lanes, words_of
from codesign.hardware.cost.energy import term_energies
from codesign.hardware.cost.work import updates_anyway
from codesign.hardware.placement.lanes import message_cycles
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import COST_TERMS
from codesign.simulation.execution import slice_of_neurons


def spike_energy(placement: Placement) -> Floats:
    """(N,) energy that one spike of each neuron causes, in joules; 0 for output neurons.

    It consists of the spike's generation, its messages over the routes to their cores, the synaptic operations there,
    and the updates of the neurons that it reaches, as far as the chip gives energies for these. Neurons of a part count
    equally, each with the mean fan-out of its layer. Static power and the energy of a visit do not depend on spikes,
    nor do evaluations of neurons that wait: without the spike, a barrier message would cause them.

    Raises:
        InputError: the chip gives no energy of a synaptic operation.
    """
    instance("placement", placement, Placement)
    terms = term_energies(_of_one_spike(placement), placement.prices, None, None)
    if terms["synaptic_operation"] is None:
        raise InputError(f"{placement.chip.name}: gives no energy of a synaptic operation")
    anyway = {"neuron_update"} if updates_anyway(placement.chip) else set[str]()
    moved = [name for name, term in COST_TERMS.items() if term.drawn_by is None and name not in anyway]
    of_part = np.sum([energy for name in moved if (energy := terms[name]) is not None], axis=0)
    outputs = placement.geometry.layer == len(placement.shape.layers) - 1  # no budget counts them, even if they send
    return np.asarray(np.where(outputs, 0.0, of_part)[slice_of_neurons(placement.shape, placement.parts)])


def _of_one_spike(placement: Placement) -> ActionCounts:
    """(P,) actions that a spike of one neuron of each part causes."""
    chip, shape, geometry, reach = placement.chip, placement.shape, placement.geometry, placement.geometry.reach
    neurons, sends = geometry.neurons, reach.origin >= 0
    sender, zero = reach.origin[sends], np.zeros(len(neurons))

    def over(of_sources: Floats) -> Floats:
        return np.bincount(sender, of_sources[sends], len(neurons)).astype(np.float64)

    together = np.round(neurons[reach.origin, None] * reach.synapses)  # for all neurons of a part
    operations = together.sum(axis=1) / neurons[reach.origin]
    fan_out = np.array([shape.fan_out(layer + 1) for layer in geometry.layer])
    operations[1 : 1 + len(neurons)] = np.round(fan_out * neurons) / neurons
    performed = over(reach.share @ geometry.occupied) if geometry.occupied.any() else over(operations)
    if (words := words_of(chip)) is not None:
        lanes, share = words
        cycles = message_cycles(shape, geometry, placement.parts, lanes, banks=True)
        mean = reach.synapses.sum(axis=1)
        spikes = np.divide(operations, mean, out=np.zeros(len(mean)), where=mean > 0)
        performed = performed + share * over(spikes * idle_lanes(cycles, lanes))
    return ActionCounts(
        synaptic_operation=performed,
        neuron_access=zero,
        neuron_update=_updates(placement, together) / neurons,
        spike=(geometry.layer < len(shape.layers) - 1).astype(np.float64),
        message=over(reach.share.sum(axis=1)),
        hop=over(geometry.hops_of_sources(geometry.horizontal)) if geometry.described else None,
        hop_vertical=over(geometry.hops_of_sources(geometry.vertical)) if geometry.described else None,
        chip_hop=over(geometry.hops_of_sources(geometry.crossings)),
        barrier_message=zero,
    )


def _updates(placement: Placement, together: Floats) -> Floats:
    """(P,) updates if all neurons of a part fire at the same time; their messages over a delayed connection then arrive
    at the same time, too."""
    reach, neurons, number = placement.geometry.reach, placement.geometry.neurons, placement.chip.energies.neuron_update
    reached, sends = np.zeros((len(neurons), len(neurons))), reach.origin >= 0
    at_once, late = sends & ~reach.delayed, sends & reach.delayed
    np.add.at(reached, reach.origin[at_once], together[at_once])
    if number is not None and number.counted == "active_neurons":
        reached = np.minimum(reached, neurons)
    later = np.bincount(reach.origin[late], reach.synapses[late].sum(axis=1), len(neurons))
    return np.asarray(reached.sum(axis=1) + later)
