from __future__ import annotations

from pathlib import Path

from codesign.workload.dataset import resolve_cache_root, resolve_data_root


def test_argument_beats_environment_beats_default(monkeypatch, tmp_path):
    assert resolve_data_root() == Path("data")
    assert resolve_cache_root() == tmp_path / "cache" / "codesign"
    monkeypatch.setenv("CODESIGN_DATA", "/from/environment")
    monkeypatch.setenv("CODESIGN_CACHE", "/cache/from/environment")
    assert (resolve_data_root(), resolve_cache_root()) == (Path("/from/environment"), Path("/cache/from/environment"))
    assert resolve_data_root(Path("/from/argument")) == Path("/from/argument")
    assert resolve_cache_root(Path("/from/argument")) == Path("/from/argument")


def test_an_empty_variable_says_nothing(monkeypatch):
    monkeypatch.setenv("CODESIGN_DATA", "")
    assert resolve_data_root() == Path("data")


def test_paths_may_start_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CODESIGN_DATA", "~/sets")
    assert resolve_data_root() == tmp_path / "home" / "sets"


def test_relative_base_folders_are_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    assert resolve_cache_root() == tmp_path / ".cache" / "codesign"
