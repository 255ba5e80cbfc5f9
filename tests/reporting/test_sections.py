"""The folded sections, from rows whose numbers are known."""

from __future__ import annotations

import re
from dataclasses import replace

from synthetic_sweep import loihi_row, mubrain_row, synthetic, synthetic_metadata, synthetic_rows, table_of
from transfer_rows import HIGH, LOW, cells

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.metadata import AxisFacts
from codesign.reporting.facts import settings_tables, trust_line
from codesign.reporting.pieces import Section, Table, text_table, without_repeats
from codesign.reporting.sections.contents import effects_section, sections_of
from codesign.reporting.sections.evidence import evidence_section
from codesign.reporting.sections.parts import parts_section


def tables(section: Section) -> list[Table]:
    return [piece for piece in section.body if isinstance(piece, Table)]


def test_a_column_that_says_the_same_everywhere_is_said_once():
    found = without_repeats(text_table("Two.", ("a", "b"), [("x", "1"), ("x", "2")]))
    assert found.caption == "Two. In all rows: a x."
    assert [[cell.text for cell in row] for row in found.rows] == [["1"], ["2"]]


def test_settings_that_an_axis_sets_are_said_to_vary():
    paths = ("neuron.threshold", "recipe.layered.epochs")
    metadata = replace(synthetic_metadata(), axes=tuple(AxisFacts(name=path) for path in paths))
    recipes, neuron = (settings for settings in settings_tables(metadata) if settings.name in ("recipes", "neuron"))
    for of, parameter, owner in ((neuron, "threshold", "neuron"), (recipes, "epochs", "layered")):
        place = [heading.text for heading in of.headings].index(owner)
        assert {cells[0].text: cells[place].text for cells in of.rows}[parameter] == "varied"
    assert [cell.text for cells in neuron.rows for cell in cells].count("varied") == 1
    waits = replace(metadata, axes=(AxisFacts(name="chip.loihi.synchronization"),))
    (section,) = (
        one for one in sections_of(AnsweredTable.of(table_of(synthetic_rows(), waits))) if one.name == "chips"
    )
    assert ["loihi", "varied"] in [[row[0].text, row[2].text] for row in tables(section)[0].rows]


def test_what_is_left_out_or_assumed_is_said_once_with_all_chips_that_it_is_said_of():
    said = {"assumptions": ["F = 8"], "not_modelled": ["sensor"]}
    rows = [mubrain_row("layered", "random", 0, 0) | said, loihi_row("layered", 0, 0) | said]
    rows[1]["assumptions"] = ["no flush", "F = 8"]
    found = {section.name: section for section in sections_of(AnsweredTable.of(table_of(rows)))}
    told = {one.name: [tuple(cell.text for cell in row) for row in one.rows] for one in tables(found["not-modelled"])}
    assert told["left-out"] == [("loihi and mubrain", "sensor")]
    assert told["assumed"] == [("loihi", "no flush"), ("loihi and mubrain", "F = 8")]


def test_every_comparison_of_an_answer_is_in_the_table_of_evidence():
    rows = cells("layered", "layered", HIGH) + cells("layered", "random 8", LOW)
    table = AnsweredTable.of(table_of(rows))
    (evidence,) = tables(evidence_section(table.answers, table.names))
    (loss,) = evidence.rows
    said = {heading.text: cell.text for heading, cell in zip(evidence.headings, loss, strict=True)}
    # Differences 0.30, 0.32, 0.34: mean 0.32, deviation 0.02, half width 4.302653 * 0.02 / sqrt(3) = 0.04968.
    assert said["difference"] == "32.0 ± 5.0 points"


