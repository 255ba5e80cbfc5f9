"""A stated workload priced by the functions that price a simulated execution."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.description import Chip, Timer
from codesign.hardware.energy import ENERGY_TERMS, check_operation
from codesign.hardware.latency import Latency, StepsOf, latency_of
from codesign.hardware.parameters import with_parameter
from codesign.hardware.steps import StepWork
from codesign.hardware.tariff import charges, tariff_of, total
from codesign.hardware.usage import Usage
from codesign.hardware.validation_models import CoreWork, Counts, Steps
from codesign.hardware.work import Layout, lane_operations
from codesign.network.topology import network_shape, parse_topology
from codesign.simulation.execution import Execution, MessageTable, Slice, UpdateTable

__all__ = ["Quantity", "Result", "recompute"]

Quantity = Literal["energy", "latency", "power"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a model gives.

    Attributes:
        values: (low, high) of each quantity that it gives, in J, s and W.
        reasons: why it does not give the others.
        left_out: terms that are not in the values because the chip or the workload does not say them.
    """

    values: dict[Quantity, tuple[float, float]]
    reasons: dict[Quantity, str]
    left_out: tuple[str, ...]


def recompute(chip: Chip, model: Counts | Steps) -> Result:
    """Energy, latency and power of a stated workload on a chip.

    Raises:
        InputError: an override does not fit the chip, or its energies do not hold in the workload's operation.
    """
    for path, value in model.overrides.items():
        chip = with_parameter(chip, path, value)
    layout = _layout(chip, model)
    values: dict[Quantity, tuple[float, float]] = {}
    reasons: dict[Quantity, str] = {}
    left_out: list[str] = []
    on_s = model.duration
    if isinstance(model, Steps):
        latency = _latency(chip, layout, model)
        if latency.total_s is None:
            reasons["latency"] = "; ".join(latency.not_modelled)
        else:
            seconds = float(latency.total_s[0]) + model.outside
            values["latency"] = (seconds, seconds)
            left_out += [*latency.not_modelled, *latency.assumptions]
            on_s = seconds if on_s is None else on_s
    else:
        reasons["latency"] = "counts alone give no time"
    nothing = isinstance(model, Steps) and model.duration is None and not _given(model)
    if nothing:
        reasons["energy"] = "how much the chip had to do is not published"
    else:
        _energy(chip, layout, model, on_s, values, reasons, left_out)
    if "energy" in reasons:
        reasons["power"] = reasons["energy"]
    elif not on_s:
        reasons["power"] = "its duration is not known"
    else:
        values["power"] = (values["energy"][0] / on_s, values["energy"][1] / on_s)
    return Result(values=values, reasons=reasons, left_out=tuple(left_out))


def _given(model: Counts | Steps) -> tuple[str, ...]:
    """Names of the events that happened."""
    return tuple(name for name in type(model.events).model_fields if getattr(model.events, name)[1] > 0)


