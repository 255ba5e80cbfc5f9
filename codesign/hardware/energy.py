"""Energy of an execution on a chip, in two books.

*All synapses*: energy = N_SO·e_so + N_access·e_access + N_upd·e_upd + N_spike·e_spike + N_message·e_message
+ N_hop·e_hop + N_barrier·e_barrier + (P_clock + P_cores + P_static)·T. Every synaptic operation that was performed
counts, the input layer's too, and only spikes that left are messages.

*The paper's* (Table 3): spike density · hidden neurons · mean fan-out of the hidden layers · e_so. It counts spikes
that were emitted, whether they left or not, and leaves the input layer out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.hardware.description import Chip
from codesign.hardware.mapping import Mapping
from codesign.hardware.numbers import Operation
from codesign.hardware.tariff import ENERGY_TERMS, charges, tariff_of, total
from codesign.hardware.usage import Usage
from codesign.hardware.work import Layout
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Execution

__all__ = [
    "ENERGY_TERMS",
    "Accounting",
    "EnergyBook",
    "Operation",
    "check_operation",
    "energy_of",
    "on_time",
    "paper_energy_j",
    "paper_synaptic_operations",
]

Accounting = Literal["incremental", "all_in"]
"""`incremental`: each event has its energy, and static power comes on top. `all_in`: one number an operation holds
everything that a chip spent in some measurement; it compares with no other."""

Floats = NDArray[np.float64]

_WORDS = {
    "neuron_access": "neuron accesses",
    "neuron_update": "neuron updates",
    "spike": "spikes generated",
    "message": "messages",
    "hop": "hops",
    "barrier_message": "barrier messages",
}


@dataclass(frozen=True, kw_only=True)
class EnergyBook:
    """Energies of B samples, or one mean, in joules; None where a number is not known or another term contains it.

    Attributes:
        accounting: whether static power and all else are terms of their own or inside the synaptic operation's.
        total_j: sum of the known terms; None if the energy of a synaptic operation is not known.
        synaptic_operation_j, neuron_access_j, neuron_update_j, spike_j, message_j, hop_j, barrier_message_j, clock_j,
            active_core_j, static_j: the terms.
        coverage: names of the terms that `total_j` contains, on their own or within another; only totals of equal
            coverage compare. `all_in` compares with no other.
        not_modelled, assumptions: what is missing and what was assumed.
    """

    accounting: Accounting
    total_j: Floats | None
    synaptic_operation_j: Floats | None
    neuron_access_j: Floats | None = None
    neuron_update_j: Floats | None = None
    spike_j: Floats | None = None
    message_j: Floats | None = None
    hop_j: Floats | None = None
    barrier_message_j: Floats | None = None
    clock_j: Floats | None = None
    active_core_j: Floats | None = None
    static_j: Floats | None = None
    coverage: tuple[str, ...]
    not_modelled: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def paper_synaptic_operations(spike_density: float, shape: NetworkShape) -> float:
    """Synaptic operations as the paper's Table 3 counts them; N-MNIST, layered: 3.987 · 192 · 46 = 3.521e4."""
    return spike_density * shape.hidden_neurons * shape.mean_hidden_fan_out


def paper_energy_j(spike_density: float, shape: NetworkShape, e_synaptic_operation_j: float) -> float:
    """Energy as the paper's Table 3 projects it; N-MNIST, layered, 26 pJ: 0.9155 µJ."""
    return paper_synaptic_operations(spike_density, shape) * e_synaptic_operation_j


def check_operation(chip: Chip, operation: Operation) -> None:
    """Raise InputError where a chip's energies do not hold in an operation."""
    if operation not in ("accelerated", "real_time"):
        raise InputError(f"operation: must be 'accelerated' or 'real_time', found {operation!r}")
    synaptic = chip.energies.synaptic_operation
    if synaptic is not None and synaptic.all_in and synaptic.operation != operation:
        raise InputError(
            f"{chip.name}: its all-in energy was measured in {synaptic.operation} operation and contains the static "
            f"energy of that one; it cannot be used for operation '{operation}'"
        )


