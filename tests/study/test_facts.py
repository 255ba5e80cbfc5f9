"""What a study's report says beside its trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pyarrow.parquet as pq
import pytest
from tiny_studies import FIDELITY, searching, study

from codesign.analysis.results.metadata import StudyFacts, TrialFacts
from codesign.exploration.study.facts import describe_study, importances, write_trials
from codesign.exploration.study.outcomes import Outcome, volume_text
from codesign.exploration.study.spec import StudySpec
from codesign.exploration.study.study import with_tests


def described(spec: StudySpec, **baseline: Any) -> StudyFacts:
    """The facts of a study without trials, and with this outcome of its baseline."""
    empty: Any = SimpleNamespace(get_trials=lambda deepcopy: [])
    return describe_study(spec, empty, baseline=Outcome(**{"state": "failed", **baseline}))


def _shares(value_of: Callable[[int, float, float], float], **always: float) -> dict[str, float]:
    """Importances of two parameters over 40 trials whose value follows from their number and the parameters, of which
    some always have the same value."""
    span = optuna.distributions.FloatDistribution(0, 1)
    study = optuna.create_study(direction="minimize")
    trials: dict[int, Any] = {}
    for number, drawn in enumerate(np.random.default_rng(0).random((40, 2)).tolist()):
        params = dict(zip(("strong", "weak"), drawn, strict=True)) | always
        value = value_of(number, **params)
        study.add_trial(
            optuna.trial.create_trial(value=value, params=params, distributions=dict.fromkeys(params, span))
        )
        trials[number] = Outcome(state="complete", objectives=(value,))
    spec: Any = SimpleNamespace(directions=["minimize"], objectives=[SimpleNamespace(column="energy_j")])
    return importances(spec, study, trials)["energy_j"]


@pytest.mark.parametrize("unit", [1.0, 1e-18])
def test_importances_do_not_depend_on_the_unit(unit: float) -> None:
    """Joules are small: to the trees behind fANOVA a variance of nanojoules is none."""
    found = _shares(lambda number, strong, weak: unit * (strong + 0.01 * weak))
    assert list(found) == ["strong", "weak"]
    assert found["strong"] == pytest.approx(0.99, abs=0.01)


def test_importances_of_many_trials_are_those_of_the_whole_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codesign.exploration.study.facts._MOST_TRIALS", 20)
    found = _shares(lambda number, strong, weak: strong if number < 20 else weak)
    assert all(share == pytest.approx(0.5, abs=0.2) for share in found.values())


def test_importances_leave_out_what_never_varied() -> None:
    """Optuna would give it a share of 0."""
    assert list(_shares(lambda number, strong, weak: strong, weak=0.5)) == ["strong"]


def test_the_bits_of_a_baseline_are_told_in_words() -> None:
    spec = study(
        ("recipe_defaults: {", "recipe_defaults: {quantization: 4, "), searching("recipe.quantization: [4, 8]")
    )
    assert (
        described(spec).baseline.parameters["recipe.quantization"]
        == "4 bits a weight, symmetric levels, one scale a layer"
    )


def test_the_display_has_the_reports_hypervolume_of_the_trials_alone() -> None:
    spec: Any = SimpleNamespace(directions=["maximize"], references=[0.0])
    baseline = Outcome(state="complete", objectives=(4.0,))
    assert volume_text(spec, baseline, {0: Outcome(state="failed")}) == ""
    trials = {0: Outcome(state="complete", objectives=(2.0,)), 1: Outcome(state="infeasible", objectives=(9.0,))}
    assert volume_text(spec, baseline, trials) == "0.5 times the baseline's"


def test_kinds_and_units_of_parameters_are_those_of_the_file() -> None:
    """Whole numbers are drawn only where the parameter is whole."""
    times = ("{from: 1 ms, to: 100 ms, scale: log}", "[1 ms, 0.01 s]")
    dropout = ("recipe.learning_rate: {from: 1.0e-3, to: 2.0e-2, scale: log}", "recipe.input_dropout: {from: 0, to: 1}")
    found = {one.name: (one.kind, one.unit) for one in described(study(times, dropout)).parameters}
    assert found["neuron.time_constant"] == ("categorical", "s")
    assert found["recipe.input_dropout"] == ("float", "")
    assert found["network.hidden.1"] == ("integer", "")


def test_steps_of_a_range_single_epochs_and_parameters_of_each_layer_are_said_as_they_are() -> None:
    """Steps are in the unit of their range."""
    times = ("{from: 1 ms, to: 100 ms, scale: log}", "{from: 1 ms, to: 9 ms, step: 2}")
    each = ("threshold: 0.05", "threshold: 0.05, time_constant: [infinite, 1 ms, 1 ms]")
    spec = study(times, each, ("{from: 4, to: 8}", "{from: 4, to: 8, step: 2}"), more=FIDELITY)
    found = described(spec)
    steps = {one.name: one.step for one in found.parameters if one.step is not None}
    assert steps == {"neuron.time_constant": pytest.approx(0.002), "network.hidden.1": 2}
    assert found.levels[0] == "epochs 1, seeds 1"
    assert found.baseline.parameters["neuron.time_constant"] == "infinite; 0.001; 0.001"


def test_facts_say_which_constraints_are_violated_on_test_alone() -> None:
    facts = described(study(), state="complete")
    trials = [TrialFacts(number=n, state="complete", parameters={}, values=(), spreads=()) for n in range(3)]
    outcomes = {
        "baseline": Outcome(state="complete"),
        "1": Outcome(state="infeasible", violations={"a": 0.1}, reason="violates a"),
        "2": Outcome(state="infeasible", reason="energy_j is not known"),
    }
    tested: Any = {name: name for name in outcomes}
    found = with_tests(replace(facts, trials=tuple(trials)), tested, SimpleNamespace(outcome=outcomes.get))
    assert found.baseline == facts.baseline
    assert [trial.reason_on_test for trial in found.trials] == [None, "violates a", None]


def test_types_of_the_table_of_trials_do_not_depend_on_what_happened(tmp_path: Path) -> None:
    """Readers of many tables at once take the types of the first."""
    limit = "accuracy at least 90 %"
    mixed = ("schedule.group_size: {same_as: recipe.group_size}", "schedule.group_size: [all, 4]")
    spec = study(mixed, more="constraints: [{column: accuracy, at_least: 90 %}]\n")
    none = described(spec)
    unknown = (None, None)
    violating = TrialFacts(
        number=0,
        state="infeasible",
        parameters={},
        values=unknown,
        spreads=unknown,
        reason="x",
        violations={limit: 0.1},
    )
    drawn = {"recipe.group_size": 4, "schedule.group_size": 4, "neuron.time_constant": 0.001}
    complete = TrialFacts(number=1, state="complete", parameters=drawn, values=(1.0, 2.0), spreads=(0.1, 0.2))
    tables = []
    for trials in ((), (violating,), (complete,)):
        write_trials(tmp_path / "trials.parquet", spec, replace(none, trials=trials))
        tables.append(pq.read_table(tmp_path / "trials.parquet"))
    assert tables[0].schema == tables[1].schema == tables[2].schema
    assert tables[1][f"violation.{limit}"].to_pylist() == [0.1]
    assert tables[2]["parameter.schedule.group_size"].to_pylist() == ["4"]  # beside `all`, which is text
