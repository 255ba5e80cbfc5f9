from __future__ import annotations

from pathlib import Path

import pytest

from codesign.errors import DocumentError
from codesign.workload.settings import config_file, resolve_cache_root, resolve_data_root


@pytest.fixture
def write_config(tmp_path):
    def write(text):
        config_file().parent.mkdir(parents=True)
        config_file().write_text(text)

    return write


def test_argument_beats_environment_beats_file_beats_default(write_config, monkeypatch, tmp_path):
    assert resolve_data_root() == Path("data")
    assert resolve_cache_root() == tmp_path / "cache" / "codesign"
    write_config("data_root: /from/file\ncache_root: /cache/from/file\n")
    assert (resolve_data_root(), resolve_cache_root()) == (Path("/from/file"), Path("/cache/from/file"))
    monkeypatch.setenv("CODESIGN_DATA", "/from/environment")
    monkeypatch.setenv("CODESIGN_CACHE", "/cache/from/environment")
    assert (resolve_data_root(), resolve_cache_root()) == (Path("/from/environment"), Path("/cache/from/environment"))
    assert resolve_data_root(Path("/from/argument")) == Path("/from/argument")
    assert resolve_cache_root(Path("/from/argument")) == Path("/from/argument")


def test_an_empty_variable_says_nothing(monkeypatch):
    monkeypatch.setenv("CODESIGN_DATA", "")
    assert resolve_data_root() == Path("data")


def test_paths_in_the_file_may_start_at_home_or_at_the_file(write_config, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_config("data_root: ~/sets\ncache_root: binned\n")
    assert resolve_data_root() == tmp_path / "home" / "sets"
    assert resolve_cache_root() == config_file().parent / "binned"


def test_relative_base_folders_are_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    assert resolve_cache_root() == tmp_path / ".cache" / "codesign"


def test_mistakes_of_the_file_are_named(write_config):
    write_config("data_rot: /x\n")
    with pytest.raises(DocumentError, match=r"config.yaml:1: unknown key 'data_rot'; did you mean 'data_root'\?"):
        resolve_data_root()
