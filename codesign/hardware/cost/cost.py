"""The cost of an execution on a chip: energy and latency, per sample, and what they leave out.

    work (counts and steps of an execution on a placement) × prices (numbers, or arrays over scenarios) = costs

`price` prices one chip, sample by sample. Ranges of uncertain numbers and grids of millions of points use many
scenarios at once and means over samples: `mean_times`, and `term_energies` of `ActionCounts.mean`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arguments import instance
from codesign.arrays import Floats, Integers, OfArrays
from codesign.errors import InputError
from codesign.hardware.chip.prices import Prices
from codesign.hardware.cost.action_counts import ActionCounts, action_counts
from codesign.hardware.cost.assumptions import connection_assumptions
from codesign.hardware.cost.energy import EnergyBreakdown, check_operation, energy_of, term_energies
from codesign.hardware.cost.latency import Latency, latency_of, steps_of
from codesign.hardware.cost.steps import StepWork
from codesign.hardware.cost.work import PlacedExecution
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import COST_TERMS, CURRENTS, GATED, Operation
from codesign.simulation.execution import Execution
from codesign.units import format_si, in_percent

_MOST_SHARES = 3
_LEAST_SHARE = 0.001
_CHUNK = 1 << 21  # numbers in a chunk of scenarios: 16 MB


class Counted(PlacedExecution):
    """An execution on a placement with its counts, which are computed when first needed; it can be priced
    repeatedly."""

    @cached_property
    def actions(self) -> ActionCounts:
        """(B,) actions of each sample."""
        return action_counts(self)

    @cached_property
    def steps(self) -> StepWork | None:
        """Work of every step; None if the chip's times or lanes are unknown."""
        return None if self.placement.prices.missing_times(self.geometry.route_kinds) else steps_of(self)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Cost(OfArrays):
    """Energy and latency of B samples on one chip.

    Attributes:
        chip: name of the chip.
        operation: `accelerated` or `real_time`.
        synaptic_operations: (B,) operations performed, including the input layer's.
        energy: energies of each sample.
        mean: energies of the mean sample, (1,) each; used by `columns`.
        on_s: (B,) time that a sample takes: until the stop, in real time at least as long as its stimulus; None if
            unknown.
        latency: times, in seconds.
        paper_synaptic_operations: (B,) emitted hidden spikes · mean fan-out of the hidden layers, as in Table 3.
        paper_energy_j: (B,) `paper_synaptic_operations` times e_so; None if e_so is unknown.
        counted: what the costs were computed from, for pricing again.
        link_load: (B, Q) messages over each link of the placement.
        not_modelled: terms left out because the chip's numbers are unknown.
        assumptions: assumptions where the chip does not state or have what the placed network needs, except for its
            neurons (leak, reset, synaptic currents, ticks, refractory period, …), the bits of its potentials and its
            schedule: these are listed by `compare_schedules` and sweeps only.
    """

    chip: str
    operation: Operation
    synaptic_operations: Integers
    energy: EnergyBreakdown
    mean: EnergyBreakdown
    on_s: Floats | None
    latency: Latency
    paper_synaptic_operations: Floats
    paper_energy_j: Floats | None
    counted: Counted = field(compare=False)
    link_load: Floats
    not_modelled: tuple[str, ...]
    assumptions: tuple[str, ...]

    @property
    def energy_j(self) -> float | None:
        """Mean energy per sample of everything that is powered."""
        return _mean(self.mean.total_j)

    @property
    def energy_cores_in_use_j(self) -> float | None:
        """Mean energy per sample of the cores in use."""
        return _mean(self.mean.cores_in_use_j)

    @property
    def latency_s(self) -> float | None:
        """Mean time per sample until the stop."""
        return _mean(self.latency.total_s)

    @property
    def power_w(self) -> float | None:
        """Mean power of everything that is powered, over the time of a sample."""
        on_s = _mean(self.on_s)
        return None if self.energy_j is None or not on_s else self.energy_j / on_s

    def columns(self) -> dict[str, float | str | list[str] | list[float] | None]:
        """Means over samples by the names of results' columns; decision latency over decided samples."""
        energy, latency = self.mean, self.latency
        on_s = _mean(self.on_s)
        load = self.link_load.mean(axis=0)
        utilization = None
        if latency.busy_s is not None and on_s:
            utilization = [float(busy) / on_s for busy in latency.busy_s.mean(axis=0)]
        return {
            "operation": self.operation,
            "energy_accounting": energy.accounting,
            "synaptic_operations": _mean(self.synaptic_operations),
            "energy_j": _mean(energy.total_j),
            "energy_cores_in_use_j": _mean(energy.cores_in_use_j),
            "core_share": self.counted.placement.prices.core_share,
            **{term.column: _mean(energy.terms_j[name]) for name, term in COST_TERMS.items()},
            "on_s": on_s,
            "area_m2": self.counted.placement.area_m2,
            "core_utilization": utilization,
            "late_fraction": _mean(latency.late),
            "peak_link_load": float(load.max()) if load.size else None,
            "overloaded_ticks": _mean(latency.overloaded_ticks),
            "energy_coverage": list(energy.coverage),
            "paper_synaptic_operations": _mean(self.paper_synaptic_operations),
            "paper_energy_j": _mean(self.paper_energy_j),
            "latency_model": latency.model,
            "latency_s": _mean(latency.total_s),
            "interval_s": _mean(latency.interval_s),
            "latency_compute_s": _mean(latency.compute_s),
            "latency_network_s": _mean(latency.network_s),
            "latency_synchronization_s": _mean(latency.synchronization_s),
            "latency_bound_s": _mean(latency.bound_s),
            "decision_latency_s": _mean(latency.decision_s),
            "power_w": self.power_w,
            "energy_delay_js": None
            if self.energy_j is None or self.latency_s is None
            else self.energy_j * self.latency_s,
            "not_modelled": list(self.not_modelled),
        }

    def __repr__(self) -> str:
        energy, cores_in_use = format_si(self.energy_j, "J"), format_si(self.energy_cores_in_use_j, "J")
        latency, interval = format_si(self.latency_s, "s"), format_si(_mean(self.latency.interval_s), "s")
        stream = self._pace() if self.operation == "real_time" else ""
        if self.operation == "accelerated" and self.latency_s is not None:
            stream = f"; in a stream, a sample every {interval}"
        missing = f"\n  not modelled: {'; '.join(self.not_modelled)}" if self.not_modelled else ""
        assumed = f"\n  assumed: {'; '.join(self.assumptions)}" if self.assumptions else ""
        return (
            f"Cost of {len(self.synaptic_operations):,} samples on {self.chip}, {self.operation}, means:\n"
            f"  energy: {energy}{self._shares()}, of the cores in use {cores_in_use}\n"
            f"  latency: {latency} ({self.latency.model}){stream}{missing}{assumed}"
        )

    def _shares(self) -> str:
        """What most of the energy of all that is powered is spent on, in brackets; empty if unknown or all-in."""
        if not self.energy_j or self.mean.accounting == "all_in":
            return ""
        parts = [(_mean(term) or 0.0, COST_TERMS[name].label) for name, term in self.mean.terms_j.items()]
        most = sorted(parts, reverse=True)[:_MOST_SHARES]
        told = [
            f"{in_percent(part / self.energy_j)} % {label}"
            for part, label in most
            if part >= _LEAST_SHARE * self.energy_j
        ]
        return f" ({', '.join(told)})"

    def _pace(self) -> str:
        """In real time, how soon an answer comes, and whether the chip keeps pace with its input."""
        decision, late = _mean(self.latency.decision_s), _mean(self.latency.late)
        answer = "" if decision is None else f"; an answer {format_si(decision, 's')} after the last frame"
        return answer + (f"; {in_percent(late)} % of its steps take longer than a timestep" if late else "")


