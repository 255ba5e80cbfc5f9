"""Charts and tables of a report as files."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from synthetic_study import rows_on_test, small_study, study_metadata
from synthetic_sweep import synthetic, synthetic_rows, table_of
from typer.testing import CliRunner

from codesign.analysis.results.table import write_results
from codesign.cli.main import app
from codesign.reporting.export import pieces_of, table_csv, table_latex
from codesign.reporting.pieces import Cell, Heading, Table, text_table

ODD = Table(
    caption="50 % of a_b",
    headings=(Heading(text="name"), Heading(text="energy", numeric=True, unit="J"), Heading(text="@F", numeric=True)),
    rows=(
        (Cell(text='=HYPERLINK("x"),\\input{y}'), Cell(text="1.5 ± 0.1 µJ", order=1.5e-6), Cell(text="8", order=8)),
        (Cell(text="＝b"), Cell(text="–"), Cell(text="τ ≥ 1")),
    ),
)


def test_a_csv_has_the_numbers_too_and_no_formula():
    """Also of columns that show nothing but numbers: which columns there are does not depend on what they show."""
    assert list(csv.reader(io.StringIO(table_csv(ODD)))) == [
        ["name", "energy", "'@F", "energy (J)", "'@F (number)"],
        ['\'=HYPERLINK("x"),\\input{y}', "1.5 ± 0.1 µJ", "8", "1.5e-06", "8"],
        ["'＝b", "–", "τ ≥ 1", "", ""],
    ]


def test_latex_takes_no_text_for_a_command():
    text = table_latex(ODD)
    assert r"\caption{50 \% of a\_b}" in text
    assert r"=HYPERLINK(" in text
    assert r"\textbackslash{}input\{y\} & 1.5 $\pm$ 0.1 $\mu$J & 8 \\" in text
    assert r"& $\tau$ $\ge$ 1 \\" in text
    # What follows the end of a row in brackets would be its distance to the next.
    assert "\\\\\n{[}64x3] " in table_latex(text_table("Networks.", ("shape",), [("8",), ("[64x3]",)]))


def test_latex_breaks_columns_with_sentences():
    text = table_latex(text_table("Answers.", ("question", "how sure", "answer"), [("w" * 41, "likely", "w " * 99)]))
    assert r"\begin{tabular}{p{0.40\linewidth}lp{0.40\linewidth}}" in text


def test_the_command_writes_every_chart_and_table_beside_the_report(tmp_path: Path):
    table = synthetic()
    write_results(tmp_path / "results.parquet", synthetic_rows(), table.metadata)
    words = ["report", str(tmp_path), "--figures", "svg", "--tables", "csv", "--neurobench"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    figures, tables = pieces_of(table)
    url = f"memory://{tmp_path.name}/report.html?skip_instance_cache=true"
    there = CliRunner().invoke(app, ["report", str(tmp_path), "--tables", "csv", "--output", url])
    assert f"{url.replace('.html', '.tables')}, {len(tables)} files\n" in there.output
    charts = sorted((tmp_path / "report.figures").iterdir())
    assert [path.name for path in charts] == sorted(f"{figure.name}.svg" for figure in figures)
    assert {"accuracy-energy-j.svg", "effects-accuracy.svg", "energy-parts.svg"} <= {path.name for path in charts}
    assert all(ET.fromstring(path.read_bytes()).tag.endswith("svg") for path in charts)
    assert {path.stem for path in (tmp_path / "report.tables").iterdir()} == set(tables)
    decided = [*csv.DictReader((tmp_path / "report.tables/decision.csv").read_text(encoding="utf-8").splitlines())]
    for row, option in zip(decided, table.answers[0].options, strict=True):
        assert row["option"] == option.label
        assert float(row["energy per sample (J)"]) == pytest.approx(option.values["energy_j"].mean)
        assert row["how often best (number)"] == ("" if option.wins is None else f"{option.wins:.9g}")
    measured = json.loads((tmp_path / "report.neurobench.json").read_text(encoding="utf-8"))["points"]
    assert [of["point"]["number"] for of in measured] == [point.number for point in table.points]
    for point, of in zip(table.points, measured, strict=True):
        operations = point.value("synaptic_operations").mean
        assert of["SynapticOperations"] == {"MACs": 6, "ACs": operations - 6, "Dense": 5000}
        assert of["Footprint"] == 3000 * (point.weight_bits or 32) / 8
        assert of["decision_operations"] is None


def test_a_study_has_its_trials_as_charts_and_tables():
    table = table_of(rows_on_test(), study_metadata(small_study()))
    figures, tables = pieces_of(table)
    assert {"trials-1", "hypervolume", "importance-0", "slice-0"} <= {figure.name for figure in figures}
    assert len(tables["trials"].rows) == len(small_study().trials) + 1
    rows = [*csv.DictReader(table_csv(tables["trials"]).splitlines())]
    assert {row["level"].partition(" of ")[0] for row in rows} == {"1", "2"}
    assert all(row["level"].startswith(f"{row['level (number)']} of ") for row in rows)
