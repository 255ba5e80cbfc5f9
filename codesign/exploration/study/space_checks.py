"""Whether a search is what it says.

That is seen by looking at the trials that it may have: every combination of the values that decide which parameters
take part, and in these the ends of each domain, from which the sweep is built that such a trial would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, takewhile
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from codesign.documents import Path_, Spec, suggestion
from codesign.errors import CodesignError
from codesign.exploration.checks import mapping, merged_recipe
from codesign.exploration.spec import ChipEntry, NetworkEntry, ScheduleEntry, SweepSpec
from codesign.exploration.study.domains import Choices, Domain, Range, SameAs, Value
from codesign.exploration.study.space import (
    NAMED,
    Parameter,
    SearchSpace,
    baseline_names,
    decides,
    ordered,
    read_parameter,
)
from codesign.exploration.variants import base_chip
from codesign.simulation.policies import policy_names
from codesign.training.recipe import PRESETS, Recipe

__all__ = ["space_problems"]

SpecT = TypeVar("SpecT", bound=Spec)

_MOST_PARAMETERS = 1000
"""No sampler finds its way among more."""
_MOST_COMBINATIONS = 5000
"""Combinations of deciding values that are looked at; a parameter that hangs on more is taken as it is."""
_MOST_TRIED = 16
"""Of these, how many a value is tried with until it fits one."""
_ANYTHING = Choices(choices=(0,))
"""Stands in for a domain that cannot be read."""
_STAND_INS = {"method": "unlayered", "epochs": 1}
"""Stand in for what a recipe must have, and that is missing or cannot be read."""


def space_problems(data: dict[str, Any], names: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Path_, str]]:
    """Every mistake of a file's search space, each as the path of the culprit and a message.

    Args:
        data: the file's plain content, which may be wrong in any way.
        names: by `recipe`, `chip` and `schedule`, the names that it has.
    """
    written = mapping(data, "space")
    if len(written) > _MOST_PARAMETERS:
        yield ("space",), f"space: must have at most {_MOST_PARAMETERS} parameters, found {len(written):,}"
        return
    parameters: dict[str, Parameter] = {}
    unsound = set[str]()
    for path, entry in written.items():
        domain = _readable_domain(entry)
        try:
            parameters[str(path)] = read_parameter(str(path), domain or _ANYTHING, names)
        except ValueError as error:
            yield ("space", path), f"space.{path}: {error}"
        if domain is None:
            unsound.add(str(path))
    parameters = ordered(parameters)
    for path, parameter in parameters.items():
        texts = [] if path in unsound else list(_name_problems(parameter, parameters, names))
        yield from ((("space", path), f"space.{path}: {text}") for text in texts)
        if texts or not unsound.isdisjoint(parameter.needs):
            unsound.add(path)
    base = _readable_parts(data)
    if base is None or any(path in NAMED or decides(path) for path in unsound):
        return  # too little is known of the trials
    sound = {path: parameter for path, parameter in parameters.items() if path not in unsound}
    given = {block: name for block, name in mapping(data, "baseline").items() if str(name) in names.get(block, ())}
    space = SearchSpace(base=base, baseline=baseline_names(base, **given), parameters=sound)
    if space.baseline["schedule"] in names["schedule"]:
        yield from _SpaceChecks(space).problems()


def _readable_domain(entry: Any) -> Range | Choices | SameAs | None:
    """A domain as the file has it; None for one with mistakes, which the field's own check tells of."""
    adapter: TypeAdapter[Any] = TypeAdapter(Domain)
    try:
        return adapter.validate_python(entry)  # type: ignore[no-any-return]
    except ValidationError:
        return None


