"""How a run is called, and where its data lie: what changes no result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["RunOptions"]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a run needs beside its file, its store and its output.

    Attributes:
        data_root, cache_root: folders of datasets and of binned events; found by the settings if None.
        command: shell command that reproduces the results, for the report; None for one by the file's name.
        resume: shell command that goes on with this very run, for its record.
    """

    data_root: Path | None = None
    cache_root: Path | None = None
    command: str | None = None
    resume: str | None = None
