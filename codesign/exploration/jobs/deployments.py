"""Deployments: schedules on chips, with all parts of a design point that do not depend on the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from codesign.documents import Mistake
from codesign.errors import InfeasibleError, InputError
from codesign.exploration.definition.entries import ChipEntry, ScheduleEntry
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import ChipVariant, Variant, base_chip, chip_variants, schedule_variants
from codesign.exploration.jobs.canonical import canonical_schedule, fires_once, leaves_no_choice
from codesign.exploration.jobs.energy_meter import MeteredChip
from codesign.exploration.jobs.summary import Columns, Reading
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.quantization import chip_quantization
from codesign.hardware.cost.assumptions import connection_assumptions, learned_assumptions, neuron_assumptions
from codesign.hardware.cost.energy import check_operation
from codesign.hardware.cost.scheduling import DEFAULT_GROUP_SIZE, chip_schedule, on_chip, stop_on_chip
from codesign.hardware.cost.spike_energy import spike_energy
from codesign.hardware.placement.placement import Placement, place
from codesign.hardware.terms import SATURATE
from codesign.mistakes import suggestion
from codesign.network.neuron import NeuronSpec
from codesign.network.quantization import Quantization
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import Schedule, Stop, check_returns
from codesign.training.budget import TrainingBudget
from codesign.training.recipe import Recipe

_Parts = dict[tuple[Slice, ...], tuple[Slice, ...]]


@dataclass(frozen=True, kw_only=True)
class Inference:
    """How models are run and their answers read.

    The schedule is in canonical form: on a chip that cannot drop waiting spikes, it runs until nothing waits.
    """

    schedule: Schedule
    quantization: Quantization | None
    reading: Reading


@dataclass(frozen=True, kw_only=True)
class _OnChip:
    """The network on a chip, under any schedule; if it does not fit, there is a reason instead of a placement.

    Attributes:
        columns: columns of all rows about the chip, with assumptions; in a `Deployment` also about its schedule.
        sizes: columns about the share of the chip that the network uses.
    """

    chip: Variant[ChipVariant]
    placement: Placement | None
    quantization: Quantization | None
    columns: Columns
    sizes: Columns
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Deployment(_OnChip):
    """A schedule on a chip, for all models and seeds; without inference if the network does not fit."""

    schedule: Variant[ScheduleEntry]
    inference: Inference | None


def find_deployments(spec: SweepSpec, shape: NetworkShape, mistakes: list[Mistake]) -> list[Deployment]:
    """All deployments of a sweep, in the order of the file; impossible deployments are added to `mistakes`."""
    parts = _Parts()
    deployments = []
    for name, entry in spec.chips.items():
        for chip in chip_variants(spec, name) if entry.schedules else ():
            try:
                placed = _on_chip(shape, chip, parts)
            except _ImpossibleError as mistake:
                mistakes.append((("chips", name, mistake.parameter), str(mistake)))
                continue
            for schedule_name in chip.value.entry.schedules:
                for schedule in schedule_variants(spec, schedule_name):
                    try:
                        deployments.append(_deployment(spec, shape, placed, schedule))
                    except _ImpossibleError as mistake:
                        place = ("schedules", schedule_name, mistake.parameter)
                        mistakes.append((place, f"on chips.{name}: {mistake}"))
    return deployments


class _ImpossibleError(InputError):
    """Why a chip or a schedule is impossible, and the parameter of its entry that says so."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(reason)
        self.parameter = parameter


