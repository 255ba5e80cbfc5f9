from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import finish
from ray_faults import Reference, long_sweep, serially, temporary_folder
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed, run_undisturbed

from codesign.analysis.results.table import read_results

collect_ignore_glob = ["test_*"] if os.name == "nt" else []  # faults are caused by what only Unix has


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Undisturbed:
    """The tiny sweep as it should be."""
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"), cache_root, TINY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the tiny sweep."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Reference:
    """The long sweep, run serially and undisturbed."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "sweep.yaml").write_text(long_sweep(), encoding="utf-8")
    jobs = finish(serially(folder, cache_root))
    return Reference(results=read_results(folder / "out" / "results.parquet"), jobs=jobs)


@pytest.fixture
def temporary() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder
