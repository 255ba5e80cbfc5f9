"""Composition of sweep files, which may extend each other and have variants for several datasets and scales.

A file is folded from parts, each merged over the previous ones by `codesign.merging`:

    extends     the files that it extends, beginning with the one that extends nothing
    the file    its own keys
    datasets    the part for the chosen dataset from each file of the chain
    scales      the part for the chosen scale from each file of the chain, then from the chosen dataset's own `scales`
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from codesign.documents import Path_, Spec, validate_document, value_at
from codesign.errors import DocumentError, InputError
from codesign.exploration.definition.checks import mapping
from codesign.files import is_url
from codesign.hardware.chip.extending import give_way, part_over
from codesign.hardware.library import is_chip_file
from codesign.merging import Fragment, Merged, chain_of
from codesign.mistakes import shown, suggestion

_KEYS = ("extends", "datasets", "scales", "remove")

Model = TypeVar("Model", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class Chosen(Generic[Model]):
    """A file at one of its datasets and scales.

    Attributes:
        spec: the checked content; its name is the file's, with the names of dataset and scale appended.
        options: the chosen dataset and scale, as options of the command.
        datasets, scales: all names to choose from, in the order of the file.
    """

    spec: Model
    options: dict[str, str]
    datasets: tuple[str, ...]
    scales: tuple[str, ...]

    @property
    def text(self) -> str:
        """The choice in words: `dataset nmnist (of nmnist, mnist), scale smoke (of smoke, paper)`."""
        there = {"dataset": self.datasets, "scale": self.scales}
        return ", ".join(f"{name} {value} (of {', '.join(there[name])})" for name, value in self.options.items())


def load_chosen(
    path: Path, model: type[Model], *, dataset: str | None = None, scale: str | None = None
) -> Chosen[Model]:
    """Read a file and those that it extends, and check it at one dataset and scale. None takes the first one, if any; a
    file without datasets or scales allows only None.

    Raises DocumentError with every mistake in the merged parts, at the file and line where each was written; parts for
    other datasets and scales are not checked. Raises InputError if the file cannot be read, or has no such dataset or
    scale.
    """
    folded = _folded(path)
    asked = {"dataset": dataset, "scale": scale}
    options = {what: one for what, name in asked.items() if (one := _choose(path, folded, what, name)) is not None}
    if options and isinstance(folded.data, dict) and isinstance(folded.data.get("name"), str):
        folded.data["name"] = "_".join([folded.data["name"], *options.values()])
    _anchor(folded)
    return Chosen(
        spec=validate_document(folded, model, other_keys=_KEYS),
        options=options,
        datasets=tuple(folded.parts["datasets"]),
        scales=tuple(folded.parts["scales"]),
    )


def _folded(path: Path) -> _Folded:
    chain, problems = chain_of(path)
    folded = _Folded(data=copy.deepcopy(chain[-1].data), places=dict(chain[-1].places), problems=problems)
    if not isinstance(folded.data, dict):
        return folded  # reported by the model
    folded.data, folded.places = {}, {(): folded.places[()]}
    for document in chain:
        folded.fold(Fragment(document=document), allowed=_KEYS)
    return folded


def _choose(path: Path, folded: _Folded, what: str, name: str | None) -> str | None:
    """Fold in the parts for the named dataset or scale, or for the first one, if any, and return its name."""
    there = folded.parts[f"{what}s"]
    if name is None and not there:
        return None
    chosen = next(iter(there)) if name is None else name
    if chosen not in there:
        if folded.problems:
            raise DocumentError(folded.problems)
        unknown = f"has no {what} '{chosen}'{suggestion(chosen, there)}"
        raise InputError(f"{path}: {unknown if there else f'has no `{what}s`; leave out --{what}'}")
    for part in there[chosen]:
        folded.fold(part, allowed=("scales", "remove") if what == "dataset" else ("remove",))
    return chosen


def _anchor(folded: _Folded) -> None:
    """Make paths of chips, models and data, relative to the file that names them, relative to the working folder."""
    for path in list(_files_in(folded.data)):
        folder, file = os.path.dirname(folded.place(path).file), value_at(folded.data, path)
        if folder and not is_url(file):
            value_at(folded.data, path[:-1])[path[-1]] = os.path.join(folder, file.removeprefix("./"))


def _files_in(data: Any) -> Iterator[Path_]:
    chips: list[Path_] = [("chips", name, "extends") for name in mapping(data, "chips")]
    yield from (path for path in chips if isinstance(chip := value_at(data, path), str) and is_chip_file(chip))
    recipes: list[Path_] = [("recipe_defaults",), *(("recipes", name) for name in mapping(data, "recipes"))]
    models = [(*recipe, key) for recipe in recipes for key in ("model", "from")]
    for path in (*models, *((*path, "file") for path in models), ("workload", "file")):
        if isinstance(value_at(data, path), str):
            yield path


@dataclass(kw_only=True)
class _Folded(Merged):
    """Parts of documents merged so far, and the parts for each dataset and scale, by name, to fold in if it is
    chosen."""

    parts: dict[str, dict[str, list[Fragment]]] = field(default_factory=lambda: {"datasets": {}, "scales": {}})

    def fold(self, part: Fragment, *, allowed: Iterable[str]) -> None:
        """Merge a part over the previous ones; `allowed` are the keys of `_KEYS` that it may have."""
        data = part.data
        if not isinstance(data, dict):
            self.mistake(part, (), f"must be a mapping, a part of a sweep file, found {shown(data)}")
            return
        for key in _KEYS:
            if key in data and key not in allowed:
                message = f"is not allowed in such a part; besides keys of a sweep, it may have: {', '.join(allowed)}"
                self.mistake(part, (key,), message)
        if "remove" in allowed:
            self.remove(part)
        self.merge(part, without=_KEYS)
        for block in self.parts:
            if block in data and block in allowed:
                self._add(part, block, data[block])

    def _add(self, part: Fragment, block: str, data: Any) -> None:
        """Record the parts for each dataset or scale that a part has in `block`."""
        if not isinstance(data, dict):
            message = f"must be a mapping from names to parts of a sweep file, found {shown(data)}"
            self.mistake(part, (block,), message)
            return
        for name in data:
            self.parts[block].setdefault(name, []).append(Fragment(document=part.document, at=(*part.at, block, name)))

    def prepared(self, here: Path_, before: Any, value: Any) -> Any:
        """Merge chips by the rules of chip files, and a mapping over a sampler that is given by its name alone."""
        if here == ("sampler",) and isinstance(before, str) and isinstance(value, dict):
            return {"name": before, **value}
        if here[0] != "chips" or len(here) < 2:
            return value
        if len(here) == 2:
            if isinstance(before, dict) and isinstance(value, dict):
                give_way(self, here, value)
            return value
        return part_over(self, here, before, value, chip=here[:2])
