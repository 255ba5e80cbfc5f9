"""Chip files by name: in `./chips`, in a checkout's `chips`, and in the installed package."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from codesign.documents import load_document, suggestion
from codesign.errors import InputError
from codesign.hardware.description import Chip, Mistake
from codesign.hardware.validation_mistakes import model_mistakes

__all__ = ["chip_names", "find_chip", "load_chip"]

_TEMPLATE = "template"
"""A made-up chip that explains the file format; found by name, and not listed."""

_PACKAGE = Path(str(files("codesign")))


def _directories() -> list[Path]:
    """Where chips are looked for, first match wins. A checkout is known by its project file beside the package."""
    candidates = [Path("chips")]  # also where the working folder is gone
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(_PACKAGE.parent / "chips")
    candidates.append(_PACKAGE / "chips")
    return [path for path in dict.fromkeys(candidates) if os.path.isdir(path)]


def _chip_files() -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for directory in _directories():
        for path in sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")]):
            paths.setdefault(path.stem, path)
    return dict(sorted(paths.items()))


def chip_names() -> tuple[str, ...]:
    """Names of all chips that can be found, sorted; aliases and the template are not listed."""
    return tuple(name for name in _chip_files() if name != _TEMPLATE)


def load_chip(path: Path) -> Chip:
    """Read and check one chip file. Raises DocumentError with every mistake, InputError if it cannot be read."""
    chip = load_document(path, Chip)
    mistakes = [(place, f"{'.'.join(map(str, place))}: {message}") for place, message in model_mistakes(chip)]
    if mistakes:
        load_document(path, _reporting(mistakes))
    return chip


def _reporting(mistakes: list[Mistake]) -> type[Chip]:
    """The model of a chip file that has these mistakes, which reading it with its lines reports."""

    class Mistaken(Chip):
        @classmethod
        def cross_check(cls, data: Any) -> list[Mistake]:
            return mistakes

    return Mistaken


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
