"""Planning a sweep: its design points and the jobs that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from codesign.analysis.results.columns import AXIS_PREFIX
from codesign.analysis.results.statistics import GIVEN
from codesign.documents import Mistake
from codesign.errors import InputError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import (
    MOST_POINTS,
    Variant,
    design_points,
    designs,
    recipe_variants,
    training_seeds,
)
from codesign.exploration.definition.without_effect import without_effect
from codesign.exploration.jobs.canonical import canonical_schedule, needs_seed
from codesign.exploration.jobs.deployments import (
    Deployment,
    Inference,
    find_deployments,
    metered_chip,
    trained_through,
    trained_with,
)
from codesign.exploration.jobs.encoding import digest
from codesign.exploration.jobs.given import (
    Loaded,
    given_models,
    load_given,
    other_data,
    own_numbers,
    with_given_network,
)
from codesign.exploration.jobs.jobs import CostInputs, ExecuteInputs, SummaryInputs, TrainInputs
from codesign.exploration.jobs.summary import Columns
from codesign.exploration.plan import Evaluation, FeasiblePoint, Plan, PlannedPoint
from codesign.hardware.cost.assumptions import learned_assumptions, neuron_assumptions
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import NetworkShape, TopologySpec, network_shape, topology_text
from codesign.simulation.schedule import LAYERED, check_returns
from codesign.training.learn import Sharing
from codesign.training.recipe import Recipe
from codesign.training.recipe_mistakes import recipe_mistakes
from codesign.workload.dataset import WorkloadOutline


def plan_designs(spec: SweepSpec, outline: Callable[[SweepSpec], WorkloadOutline]) -> Plan:
    """Enumerate the design points of a sweep with any axes; `outline` returns the facts of a workload that are known
    before its data is read."""
    if (points := design_points(spec)) > MOST_POINTS:
        many = f"{points:,} design points are more than a sweep may have, {MOST_POINTS:,}"
        rule = f"{many}; `codesign price`, in Python run_pricing, prices larger grids of a chip's numbers"
        raise spec.refusal([(("axes" if spec.axes else "seeds",), rule)])
    plans = [build_plan(design.value, outline(design.value), design=design.axes) for design in designs(spec)]
    return Plan.together(spec, plans, notes=without_effect(spec))


def build_plan(
    spec: SweepSpec,
    workload: WorkloadOutline,
    *,
    design: Sequence[tuple[str, str | float]] = (),
    with_twins: bool = True,
) -> Plan:
    """Enumerate the design points of a sweep with a single network and workload. Raises InputError if parts of the
    sweep do not fit each other: network and workload, values of axes and their parameters, a chip and its operation,
    schedules, recipes, and given models.

    Args:
        workload: outline of the workload, known before its data is read.
        design: values of the axes that chose network and workload, as in columns.
        with_twins: whether to also run design points with float32 weights and under layered inference, for comparison.
    """
    loaded = load_given(spec)
    spec = with_given_network(spec, loaded, workload)
    topology = spec.topology(input_grid=workload.input_grid, classes=workload.classes)
    shape = network_shape(topology)
    mistakes = [*_workload_mistakes(spec, workload), *_neuron_mistakes(spec, shape)]
    deployments = find_deployments(spec, shape, mistakes)
    models = list(_models(spec, topology, workload, loaded, mistakes))
    if mistakes:
        raise spec.refusal(mistakes)
    other = other_data(loaded, spec.workload, workload)
    builder = _Builder(spec=spec, shape=shape, design=design, with_twins=with_twins, other_data=other)
    # Built deployment by deployment, so that the common parts of keys are encoded once; then put in the file's order.
    by_deployment = [builder.points(deployment, models) for deployment in deployments]
    points = [point for of_model in zip(*by_deployment, strict=True) for points in of_model for point in points]
    return Plan(
        spec=spec,
        workloads={workload.fingerprint: spec.workload},
        topologies=(topology_text(shape),),
        points=tuple(points),
        notes=tuple(other.values()),
    )


def _workload_mistakes(spec: SweepSpec, workload: WorkloadOutline) -> Iterator[Mistake]:
    """Mistakes: recipes without samples to train on, real-time chips for an input without a duration, and schedules
    with more timesteps than samples have."""
    trained = [name for name, recipe in spec.recipes.items() if recipe.model is None]
    if trained and not workload.trainable:
        lacking = f"recipe '{trained[0]}' needs samples to train and validate on, and all are of the test set"
        yield ("workload",), lacking
    for name, entry in spec.chips.items() if workload.timestep_s == 0 else ():
        if "real_time" in spec.axes.get(f"chip.{name}.operation", (entry.operation,)):
            static = f"workload '{spec.workload.name}' is a static input without a duration (timestep 0 s)"
            rule = f"'real_time' lasts as long as the stimulus, and {static}; use 'accelerated'"
            yield ("chips", name, "operation"), rule
    for name, schedule in spec.all_schedules.items():
        for timesteps in spec.axes.get(f"schedule.{name}.timesteps", (schedule.timesteps,)):
            if isinstance(timesteps, int) and timesteps > workload.timesteps:
                rule = f"must be at most the {workload.timesteps} timesteps of the workload, found {timesteps}"
                yield ("schedules", name, "timesteps"), rule


def _neuron_mistakes(spec: SweepSpec, shape: NetworkShape) -> Iterator[Mistake]:
    """Mistakes: neuron parameters for a wrong number of layers, or incompatible with the connections."""
    for name in NeuronSpec.model_fields:
        try:
            spec.neuron.of_layers(name, len(shape.layers))
        except InputError as error:
            yield ("network", "neuron", name), str(error).removeprefix(f"{name}: ")
    try:
        check_returns(shape, fires_once=spec.neuron.refractory)
    except InputError as error:
        yield ("network", "neuron", "refractory"), str(error)


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A model to train, or the reason why it cannot be trained, with the columns that all its rows share.

    Attributes:
        sharing, own: as from `own_numbers`.
    """

    recipe: Variant[Recipe]
    inputs: TrainInputs
    columns: Columns
    reason: str | None
    sharing: Mapping[str, Sharing]
    own: Mapping[str, str]


