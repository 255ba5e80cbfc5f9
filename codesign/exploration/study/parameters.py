"""Where parameters of a search space lead: which of them take part in a trial, and the sweep that it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import ValidationError

from codesign.documents import Spec
from codesign.errors import InputError
from codesign.exploration.spec import (
    BUILT_IN_SCHEDULES,
    ChipEntry,
    EvaluationEntry,
    NetworkEntry,
    ScheduleEntry,
    Seeds,
    SweepSpec,
    hidden_sizes,
)
from codesign.exploration.study.space import Link, Value, applies, ordered
from codesign.exploration.variants import base_chip, parameter_value
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import parse_topology
from codesign.training.recipe import PRESETS, UNLAYERED_ONLY, Recipe

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from codesign.exploration.study.spec import FidelityLevel, StudySpec

__all__ = [
    "BLOCKS",
    "Target",
    "base_hidden",
    "baseline_parameters",
    "block_names",
    "draw",
    "field_models",
    "hidden_layers",
    "is_integer",
    "target_of",
    "trial_sweep",
]

SpecT = TypeVar("SpecT", bound=Spec)

BLOCKS = ("recipe", "chip", "schedule", "neuron", "network")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a path leads to.

    Attributes:
        block: the part of the file.
        name: the recipe, chip or schedule that is meant; None for whichever the trial has.
        parameter: of it; None where the path chooses among names.
    """

    block: Literal["recipe", "chip", "schedule", "neuron", "network"]
    name: str | None
    parameter: str | None


def target_of(path: str, names: Mapping[str, Any]) -> Target:
    """Read a path.

    Args:
        names: by `recipe`, `chip` and `schedule`, the names that the file has.

    Raises:
        ValueError: it leads nowhere.
    """
    block, _, rest = path.partition(".")
    if block not in BLOCKS or (block in ("neuron", "network") and not rest):
        raise ValueError(
            "must be recipe, chip, schedule, one of their parameters as in recipe.group_size or "
            "recipe.<name>.group_size, neuron.<parameter>, network.width, network.depth or network.hidden.<layer>"
        )
    if not rest:
        return Target(block=block, name=None, parameter=None)  # type: ignore[arg-type]
    first, _, parameter = rest.partition(".")
    if block in names and first in names[block] and parameter:
        return Target(block=block, name=first, parameter=parameter)  # type: ignore[arg-type]
    return Target(block=block, name=None, parameter=rest)  # type: ignore[arg-type]


def field_models() -> dict[str, type[Spec]]:
    """The blocks whose parameters are the fields of a model."""
    return {"recipe": Recipe, "neuron": NeuronSpec, "schedule": ScheduleEntry}


def is_integer(target: Target) -> bool:
    """Whether whole numbers without a unit stay whole: not for parameters such as a learning rate."""
    model = field_models().get(target.block)
    if model is None or target.parameter not in model.model_fields:
        return True
    return model.model_fields[target.parameter].annotation is not float


def draw(spec: StudySpec, trial: BaseTrial, *, before: Callable[[str], None] = lambda path: None) -> dict[str, Value]:
    """Values of the parameters that take part in a trial, as the file would write them, by path.

    Args:
        before: is told the path of each parameter before it is drawn.
    """
    values: dict[str, Value] = {}
    for path, domain in ordered(spec.space).items():
        target = target_of(path, block_names(spec))
        if not _takes_part(spec, target, values) or not applies(domain.when, values):
            continue
        if isinstance(domain, Link):
            if domain.same_as in values:
                values[path] = values[domain.same_as]
            continue
        before(path)
        values[path] = domain.suggest(trial, path, integer=is_integer(target))
    return values


def baseline_parameters(spec: StudySpec) -> dict[str, Value | None]:
    """What the file gives for the parameters that are searched for, in SI units; None where it gives nothing."""
    names, found = spec.baseline_names, dict[str, Value | None]()
    recipe, entry = spec.recipes[names["recipe"]], spec.chips[names["chip"]]
    chip = base_chip(spec, names["chip"])
    holders = {"recipe": recipe, "schedule": spec.schedule_entry(names["schedule"]), "neuron": spec.neuron}
    for path in spec.space:
        target = target_of(path, block_names(spec))
        if target.parameter is None:
            found[path] = names[target.block]
        elif not _takes_part(spec, target, {}):
            continue
        elif target.block == "network":
            found[path] = _network_parameter(base_hidden(spec), target.parameter)
        elif target.block == "chip" and target.parameter not in ChipEntry.model_fields:
            found[path] = parameter_value(chip, target.parameter)
        else:
            found[path] = getattr(holders.get(target.block, entry), target.parameter)
    return {path: "infinite" if value == math.inf else value for path, value in found.items()}


