from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic_sweep import (
    columns,
    loihi_row,
    mubrain_row,
    page_of,
    points_of,
    synthetic_metadata,
    synthetic_rows,
    table_of,
    truenorth_row,
    with_ranges,
)

from codesign.analysis.metadata import ChipFacts, ValidationFacts
from codesign.analysis.points import gather
from codesign.exploration.provenance import chip_facts
from codesign.hardware.library import find_chip
from codesign.hardware.validation import contradictions, validate, validation_summary
from codesign.reporting.charging import (
    charging_table,
    pace_warnings,
    quantization_table,
    robustness_table,
    utilization_table,
)
from codesign.reporting.facts import chip_numbers, validation_table
from codesign.reporting.html import render_report
from codesign.reporting.robustness import share
from codesign.reporting.verdict import verdict


def test_how_each_chip_was_charged():
    points = points_of(synthetic_rows())
    table = charging_table(points, table_of(synthetic_rows()))
    rows = columns(table, "chip", "accounting", "operation", "static power", "time on", "energy covers", "points")
    assert rows[0][:4] == ("loihi", "incremental", "accelerated", "chip 30 mW")
    assert rows[0][4] == "243.8 µs to 289.7 µs"
    assert rows[1][:5] == ("mubrain", "incremental", "accelerated", "not known", "not known")
    assert rows[2] == ("truenorth", "all-in", "accelerated", "within the figure", "33 ms", "all in", "3")
    gating = columns(table, "switched off when not needed")
    assert gating[0] == ("unused cores on, between inputs not known",)


@pytest.mark.parametrize("book", ["board", "cores_in_use"])
def test_both_books_stand_beside_each_other_whichever_counts(book):
    rows = [loihi_row("layered", seed, 0) | {"energy_j": 3e-6 + seed * 1e-6} for seed in (0, 1)]
    rows = [row | {"energy_cores_in_use_j": row["energy_j"] / 2} for row in rows]
    results = table_of(rows, replace(synthetic_metadata(), static_book=book))
    points = gather(results)
    assert points[0].value("energy_j").mean == pytest.approx({"board": 3.5e-6, "cores_in_use": 1.75e-6}[book])
    table = charging_table(points, results)
    assert columns(table, "energy of the whole board", "of the cores in use") == [("3.5 µJ", "1.75 µJ")]
    assert {"board": "energy of the whole board.", "cores_in_use": "energy of the cores in use."}[book] in table.caption


def test_utilization_of_cores_and_links():
    points = points_of(synthetic_rows())
    table = utilization_table(points)
    names = ("chip", "cores in use", "busiest core", "mean core", "each core, %", "which link")
    assert columns(table, *names) == [("loihi", "4", "50.0 %", "23.4 %", "50 25 12 6.2", "(0, 0) east")]
    assert columns(table, "messages over the busiest link") == [("40.00",)]
    assert utilization_table(points_of([mubrain_row("layered", "random", 0, 0)])) is None


def test_a_chip_that_falls_behind_is_warned_of():
    late = {"late_fraction": 0.25, "operation": "real_time"}
    rows = [loihi_row("layered", 0, 0) | late, loihi_row("unlayered_rs", 0, 0) | late | {"late_fraction": 0.0}]
    rows += [mubrain_row("layered", "random", 0, 0) | {"late_fraction": 0.5}, truenorth_row("layered", 0, 0)]
    found = pace_warnings(points_of(rows))
    # Accelerated, there is nothing to keep pace with.
    assert found == [
        "loihi falls behind its input in real time: steps take longer than a timestep, at 1 of 2 points. "
        "Worst: layered under chip on loihi, 25.0 % of its steps.",
        "truenorth has ticks in which a core has more work than fits, at 1 of 1 points. "
        "Worst: layered under chip on truenorth, 0.5000 ticks a sample.",
    ]


def test_accuracy_before_and_after_quantization():
    rows = [loihi_row("layered", seed, 0) for seed in (0, 1, 2)]
    table = quantization_table(points_of(rows))
    found = columns(table, "bits", "32-bit weights", "on the chip", "loss, points")
    assert found == [("8", "95.9 ± 1.0 %", "94.9 ± 1.0 %", "1.0 ± 0.0")]
    plain = [row | {"float_accuracy": None} for row in rows]
    assert quantization_table(points_of(plain)) is None


