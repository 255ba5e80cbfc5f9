"""The search space of a study: which parameters a trial has, and the sweep of one design point that a trial is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from pydantic import ValidationError

from codesign.documents import Spec, reason, suggestion
from codesign.errors import InputError
from codesign.exploration.spec import (
    BUILT_IN_SCHEDULES,
    ChipEntry,
    ScheduleEntry,
    SweepSpec,
    hidden_sizes,
)
from codesign.exploration.study.domains import Choices, Domain, Range, SameAs, Value, applies
from codesign.exploration.variants import base_chip, parameter_value
from codesign.network.neuron import NeuronSpec
from codesign.network.topology import parse_topology
from codesign.training.recipe import PRESETS, UNLAYERED_ONLY, Recipe

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

__all__ = ["MODELS", "NAMED", "Parameter", "SearchSpace", "baseline_names", "decides", "ordered", "read_parameter"]

SpecT = TypeVar("SpecT", bound=Spec)
Block = Literal["recipe", "chip", "schedule", "neuron", "network"]

NAMED = ("recipe", "chip", "schedule")
"""Blocks of which a file has several by name, and a trial one each."""
MODELS: Mapping[str, type[Spec]] = {"recipe": Recipe, "neuron": NeuronSpec, "schedule": ScheduleEntry}
"""Blocks whose parameters are the fields of a model."""
_DECIDING = re.compile(r"recipe\.(.+\.)?policy|network\.depth")
"""Parameters that decide whether others take part: momentum noise, and widths of layers."""
_LAYER = re.compile(r"hidden\.([1-9][0-9]{0,2})")
_MOST_LAYERS = 1000
_MOST_NEURONS = 10_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameter:
    """One parameter: where its value goes, and what it may be.

    Attributes:
        path: as the file writes it.
        block: the part of the file that it changes.
        name: the recipe, chip or schedule that is meant; None for whichever the trial has.
        field: of it; "" where the parameter chooses among names.
    """

    path: str
    domain: Range | Choices | SameAs
    block: Block
    name: str | None
    field: str

    @property
    def whole(self) -> bool:
        """Whether whole numbers without a unit stay whole: not for parameters such as a learning rate."""
        fields = MODELS[self.block].model_fields if self.block in MODELS else {}
        return self.field not in fields or fields[self.field].annotation is not float

    @property
    def layer(self) -> int | None:
        """The hidden layer, counted from 1, whose width this is."""
        layer = _LAYER.fullmatch(self.field) if self.block == "network" else None
        return None if layer is None else int(layer[1])

    @property
    def conditions(self) -> dict[str, tuple[Value, ...]]:
        """By parameter before it, the values under which it takes part."""
        conditions = {} if isinstance(self.domain, SameAs) else self.domain.when
        return {path: allowed if isinstance(allowed, tuple) else (allowed,) for path, allowed in conditions.items()}

    @property
    def needs(self) -> tuple[str, ...]:
        """Paths of the parameters that must be drawn before it."""
        return (self.domain.same_as,) if isinstance(self.domain, SameAs) else tuple(self.domain.when)


def read_parameter(path: str, domain: Range | Choices | SameAs, names: Mapping[str, Any]) -> Parameter:
    """Find out where a path leads.

    Args:
        names: by `recipe`, `chip` and `schedule`, the names that the file has.

    Raises:
        ValueError: it leads nowhere.
    """
    block, _, rest = path.partition(".")
    if block not in get_args(Block) or (block not in NAMED and not rest):
        raise ValueError(
            "must be recipe, chip, schedule, one of their parameters as in recipe.group_size or "
            "recipe.<name>.group_size, neuron.<parameter>, network.width, network.depth or network.hidden.<layer>"
        )
    first, _, field = rest.partition(".")
    if block in NAMED and first in names[block] and field:
        name: str | None = first
    else:
        name, field = None, rest
    if field:
        _check_field(block, field)
    return Parameter(path=path, domain=domain, block=block, name=name, field=field)  # type: ignore[arg-type]


def _check_field(block: str, field: str) -> None:
    """Raises ValueError where a block has no such parameter; numbers of chips are looked at with their values."""
    if block == "network" and field not in ("width", "depth") and not _LAYER.fullmatch(field):
        raise ValueError(f"a network has no parameter '{field}'; allowed: width, depth, hidden.1, hidden.2, …")
    if block == "chip" and field in ("chip", "schedules", "overrides"):
        raise ValueError("cannot be searched for; choose among names of chips by 'chip: [name, …]'")
    fields = (
        [name for name in MODELS[block].model_fields if name not in ("method", "chip")] if block in MODELS else None
    )
    if fields is not None and field not in fields:
        raise ValueError(f"a {block} has no parameter '{field}' to search for{suggestion(field, fields)}")


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The parameters of a study over the sweep that its file otherwise is.

    Attributes:
        base: the file without its search.
        baseline: by `recipe`, `chip` and `schedule`, the name that a trial has unless it is searched for.
        parameters: by path, in the order in which they are drawn.
    """

    base: SweepSpec
    baseline: Mapping[str, str]
    parameters: Mapping[str, Parameter]

    @staticmethod
    def of(base: SweepSpec, baseline: Mapping[str, str], domains: Mapping[str, Domain]) -> SearchSpace:
        """The space as a file writes it. Raises ValueError for a path that leads nowhere."""
        names = {"recipe": base.recipes, "chip": base.chips, "schedule": {**base.schedules, **BUILT_IN_SCHEDULES}}
        parameters = {path: read_parameter(path, domain, names) for path, domain in domains.items()}
        return SearchSpace(base=base, baseline=baseline, parameters=ordered(parameters))

    def draw(self, trial: BaseTrial, *, before: Callable[[str], None] = lambda path: None) -> dict[str, Value]:
        """Values of the parameters that take part in a trial, as the file would write them, by path.

        Args:
            before: is told the path of each parameter before it is drawn.
        """
        values: dict[str, Value] = {}
        for path, parameter in self.parameters.items():
            if not self.takes_part(parameter, values):
                continue
            if isinstance(parameter.domain, SameAs):
                values[path] = values[parameter.domain.same_as]
            else:
                before(path)
                values[path] = parameter.domain.suggest(trial, path, whole=parameter.whole)
        return values

    def drawn(self, path: str) -> tuple[Parameter, Range | Choices]:
        """The parameter that is drawn for `path`, itself unless it is the same as another one, and its domain."""
        parameter = self.parameters[path]
        if isinstance(parameter.domain, SameAs):
            return self.drawn(parameter.domain.same_as)
        return parameter, parameter.domain

    def chosen(self, values: Mapping[str, Value]) -> dict[str, str]:
        """Names of a trial's recipe, chip and schedule."""
        return {block: str(values.get(block, name)) for block, name in self.baseline.items()}

    def takes_part(self, parameter: Parameter, values: Mapping[str, Value]) -> bool:
        """Whether a trial has this parameter, given the values of those before it."""
        domain = parameter.domain
        if not (domain.same_as in values if isinstance(domain, SameAs) else applies(domain.when, values)):
            return False
        return self._means_something(parameter, values)

    def _means_something(self, parameter: Parameter, values: Mapping[str, Value]) -> bool:
        chosen = self.chosen(values)
        if parameter.name is not None and chosen[parameter.block] != parameter.name:
            return False
        if parameter.layer is not None:
            return parameter.layer <= self._depth(values)
        if parameter.block != "recipe" or not parameter.field:
            return True
        recipe = self.base.recipes[chosen["recipe"]]
        if recipe.method == "layered":
            return parameter.field not in (*UNLAYERED_ONLY, "momentum_noise")
        policy = values.get(f"recipe.{chosen['recipe']}.policy", values.get("recipe.policy", recipe.policy))
        return parameter.field != "momentum_noise" or policy == "momentum"

    def _depth(self, values: Mapping[str, Value]) -> int:
        return int(values.get("network.depth", len(self.base_hidden)))

    def hidden(self, values: Mapping[str, Value]) -> list[int]:
        """Neurons of each hidden layer of a trial. Raises InputError where widths cannot be searched, or not these."""
        for path, value in values.items():
            most = _MOST_LAYERS if path == "network.depth" else _MOST_NEURONS
            if path.startswith("network.") and not (type(value) is int and 0 < value <= most):
                raise InputError(f"space.{path}: must be a whole number above 0, at most {most:,}, found {value!r}")
        sizes = list(self.base_hidden)
        depth = self._depth(values)
        sizes = (sizes + sizes[-1:] * depth)[:depth]
        if "network.width" in values:
            sizes = [int(values["network.width"])] * depth
        return [int(values.get(f"network.hidden.{number}", size)) for number, size in enumerate(sizes, start=1)]

    @cached_property
    def base_hidden(self) -> tuple[int, ...]:
        """Neurons of each hidden layer as the file has them. Raises InputError where widths cannot be searched."""
        network, preset = self.base.network, self.base.preset
        if network.topology is not None:
            *hidden, _ = parse_topology(network.topology).layers
            return tuple(layer.neurons for layer in hidden)  # type: ignore[union-attr]
        text = network.hidden or (PRESETS[preset].hidden if preset else None)
        if network.layers is not None or text is None:
            raise InputError("space: widths can be searched where the network is given by hidden or topology")
        return hidden_sizes(text)

    def sweep(self, values: Mapping[str, Value]) -> SweepSpec:
        """The sweep of one recipe, chip and schedule that a trial is; its jobs are those of any sweep.

        Args:
            values: as `draw` gives them; none for the baseline.

        Raises:
            InputError: values that do not go together.
        """
        chosen, base = self.chosen(values), self.base
        recipe = _with_settings(base.recipes[chosen["recipe"]], self._settings(values, "recipe"))
        if recipe.method == "unlayered" and recipe.policy != "momentum":
            recipe = recipe.model_copy(update={"momentum_noise": 0.0})  # it is of no consequence, and would be in keys
        if recipe.chip is not None:
            recipe = recipe.model_copy(update={"chip": chosen["chip"]})
        schedule = _with_settings(base.schedule_entry(chosen["schedule"]), self._settings(values, "schedule"))
        of_entry, overrides = dict[Parameter, Value](), dict[str, Value]()
        for parameter, value in self._settings(values, "chip").items():
            if parameter.field in ChipEntry.model_fields:
                of_entry[parameter] = value
            else:
                overrides[parameter.field] = value
        chip = _with_settings(base.chips[chosen["chip"]], of_entry)
        chip = chip.model_copy(
            update={"overrides": {**chip.overrides, **overrides}, "schedules": (chosen["schedule"],)}
        )
        # What the file says of its neuron is in SI units, in which a file cannot give it: the trial's is checked alone.
        settings = self._settings(values, "neuron")
        alone = _with_settings(NeuronSpec(), settings)
        neuron = {parameter.field: getattr(alone, parameter.field) for parameter in settings}
        network: dict[str, Any] = {"neuron": base.network.neuron.model_copy(update=neuron)}
        if self._settings(values, "network"):
            network.update(hidden="-".join(map(str, self.hidden(values))), topology=None)
        return SweepSpec.model_construct(
            **{
                **{name: getattr(base, name) for name in SweepSpec.model_fields},
                "axes": {},
                "network": base.network.model_copy(update=network),
                "recipes": {chosen["recipe"]: recipe},
                "chips": {chosen["chip"]: chip},
                "schedules": {chosen["schedule"]: schedule},
            }
        )

    def _settings(self, values: Mapping[str, Value], block: Block) -> dict[Parameter, Value]:
        """What a trial sets in a block, beside which of its names it takes."""
        parameters = {path: self.parameters[path] for path in values}
        return {
            parameter: values[path]
            for path, parameter in parameters.items()
            if parameter.block == block and parameter.field
        }

    def baseline_values(self) -> dict[str, Value | None]:
        """What the file gives for the parameters that are searched for, in SI units; None where it gives nothing."""
        values: dict[str, Value | None] = {}
        for path, parameter in self.parameters.items():
            if self._means_something(parameter, {}):
                value = self._baseline_value(parameter)
                values[path] = "infinite" if value == math.inf else value
        return values

    def _baseline_value(self, parameter: Parameter) -> Any:
        base, names, field = self.base, self.baseline, parameter.field
        if not field:
            return names[parameter.block]
        if parameter.block == "network":
            sizes = self.base_hidden
            if parameter.layer is not None:
                return sizes[parameter.layer - 1]
            return len(sizes) if field == "depth" else sizes[0] if len(set(sizes)) == 1 else None
        if parameter.block == "chip" and field not in ChipEntry.model_fields:
            return parameter_value(base_chip(base, names["chip"]), field)
        holders = {
            "recipe": base.recipes[names["recipe"]],
            "chip": base.chips[names["chip"]],
            "schedule": base.schedule_entry(names["schedule"]),
            "neuron": base.neuron,
        }
        return getattr(holders[parameter.block], field)


