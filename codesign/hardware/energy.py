"""Energy of an execution on a chip, in two books.

*All synapses*: energy = N_SO·e_so + N_access·e_access + N_upd·e_upd + N_spike·e_spike + N_hop·e_hop
+ N_barrier·e_barrier + P_static·T. Every synaptic operation that was performed counts, the input layer's too, and only
spikes that left.

*The paper's* (Table 3): spike density · hidden neurons · mean fan-out of the hidden layers · e_so. It counts spikes
that were emitted, whether they left or not, and leaves the input layer out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip
from codesign.hardware.mapping import Mapping
from codesign.hardware.work import Layout, active_neurons, target_layers
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Execution

__all__ = [
    "ENERGY_TERMS",
    "EnergyBook",
    "Operation",
    "energy_of",
    "paper_energy_j",
    "paper_synaptic_operations",
]

Operation = Literal["accelerated", "real_time"]
Floats = NDArray[np.float64]

ENERGY_TERMS = ("synaptic_operation", "neuron_access", "neuron_update", "spike", "hop", "barrier_message", "static")
"""Names of the terms, in the order of the formula."""

_WORDS = {
    "neuron_access": "neuron accesses",
    "neuron_update": "neuron updates",
    "spike": "spikes",
    "hop": "hops",
    "barrier_message": "barrier messages",
}


@dataclass(frozen=True, kw_only=True)
class EnergyBook:
    """Energies of B samples, in joules; (B,) each, None where a number is not known or another term contains it.

    Attributes:
        total_j: sum of the known terms; None if the energy of a synaptic operation is not known.
        synaptic_operation_j, neuron_access_j, neuron_update_j, spike_j, hop_j, barrier_message_j, static_j: the terms.
        coverage: names of the terms that `total_j` contains, on their own or within another; only totals of equal
            coverage compare. `all_in` is everything that a chip spent in some measurement, and compares with no other.
        not_modelled, assumptions: what is missing and what was assumed.
    """

    total_j: Floats | None
    synaptic_operation_j: Floats | None
    neuron_access_j: Floats | None
    neuron_update_j: Floats | None
    spike_j: Floats | None
    hop_j: Floats | None
    barrier_message_j: Floats | None
    static_j: Floats | None
    coverage: tuple[str, ...]
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]


def paper_synaptic_operations(spike_density: float, shape: NetworkShape) -> float:
    """Synaptic operations as the paper's Table 3 counts them; N-MNIST, layered: 3.987 · 192 · 46 = 3.521e4."""
    return spike_density * shape.hidden_neurons * shape.mean_hidden_fan_out


def paper_energy_j(spike_density: float, shape: NetworkShape, e_synaptic_operation_j: float) -> float:
    """Energy as the paper's Table 3 projects it; N-MNIST, layered, 26 pJ: 0.9155 µJ."""
    return paper_synaptic_operations(spike_density, shape) * e_synaptic_operation_j


def energy_of(
    execution: Execution,
    chip: Chip,
    mapping: Mapping,
    layout: Layout,
    latency_s: Floats | None,
    operation: Operation,
) -> EnergyBook:
    """The book of all synapses.

    Args:
        latency_s: (B,) time of each sample until the stop, or None if it is not known.
        operation: `accelerated`: static power is on for that time; `real_time`: at least while the stimulus lasts.
    """
    operations = (execution.synaptic_operations.sum(axis=1) - execution.input_macs).astype(np.float64)
    not_modelled = list(_input_macs(execution, chip))
    synaptic = chip.energies.synaptic_operation
    if synaptic is not None and synaptic.all_in:
        total = operations * synaptic.value
        return EnergyBook(
            total_j=total,
            synaptic_operation_j=total,
            neuron_access_j=None,
            neuron_update_j=None,
            spike_j=None,
            hop_j=None,
            barrier_message_j=None,
            static_j=None,
            coverage=("all_in",),
            not_modelled=tuple(not_modelled),
            assumptions=(
                f"{chip.name}: all-in energy per synaptic operation, valid at the load where it was measured",
            ),
        )
    terms: dict[str, Floats | None] = {"synaptic_operation": None if synaptic is None else operations * synaptic.value}
    if synaptic is None:
        not_modelled.append(f"energy: {chip.name} gives no energies.synaptic_operation")
    included = _included(chip)
    for name, term in _dynamic_terms(execution, chip, mapping, layout).items():
        terms[name] = None if name in included else term
        if term is None and name not in included:
            not_modelled.append(f"energy of {_WORDS[name]}: {chip.name} gives no energies.{name}")
    static, assumptions = _static(execution, chip, mapping, latency_s, operation)
    terms["static"] = static
    if static is None:
        lacks = "static_power" if chip.static_power is None else "latency, so the time it is on is not known"
        not_modelled.append(f"static energy: {chip.name} gives no {lacks}")
    known = [term for term in terms.values() if term is not None]
    covered = {name for name, term in terms.items() if term is not None}
    covered |= {term for term, holder in included.items() if terms.get(holder) is not None}
    return EnergyBook(
        total_j=None if terms["synaptic_operation"] is None else np.sum(known, axis=0),
        synaptic_operation_j=terms["synaptic_operation"],
        neuron_access_j=terms["neuron_access"],
        neuron_update_j=terms["neuron_update"],
        spike_j=terms["spike"],
        hop_j=terms["hop"],
        barrier_message_j=terms["barrier_message"],
        static_j=static,
        coverage=tuple(name for name in ENERGY_TERMS if name in covered),
        not_modelled=tuple(not_modelled),
        assumptions=assumptions,
    )