def _network_parameter(sizes: tuple[int, ...], parameter: str) -> int | None:
    if parameter == "depth":
        return len(sizes)
    if parameter == "width":
        return sizes[0] if len(set(sizes)) == 1 else None
    return sizes[int(parameter.removeprefix("hidden.")) - 1]


def block_names(spec: StudySpec) -> dict[str, Any]:
    """What a path of a parameter may name in each block."""
    return {"recipe": spec.recipes, "chip": spec.chips, "schedule": {**spec.schedules, **BUILT_IN_SCHEDULES}}


def _chosen(spec: StudySpec, values: Mapping[str, Value]) -> dict[str, str]:
    return {block: str(values.get(block, name)) for block, name in spec.baseline_names.items()}


def _takes_part(spec: StudySpec, target: Target, values: Mapping[str, Value]) -> bool:
    """Whether a trial with these values has such a parameter at all."""
    chosen = _chosen(spec, values)
    if target.name is not None and chosen[target.block] != target.name:
        return False
    if target.block == "network" and target.parameter is not None and target.parameter.startswith("hidden."):
        return int(target.parameter.removeprefix("hidden.")) <= len(_hidden(spec, values))
    if target.block != "recipe" or target.parameter is None:
        return True
    recipe = spec.recipes[chosen["recipe"]]
    if recipe.method == "layered":
        return target.parameter not in (*UNLAYERED_ONLY, "momentum_noise")
    if target.parameter == "momentum_noise":
        policy = values.get(f"recipe.{chosen['recipe']}.policy", values.get("recipe.policy", recipe.policy))
        return policy == "momentum"
    return True


def trial_sweep(
    spec: StudySpec,
    values: Mapping[str, Value],
    *,
    level: FidelityLevel | None = None,
    split: Literal["validation", "test"] = "validation",
) -> SweepSpec:
    """The sweep of one recipe, chip and schedule that a trial is; its jobs are those of any sweep.

    Args:
        values: as `draw` gives them; none for the baseline.
        level: how cheap to evaluate; None for the full level.

    Raises:
        InputError: values that do not go together.
    """
    chosen = _chosen(spec, values)
    recipe, chip = spec.recipes[chosen["recipe"]], spec.chips[chosen["chip"]]
    schedule, neuron = spec.schedule_entry(chosen["schedule"]), spec.network.neuron
    fields = _fields_by_block(spec, values)
    recipe = _with_fields(recipe, fields["recipe"])
    schedule = _with_fields(schedule, fields["schedule"])
    entry = {name: field for name, field in fields["chip"].items() if name in ChipEntry.model_fields}
    chip = _with_fields(chip, entry)
    if overrides := {name: field.value for name, field in fields["chip"].items() if name not in entry}:
        chip = chip.model_copy(update={"overrides": {**chip.overrides, **overrides}})
    alone = _with_fields(NeuronSpec(), fields["neuron"])
    neuron = neuron.model_copy(update={name: getattr(alone, name) for name in fields["neuron"]})
    if recipe.method == "unlayered" and recipe.policy != "momentum":
        recipe = recipe.model_copy(update={"momentum_noise": 0.0})  # it is of no consequence, and would be in keys
    if recipe.chip is not None:
        recipe = recipe.model_copy(update={"chip": chosen["chip"]})
    sweep = SweepSpec.model_construct(
        **{name: getattr(spec, name) for name in SweepSpec.model_fields if name != "axes"},
        axes={},
    )
    return _at_level(
        sweep.model_copy(
            update={
                "network": _network(spec, neuron, values),
                "recipes": {chosen["recipe"]: recipe},
                "chips": {chosen["chip"]: chip.model_copy(update={"schedules": (chosen["schedule"],)})},
                "schedules": {chosen["schedule"]: schedule},
                "evaluation": EvaluationEntry(split=split, samples=spec.evaluation.samples),
            }
        ),
        level,
    )


