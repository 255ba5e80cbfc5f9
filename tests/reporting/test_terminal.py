from __future__ import annotations

import io
import re
from pathlib import Path
from typing import get_args

import pytest
from made_up_answers import rows_of
from rich.console import Console
from synthetic_sweep import loihi_row, mubrain_row, printed, synthetic, synthetic_metadata, table_of

from codesign.analysis.answers.answers import Standing
from codesign.reporting import terminal
from codesign.reporting.terminal import print_summary


def test_the_summary_begins_with_the_answer_and_fits_a_terminal(monkeypatch):
    lines = printed(synthetic()).splitlines()
    assert len(lines) <= 25
    title = "µBrain against Loihi and TrueNorth: 15 design points from 92 rows (1 infeasible: "
    title += "mubrain, async random (layered training); 1 failed: loihi, no waiting (unlayered"
    assert " ".join(lines[:3]).startswith(title)
    assert lines[3].startswith("Which chip has the least energy per sample")
    assert any(line.startswith("µBrain ") and "96.3 ± 2.1 %" in line for line in lines)
    assert any(line.strip().startswith("likely  Which recipe has the highest accuracy") for line in lines)
    assert lines[-2:] == ["report   report.html", "results  results.parquet"]
    wider = Console(file=io.StringIO(), width=86, color_system=None, force_terminal=True)
    print_summary(synthetic(), "report.html", "results.parquet", wider)
    assert "\n… and 1 more answer in the report\n" in wider.file.getvalue()
    monkeypatch.setattr(terminal, "_LINES", 5)  # room for nothing
    assert "\n… and 5 more answers in the report\n" in printed(synthetic())


def test_energies_that_do_not_count_all_that_is_powered_are_told():
    told = "; energies are those of the cores in use "
    in_books = (" ".join(printed(synthetic().in_book(book)).split()) for book in ("board", "cores_in_use"))
    assert [told in said for said in in_books] == [False, True]


def test_an_answer_stands_in_the_same_colour_as_on_the_page():
    css = (Path(terminal.__file__).parent / "page/page.css").read_text(encoding="utf-8")
    colours = {"green": "good", "yellow": "fair", "red": "poor"}
    for standing in get_args(Standing):
        rule = re.search(rf"\.{standing.replace(' ', '-')}\b[^{{}}]*{{ color: var\(--(\w+)\)", css)
        assert (rule and rule[1]) == colours.get(terminal._STYLES.get(standing, "")), standing


def test_the_table_below_the_first_answer_is_its_own():
    """It is not the table of chips. Other answers repeat their question."""
    asked = {"choose": "axis.width", "least": "energy_j", "where": ["latency_s < 3 us"]}
    slow = {"choose": "chip", "least": "latency_s", "where": ["latency_s < 1 us"]}
    metadata = synthetic_metadata(fast=asked, faster={"ask": "Which is faster?", **slow})
    rows = rows_of([("mine", 1.0, 0.9, 13.4, 5.7), ("mine", 2.0, 0.9, 22.9, 1.7), ("loihi", 1.0, 0.9, 900.0, 50.0)])
    told = " ".join(printed(table_of(rows, metadata)).split())
    best, next_best = "width 2 90.0 ± 2.1 % ≥ 22.9 nJ 1.7 µs", "width 1 90.0 ± 2.1 % ≥ 13.4 nJ 5.7 µs"
    assert f"{best} {next_best} At best its latency is 1.9 times too high." in told
    nearest = "Nothing meets latency < 1 us. mine comes nearest: its latency is 1.7 times too high."
    assert f"not met Which is faster? {nearest}" in told


def test_the_table_has_the_column_that_is_asked_for():
    metadata = synthetic_metadata(small={"choose": "chip", "least": "area_m2"})
    rows = [row | {"area_m2": 2e-6} for row in rows_of([("a", 1.0, 0.9, 13.4, 5.7), ("b", 1.0, 0.9, 22.9, 1.7)])]
    lines = printed(table_of(rows, metadata)).splitlines()
    heading = next(place for place, line in enumerate(lines) if line.split()[:1] == ["accuracy"])
    assert lines[heading].split() == ["accuracy", "energy", "latency", "chip", "area"]
    assert lines[heading + 1].split()[-2:] == ["2", "mm²"]
    assert lines[heading + 3] == "In all rows: width 1."


def test_a_chip_that_can_run_nothing_says_why():
    rows = [mubrain_row("layered", "layered", seed, 0) for seed in (0, 1)]
    small = [
        loihi_row("layered", seed, 0) | {"status": "infeasible", "reason": "it has 2 cores of 3"} for seed in (0, 1)
    ]
    assert "Infeasible: it has 2 cores of 3." in printed(table_of([*rows, *small]))
    assert "Infeasible" not in printed(table_of([*rows, *small, loihi_row("layered", 2, 0)]))