def test_numbers_show_their_confidence_and_range_and_measurements_their_standing():
    metadata = synthetic_metadata()
    numbers = columns(chip_numbers(metadata), "number", "value", "known how", "range")
    assert numbers[0] == ("static_power.chip", "30 mW", "stated", "20 mW to 40 mW")
    assert [row[1:3] for row in numbers[1:]] == [("26 pJ", "measured"), ("–", "assumed")]
    assert columns(validation_table(metadata), "published", "model") == [("308 nJ", "not modelled")]
    fact = ValidationFacts(
        quantity="query: energy",
        unit="J",
        measured_si=1e-3,
        modelled_si=1.2e-3,
        modelled_high_si=1.5e-3,
        workload="k-NN",
        source="there",
        standing="upper bound, holds",
    )
    chip = ChipFacts(title="Loihi", citation="", synchronization="barrier", validation=(fact,))
    metadata.chips["loihi"] = chip
    rows = columns(validation_table(metadata), "published", "model", "model / published", "standing")
    assert rows[0] == ("1 mJ", "1.2 mJ to 1.5 mJ", "1.20 to 1.50", "upper bound, holds")


def test_the_page_says_how_sure_its_comparisons_are():
    rows = []
    for seed in (0, 1, 2):
        for row in (mubrain_row("unlayered_rs", "random", seed, 0), loihi_row("unlayered_rs", seed, 0)):
            alike = row | {"accuracy": 0.95}  # so that both meet what the page asks for
            rows.append(with_ranges(alike, synaptic_operation=("energies.synaptic_operation", 0.5, 2.0)))
    table = table_of(rows)
    text = render_report(table)
    assert 'id="sureness"' in text
    (comparison,) = [c for claim in verdict(gather(table)) for c in claim.comparisons if c.robustness is not None]
    found = robustness_table([comparison])
    # Factors up to 2 either way on 23.6 pJ against 26 pJ: nearly even.
    assert 0.4 < comparison.robustness.probability < 0.7
    assert columns(found, "of", "draws that agree") == [("energy per sample", share(comparison.robustness.probability))]
    assert columns(found, "less")[0][0] == "loihi: unlayered_rs under chip"


def test_what_a_chip_file_says_of_ranges_and_validation_travels_with_the_results():
    chip = find_chip("loihi_sanafe")
    metadata = synthetic_metadata()
    metadata.chips["loihi"] = chip_facts(chip)
    read = table_of([loihi_row("layered", 0, 0)], metadata).metadata
    facts = read.chips["loihi"]
    assert facts == metadata.chips["loihi"]
    assert facts.operating_point == chip.operating_point
    assert facts.validation_summary == validation_summary(chip)
    stated = next(one for one in facts.numbers if one.name == "energies.synaptic_operation")
    number = chip.energies.synaptic_operation
    assert (stated.low_si, stated.high_si) == number.range
    assert not stated.assumed_range
    assumed = next(one for one in facts.numbers if one.name == "times.hop")
    assert assumed.assumed_range
    exact = next(one for one in facts.numbers if one.name == "cores")
    assert exact.low_si is None
    checks = [check for check in validate(chip) if check.measured is not None]
    assert [one.measured_si for one in facts.validation] == [check.measured for check in checks]
    assert [one.modelled_si for one in facts.validation] == [check.model_low for check in checks]
    for fact, check in zip(facts.validation, checks, strict=True):
        assert fact.standing.startswith("not recomputed: ") == (check.status == "not_recomputed")
    assert facts.numbers[-2].high_si == chip.model_error.energy
    assert facts.contradictions == contradictions(chip)
    page = page_of([loihi_row("layered", 0, 0)], metadata)
    assert validation_summary(chip) in page


def test_a_measurement_that_contradicts_a_bound_stands_beside_the_verdict():
    metadata = synthetic_metadata()
    metadata.chips["mubrain"] = replace(
        metadata.chips["mubrain"], contradictions=("It gives at least 2, 1 was measured.",)
    )
    rows = [loihi_row("layered", 0, 0)]
    verdict_section = page_of(rows, metadata).partition('class="trust"')[2].partition('id="sections"')[0]
    assert "It gives at least 2, 1 was measured." in verdict_section
