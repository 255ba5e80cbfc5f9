"""Claims that all values lie above or below a limit."""

from __future__ import annotations

import pytest
from synthetic_sweep import with_ranges
from test_claims import asked, run

from codesign.analysis.questions import ClaimQuestion, plain, question_of


@pytest.mark.parametrize("column", ["energy_j", "accuracy"])
def test_a_limit_that_ranges_or_samples_leave_open_holds_in_part_or_is_not_shown(column):
    """4 nJ in each seed, and anything from a tenth to ten times as much; 90 % of 60 samples."""
    ranges = {"synaptic_operation": ("energies.synaptic_operation", 0.1, 10.0)}
    rows = [
        with_ranges(one | {"energy_synaptic_operation_j": 4e-9, "accuracy": 0.9, "not_modelled": []}, **ranges)
        for one in run("layered", "layered", "energy_j", (4e-9,) * 3)
    ]
    near_it, far = {"energy_j": (5e-9, 5e-8), "accuracy": (0.92, 0.99)}[column]
    found = {limit: asked(rows, column=column, below=limit) for limit in (near_it, far)}
    assert [one.standing for one in found.values()] == ["holds in part", "holds"]
    turned = [asked(rows, column=column, above=limit) for limit in (near_it, far)]
    assert [one.standing for one in turned] == ["not shown", "does not hold"]
    told = {
        "energy_j": "With the chips' numbers drawn from their ranges, it holds in 55 % of seeds and draws.",
        "accuracy": "With 60 samples, chance may decide on which side it lies.",
    }
    assert [one.remarks for one in found.values()] == [(told[column],), ()]


@pytest.mark.parametrize(
    ("column", "limit", "value"),
    [
        ("energy_j", "1 nJ", 1e-9),
        ("energy_j", 1e-9, 1e-9),
        ("accuracy", "50 %", 0.5),
        ("accuracy_at_output", 0.5, 0.5),
        ("spike_density", 2, 2.0),
    ],
)
def test_a_limit_may_have_the_unit_of_its_column(column, limit, value):
    question = question_of({"claim": "It is so", "column": column, "above": limit})
    assert isinstance(question, ClaimQuestion)
    assert question.above == value
    assert question_of(plain(question)) == question


@pytest.mark.parametrize(
    ("column", "limit", "said"),
    [("energy_j", "1 ms", "in J"), ("energy_j", "1", "valid number"), ("accuracy", "150 %", "up to 100 %")],
)
def test_a_limit_with_another_unit_is_refused(column, limit, said):
    with pytest.raises(ValueError, match=said):
        question_of({"claim": "It is so", "column": column, "below": limit})


def test_a_limit_may_be_missed_by_what_an_energy_lacks():
    lacking = {"not_modelled": ["energy of spikes generated: a gives no energies.spike"]}
    rows = run("layered", "layered", "energy_j", (4e-9,) * 3, **lacking)
    found = asked(rows, column="energy_j", below=5e-9)
    assert found.standing == "holds in part"
    assert found.remarks[0].endswith("(no energies.spike). Counting it, energy per sample < 5 nJ may be missed.")
    assert asked(rows, column="energy_j", above=1e-9).standing == "holds"
    assert asked(rows, column="energy_j", below=1e-9).standing == "does not hold"
    turned = asked(rows, column="energy_j", above=5e-9)
    assert turned.standing == "not shown"
    assert turned.remarks[0].endswith("Counting it, energy per sample <= 5 nJ may be missed.")


@pytest.mark.parametrize(("side", "standing", "share"), [("below", "holds in part", 1), ("above", "not shown", 99)])
def test_a_limit_that_almost_all_draws_contradict_is_not_shown_by_the_seeds(side, standing, share):
    """4 nJ in each seed, and anything from that to ten times as much."""
    ranges = {"synaptic_operation": ("energies.synaptic_operation", 1.0, 10.0)}
    rows = [
        with_ranges(one | {"energy_synaptic_operation_j": 4e-9, "not_modelled": []}, **ranges)
        for one in run("layered", "layered", "energy_j", (4e-9,) * 3)
    ]
    found = asked(rows, column="energy_j", **{side: 4.1e-9})
    told = f"With the chips' numbers drawn from their ranges, it holds in {share} % of seeds and draws."
    assert (found.standing, found.remarks) == (standing, (told,))
