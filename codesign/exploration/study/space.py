"""The search space of a study: the parameters of each trial, and the sweep that corresponds to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

from optuna.trial import BaseTrial

from codesign.analysis.results.columns import is_of_design
from codesign.documents import Spec
from codesign.errors import CodesignError, InputError
from codesign.exploration.definition.axis_checks import no_path, wrong_value
from codesign.exploration.definition.entries import MODELS, ChipEntry
from codesign.exploration.definition.nested import SpecT, part_at, said_by, with_fields
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.definition.network import HiddenLayers, changes_widths, layer_of
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.definition.variants import base_chip
from codesign.exploration.study.domains import Choices, Domain, Range, SameAs
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.kinds import in_words
from codesign.hardware.chip.numbers import Number
from codesign.hardware.chip.parameters import no_effect, replaced, with_parameters
from codesign.hardware.chip.provenance import kinds_in
from codesign.mistakes import suggestion
from codesign.simulation.policies import get_policy
from codesign.training.recipe import OF_ONE_SCHEDULE, UNLAYERED_ONLY
from codesign.units import plural

_NAMED = ("recipe", "chip", "schedule")
"""Blocks with several named entries in a file, of which a trial has one each."""
_POLICY = re.compile(r"recipe\.(.+\.)?policy")


@dataclass(frozen=True, kw_only=True, eq=False)
class Parameter:
    """One parameter of a search space: the place of its value, and its domain.

    Attributes:
        same_as: the earlier parameter whose value and domain it has; None if it is drawn on its own.
        block: the part of the file that it changes.
        name: the recipe, chip or schedule that it belongs to; None for whichever the trial has.
        field: the field that it sets; "" if it chooses among names.
        layer: the hidden layer, counted from 1, whose width it sets; None for any other parameter.
    """

    path: str
    domain: Range | Choices
    same_as: str | None
    block: str
    name: str | None
    field: str
    layer: int | None

    @property
    def conditions(self) -> Mapping[str, tuple[Value, ...]]:
        """The values with which it takes part in a trial, by earlier parameter."""
        return self.domain.when if self.same_as is None else {}

    def needs(self, written: Mapping[str, Any]) -> list[str]:
        """Paths that must be drawn before it: those that it names, and those that decide whether it applies."""
        named = [*self.conditions] if self.same_as is None else [self.same_as]
        return [*named, *(path for path in written if path not in named and self._depends_on(path))]

    def _depends_on(self, path: str) -> bool:
        if not self.field:
            return False
        if self.layer is not None:
            return path == "network.depth"
        if path == self.block or (self.block == "schedule" and self.name is not None and path == "chip"):
            return True
        return self.field == "momentum_noise" and _POLICY.fullmatch(path) is not None


def read_parameter(
    path: str, domain: Range | Choices | SameAs, names: Mapping[str, Any], earlier: Mapping[str, Parameter]
) -> Parameter:
    """Parse a parameter, given the names of recipes, chips and schedules in the file and the parameters before it.
    Raises ValueError if its path, or the path whose value it has, refers to nothing."""
    block, _, rest = path.partition(".")
    if block not in MODELS or (block not in _NAMED and not rest):
        raise ValueError(
            "must be recipe, chip, schedule, one of their parameters as in recipe.group_size or "
            "recipe.<name>.group_size, or network.<parameter>, neuron.<parameter> or workload.<parameter>"
        )
    first, _, part = rest.partition(".")
    name = first if block in _NAMED and first in names[block] and part else None
    field = part if name is not None else rest
    if field and (problem := no_path(block, field)):
        if name is None and block in _NAMED and part and no_path(block, part) is None:
            # What follows is a part, so this is a name.
            problem = f"unknown {block} '{first}'{suggestion(first, names[block])}"
        raise ValueError(problem)
    same_as = None
    if isinstance(domain, SameAs):
        same_as = domain.same_as
        if same_as not in earlier:
            known = suggestion(same_as, earlier) if earlier else ""
            raise ValueError(f"same_as: '{same_as}' is not a parameter above this one{known}")
        domain = earlier[same_as].domain
    elif isinstance(domain, Range) and domain.integers and _is_real(_annotation_at(MODELS[block], field)):
        low, high = domain.ends()
        domain = domain.model_copy(update={"from_": low, "to": high})  # like a learning rate
    return Parameter(
        path=path, domain=domain, same_as=same_as, block=block, name=name, field=field, layer=layer_of(path)
    )


def _annotation_at(model: type[Spec], path: str) -> Any:
    """Return the annotation of the field at a dotted path; None if it is not a field, such as a parameter of a loss."""
    annotation: Any = model
    for part in path.split("."):
        if not part.isdigit():
            holders = (holder.model_fields for holder in kinds_in(annotation, Spec))
            annotation = next((fields[part].annotation for fields in holders if part in fields), None)
    return annotation


def _is_real(annotation: Any) -> bool:
    """Whether a field takes numbers that need not be whole, alone or one per layer."""
    return annotation is float or any(map(_is_real, get_args(annotation)))


def _changed(entry: SpecT, settings: Mapping[str, Value]) -> SpecT:
    """Like `with_fields`, with the settings in its error."""
    try:
        return with_fields(entry, settings)
    except InputError as error:
        shown = ", ".join(f"{field} = {value}" for field, value in settings.items())
        raise InputError(f"{shown}: {error}") from None


def baseline_names(base: SweepSpec, given: Mapping[Any, str]) -> dict[str, str]:
    """Name of the baseline's recipe, chip and schedule, by block; the first one if not given."""
    chip = given.get("chip") or next(iter(base.chips))
    recipe = given.get("recipe") or next(iter(base.recipes))
    return {"recipe": recipe, "chip": chip, "schedule": given.get("schedule") or base.chips[chip].schedules[0]}


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The parameters of a study, and the sweep that its file describes without its search.

    Attributes:
        baseline: name of the recipe, chip and schedule of a trial, by block, unless it is searched for.
        parameters: all parameters by path, in the order in which they are drawn.
    """

    base: SweepSpec
    baseline: Mapping[str, str]
    parameters: Mapping[str, Parameter]

    @staticmethod
    def of(base: SweepSpec, domains: Mapping[str, Domain], baseline: Mapping[Any, str]) -> SearchSpace:
        """The space of a file. Raises ValueError for a path that refers to nothing."""
        names = {"recipe": base.recipes, "chip": base.chips, "schedule": base.all_schedules}
        parameters: dict[str, Parameter] = {}
        for path, domain in domains.items():
            parameters[path] = read_parameter(path, domain, names, parameters)
        return SearchSpace(base=base, baseline=baseline_names(base, baseline), parameters=parameters)

    def draw(self, trial: BaseTrial) -> dict[str, Value]:
        """Draw values of the parameters that take part in a trial, by path, as written in a file."""
        values: dict[str, Value] = {}
        for path, parameter in self.parameters.items():
            same_as = parameter.same_as
            applied = all(values.get(other) in allowed for other, allowed in parameter.conditions.items())
            if applied and (same_as is None or same_as in values) and self._applies_to(parameter, values):
                values[path] = parameter.domain.suggest(trial, path) if same_as is None else values[same_as]
        return values

    def chosen(self, values: Mapping[str, Value]) -> dict[str, str]:
        """Names of a trial's recipe, chip and schedule, by block. A schedule that is not drawn is the baseline's or, on
        another chip that does not list it, that chip's first."""
        names = {block: str(values.get(block, name)) for block, name in self.baseline.items()}
        listed = self.base.chips[names["chip"]].schedules
        if "schedule" not in values and names["chip"] != self.baseline["chip"] and names["schedule"] not in listed:
            names["schedule"] = listed[0]
        return names

    def _applies_to(self, parameter: Parameter, values: Mapping[str, Value]) -> bool:
        """Whether a parameter applies to a trial, given the values of earlier parameters."""
        chosen, block, field = self.chosen(values), parameter.block, parameter.field
        if parameter.layer is not None:
            return parameter.layer <= self.hidden.depth(values)
        if block not in chosen or not field:
            return True
        own_path = f"{block}.{chosen[block]}.{field}"
        if parameter.path != own_path and (parameter.name is not None or own_path in self.parameters):
            return False
        if block != "recipe":
            return True
        recipe = self.base.recipes[chosen["recipe"]]
        if recipe.model is not None or (recipe.mixture is not None and field in OF_ONE_SCHEDULE):
            return False
        if recipe.method == "layered":
            if field == "refractory_dropout":  # only recurrence within a pass evaluates neurons again
                return any(one.within is not None for one in self.base.network.delayed)
            return field.partition(".")[0] not in (*UNLAYERED_ONLY, "momentum_noise")
        policy = values.get(f"recipe.{chosen['recipe']}.policy", values.get("recipe.policy"))
        if policy is None or recipe.mixture is not None:
            return field != "momentum_noise" or recipe.noisy
        return field != "momentum_noise" or get_policy(str(policy)).uses_noise

    def _may_apply(self, parameter: Parameter) -> bool:
        """Whether some trial may have a parameter. Tried are all names of its block that its conditions allow, each
        alone and with each value of one other parameter on which it depends."""
        block, before, choice = parameter.block, parameter.needs(self.parameters), self.parameters.get(parameter.block)
        names = parameter.conditions.get(block) or (() if choice is None else choice.domain.examples)
        others = [{path: value} for path in before if path != block for value in self.parameters[path].domain.examples]
        drawn = [{block: name} for name in names] or [{}]
        return any(self._applies_to(parameter, {**one, **other}) for one in drawn for other in ({}, *others))

    def value_mistake(self, parameter: Parameter, value: Value) -> str | None:
        """Why a parameter with a field cannot have a value when its conditions hold; None if it can."""
        block, field = parameter.block, parameter.field
        name = parameter.name or self.baseline.get(block, "")
        if block in _NAMED and not self._may_apply(parameter):
            return f"no trial has it: it applies to no {block} of the trials"
        try:
            if changes_widths(parameter.path) and (most := self._most_layers()) < (parameter.layer or 0):
                return f"no trial has it: networks have at most {plural(most, 'hidden layer')}"
            if block == "chip" and field not in ChipEntry.model_fields:
                return self._number_mistake(parameter, base_chip(self.base, name), value)
            return "; ".join(wrong_value(block, said_by(self._holder(block, name)), field, value)) or None
        except CodesignError as error:
            return str(error).removeprefix(f"{parameter.path}: ")

    def _number_mistake(self, parameter: Parameter, chip: Chip, value: Value) -> str | None:
        """Why no result depends on a number of the chip's description, if none does. Raises CodesignError for a value
        that is invalid or, unless other parameters may make it consistent, inconsistent with the chip."""
        field, of_one = parameter.field, bool(parameter.name) or "chip" not in self.parameters
        conditions = ((self.parameters[path], allowed[0]) for path, allowed in parameter.conditions.items())
        settings = {other.field: given for other, given in conditions if other.block == "chip" and other.field}
        alone = of_one and [one for one in self.parameters.values() if one.block == "chip" and one.field] == [parameter]
        (with_parameters if alone else replaced)(chip, {**settings, field: value})
        return no_effect(chip, field) if of_one else None  # another chip of the trials may take it

    def _holder(self, block: str, name: str) -> Spec:
        """The part of the file whose fields are the parameters of a block; the named one if there are several."""
        if block == "schedule":
            return self.base.all_schedules[name]
        held: Any = getattr(self.base, f"{block}s" if block in _NAMED else block)
        return held[name] if block in _NAMED else held  # type: ignore[no-any-return]

    def _most_layers(self) -> int:
        """Most hidden layers that a trial may have."""
        depth = self.parameters.get("network.depth")
        depths = () if depth is None else depth.domain.examples
        return max((depth for depth in depths if isinstance(depth, int)), default=len(self.hidden.sizes))

    @cached_property
    def hidden(self) -> HiddenLayers:
        """The hidden layers in the file. Raises InputError if widths cannot be searched for."""
        return HiddenLayers.of(self.base.network, self.base.preset)

    def sweep(self, values: Mapping[str, Value]) -> SweepSpec:
        """The sweep of one recipe, chip and schedule that corresponds to a trial with values from `draw`, or to the
        baseline without any. Its jobs are those of any sweep. Raises InputError for values that are invalid
        together."""
        of_design = {path: value for path, value in values.items() if is_of_design(path)}
        chosen, base = self.chosen(values), self.base.of_design(of_design)
        recipe = _changed(base.recipes[chosen["recipe"]], self._settings(values, "recipe"))
        if recipe.chip is not None and "chip" in values:
            recipe = recipe.model_copy(update={"chip": chosen["chip"]})
        schedule = _changed(base.all_schedules[chosen["schedule"]], self._settings(values, "schedule"))
        settings = self._settings(values, "chip")
        own = {field: value for field, value in settings.items() if field in ChipEntry.model_fields}
        numbers = {field: value for field, value in settings.items() if field not in own}
        written = base.chips[chosen["chip"]]
        chip = _changed(written, own).of_trial(written, numbers)
        schedules, chips = {chosen["schedule"]: schedule}, {**base.chips, chosen["chip"]: chip}
        trial = base.model_copy(update={"schedules": schedules, "chips": chips})
        trial = trial.part({chosen["recipe"]: recipe}, chosen["chip"], chosen["schedule"])
        return SweepSpec.model_construct(**{name: getattr(trial, name) for name in SweepSpec.model_fields})

    def _settings(self, values: Mapping[str, Value], block: str) -> dict[str, Value]:
        """The values that a trial sets in a block, by field, without its choice of a name."""
        return {self.parameters[path].field: value for path, value in values.items() if path.startswith(f"{block}.")}

    def baseline_values(self) -> dict[str, Any]:
        """The file's own values of the parameters that are searched for, in SI units; None if it gives none."""
        chip, values = base_chip(self.base, self.baseline["chip"]), dict[str, Any]()
        for path, parameter in self.parameters.items():
            block, field = parameter.block, parameter.field
            if not self._applies_to(parameter, {}):
                continue
            if not field:
                values[path] = self.baseline[block]
            elif changes_widths(path):
                sizes = self.hidden.sizes[parameter.layer - 1 :][:1] if parameter.layer else self.hidden.sizes
                values[path] = len(sizes) if field == "depth" else sizes[0] if len(set(sizes)) == 1 else None
            elif block == "chip" and field not in ChipEntry.model_fields:
                values[path] = _parameter(chip, field)
            else:
                values[path] = part_at(self._holder(block, self.baseline.get(block, "")), field)
        return values


def _parameter(chip: Chip, path: str) -> str | float | None:
    """A parameter of a chip, if this kind of chip has it: a number in SI units, or text."""
    value = in_words(chip.synchronization) if path == "synchronization" else part_at(chip, path)
    if isinstance(value, Number):
        return value.text if value.si is None else value.si
    return None if value is None else str(value)
