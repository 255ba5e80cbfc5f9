"""Tables and sentences of the facts behind the numbers, and a publication's numbers beside a sweep's."""

from __future__ import annotations

from dataclasses import replace

from handmade_hardware import near
from synthetic_sweep import (
    base_row,
    columns,
    loihi_row,
    mubrain_row,
    page_of,
    points_of,
    synthetic_metadata,
    table_of,
    truenorth_row,
)

from codesign.analysis.answers.answers import Answer, Option, PrintedNumbers
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.metadata import AxisFacts
from codesign.analysis.results.statistics import Interval
from codesign.exploration.provenance import chip_facts
from codesign.hardware.library import find_chip
from codesign.hardware.validation.validation import contradictions, validate, validation_summary
from codesign.reporting.facts import chip_numbers, failure_table, pace_warnings
from codesign.reporting.pieces import Table
from codesign.reporting.sections.parts import parts_section
from codesign.reporting.sections.printed import printed_table


def test_a_chip_that_falls_behind_is_warned_of():
    late = {"late_fraction": 0.25, "operation": "real_time"}
    rows = [loihi_row("layered", 0, 0) | late, loihi_row("unlayered_rs", 0, 0) | late | {"late_fraction": 0.0}]
    rows += [mubrain_row("layered", "random", 0, 0) | {"late_fraction": 0.5}, truenorth_row("layered", 0, 0)]
    unchecked = {"late_fraction": 0.0, "assumptions": ["overload: seneca gives no times.output"]}
    rows += [truenorth_row("layered", 0, 0) | late | unchecked | {"chip": "seneca", "overloaded_ticks": None}]
    found = pace_warnings(points_of(rows))
    # Accelerated, there is nothing to keep pace with.
    assert found == [
        "loihi falls behind its input in real time: steps take longer than a timestep, at 1 of 2 points, "
        "at worst 25.0 % of its steps.",
        "seneca may fall behind its input in real time: it is not known if its ticks overload.",
        "truenorth has ticks in which a core or a link has more to do than fits, at 1 of 1 points, "
        "at worst 0.5000 ticks a sample.",
    ]


def test_power_is_energy_by_the_time_of_a_sample():
    rows = [mubrain_row("layered", "random", seed, 0) | {"energy_j": 2e-6, "on_s": 1e-3} for seed in (0, 1)]
    section = parts_section(AnsweredTable.of(table_of(rows)))
    (charged,) = [part for part in section.body if isinstance(part, Table) and part.name == "charged"]
    assert columns(charged, "time of a sample", "power") == [("1 ms", "2 mW")]


def test_numbers_show_their_confidence_and_range():
    metadata = synthetic_metadata()
    numbers = columns(chip_numbers(metadata), "number", "value", "known how", "range")
    assert numbers[0] == ("static_power.chip", "30 mW", "stated", "20 mW to 40 mW")
    assert [row[1:3] for row in numbers[1:]] == [("26 pJ", "measured"), ("–", "assumed")]
    (chip,) = (name for name, one in metadata.chips.items() if any(n.name == "static_power.chip" for n in one.numbers))
    for whose in (f"chip.{chip}", "chip"):  # an axis, and what a study searches for of whichever chip a trial has
        varied = replace(metadata, axes=(AxisFacts(name=f"{whose}.static_power.chip", unit="W"),))
        numbers = columns(chip_numbers(varied), "number", "value", "range", "source")
        assert numbers[0] == ("static_power.chip", "varied", "", "–")  # no point has the file's number


