"""An empty path is a mistake: it would scatter files over the working folder, or mean the default. So would a `~`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from codesign.cli.main import app
from codesign.cli.options import place


@pytest.mark.parametrize(
    "words", [("sweep", "smoke", "--store", ""), ("report", ""), ("run", "m", "--data", ""), ("chips", "check", "")]
)
def test_an_empty_place_is_refused(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 2
    assert "must be a path or a URL, found nothing" in " ".join(ended.output.replace("│", "").split())
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_home_folder_even_where_the_shell_leaves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [place("~/x"), place("s3://~/x")] == [f"{tmp_path}/x", "s3://~/x"]
