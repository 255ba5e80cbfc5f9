"""Composition of sweep files, which build on each other and exist for several datasets and at several scales.

A file is folded from parts, each merged over what came before it: mappings key by key, everything else replaced.

    extends     the file that it extends, whatever that extends before it
    the file    its own keys
    datasets    the part of the chosen dataset, of each file of the chain
    scales      the part of the chosen scale, of each file of the chain, then of the chosen dataset's own `scales`

Before a part is merged, what its `remove` lists is taken out of what came before: the way to replace a whole mapping.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from codesign.documents import (
    MOST_VALUES,
    Document,
    Path_,
    Place,
    Spec,
    dotted,
    read_document,
    suggestion,
    validate_document,
    value_at,
)
from codesign.errors import DocumentError, InputError, Problem

__all__ = ["Chosen", "load_chosen"]

_DEEPEST = 8
"""Files that a file may extend, one through the other."""

_MOST_NAMES = 100
"""Datasets, scales, and paths to remove, of one mapping or list."""

_LONGEST_KEY = 200

_KEYS = ("extends", "datasets", "scales", "remove")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")

Model = TypeVar("Model", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[Model]):
    """A file at one dataset and scale.

    Attributes:
        spec: what it says then; its name is the file's with those of dataset and scale appended.
        dataset, scale: what was taken; None where the file has no such choice.
        datasets, scales: what there is, in the file's order.
    """

    spec: Model
    dataset: str | None
    scale: str | None
    datasets: tuple[str, ...]
    scales: tuple[str, ...]

    @property
    def options(self) -> dict[str, str]:
        """The options that make this choice, by name."""
        given = {"dataset": self.dataset, "scale": self.scale}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def text(self) -> str:
        """`dataset nmnist (of nmnist, mnist), scale smoke (of smoke, paper)`; empty where there was no choice."""
        there = {"dataset": self.datasets, "scale": self.scales}
        return ", ".join(f"{name} {value} (of {', '.join(there[name])})" for name, value in self.options.items())


def load_chosen(
    path: Path, model: type[Model], *, dataset: str | None = None, scale: str | None = None
) -> Chosen[Model]:
    """Read a file and those it extends, and check it at one dataset and scale.

    Args:
        dataset, scale: names; None takes the first, and is all that a file without such a choice allows.

    Raises:
        DocumentError: with every mistake of what was merged, at the file and line where each was written. Mistakes in
            the parts of other datasets and scales are left for those who choose them.
        InputError: the file cannot be read, or has no such dataset or scale.
    """
    folded = _folded(path)
    dataset = _choose(path, folded, "dataset", dataset)
    scale = _choose(path, folded, "scale", scale)
    chosen = [name for name in (dataset, scale) if name is not None]
    if chosen and isinstance(folded.data, dict) and isinstance(folded.data.get("name"), str):
        folded.data["name"] = "_".join([folded.data["name"], *chosen])
    return Chosen(
        spec=validate_document(folded, model, other_keys=_KEYS),
        dataset=dataset,
        scale=scale,
        datasets=tuple(folded.parts["datasets"]),
        scales=tuple(folded.parts["scales"]),
    )


def _folded(path: Path) -> _Folded:
    chain, problems = _chain(path)
    folded = _Folded(data=copy.deepcopy(chain[-1].data), places=dict(chain[-1].places), problems=problems)
    if not isinstance(folded.data, dict):
        return folded  # to be told by the model
    folded.data, folded.places = {}, {(): folded.places[()]}
    for document in chain:
        folded.fold(_Part(document=document, at=()), allowed=_KEYS)
    return folded


def _choose(path: Path, folded: _Folded, what: str, name: str | None) -> str | None:
    """Fold in the parts of the dataset or scale of that name, or of the first."""
    there = folded.parts[f"{what}s"]
    if name is None and not there:
        return None
    chosen = next(iter(there)) if name is None else name
    if chosen not in there:
        if folded.problems:
            raise DocumentError(folded.problems)
        if not there:
            raise InputError(f"{path}: has no {what}s, so '{chosen}' cannot be chosen")
        raise InputError(f"{path}: has no {what} '{chosen}'{suggestion(chosen, there)}")
    for part in there[chosen]:
        folded.fold(part, allowed=("scales", "remove") if what == "dataset" else ("remove",))
    return chosen


# the files -----------------------------------------------------------------------------------------------------------


def _chain(path: Path) -> tuple[list[Document], list[Problem]]:
    """The file and those it extends, the one that extends nothing first; and mistakes found on the way.

    Raises:
        DocumentError: one of them cannot be read; also with the mistakes of those before it.
        InputError: the first one cannot be read.
    """
    chain = [read_document(path)]
    problems = list(chain[0].problems)
    seen = [os.path.realpath(path)]
    while isinstance(chain[0].data, dict) and "extends" in chain[0].data:
        extending, base = chain[0], chain[0].data["extends"]
        if not isinstance(base, str) or not base:
            message = f"extends: must be the path of a file, seen from this one, found {_shown(base)}"
            return chain, [*problems, extending.problem(("extends",), message)]
        path = path.parent / base
        try:
            _check_chain(path, seen)
            chain.insert(0, read_document(path))
        except DocumentError as error:
            raise DocumentError([*problems, *error.problems]) from None
        except InputError as error:
            raise DocumentError([*problems, extending.problem(("extends",), f"extends: {error}")]) from None
        if sum(len(document.places) for document in chain) > MOST_VALUES:
            message = f"extends: files that extend each other may have {MOST_VALUES:,} values, these have more"
            raise DocumentError([*problems, extending.problem(("extends",), message)])
        problems += chain[0].problems
        seen.append(os.path.realpath(path))
        if not isinstance(chain[0].data, dict):
            message = f"must be a mapping, for another file extends it, found {_shown(chain[0].data)}"
            raise DocumentError([*problems, chain[0].problem((), message)])
    return chain, problems


def _check_chain(path: Path, seen: list[str]) -> None:
    """Raises InputError where a file cannot be extended by those seen before."""
    if os.path.realpath(path) in seen:
        raise InputError(f"{path}: is extended by itself, through {len(seen)} files")
    if len(seen) > _DEEPEST:
        raise InputError(f"{path}: is extended through {len(seen)} files, more than {_DEEPEST}")


# merging -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A part of a document: what is found at a path of it."""

    document: Document
    at: Path_

    @property
    def data(self) -> Any:
        return value_at(self.document.data, self.at)

    def place(self, path: Path_) -> Place:
        return self.document.places[(*self.at, *path)]


