"""A publication's numbers beside a sweep's own, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from synthetic_sweep import Row, mubrain_row, synthetic_metadata, synthetic_rows, table_of

from codesign.analysis.answers.answers import Answer
from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.printed import answer_printed
from codesign.analysis.questions import PrintedQuestion
from codesign.analysis.results.points import gather

ROWS = {
    "layered": {
        "label": "Layered",
        "of": {"recipe": "layered", "layered": True},
        "values": {"accuracy": "94.9 %", "spike_density": 3.987},
    },
    "unlayered": {
        "label": "Unlayered",
        "of": {"recipe": "unlayered_rs", "policy": "random"},
        "values": {"accuracy": "95.6 %", "spike_density": 1.504, "energy_j": "0.3454 uJ"},
    },
}


def asked(results: list[Row], **question: Any) -> Answer:
    metadata = synthetic_metadata()
    given = {"printed": "Table 2", "columns": ["accuracy", "spike_density", "energy_j"], "rows": ROWS, **question}
    return answer_printed("it", PrintedQuestion.model_validate(given), gather(table_of(results, metadata)), metadata)


def mubrain(**changes: object) -> list[Row]:
    return [row | changes for row in synthetic_rows() if row["chip"] == "mubrain"]


def test_rows_side_by_side():
    found = asked(mubrain(samples=10_000), relative_to="layered")
    layered, unlayered = found.options
    # Seeds 0.945, 0.949, 0.953: deviation 0.004, half width 4.302653 · 0.004 / √3 = 0.00994.
    assert layered.values["accuracy"].mean == pytest.approx(0.949)
    assert layered.values["accuracy"].half_width == pytest.approx(0.00994, abs=1e-5)
    assert layered.printed.values["accuracy"] == pytest.approx(0.949)
    printed, here = unlayered.printed.multiples["spike_density"]
    assert printed == pytest.approx(1.504 / 3.987)
    # 1.504 · (1 − 4 · 1.5 · s) over 3.987 · (1 − 4 · s) for s of −0.004, 0 and 0.004.
    ratios = [1.504 * (1 - 6 * shift) / (3.987 * (1 - 4 * shift)) for shift in (-0.004, 0.0, 0.004)]
    assert here.mean == pytest.approx(sum(ratios) / 3)
    assert "accuracy" not in unlayered.printed.multiples
    assert unlayered.printed.values["energy_j"] == pytest.approx(0.3454e-6)
    assert found.sentence == "Unlayered, accuracy: 95.6 % printed, 95.6 % here."


def test_what_is_printed_keeps_its_digits():
    for column, value, told in (("energy_j", "17.75 uJ", "17.75 µJ"), ("accuracy", "94.93 %", "94.93 %")):
        rows = {"layered": ROWS["layered"] | {"values": {column: value}}}
        assert f": {told} printed, " in asked(mubrain(), columns=[column], rows=rows).sentence


def test_what_is_printed_and_has_no_result_is_not_said_to_be_unprinted():
    rows = [*mubrain(accuracy=None, spike_density=None, energy_j=None)]
    assert asked(rows).sentence == "No number is both printed and measured here."


def test_energies_of_other_terms_have_no_multiple():
    rows = [row | {"energy_coverage": ["static"]} if row["recipe"] == "layered" else row for row in mubrain()]
    unlayered = asked(rows, relative_to="layered").options[1]
    assert unlayered.printed.multiples["energy_j"][1].mean is None
    assert unlayered.values["energy_j"].mean is not None


def test_a_row_without_a_point_is_named():
    found = asked([mubrain_row("layered", "layered", seed, 0) for seed in (0, 1)])
    assert [option.obstacle for option in found.options] == ["", "no result"]
    assert found.remarks[-1] == "No result here for Unlayered."
    assert asked([mubrain_row("unlayered_ms", "momentum", 0, 0)]).standing == "cannot be asked"


def test_what_is_not_as_printed_is_said():
    settings = {"topology": "2312-64-64-64-10", "train": 60000, "threshold": 0.4, "epochs": 50, "weight_bits": None}
    found = asked(mubrain(), settings=settings, instead="Instead of the whole: a part.")
    said = " ".join(found.remarks)
    assert "Instead of the whole: a part. 300 of 70,000 recordings are here" in said
    # 200 and 40 samples; the topology is as printed, and bits are a point's own.
    assert "in brackets): training samples 240 (60,000); threshold 0.3 (0.4); epochs 20 (50)." in said
    assert "Of 240 training samples, 40 only choose the best epoch." in said
    assert "not the publication's experiment" in said
    assert {option.printed.remark for option in found.options} == {"weight bits 4 (float)"}
    same = {"topology": "2312-64-64-64-10", "epochs": 20}
    assert asked(mubrain(), columns=[], rows={}, settings=same).sentence == "Settings that are not as printed: 0 of 2."
    other = {"columns": [], "rows": {}, "settings": {"epochs": 50}}
    assert asked(mubrain(), **other).sentence == "Settings that are not as printed: 1 of 1."
    assert asked([], **other).sentence == "No point of the results takes part."


def test_the_point_that_is_most_as_printed_stands_for_a_row():
    exact = [row | {"weight_bits": None, "chip": "z", "point": f"z{row['point']}"} for row in mubrain()]
    found = asked([*mubrain(), *exact], settings={"weight_bits": None})
    assert [option.point.chip for option in found.options] == ["z", "z"]


def test_questions_and_rows_keep_their_order_in_a_file():
    question = {"printed": "Table 2", "columns": ["accuracy"], "rows": {"z": ROWS["layered"], "a": ROWS["unlayered"]}}
    metadata = synthetic_metadata(second=question, first=question)
    read = table_of(mubrain(), metadata).metadata.questions
    assert [*read, *read["first"]["rows"]] == ["second", "first", "z", "a"]


def test_settings_alone_are_no_headline():
    settings = {"printed": "Table 6", "settings": {"epochs": 50}}
    table = {"printed": "Table 2", "columns": ["accuracy"], "rows": ROWS, "settings": {"epochs": 50}}
    metadata = synthetic_metadata(settings=settings, table=table)
    found = AnsweredTable.of(table_of(mubrain(), metadata)).answers
    assert [answer.name for answer in found] == ["table", "settings"]


@pytest.mark.parametrize("wrong", [{"rows": {}}, {"columns": [], "rows": {}}, {"relative_to": "other"}])
def test_a_printed_table_has_rows_and_columns(wrong):
    with pytest.raises(ValidationError):
        PrintedQuestion.model_validate({"printed": "Table 2", "columns": ["accuracy"], "rows": ROWS, **wrong})
