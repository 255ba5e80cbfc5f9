"""Checks between the parts of a study file, in addition to those of a sweep.

Works on the file's plain content, which may be invalid in any way: these mistakes are reported together with all
others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from codesign.analysis.results.columns import is_of_design
from codesign.exploration.definition.axis_checks import of_given_model, overridden
from codesign.exploration.definition.checks import Blocks, Mistakes, blocks_of, mapping
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.study.domains import Choices, Domain, SameAs
from codesign.exploration.study.space import Parameter, SearchSpace, baseline_names, read_parameter
from codesign.mistakes import suggestion
from codesign.training.presets import PRESETS

_MOST_PARAMETERS = 1000
"""Most parameters of a space; no sampler copes with more."""


def problems(data: Any) -> Mistakes:
    """Yield every mistake between the parts of a study: its path in the file and a message."""
    if not isinstance(data, dict):
        return
    if mapping(data, "evaluation").get("split") == "test":
        splits = "the validation split, and the final front and the baseline on the test split"
        yield ("evaluation", "split"), f"a study evaluates trials on {splits}; remove it"
    yield from _space(data, blocks_of(data), _readable(data))


def _readable(data: dict[str, Any]) -> SweepSpec | None:
    """The sweep that a file describes without its search; None if it has mistakes, which its own checks report."""
    kept = {key: data[key] for key in SweepSpec.model_fields if key in data and key not in ("axes", "objectives")}
    try:
        base = SweepSpec.model_validate(kept)
    except ValidationError:
        return None
    return base if base.preset in (None, *PRESETS) else None


def _space(data: dict[str, Any], names: Blocks, base: SweepSpec | None) -> Mistakes:
    """Yield mistakes in names and conditions, and then in values that no trial can have. Of a parameter with a mistake,
    and of those that depend on it, nothing else is told."""
    written, parameters, wrong = mapping(data, "space"), dict[str, Parameter](), set[str]()
    if len(written) > _MOST_PARAMETERS:
        yield ("space",), f"must have at most {_MOST_PARAMETERS} parameters, found {len(written):,}"
        return
    for path, entry in written.items():
        domain = _ANYTHING
        try:
            domain = _DOMAIN.validate_python(entry)
        except ValidationError:  # reported by the field's own check
            wrong.add(path)
        source = domain.same_as if isinstance(domain, SameAs) else None
        if source in written and source not in parameters:
            if source not in wrong:
                yield ("space", path), f"depends on '{source}', which must come before it"
            wrong.add(path)
            continue
        try:
            parameters[path] = read_parameter(path, domain, names, parameters)
        except ValueError as error:
            yield ("space", path), str(error)
            wrong.add(path)
        if is_of_design(path) and (problem := of_given_model(names["recipe"], path)):
            yield ("space", path), problem
            wrong.add(path)
    yield from ((("space", path), message) for path, message in overridden(written))
    for path, parameter in parameters.items():
        for text in [] if path in wrong else list(_names(parameter, parameters, wrong)):
            yield ("space", path), text
            wrong.add(path)
    if base is None:
        return
    given = {block: name for block, name in mapping(data, "baseline").items() if str(name) in names.get(block, ())}
    space = SearchSpace(base=base, baseline=baseline_names(base, given), parameters=parameters)
    if space.baseline["schedule"] not in names["schedule"]:
        return
    for path, parameter in parameters.items():
        if wrong.isdisjoint([path, *parameter.needs(written)]):
            texts = list(_values(space, parameter, names))
            yield from ((("space", path), text) for text in texts)
            wrong |= {path} if texts else set()
        else:
            wrong.add(path)


_DOMAIN: TypeAdapter[Any] = TypeAdapter(Domain)
_ANYTHING: Any = Choices(choices=(0,))
"""Stands in for a domain that cannot be parsed."""


def _names(parameter: Parameter, parameters: Mapping[str, Parameter], wrong: set[str]) -> Iterator[str]:
    """Yield names in conditions that refer to nothing or to a later parameter, and values of conditions that a
    parameter never has."""
    before = list(parameters)[: list(parameters).index(parameter.path)]
    for name in parameter.needs(parameters):
        if name in wrong:
            continue
        if name not in parameters:
            yield f"when: '{name}' is not a parameter of the space{suggestion(name, before) if before else ''}"
        elif name not in before:
            yield f"depends on '{name}', which must come before it"
    for name, values in parameter.conditions.items():
        if name in before and name not in wrong:
            found = map(parameters[name].domain.condition_mistake, values)
            yield from (f"when: {name} {text}" for text in found if text is not None)
    if not parameter.field and not isinstance(parameter.domain, Choices):
        yield f"must be a list of names of {parameter.block}s"


def _values(space: SearchSpace, parameter: Parameter, names: Blocks) -> Iterator[str]:
    """Yield unknown names in a domain, or the first of its values that is invalid on its own; values that are invalid
    together are found when a trial has them."""
    known = None if parameter.field else names[parameter.block]
    for value in parameter.domain.examples:
        if known is not None and value not in known:
            yield f"unknown {parameter.block} '{value}'{suggestion(str(value), known)}"
        elif parameter.field and (text := space.value_mistake(parameter, value)) is not None:
            yield text
            return  # between the ends of a range lie values that nobody wrote
