"""From a sweep to its design points and the jobs that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from codesign.documents import suggestion
from codesign.errors import InfeasibleError, InputError
from codesign.exploration.canonical import canonical_schedule, leaves_no_choice, needs_seed
from codesign.exploration.encoding import digest
from codesign.exploration.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.rows import Columns
from codesign.exploration.spec import ChipEntry, ResourcesEntry, ScheduleEntry, SweepSpec
from codesign.exploration.variants import (
    ChipVariant,
    Variant,
    base_chip,
    chip_variants,
    recipe_variants,
    schedule_variants,
)
from codesign.hardware.description import Chip
from codesign.hardware.energy import check_operation
from codesign.hardware.mapping import Mapping, map_network
from codesign.hardware.quantization import Grid, grid_of
from codesign.hardware.scheduling import DEFAULT_GROUP_SIZE, chip_schedule, neuron_assumptions, on_chip
from codesign.network.topology import NetworkShape, TopologySpec, network_shape
from codesign.results import AXIS_PREFIX
from codesign.simulation.policies import get_policy
from codesign.simulation.schedule import Schedule
from codesign.training.recipe import Recipe

__all__ = ["FeasiblePoint", "Plan", "Point", "build_plan", "resolve_schedule", "topology_text"]


@dataclass(frozen=True, kw_only=True)
class FeasiblePoint:
    """The jobs of a design point that can be run.

    Attributes:
        execution: what the chip does: on one that cannot drop what waits, the schedule run until nothing does.
        summary: how the network answers in it, where that is so at the decision.
        cost: `execution` on the chip.
        unquantized, unquantized_summary: the same with float32 weights and potentials without limit; None where
            `execution` has them.
    """

    execution: ExecuteInputs
    summary: SummaryInputs
    cost: CostInputs
    unquantized: ExecuteInputs | None = None
    unquantized_summary: SummaryInputs | None = None

    @property
    def executions(self) -> tuple[ExecuteInputs, ...]:
        """All executions that the point needs."""
        return (self.execution,) if self.unquantized is None else (self.execution, self.unquantized)

    @property
    def summaries(self) -> tuple[SummaryInputs, ...]:
        """A summary of each of `executions`."""
        return (self.summary,) if self.unquantized_summary is None else (self.summary, self.unquantized_summary)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all jobs, each after those that it needs."""
        executions, summaries = (one.key for one in self.executions), (one.key for one in self.summaries)
        return (self.execution.model.key, *executions, *summaries, self.cost.key)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A design point: one row of the results.

    Attributes:
        columns: what is known before anything runs.
        chip: its description, overrides and axes applied.
        jobs: what to run; None where the network does not fit the chip, or not the one that it is trained for.
        reason: why it does not.
    """

    columns: Columns
    chip: Chip
    jobs: FeasiblePoint | None
    reason: str | None = None

    def without_float_weights(self) -> Point:
        """The point without the execution that it is compared with."""
        jobs = None if self.jobs is None else replace(self.jobs, unquantized=None, unquantized_summary=None)
        return replace(self, jobs=jobs)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All design points of a sweep, in the order of the file."""

    spec: SweepSpec
    topology: TopologySpec
    shape: NetworkShape
    workload: str
    points: tuple[Point, ...]

    @property
    def config_hash(self) -> str:
        """Hash of the sweep as resolved: file, data, chips, versions of the jobs."""
        feasible = [point.jobs for point in self.points if point.jobs is not None]
        jobs = sorted({key for found in feasible for key in found.keys})
        # Where and how jobs run says nothing about their results.
        spec = self.spec.model_copy(update={"resources": ResourcesEntry()})
        return digest({"spec": spec, "workload": self.workload, "jobs": jobs})


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """A schedule on a chip, for all models and seeds."""

    chip: Variant[ChipVariant]
    schedule: Variant[ScheduleEntry]
    weight_bits: int | None
    weight_grid: Grid
    potential_bits: int | None
    mapping: Mapping | None
    resolved: Schedule | None
    assumptions: tuple[str, ...]
    reason: str | None