def _models(
    spec: SweepSpec, topology: TopologySpec, workload: WorkloadOutline, loaded: Loaded, mistakes: list[Mistake]
) -> Iterator[_Model]:
    """All models of a sweep, in the order of the file; impossible models are added to `mistakes`."""
    shape, given = network_shape(topology), given_models(loaded)
    for name in spec.recipes:
        network = loaded[name][1].network if name in loaded else None
        longest_s = max(spec.neuron.each("time_constant")) if network is None else float(network.time_constant.max())
        for recipe in recipe_variants(spec, name):
            found = recipe_mistakes(recipe.value, spec.neuron, shape, workload, longest_s=longest_s)
            mistakes += [(("recipes", name, parameter), message) for parameter, message in found]
            try:
                parameter = "chip"
                schedule, reason = trained_through(spec, shape, recipe)
                parameter = "budget"
                metered = metered_chip(spec, shape, recipe.value.budget)
                parameter = "quantization"
                quantization = trained_with(spec, recipe)
            except InputError as error:
                mistakes.append((("recipes", name, parameter), str(error).removeprefix(f"{parameter}: ")))
                continue
            sharing, own = own_numbers(recipe.value, spec.neuron, network)
            for seed in training_seeds(spec, recipe.value):
                inputs = TrainInputs(
                    workload=workload.fingerprint,
                    topology=topology,
                    neuron=spec.neuron,
                    recipe=recipe.value.as_trained,
                    schedule=schedule,
                    seed=seed,
                    quantization=quantization,
                    device=spec.resources.train.device,
                    metered=metered,
                    given=given.get(name),
                )
                columns = {
                    "sweep": spec.name,
                    "workload": spec.workload.name,
                    "topology": topology_text(shape),
                    "recipe": name,
                    **_training_columns(recipe.value),
                    "training_seed": seed,
                }
                yield _Model(recipe=recipe, inputs=inputs, columns=columns, reason=reason, sharing=sharing, own=own)


def _training_columns(recipe: Recipe) -> Columns:
    trains = recipe.model is None
    of_one_schedule = trains and recipe.method == "unlayered" and recipe.mixture is None
    policy = recipe.policy if of_one_schedule else "mixture" if recipe.mixture else None
    return {
        "training_method": recipe.method if trains else GIVEN,
        "training_policy": policy,
        "training_group_size": recipe.group_size if of_one_schedule else None,
        "training_cost": recipe.cost_in_words,
    }


_Evaluations = tuple[Evaluation, Evaluation | None, Evaluation | None]
"""A point's own evaluation, the same with float32 weights, and that under layered inference, as in `FeasiblePoint`."""
_Known = dict[tuple[str, int], _Evaluations]
"""Evaluations by key of the model and by seed."""


