"""An answer says that the best value of an axis is the smallest or largest that was tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up_answers import asked, rows_of
from synthetic_sweep import synthetic_metadata, table_of

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.metadata import AxisFacts


@pytest.mark.parametrize(
    ("latencies", "words"), [((4.0, 2.0, 1.0), "largest"), ((1.0, 2.0, 4.0), "smallest"), ((4.0, 1.0, 2.0), "")]
)
def test_an_answer_at_an_end_of_an_axis_says_so(latencies, words):
    widths = zip((2.0, 4.0, 8.0), latencies, strict=True)
    rows = rows_of([("a", width, 0.9, 10.0, latency) for width, latency in widths])
    answer = asked(rows, choose="width", least="latency_s")
    assert ("that was tried" in answer.sentence) == bool(words)
    assert words in answer.sentence


def test_an_axis_does_not_end_where_further_values_have_no_result():
    """The network does not fit the smallest chip."""
    rows = rows_of([("a", 4.0, 0.9, 10.0, 1.0), ("a", 8.0, 0.9, 10.0, 2.0)])
    rows += [one | {"status": "infeasible"} for one in rows_of([("a", 2.0, 0.9, 10.0, 0.5)])]
    assert "was tried" not in asked(rows, choose="width", least="latency_s").sentence


@pytest.mark.parametrize(
    ("path", "values", "told"),
    [
        ("recipe.a.network_dropout", (0.0, 0.3), False),
        ("recipe.a.network_dropout", (0.1, 0.3), True),
        ("recipe.a.refractory_dropout", (1.0, 0.3), False),
        ("schedule.a.group_size", (1.0, 4.0), False),
        ("chip.a.spread", (8.0, 4.0), False),  # of 8 cores
        ("chip.a.spread", (6.0, 4.0), True),
    ],
)
def test_what_no_value_lies_beyond_is_no_end(path, values, told):
    made = rows_of([("a", value, 0.9, 10.0, float(latency)) for latency, value in enumerate(values, 1)])
    rows = [
        {f"axis.{path}" if key == "axis.width" else key: cell for key, cell in one.items()}
        | {"core_share": one["axis.width"] / 8}
        for one in made
    ]
    answer = asked(rows, choose=f"axis.{path}", least="latency_s")
    assert ("that was tried" in answer.sentence) == told


def test_one_of_a_unit_is_an_end_as_any_other():
    metadata = synthetic_metadata(it={"choose": "width", "least": "latency_s"})
    metadata = replace(metadata, axes=(AxisFacts(name="width", unit="V"),))
    rows = rows_of([("a", 1.0, 0.9, 10.0, 1.0), ("a", 0.8, 0.9, 10.0, 2.0)])
    (answer,) = AnsweredTable.of(table_of(rows, metadata)).answers
    assert "It is the largest that was tried" in answer.sentence


def test_of_two_values_that_are_level_none_is_called_the_end():
    rows = rows_of([("a", width, 0.9, energy, 5.0) for width, energy in ((1.0, 10.0), (2.0, 10.0), (4.0, 12.0))])
    told = asked(rows, choose="axis.width", least="energy_j").sentence
    assert told == "Width 1 and width 2 have the least energy per sample: at least 10 nJ, 17 % less than width 4."
