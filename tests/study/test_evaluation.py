"""Mean values, constraints, and which trials of a cohort go on: worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_studies import study

from codesign.exploration.study.evaluation import evaluate_rows
from codesign.exploration.study.outcomes import Outcome, best_of, front_lines, front_of

SPEC = study(more="constraints: [{column: spike_density, at_most: 2}]\n")


def row(seed: int, evaluation_seed: int, accuracy: float, energy: float, density: float = 1.0) -> dict[str, Any]:
    return {
        "status": "ok",
        "training_seed": seed,
        "evaluation_seed": evaluation_seed,
        "chip": "c",
        "accuracy": accuracy,
        "energy_j": energy,
        "spike_density": density,
    }


def test_means_over_evaluation_seeds_then_training_seeds() -> None:
    rows = [row(0, 0, 0.5, 1.0), row(0, 1, 0.7, 3.0), row(1, 0, 0.8, 4.0), row(1, 1, 0.8, 4.0)]
    outcome = evaluate_rows(SPEC, rows)
    assert outcome.state == "complete"
    assert outcome.objectives == pytest.approx((0.7, 3.0))  # (0.6 + 0.8) / 2, (2 + 4) / 2
    assert outcome.spreads == pytest.approx((0.1 * 2**0.5, 2**0.5))
    assert evaluate_rows(SPEC, rows[:2]).spreads == (None, None)


@pytest.mark.parametrize(
    ("book", "energy", "violations"),
    [
        ("board", 3.0, {"energy_static_chip_j at most 1 J": 1.0, "power_w at most 1 W": 5.0}),
        ("cores_in_use", 1.0, {"power_w at most 1 W": 1.0}),
    ],
)
def test_energies_and_powers_are_those_of_the_static_book_that_the_study_names(book, energy, violations) -> None:
    limits = "{column: energy_static_chip_j, at_most: 1 J}, {column: power_w, at_most: 1 W}"
    spec = study(more=f"constraints: [{limits}]\nstatic_book: {book}\n")
    known = {"energy_cores_in_use_j": 1.0, "core_share": 0.25, "energy_static_chip_j": 2.0, "power_w": 6.0, "on_s": 0.5}
    outcome = evaluate_rows(spec, [row(0, 0, 0.5, 3.0) | known])
    assert (outcome.objectives, outcome.violations) == ((0.5, energy), violations)


def test_a_violated_constraint_keeps_its_values() -> None:
    outcome = evaluate_rows(SPEC, [row(0, 0, 0.5, 1.0, density=3.5)])
    assert outcome.state == "infeasible"
    assert outcome.objectives == (0.5, 1.0)
    assert outcome.violations == {"spike_density at most 2": 0.75}
    assert outcome.reason == "violates spike_density at most 2 (3.500)"


def test_limits_are_told_as_the_values_that_violate_them() -> None:
    spec = study(more="constraints: [{column: accuracy, at_least: 0.7}, {column: neurons, at_most: 100}]\n")
    outcome = evaluate_rows(spec, [row(0, 0, 0.5, 1.0) | {"neurons": 106}])
    assert outcome.reason == "violates accuracy at least 70 % (50.0 %), neurons at most 100 (106)"


def test_a_failed_row_fails_the_trial_and_an_unknown_value_makes_it_infeasible() -> None:
    failed = {**row(1, 0, 0.5, 1.0), "status": "failed", "reason": "it diverged"}
    assert evaluate_rows(SPEC, [row(0, 0, 0.5, 1.0), failed]).reason == "it diverged"
    unknown = evaluate_rows(SPEC, [{**row(0, 0, 0.5, 1.0), "energy_j": None}])
    assert (unknown.state, unknown.reason) == ("infeasible", "energy_j is not known on chip c")


def test_a_trial_whose_chip_drops_spikes_is_infeasible() -> None:
    """The least energy and time would be those of ticks in which nothing is done."""
    known = {"latency_model": "timer, overload drops", "overloaded_ticks": 0.5}
    dropping = evaluate_rows(SPEC, [row(0, 0, 0.5, 1.0), row(1, 0, 0.5, 1.0) | known])
    assert dropping == Outcome(state="infeasible", reason="the chip drops spikes, which is not simulated")
    for kept in ({"overloaded_ticks": 0.0}, {"latency_model": "timer, overload stretches"}):
        assert evaluate_rows(SPEC, [row(0, 0, 0.5, 1.0) | known | kept]).state == "complete"


def test_the_best_of_a_cohort() -> None:
    # Up to (0, 1 mJ), 0 and 1 are not beaten; 1 adds 0.1 · 0.4, 0 adds 0.6 · 0.1; 2 is beaten by 0.
    values = {0: (0.6, 0.5e-3), 1: (0.7, 0.6e-3), 2: (0.5, 0.5e-3), 3: (0.9, 0.2e-3)}
    outcomes = {number: Outcome(state="complete", objectives=pair) for number, pair in values.items()}
    del outcomes[3]
    outcomes[3] = Outcome(state="infeasible", objectives=values[3], violations={"a": 2.0})
    outcomes[4] = Outcome(state="infeasible", objectives=values[3], violations={"a": 1.0})
    outcomes[5] = Outcome(state="infeasible", reason="does not fit")
    outcomes[6] = Outcome(state="failed", reason="it diverged")
    assert best_of(SPEC, outcomes, 9) == [0, 1, 2, 4, 3]  # what violates a constraint may not do so at another level
    assert best_of(SPEC, outcomes, 4) == [0, 1, 2, 4]
    assert best_of(SPEC, outcomes, 1) == [0]
    assert best_of(SPEC, {}, 3) == []


def test_of_equal_trials_the_first_is_on_the_front_and_none_that_violates_a_constraint() -> None:
    values = [(0.5, 1e-9), (0.9, 2e-9), (0.5, 1e-9), (0.9, 2e-9), (0.4, 3e-9)]
    trials = {number: Outcome(state="complete", objectives=objectives) for number, objectives in enumerate(values)}
    trials[5] = Outcome(state="infeasible", objectives=(1.0, 1e-9), violations={"a": 1.0})  # better than all of them
    nothing = Outcome(state="infeasible")
    assert front_of(SPEC, trials) == [1, 0]
    assert [line.name for line in front_lines(SPEC, nothing, trials)] == ["trial 1", "trial 0"]
