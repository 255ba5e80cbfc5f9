from __future__ import annotations

from pathlib import Path

import pytest

from codesign.errors import InputError
from codesign.workload.dataset import resolve_cache_root, resolve_data_root


def test_argument_beats_environment_beats_default(monkeypatch, tmp_path):
    assert resolve_data_root() == Path("data")
    assert resolve_cache_root() == tmp_path / "cache" / "codesign"
    monkeypatch.setenv("CODESIGN_DATA", "/from/environment")
    monkeypatch.setenv("CODESIGN_CACHE", "/cache/from/environment")
    assert (resolve_data_root(), resolve_cache_root()) == (Path("/from/environment"), Path("/cache/from/environment"))
    assert resolve_data_root(Path("/from/argument")) == Path("/from/argument")
    assert resolve_cache_root(Path("/from/argument")) == Path("/from/argument")


def test_empty_and_relative_variables_say_nothing_and_paths_may_start_at_home(monkeypatch, tmp_path):
    for name, value in (("HOME", str(tmp_path)), ("CODESIGN_DATA", ""), ("XDG_CACHE_HOME", "somewhere")):
        monkeypatch.setenv(name, value)
    assert (resolve_data_root(), resolve_cache_root()) == (Path("data"), tmp_path / ".cache" / "codesign")
    monkeypatch.setenv("CODESIGN_DATA", "~/sets")
    assert resolve_data_root() == tmp_path / "sets"
    with pytest.raises(InputError, match=r"^~sets: there is no such home folder$"):  # without its slash
        resolve_data_root("~sets")