def build_plan(
    spec: SweepSpec,
    *,
    workload: str,
    input_grid: tuple[int, int, int],
    classes: int,
    with_float_weights: bool = True,
) -> Plan:
    """Enumerate the design points of a sweep.

    Args:
        workload: fingerprint of the workload.
        input_grid, classes: of the workload.
        with_float_weights: whether quantized design points also run with float32 weights, to be compared.

    Raises:
        InputError: network and workload do not fit each other, an axis has a value that its parameter cannot take, a
            chip's energies do not hold in the operation that is asked for, or a policy looks at times that a chip's
            file does not give.
    """
    topology = spec.topology(input_grid=input_grid, classes=classes)
    shape = network_shape(topology)
    settings = list(_settings(spec, shape))
    points: list[Point] = []
    for name in spec.recipes:
        for recipe in recipe_variants(spec, name):
            schedule, reason = _trained_through(spec, shape, recipe)
            for training_seed in spec.seeds.training:
                model = TrainInputs(
                    workload=workload,
                    topology=topology,
                    neuron=spec.neuron,
                    recipe=recipe.value,
                    schedule=schedule,
                    seed=training_seed,
                    device=spec.resources.train.device,
                )
                for setting in settings:
                    for evaluation_seed in spec.seeds.evaluation:
                        points.append(_point(spec, shape, recipe, model, setting, evaluation_seed, reason))
    if not with_float_weights:
        points = [point.without_float_weights() for point in points]
    return Plan(spec=spec, topology=topology, shape=shape, workload=workload, points=tuple(points))


def topology_text(shape: NetworkShape) -> str:
    """Layer sizes as in 512-64-64-64-10."""
    return "-".join(map(str, (shape.input_size, *shape.layer_sizes)))


def _trained_through(spec: SweepSpec, shape: NetworkShape, recipe: Variant[Recipe]) -> tuple[Schedule, str | None]:
    """The forward pass of a recipe, on the chip whose cores and times its policy looks at; or why there is none."""
    name, schedule = recipe.value.chip, recipe.value.schedule
    looks = _looks_at(schedule.policy)
    if name is None or not any(looks.values()):
        return schedule, None
    where = f"recipes.{recipe.name}.chip"
    if name not in spec.chips:
        raise InputError(f"{where}: unknown chip '{name}'{suggestion(name, spec.chips)}")
    entry, chip = spec.chips[name], base_chip(spec, name)
    try:
        mapping = map_network(shape, chip, entry.capacity, _weight_bits(entry, chip), entry.mapping)
        return on_chip(schedule, chip, shape, mapping, **looks).schedule, None
    except InfeasibleError as error:
        return schedule, f"recipe '{recipe.name}' trains for chip '{name}'; {error}"
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _settings(spec: SweepSpec, shape: NetworkShape) -> Iterator[_Setting]:
    for name in spec.chips:
        for chip in chip_variants(spec, name):
            for schedule_name in chip.value.entry.schedules:
                for schedule in schedule_variants(spec, schedule_name):
                    yield _setting(spec, shape, chip, schedule)


def _setting(
    spec: SweepSpec, shape: NetworkShape, variant: Variant[ChipVariant], schedule: Variant[ScheduleEntry]
) -> _Setting:
    entry, chip = variant.value.entry, variant.value.chip
    neuron, weight_bits = spec.neuron, _weight_bits(entry, chip)
    mapping = resolved = reason = None
    try:
        check_operation(chip, entry.operation)
        assumptions = list(_quantization_assumptions(entry, chip, weight_bits))
        mapping = map_network(shape, chip, entry.capacity, weight_bits, entry.mapping)
    except InfeasibleError as error:
        reason = str(error)
    except InputError as error:
        raise InputError(f"chips.{variant.name}: {error}") from None
    else:
        assumptions += mapping.assumptions
        try:
            resolved, assumed = resolve_schedule(
                schedule.value, chip, shape, mapping, spiking_readout=neuron.readout == "spikes"
            )
        except InputError as error:
            raise InputError(f"schedules.{schedule.name} on chips.{variant.name}: {error}") from None
        assumptions += assumed
        assumptions += neuron_assumptions(
            chip, time_constant_s=neuron.time_constant, reset=neuron.reset, refractory=neuron.refractory
        )
    return _Setting(
        chip=variant,
        schedule=schedule,
        weight_bits=weight_bits,
        weight_grid=Grid() if weight_bits is None else grid_of(chip.weights),
        potential_bits=None if weight_bits is None or chip.potential_bits is None else chip.potential_bits.value,
        mapping=mapping,
        resolved=resolved,
        assumptions=tuple(dict.fromkeys(assumptions)),
        reason=reason,
    )