def baseline_names(
    base: SweepSpec, *, recipe: str | None = None, chip: str | None = None, schedule: str | None = None
) -> dict[str, str]:
    """Recipe, chip and schedule of the baseline; what is left out is the first one."""
    chip = chip or next(iter(base.chips))
    return {
        "recipe": recipe or next(iter(base.recipes)),
        "chip": chip,
        "schedule": schedule or base.chips[chip].schedules[0],
    }


def ordered(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """The parameters in the order in which they are drawn.

    Which recipe, chip and schedule come first, then what decides whether others take part, with what it depends on
    itself, then the rest; each as written.
    """
    position = {path: number for number, path in enumerate(parameters)}
    deciding = {path for path in parameters if decides(path)}
    for path in reversed(list(parameters)):
        if path in deciding:
            deciding |= {need for need in parameters[path].needs if position.get(need, math.inf) < position[path]}
    first = [*(path for path in NAMED if path in parameters), *(path for path in parameters if path in deciding)]
    return {**{path: parameters[path] for path in first}, **parameters}


def decides(path: str) -> bool:
    """Whether parameters of the same block take part or not according to this one."""
    return _DECIDING.fullmatch(path) is not None


def _with_settings(entry: SpecT, settings: Mapping[Parameter, Value]) -> SpecT:
    """`entry` with some fields replaced at once and checked. Raises InputError for what it cannot have."""
    if not settings:
        return entry
    given = {name: getattr(entry, name) for name in entry.model_fields_set}
    try:
        return type(entry).model_validate(
            {**given, **{parameter.field: value for parameter, value in settings.items()}}
        )
    except ValidationError as error:
        reasons = []
        for item in error.errors(include_url=False):
            blamed = [parameter for parameter in settings if parameter.field in item["loc"][:1]]
            together = "" if blamed else f", found {', '.join(map(repr, settings.values()))}"
            names = ", ".join(f"space.{parameter.path}" for parameter in blamed or settings)
            reasons.append(f"{names}: {reason(item)}{together}")
        raise InputError("; ".join(reasons)) from None
