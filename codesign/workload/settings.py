"""Where data is and where binned events are kept.

Both folders: argument, else environment variable, else configuration file, else default. The configuration file is
`codesign/config.yaml` below `$XDG_CONFIG_HOME` (`~/.config`):

    data_root: ~/datasets
    cache_root: /scratch/codesign
"""

from __future__ import annotations

import os
from pathlib import Path

from codesign.documents import Spec, load_document
from codesign.errors import InputError

__all__ = ["CACHE_VARIABLE", "DATA_VARIABLE", "Settings", "config_file", "resolve_cache_root", "resolve_data_root"]

DATA_VARIABLE = "CODESIGN_DATA"
CACHE_VARIABLE = "CODESIGN_CACHE"


class Settings(Spec):
    """The configuration file. Relative paths are relative to the file's folder."""

    data_root: str | None = None
    cache_root: str | None = None


def config_file() -> Path | None:
    """Where the configuration file is looked for; it need not exist. None for a user who has no home."""
    base = _base("XDG_CONFIG_HOME", ".config")
    return None if base is None else base / "codesign" / "config.yaml"


def resolve_data_root(argument: Path | None = None) -> Path:
    """The folder below which datasets lie; `data` in the working directory if nothing says otherwise.

    Raises:
        DocumentError: the configuration file has mistakes.
        InputError: a path begins with the home folder of a user who has none.
    """
    return _resolve(argument, DATA_VARIABLE, "data_root") or Path("data")


def resolve_cache_root(argument: Path | None = None) -> Path | None:
    """The folder for binned events; `codesign` in the user's cache folder if nothing says otherwise.

    None for a user who has no home, as in some containers: nothing is kept then.

    Raises:
        DocumentError: the configuration file has mistakes.
        InputError: a path begins with the home folder of a user who has none.
    """
    chosen = _resolve(argument, CACHE_VARIABLE, "cache_root")
    base = _base("XDG_CACHE_HOME", ".cache")
    return chosen or (None if base is None else base / "codesign")


def _resolve(argument: Path | None, variable: str, key: str) -> Path | None:
    if argument is not None:
        return _expanded(argument, key)
    if os.environ.get(variable):
        return _expanded(Path(os.environ[variable]), variable)
    file = config_file()
    if file is None or not os.path.isfile(file):
        return None
    written = getattr(load_document(file, Settings), key)
    return None if written is None else file.parent / _expanded(Path(written), f"{file}: {key}")


def _expanded(path: Path, where: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"{where}: there is no such home folder: {path}") from None


def _base(variable: str, below_home: str) -> Path | None:
    """XDG base directory; the specification says to ignore values that are not absolute."""
    value = os.environ.get(variable, "")
    if os.path.isabs(value):
        return Path(value)
    try:
        return Path.home() / below_home
    except RuntimeError:  # neither HOME nor an entry among the machine's users
        return None
