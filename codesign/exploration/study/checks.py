"""What is wrong between the parts of a study file, beside what is wrong with it as a sweep.

Works on the file's plain content, which may be wrong in any way: other mistakes are told beside these.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter, ValidationError

from codesign.documents import Path_, dotted, suggestion, value_at
from codesign.errors import CodesignError
from codesign.exploration.checks import list_at, mapping
from codesign.exploration.spec import BUILT_IN_SCHEDULES, SweepSpec
from codesign.exploration.study.domains import Choices, Domain, SameAs, Value
from codesign.exploration.study.samplers import option_problems, sampler_problem
from codesign.exploration.study.space import Parameter, SearchSpace, read_parameter
from codesign.exploration.variants import base_chip
from codesign.hardware.terms import BOOKS, COST_TERMS, weight
from codesign.simulation.policies import policy_names
from codesign.training.presets import PRESETS

__all__ = ["problems"]

_MOST_PARAMETERS = 1000
"""No sampler copes with more."""
_COSTS = ("epochs", "samples", "evaluation_samples", "seeds")
"""What a fidelity level may have less of."""
_STAND_INS = {"method": "unlayered", "epochs": 1, "name": "a", "workload": {"name": "digits"}}
"""Stand in for required parts of a sweep that are missing or cannot be read."""

Mistakes = Iterator[tuple[Path_, str]]
Names = Mapping[str, Mapping[str, Any]]


def problems(data: Any) -> Mistakes:
    """Every mistake between the parts of a study, each as the path of the culprit and a message."""
    if not isinstance(data, dict):
        return
    names = {
        "recipe": mapping(data, "recipes"),
        "chip": mapping(data, "chips"),
        "schedule": {**mapping(data, "schedules"), **BUILT_IN_SCHEDULES},
    }
    if mapping(data, "evaluation").get("split") == "test":
        yield (
            ("evaluation", "split"),
            "evaluation.split: a study evaluates trials on the validation split, and the final front and the baseline "
            "on the test split; remove it",
        )
    yield from _sampler(data)
    yield from _uncounted(data)
    base = _readable(data)
    yield from _space(data, names, base)
    if base is not None:
        yield from _fidelity(data, base)


def _readable(data: dict[str, Any]) -> SweepSpec | None:
    """The sweep of a file without its mistakes, which its own checks report; None where too little is left."""
    kept = {key: copy.deepcopy(data[key]) for key in SweepSpec.model_fields if key in data and key != "axes"}
    if kept.get("preset") not in list(PRESETS):
        kept.pop("preset", None)
    for _ in range(5):
        try:
            return SweepSpec.model_validate(kept)
        except ValidationError as error:
            wrong = {_written(SweepSpec.relocate(item["loc"], kept), kept) for item in error.errors(include_url=False)}
        for path in wrong:
            if len(path) < 3 and path[:1] in ((), ("recipes",), ("chips",), ("schedules",), ("network",)):
                return None
            holder = value_at(kept, path[:-1])
            if path[-1] in _STAND_INS:
                holder[path[-1]] = _STAND_INS[path[-1]]
            elif isinstance(holder, dict):
                holder.pop(path[-1], None)
    return None


def _written(location: Path_, data: Any) -> Path_:
    """The key of a mistake, as deep as the content has it; or what is missing."""
    for length, part in enumerate(location):
        if isinstance(part, int) or value_at(data, location[: length + 1]) is None:
            return location[: length + (part in _STAND_INS)]
    return location


def _uncounted(data: dict[str, Any]) -> Mistakes:
    """Objectives and constraints on a term that the energies of the study's book do not count."""
    book = data.get("static_book")
    parts = next((parts for name, parts in BOOKS.items() if name == book), BOOKS["board"])
    left_out = {term.column for term in COST_TERMS.values() if not weight(term, parts, 1.0)}
    for block in ("objectives", "constraints"):
        for i, _ in enumerate(list_at(data, block)):
            place: Path_ = (block, i, "column")
            column = value_at(data, place)
            if isinstance(column, str) and column in left_out:
                yield place, f"{dotted(place)}: static_book '{book}' does not count {column}; remove it, or the book"


def _sampler(data: dict[str, Any]) -> Mistakes:
    written = data.get("sampler")
    sampler = {"name": written} if isinstance(written, str) else mapping(data, "sampler")
    name, objectives = sampler.get("name", "tpe"), data.get("objectives")
    if not isinstance(name, str):
        return
    message = sampler_problem(
        name,
        objectives=len(objectives) if isinstance(objectives, list) else 1,
        constrained=bool(data.get("constraints") or data.get("fidelity")),
    )
    if message is not None:
        yield ("sampler", "name"), f"sampler.name: {message}"
        return
    for option, text in option_problems(name, mapping(sampler, "options")):
        where = ("sampler", "options") if option is None else ("sampler", "options", option)
        yield where, f"{dotted(where)}: {text}"


# the search space ----------------------------------------------------------------------------------------------------