def on_time(
    execution: Execution, chip: Chip, latency_s: Floats | None, operation: Operation
) -> tuple[Floats | None, tuple[str, ...]]:
    """(B,) seconds that static power is drawn, None if not known, and what was assumed.

    Accelerated: until the stop. Real time: while the stimulus lasts, or until the stop if that is later; a chip that
    gates its power between inputs draws it while it works.

    Raises:
        InputError: real time with a static input, which lasts no time.
    """
    if operation == "accelerated":
        return latency_s, ()
    if execution.timestep_s == 0:
        raise InputError("operation 'real_time': a static input (timestep 0 s) has no duration; use 'accelerated'")
    if chip.power_gating.between_inputs == "yes":
        return latency_s, (f"{chip.name}: static power is off between inputs",)
    stimulus_s = execution.timesteps * execution.timestep_s
    if latency_s is None:
        return np.full(execution.samples, stimulus_s), (f"{chip.name}: taken to keep pace with its input",)
    return np.maximum(latency_s, stimulus_s), ()


def energy_of(
    execution: Execution, chip: Chip, mapping: Mapping, layout: Layout, usage: Usage, on_s: Floats | None
) -> EnergyBook:
    """The book of all synapses.

    Args:
        usage: counts of each sample, or their means.
        on_s: time that static power is drawn, shaped like the counts; None if it is not known.
    """
    synaptic = chip.energies.synaptic_operation
    tariff = tariff_of(chip, layout)
    not_modelled = list(_input_macs(execution, chip))
    crossbar = (f"{chip.name}: a message occupies every neuron of a core",) if chip.crossbar else ()
    if synaptic is not None and synaptic.all_in:
        energy = np.asarray(usage.synaptic_operation * synaptic.value)
        return EnergyBook(
            accounting="all_in",
            total_j=energy,
            synaptic_operation_j=energy,
            coverage=("all_in",),
            not_modelled=tuple(not_modelled),
            assumptions=(
                f"{chip.name}: all-in energy per synaptic operation, valid at the load where it was measured",
                *crossbar,
            ),
        )
    terms = charges(usage, tariff, on_s)
    if synaptic is None:
        not_modelled.append(f"energy: {chip.name} gives no energies.synaptic_operation")
    for name, words in _WORDS.items():
        if terms[name] is not None:
            continue
        holder = tariff.included.get(name)
        if holder is None:
            lacks = "chip_hop" if name == "hop" and tariff.hop_j is not None else name
            not_modelled.append(f"energy of {words}: {chip.name} gives no energies.{lacks}")
        elif terms.get(holder) is None:
            not_modelled.append(f"energy of {words}: inside {holder.replace('_', ' ')}, which is not known")
    powers = {"static": chip.static_power, "clock": tariff.clock_w, "active_core": chip.active_core_power}
    for name, power in powers.items():
        if terms[name] is None and (power is not None or name == "static"):
            lacks = "static_power" if power is None else "latency, so the time it is on is not known"
            not_modelled.append(f"{name.replace('_', ' ')} energy: {chip.name} gives no {lacks}")
    covered = {name for name, term in terms.items() if term is not None}
    covered |= {term for term, holder in tariff.included.items() if terms.get(holder) is not None}
    return EnergyBook(
        accounting="incremental",
        total_j=None if synaptic is None else total([terms[name] for name in ENERGY_TERMS]),
        **{f"{name}_j": terms[name] for name in ENERGY_TERMS},
        coverage=tuple(name for name in ENERGY_TERMS if name in covered),
        not_modelled=tuple(not_modelled),
        assumptions=(*crossbar, *_static_assumptions(chip, mapping)),
    )


def _input_macs(execution: Execution, chip: Chip) -> tuple[str, ...]:
    if not execution.input_macs.any():
        return ()
    mean = execution.input_macs.mean()
    return (f"{mean:,.0f} input multiply-accumulates a sample: {chip.name} gives no energy for them",)


def _static_assumptions(chip: Chip, mapping: Mapping) -> tuple[str, ...]:
    if chip.static_power is None:
        return ()
    there = chip.cores.value * mapping.chips_used
    if chip.power_gating.unused_cores == "yes":
        return (f"{chip.name}: static power is that of the {mapping.cores_used:,} cores in use",)
    whole = f"{chip.name}: static power is the published chip's"
    if mapping.cores_used < there:
        return (f"{whole}, all {there:,} cores, of which {mapping.cores_used:,} are used",)
    if mapping.assumptions and mapping.capacity == "scaled":
        return (f"{whole}, whatever was added to it",)
    return ()