def _readable_parts(data: dict[str, Any]) -> SweepSpec | None:
    """The sweep of a file, so far as it can be read; None where that is too little for a trial."""
    recipes = {
        name: _readable(Recipe, merged_recipe(entry, data) if isinstance(entry, dict) else None)
        for name, entry in mapping(data, "recipes").items()
    }
    chips = {name: _readable(ChipEntry, entry or {}) for name, entry in mapping(data, "chips").items()}
    schedules = {name: _readable(ScheduleEntry, entry) for name, entry in mapping(data, "schedules").items()}
    network = _readable(NetworkEntry, data.get("network", {}))
    if not recipes or not chips or None in (*recipes.values(), *chips.values(), *schedules.values(), network):
        return None
    preset = data.get("preset")
    return SweepSpec.model_construct(
        name="",
        workload=None,
        recipes=recipes,
        chips=chips,
        schedules=schedules,
        network=network,
        preset=preset if isinstance(preset, str) and preset in PRESETS else None,
    )


def _readable(model: type[SpecT], entry: Any) -> SpecT | None:
    """An entry without those of its keys that have mistakes, which its own check tells of; None for no entry at all."""
    while isinstance(entry, dict):
        try:
            return model.model_validate(entry)
        except ValidationError as error:
            wrong = {item["loc"][0] for item in error.errors(include_url=False) if item["loc"]}
            readable = {key: value for key, value in entry.items() if key not in wrong}
            readable |= {key: value for key, value in _STAND_INS.items() if key in wrong}
            if readable == entry:
                return None
            entry = readable
    return None


