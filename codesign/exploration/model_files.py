"""Writing the trained models of a sweep or study: weights and cards in `models/` next to the results."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from codesign.analysis.results.cells import checked_cells
from codesign.analysis.results.columns import AXIS_PREFIX, COLUMNS, TRIAL_AXIS, is_of_model
from codesign.analysis.results.table import ResultTable, is_known
from codesign.deferred import pd
from codesign.exploration.jobs.encoding import canonical_json, decode_state
from codesign.exploration.jobs.jobs import TrainInputs
from codesign.exploration.plan import Plan, PlannedPoint
from codesign.exploration.running import RunArguments
from codesign.files import Folder, Location, join, open_folder
from codesign.models.card import ModelCard, ModelData, ModelEvaluation, ModelOrigin, digest_of
from codesign.models.page import model_page
from codesign.versions import package_versions

_FOLDER = "models"
_MOST_EVALUATIONS = 1000
"""Most evaluations on a card, for its readers and because the header of a safetensors file is limited in size."""
_LONGEST_NAME = 120
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """The number of models written to a folder."""

    folder: Location
    written: int


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A model of a plan, and the design points that evaluate it.

    Attributes:
        label: the study's trial as in its results, "" in a sweep.
        axes: values of the axes that distinguish it from other models of the recipe, by parameter.
    """

    label: str
    plan: Plan
    recipe: str
    seed: int
    axes: dict[str, str | float]
    inputs: TrainInputs
    points: list[str]

    @property
    def title(self) -> str:
        axes = "".join(f", {name} = {_number(value)}" for name, value in self.axes.items())
        return f"{f'{self.trial}: ' if self.trial else ''}{self.recipe}{axes}, seed {self.seed}"

    @property
    def trial(self) -> str:
        """The label in words: `trial 3` for a number."""
        return f"trial {self.label}" if self.label.isdecimal() else self.label


def write_models(
    plans: Mapping[str, Plan], table: ResultTable, run: RunArguments, failures: Container[str]
) -> ModelFiles:
    """Write the models of plans whose jobs have been run, into the folder `models` in the output. The same results give
    the same bytes.

    Args:
        plans: plans by their value of the axis `trial` in the results, "" for a sweep.
        failures: keys of the trainings that failed.
    """
    folder = open_folder(join(run.output, _FOLDER))
    models = [model for label, plan in plans.items() for model in _models(label, plan)]
    frame, trial = table.frame, f"{AXIS_PREFIX}{TRIAL_AXIS}"
    labels: Any = frame[trial] if trial in frame else [""] * len(frame)
    rows = frame.groupby([labels, "point"]).indices
    written = 0
    names = file_names([(m.trial.replace(" ", ""), m.recipe, m.axes, m.seed) for m in models])
    for name, model in zip(names, models, strict=True):
        if model.inputs.key not in failures:
            positions = [position for point in model.points for position in rows.get((model.label, point), ())]
            _write(folder, name, model, table, positions, run)
            written += 1
    return ModelFiles(folder=folder.location, written=written)


def file_names(models: Iterable[tuple[str, str, Mapping[str, str | float], int]]) -> list[str]:
    """File names of models without suffix, unique on every system, even if case-insensitive. A model is given by its
    label, recipe, values of the recipe's axes and training seed.

    Names consist of letters, digits and `._+-`. If characters are replaced or cut off, or two names collide, a hash of
    the model is appended.
    """
    found: list[tuple[str, str, bool]] = []
    for label, recipe, axes, seed in models:
        parts = [*([label] if label else []), recipe]
        parts += [f"{name}-{_number(value)}" for name, value in axes.items()]
        text = "-".join(parts)
        name = _UNSAFE.sub("_", text)[:_LONGEST_NAME]
        mark = hashlib.sha256(canonical_json([label, recipe, axes, seed]).encode()).hexdigest()[:8]
        found.append((f"{name}-seed{seed}", mark, name == text))
    count = Counter(name.casefold() for name, _, _ in found)
    return [name if safe and count[name.casefold()] == 1 else f"{name}-{mark}" for name, mark, safe in found]


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


