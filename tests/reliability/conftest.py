from __future__ import annotations

from pathlib import Path

import pytest
from program import end, start
from tiny_sweeps import TINY
from undisturbed_sweep import Undisturbed


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache_root: Path) -> Undisturbed:
    """The tiny sweep as it should be; its files must not be changed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    command = ("sweep", "tiny.yaml", "--store", "store", "--output", "out", "--executor", "serial")
    ended = end(start(*command, folder=folder, environment={"CODESIGN_CACHE": cache_root}))
    assert ended.code == 0, ended.err
    return Undisturbed(folder=folder, jobs=ended.jobs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the tiny sweep."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path