def test_no_section_repeats_itself_or_crowds_a_sentence_with_numbers():
    more = cells("layered", "layered", HIGH) + cells("random 8", "random 8", LOW)
    rows = synthetic_rows() + [row | {"training_seed": 10 + row["training_seed"]} for row in more]
    table = AnsweredTable.of(table_of(rows))
    found = [
        effects_section(table.points, table.names),
        parts_section(table),
        evidence_section(table.answers, table.names),
    ]
    for section in found:
        sentences = [piece for piece in section.body if isinstance(piece, str)]
        assert all(
            len(re.findall(r"\d+([.,]\d+)*", sentence)) <= 2 for text in sentences for sentence in text.split(". ")
        )
        for one in tables(section):
            columns = zip(*one.rows, strict=True) if len(one.rows) > 1 else ()
            assert all(len({cell.text for cell in column}) > 1 for column in columns), one.caption


def test_how_far_to_trust_it_is_said_in_few_words():
    """The model is 10 %, −33 % and 100 % off, at the median 33 %."""
    plain = synthetic_metadata()
    told = [{"errors": (0.1, -1 / 3, 1.0), "fitted": True}, {"fitted": True}, {"scaled": True}]
    chips = {
        name: replace(chip, contradictions=("It does.",), **facts)
        for (name, chip), facts in zip(sorted(plain.chips.items()), told, strict=True)
    }
    line = trust_line(replace(plain, chips=chips), (), synthetic().names)
    assert line == (
        "Error against measurements: Loihi by 33 % (median of 3). "
        "Fitted to measurements: µBrain. "
        "Without a measurement that gives an error: TrueNorth. "
        "Contradicted by a measurement: Loihi, µBrain and TrueNorth. "
        "Scaled by a model of cores: the numbers of TrueNorth."
    )
    assert len(line.split()) <= 54


def test_chips_are_shown_by_part_as_they_answer_the_question():
    question = {"ask": "Which?", "choose": "chip", "least": "energy_j", "select": {"chip": ["loihi"]}}
    rows = [loihi_row("layered", 0, 0), mubrain_row("layered", "random", 0, 0)]
    section = parts_section(AnsweredTable.of(table_of(rows, synthetic_metadata(it=question))))
    assert section.body[0] == "Each chip is as it answers the question: Which?"
    assert [row[0].text.partition(",")[0] for row in tables(section)[0].rows] == ["Loihi"]


def test_chips_stand_by_part_as_in_the_list_of_points_though_one_cannot_execute_its_schedule():
    """µBrain cannot wait for layers; it takes part because the question names the schedule."""
    rows = [row for row in synthetic_rows((0,)) if row["chip"] == "truenorth" or row["schedule"] == "layered"]
    question = {"choose": "chip", "least": "energy_j", "select": {"schedule": ["layered", "chip"]}}
    results = table_of(rows, synthetic_metadata(it=question))
    charged = next(one for one in tables(parts_section(AnsweredTable.of(results))) if one.name == "charged")
    assert [row[0].text.partition(",")[0] for row in charged.rows] == ["µBrain", "TrueNorth"]


def test_what_would_lower_energy_and_latency_and_where_the_work_is_are_tables():
    halves = {
        "halved_numbers": ["energies.spike", "clock", "static_power.host"],
        "energy_at_half": [0.9, 0.7, 0.999],
        "latency_at_half": [0.9997, 0.5, 1.0],
        "layer_spikes": [12.0, 3.0],
        "layer_operations": [300.0, 100.0],
    }
    rows = [loihi_row("layered", seed, 0) | halves for seed in (0, 1)]
    rows += [mubrain_row("layered", "random", seed, 0) | halves | {"latency_at_half": None} for seed in (0, 1)]
    found = {
        table.name: [[cell.text for cell in row] for row in table.rows]
        for table in tables(parts_section(AnsweredTable.of(table_of(rows))))
    }
    assert found["halved"] == [
        ["Loihi", "twice the clock", "−30.0 %", "−50.0 %"],
        ["Loihi", "half the energy of generating a spike", "−10.0 %", "0.0 %"],
        ["µBrain", "twice the clock", "−30.0 %", "–"],
        ["µBrain", "half the energy of generating a spike", "−10.0 %", "–"],
    ]
    assert found["layers"][:2] == [
        ["Loihi", "first", "12.0", "300", "75.0 %"],
        ["Loihi", "second, output", "3.0", "100", "25.0 %"],
    ]
