"""Where files that come with the package are looked for, such as chips and sweeps."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("codesign")))


def shipped_folders(name: str) -> list[Path]:
    """The folders `name` that exist, first match wins: in the working folder, in a checkout, in the package."""
    here = [Path(name)] if os.path.isdir(name) else []  # also where the working folder is gone
    return list(dict.fromkeys([*here, *packaged_folders(name)]))


def packaged_folders(name: str) -> list[Path]:
    """The folders `name` that come with the package: beside it in a checkout, which is known by its project file, and
    in it."""
    candidates = [_PACKAGE / name]
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.insert(0, _PACKAGE.parent / name)
    return [path for path in candidates if os.path.isdir(path)]
