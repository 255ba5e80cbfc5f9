"""Where data is and where binned events are kept: as an argument says, else an environment variable, else as usual."""

from __future__ import annotations

import os
from pathlib import Path

from codesign.errors import InputError

DATA_VARIABLE = "CODESIGN_DATA"
CACHE_VARIABLE = "CODESIGN_CACHE"


def resolve_data_root(argument: str | Path | None = None) -> Path:
    """The folder below which datasets lie; `data` in the working directory if nothing says otherwise. Raises InputError
    where a path begins with the home folder of a user who has none."""
    return _chosen(argument, DATA_VARIABLE) or Path("data")


def resolve_cache_root(argument: str | Path | None = None) -> Path | None:
    """The folder for binned events; `codesign` in the user's cache folder if nothing says otherwise.

    None for a user who has no home, as in some containers: nothing is kept then. Raises InputError where a path begins
    with the home folder of a user who has none.
    """
    if (chosen := _chosen(argument, CACHE_VARIABLE)) is not None:
        return chosen
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # the specification says to ignore others
        return Path(base) / "codesign"
    try:
        return Path.home() / ".cache" / "codesign"
    except RuntimeError:  # neither HOME nor an entry among the machine's users
        return None


def _chosen(argument: str | Path | None, variable: str) -> Path | None:
    path = argument if argument is not None else os.environ.get(variable)
    try:
        return Path(path).expanduser() if path else None
    except RuntimeError:
        raise InputError(f"{variable if argument is None else 'path'}: there is no such home folder: {path}") from None
