from __future__ import annotations

from dataclasses import replace

from synthetic_sweep import base_row, mubrain_row, printed, synthetic_metadata, synthetic_rows, table_of

from codesign.analysis.points import gather
from codesign.reporting.facts import coverage_note


def test_the_summary_fits_eighty_columns():
    text = printed(table_of(synthetic_rows()))
    assert "96.3 ± 0.5 %" in text
    assert "Energies with different letters do not compare." in text
    assert "holds  Doing without layer synchronization" in text
    assert "report   report.html" in text
    assert "results  results.parquet" in text
    assert "1 infeasible, 1 failed" in text.replace("\n", "")


def test_markup_in_names_is_printed_as_it_is():
    rows = [mubrain_row("layered", "random", 0, 0) | {"recipe": "[red]x[/red]", "schedule": "[/]"}]
    text = printed(table_of(rows, synthetic_metadata()))
    assert "[/]" in text
    assert "[red]" in text


def test_an_empty_front_is_said():
    row = base_row("layered", "mubrain", "x", 0, 0) | {"status": "failed", "reason": "no"}
    assert "The Pareto front is empty" in printed(table_of([row]))


def test_trials_whose_energies_hold_different_terms_are_told_apart():
    point = gather(table_of(synthetic_rows()))[0]
    one, other = (replace(point, coverage=terms) for terms in (("hop", "static"), ("neuron_access", "static")))
    note = coverage_note([one, other])
    assert note is not None
    assert note.endswith("hop and neuron access.")
    assert coverage_note([one, one, replace(point, coverage=())]) is None
