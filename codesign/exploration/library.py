"""Sweep files by path or name: in `./sweeps`, in a checkout's `sweeps`, and in the installed package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from codesign.documents import load_document, suggestion
from codesign.errors import InputError
from codesign.exploration.spec import SweepSpec

__all__ = ["find_sweep", "load_sweep", "sweep_names"]

_PACKAGE = Path(str(files("codesign")))


def _folders() -> list[Path]:
    """Where sweeps are looked for, first match wins. A checkout is known by its project file beside the package."""
    candidates = [Path.cwd() / "sweeps"]
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(_PACKAGE.parent / "sweeps")
    candidates.append(_PACKAGE / "sweeps")
    return [path for path in dict.fromkeys(candidates) if path.is_dir()]


def sweep_names() -> tuple[str, ...]:
    """Names of all sweeps that can be found, sorted."""
    return tuple(sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")}))


def find_sweep(name_or_path: str | Path) -> Path:
    """The file of a sweep: an existing path, or a name such as `nmnist`, `nmnist.yaml` or `sweeps/nmnist.yaml`.

    Raises:
        InputError: there is none; the message suggests one.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    named = path.parts[1:] if path.parts[:1] == ("sweeps",) else path.parts
    if len(named) == 1 and path.suffix in ("", ".yaml", ".yml"):
        for folder in _folders():
            found = folder / f"{Path(named[0]).stem}.yaml"
            if found.is_file():
                return found
    raise InputError(f"there is no sweep file '{name_or_path}'{suggestion(path.stem, sweep_names())}")


def load_sweep(name_or_path: str | Path) -> SweepSpec:
    """Find, read and check a sweep file.

    Raises:
        InputError: there is none.
        DocumentError: it has mistakes.
    """
    return load_document(find_sweep(name_or_path), SweepSpec)
