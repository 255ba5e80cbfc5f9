"""A search space as the file has it, which may be wrong in any way: what its checks ask about its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from codesign.errors import CodesignError
from codesign.exploration.spec import BUILT_IN_SCHEDULES, NetworkEntry
from codesign.exploration.study.parameters import Target, hidden_layers, target_of
from codesign.exploration.study.space import Choices, Domain, Link, Range, Value, ordered, same
from codesign.training.recipe import PRESETS

__all__ = ["WrittenSpace", "mapping"]


def mapping(data: Any, key: str) -> dict[str, Any]:
    """A part of plain content, empty where it is no mapping."""
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


class WrittenSpace:
    """The parameters of a file's `space`, in the order in which they are drawn.

    Attributes:
        data: the file's plain content.
        names: by `recipe`, `chip` and `schedule`, those that the file has.
        domains: by path; None for one that could not be read, which the field's own check tells of.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.names: dict[str, Mapping[str, Any]] = {
            "recipe": mapping(data, "recipes"),
            "chip": mapping(data, "chips"),
            "schedule": {**mapping(data, "schedules"), **dict.fromkeys(BUILT_IN_SCHEDULES)},
        }
        adapter: TypeAdapter[Any] = TypeAdapter(Domain)
        written: dict[str, Any] = {}
        for path, entry in mapping(data, "space").items():
            try:
                written[str(path)] = adapter.validate_python(entry)
            except ValidationError:
                written[str(path)] = None
        self.domains: dict[str, Range | Choices | Link | None] = dict(ordered(written))

    @cached_property
    def targets(self) -> dict[str, Target]:
        """Where paths lead, for those that lead anywhere."""
        found = {}
        for path in self.domains:
            try:
                found[path] = target_of(path, self.names)
            except ValueError:
                continue
        return found

    def source(self, path: str) -> tuple[str, Range | Choices | None]:
        """The parameter that is drawn for `path`, itself unless it is `same_as` another, and its domain."""
        seen: set[str] = set()
        domain = self.domains.get(path)
        while isinstance(domain, Link) and path not in seen:
            seen.add(path)
            path = domain.same_as
            domain = self.domains.get(path)
        return path, None if isinstance(domain, Link) else domain

    def conditions(self, path: str) -> dict[str, tuple[Value, ...]]:
        """Under which values of others it takes part, by path: its own conditions, and theirs in turn."""
        found: dict[str, tuple[Value, ...]] = {}
        waiting, seen = [path], {path}
        while waiting:
            name = waiting.pop()
            for other, accepted in self._own_conditions(name):
                known = found.get(other, accepted)
                found[other] = tuple(value for value in known if any(same(value, one) for one in accepted))
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
            domain = self.domains.get(name)
            if isinstance(domain, Link) and domain.same_as not in seen:
                seen.add(domain.same_as)
                waiting.append(domain.same_as)
        return found

    def _own_conditions(self, path: str) -> Iterator[tuple[str, tuple[Value, ...]]]:
        target, domain = self.targets.get(path), self.domains.get(path)
        if target is not None and target.name is not None:
            yield target.block, (target.name,)
        for name, allowed in domain.when.items() if domain is not None else ():
            yield name, allowed if isinstance(allowed, tuple) else (allowed,)

    def exclude_each_other(self, path: str, other: str) -> bool:
        """Whether no trial has both."""
        ours, theirs = self.conditions(path), self.conditions(other)
        return any(
            not any(same(value, one) for value in ours[name] for one in theirs[name]) for name in ours.keys() & theirs
        )

    @cached_property
    def most_layers(self) -> int | None:
        """Hidden layers of the largest network that a trial may have; None where that is not known."""
        depth = self.source("network.depth")[1]
        if "network.depth" not in self.domains:
            return self._base_layers
        largest = None if depth is None else _largest(depth)
        if largest is None or not self.conditions("network.depth"):
            return largest
        return None if self._base_layers is None else max(self._base_layers, largest)

    @cached_property
    def _base_layers(self) -> int | None:
        preset = self.data.get("preset")
        try:
            network = NetworkEntry.model_validate(self.data.get("network", {}))
            return len(hidden_layers(network, preset if isinstance(preset, str) and preset in PRESETS else None))
        except (ValidationError, CodesignError):
            return None


def _largest(domain: Range | Choices) -> int | None:
    """The largest whole number that it takes; None without one."""
    if isinstance(domain, Choices):
        return max((value for value in domain.choices if isinstance(value, int)), default=None)
    if not domain.integer:
        return None
    low, high = map(int, domain.ends())
    return high - (high - low) % int(domain.step or 1)