def _weight_bits(entry: ChipEntry, chip: Chip) -> int | None:
    if entry.weight_bits == "chip":
        return None if chip.weight_bits is None else chip.weight_bits.value
    return None if entry.weight_bits == "none" else entry.weight_bits


def _quantization_assumptions(entry: ChipEntry, chip: Chip, weight_bits: int | None) -> Iterator[str]:
    if entry.weight_bits == "chip" and weight_bits is None:
        yield f"{chip.name} states no weight bits; evaluated with 32-bit floating-point weights"
    if chip.weights is not None and not chip.weights.signed and weight_bits is not None:
        yield f"{chip.name} has no negative weights; those of the model became 0"
    if chip.potential_bits is None:
        return
    bits = chip.potential_bits.value
    if weight_bits is None:
        yield f"{chip.name}: potentials are not limited to {bits} bits, since floating-point weights have no scale"
    else:
        whose = "the layer's" if grid_of(chip.weights).scale == "layer" else "the network's"
        yield f"{chip.name}: potentials saturate at {bits} bits, counted in {whose} weight scale"


def resolve_schedule(
    entry: ScheduleEntry, chip: Chip, shape: NetworkShape, mapping: Mapping, *, spiking_readout: bool
) -> tuple[Schedule, tuple[str, ...]]:
    """The schedule of every neuron on a chip, and what it assumes.

    Args:
        spiking_readout: whether outputs are spikes; with potentials a schedule that names no stop is drained.

    Raises:
        InputError: the stop needs output spikes that there are not, or as `on_chip`.
    """
    stop: Literal["drained", "on_output"] = entry.stop or ("on_output" if spiking_readout else "drained")
    if stop == "on_output" and not spiking_readout:
        raise InputError("stop 'on_output' needs output spikes; with readout 'potential' it must be 'drained'")
    size = max(shape.layer_sizes) if entry.group_size == "layer" else entry.group_size
    if entry.synchronization_threshold == "chip":
        everything = shape.neurons + shape.input_size
        found = chip_schedule(
            chip,
            shape,
            mapping,
            group_size=everything if size == "all" else size,
            policy=entry.policy,
            **_looks_at(entry.policy),
            stop=stop,
            steps_after_output=entry.steps_after_output,
            input_mode=entry.input_mode,
            prioritize_input=entry.prioritize_input,
        )
        return found.schedule, found.assumptions
    threshold = entry.synchronization_threshold
    waits = threshold == "layer" or threshold > 1
    schedule = Schedule(
        policy=entry.policy,
        group_size=None if size == "all" else DEFAULT_GROUP_SIZE if size is None else size,
        stop=stop,
        steps_after_output=entry.steps_after_output,
        input_mode=entry.input_mode,
        prioritize_input=entry.prioritize_input,
        synchronization_threshold=threshold,
        barrier_messages=waits if entry.barrier_messages is None else entry.barrier_messages,
    )
    found = on_chip(schedule, chip, shape, mapping, **_looks_at(entry.policy))
    return found.schedule, found.assumptions


def _looks_at(policy: str) -> dict[str, bool]:
    """What a policy's schedule takes from a chip, as `on_chip` is told."""
    found = get_policy(policy)
    return {"core_aware": found.uses_core, "uses_service": found.uses_service}


def _point(
    spec: SweepSpec,
    shape: NetworkShape,
    recipe: Variant[Recipe],
    model: TrainInputs,
    setting: _Setting,
    evaluation_seed: int,
    untrainable: str | None,
) -> Point:
    jobs = None
    if setting.resolved is not None and setting.mapping is not None and untrainable is None:
        jobs = _jobs(spec, shape, model, setting, setting.resolved, setting.mapping, evaluation_seed)
    columns = {
        "sweep": spec.name,
        "workload": spec.workload.name,
        "topology": topology_text(shape),
        **_recipe_columns(recipe, model),
        "evaluation_seed": evaluation_seed,
        **_chip_columns(setting),
        **_schedule_columns(setting, shape),
        **{f"{AXIS_PREFIX}{path}": None for path in spec.axes},
    }
    for variant in (recipe, setting.chip, setting.schedule):
        columns.update({f"{AXIS_PREFIX}{path}": value for path, value in variant.axes})
    identity = {name: value for name, value in columns.items() if name != "assumptions"}
    keys = None if jobs is None else (jobs.execution.key, jobs.cost.key)
    columns["point"] = digest({"columns": identity, "jobs": keys})[:16]
    columns.update(_size_columns(setting, shape))
    return Point(columns=columns, chip=setting.chip.value.chip, jobs=jobs, reason=setting.reason or untrainable)


