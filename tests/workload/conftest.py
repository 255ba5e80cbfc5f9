from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    """No test reads or writes the user's own data or cache."""
    for variable in ("CODESIGN_DATA", "CODESIGN_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
