"""What is wrong with a search space: paths and conditions that lead nowhere, and parameters without effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from codesign.documents import Path_, Spec, suggestion
from codesign.exploration.study.parameters import Target, field_models, is_integer, target_of
from codesign.exploration.study.space import Choices, Link, Range, Value, same
from codesign.exploration.study.value_checks import domain_values_problems
from codesign.exploration.study.written_space import WrittenSpace
from codesign.units import parse_quantity

__all__ = ["MOST_PARAMETERS", "space_problems"]

MOST_PARAMETERS = 1000
"""No sampler finds its way among more."""

_NETWORK = re.compile(r"(width|depth|hidden\.[1-9][0-9]{0,2})\Z")


def space_problems(space: WrittenSpace) -> Iterator[tuple[Path_, str]]:
    """Every mistake of a search space, each as the path of the culprit and a message."""
    if len(space.domains) > MOST_PARAMETERS:
        yield ("space",), f"space: must have at most {MOST_PARAMETERS} parameters, found {len(space.domains):,}"
        return
    before: list[str] = []
    for path, domain in space.domains.items():
        where: Path_ = ("space", path)
        try:
            target = target_of(path, space.names)
        except ValueError as error:
            yield where, f"space.{path}: {error}"
            continue
        if (message := _target_problem(space, target)) is not None:
            yield where, f"space.{path}: {message}"
        elif domain is not None:
            yield from ((where, f"space.{path}: {text}") for text in _domain_problems(space, path, domain, before))
        before.append(path)
    yield from ((("space", path), f"space.{path}: {text}") for path, text in _shadowed(space))


def _target_problem(space: WrittenSpace, target: Target) -> str | None:
    """Why a path leads nowhere; parameters of chips are looked at with the values that they are to take."""
    if target.parameter is None:
        return None
    if target.block == "network":
        return _network_problem(space, target.parameter)
    model: type[Spec] | None = field_models().get(target.block)
    if model is None:
        return None
    fields = [name for name in model.model_fields if name not in ("method", "chip")]
    if target.parameter in fields:
        return None
    return f"a {target.block} has no parameter '{target.parameter}' to search for{suggestion(target.parameter, fields)}"


def _network_problem(space: WrittenSpace, parameter: str) -> str | None:
    if not _NETWORK.match(parameter):
        return f"a network has no parameter '{parameter}'; allowed: width, depth, hidden.1, hidden.2, …"
    most = space.most_layers
    if parameter.startswith("hidden.") and most is not None and int(parameter.removeprefix("hidden.")) > most:
        remedy = "raise" if "network.depth" in space.domains else "search for"
        layers = f"no trial has more than {most} hidden layers"
        return f"takes no part: {layers}; allowed: hidden.1 to hidden.{most}, or {remedy} network.depth"
    return None


def _domain_problems(
    space: WrittenSpace, path: str, domain: Range | Choices | Link, before: Sequence[str]
) -> Iterator[str]:
    yield from _condition_problems(space, path, domain, before)
    target = space.targets[path]
    if isinstance(domain, Link):
        if target.parameter is None:
            yield "a recipe, chip or schedule is chosen by its name, not by same_as"
        elif domain.same_as not in before:
            hint = suggestion(domain.same_as, before) if before else ""
            yield f"same_as: '{domain.same_as}' is not a parameter before it{hint}"
        else:
            source, drawn = space.source(path)
            if drawn is not None and not _wrong_by_itself(space, source, drawn):
                found = domain_values_problems(space, path, source, drawn)
                yield from (f"same_as: cannot have what {source} has: {text}" for text in found)
    elif target.parameter is not None:
        yield from domain_values_problems(space, path, path, domain)
    elif isinstance(domain, Range):
        yield f"must be a list of names of {target.block}s"
    else:
        names = space.names[target.block]
        for value in domain.choices:
            if value not in names:
                yield f"unknown {target.block} '{value}'{suggestion(str(value), names)}"


def _wrong_by_itself(space: WrittenSpace, path: str, domain: Range | Choices) -> bool:
    """Whether a parameter cannot have its own values, so that there is no use in telling of those that share them."""
    target = space.targets.get(path)
    if target is None or target.parameter is None:
        return False
    return any(True for _ in domain_values_problems(space, path, path, domain))


def _condition_problems(
    space: WrittenSpace, path: str, domain: Range | Choices | Link, before: Sequence[str]
) -> Iterator[str]:
    for name, allowed in domain.when.items():
        if name not in before:
            yield f"when: '{name}' is not a parameter before it{suggestion(name, before) if before else ''}"
            continue
        source, other = space.source(name)
        for value in allowed if isinstance(allowed, tuple) else (allowed,):
            if other is not None and (message := _never(source, other, space.targets.get(source), value)) is not None:
                yield f"when: {name} {message}"
    for name, values in space.conditions(path).items():
        if not values and (name in domain.when or name == space.targets[path].block):
            yield f"takes no part: its conditions on '{name}' exclude each other"


def _never(path: str, domain: Range | Choices, target: Target | None, value: Value) -> str | None:
    """Why a parameter never has a value; None where it may."""
    if isinstance(domain, Choices):
        if any(same(value, one) for one in domain.choices):
            return None
        words = [one for one in domain.choices if isinstance(one, str)]
        if isinstance(value, str) and len(words) == len(domain.choices):
            return f"is never '{value}'{suggestion(value, words)}"
        return f"is never {_written(value)}; allowed: {', '.join(map(_written, domain.choices))}"
    whole = domain.integer and target is not None and is_integer(target)
    if not whole and domain.step is None:
        return (
            f"is drawn between {domain.from_} and {domain.to}, where no single value is met; give it a step or choices"
        )
    if _on_a_step(domain, value):
        return None
    steps = f" in steps of {domain.step}" if domain.step is not None else ""
    return f"is never {_written(value)}; allowed: {domain.from_} to {domain.to}{steps}"


def _on_a_step(domain: Range, value: Value) -> bool:
    """Whether a value is one of those between the ends; whole numbers have steps of 1."""
    low, high = domain.ends()
    if isinstance(value, bool) or isinstance(value, str) != bool(domain.unit):
        return False
    try:
        number = parse_quantity(value, domain.unit) if domain.unit else float(value)
    except ValueError:
        return False
    steps = (number - low) / float(domain.step or 1)
    between = low <= number <= high and abs(steps - round(steps)) < 1e-6
    return between and (not domain.unit or domain.written(number) == value)


def _written(value: Value) -> str:
    """A value as the file has it, text in quotes: `true` is not 'true'."""
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)


def _shadowed(space: WrittenSpace) -> Iterator[tuple[str, str]]:
    """Parameters that set the same as another one of the same trial, which then decides: path and message."""
    written = list(space.domains)
    for path, target in space.targets.items():
        general = f"{target.block}.{target.parameter}"
        if target.name is None or general not in space.domains or space.exclude_each_other(path, general):
            continue
        later = max(path, general, key=written.index)
        other = general if later == path else path
        yield (
            later,
            f"sets the same as {other} in every trial with {target.block} '{target.name}'; remove one of the two, or "
            f"let {general} take part with others only, by when: {{{target.block}: …}}",
        )
    most = min(space.most_layers or 0, MOST_PARAMETERS)
    layers = [f"network.hidden.{number}" for number in range(1, most + 1)]
    if "network.width" in space.domains and layers and all(_covers(space, layer, "network.width") for layer in layers):
        yield "network.width", f"has no effect: {', '.join(layers)} set the width of every layer; remove it or them"


def _covers(space: WrittenSpace, path: str, other: str) -> bool:
    """Whether a parameter takes part wherever another does, as far as their conditions say."""
    theirs = space.conditions(other)
    return path in space.domains and all(
        name in theirs and all(any(same(value, one) for one in values) for value in theirs[name])
        for name, values in space.conditions(path).items()
    )