def _at_level(sweep: SweepSpec, level: FidelityLevel | None) -> SweepSpec:
    if level is None:
        return sweep
    update: dict[str, Any] = {}
    if level.epochs is not None:
        update["recipes"] = {
            name: recipe.model_copy(update={"epochs": level.epochs}) for name, recipe in sweep.recipes.items()
        }
    if level.samples is not None:
        update["workload"] = sweep.workload.model_copy(update={"train": level.samples})
    if level.evaluation_samples is not None:
        update["evaluation"] = sweep.evaluation.model_copy(update={"samples": level.evaluation_samples})
    if level.seeds is not None:
        update["seeds"] = Seeds(training=sweep.seeds.training[: level.seeds], evaluation=sweep.seeds.evaluation)
    return sweep.model_copy(update=update)


def _network(spec: StudySpec, neuron: NeuronSpec, values: Mapping[str, Value]) -> NetworkEntry:
    update: dict[str, Any] = {"neuron": neuron}
    if any(path.startswith("network.") for path in values):
        update.update(hidden="-".join(map(str, _hidden(spec, values))), topology=None)
    return spec.network.model_copy(update=update)


def _hidden(spec: StudySpec, values: Mapping[str, Value]) -> list[int]:
    """Neurons of each hidden layer."""
    sizes = list(base_hidden(spec))
    depth = int(values.get("network.depth", len(sizes)))
    sizes = (sizes + sizes[-1:] * depth)[:depth]
    if "network.width" in values:
        sizes = [int(values["network.width"])] * depth
    return [int(values.get(f"network.hidden.{number}", size)) for number, size in enumerate(sizes, start=1)]


def base_hidden(spec: SweepSpec) -> tuple[int, ...]:
    """Hidden layers as the file has them.

    Raises:
        InputError: the network is given by `layers`, whose widths cannot be searched.
    """
    return hidden_layers(spec.network, spec.preset)


def hidden_layers(network: NetworkEntry, preset: str | None) -> tuple[int, ...]:
    """Hidden layers of a network as the file has it. Raises InputError as `base_hidden` does."""
    if network.layers is not None:
        raise InputError("space: widths can be searched where the network is given by hidden or topology, not layers")
    if network.topology is not None:
        *hidden, _ = parse_topology(network.topology).layers
        return tuple(layer.neurons for layer in hidden)  # type: ignore[union-attr]
    text = network.hidden or (PRESETS[preset].hidden if preset else None)
    if text is None and preset is not None:
        raise InputError(f"space: widths cannot be searched in the layers of preset '{preset}'; give network.hidden")
    if text is None:
        raise InputError("network: give one of topology, hidden and layers, or a preset")
    return hidden_sizes(text)


@dataclass(frozen=True, kw_only=True)
class _Field:
    """A value of a trial, and the path by which the file searches for it."""

    path: str
    value: Value


def _fields_by_block(spec: StudySpec, values: Mapping[str, Value]) -> dict[str, dict[str, _Field]]:
    """What a trial sets in each block, by parameter."""
    found: dict[str, dict[str, _Field]] = {block: {} for block in BLOCKS}
    for path, value in values.items():
        target = target_of(path, block_names(spec))
        if target.parameter is not None:
            found[target.block][target.parameter] = _Field(path=path, value=value)
    return found


def _with_fields(entry: SpecT, fields: Mapping[str, _Field]) -> SpecT:
    """`entry` with some fields replaced at once and checked. Raises InputError for what it cannot have."""
    if not fields:
        return entry
    given = {name: getattr(entry, name) for name in entry.model_fields_set}
    settings = {name: field.value for name, field in fields.items()}
    try:
        return type(entry).model_validate({**given, **settings})
    except ValidationError as error:
        raise InputError("; ".join(_reasons(error, fields))) from None


def _reasons(error: ValidationError, fields: Mapping[str, _Field]) -> Iterator[str]:
    for item in error.errors(include_url=False):
        reason = item["msg"].removeprefix("Value error, ")
        blamed = [fields[str(part)] for part in item["loc"][:1] if part in fields] or list(fields.values())
        names = ", ".join(f"space.{field.path}" for field in blamed)
        yield f"{names}: {reason}, found {', '.join(repr(field.value) for field in blamed)}"