def test_rows_of_given_models_are_told_apart():
    row = mubrain_row("layered", "random", 0, 0) | {"training_method": "given", "training_policy": None}
    others = [{"recipe": "tuned"}, {"recipe": "tuned", "schedule": "late", "policy": "momentum"}]
    told = printed(table_of([row | {"recipe": "first"}, *(row | other for other in others)]))
    for label in ("µBrain, first ", "µBrain, tuned, random ", "µBrain, tuned, momentum "):
        assert told.count(label) == 1
    assert "µBrain, " not in printed(table_of([row | {"recipe": "first"}]))


def test_what_cannot_be_asked_says_why():
    waits = {"claim": "Waiting helps", "column": "accuracy", "more": {"recipe": "none"}, "less": {"recipe": "layered"}}
    metadata = synthetic_metadata(first={"choose": "chip", "least": "energy_j"}, waits=waits)
    told = " ".join(printed(table_of([mubrain_row("layered", "random", 0, 0)], metadata)).split())
    assert "cannot be asked Waiting helps. The results have no point with" in told


def test_points_that_answer_nothing_are_told_where_there_is_no_other():
    rows = [mubrain_row("layered", "random", seed, 0) | {"accuracy": 0.0} for seed in (0, 1)]
    assert "Left out: 1 point of µBrain, since there is no output spike or no right answer." in printed(table_of(rows))


def test_which_chip_is_not_told_below_a_claim_about_one():
    claim = {"claim": "Waiting costs energy", "column": "energy_j"}
    metadata = synthetic_metadata(waiting={**claim, "more": {"layered": True}, "less": {"layered": False}})
    rows = [mubrain_row("layered", inference, seed, 0) for inference in ("layered", "random") for seed in (0, 1)]
    told = printed(table_of(rows, metadata))
    assert "Waiting costs energy" in told
    assert "Which chip" not in told
    other = loihi_row("layered", 0, 0)
    told = " ".join(printed(table_of([*rows, other], metadata)).split())
    assert re.search(r"Which chip [^?]*\? \((open|likely|sure)", told)


@pytest.mark.parametrize("width", [40, 80])
def test_nothing_is_cut_in_a_file(width: int):
    stream, table = io.StringIO(), synthetic()
    print_summary(table, "report.html", "results.parquet", Console(file=stream, width=width))
    told = " ".join(stream.getvalue().split())
    assert "…" not in told
    assert all(re.search(rf"(^|\n){chip}\b.* 9\d\.\d ± ", stream.getvalue()) for chip in ("µBrain", "Loihi"))
    for answer in table.answers:
        said = answer.question if answer.form == "claim" else answer.sentence.partition("\n")[0]
        assert " ".join(said.split()) in told


def test_markup_in_names_is_printed_as_it_is():
    rows = [mubrain_row("layered", "random", 0, 0) | {"chip": chip, "chip_title": "[red]x[/red]"} for chip in "ab"]
    assert "\n[red]x[/red], b " in printed(table_of(rows))


def test_multiplications_without_a_price_are_told():
    entry = "1,200 input multiply-accumulates a sample: a gives no energy for them"
    lacking = ["energy of hops: a gives no energies.hop", "latency: a gives no times.hop", "spikes dropped: counted"]
    rows = [mubrain_row("layered", "random", seed, 0) | {"not_modelled": [entry, *lacking]} for seed in (0, 1)]
    told = " ".join(printed(table_of(rows)).split())
    assert "its 1,200 multiplications a sample have no price" in told
    assert told.count("Not modelled of µBrain: energy of hops and latency (no energies.hop or times.hop).") == 1


def test_what_limits_the_best_is_told():
    halves = {"halved_numbers": ["clock"], "energy_at_half": [0.75], "latency_at_half": [0.5]}
    told = " ".join(printed(table_of([loihi_row("layered", seed, 0) | halves for seed in (0, 1)])).split())
    assert "What limits Loihi: twice the clock saves 25 % of energy and 50 % of latency. " in told


def test_of_a_given_model_it_is_told_for_each_chip_as_that_runs_it():
    halves = {"halved_numbers": ["clock"], "energy_at_half": [0.75], "latency_at_half": [0.5]}
    given = {"training_method": "given", "training_policy": None, "training_group_size": None}
    rows = [loihi_row("layered", 0, 0), mubrain_row("layered", "layered", 0, 0) | {"energy_at_half": [0.1]}]
    rows += [mubrain_row("layered", "random", 0, 0)]
    told = " ".join(printed(table_of([halves | row | given for row in rows])).split())
    assert "What limits Loihi: twice the clock saves 25 % of energy and 50 % of latency." in told
    assert "What limits µBrain: twice the clock saves 25 % of the modelled energy" in told
