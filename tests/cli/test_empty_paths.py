"""An empty path is a mistake: it would scatter files over the working folder, or mean the default. So would a `~`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from codesign.cli.importing import import_model
from codesign.cli.main import app
from codesign.cli.options import place

SAID = signature(import_model).parameters.keys() - {"model", "check", "output"}
WORDS = {"dataset", "scale", "ray_address", "name", "names", *SAID}
"""Parameters that are text and no place."""


def places() -> Iterator[tuple[str, ...]]:
    """A command line for each parameter of each command that takes a place, which is left empty."""

    def inside(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for parameter in command.params:
            kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
            if kind in (str, Path) and parameter.name not in WORDS:
                yield (*words, parameter.opts[0], "", "x") if parameter.opts[0].startswith("-") else (*words, "")
        for name, part in getattr(command, "commands", {}).items():
            yield from inside(part, (*words, name))

    yield from inside(typer.main.get_command(app), ())


def test_every_place_is_tried() -> None:
    tried = {(words[0], word) for words in places() for word in words}
    assert {("sweep", "--store"), ("price", "--output"), ("chips", "--output")} <= tried
    assert len(tried) > 20


@pytest.mark.parametrize("words", list(places()), ids=" ".join)
def test_an_empty_place_is_refused(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 2
    assert "must be a path or a URL, found nothing" in " ".join(ended.output.replace("│", "").split())
    assert list(tmp_path.iterdir()) == []


def test_a_tilde_is_the_home_folder_even_where_the_shell_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [place("~/x"), place("s3://~/x")] == [f"{tmp_path}/x", "s3://~/x"]
