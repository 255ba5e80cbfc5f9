"""The tiny sweep, run once for all tests of a worker that only look at it or go on from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from priced_sweeps import write_sweep
from tiny_sweeps import run, tiny


@pytest.fixture(scope="session")
def finished_sweep(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Path:
    """Folder with the tiny sweep's `store`, and results and models in `out`; to be read only."""
    folder = tmp_path_factory.mktemp("finished")
    run(tiny(), folder, cache_root, models=True)
    return folder


@pytest.fixture
def after_sweep(finished_sweep: Path, tmp_path: Path) -> Path:
    """A copy of `finished_sweep` of the test's own."""
    return Path(shutil.copytree(finished_sweep, tmp_path, dirs_exist_ok=True))


@pytest.fixture(scope="session")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep to price, whose executions are kept in a store beside it."""
    folder = tmp_path_factory.mktemp("priced")
    write_sweep(folder)
    return folder