def _layout(chip: Chip, model: Counts | Steps) -> Layout:
    """Cores and chips in use. Where each neuron lies is not said, so nothing is routed and nothing placed."""
    cores = model.cores or chip.cores.value * model.chips
    per_tile = 1 if chip.network_on_chip is None else chip.network_on_chip.cores_per_tile
    nobody, nowhere = np.zeros(0, dtype=np.int64), np.zeros((2, 1), dtype=np.int64)
    return Layout(
        layer=nobody,
        core=nobody,
        neurons=nobody,
        cores=cores,
        chips=model.chips,
        accessed=nobody,
        occupied=nobody,
        share=np.zeros((1, 0)),
        exact=False,
        horizontal=nowhere,
        vertical=nowhere,
        crossings=nowhere,
        tiles=-(-cores // per_tile),
        links=np.zeros((2, 0)),
        link_names=(),
    )


# energy --------------------------------------------------------------------------------------------------------------


def _energy(
    chip: Chip,
    layout: Layout,
    model: Counts | Steps,
    on_s: float | None,
    values: dict[Quantity, tuple[float, float]],
    reasons: dict[Quantity, str],
    left_out: list[str],
) -> None:
    if model.operation is not None:
        check_operation(chip, model.operation)
    usage = Usage(**{field.name: np.array(getattr(model.events, field.name)) for field in fields(Usage)})
    tariff = tariff_of(chip, layout)
    terms = charges(usage, tariff, None if on_s is None else np.full(2, on_s))
    given = _given(model)
    if chip.all_in:
        terms = {"synaptic_operation": terms["synaptic_operation"]}
        if "synaptic_operation" not in given:
            reasons["energy"] = "the chip's energy is all-in, and synaptic operations are not published"
            return
    else:
        charged = [terms[name] for name in ("clock", "active_core", "static")]
        for name in given:
            term = "hop" if name in ("hop_vertical", "chip_hop") else name
            charged.append(terms[term])
            if terms[term] is None and term not in tariff.included:
                reasons["energy"] = f"{chip.name} gives no energies.{name}"
                return
        if all(term is None for term in charged):
            lacks = "static_power" if chip.static_power is None else "energy of these events alone"
            reasons["energy"] = f"{chip.name} gives no {lacks}"
            return
        if on_s is None:
            left_out.append("static power is left out")
        elif terms["static"] is None:
            left_out.append("static power is not known")
    energy = total([terms.get(name) for name in ENERGY_TERMS])
    assert energy is not None  # at least one term was charged
    values["energy"] = (float(energy[0]), float(energy[1]))


# latency -------------------------------------------------------------------------------------------------------------


def _latency(chip: Chip, layout: Layout, model: Steps) -> Latency:
    """Equal steps through `latency_of`; a workload stated in ticks has one tick a step."""
    if isinstance(chip.synchronization, Timer):
        each = chip.synchronization.model_copy(update={"ticks_per_timestep": 1})
        chip = chip.model_copy(update={"synchronization": each})
    work = StepWork(
        work=np.stack([np.zeros((1, 6)), _work(chip, model.work)]),
        sent=np.zeros((2, 2)),
        steps=np.ones((1, model.steps), dtype=np.int64),
    )
    steps = StepsOf(steps=work, layers=work)
    return latency_of(_passes(model.steps), chip, layout, steps, bound_only=True)


def _work(chip: Chip, work: CoreWork) -> Floats:
    """(1, 6) in the order of `StepWork.work`; without lanes there is no latency to which it could add."""
    lanes = 0.0
    if chip.vector_width is not None:
        lanes = float(lane_operations(np.array([work.synapses]), chip)[0]) * work.messages
        updates = float(lane_operations(np.array([work.updates]), chip)[0])
    else:
        updates = 0.0
    return np.array([[lanes, work.messages, work.accesses, updates, work.spikes, work.outputs]])


def _passes(count: int) -> Execution:
    """An execution of one sample in which only the number of forward passes, one a step, is said."""
    one, grid = np.zeros(1, dtype=np.int64), np.zeros((1, count), dtype=np.int64)
    layer = np.zeros((1, 1), dtype=np.int64)
    return Execution(
        shape=network_shape(parse_topology("1-1")),
        slices=(Slice(layer=0, core=0, neurons=1),),
        timestep_s=1.0,
        sample_ids=one,
        labels=one,
        scores=np.zeros((1, 1)),
        spiking_readout=True,
        input_events=one,
        input_macs=one,
        emitted=layer,
        propagated=layer,
        synaptic_operations=layer,
        evaluations=layer,
        barrier_messages=layer,
        active=np.zeros((1, count, 1), dtype=np.int64),
        residual=np.zeros((1, 1), dtype=np.int64),
        forward_steps=np.ones_like(grid),
        steps_to_first_output=np.ones_like(grid),
        spikes_to_first_output=grid,
        spikes_to_stop=grid,
        convergence=np.zeros((1, 1, 1), dtype=np.int64),
        currents_before_firing=np.zeros((2, 2), dtype=np.int64),
        messages=MessageTable.from_rows(np.zeros((0, 9), dtype=np.int64)),
        updates=UpdateTable.from_rows(np.zeros((0, 6), dtype=np.int64)),
    )
