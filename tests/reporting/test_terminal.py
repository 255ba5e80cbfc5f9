from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from synthetic_sweep import base_row, mubrain_row, synthetic_metadata, synthetic_rows, written

from codesign.analysis.table import ResultTable
from codesign.reporting.terminal import print_summary


def printed(table: ResultTable) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, color_system=None)
    print_summary(table, Path("report.html"), Path("results.parquet"), console)
    return out.getvalue()


def test_the_summary_fits_eighty_columns(tmp_path: Path) -> None:
    text = printed(written(tmp_path / "r", synthetic_rows()))
    assert max(map(len, text.splitlines())) <= 80
    assert "96.3 ± 0.5 %" in text
    assert "Energies with different letters do not compare." in text
    assert "holds  Doing without layer synchronization" in text
    assert "report   report.html" in text
    assert "results  results.parquet" in text
    assert "1 infeasible, 1 failed" in text.replace("\n", "")


def test_markup_in_names_is_printed_as_it_is(tmp_path: Path) -> None:
    rows = [mubrain_row("layered", "random", 0, 0) | {"recipe": "[red]x[/red]", "schedule": "[/]"}]
    text = printed(written(tmp_path / "r", rows, synthetic_metadata()))
    assert "[/]" in text
    assert "[red]" in text


def test_an_empty_front_is_said(tmp_path: Path) -> None:
    row = base_row("layered", "mubrain", "x", 0, 0) | {"status": "failed", "reason": "no"}
    assert "The Pareto front is empty" in printed(written(tmp_path / "r", [row]))
