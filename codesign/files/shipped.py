"""Where files that come with the package are looked for, such as chips and sweeps."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

__all__ = ["shipped_folders"]

_PACKAGE = Path(str(files("codesign")))


def shipped_folders(name: str) -> list[Path]:
    """The folders `name` that there are, first match wins: in the working folder, in a checkout, in the package.

    A checkout is known by its project file beside the package.
    """
    candidates = [Path(name)]  # also where the working folder is gone
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(_PACKAGE.parent / name)
    candidates.append(_PACKAGE / name)
    return [path for path in dict.fromkeys(candidates) if os.path.isdir(path)]