def _jobs(
    spec: SweepSpec,
    shape: NetworkShape,
    model: TrainInputs,
    setting: _Setting,
    resolved: Schedule,
    mapping: Mapping,
    evaluation_seed: int,
) -> FeasiblePoint:
    chip = setting.chip.value.chip
    # What a chip cannot drop it still computes and pays for after the decision, and carries into the next timestep.
    drains = resolved.stop == "on_output" and chip.can_flush != "yes"
    schedule = canonical_schedule(resolved.drained() if drains else resolved, shape)
    execution = ExecuteInputs(
        model=model,
        schedule=schedule,
        weight_bits=setting.weight_bits,
        weight_grid=setting.weight_grid,
        potential_bits=setting.potential_bits,
        seed=evaluation_seed if needs_seed(schedule, shape) else 0,
        split=spec.evaluation.split,
        samples=spec.evaluation.samples,
        device=spec.resources.execute.device,
    )
    summary = SummaryInputs(
        execution=execution.key,
        last_step=schedule.steps_after_output if schedule.stop == "on_output" else None,
        decided_after=resolved.steps_after_output if drains else None,
    )
    unquantized = execution.unquantized
    cost = CostInputs(execution=execution.key, chip=chip, mapping=mapping, operation=setting.chip.value.entry.operation)
    return FeasiblePoint(
        execution=execution,
        summary=summary,
        cost=cost,
        unquantized=unquantized,
        unquantized_summary=None if unquantized is None else replace(summary, execution=unquantized.key),
    )


def _recipe_columns(recipe: Variant[Recipe], model: TrainInputs) -> Columns:
    unlayered = recipe.value.method == "unlayered"
    return {
        "recipe": recipe.name,
        "training_method": recipe.value.method,
        "training_policy": recipe.value.policy if unlayered else None,
        "training_group_size": recipe.value.group_size if unlayered else None,
        "training_seed": model.seed,
    }


def _chip_columns(setting: _Setting) -> Columns:
    entry, chip = setting.chip.value.entry, setting.chip.value.chip
    return {
        "chip": setting.chip.name,
        "chip_title": chip.title,
        "synchronization": chip.synchronization.kind,
        "capacity": entry.capacity,
        "operation": entry.operation,
        "weight_bits": setting.weight_bits,
        "assumptions": list(setting.assumptions),
    }


def _size_columns(setting: _Setting, shape: NetworkShape) -> Columns:
    """What a design point takes of a chip, known before anything runs."""
    mapping, vector_width = setting.mapping, setting.chip.value.chip.vector_width
    lanes = None if vector_width is None or vector_width.value == "all" else vector_width.value
    synapses = sum(layer.synapses for layer in shape.layers)
    return {
        "neurons": shape.neurons,
        "synapses": synapses,
        "weight_memory_bits": synapses * (32 if setting.weight_bits is None else setting.weight_bits),
        "cores_used": None if mapping is None else mapping.cores_used,
        "lanes": None if mapping is None or lanes is None else mapping.cores_used * lanes,
    }


def _schedule_columns(setting: _Setting, shape: NetworkShape) -> Columns:
    columns: dict[str, Any] = {"schedule": setting.schedule.name}
    schedule = setting.resolved
    if schedule is None:
        return columns
    canonical = canonical_schedule(schedule, shape)
    equivalent = canonical.equivalent_to_layered(shape.layer_sizes)
    return {
        **columns,
        "inference": "layered" if equivalent else "asynchronous",
        "policy": None if leaves_no_choice(canonical, shape) else canonical.policy,
        "group_size": canonical.group_size,
        "stop": canonical.stop,
        "steps_after_output": canonical.steps_after_output if canonical.stop == "on_output" else None,
        "input_mode": canonical.input_mode,
        "equivalent_to_layered": equivalent,
    }
