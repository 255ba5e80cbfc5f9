"""Sweep files by path or name: in `./sweeps`, in a checkout's `sweeps`, and in the installed package."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from codesign.documents import load_document, suggestion
from codesign.errors import InputError
from codesign.exploration.spec import SweepSpec

__all__ = ["find_sweep", "load_sweep", "sweep_names"]

_PACKAGE = Path(str(files("codesign")))


def _folders() -> list[Path]:
    """Where sweeps are looked for, first match wins. A checkout is known by its project file beside the package."""
    candidates = [Path("sweeps")]  # also where the working folder is gone
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(_PACKAGE.parent / "sweeps")
    candidates.append(_PACKAGE / "sweeps")
    return [path for path in dict.fromkeys(candidates) if os.path.isdir(path)]


def sweep_names() -> tuple[str, ...]:
    """Names of all sweeps that can be found, sorted."""
    return tuple(sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")}))


def find_sweep(name_or_path: str | Path) -> Path:
    """The file of a sweep: an existing path, or a name such as `nmnist`, `nmnist.yaml` or `sweeps/nmnist.yaml`.

    Raises:
        InputError: there is none; the message suggests one.
    """
    path = Path(name_or_path)
    if os.path.isfile(path):
        return path
    named = path.parts[1:] if path.parts[:1] == ("sweeps",) else path.parts
    if len(named) == 1 and path.suffix in ("", ".yaml", ".yml"):
        for folder in _folders():
            found = folder / f"{Path(named[0]).stem}.yaml"
            if os.path.isfile(found):
                return found
    if os.path.lexists(path):
        return path  # no regular file; reading it says what it is
    raise InputError(f"there is no sweep file {str(name_or_path)!r}{suggestion(path.stem, sweep_names())}")


def load_sweep(name_or_path: str | Path) -> SweepSpec:
    """Find, read and check a sweep file.

    Raises:
        InputError: there is none.
        DocumentError: it has mistakes.
    """
    return load_document(find_sweep(name_or_path), SweepSpec)