@dataclass(kw_only=True)
class _Folded(Document):
    """Parts of documents merged so far.

    Attributes:
        parts: of `datasets` and of `scales`, by name, those that would be folded in by choosing it.
    """

    parts: dict[str, dict[str, list[_Part]]] = field(default_factory=lambda: {"datasets": {}, "scales": {}})

    def fold(self, part: _Part, *, allowed: Iterable[str]) -> None:
        """Merge a part over what is there; `allowed` are those of `_KEYS` that it may have."""
        data = part.data
        if not isinstance(data, dict):
            self._mistake(part, (), f"must be a mapping, a part of a sweep file, found {_shown(data)}")
            return
        for key in _KEYS:
            if key in data and key not in allowed:
                message = f"is not possible in such a part; allowed beside keys of a sweep: {', '.join(allowed)}"
                self._mistake(part, (key,), message)
        for i, path in enumerate(self._listed(part) if "remove" in allowed else ()):
            self._remove(part, i, path)
        self._merge(part, (), {key: value for key, value in data.items() if key not in _KEYS})
        for block in self.parts:
            if block in data and block in allowed:
                self._add(part, block, data[block])

    def _add(self, part: _Part, block: str, data: Any) -> None:
        """What a part has under `datasets` or `scales`."""
        if not isinstance(data, dict):
            message = f"must be a mapping from names to parts of a sweep file, found {_shown(data)}"
            self._mistake(part, (block,), message)
            return
        if len(data) > _MOST_NAMES:
            self._mistake(part, (block,), f"has {len(data):,} names, more than {_MOST_NAMES}")
            return
        for name in data:
            if not _NAME.fullmatch(name):
                message = "must be at most 40 letters, digits, '_' and '-', for it becomes part of the sweep's name"
                self._mistake(part, (block, name), message)
                continue
            self.parts[block].setdefault(name, []).append(_Part(document=part.document, at=(*part.at, block, name)))

    def _merge(self, part: _Part, at: Path_, over: Mapping[str, Any]) -> None:
        target = value_at(self.data, at)
        for key, value in over.items():
            here = (*at, key)
            if isinstance(target.get(key), dict) and isinstance(value, dict):
                self.places[here] = part.place(here)
                self._merge(part, here, value)
                continue
            if key in target:
                self._forget(here)
            target[key] = copy.deepcopy(value)
            for inner in _paths(value, here):
                self.places[inner] = part.place(inner)

    def _forget(self, path: Path_) -> None:
        """Take out what is at a path."""
        for inner in _paths(value_at(self.data, path), path):
            del self.places[inner]
        del value_at(self.data, path[:-1])[path[-1]]

    def _listed(self, part: _Part) -> list[str]:
        """The paths that a part removes."""
        listed = part.data.get("remove", [])
        if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
            self._mistake(part, ("remove",), "must be a list of paths such as recipes.layered")
        elif len(listed) > _MOST_NAMES:
            self._mistake(part, ("remove",), f"has {len(listed):,} paths, more than {_MOST_NAMES}")
        else:
            return listed
        return []

    def _remove(self, part: _Part, number: int, path: str) -> None:
        block, _, name = path.partition(".")
        if block in self.parts:
            parts = self.parts[block]
            if not name and parts:
                parts.clear()
            elif parts.pop(name, None) is None:
                self._mistake(part, ("remove", number), f"there is no '{path}' to remove{_hint(name, parts)}")
            return
        keys, hint = _keys_of(self.data, path)
        if keys:
            self._forget(keys)
        else:
            self._mistake(part, ("remove", number), f"there is no '{path}' to remove{hint}")

    def _mistake(self, part: _Part, path: Path_, message: str) -> None:
        at = (*part.at, *path)
        self.problems.append(part.document.problem(at, f"{dotted(at) or 'the document'}: {message}"))


def _paths(data: Any, at: Path_) -> Iterator[Path_]:
    """The path of a value and of all that is in it."""
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from _paths(value, (*at, key))


def _keys_of(data: Any, path: str) -> tuple[Path_, str]:
    """The keys that a dotted path goes through, longest first, for keys may hold dots; none and a hint if it ends."""
    if not isinstance(data, dict):
        return (), ""
    if path in data:
        return (path,), ""
    for end in reversed([i for i, character in enumerate(path[: _LONGEST_KEY + 1]) if character == "."]):
        key = path[:end]
        if key in data:
            rest, hint = _keys_of(data[key], path[end + 1 :])
            return (key, *rest) if rest else (), hint
    return (), _hint(path.partition(".")[0], data)


def _hint(word: str, there: Iterable[str]) -> str:
    names = list(there)
    if not names:
        return "; nothing is there"
    return suggestion(word, names) if len(names) <= _MOST_NAMES else ""


def _shown(data: Any) -> str:
    if isinstance(data, dict):
        return "a mapping"
    return "a list" if isinstance(data, list) else "nothing" if data is None else f"{data!r:.80}"