@dataclass(kw_only=True)
class _Builder:
    """Builds the points of deployments, which share the executions of models."""

    spec: SweepSpec
    shape: NetworkShape
    design: Sequence[tuple[str, str | float]]
    with_twins: bool
    other_data: Mapping[str, str]
    _known: dict[Inference | None, _Known] = field(default_factory=dict)
    _in_layers: dict[str, Evaluation] = field(default_factory=dict)  # by execution key

    def points(self, deployment: Deployment, models: Sequence[_Model]) -> list[list[PlannedPoint]]:
        """The points of a deployment for each model, one per evaluation seed."""
        known, seeds = self._known.setdefault(deployment.inference, {}), self.spec.seeds.evaluation
        return [[self._point(deployment, model, seed, known) for seed in seeds] for model in models]

    def _point(self, deployment: Deployment, model: _Model, seed: int, known: _Known) -> PlannedPoint:
        chip, jobs = deployment.chip.value, None
        if deployment.inference is not None and deployment.placement is not None and model.reason is None:
            own, unquantized, layered = self._evaluations(deployment.inference, model.inputs, seed, known)
            operation, placement = chip.entry.operation, deployment.placement
            jobs = FeasiblePoint(
                execution=own.execution,
                summary=own.summary,
                cost=CostInputs(execution=own.execution.key, placement=placement, operation=operation),
                unquantized=unquantized,
                layered=layered,
            )
        columns = {**model.columns, "evaluation_seed": seed, **deployment.columns, **self._axes(deployment, model)}
        columns["assumptions"] = self._assumptions(deployment, model)
        identity = {name: value for name, value in columns.items() if name != "assumptions"}
        keys = None if jobs is None else (jobs.execution.key, jobs.cost.key)
        columns["point"] = digest({"columns": identity, "jobs": keys})[:16]
        columns.update(deployment.sizes)
        reason = deployment.reason or model.reason
        return PlannedPoint(columns=columns, shape=self.shape, chip=chip.chip, jobs=jobs, reason=reason)

    def _axes(self, deployment: Deployment, model: _Model) -> Columns:
        values = dict.fromkeys(self.spec.axes)
        for chosen in (self.design, deployment.chip.axes, deployment.schedule.axes, model.recipe.axes):
            values.update(chosen)
        return {f"{AXIS_PREFIX}{path}": value for path, value in values.items()}

    def _assumptions(self, deployment: Deployment, model: _Model) -> list[str]:
        """A deployment's assumptions, with the model's own numbers where they differ from the file's."""
        assumed: list[str] = list(deployment.columns["assumptions"])
        if (placement := deployment.placement) is not None:
            if model.own:
                chip, neuron = deployment.chip.value.chip, self.spec.neuron
                said, held = ([*neuron_assumptions(chip, neuron, own=own)] for own in ({}, model.own))
                assumed = [*(each for each in assumed if each not in said or each in held), *held]
            assumed += learned_assumptions(placement, model.sharing)
        assumed += filter(None, [self.other_data.get(model.recipe.name)])
        return [*dict.fromkeys(assumed)]

    def _evaluations(self, inference: Inference, model: TrainInputs, seed: int, known: _Known) -> _Evaluations:
        seed = seed if needs_seed(inference.schedule, self.shape) else 0
        if (model.key, seed) not in known:
            execution = ExecuteInputs(
                model=model,
                schedule=inference.schedule,
                quantization=inference.quantization,
                seed=seed,
                split=self.spec.evaluation.split,
                samples=self.spec.evaluation.samples,
                device=self.spec.resources.execute.device,
            )
            summary = SummaryInputs(execution=execution.key, **asdict(inference.reading))
            unquantized = layered = None
            if self.with_twins:
                if execution.quantization is not None:
                    floats = replace(execution, quantization=None)
                    unquantized = Evaluation(execution=floats, summary=replace(summary, execution=floats.key))
                layered = self._layered(execution)
            own = Evaluation(execution=execution, summary=summary)
            known[model.key, seed] = own, unquantized, layered
        return known[model.key, seed]

    def _layered(self, execution: ExecuteInputs) -> Evaluation:
        """The layered execution of the same weights and input, answered at the end."""
        schedule = execution.schedule
        if not (schedule.stop == "drained" and schedule.equivalent_to_layered(self.shape)):
            kept = {name: getattr(schedule, name) for name in ("cores", "input_dropout", "timesteps")}
            schedule = canonical_schedule(replace(LAYERED, **kept), self.shape)
            seed = execution.seed if needs_seed(schedule, self.shape) else 0
            execution = replace(execution, schedule=schedule, seed=seed)
        evaluation = Evaluation(execution=execution, summary=SummaryInputs(execution=execution.key))
        return self._in_layers.setdefault(execution.key, evaluation)
