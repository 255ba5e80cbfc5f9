from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Binned events of the digits dataset, made once a test run."""
    return tmp_path_factory.mktemp("cache")
