from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from codesign.cli.chips import app
from codesign.errors import DocumentError, InputError

CHIPS = Path(__file__).parents[2] / "chips"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "80")
    return CliRunner()


def test_the_list_fits_80_columns_and_names_every_chip(runner: CliRunner) -> None:
    output = runner.invoke(app, []).output
    assert all(len(line.rstrip()) <= 80 for line in output.splitlines())
    for path in CHIPS.glob("*.yaml"):
        assert path.stem in output
    line = next(line for line in output.splitlines() if line.strip().startswith("truenorth_allin"))
    assert "26 pJ" in line
    assert "in e_so" in line


def test_show_gives_every_number_with_its_confidence_and_source(runner: CliRunner) -> None:
    output = runner.invoke(app, ["show", "ubrain"]).output
    line = next(line for line in output.splitlines() if "energies.synaptic_operation" in line)
    assert line.split()[1:] == ["26", "pJ", "secondary", "tang2023"]
    assert "static_power: static energy" in output
    assert all(len(line.rstrip()) <= 80 for line in output.splitlines())


def test_an_unknown_chip_is_an_input_error_with_a_suggestion(runner: CliRunner) -> None:
    result = runner.invoke(app, ["show", "mubrian"])
    assert isinstance(result.exception, InputError)
    assert "did you mean 'mubrain'" in str(result.exception)


def test_check_prints_ok_or_raises_every_mistake(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", str(CHIPS / "speck.yaml")])
    assert result.exit_code == 0
    assert result.output.startswith("OK: ")
    bad = tmp_path / "bad.yaml"
    bad.write_text((CHIPS / "speck.yaml").read_text().replace("source: sinabs", "source: sinab", 2))
    exception = runner.invoke(app, ["check", str(bad)]).exception
    assert isinstance(exception, DocumentError)
    assert len(exception.problems) == 2
