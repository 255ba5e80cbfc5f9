"""What an execution costs on a chip: energy in both books and latency, per sample, and what is not in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.hardware.description import Chip
from codesign.hardware.energy import ENERGY_TERMS, EnergyBook, Operation, check_operation, energy_of, on_time
from codesign.hardware.latency import Latency, StepsOf, latency_of, steps_of
from codesign.hardware.mapping import Mapping
from codesign.hardware.service import missing_times
from codesign.hardware.usage import Usage, usage_of
from codesign.hardware.work import Layout, layout_of
from codesign.simulation.execution import Execution

__all__ = ["ENERGY_COLUMNS", "Cost", "price"]

Floats = NDArray[np.float64]

ENERGY_COLUMNS = {f"{name}_j": f"energy_{name.removesuffix('_message')}_j" for name in ENERGY_TERMS}
"""Column of the results for each term of an `EnergyBook`."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Energy and latency of B samples on one chip.

    Attributes:
        chip: name of the chip.
        operation: `accelerated` or `real_time`.
        synaptic_operations: (B,) operations performed, the input layer's included.
        energy: the book of all synapses.
        mean: the same for the mean sample, (1,) each; what `columns` says.
        on_s: (B,) time that static power is drawn; None if not known.
        latency: times, in seconds.
        paper_synaptic_operations: (B,) emitted hidden spikes · mean fan-out of the hidden layers, as in Table 3.
        paper_energy_j: (B,) these times e_so; None where e_so is not known.
        layout, usage, steps: what the price was made from, for whoever prices again; no steps without times.
        link_load: (B, Q) messages over each link of the layout.
        not_modelled: terms left out because the chip's numbers are not known.
        assumptions: what was assumed that the chip does not state or have.
    """

    chip: str
    operation: Operation
    synaptic_operations: NDArray[np.int64]
    energy: EnergyBook
    mean: EnergyBook
    on_s: Floats | None
    latency: Latency
    paper_synaptic_operations: Floats
    paper_energy_j: Floats | None
    layout: Layout
    usage: Usage
    steps: StepsOf | None
    link_load: Floats
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]

    @property
    def energy_j(self) -> float | None:
        """Mean energy per sample."""
        return _only(self.mean.total_j)

    @property
    def latency_s(self) -> float | None:
        """Mean time per sample until the stop."""
        return _mean(self.latency.total_s)

    def columns(self) -> dict[str, float | str | list[str] | list[float] | None]:
        """Means over samples, named as the columns of results; decision latency over decided samples."""
        energy, latency = self.mean, self.latency
        on_s = None if self.on_s is None else float(self.on_s.mean())
        load = self.link_load.mean(axis=0)
        utilization = None
        if latency.busy_s is not None and on_s:
            utilization = [float(busy) / on_s for busy in latency.busy_s.mean(axis=0)]
        return {
            "operation": self.operation,
            "energy_accounting": energy.accounting,
            "synaptic_operations": _mean(self.synaptic_operations),
            "energy_j": _only(energy.total_j),
            **{
                f"energy_{name.removesuffix('_message')}_j": _only(getattr(energy, f"{name}_j"))
                for name in ENERGY_TERMS
            },
            "on_s": on_s,
            "core_utilization": utilization,
            "late_fraction": _mean(latency.late),
            "peak_link_load": float(load.max()) if load.size else None,
            "peak_link": self.layout.link_names[load.argmax()] if load.size else None,
            "overloaded_ticks": _mean(latency.overloaded_ticks),
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


def _link_load(execution: Execution, layout: Layout) -> Floats:
    table = execution.messages
    sent = np.zeros((execution.samples, len(execution.slices) + 1))
    np.add.at(sent, (table.sample, table.source), table.spikes.astype(np.float64))
    return np.asarray(sent @ layout.links)


def _only(values: Floats | None) -> float | None:
    return None if values is None else float(values[0])


def _mean(values: NDArray[np.generic] | None) -> float | None:
    """Mean of the samples that have a value; None if none has."""
    if values is None:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else None


def price(
    execution: Execution,
    chip: Chip,
    mapping: Mapping,
    *,
    operation: Operation = "accelerated",
    bound_only: bool = False,
) -> Cost:
    """Price an execution, without simulating again.

    Any execution of the mapping's network can be priced; where its slices are those of another mapping, the work of a
    layer is shared out over the layer's cores, which is noted among the assumptions.

    Args:
        operation: how the chip runs, which decides for how long static power is drawn.
        bound_only: take the stepwise bound for the time of a chip without synchronization, instead of the replay.

    Raises:
        InputError: the mapping is of another network or chip, or the chip's energies do not hold in `operation`.
    """
    check_operation(chip, operation)
    if mapping.shape != execution.shape:
        raise InputError("mapping: is of another network than the execution")
    if mapping.chip != chip.name:
        raise InputError(f"mapping: is for chip '{mapping.chip}', found '{chip.name}'")
    layout = layout_of(execution, chip, mapping)
    steps = None if missing_times(chip, layout) else steps_of(execution, chip, layout)
    latency = latency_of(execution, chip, layout, steps, bound_only=bound_only)
    usage = usage_of(execution, chip, layout)
    on_s, assumed = on_time(execution, chip, latency.total_s, operation)
    energy = energy_of(execution, chip, mapping, layout, usage, on_s)
    mean_on_s = None if on_s is None else on_s.mean(keepdims=True)
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
        mean=energy_of(execution, chip, mapping, layout, usage.mean(), mean_on_s),
        on_s=on_s,
        latency=latency,
        paper_synaptic_operations=paper,
        paper_energy_j=None if e_so is None else paper * e_so,
        link_load=_link_load(execution, layout),
        layout=layout,
        usage=usage,
        steps=steps,
        not_modelled=(*energy.not_modelled, *latency.not_modelled),
        assumptions=(
            *mapping.assumptions,
            *energy.assumptions,
            *latency.assumptions,
            *assumed,
            *(() if layout.exact else (shared,)),
        ),
    )