def test_numbers_of_a_variant_are_told_from_those_of_its_chip():
    metadata = synthetic_metadata()
    metadata.chips["loihi"] = chip = chip_facts(find_chip("loihi_sanafe"))
    metadata.chips["dear"] = replace(chip, numbers=[replace(n, text="1,000 J") for n in chip.numbers])
    told = {row for (row,) in columns(chip_numbers(metadata), "chip")}
    assert {f"{chip.title}: dear", f"{chip.title}: loihi", "µBrain"} >= told
    assert f"{chip.title}: dear" in told


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
    recomputed = [check.error for check in validate(chip) if check.status == "recomputed"]
    assert [*facts.errors] == [error for error in recomputed if error is not None]
    assert facts.errors
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
    first, _, sections = page_of(rows, metadata).partition('id="sections"')
    assert "Contradicted by a measurement: " in first
    assert "It gives at least 2, 1 was measured." in sections


def test_equal_failures_are_counted_together():
    rows = [
        base_row("layered", "mubrain", "async_random", seed, 0) | {"status": "infeasible", "reason": "too small"}
        for seed in (0, 1)
    ]
    larger = rows[0] | {"topology": "512-[900]-10"}
    table = failure_table(table_of([*rows, larger]))
    assert columns(table, "status", "chip", "network", "reason", "rows") == [
        ("infeasible", "mubrain", str(rows[0]["topology"]), "too small", "2"),
        ("infeasible", "mubrain", "512-[900]-10", "too small", "1"),
    ]
    assert not failure_table(table_of([mubrain_row("layered", "random", 0, 0)])).rows


def test_what_is_printed_stands_beside_what_is_here_and_both_as_multiples():
    def of(mean: float | None, half_width: float | None = None) -> Interval:
        return Interval(mean=mean, half_width=half_width, seeds=3)

    options = (
        Option(
            label="a",
            point=None,
            values={"latency_s": of(2e-3, 1e-4), "accuracy": of(0.974, 0.002)},
            printed=PrintedNumbers(
                values={"latency_s": 4.0015e-3, "accuracy": 0.949}, multiples={"latency_s": (1.0, of(1.0, 1e-16))}
            ),
        ),
        Option(
            label="b",
            point=None,
            values={"latency_s": of(1e-3)},
            printed=PrintedNumbers(values={}, multiples={"latency_s": (None, of(0.5, 0.0123))}, remark="F 8 (4)"),
        ),
        Option(label="c", point=None, values={}, obstacle="no result"),
    )
    answer = Answer(name="t", form="printed", question="Table 1", standing="shown", sentence="", options=options)
    table = printed_table(answer)
    latency = ("latency, printed", "latency, here", "difference, %", "multiple, printed", "multiple, here")
    names = ("as printed", *latency, "accuracy, printed", "accuracy, here", "difference, points", "not as printed")
    assert tuple(heading.text for heading in table.headings) == names
    assert columns(table, "as printed", *latency, "not as printed") == [
        ("a", "4.0015 ms", "2.00 ± 0.10 ms", "−50.0 ± 2.5", "1.000", "1.00 ± 0", ""),
        ("b", "–", "1 ms", "–", "–", "0.500 ± 0.012", "F 8 (4)"),
        ("c", "–", "–", "–", "–", "–", "no result"),
    ]
    assert columns(table, *names[6:9])[0] == ("94.9 %", "97.4 ± 0.2 %", "+2.5 ± 0.2")
    assert [[cell.order for cell in row[1:6]] for row in table.rows] == [
        [4.0015e-3, 2e-3, near(2e-3 / 4.0015e-3 - 1), 1.0, 1.0],
        [None, 1e-3, None, None, 0.5],
        [None, None, None, None, None],
    ]
    only_here = printed_table(replace(answer, options=(replace(options[1], printed=PrintedNumbers()), options[2])))
    assert [heading.text for heading in only_here.headings] == ["as printed", "latency, here"]
    assert (only_here.caption, "95 % intervals" in table.caption) == ("Table 1, and here.", True)
    unprinted = replace(options[1].printed, remark="")
    multiples = printed_table(replace(answer, options=(replace(options[1], printed=unprinted),)))
    assert [heading.text for heading in multiples.headings] == ["as printed", "latency, here", "multiple, here"]
