"""Samplers by name: each proposes the same again from the same seed, number and history."""

from __future__ import annotations

import optuna
import pytest
import torch

from codesign.exploration.study.samplers import SeededSampler, check_options

optuna.logging.set_verbosity(optuna.logging.ERROR)


def propose(name: str, trials: int, *, objectives: int, fresh: bool) -> list[dict[str, object]]:
    """Parameters of so many trials; `fresh` loads the study anew before each, as a resumed run does."""
    storage = optuna.storages.InMemoryStorage()
    directions = ["maximize"] * objectives
    study = optuna.create_study(storage=storage, study_name="a", directions=directions)
    for number in range(trials):
        if fresh:
            study = optuna.load_study(storage=storage, study_name="a")
        if fresh or number == 0:
            study.sampler = SeededSampler(name, seed=5, options={})
        trial = study.ask()
        x, n = trial.suggest_float("x", 0.0, 1.0), trial.suggest_int("n", 1, 64, log=True)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        trial.set_constraint("c", x - 0.9)
        study.tell(trial, [x * n, -n + (kind == "a")][:objectives])
    return [trial.params for trial in study.get_trials()]


@pytest.mark.parametrize("name", ["tpe", "nsga2", "nsga3", "random", "qmc"])
def test_a_sampler_made_anew_for_each_trial_proposes_the_same(name: str) -> None:
    usual = propose(name, 26, objectives=2, fresh=False)
    assert propose(name, 26, objectives=2, fresh=True) == usual
    assert len({str(parameters) for parameters in usual}) > 20  # not the same proposal again and again


@pytest.mark.parametrize("name", ["tpe", "qmc"])
def test_parameters_that_are_drawn_alone_differ_by_parameter_and_trial(name: str) -> None:
    space = optuna.distributions.FloatDistribution(0.0, 1.0)
    study = optuna.create_study(directions=["maximize"])
    for _ in range(2):
        study.ask()
    drawn = [
        SeededSampler(name, seed=5, options={}).sample_independent(study, trial, path, space)
        for trial in study.trials
        for path in ("x", "y")
    ]
    assert len(set(drawn)) == 4


def test_gaussian_processes_propose() -> None:
    assert len(propose("gp", 4, objectives=1, fresh=True)) == 4


def test_proposals_do_not_compete_with_workers_for_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Watched(optuna.samplers.RandomSampler):
        def sample_relative(self, *arguments: object) -> dict[str, object]:
            seen.append(torch.get_num_threads())
            return {}

    monkeypatch.setattr("codesign.exploration.study.samplers.SAMPLERS", {"random": Watched})
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        propose("random", 2, objectives=1, fresh=True)
        assert (seen, torch.get_num_threads()) == ([1, 1], 2)
    finally:
        torch.set_num_threads(before)


def test_nothing_is_said_of_good_options(capsys: pytest.CaptureFixture[str]) -> None:
    check_options("tpe", {"n_startup_trials": 1000, "n_ei_candidates": 10_000, "prior_weight": 0.5})
    check_options("qmc", {"qmc_type": "halton", "scramble": False})
    assert capsys.readouterr().err == ""
