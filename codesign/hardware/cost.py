"""What an execution costs on a chip: energy in both books and latency, per sample, and what is not in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.hardware.description import Chip
from codesign.hardware.energy import EnergyBook, Operation, energy_of
from codesign.hardware.latency import Latency, latency_of
from codesign.hardware.mapping import Mapping
from codesign.hardware.work import layout_of
from codesign.simulation.execution import Execution

__all__ = ["Cost", "price"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Energy and latency of B samples on one chip.

    Attributes:
        chip: name of the chip.
        operation: `accelerated` or `real_time`.
        synaptic_operations: (B,) operations performed, the input layer's included.
        energy: the book of all synapses.
        latency: times, in seconds.
        paper_synaptic_operations: (B,) emitted hidden spikes · mean fan-out of the hidden layers, as in Table 3.
        paper_energy_j: (B,) these times e_so; None where e_so is not known.
        not_modelled: terms left out because the chip's numbers are not known.
        assumptions: what was assumed that the chip does not state or have.
    """

    chip: str
    operation: Operation
    synaptic_operations: NDArray[np.int64]
    energy: EnergyBook
    latency: Latency
    paper_synaptic_operations: Floats
    paper_energy_j: Floats | None
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]

    @property
    def energy_j(self) -> float | None:
        """Mean energy per sample."""
        return _mean(self.energy.total_j)

    @property
    def latency_s(self) -> float | None:
        """Mean time per sample until the stop."""
        return _mean(self.latency.total_s)

    def columns(self) -> dict[str, float | str | list[str] | None]:
        """Means over samples, named as in `codesign.results.COLUMNS`; decision latency over decided samples."""
        energy, latency = self.energy, self.latency
        return {
            "operation": self.operation,
            "synaptic_operations": _mean(self.synaptic_operations),
            "energy_j": _mean(energy.total_j),
            "energy_synaptic_operation_j": _mean(energy.synaptic_operation_j),
            "energy_neuron_access_j": _mean(energy.neuron_access_j),
            "energy_neuron_update_j": _mean(energy.neuron_update_j),
            "energy_spike_j": _mean(energy.spike_j),
            "energy_hop_j": _mean(energy.hop_j),
            "energy_barrier_j": _mean(energy.barrier_message_j),
            "energy_static_j": _mean(energy.static_j),
            "energy_coverage": list(energy.coverage),
            "paper_synaptic_operations": _mean(self.paper_synaptic_operations),
            "paper_energy_j": _mean(self.paper_energy_j),
            "latency_model": latency.model,
            "latency_s": _mean(latency.total_s),
            "latency_compute_s": _mean(latency.compute_s),
            "latency_network_s": _mean(latency.network_s),
            "latency_synchronization_s": _mean(latency.synchronization_s),
            "latency_bound_s": _mean(latency.bound_s),
            "latency_per_layer_s": _mean(latency.per_layer_s),
            "decision_latency_s": _mean(latency.decision_s),
            "not_modelled": list(self.not_modelled),
        }


def _mean(values: NDArray[np.generic] | None) -> float | None:
    """Mean of the samples that have a value; None if none has."""
    if values is None:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else None


def price(execution: Execution, chip: Chip, mapping: Mapping, *, operation: Operation = "accelerated") -> Cost:
    """Price an execution, without simulating again.

    Any execution of the mapping's network can be priced; where its slices are those of another mapping, the work of a
    layer is shared out over the layer's cores, which is noted among the assumptions.

    Raises:
        InputError: the mapping is of another network or chip, or `operation` is unknown.
    """
    if operation not in ("accelerated", "real_time"):
        raise InputError(f"operation: must be 'accelerated' or 'real_time', found {operation!r}")
    if mapping.shape != execution.shape:
        raise InputError("mapping: is of another network than the execution")
    if mapping.chip != chip.name:
        raise InputError(f"mapping: is for chip '{mapping.chip}', found '{chip.name}'")
    layout = layout_of(execution, chip, mapping)
    latency = latency_of(execution, chip, layout)
    energy = energy_of(execution, chip, mapping, layout, latency.total_s, operation)
    paper = execution.emitted[:, :-1].sum(axis=1) * execution.shape.mean_hidden_fan_out
    e_so = chip.e_synaptic_operation_j
    shared = (
        f"{chip.name}: recorded for another placement; a layer's work is shared out over its cores by their neurons"
    )
    return Cost(
        chip=chip.name,
        operation=operation,
        synaptic_operations=execution.synaptic_operations.sum(axis=1),
        energy=energy,
        latency=latency,
        paper_synaptic_operations=paper,
        paper_energy_j=None if e_so is None else paper * e_so,
        not_modelled=(*energy.not_modelled, *latency.not_modelled),
        assumptions=(
            *mapping.assumptions,
            *energy.assumptions,
            *latency.assumptions,
            *(() if layout.exact else (shared,)),
        ),
    )
