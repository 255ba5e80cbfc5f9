"""Chip files by name: in `./chips`, in a checkout's `chips`, and in the installed package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from codesign.documents import dotted, read_document, refusal, suggestion, validate_document
from codesign.errors import InputError
from codesign.files.shipped import packaged_folders, shipped_folders
from codesign.hardware.basis import missing_basis
from codesign.hardware.description import Chip, Mistake
from codesign.hardware.model_error import measured_error
from codesign.hardware.provenance import own_parts
from codesign.hardware.validation_mistakes import model_mistakes

__all__ = ["check_chip", "chip_names", "find_chip", "load_chip"]

_TEMPLATE = "template"
"""A made-up chip that explains the file format; found by name, and not listed."""


def _chip_files() -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for directory in shipped_folders("chips"):
        for path in sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")]):
            paths.setdefault(path.stem, path)
    return dict(sorted(paths.items()))


def chip_names() -> tuple[str, ...]:
    """Names of all chips that can be found, sorted; aliases and the template are not listed."""
    return tuple(name for name in _chip_files() if name != _TEMPLATE)


def load_chip(path: Path) -> Chip:
    """Read and check one chip file. Raises DocumentError with every mistake, InputError if it cannot be read."""
    return _loaded(path, model_mistakes)


def check_chip(path: Path) -> Chip:
    """The same; a chip that comes with the program must also say what each of its energies is an energy of."""
    shipped = {os.path.realpath(folder) for folder in packaged_folders("chips")}
    if os.path.realpath(path.parent) not in shipped:
        return load_chip(path)
    return _loaded(path, lambda chip: (*model_mistakes(chip), *_unstated(chip), *missing_basis(chip.energies)))


def _unstated(chip: Chip) -> Iterator[Mistake]:
    """What a file of one's own may leave out."""
    for name in ("title", "description", "citation", "operating_point", "layers_share_core", "can_flush"):
        if name not in chip.model_fields_set:
            yield (name,), "must be given for a chip that comes with the program"
    for place in own_parts(chip):
        yield place, "must name its confidence and source in a chip that comes with the program"


def _loaded(path: Path, check: Callable[[Chip], Iterable[Mistake]]) -> Chip:
    document = read_document(path)
    chip = validate_document(document, Chip)
    mistakes = [(place, f"{dotted(place)}: {message}") for place, message in check(chip)]
    if mistakes:
        raise refusal(document.problem(place, message) for place, message in mistakes)
    return chip if chip.model_error is not None else chip.model_copy(update={"model_error": measured_error(chip)})


def find_chip(name_or_path: str | Path) -> Chip:
    """The chip of that name, alias or path.

    Raises:
        InputError: there is no such chip; the message suggests one.
        DocumentError: its file has mistakes.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        return load_chip(Path(text))
    paths = _chip_files()
    if text in paths:
        return load_chip(paths[text])
    names = set(chip_names())
    broken: list[str] = []
    for path in paths.values():
        try:
            chip = load_chip(path)
        except InputError as error:
            broken.append(str(error).partition("\n")[0])
            continue
        if text.casefold() in (word.casefold() for word in (chip.name, *chip.aliases)):
            return chip
        names.update(chip.aliases)
    unread = f"; not searched for aliases, because of mistakes: {'; '.join(broken)}" if broken else ""
    raise InputError(f"unknown chip {text!r}{suggestion(text, names)}{unread}")
