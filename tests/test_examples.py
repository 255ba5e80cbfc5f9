"""The scripts in `examples/` run, and what they print is so.

The thorough one catches an example that no longer does what its text says.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from program import Ended, run_python

import codesign as cd

ROOT = Path(__file__).parent.parent


def run(script: str, *arguments: str | Path, folder: Path) -> Ended:
    cache = {"CODESIGN_CACHE": folder / "cache"}
    return run_python(ROOT / "examples" / script, *arguments, folder=folder, environment=cache, within_s=500)


@pytest.mark.thorough
def test_the_examples_run_one_after_the_other(tmp_path: Path) -> None:
    first = run("own_network_on_own_chip.py", tmp_path / "models", folder=tmp_path)
    assert first.code == 0, first.err
    line = r"(\w+) +(layered|asynchronous) +([\d.]+)% +([\d.]+) +([\d.]+ nJ) +([\d.]+ µs)"
    rows = {(trained, ran): values for trained, ran, *values in re.findall(line, first.out)}
    assert len(rows) == 4
    accuracy = {place: float(values[0]) for place, values in rows.items()}
    density = {place: float(values[1]) for place, values in rows.items()}
    # What the paper is about: a network that was trained to wait loses where nothing waits, one that was not does not.
    assert accuracy["layered", "layered"] > accuracy["layered", "asynchronous"] + 3
    assert accuracy["unlayered", "asynchronous"] > accuracy["layered", "asynchronous"] + 1
    assert density["unlayered", "asynchronous"] < density["layered", "asynchronous"]
    assert "4 of 8 cores used, weights of 6 bits" in first.out
    assert "Not modelled: energy of messages: my_chip gives no energies.message" in first.out

    path = tmp_path / "models/unlayered.safetensors"
    model = cd.load_model(path)
    assert [f"{one.accuracy:.1%}" for one in model.card.evaluations if one.accuracy is not None] == [
        f"{accuracy['unlayered', how]:.1f}%" for how in ("layered", "asynchronous")
    ]
    second = run("ask_a_chip_about_a_trained_model.py", path, folder=tmp_path)
    assert second.code == 0, second.err
    assert "unlayered example: 202 neurons, 10 classes, trained on digits" in second.out
    assert "is not the one that the model was trained on" not in second.out
    said = dict(re.findall(r"^(\w+) +(?:barrier|asynchronous|clocked) +\d+ +(.*)$", second.out, flags=re.MULTILINE))
    assert list(said) == ["loihi", "mubrain", "speck", "morphic"]
    assert said["morphic"].endswith("not modelled")  # how long it takes for an operation is not published
    assert re.search(r"[np]J +[\d.]+ [µn]s$", said["mubrain"])
    assert float(said["loihi"].split("%")[0]) > 85
    assert re.search(r"^  loihi: nothing$", second.out, flags=re.MULTILINE)
    assert re.search(r"^  morphic: .*latency", second.out, flags=re.MULTILINE)


def test_an_example_without_a_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ask"])
    with pytest.raises(SystemExit, match=r"^reports/examples/unlayered\.safetensors: there is no such file; "):
        runpy.run_path(str(ROOT / "examples/ask_a_chip_about_a_trained_model.py"))


def test_the_chip_of_the_examples_is_without_mistakes() -> None:
    assert cd.load_chip(ROOT / "examples/my_chip.yaml").name == "my_chip"
