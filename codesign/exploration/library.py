"""Sweep files by path or name: in `./sweeps`, in a checkout's `sweeps`, and in the installed package; and below."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.exploration.composition import Chosen, load_chosen
from codesign.exploration.spec import SweepSpec
from codesign.files.shipped import shipped_folders

__all__ = ["choose_sweep", "find_sweep", "load_sweep", "sweep_names"]

Model = TypeVar("Model", bound=SweepSpec)


def sweep_names() -> tuple[str, ...]:
    """Names of all sweeps that can be found, such as `paper/table2`, sorted; files that others build on are not listed.

    Those have a name, or are in a folder with a name, that begins with an underscore.
    """
    paths = {
        path.relative_to(folder).with_suffix("")
        for folder in shipped_folders("sweeps")
        for path in folder.rglob("*.yaml")
    }
    return tuple(sorted(path.as_posix() for path in paths if not any(part.startswith("_") for part in path.parts)))


def find_sweep(name_or_path: str | Path) -> Path:
    """The file of a sweep: an existing path, or a name such as `nmnist`, `paper/table2` or `sweeps/paper/table2.yaml`.

    Raises:
        InputError: there is none; the message suggests one.
    """
    path = Path(name_or_path)
    if os.path.isfile(path):
        return path
    named = Path(*path.parts[1:]) if path.parts[:1] == ("sweeps",) else path
    if named.name and not named.is_absolute() and ".." not in named.parts and path.suffix in ("", ".yaml", ".yml"):
        for folder in shipped_folders("sweeps"):
            candidate = folder / named.with_suffix(".yaml")
            if os.path.isfile(candidate):
                return candidate
    if os.path.lexists(path):
        return path  # no regular file; reading it says what it is
    asked = named.with_suffix("") if path.suffix in (".yaml", ".yml") else named
    raise InputError(f"there is no sweep file {str(name_or_path)!r}{suggestion(asked.as_posix(), sweep_names())}")


def choose_sweep(
    name_or_path: str | Path, model: type[Model], *, dataset: str | None = None, scale: str | None = None
) -> Chosen[Model]:
    """Find, read and check a file at one of its datasets and scales; what is left out is the first of each.

    Args:
        model: what the file is: a sweep or a study.

    Raises:
        InputError: there is no such file, dataset or scale.
        DocumentError: it has mistakes.
    """
    return load_chosen(find_sweep(name_or_path), model, dataset=dataset, scale=scale)


def load_sweep(name_or_path: str | Path, *, dataset: str | None = None, scale: str | None = None) -> SweepSpec:
    """What a sweep file says, as `choose_sweep`."""
    return choose_sweep(name_or_path, SweepSpec, dataset=dataset, scale=scale).spec
