"""Files that extend each other, merged part by part, with the file and line where each part was written.

A part is merged over the previous ones: mappings key by key, everything else is replaced. Before that, what its
`remove` lists is deleted from the previous ones, which is the way to replace a whole mapping.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from codesign.documents import LONGEST_KEY, Document, Path_, Place, read_document, value_at
from codesign.errors import DocumentError, InputError, Problem
from codesign.mistakes import dotted, shown, suggestion

_MOST_NAMES = 100
"""Most names, and paths to remove, of one mapping or list."""

_DEEPEST = 8
"""Most files in a chain of extensions."""


def beside(file: Path, name: str) -> Path:
    """The path of a file that is named relative to another one."""
    return file.parent / name


def chain_of(
    path: Path, *, find: Callable[[Path, str], Path] = beside, allowed: str = "the path of a file, seen from this one"
) -> tuple[list[Document], list[Problem]]:
    """The file and those it extends, starting with the one that extends nothing, and the mistakes found on the way.

    Args:
        find: returns the path of a file that another file, its first argument, extends by a name; raises InputError if
            there is none.
        allowed: what the name may be, in words.

    Raises:
        DocumentError: one of them cannot be read; includes the mistakes of those before it.
        InputError: the first one cannot be read.
    """
    chain = [read_document(path)]
    problems = list(chain[0].problems)
    seen = [os.path.realpath(path)]
    while isinstance(chain[0].data, dict) and "extends" in chain[0].data:
        extending, base = chain[0], chain[0].data["extends"]
        if not isinstance(base, str) or not base:
            message = f"extends: must be {allowed}, found {shown(base)}"
            return chain, [*problems, extending.problem(("extends",), message)]
        try:
            path = find(path, base)
            _check_chain(path, seen)
            chain.insert(0, read_document(path))
        except DocumentError as error:
            raise DocumentError([*problems, *error.problems]) from None
        except InputError as error:
            raise DocumentError([*problems, extending.problem(("extends",), f"extends: {error}")]) from None
        problems += chain[0].problems
        seen.append(os.path.realpath(path))
        if not isinstance(chain[0].data, dict):
            message = f"must be a mapping, because another file extends it, found {shown(chain[0].data)}"
            raise DocumentError([*problems, chain[0].problem((), message)])
    return chain, problems


def _check_chain(path: Path, seen: list[str]) -> None:
    """Raises InputError if a file cannot be extended by those seen before."""
    if os.path.realpath(path) in seen:
        through = f", through {len(seen)} files" if len(seen) > 1 else ""
        raise InputError(f"{path}: is extended by itself{through}")
    if len(seen) > _DEEPEST:
        raise InputError(f"{path}: is extended through {len(seen)} files, more than {_DEEPEST}")


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A part of a document: the content at one of its paths."""

    document: Document
    at: Path_ = ()

    @property
    def data(self) -> Any:
        """The content, of any form."""
        return value_at(self.document.data, self.at)

    def place(self, path: Path_) -> Place:
        return self.document.place((*self.at, *path))


@dataclass(kw_only=True)
class Merged(Document):
    """Parts of documents merged so far."""

    example: ClassVar[str] = "recipes.layered"
    """A path that may be removed, for messages."""

    def merge(self, part: Fragment, *, without: Iterable[str] = ()) -> None:
        """Merge a part, a mapping, over the existing content, except for some of its keys."""
        self._merge(part, (), {key: value for key, value in part.data.items() if key not in without})

    def _merge(self, part: Fragment, at: Path_, over: Mapping[Any, Any]) -> None:
        for key, value in over.items():
            here = (*at, key)
            before = value_at(self.data, here)
            written = self.prepared(here, before, value)
            self.places[here] = part.place(here)
            if isinstance(before, dict) and isinstance(written, dict):
                self._merge(part, here, written)
                continue
            target = value_at(self.data, at)
            if key in target:
                self.forget(here)
            target[key] = copy.deepcopy(written)
            for inner in paths_in(written, here):
                self.places[inner] = part.place(inner)

    def prepared(self, here: Path_, before: Any, value: Any) -> Any:
        """What to merge over `before` if a part says `value`. Overrides may forget what contradicts it."""
        return value

    def forget(self, path: Path_) -> None:
        for inner in paths_in(value_at(self.data, path), path):
            self.places.pop(inner, None)
        del value_at(self.data, path[:-1])[path[-1]]

    def remove(self, part: Fragment) -> None:
        listed = part.data.get("remove", [])
        if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
            self.mistake(part, ("remove",), f"must be a list of paths such as {self.example}")
        elif len(listed) > _MOST_NAMES:
            self.mistake(part, ("remove",), f"has {len(listed):,} paths, more than {_MOST_NAMES}")
        else:
            for number, path in enumerate(listed):
                self.remove_path(part, number, path)

    def remove_path(self, part: Fragment, number: int, path: str) -> None:
        keys, tail = _keys_of(self.data, path)
        if keys:
            self.forget(keys)
        else:
            self.mistake(part, ("remove", number), f"there is no '{path}' to remove{tail}")

    def mistake(self, part: Fragment, path: Path_, message: str) -> None:
        """Note a mistake at a path of a part."""
        at = (*part.at, *path)
        self.problems.append(part.document.problem(at, f"{dotted(at) or 'the document'}: {message}"))


def paths_in(data: Any, at: Path_ = ()) -> Iterator[Path_]:
    """The path of a value and of all that is in it."""
    yield at
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list | tuple) else ()
    for key, value in items:
        yield from paths_in(value, (*at, key))


def _keys_of(data: Any, path: str) -> tuple[Path_, str]:
    """The keys that a dotted path leads through; none and a hint if one is missing. Keys may contain dots, so long ones
    are tried first."""
    if not isinstance(data, dict):
        return (), ""
    if path in data:
        return (path,), ""
    for end in reversed([i for i, character in enumerate(path[: LONGEST_KEY + 1]) if character == "."]):
        key = path[:end]
        if key in data:
            rest, tail = _keys_of(data[key], path[end + 1 :])
            return (key, *rest) if rest else (), tail
    return (), hint(path.partition(".")[0], data)


def hint(word: str, there: Iterable[str]) -> str:
    """What a name that is not there may have meant."""
    names = list(there)
    if not names:
        return "; nothing is there"
    return suggestion(word, names) if len(names) <= _MOST_NAMES else ""