def _models(label: str, plan: Plan) -> list[_Model]:
    """The models that some chip of a plan can run, in the order of the plan."""
    own_axes = {f"{AXIS_PREFIX}{path}" for path in plan.spec.axes}
    points: dict[tuple[str, int, tuple[tuple[str, str | float], ...]], list[PlannedPoint]] = {}
    for point in plan.points:
        recipe, seed = point.columns["recipe"], point.columns["training_seed"]
        columns = {name.removeprefix(AXIS_PREFIX): value for name, value in point.columns.items() if name in own_axes}
        axes = {name: value for name, value in columns.items() if is_of_model(name, recipe) and value is not None}
        named = tuple((name.removeprefix(f"recipe.{recipe}."), value) for name, value in axes.items())
        points.setdefault((recipe, seed, named), []).append(point)
    return [
        _Model(
            label=label,
            plan=plan,
            recipe=recipe,
            seed=seed,
            axes=dict(named),
            inputs=inputs,
            points=[point.columns["point"] for point in own],
        )
        for (recipe, seed, named), own in points.items()
        if (inputs := next((point.jobs.execution.model for point in own if point.jobs is not None), None)) is not None
    ]


def _write(
    folder: Folder, name: str, model: _Model, table: ResultTable, positions: list[int], run: RunArguments
) -> None:
    """Write one model and its card."""
    entry = run.store.needed(model.inputs.key)
    facts = checked_cells({name: fact for name, fact in entry.facts.items() if name in _TRAINING})
    data = run.workloads.load(model.inputs.workload)
    evaluations = tuple(_evaluations(model, table.frame.iloc[positions[:_MOST_EVALUATIONS]]))
    metadata = table.metadata
    # imported here, so that sweeps that write no models do not wait for torch
    from codesign.models.file import encode_model, network_of

    state, kind = decode_state(entry.payload), "study" if model.label else "sweep"
    card = ModelCard(
        name=model.title,
        description=metadata.description,
        topology=model.inputs.topology,
        neuron=model.inputs.neuron,
        timestep_s=data.timestep_s,
        weights=digest_of(state),
        input_grid=data.input_grid,
        data=ModelData.of(model.plan.workloads[model.inputs.workload], data),
        recipe=model.inputs.recipe.model_copy(update={"quantization": model.inputs.quantization}),  # not `chip`
        recipe_name=model.recipe,
        axes=model.axes,
        training_seed=model.seed,
        evaluations=evaluations,
        evaluations_left_out=len(positions) - len(evaluations),
        origin=ModelOrigin(
            name=metadata.sweep,
            title=metadata.title,
            command=f"{metadata.command} --models"
            if metadata.command
            else f"cd.run_{kind}({kind}, models=True)  # in Python",
            config_hash=metadata.config_hash,
            training_key=model.inputs.key,
        ),
        versions=package_versions(),
        **facts,
    )
    if (given := model.inputs.given) is not None and given.trains:
        before = (*given.card.earlier_data, given.card.data)
        card = replace(card, earlier_data=tuple(data for data in before if data is not None))
    elif given is not None:  # the card of a model that was trained elsewhere stays
        found = {name: getattr(card, name) for name in ("weights", "evaluations", "evaluations_left_out", "versions")}
        card = replace(given.card, **found)
    own = network_of(card, state, "the stored model").own_numbers()
    card = replace(card, own_numbers=own or None)
    weights = encode_model(state, card)
    folder.write_many({f"{name}.safetensors": weights, f"{name}.md": model_page(card, f"{name}.safetensors").encode()})


_TRAINING = COLUMNS.keys() & {attribute.name for attribute in fields(ModelCard)}
_EVALUATED = tuple(attribute.name for attribute in fields(ModelEvaluation) if attribute.name in COLUMNS)


def _evaluations(model: _Model, frame: pd.DataFrame) -> Iterator[ModelEvaluation]:
    """The evaluations of a model in rows, without unknown cells; mentions data that its card does not name."""
    given, fingerprint, told = model.inputs.given, model.inputs.workload, tuple[str, ...]()
    if given is not None and not given.trains and getattr(given.card.data, "fingerprint", None) != fingerprint:
        name = model.plan.workloads[fingerprint].name
        told = (f"these are samples of '{name}' with the fingerprint {fingerprint}, not of data that this card names",)
    axes = [
        name
        for name in frame.columns
        if name.startswith(AXIS_PREFIX) and not is_of_model(name.removeprefix(AXIS_PREFIX), model.recipe)
    ]
    for row in frame[[*_EVALUATED, *axes]].to_dict("records"):
        cells = checked_cells({name: row[name] for name in _EVALUATED if is_known(row[name])})
        known: dict[str, Any] = {name: tuple(cell) if isinstance(cell, list) else cell for name, cell in cells.items()}
        yield ModelEvaluation(
            **{**known, "assumptions": (*known.get("assumptions", ()), *told)},
            axes={name.removeprefix(AXIS_PREFIX): row[name] for name in axes if is_known(row[name])},
            split=model.plan.spec.evaluation.split,
        )