def _space(data: dict[str, Any], names: Names, base: SweepSpec | None) -> Mistakes:
    """Mistakes in names and conditions, and then in values that no trial can have."""
    written, domains = mapping(data, "space"), dict[str, Any]()
    if len(written) > _MOST_PARAMETERS:
        yield ("space",), f"space: must have at most {_MOST_PARAMETERS} parameters, found {len(written):,}"
        return
    parameters, wrong = dict[str, Parameter](), set[str]()
    for path, entry in written.items():
        try:
            domains[path] = _DOMAIN.validate_python(entry)
        except ValidationError:  # reported by the field's own check
            wrong.add(path)
        try:
            parameters[path] = read_parameter(path, domains.get(path, _ANYTHING), names)
        except ValueError as error:
            yield ("space", path), f"space.{path}: {error}"
            wrong.add(path)
    for path, parameter in parameters.items():
        for text in [] if path in wrong else list(_names(parameter, parameters, names, wrong)):
            yield ("space", path), f"space.{path}: {text}"
            wrong.add(path)
    if base is None:
        return
    given = {block: name for block, name in mapping(data, "baseline").items() if str(name) in names.get(block, ())}
    space = SearchSpace.of(base, {path: domain for path, domain in domains.items() if path not in wrong}, given)
    if space.baseline["schedule"] not in names["schedule"]:
        return
    for path, parameter in space.parameters.items():
        if wrong.isdisjoint(parameter.needs(written)):
            texts = list(_values(space, parameter, names))
            yield from ((("space", path), f"space.{path}: {text}") for text in dict.fromkeys(texts))
            wrong |= {path} if texts else set()
        else:
            wrong.add(path)


_DOMAIN: TypeAdapter[Any] = TypeAdapter(Domain)
_ANYTHING = Choices(choices=(0,))
"""Stands in for a domain that cannot be read."""


def _names(parameter: Parameter, parameters: Mapping[str, Parameter], names: Names, wrong: set[str]) -> Iterator[str]:
    """Names in a domain and its conditions that refer to nothing or a later parameter, or values it never has."""
    domain = parameter.domain
    before = list(parameters)[: list(parameters).index(parameter.path)]
    what = "same_as" if isinstance(domain, SameAs) else "when"
    for name in parameter.needs(parameters):
        if name not in parameters:
            yield f"{what}: '{name}' is not a parameter of the space{suggestion(name, before) if before else ''}"
        elif name not in before:
            yield f"depends on '{name}', which must come before it"
    for name, values in parameter.conditions.items():
        if name in before and name not in wrong:
            source: Any = parameters[name].domain
            while isinstance(source, SameAs):
                source = parameters[source.same_as].domain
            yield from (f"when: {name} {text}" for text in map(source.never, values) if text is not None)
    if not parameter.field and not isinstance(domain, Choices):
        yield f"must be a list of names of {parameter.block}s"


def _values(space: SearchSpace, parameter: Parameter, names: Names) -> Iterator[str]:
    """What is wrong with each value of a domain, in one trial in which the parameter takes part."""
    path, trial = parameter.path, space.example(parameter.path)
    source, domain = space.drawn(path)
    if trial is None:
        yield "takes no part in any trial: its conditions exclude each other, or no trial has what it belongs to"
        return
    known = names[parameter.block] if not parameter.field else policy_names() if parameter.field == "policy" else None
    before = {other: value for other, value in trial.items() if other != path}
    shared = "" if source == path else f"same_as: cannot have what {source} has: "
    for value in domain.examples:
        if known is not None and value not in known:
            what = parameter.block if not parameter.field else "scheduling policy"
            yield f"{shared}unknown {what} '{value}'{suggestion(str(value), known)}"
        elif trial and parameter.field and _refusal(space, parameter, before) is None:  # else it is another's mistake
            text = _refusal(space, parameter, {**before, path: value})
            yield from [] if text is None else [f"{shared}{text}"]


def _refusal(space: SearchSpace, parameter: Parameter, values: Mapping[str, Value]) -> str | None:
    """Why a trial with these values is impossible; None where it is possible."""
    try:
        sweep = space.sweep(values)
        if parameter.block == "chip":
            base_chip(sweep, next(iter(sweep.chips)))
    except CodesignError as error:
        text = str(error).replace(f"space.{parameter.path}: ", "")
        if "has no parameter" in text:
            chip = base_chip(space.base, space.chosen(values)["chip"])
            text += suggestion(parameter.field, [number.name for number in chip.numbers()])
        return text
    return None


# fidelity ------------------------------------------------------------------------------------------------------------


def _fidelity(data: dict[str, Any], base: SweepSpec) -> Mistakes:
    """Levels that set what is searched for, and those that are not cheaper than the next one."""
    levels = [
        {name: level[name] for name in _COSTS if type(level.get(name)) is int} if isinstance(level, dict) else {}
        for level in list_at(data, "fidelity", "levels")
    ]
    searched = [path for path in mapping(data, "space") if re.fullmatch(r"recipe\..*epochs", path)]
    for path in searched if any("epochs" in level for level in levels) else ():
        yield ("space", path), f"space.{path}: fidelity levels set the epochs; search for them or give levels"
    full = {
        "epochs": math.inf if searched else max(recipe.epochs for recipe in base.recipes.values()),
        "samples": base.workload.train or math.inf,
        "evaluation_samples": base.evaluation.samples or base.workload.validation or math.inf,
        "seeds": len(base.seeds.training),
    }
    for position, (level, following) in enumerate(pairwise([*({**full, **level} for level in levels), full])):
        after = "the full level" if position + 1 == len(levels) else f"fidelity.levels.{position + 1}"
        dearer = [name for name in _COSTS if level[name] > following[name]]
        shown = ", ".join(f"{name} {level[name]} against {following[name]}" for name in dearer).replace("inf", "all")
        where: Path_ = ("fidelity", "levels", position)
        if dearer:
            yield where, f"fidelity.levels.{position}: must not be dearer than {after}, found {shown}"
        elif levels[position] and level == following:
            costs = ", ".join(_COSTS)
            yield where, f"fidelity.levels.{position}: must be cheaper than {after} in at least one of {costs}"