@contextmanager
def _due_to(parameter: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise _ImpossibleError(parameter, str(error).removeprefix(f"{parameter}: ")) from error


def trained_through(spec: SweepSpec, shape: NetworkShape, recipe: Variant[Recipe]) -> tuple[Schedule, str | None]:
    """The forward pass of a recipe, on the chip whose cores and times its policy uses, and why it is impossible, if it
    is."""
    name, schedule = recipe.value.chip, recipe.value.schedule
    policy = get_policy(schedule.policy)
    if name is None or recipe.value.mixture is not None or not (policy.uses_cores or policy.uses_service):
        return schedule, None
    entry, chip = _named(spec, name)
    try:
        placement = _placed(shape, name, chip, entry)
    except InfeasibleError as error:
        return schedule, f"recipe '{recipe.name}' trains for chip '{name}'; {error}"
    return on_chip(schedule, placement).schedule, None


def metered_chip(spec: SweepSpec, shape: NetworkShape, budget: TrainingBudget | None) -> MeteredChip | None:
    """The chip whose energy is a recipe's budget, without axes, and with the network mapped as in the sweep."""
    if budget is None or budget.chip is None:
        return None
    entry, chip = _named(spec, budget.chip)
    check_operation(chip, entry.operation)
    try:
        placement = _placed(shape, budget.chip, chip, entry)
    except InfeasibleError as error:
        raise InputError(f"budget for chip '{budget.chip}': {error}") from error
    spike_energy(placement)
    return MeteredChip(placement=placement, operation=entry.operation, book=spec.static_book)


def trained_with(spec: SweepSpec, recipe: Variant[Recipe]) -> Quantization | None:
    """The quantization with which a recipe trains: its own, or its chip's."""
    quantization, name = recipe.value.quantization, recipe.value.chip
    if quantization != "chip":
        return quantization
    entry, chip = _named(spec, name)
    found = chip_quantization(chip, _weight_bits(entry, chip))
    if found is None:
        raise InputError(f"chip '{name}' has no weight bits here, so its weights are float32 anyway")
    return found


def _named(spec: SweepSpec, name: str | None) -> tuple[ChipEntry, Chip]:
    if name not in spec.chips:
        raise InputError(f"unknown chip '{name}'{suggestion(str(name), spec.chips)}")
    return spec.chips[name], base_chip(spec, name)


def _placed(shape: NetworkShape, name: str, chip: Chip, entry: ChipEntry) -> Placement:
    """The network on an entry's chip. Raises InfeasibleError with the entry's name, which is not always the chip's."""
    bits, spread = _weight_bits(entry, chip), None if entry.spread == "none" else entry.spread
    try:
        return place(shape, chip, entry.capacity, bits, entry.mapping, cut=entry.cut, spread=spread)
    except InfeasibleError as error:
        raise InfeasibleError(f"{name}: {str(error).removeprefix(f'{chip.name}: ')}") from None


def _on_chip(shape: NetworkShape, variant: Variant[ChipVariant], known: _Parts) -> _OnChip:
    """The network on a variant of a chip; placements with equal parts share them, to save memory."""
    entry, chip = variant.value.entry, variant.value.chip
    weight_bits = _weight_bits(entry, chip)
    with _due_to("operation"):
        check_operation(chip, entry.operation)
    quantization = chip_quantization(chip, weight_bits)
    assumptions = [*quantization_assumptions(chip, entry.weight_bits, quantization)]
    placement = reason = None
    try:
        with _due_to("spread"):
            placement = _placed(shape, variant.name, chip, entry)
    except InfeasibleError as error:
        reason = str(error)
    else:
        placement = replace(placement, parts=known.setdefault(placement.parts, placement.parts))
        assumptions += placement.assumptions
    return _OnChip(
        chip=variant,
        placement=placement,
        quantization=quantization,
        columns={
            "chip": variant.name,
            "chip_title": chip.title,
            "synchronization": chip.synchronization.kind,
            "capacity": entry.capacity,
            "mapping": entry.mapping,
            "operation": entry.operation,
            "weight_bits": weight_bits,
            "assumptions": assumptions,
        },
        sizes=_size_columns(chip, shape, placement, weight_bits),
        reason=reason,
    )


def _deployment(spec: SweepSpec, shape: NetworkShape, placed: _OnChip, schedule: Variant[ScheduleEntry]) -> Deployment:
    chip, neuron, placement = placed.chip.value.chip, spec.neuron, placed.placement
    inference, assumptions, of_schedule = None, [*placed.columns["assumptions"]], Columns()
    if placement is not None:
        with _due_to("stop"):
            stop = _stop_of(schedule.value, spiking_readout=neuron.readout == "spikes")
        with _due_to("policy"):
            resolved, assumed = resolve_schedule(schedule.value, placement, stop)
        canonical = canonical_schedule(resolved, shape, refractory=neuron.refractory)
        with _due_to("refractory"):
            check_returns(shape, fires_once=canonical.refractory)
        inference = _inference(chip, shape, placed.quantization, canonical)
        about_neurons = [*neuron_assumptions(chip, neuron, refractory=neuron.refractory and canonical.refractory)]
        own = {name for name in ("threshold", "time_constant") if len(neuron.each(name)) > 1}
        about_neurons += learned_assumptions(placement, dict.fromkeys(sorted(own), "layer"))
        assumptions += [*assumed, *about_neurons, *connection_assumptions(placement)]
        of_schedule = _schedule_columns(canonical, shape, neuron, waits=resolved.waits)
    told = {"assumptions": list(dict.fromkeys(assumptions)), "schedule": schedule.name}
    columns = {**placed.columns, **told, **of_schedule}
    return Deployment(**vars(replace(placed, columns=columns)), schedule=schedule, inference=inference)


def _inference(chip: Chip, shape: NetworkShape, quantization: Quantization | None, resolved: Schedule) -> Inference:
    # Spikes that a chip cannot drop are still computed and paid for after the decision, and affect the next timestep.
    # The same holds for the timesteps of a sample that it cannot end.
    on_the_chip = stop_on_chip(resolved, chip).schedule
    schedule = canonical_schedule(resolved.drained() if on_the_chip.goes_on else resolved, shape)

    return Inference(
        schedule=schedule,
        quantization=quantization,
        reading=Reading(
            last_step=schedule.steps_after_output if schedule.stop == "on_output" else None,
            decided_after=resolved.steps_after_output if on_the_chip.stop == "read_early" else None,
            margin=resolved.margin if resolved.stop == "margin" else None,
            ends_samples=schedule.stop == "margin",
        ),
    )


def _schedule_columns(canonical: Schedule, shape: NetworkShape, neuron: NeuronSpec, *, waits: bool) -> Columns:
    equivalent = canonical.equivalent_to_layered(shape)
    return {
        "inference": canonical.inference(layered=equivalent and waits),
        "policy": None if leaves_no_choice(canonical, shape) else canonical.policy,
        **canonical.columns,
        "refractory": fires_once(canonical, shape) or (neuron.refractory and canonical.refractory),
        "equivalent_to_layered": equivalent,
        "input_dropout": canonical.input_dropout,
        "timesteps": canonical.timesteps,
    }


def _size_columns(chip: Chip, shape: NetworkShape, placement: Placement | None, weight_bits: int | None) -> Columns:
    vector_width = chip.vector_width
    lanes = None if vector_width is None or vector_width.value == "all" else vector_width.value
    synapses = sum(layer.all_synapses for layer in shape.layers)
    return {
        "neurons": shape.neurons,
        "synapses": synapses,
        "weights": sum(layer.all_weights for layer in shape.layers),
        "weight_memory_bits": synapses * (32 if weight_bits is None else weight_bits),
        "cores_used": None if placement is None else placement.cores_used,
        "lanes": None if placement is None or lanes is None else placement.cores_used * lanes,
        "area_m2": None if placement is None else placement.area_m2,
    }


def _weight_bits(entry: ChipEntry, chip: Chip) -> int | None:
    if entry.weight_bits == "chip":
        return None if chip.weight_bits is None else chip.weight_bits.value
    return None if entry.weight_bits == "none" else entry.weight_bits


def quantization_assumptions(
    chip: Chip, weight_bits: int | str | None, quantization: Quantization | None
) -> Iterator[str]:
    """Assumptions about the effect of a chip's weights and potentials on a network with `weight_bits`."""
    if weight_bits == "chip" and chip.weight_bits is None:
        yield f"{chip.name} states no weight bits; evaluated with 32-bit floating-point weights"
    if quantization is not None and not quantization.signed:
        yield f"{chip.name} has no negative weights; those of the model became 0"
    for number, what, exact in (
        (chip.potential_bits, f"{SATURATE}{{}} bits", "limited to {} bits"),
        (chip.potential_fraction_bits, "potentials are truncated to {} fractional bits as they decay", "truncated"),
    ):
        if number is None:
            continue
        if quantization is None:
            without = exact.format(number.value)
            yield f"{chip.name}: potentials are not {without}, since floating-point weights have no scale"
        else:
            unit = f"the {quantization.scale}'s weight scale"
            yield f"{chip.name}: {what.format(number.value)}, counted in {unit}"


def _stop_of(entry: ScheduleEntry, *, spiking_readout: bool) -> Stop:
    """The stop of an entry; by default `drained` if outputs are potentials."""
    stop = entry.stop or ("on_output" if spiking_readout else "drained")
    if stop != "drained" and not spiking_readout:
        raise InputError(f"stop '{stop}' needs output spikes; with readout 'potential' it must be 'drained'")
    return stop


def resolve_schedule(entry: ScheduleEntry, placement: Placement, stop: Stop) -> tuple[Schedule, tuple[str, ...]]:
    """The resolved schedule of a network on a chip, and its assumptions."""
    shape = placement.shape
    size = max(shape.layer_sizes) if entry.group_size == "layer" else entry.group_size
    own = entry.model_dump(exclude={"group_size", "stop", "synchronization_threshold", "barrier_messages"})
    kept = entry.model_dump(include={"policy", "input_mode"})  # on which assumptions depend
    threshold = entry.synchronization_threshold
    if threshold == "chip":
        size = shape.neurons + shape.input_size if size == "all" else size
        chosen = chip_schedule(placement, group_size=size, stop="drained", **kept)
    else:
        waits = threshold == "layer" or threshold > 1
        schedule = Schedule(
            group_size=None if size == "all" else DEFAULT_GROUP_SIZE if size is None else size,
            stop="drained",
            synchronization_threshold=threshold,
            barrier_messages=waits if entry.barrier_messages is None else entry.barrier_messages,
            **kept,
        )
        chosen = on_chip(schedule, placement)
    wanted = replace(chosen.schedule, stop=stop, **own)
    stopped = stop_on_chip(wanted, placement.chip)
    wanted = replace(wanted, margin_check=stopped.schedule.margin_check)
    return wanted, (*chosen.assumptions, *stopped.assumptions)
