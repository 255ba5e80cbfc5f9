"""A stated workload priced by the functions that price a simulated execution."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from codesign.arrays import Floats
from codesign.documents import Mistake
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.chip.parts import Timer
from codesign.hardware.chip.prices import Extent, Prices
from codesign.hardware.chip.validation_models import CoreWork, Counts, Steps
from codesign.hardware.cost.action_counts import ActionCounts
from codesign.hardware.cost.energy import check_operation, counted_terms, term_energies
from codesign.hardware.cost.latency import Latency, latency_of
from codesign.hardware.cost.steps import StepWork
from codesign.hardware.cost.work import StepRecord
from codesign.hardware.placement.lanes import lane_operations
from codesign.hardware.terms import COST_TERMS, weight
from codesign.units import plural

Quantity = Literal["energy", "latency", "power"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """(low, high) of each quantity that a model gives, in J, s and W; the share of each term in the energy, at its high
    end; reasons why it does not give the others; and terms left out because the chip or the workload does not state
    them."""

    values: dict[Quantity, tuple[float, float]]
    shares: dict[str, float]
    reasons: dict[Quantity, str]
    left_out: tuple[str, ...]


def recompute(chip: Chip, model: Counts | Steps, counted: Collection[str]) -> Result:
    """Energy, latency and power of a stated workload on a chip, with the parts of the static power in `counted`, as in
    `codesign.hardware.terms.BOOKS`. Raises InputError if an override does not fit the chip, or if its energies are not
    valid in the workload's operation."""
    described, chip = chip, with_parameters(chip, model.overrides)
    cores = model.cores or chip.cores.value * model.chips
    per_tile = 1 if chip.network_on_chip is None else chip.network_on_chip.cores_per_tile
    prices = Prices(chip=chip, extent=Extent(cores=cores, chips=model.chips, tiles=-(-cores // per_tile)))
    values: dict[Quantity, tuple[float, float]] = {}
    shares: dict[str, float] = {}
    reasons: dict[Quantity, str] = {}
    left_out: list[str] = []
    on_s = model.duration
    if isinstance(model, Steps):
        latency = _latency(prices, model)
        if latency.total_s is None:
            reasons["latency"] = "; ".join(latency.not_modelled)
        else:
            seconds = float(latency.total_s[0]) + model.outside
            values["latency"] = (seconds, seconds)
            left_out += [*latency.not_modelled, *latency.assumptions]
            on_s = seconds if on_s is None else on_s
    else:
        reasons["latency"] = "counts alone give no time"
    if isinstance(model, Steps) and model.duration is None and "events" not in model.model_fields_set:
        reasons["energy"] = "how much the chip had to do is not published"
    else:
        energy = _energy(prices, model, counted, on_s, left_out)
        if isinstance(energy, str):
            reasons["energy"] = energy
        else:
            low, high = np.sum([*energy.values()], axis=0).tolist()
            values["energy"] = low, high
            shares = {name: float(ends[1] / high) for name, ends in energy.items() if ends[1]}
    if "energy" in reasons:
        reasons["power"] = reasons["energy"]
    elif not on_s:
        reasons["power"] = "its duration is not known"
    else:
        values["power"] = (values["energy"][0] / on_s, values["energy"][1] / on_s)
    if model.cores is None:
        fewest = recompute(described, model.model_copy(update={"cores": model.chips}), counted)
        if fewest.values != values:
            left_out.append(f"without `cores`, all {cores:,} count as in use")
    return Result(values=values, shares=shares, reasons=reasons, left_out=tuple(left_out))


def _energy(
    prices: Prices, model: Counts | Steps, counted: Collection[str], on_s: float | None, left_out: list[str]
) -> dict[str, Floats] | str:
    """(2,) energy of each term at both ends of the counts, or the reason why there is none."""
    chip, given = prices.chip, tuple(name for name, (_, most) in model.events if most > 0)
    if model.operation is not None:
        check_operation(chip, model.operation)
    events: dict[str, Any] = {name: np.array(ends) for name, ends in model.events}
    counts = ActionCounts(**events)
    time_s = None if on_s is None else np.full(2, on_s)
    terms = term_energies(counts, prices, time_s, time_s)
    if chip.all_in:
        if "synaptic_operation" not in given:
            return "the chip's energy is all-in, and synaptic operations are not published"
    else:
        happened = [(term, action) for term in COST_TERMS.values() for action in term.actions if action.count in given]
        for term, action in happened:
            if term.missing and terms[term.name] is None and term.name not in prices.included:
                return f"{chip.name} gives no {action.price}"
        drawn = [term for term in COST_TERMS.values() if term.drawn_by is not None and weight(term, counted, 1.0)]
        if all(terms[term.name] is None for term in (*(term for term, _ in happened), *drawn)):
            lacks = "energy of these events alone" if chip.static_power.given else "static_power"
            return f"{chip.name} gives no {lacks}"
        if on_s is None and counted:
            left_out.append("static power is left out")
        elif counted and all(terms[term.name] is None for term in drawn if term.is_static):
            left_out.append("static power is not known")
    return counted_terms(counted, terms, prices.core_share)


# latency -------------------------------------------------------------------------------------------------------------


def _latency(prices: Prices, model: Steps) -> Latency:
    """Equal steps through `latency_of`; a workload stated in ticks has one tick per step."""
    chip = prices.chip
    if isinstance(chip.synchronization, Timer):
        each = chip.synchronization.model_copy(update={"ticks_per_timestep": 1})
        prices = replace(prices, chip=chip.model_copy(update={"synchronization": each}))
    steps = StepWork(
        work=np.array([[[0.0]], [[1.0]]]) * _work(chip, model.work),
        sent=np.zeros((2, 1)),
        which=np.ones((1, model.steps), dtype=np.int64),
        routes=(),
        links=np.zeros((1, 0)),
    )
    record = StepRecord(
        samples=1,
        timesteps=model.steps,
        timesteps_run=np.array([model.steps]),
        timestep_s=1.0,
        layers=1,
        decided=np.ones(1, dtype=bool),
    )
    return latency_of(record, prices, steps, bound_only=True)


def _work(chip: Chip, work: CoreWork) -> Floats:
    """(1, 6) work in the order of `StepWork.work`; without lanes there is no latency to which it could contribute."""
    lanes, updates = 0.0, 0.0
    if chip.vector_width is not None:
        lanes = float(lane_operations(np.array([work.synapses]), chip)[0]) * work.messages
        if chip.vector_width.value == 1:  # so a mean over messages is not rounded up
            lanes = work.synapses * work.messages
        updates = float(lane_operations(np.array([work.updates]), chip)[0])
    return np.array([[lanes, work.messages, work.accesses, updates, work.spikes, work.outputs]])


# what only the whole chip can tell to be wrong with a model -----------------------------------------------------------


def model_mistakes(chip: Chip) -> Iterator[Mistake]:
    """Mistakes: overrides that the chip does not have, and workloads that do not fit on it."""
    for position, measurement in enumerate(chip.validation):
        if isinstance(measurement.model, Counts | Steps):
            for path, message in _mistakes(chip, measurement.model):
                yield ("validation", position, "model", *path), f"measurement '{measurement.name}': {message}"


def _mistakes(chip: Chip, model: Counts | Steps) -> Iterator[Mistake]:
    overridden = chip
    try:
        overridden = with_parameters(chip, model.overrides)
    except InputError as error:
        yield ("overrides",), str(error)
    synaptic = chip.energies.synaptic_operation
    if synaptic is not None and synaptic.all_in and model.operation != synaptic.operation:
        yield (
            ("operation",),
            f"must be {synaptic.operation}, in which the chip's all-in energy was measured, found {model.operation}",
        )
    if model.chips > 1 and chip.multi_chip is None:
        yield ("chips",), f"must be 1, as the chip has no multi_chip, found {model.chips}"
    most = overridden.cores.value * model.chips
    if model.cores is not None and model.cores > most:
        yield ("cores",), f"must be at most {most:,}, all cores of {plural(model.chips, 'chip')}, found {model.cores:,}"
