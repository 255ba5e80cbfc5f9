"""From a sweep to its design points and the jobs that they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codesign.analysis.columns import AXIS_PREFIX
from codesign.errors import InputError
from codesign.exploration.deployments import Deployment, Inference, find_deployments, trained_through
from codesign.exploration.encoding import digest
from codesign.exploration.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.rows import Columns
from codesign.exploration.spec import ResourcesEntry, SweepSpec
from codesign.exploration.variants import Variant, recipe_variants
from codesign.hardware.description import Chip
from codesign.hardware.mapping import Mapping
from codesign.network.topology import NetworkShape, TopologySpec, network_shape, topology_text
from codesign.simulation.loss import check_loss
from codesign.training.recipe import Recipe

if TYPE_CHECKING:
    from codesign.workload.dataset import WorkloadOutline

__all__ = ["FeasiblePoint", "Plan", "Point", "build_plan"]


@dataclass(frozen=True, kw_only=True, slots=True)
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


@dataclass(frozen=True, kw_only=True, slots=True)
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
    outline: WorkloadOutline
    points: tuple[Point, ...]

    @property
    def workload(self) -> str:
        """Fingerprint of the workload."""
        return self.outline.fingerprint

    @property
    def config_hash(self) -> str:
        """Hash of the sweep as resolved: file, data, chips, versions of the jobs."""
        feasible = [point.jobs for point in self.points if point.jobs is not None]
        jobs = sorted({key for found in feasible for key in found.keys})
        # Where and how jobs run says nothing about their results.
        spec = self.spec.model_copy(update={"resources": ResourcesEntry()})
        return digest({"spec": spec, "workload": self.workload, "jobs": jobs})


def build_plan(
    spec: SweepSpec,
    workload: WorkloadOutline,
    *,
    with_float_weights: bool = True,
) -> Plan:
    """Enumerate the design points of a sweep.

    Args:
        workload: what is known of it before it is read.
        with_float_weights: whether quantized design points also run with float32 weights, to be compared.

    Raises:
        InputError: network and workload do not fit each other, an axis has a value that its parameter cannot take, a
            chip's energies do not hold in the operation that is asked for, a chip is to keep pace in real time with
            an input that has no duration, a recipe has a loss that the outputs do not have, or a policy looks at
            times that a chip's file does not give.
    """
    topology = spec.topology(input_grid=workload.input_grid, classes=workload.classes)
    shape = network_shape(topology)
    deployments = find_deployments(spec, shape)
    _check_real_time(deployments, spec, workload)
    models = list(_models(spec, topology, shape, workload))
    builder = _Builder(spec)
    # Deployment by deployment, so that what the keys of its points share is encoded once; then in the file's order.
    by_deployment = [builder.points(deployment, models) for deployment in deployments]
    evaluations = len(spec.seeds.evaluation)
    points = [
        found[number]
        for first in range(0, len(models) * evaluations, evaluations)
        for found in by_deployment
        for number in range(first, first + evaluations)
    ]
    if not with_float_weights:
        points = [point.without_float_weights() for point in points]
    return Plan(spec=spec, topology=topology, shape=shape, outline=workload, points=tuple(points))


def _check_real_time(deployments: list[Deployment], spec: SweepSpec, workload: WorkloadOutline) -> None:
    for deployment in deployments:
        if deployment.chip.value.entry.operation == "real_time" and workload.timestep_s == 0:
            raise InputError(
                f"chips.{deployment.chip.name}.operation: 'real_time' lasts as long as the stimulus, and workload "
                f"'{spec.workload.name}' is a static input without a duration (timestep 0 s); use 'accelerated'"
            )


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A model to be trained; or why it cannot be.

    Attributes:
        columns: what all rows say of it.
    """

    recipe: Variant[Recipe]
    inputs: TrainInputs
    columns: Columns
    reason: str | None


def _models(
    spec: SweepSpec, topology: TopologySpec, shape: NetworkShape, workload: WorkloadOutline
) -> Iterator[_Model]:
    for name in spec.recipes:
        for recipe in recipe_variants(spec, name):
            try:
                check_loss(recipe.value.loss, spec.neuron, workload.timesteps)
            except InputError as error:
                raise InputError(f"recipes.{name}.{error}") from None
            schedule, reason = trained_through(spec, shape, recipe)
            for seed in spec.seeds.training:
                inputs = TrainInputs(
                    workload=workload.fingerprint,
                    topology=topology,
                    neuron=spec.neuron,
                    recipe=recipe.value,
                    schedule=schedule,
                    seed=seed,
                    device=spec.resources.train.device,
                )
                columns = {
                    "sweep": spec.name,
                    "workload": spec.workload.name,
                    "topology": topology_text(shape),
                    **_recipe_columns(recipe, seed),
                }
                yield _Model(recipe=recipe, inputs=inputs, columns=columns, reason=reason)


