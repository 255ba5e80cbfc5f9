from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from synthetic_sweep import mubrain_row, synthetic_metadata, synthetic_rows
from typer.testing import CliRunner

from codesign.analysis.answers.answers import Answer, Option, plain_answer
from codesign.analysis.answers.asking import AnsweredTable, json_of
from codesign.analysis.results.table import write_results
from codesign.cli.report import report
from codesign.errors import InputError
from codesign.exploration.runs.record import RunRecord
from codesign.reporting.neurobench import export_neurobench

APP = typer.Typer()
APP.command()(report)


def test_bad_input_is_an_input_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(InputError, match="not a Parquet file"):
        CliRunner().invoke(APP, [str(tmp_path / "x.parquet")], catch_exceptions=False)
    refused = CliRunner().invoke(APP, [str(tmp_path / "x.parquet"), "--output", "journal.log"])
    assert (refused.exit_code, "must end with .html" in refused.output) == (2, True)


def test_answers_are_printed_as_json_without_a_report(tmp_path):
    write_results(tmp_path / "results.parquet", synthetic_rows(), synthetic_metadata())
    result = CliRunner().invoke(APP, [str(tmp_path / "results.parquet"), "--json"], catch_exceptions=False)
    answers = json.loads(result.stdout)
    assert answers[0]["name"] == "chip"
    assert answers[0]["options"][0]["values"]["energy_j"]["mean"] < 1e-3
    assert [path.name for path in tmp_path.iterdir()] == ["results.parquet"]
    CliRunner().invoke(APP, [str(tmp_path / "results.parquet"), "--json", "--neurobench"], catch_exceptions=False)
    assert (tmp_path / "results.neurobench.json").is_file()


def test_every_point_in_json_finds_its_rows(tmp_path):
    """A claim's evidence names points that no option shows."""
    question = {"claim": "It falls", "column": "accuracy", "select": {"training_method": "layered"}}
    sides = {"more": {"layered": True}, "less": {"policy": "random"}}
    metadata = synthetic_metadata(it=question | sides)
    frame = write_results(tmp_path / "results.parquet", synthetic_rows(), metadata).frame
    printed = CliRunner().invoke(APP, [str(tmp_path / "results.parquet"), "--json"], catch_exceptions=False).stdout
    (answer,) = json.loads(printed)
    points = [comparison[side] for comparison in answer["comparisons"] for side in ("better", "worse")]
    assert points
    assert not answer["options"]
    for point in points:
        rows = frame[(frame.chip == point["chip"]) & (frame.schedule == point["schedule"])]
        assert (rows.recipe == point["recipe"]).any()


def keys_in(value):
    """All keys of mappings, but not those that are names of columns and axes."""
    if isinstance(value, list):
        return {key for one in value for key in keys_in(one)}
    if not isinstance(value, dict):
        return set()
    inner = {key: one for key, one in value.items() if key not in ("axes", "printed")}
    return value.keys() | keys_in([list(one.values()) if key == "values" else one for key, one in inner.items()])


def test_every_key_of_json_is_explained(tmp_path):
    table = AnsweredTable.of(write_results(tmp_path / "results.parquet", synthetic_rows(), synthetic_metadata()))
    printed = Option(label="", point=None, values={})
    answer = Answer(name="", form="printed", question="", standing="shown", sentence="", options=(printed,))
    export_neurobench(table, tmp_path / "report.html")
    measured = json.loads((tmp_path / "report.neurobench.json").read_text(encoding="utf-8"))
    told = RunRecord.model_json_schema()
    record = {*told["properties"]} - {"format", "configuration"}
    record |= {key for one in told["$defs"].values() for key in one["properties"]}
    page = (Path(__file__).parents[2] / "docs/scripts.md").read_text(encoding="utf-8")
    keys = keys_in([*json.loads(json_of(table)), plain_answer(answer), measured]) | record
    assert len(keys) > 50
    assert not {key for key in keys if f"`{key}`" not in page}


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.01, 0), (1.03, 1), (None, 1)])
def test_the_gate_of_the_page_closes(tmp_path, monkeypatch, factor, code):
    """As a row gets worse, or has no energy any more."""
    page = (Path(__file__).parents[2] / "docs/scripts.md").read_text(encoding="utf-8")
    gate = page.partition("```python\n")[2].partition("```")[0]
    rows = [mubrain_row("layered", "random", seed, 0) | {"chip": "loihi"} for seed in (0, 1)]
    places = [str(tmp_path / "before.parquet"), str(tmp_path / "now.parquet")]
    write_results(places[0], rows, synthetic_metadata())
    rows[-1]["energy_j"] = None if factor is None else factor * rows[-1]["energy_j"]
    write_results(places[1], rows, synthetic_metadata())
    monkeypatch.setattr("sys.argv", ["gate.py", *places])
    with pytest.raises(SystemExit) as ended:
        exec(compile(gate, "gate.py", "exec"), {})
    assert int(ended.value.code or 0) == code
