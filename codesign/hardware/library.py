"""Chip files by name: in `./chips`, in a checkout's `chips`, and in the installed package."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from codesign.documents import Document, Mistake, Path_, Place, read_document, refusal, validate_document, value_at
from codesign.errors import InputError, Problem
from codesign.files.location import shipped_folders
from codesign.hardware.chip.derivation import with_derived
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.extending import VALUES, extended, extended_by
from codesign.hardware.chip.scaling import at_structure
from codesign.hardware.validation.model_error import measured_error
from codesign.hardware.validation.recompute import model_mistakes
from codesign.merging import beside, chain_of
from codesign.mistakes import describe, dotted, mistakes_of, suggestion

PARTS = tuple(
    name
    for name in Chip.model_fields
    if name not in ("name", "aliases", "validation", "extends", "model_error", "weight_bits")
)
"""Parts of a description that a variant without its own file may change.

The width of weights is not among them: in a sweep, `weight_bits` is that of the evaluation.
"""

_TEMPLATE = "template"
"""A made-up chip that explains the file format; it can be found by name but is not listed."""


def _chip_files() -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for directory in shipped_folders("chips"):
        for path in sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")]):
            paths.setdefault(path.stem, path)
    return dict(sorted(paths.items()))


def chip_names() -> tuple[str, ...]:
    """Names of all chips that can be found, sorted, without aliases and the template."""
    return tuple(name for name in _chip_files() if name != _TEMPLATE)


def load_chip(path: str | Path, with_error: bool = True) -> Chip:
    """Read and check one chip file, and derive what it leaves out from its structure.

    The model's error is computed from the chip's measurements unless `with_error` is False, which is faster.
    Raises DocumentError with every mistake, InputError if it cannot be read.
    """
    path = Path(path)
    if not (path.exists() or is_chip_file(str(path))):
        raise InputError(f"{path}: there is no such file; find_chip takes the name of a chip")
    document = _document(path)
    document.problems += _made_up(document, path)
    chip = validate_document(document, Chip, other_keys=("remove",))
    mistakes = [(place, f"{dotted(place)}: {message}") for place, message in model_mistakes(chip)]
    if mistakes:
        raise refusal(document.problem(place, message) for place, message in mistakes)
    base = None
    if chip.extends:
        base = load_chip(_extended_file(path, read_document(path).data["extends"]), with_error)
    return _finished(chip, document, base, str(path), with_error)


def _made_up(document: Document, path: Path) -> list[Problem]:
    """Mistakes: sources that a file still has from the template that it was copied from, whose numbers are made up."""
    if path.stem == _TEMPLATE:
        return []
    cited = [place for place in document.places if place[:1] == ("sources",) and place[2:] == ("citation",)]
    left = [place[:2] for place in cited if str(value_at(document.data, place)).startswith("made up, to show")]
    rule = "is still the template's, and its numbers are made up; put in those of your chip, and leave out the rest"
    return [document.problem(place, f"{dotted(place)}: {rule}") for place in left]


def _finished(chip: Chip, document: Document, base: Chip | None, own: str, with_error: bool = True) -> Chip:
    """The chip completed with what follows from its structure, and with the model's error unless the file gives it:
    that of the chip's own measurements or, without any, that of the chip that it extends. `own` is the chip's file."""
    if base is not None and chip.structure is not None:
        settled = {path for path in chip.numbers() if _place_of_value(document, tuple(path.split("."))).file == own}
        chip = at_structure(base, chip, settled)
    chip = with_derived(chip)
    if not with_error or chip.model_error is not None:
        return chip
    error = measured_error(chip) if base is None or chip.validation else base.model_error
    return chip.model_copy(update={"model_error": error})


def _place_of_value(document: Document, path: Path_) -> Place:
    """Where the value of a number was written, even if other parts of the number are written elsewhere."""
    return document.place((*path, *(key for key in VALUES if (*path, key) in document.places)))


def _document(path: Path) -> Document:
    """The content of a chip's file, merged with the files that it extends."""
    chain, problems = chain_of(path, find=_extended_file, allowed="the name of a chip or the path of its file")
    if len(chain) == 1 and isinstance(chain[0].data, dict) and "extends" in chain[0].data:
        raise refusal(problems)  # nothing else can be said about a file that is not a chip
    removes = isinstance(chain[0].data, dict) and "remove" in chain[0].data
    document = extended(chain) if removes or len(chain) > 1 else chain[0]
    document.problems = [*problems, *(problem for problem in document.problems if problem not in problems)]
    return document


def _extended_file(file: Path, name: str) -> Path:
    """The file of a chip that another file extends: a file with that name next to it, a path relative to it, or any
    other chip."""
    if is_chip_file(name):
        return beside(file, name)
    near = beside(file, f"{name}.yaml")
    return near if near.is_file() and os.path.realpath(near) != os.path.realpath(file) else chip_file(name)


def chip_variant(name_or_path: str | Path, parts: Mapping[str, Any]) -> Chip | tuple[Mistake, ...]:
    """A chip with parts of a description, as in a file, merged over its own; or the mistakes in them. Raises InputError
    like `find_chip`."""
    path = chip_file(name_or_path)
    chip = load_chip(path)
    if not parts:
        return chip
    document = extended_by(_document(path), parts)
    mistakes = [(place, f"{dotted(place)}: {message}") for place, message in Chip.cross_check(document.data)]
    try:
        changed = Chip.model_validate(document.data)
    except ValidationError as error:
        mistakes += ((item["place"], describe(item, Chip)) for item in mistakes_of(error, document.data))
    if mistakes:
        return tuple(mistakes)
    return _finished(changed, document, chip, document.place(("extends",)).file)


def find_chip(name_or_path: str | Path) -> Chip:
    """The chip with the given name, alias or path.

    Raises:
        InputError: there is no such chip; the message suggests one.
        DocumentError: its file has mistakes.
    """
    return load_chip(chip_file(name_or_path))


def is_chip_file(text: str) -> bool:
    """Whether a chip is given by the path of its file."""
    return "/" in text or text.endswith((".yaml", ".yml"))


def chip_file(name_or_path: str | Path) -> Path:
    """The file of a chip. Raises InputError if no chip has that name or alias."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or is_chip_file(text):
        return Path(text)
    paths = _chip_files()
    if text in paths:
        return paths[text]
    names = set(chip_names())
    for path in paths.values():
        aliases: list[str] = []
        with suppress(InputError):
            aliases = _aliases(read_document(path))
        if text.casefold() in (word.casefold() for word in (path.stem, *aliases)):
            return path
        names.update(aliases)
    here = f"{text}.yaml"
    by_path = f"; for the file in this folder, write ./{here}" if os.path.isfile(here) else ""
    raise InputError(f"unknown chip {text!r}{suggestion(text, names)}{by_path}")


def _aliases(document: Document) -> list[str]:
    aliases = document.data.get("aliases") if isinstance(document.data, dict) else None
    return [word for word in aliases if isinstance(word, str)] if isinstance(aliases, list) else []