@dataclass(frozen=True, kw_only=True)
class _Executed:
    """A model run one way, and with float32 weights where that is another way."""

    execution: ExecuteInputs
    summary: SummaryInputs
    unquantized: ExecuteInputs | None
    unquantized_summary: SummaryInputs | None


class _Builder:
    """Makes the points of deployments, which share the executions of models."""

    def __init__(self, spec: SweepSpec) -> None:
        self._spec = spec
        self._executed: dict[tuple[Inference, int, int], _Executed] = {}

    def points(self, deployment: Deployment, models: list[_Model]) -> list[Point]:
        """The deployment's points, by model and evaluation seed."""
        columns = {**deployment.columns, **{f"{AXIS_PREFIX}{path}": None for path in self._spec.axes}}
        for variant in (deployment.chip, deployment.schedule):
            columns.update(_axis_columns(variant.axes))
        return [
            self._point(deployment, columns, number, model, seed)
            for number, model in enumerate(models)
            for seed in self._spec.seeds.evaluation
        ]

    def _point(self, deployment: Deployment, common: Columns, number: int, model: _Model, seed: int) -> Point:
        jobs = None
        if deployment.inference is not None and deployment.mapping is not None and model.reason is None:
            executed = self._execute(deployment.inference, number, model.inputs, seed)
            jobs = self._jobs(executed, deployment, deployment.mapping)
        columns = {**model.columns, "evaluation_seed": seed, **common, **_axis_columns(model.recipe.axes)}
        identity = {name: value for name, value in columns.items() if name != "assumptions"}
        keys = None if jobs is None else (jobs.execution.key, jobs.cost.key)
        columns["point"] = digest({"columns": identity, "jobs": keys})[:16]
        columns.update(deployment.sizes)
        return Point(
            columns=columns, chip=deployment.chip.value.chip, jobs=jobs, reason=deployment.reason or model.reason
        )

    def _execute(self, inference: Inference, number: int, model: TrainInputs, seed: int) -> _Executed:
        seed = seed if inference.seeded else 0
        known = self._executed.get((inference, number, seed))
        if known is not None:
            return known
        execution = ExecuteInputs(
            model=model,
            schedule=inference.schedule,
            weight_bits=inference.weight_bits,
            weight_grid=inference.weight_grid,
            potential_bits=inference.potential_bits,
            seed=seed,
            split=self._spec.evaluation.split,
            samples=self._spec.evaluation.samples,
            device=self._spec.resources.execute.device,
        )
        summary = SummaryInputs(
            execution=execution.key, last_step=inference.last_step, decided_after=inference.decided_after
        )
        unquantized = execution.unquantized
        executed = _Executed(
            execution=execution,
            summary=summary,
            unquantized=unquantized,
            unquantized_summary=None if unquantized is None else replace(summary, execution=unquantized.key),
        )
        self._executed[inference, number, seed] = executed
        return executed

    def _jobs(self, executed: _Executed, deployment: Deployment, mapping: Mapping) -> FeasiblePoint:
        chip = deployment.chip.value
        return FeasiblePoint(
            execution=executed.execution,
            summary=executed.summary,
            cost=CostInputs(
                execution=executed.execution.key, chip=chip.chip, mapping=mapping, operation=chip.entry.operation
            ),
            unquantized=executed.unquantized,
            unquantized_summary=executed.unquantized_summary,
        )


def _recipe_columns(recipe: Variant[Recipe], seed: int) -> Columns:
    unlayered = recipe.value.method == "unlayered"
    return {
        "recipe": recipe.name,
        "training_method": recipe.value.method,
        "training_policy": recipe.value.policy if unlayered else None,
        "training_group_size": recipe.value.group_size if unlayered else None,
        "training_seed": seed,
    }


def _axis_columns(axes: tuple[tuple[str, str | float], ...]) -> Columns:
    return {f"{AXIS_PREFIX}{path}": value for path, value in axes}
