from __future__ import annotations

import json

import pytest
import typer
from synthetic_sweep import mubrain_row, synthetic_metadata, synthetic_rows
from typer.testing import CliRunner

from codesign.analysis.results.table import write_results
from codesign.cli.report import report
from codesign.errors import InputError

APP = typer.Typer()
APP.command()(report)


def test_the_report_is_drawn_again_beside_the_results(tmp_path):
    write_results(tmp_path / "results.parquet", [mubrain_row("layered", "random", 0, 0)], synthetic_metadata())
    result = CliRunner().invoke(APP, [str(tmp_path / "results.parquet")], catch_exceptions=False)
    assert result.exit_code == 0
    first = (tmp_path / "results.html").read_bytes()
    other = tmp_path / "other" / "page.html"
    arguments = [str(tmp_path / "results.parquet"), "--output", str(other)]
    assert CliRunner().invoke(APP, arguments, catch_exceptions=False).exit_code == 0
    assert other.read_bytes() == first


def test_bad_input_is_an_input_error(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(InputError, match="not a Parquet file"):
        CliRunner().invoke(APP, [str(tmp_path / "x.parquet")], catch_exceptions=False)
    with pytest.raises(InputError, match="is the results file itself"):
        CliRunner().invoke(APP, [str(tmp_path / "x.html")], catch_exceptions=False)
    with pytest.raises(InputError, match=r"page\.pdf would hold an HTML page; --figures and --tables"):
        CliRunner().invoke(APP, [str(tmp_path / "x.parquet"), "--output", "page.pdf"], catch_exceptions=False)


def test_answers_are_printed_as_json_without_a_report(tmp_path):
    write_results(tmp_path / "results.parquet", synthetic_rows(), synthetic_metadata())
    result = CliRunner().invoke(APP, [str(tmp_path / "results.parquet"), "--json"], catch_exceptions=False)
    answers = json.loads(result.stdout)
    assert answers[0]["name"] == "chip"
    assert answers[0]["options"][0]["values"]["energy_j"]["mean"] < 1e-3
    assert [path.name for path in tmp_path.iterdir()] == ["results.parquet"]