def _name_problems(
    parameter: Parameter, parameters: Mapping[str, Parameter], names: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Names in a domain and its conditions that lead nowhere."""
    domain = parameter.domain
    before = list(takewhile(lambda path: path != parameter.path, parameters))
    what = "same_as" if isinstance(domain, SameAs) else "when"
    for name in parameter.needs:
        if name not in before:
            yield f"{what}: '{name}' is not a parameter before it{suggestion(name, before) if before else ''}"
    if parameter.field:
        return
    if isinstance(domain, SameAs):
        yield "a recipe, chip or schedule is chosen by its name, not by same_as"
    elif isinstance(domain, Range):
        yield f"must be a list of names of {parameter.block}s"
    else:
        allowed = names[parameter.block]
        for value in domain.choices:
            if value not in allowed:
                yield f"unknown {parameter.block} '{value}'{suggestion(str(value), allowed)}"


class _SpaceChecks:
    """Looks at the trials that a search may have."""

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._parameters = space.parameters
        self._named: dict[str, list[Value]] = {}
        for parameter in space.parameters.values():
            for path, values in parameter.conditions.items():
                self._named.setdefault(path, []).extend(values)

    def problems(self) -> Iterator[tuple[Path_, str]]:
        """Every mistake of the space, each as the path of the culprit and a message."""
        networks = [path for path, parameter in self._parameters.items() if parameter.block == "network"]
        try:
            if networks:
                self._space.hidden({})
        except CodesignError as error:
            yield ("space", networks[0]), str(error)
            return
        wrong = set[str]()
        for path, parameter in self._parameters.items():
            texts = list(self._never_met(parameter)) or list(self._without_part(parameter))
            if not texts and parameter.field and self._space.drawn(path)[0].path not in wrong:
                texts = list(dict.fromkeys(self._values(parameter)))
            if texts:
                wrong.add(path)
            yield from ((("space", path), f"space.{path}: {text}") for text in texts)
        yield from self._shadowed()

    def _trials(self, *parameters: Parameter) -> list[dict[str, Value]] | None:
        """Values of all that decides about some parameters, in each combination in which they all take part.

        None for more combinations than are looked at.
        """
        deciding, waiting = set[str](), list(parameters)
        while waiting:
            parameter = waiting.pop()
            others = {*parameter.needs, *self._deciding_in(parameter.block)} - deciding
            deciding |= others
            waiting += [self._parameters[path] for path in others]
        trials: list[dict[str, Value]] = [{}]
        for path in (path for path in self._parameters if path in deciding):
            trials = [trial for before in trials for trial in self._extended(before, self._parameters[path])]
            if len(trials) > _MOST_COMBINATIONS:
                return None
        return [trial for trial in trials if all(self._space.takes_part(parameter, trial) for parameter in parameters)]

    def _deciding_in(self, block: str) -> set[str]:
        return {
            path
            for path, parameter in self._parameters.items()
            if parameter.block == block and (not parameter.field or decides(path))
        }

    def _extended(self, values: dict[str, Value], parameter: Parameter) -> list[dict[str, Value]]:
        """A trial with each value of a parameter that matters, or without it where it takes no part."""
        path, domain = parameter.path, parameter.domain
        if not self._space.takes_part(parameter, values):
            return [values]
        if isinstance(domain, SameAs):
            return [{**values, path: values[domain.same_as]}]
        named = [value for value in self._named.get(path, ()) if domain.never(value, whole=parameter.whole) is None]
        options = dict.fromkeys([*domain.examples(whole=parameter.whole), *named])
        if path == "network.depth":
            options = dict.fromkeys(value for value in options if type(value) is int and value > 0)
        return [{**values, path: value} for value in options] or [values]

    def _never_met(self, parameter: Parameter) -> Iterator[str]:
        """Values in its conditions that other parameters never have."""
        for path, values in parameter.conditions.items():
            source, domain = self._space.drawn(path)
            for value in values:
                if (reason := domain.never(value, whole=source.whole)) is not None:
                    yield f"when: {path} {reason}"

    def _without_part(self, parameter: Parameter) -> Iterator[str]:
        if self._trials(parameter) == []:
            layers = f"no trial has {parameter.layer} hidden layers"
            conditions = "its conditions exclude each other, or what it belongs to is never chosen"
            yield f"takes no part in any trial: {conditions if parameter.layer is None or parameter.needs else layers}"

    def _values(self, parameter: Parameter) -> Iterator[str]:
        """Why a parameter cannot have the values of its domain: those with which none of its trials can be."""
        source, domain = self._space.drawn(parameter.path)
        trials: dict[str, list[dict[str, Value]]] = {}  # by name of the recipe, chip or schedule
        for trial in self._trials(parameter) or []:
            trials.setdefault(self._space.chosen(trial).get(parameter.block, ""), []).append(trial)
        for alike in trials.values():
            # What stands in the way of a trial without the parameter is told of as a mistake of another one.
            possible = list(islice((trial for trial in alike if self._refusal(parameter, trial) is None), _MOST_TRIED))
            for value in domain.examples(whole=source.whole):
                refusals = [self._refusal(parameter, trial, value) for trial in possible]
                if refusals and None not in refusals:
                    shared = f"same_as: cannot have what {source.path} has: " if source is not parameter else ""
                    yield f"{shared}{refusals[0]}"

    def _refusal(self, parameter: Parameter, trial: Mapping[str, Value], value: Value | None = None) -> str | None:
        """Why there cannot be a trial in which a parameter has a value, or none."""
        values = {path: other for path, other in trial.items() if path != parameter.path}
        if value is not None:
            values[parameter.path] = value
            if parameter.field == "policy" and value not in policy_names():
                return f"unknown scheduling policy '{value}'{suggestion(str(value), policy_names())}"
        try:
            sweep = self._space.sweep(values)
            if parameter.block == "chip":
                base_chip(sweep, next(iter(sweep.chips)))
        except CodesignError as error:
            text = str(error).replace(f"space.{parameter.path}: ", "")
            if "has no parameter" in text:
                chip = base_chip(self._space.base, self._space.chosen(values)["chip"])
                text += suggestion(parameter.field, [number.name for number in chip.numbers()])
            return text
        return None

    def _shadowed(self) -> Iterator[tuple[Path_, str]]:
        """Parameters that set the same as another one of the same trial, which then decides."""
        written = list(self._parameters)
        for path, parameter in self._parameters.items():
            general = f"{parameter.block}.{parameter.field}"
            if parameter.name is None or general not in self._parameters:
                continue
            if not self._trials(parameter, self._parameters[general]):
                continue
            later = max(path, general, key=written.index)
            yield (
                ("space", later),
                f"space.{later}: sets the same as {general if later == path else path} in every trial with "
                f"{parameter.block} '{parameter.name}'; remove one of the two, or let {general} take part with others "
                f"only, by when: {{{parameter.block}: …}}",
            )
