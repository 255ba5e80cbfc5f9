from __future__ import annotations

from pathlib import Path

import pytest
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed, run_undisturbed


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Undisturbed:
    """The tiny sweep as it should be."""
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed"), cache_root, TINY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the tiny sweep."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path