def _mean(values: NDArray[np.generic] | None) -> float | None:
    """Mean of the samples that have a value; None if none has."""
    if values is None:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else None


def price(
    execution: Execution, placement: Placement, *, operation: Operation = "accelerated", bound_only: bool = False
) -> Cost:
    """Price an execution on the chip that its network is placed on.

    Neurons and schedules that the chip lacks are priced like any others. `Cost.assumptions` does not list them;
    `compare_schedules` and sweeps do.

    Args:
        operation: how samples follow each other: `accelerated`, immediately, without any time in between; `real_time`,
            each lasts as long as its stimulus, and its last frame waits for those before it.
        bound_only: use the stepwise bound instead of the replay for the time of a chip without synchronization.

    Raises:
        InputError: the placement is of another network, the chip's energies are not valid in `operation`, or the
            execution has no samples or was cut off although the chip cannot drop waiting spikes.
    """
    instance("execution", execution, Execution)
    instance("placement", placement, Placement)
    if not execution.samples:
        raise InputError("cannot price an execution without samples")
    chip = placement.chip
    check_operation(chip, operation)
    work = Counted(execution, placement)
    prices = placement.prices
    latency = latency_of(work, prices, work.steps, bound_only=bound_only)
    if operation == "real_time" and latency.decision_s is not None and latency.behind_s is not None:
        latency = replace(latency, decision_s=latency.decision_s + latency.behind_s)
    working_s = latency.total_s
    on_s, assumed = _on_time(work, working_s, operation)
    means = [None if times is None else times.mean(keepdims=True) for times in (on_s, working_s)]
    counts = work.actions.during(operation, prices)
    energy = energy_of(placement, counts, on_s, working_s)
    paper = execution.emitted[:, :-1].sum(axis=1) * execution.shape.mean_hidden_fan_out
    e_so = chip.e_synaptic_operation_j
    return Cost(
        chip=chip.name,
        operation=operation,
        synaptic_operations=execution.synaptic_operations.sum(axis=1),
        energy=energy,
        mean=energy_of(placement, counts.mean(), *means),
        on_s=on_s,
        latency=latency,
        paper_synaptic_operations=paper,
        paper_energy_j=None if e_so is None else paper * e_so,
        counted=work,
        link_load=_link_load(work),
        not_modelled=(*_input_macs(execution, chip.name), *energy.not_modelled, *latency.not_modelled),
        assumptions=(
            *placement.assumptions,
            *connection_assumptions(placement),
            *energy.assumptions,
            *latency.assumptions,
            *assumed,
        ),
    )


def _on_time(
    work: PlacedExecution, latency_s: Floats | None, operation: Operation
) -> tuple[Floats | None, tuple[str, ...]]:
    """Seconds that samples take, shaped like `latency_s`, or None if unknown; and the assumptions made.

    Accelerated: until the stop. Real time: while the stimulus lasts, or until the stop if that is later. Raises
    InputError for real time with a static input, which has no duration.
    """
    if operation == "accelerated":
        return latency_s, ()
    if work.timestep_s == 0:
        raise InputError("operation 'real_time': a static input (timestep 0 s) has no duration; use 'accelerated'")
    chip = work.chip
    gated = (f"{chip.name}: {GATED}",) if chip.power_gating.between_inputs == "yes" else ()
    stimulus_s = work.timesteps_run.astype(np.float64) * work.timestep_s
    if latency_s is None:
        return stimulus_s, (*gated, f"{chip.name}: taken to keep pace with its input")
    return np.maximum(latency_s, stimulus_s.reshape(-1, *(1,) * (latency_s.ndim - 1))), gated


def _input_macs(execution: Execution, chip: str) -> tuple[str, ...]:
    if not execution.input_macs.any():
        return ()
    mean = execution.input_macs.mean()
    return (f"{mean:,.0f} {CURRENTS}: {chip} gives no energy for them",)


def _link_load(work: PlacedExecution) -> Floats:
    table, sources = work.messages, len(work.reach.layer)
    sent = np.bincount(table.sample * sources + table.source, work.counts, work.samples * sources)
    return np.asarray(sent.reshape(-1, sources) @ work.geometry.links)


# many scenarios ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanTimes:
    """Mean times over samples, (n,) seconds in n scenarios: until the stop (`latency_s`) and of a sample (`on_s`); None
    if the chip's numbers do not determine them. Also the ticks in which cores drop spikes for lack of time and, if
    requested, the share of late steps, as in `Latency`."""

    latency_s: Floats | None
    on_s: Floats | None
    drops: Floats
    late: Floats | None = None


def mean_times(
    work: Counted,
    prices: Prices,
    operation: Operation,
    *,
    bound_only: bool = False,
    nominal: Latency | None = None,
    paced: bool = False,
) -> MeanTimes:
    """Times in n scenarios, computed once for equal times, in chunks of scenarios that need little memory. Arguments
    and errors are those of `latency_of` and `_on_time`; `paced` requests the share of late steps."""
    prices, scenario = prices.with_distinct_times()
    rows = work.samples + (0 if work.steps is None else len(work.steps.work))
    if paced and work.steps is not None:
        rows += work.steps.which.size
    dropping = getattr(prices.chip.synchronization, "overload", "") == "drop"
    chunk = max(1, _CHUNK // max(rows, 1))
    found: dict[str, list[Floats]] = {"latency_s": [], "on_s": [], "drops": [], "late": []}
    for first in range(0, prices.scenarios, chunk):
        varied = {path: values[first : first + chunk] for path, values in prices.varied.items()}
        some = replace(prices, varied=varied)
        latency = latency_of(work, some, work.steps, bound_only=bound_only, parts=paced, nominal=nominal)
        on_s, _ = _on_time(work, latency.total_s, operation)
        dropped, late = latency.overloaded_ticks if dropping else None, latency.late if paced else None
        drops = np.zeros((1, 1)) if dropped is None else dropped
        of_samples = {"latency_s": latency.total_s, "on_s": on_s, "drops": drops, "late": late}
        for name, values in of_samples.items():
            if values is not None:
                found[name].append(np.broadcast_to(values.mean(axis=0), some.scenarios))
    means: dict[str, Any] = {name: np.concatenate(of)[scenario] if of else None for name, of in found.items()}
    return MeanTimes(**means)


def mean_terms(cost: Cost, prices: Prices) -> tuple[dict[str, Floats | None], MeanTimes]:
    """Means over the samples of a cost at other prices: energy of each term in joules, and times in seconds. A chip
    without synchronization is not replayed again; see `nominal` of `latency_of`."""
    times = mean_times(cost.counted, prices, cost.operation, nominal=cost.latency)
    counts = cost.counted.actions.mean().during(cost.operation, prices)
    return term_energies(counts, prices, times.on_s, times.latency_s), times
