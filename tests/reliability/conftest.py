from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_faults import LONG, temporary_folder
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed, run_undisturbed

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
def reference(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Undisturbed:
    """The long sweep, run serially."""
    return run_undisturbed(tmp_path_factory.mktemp("reference"), cache_root, LONG)


@pytest.fixture
def temporary() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder
