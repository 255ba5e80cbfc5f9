"""Sweep files by path or name, in `./sweeps`, a checkout's `sweeps` and the installed package, including subfolders."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

from codesign.errors import InputError
from codesign.exploration.definition.composition import Chosen, load_chosen
from codesign.exploration.definition.spec import SweepSpec
from codesign.files.local import open_at_once
from codesign.files.location import shipped_folders
from codesign.mistakes import suggestion

Model = TypeVar("Model", bound=SweepSpec)
Kind = Literal["sweep", "study", "price"]
RUN_FUNCTIONS: Mapping[Kind, str] = {"sweep": "run_sweep", "study": "run_study", "price": "run_pricing"}
_MOST_LETTERS = 100_000


def sweep_names(kind: Kind | None = None) -> tuple[str, ...]:
    """Sorted names, such as `paper/table2`, of all files that can be found, or of those of one kind. Files that exist
    only to be extended are not listed: their names, or those of their folders, begin with an underscore."""
    paths = {
        path.relative_to(folder).with_suffix(""): path
        for folder in reversed(shipped_folders("sweeps"))
        for path in folder.rglob("*.yaml")
    }
    listed = {name.as_posix(): path for name, path in paths.items() if not any(p.startswith("_") for p in name.parts)}
    return tuple(sorted(name for name, path in listed.items() if kind in (None, _kind_of_file(path) or "sweep")))


def _kind_of_file(path: Path) -> Kind | None:
    """The kind of a file according to its keys; None if they do not tell."""
    try:
        # without the byte order mark that Windows may write
        with open(path, encoding="utf-8-sig", errors="replace", opener=open_at_once) as file:
            keys = set(re.findall(r"^(\w+):", file.read(_MOST_LETTERS), re.MULTILINE))
    except OSError:  # reading the file reports why
        return None
    return kind_of(keys)


def kind_of(keys: Container[str]) -> Kind | None:
    """The kind of content with these keys; None if they do not tell."""
    if "space" in keys or "sweep" in keys:
        return "study" if "space" in keys else "price"
    # `space` or `sweep` may be misspelled where there are other keys that studies and price files need
    return "sweep" if "recipes" in keys and not any(key in keys for key in ("extends", "budget", "chip")) else None


def find_sweep(name_or_path: str | Path, kind: Kind = "sweep") -> Path:
    """The file of a sweep: an existing path, or a name such as `nmnist`, `paper/table2` or `sweeps/paper/table2.yaml`.
    Raises InputError, with a suggestion, if there is none or it is of another kind."""
    path = _find(name_or_path, kind)
    other = _kind_of_file(path) if os.path.isfile(path) else None
    if other is not None and other != kind:
        instead = f"run `codesign {other} {name_or_path}`, in Python {RUN_FUNCTIONS[other]}"
        raise InputError(f"{path}: is a {other} file; {instead}")
    return path


def _find(name_or_path: str | Path, kind: Kind) -> Path:
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
        return path  # not a regular file; reading it reports what it is
    asked = named.with_suffix("") if path.suffix in (".yaml", ".yml") else named
    shipped, beside = sweep_names(kind), {}
    with suppress(OSError):  # such as a name that is too long
        beside = {one.stem: one for one in path.parent.glob("*.yaml")}
    (close,) = difflib.get_close_matches(path.stem, [*shipped, *beside], n=1) or [""]
    near = f"; did you mean '{beside[close]}'?" if close in beside else suggestion(asked.as_posix(), shipped)
    raise InputError(f"there is no {kind} file {str(name_or_path)!r}{near}")


def choose_sweep(
    name_or_path: str | Path, model: type[Model], *, dataset: str | None = None, scale: str | None = None
) -> Chosen[Model]:
    """Find, read and check the file of a sweep or a study at one of its datasets and scales; see `load_chosen`."""
    kind: Kind = "sweep" if model is SweepSpec else "study"
    return load_chosen(find_sweep(name_or_path, kind), model, dataset=dataset, scale=scale)


def load_sweep(name_or_path: str | Path, *, dataset: str | None = None, scale: str | None = None) -> SweepSpec:
    """Load a sweep file at one of its datasets and scales, by default the first of each.

    Args:
        name_or_path: path of a file, or name of a shipped one.

    Raises:
        InputError: the file, dataset or scale does not exist.
        DocumentError: the file has mistakes.
    """
    return choose_sweep(name_or_path, SweepSpec, dataset=dataset, scale=scale).spec
