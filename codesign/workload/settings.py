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

__all__ = ["CACHE_VARIABLE", "DATA_VARIABLE", "Settings", "config_file", "resolve_cache_root", "resolve_data_root"]

DATA_VARIABLE = "CODESIGN_DATA"
CACHE_VARIABLE = "CODESIGN_CACHE"


class Settings(Spec):
    """The configuration file. Relative paths are relative to the file's folder."""

    data_root: str | None = None
    cache_root: str | None = None


def config_file() -> Path:
    """Where the configuration file is looked for; it need not exist."""
    return _base("XDG_CONFIG_HOME", ".config") / "codesign" / "config.yaml"


def resolve_data_root(argument: Path | None = None) -> Path:
    """The folder below which datasets lie; `data` in the working directory if nothing says otherwise.

    Raises:
        DocumentError: the configuration file has mistakes.
    """
    return _resolve(argument, DATA_VARIABLE, "data_root") or Path("data")


def resolve_cache_root(argument: Path | None = None) -> Path:
    """The folder for binned events; `codesign` in the user's cache folder if nothing says otherwise.

    Raises:
        DocumentError: the configuration file has mistakes.
    """
    return _resolve(argument, CACHE_VARIABLE, "cache_root") or _base("XDG_CACHE_HOME", ".cache") / "codesign"


def _resolve(argument: Path | None, variable: str, key: str) -> Path | None:
    if argument is not None:
        return argument.expanduser()
    if os.environ.get(variable):
        return Path(os.environ[variable]).expanduser()
    file = config_file()
    if not file.is_file():
        return None
    written = getattr(load_document(file, Settings), key)
    return None if written is None else file.parent / Path(written).expanduser()


def _base(variable: str, below_home: str) -> Path:
    """XDG base directory; the specification says to ignore values that are not absolute."""
    value = os.environ.get(variable, "")
    return Path(value) if os.path.isabs(value) else Path.home() / below_home