def _input_macs(execution: Execution, chip: Chip) -> tuple[str, ...]:
    if not execution.input_macs.any():
        return ()
    mean = execution.input_macs.mean()
    return (f"{mean:,.0f} input multiply-accumulates a sample: {chip.name} gives no energy for them",)


def _included(chip: Chip) -> dict[str, str]:
    """Terms that another number already contains, and which."""
    numbers = [
        ("synaptic_operation", chip.energies.synaptic_operation),
        *((name, getattr(chip.energies, name)) for name in _WORDS),
        ("static", chip.static_power),
    ]
    return {term: name for name, number in numbers if number is not None for term in number.includes}


def _dynamic_terms(execution: Execution, chip: Chip, mapping: Mapping, layout: Layout) -> dict[str, Floats | None]:
    """Every term but synaptic operations and static power.

    Where an energy is not known but nothing of its kind happened, the term is 0 and known. Asynchronous chips visit no
    neuron without a message. On a chip that synchronizes by itself the simulation's barrier messages stand for what its
    barrier or timer does, and are charged only where the chip gives them an energy.
    """
    energies, table, samples = chip.energies, execution.messages, execution.samples
    destinations = np.bincount(layout.layer, minlength=len(execution.shape.layers) + 1)[target_layers(execution)]

    def by_sample(per_row: NDArray[np.int64]) -> Floats:
        return np.bincount(table.sample, weights=per_row, minlength=samples).astype(np.float64)

    visits = chip.synchronization.kind != "asynchronous" or energies.neuron_access is not None
    accesses = np.full(samples, float(mapping.shape.neurons * execution.timesteps if visits else 0))
    by_itself = chip.synchronized and energies.barrier_message is None
    counts: dict[str, Floats] = {
        "neuron_access": accesses,
        "neuron_update": _updates(execution, chip),
        "spike": by_sample(table.spikes * destinations),
        "barrier_message": by_sample(table.barriers * destinations * (not by_itself)),
    }
    terms: dict[str, Floats | None] = {}
    for name, count in counts.items():
        number = getattr(energies, name)
        known = number is not None or not count.any()
        terms[name] = count * (0.0 if number is None else number.value) if known else None
    terms["hop"] = _hops(execution, chip, layout)
    return terms


def _updates(execution: Execution, chip: Chip) -> Floats:
    number = chip.energies.neuron_update
    if number is not None and number.counted == "active_neurons":
        return np.asarray(active_neurons(execution).sum(axis=(1, 2)), dtype=np.float64)
    return np.asarray(execution.evaluations.sum(axis=1), dtype=np.float64)


def _hops(execution: Execution, chip: Chip, layout: Layout) -> Floats | None:
    """Energy of all hops; each spike travels to every core of the next layer on its own."""
    if layout.horizontal is None or layout.vertical is None:
        return None
    table = execution.messages
    ways = np.zeros((2, len(execution.slices) + 1))
    for source in range(len(execution.slices) + 1):
        target = 0 if source == 0 else execution.slices[source - 1].layer + 1
        places = layout.core[layout.placements_of(target)]
        if source == 0:
            weights = np.eye(layout.cores + 1)[0]
        else:
            weights = np.bincount(1 + layout.core, weights=layout.share[source - 1], minlength=layout.cores + 1)
        ways[0, source] = weights @ layout.horizontal[:, places].sum(axis=1)
        ways[1, source] = weights @ layout.vertical[:, places].sum(axis=1)
    horizontal, vertical = (
        np.bincount(table.sample, weights=table.spikes * way[table.source], minlength=execution.samples) for way in ways
    )
    hop = chip.energies.hop
    if hop is None:
        return None if horizontal.any() or vertical.any() else np.zeros(execution.samples)
    along = hop if chip.energies.hop_vertical is None else chip.energies.hop_vertical
    return np.asarray(horizontal * hop.value + vertical * along.value)


def _static(
    execution: Execution, chip: Chip, mapping: Mapping, latency_s: Floats | None, operation: Operation
) -> tuple[Floats | None, tuple[str, ...]]:
    if chip.static_power is None or latency_s is None:
        return None, ()
    on_s = latency_s
    if operation == "real_time":
        on_s = np.maximum(on_s, execution.timesteps * execution.timestep_s)
    assumptions: tuple[str, ...] = ()
    whole = f"{chip.name}: static power is the published chip's"
    if mapping.cores_used < chip.cores.value:
        assumptions = (f"{whole}, all {chip.cores.value:,} cores, of which {mapping.cores_used:,} are used",)
    elif mapping.assumptions and mapping.capacity == "scaled":
        assumptions = (f"{whole}, whatever was added to it",)
    return chip.static_power.value * on_s, assumptions
