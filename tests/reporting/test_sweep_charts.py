"""What charts of sweeps show, from rows whose numbers are known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from drawn_rows import rows_of
from synthetic_sweep import mubrain_row, points_of, synthetic, with_ranges
from transfer_rows import HIGH, LEVEL, LOW, cells

from codesign.analysis.answers.answers import Answer
from codesign.analysis.answers.effects import effects_of
from codesign.analysis.comparisons.comparison import compare
from codesign.analysis.comparisons.robustness import quantiles
from codesign.analysis.results.naming import names_of
from codesign.reporting.charts.base import Figure
from codesign.reporting.charts.sweeps import effects_figure, matrix_figure, parts_figure, ranges_figure, scatter
from codesign.reporting.sections.evidence import evidence_section


def test_the_scatter_holds_every_point_that_has_both_numbers_and_marks_the_front():
    points = synthetic().points
    figure = scatter(points, synthetic().names)
    marks = figure.spec["layer"][-1]["data"] if "data" in figure.spec["layer"][-1] else figure.spec["data"]
    known = [p for p in points if p.value("energy_j").mean is not None and p.value("accuracy").mean is not None]
    drawn = {(row["x"], row["y"]) for row in marks["values"]}
    assert drawn == {(p.value("energy_j").mean, p.value("accuracy").mean) for p in known}
    front = [row for row in marks["values"] if row["best"]]
    for row in front:
        rivals = [other for other in marks["values"] if other["group"] == row["group"]]
        beaten = [
            r for r in rivals if r["x"] <= row["x"] and r["y"] >= row["y"] and (r["x"], r["y"]) != (row["x"], row["y"])
        ]
        assert not [r for r in beaten if r["best"]]


def test_the_interval_of_an_accuracy_ends_at_all_of_them():
    # Seeds 0.9 and 1.0: mean 0.95, half width 12.7062 · 0.070711 / √2 = 0.63531.
    rows = [mubrain_row("layered", "random", seed, 0) | {"accuracy": 0.9 + 0.1 * seed} for seed in (0, 1)]
    points = points_of(rows)
    (row,) = rows_of(scatter(points, names_of(points)))
    assert (row["low"], row["high"]) == (pytest.approx(0.31469, abs=1e-5), 1.0)


def design(recipe: str, schedule: str, accuracy: float, energy: float) -> dict[str, object]:
    return mubrain_row("layered", "random", 0, 0) | {
        "recipe": recipe,
        "schedule": schedule,
        "accuracy": accuracy,
        "energy_j": energy,
    }


def test_an_effect_is_taken_all_else_equal():
    # a against b: −0.1 under s, −0.2 under t; u has no b, so that its good result says nothing of a.
    made = [
        design("a", "s", 0.6, 1.0),
        design("b", "s", 0.8, 4.0),
        design("a", "t", 0.4, 2.0),
        design("b", "t", 0.8, 8.0),
    ]
    made.append(design("a", "u", 1.0, 9.0))
    points = points_of([one | {"spike_density": one["accuracy"]} for one in made])
    found = {e.option: e for e in effects_of(points, "accuracy", names_of(points)) if e.choice == "training"}
    titles = names_of(points).recipes
    assert found[titles["a"]].mean == pytest.approx(-0.15)
    assert (found[titles["b"]].low, found[titles["b"]].high) == pytest.approx((0.1, 0.2))
    energy = {e.option: e for e in effects_of(points, "energy_j", names_of(points)) if e.choice == "training"}
    assert energy[titles["b"]].mean == pytest.approx(2.0)  # 4 times as much as a: twice their geometric mean
    figures = {column: effects_figure(points, names_of(points), column) for column in ("accuracy", "spike_density")}
    assert {row["blocks"] for row in rows_of(figures["accuracy"])} == {2}
    said = {row["option"]: (row["value"], row["ends"]) for row in rows_of(figures["accuracy"])}
    assert said[titles["a"]][0] == "−15.0 points"
    assert said[titles["b"]] == ("+15.0 points", "+10.0 points to +20.0 points")
    # only shares are read in points of a hundred
    assert {column: "100 * datum.value" in str(one.spec) for column, one in figures.items()} == {
        "accuracy": True,
        "spike_density": False,
    }


def test_what_a_silent_network_costs_is_no_effect():
    points = points_of([design("a", "s", 0.0, 1.0), design("b", "s", 0.8, 4.0)])
    assert not effects_of(points, "energy_j", names_of(points))
    assert [effect.mean for effect in effects_of(points, "accuracy", names_of(points))] == pytest.approx([-0.4, 0.4])


def test_an_axis_that_sets_a_fact_of_points_is_a_choice_as_any_other():
    of_bits = "axis.chip.mubrain.weight_bits"
    rows = [design("a", "s", gain, 1.0) | {of_bits: bits, "weight_bits": bits} for bits, gain in ((2, 0.5), (8, 0.7))]
    points = points_of(rows)
    found = {e.option: e.mean for e in effects_of(points, "accuracy", names_of(points))}
    assert found == pytest.approx({"2": -0.1, "8": 0.1})


def test_energy_by_part_adds_up_to_the_energy():
    point = synthetic().points[0]
    total = sum(row["value"] for row in rows_of(parts_figure([point], names_of([point]), "energy_j")))
    assert total == pytest.approx(point.value("energy_j").mean)


def test_times_by_part_add_up_to_the_latency_and_no_note_denies_it():
    parts = {"latency_compute_s": 2.0, "latency_network_s": 1.0, "latency_synchronization_s": 0.5, "latency_s": 3.5}
    points = points_of([mubrain_row("layered", "random", 0, 0) | parts])
    figure = parts_figure(points, names_of(points), "latency_s")
    assert sum(row["value"] for row in rows_of(figure)) == 3.5
    assert figure.note == "Largest part: µBrain cores at work, 57.1 %."  # 2 of 3.5
    assert figure.spec["description"] == f"Latency by part. {figure.note}"


def test_an_all_in_energy_is_one_part_and_far_ones_are_shares():
    rows = [mubrain_row("layered", "random", 0, 0) | {"energy_coverage": ["all_in"], "energy_j": 3e-6}]
    points = points_of([*rows, rows[0] | {"recipe": "other", "energy_j": 25e-6}])
    figure = parts_figure(points, names_of(points), "energy_j")
    assert [(row["part"], row["value"], row["share"]) for row in rows_of(figure)] == [
        ("not split into parts", 3e-6, "100.0 %"),
        ("not split into parts", 25e-6, "100.0 %"),
    ]
    assert figure.note == "Bars are shares, since the sums lie far apart."  # 25 is more than 8 times 3


def test_the_matrix_shows_the_best_variant_and_what_was_trained_for_it():
    points = points_of(
        cells("layered", "layered", HIGH)
        + cells("layered", "random 8", LOW)
        + cells("layered", "random 8", LEVEL, chip="other")
        + cells("random 8", "random 8", LOW)
        + cells("random 8", "layered", HIGH)
    )
    drawn = rows_of(matrix_figure("trained-run", points, names_of(points), "accuracy"))
    trained, run = "layered training", "layers wait"
    assert {(row["trained"] == trained, row["run"] == run): row["text"] for row in drawn} == {
        (True, True): "92.0 % ◆",
        (True, False): "92.0 %",
        (False, False): "60.0 % ◆",
        (False, True): "92.0 %",
    }
    sparse = rows_of(matrix_figure("trained-run", points, names_of(points), "spike_density"))
    assert sum(str(row["text"]).endswith("◆") for row in sparse) == 2


def test_ranges_are_those_of_the_comparison():
    number = {"synaptic_operation": ("energies.synaptic_operation", 0.5, 2.0)}
    made = [mubrain_row("layered", "random", seed, 0) for seed in (0, 1)]
    term = "energy_synaptic_operation_j"
    more = 0.1 * made[0][term]
    other = [
        row | {"chip": "other", "chip_title": "Other", "energy_j": row["energy_j"] + more, term: row[term] + more}
        for row in made
    ]
    less, more = points_of([with_ranges(row, **number) for row in (*made, *other)])
    found = compare("energy_j", less, more, more_is_better=False)
    names = names_of([less, more])
    other = replace(found, column="latency_s", better=more, worse=less)  # none of the column that is drawn
    chart = ranges_figure([other, found], names.point, "energy_j")
    assert "color" not in json.dumps(chart.spec)  # the rows are named, and a chip has another colour elsewhere
    drawn = rows_of(chart)
    assert [(row["point"], row["low"], row["high"]) for row in drawn] == [
        (names.point(less), *quantiles(found.robustness.better_draws)[[0, 2]]),
        (names.point(more), *quantiles(found.robustness.worse_draws)[[0, 2]]),
    ]
    answer = Answer(name="it", form="compare", question="?", standing="open", sentence="", comparisons=(found,))
    drawn = [piece.name for piece in evidence_section([answer], names).body if isinstance(piece, Figure)]
    assert drawn == ["ranges-energy"]
