"""The folded sections, from rows whose numbers are known."""

from __future__ import annotations

import re

from synthetic_sweep import points_of, synthetic_rows, table_of
from transfer_rows import HIGH, LOW, cells, tried

from codesign.analysis.asking import answers_of
from codesign.analysis.naming import names_of
from codesign.reporting.section import Section
from codesign.reporting.sections.effects import effects_section
from codesign.reporting.sections.parts import parts_section
from codesign.reporting.sections.sureness import sureness_section
from codesign.reporting.sections.training import training_section
from codesign.reporting.tables import Table, text_table, without_repeats


def tables(section: Section | None) -> list[Table]:
    assert section is not None
    return [piece for piece in section.body if isinstance(piece, Table)]


def test_a_column_that_says_the_same_everywhere_is_said_once():
    found = without_repeats(text_table("Two.", ("a", "b"), [("x", "1"), ("x", "2")]))
    assert found.caption == "Two. In all rows: a x."
    assert [[cell.text for cell in row] for row in found.rows] == [["1"], ["2"]]


def test_the_cheapest_remedy_that_closes_a_gap_stands_beside_it():
    points = points_of(tried({("layered", "random 16")}))
    (gaps,) = [table for table in tables(training_section(points, names_of(points))) if "What is lost" in table.caption]
    (row,) = gaps.rows
    said = {heading.text: cell.text for heading, cell in zip(gaps.headings, row, strict=True)}
    # 92 % where layers wait and 60 % here; with F 16 0.01, 0 and −0.01 are missing.
    assert said["accuracy there"] == "60.0 %"
    assert [said[name].split(" ")[0] for name in ("loss, points", "still missing, points")] == ["32.0", "0.0"]
    assert said["cheapest remedy that was tried"] == "larger groups or more steps, F 16"


def test_no_section_repeats_itself_or_crowds_a_sentence_with_numbers():
    rows = synthetic_rows() + cells("layered", "layered", HIGH) + cells("random 8", "random 8", LOW)
    table, points = table_of(rows), points_of(rows)
    names, answers = names_of(points), answers_of(table, points)
    found = [
        effects_section(points, names),
        training_section(points, names),
        parts_section(table, points, answers, names),
        sureness_section(answers, names),
    ]
    for section in filter(None, found):
        sentences = [piece for piece in section.body if isinstance(piece, str)]
        assert all(
            len(re.findall(r"\d+([.,]\d+)*", sentence)) <= 2 for text in sentences for sentence in text.split(". ")
        )
        for one in tables(section):
            columns = zip(*one.rows, strict=True) if len(one.rows) > 1 else ()
            assert all(len({cell.text for cell in column}) > 1 for column in columns), one.caption
