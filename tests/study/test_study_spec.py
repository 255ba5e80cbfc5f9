"""What is wrong with a study file, and in which line."""

from __future__ import annotations

import pytest
from tiny_studies import STUDY, study

from codesign.documents import parse_document
from codesign.errors import DocumentError
from codesign.exploration.spec import SweepSpec


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(STUDY.splitlines(), start=1) if text in line)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "recipe: [layered, unlayered]",
            "recipe: [layered, unlayred]",
            "unknown recipe 'unlayred'; did you mean 'unlayered'?",
        ),
        ("recipe: [layered, unlayered]", "recipe: {from: 1, to: 2}", "must be a list of names of recipes"),
        (
            "recipe.group_size: {from: 1",
            "recipe.group_sise: {from: 1",
            "a recipe has no parameter 'group_sise' to search for; did you mean 'group_size'?",
        ),
        ("recipe.group_size: {from: 1", "recipe.group_size: {from: -1", "a log scale needs ends above 0"),
        (
            "recipe.learning_rate: {from: 1.0e-3, to: 2.0e-2, scale: log}",
            "recipe.learning_rate: {from: -1.0, to: 2.0e-2}",
            "must be greater than 0, found -1.0",
        ),
        (
            "recipe.policy: [random, momentum]",
            "recipe.policy: [random, momentun]",
            "unknown scheduling policy 'momentun'; did you mean 'momentum'?",
        ),
        ("same_as: recipe.group_size", "same_as: recipe.groupsize", "'recipe.groupsize' is not a parameter before it"),
        (
            "neuron.time_constant: {from: 1 ms, to: 100 ms, scale: log}",
            "neuron.time_constant: {from: 1, to: 100}",
            "needs a unit, found 1",
        ),
        (
            "network.hidden.1: {from: 4, to: 8}",
            "network.hidden: {from: 4, to: 8}",
            "a network has no parameter 'hidden'; allowed: width, depth, hidden.1",
        ),
        (
            "network.hidden.1: {from: 4, to: 8}",
            "chip.vector_with: [1, 2]",
            "has no parameter 'vector_with'; did you mean 'vector_width'?",
        ),
        ("network.hidden.1: {from: 4, to: 8}", "chip.vector_width: [0, 2]", "must be a whole number of lanes above 0"),
        ("network.hidden.1: {from: 4, to: 8}", "weather: [1, 2]", "must be recipe, chip, schedule"),
        (
            "network.hidden.1: {from: 4, to: 8}",
            "network.width: {from: 4, to: 8, when: {recipe.polici: random}}",
            "'recipe.polici' is not a parameter before it; did you mean 'recipe.policy'?",
        ),
        (
            "column: energy_j, direction: minimize, reference: 1 mJ",
            "column: energy_j, direction: minimize",
            "'objectives.1.reference' is missing",
        ),
        ("reference: 1 mJ", "reference: 1 ms", "must be a quantity in J"),
        ("column: accuracy", "column: acuracy", "unknown numeric column 'acuracy'; did you mean 'accuracy'?"),
        ("name: tpe", "name: tpo", "unknown sampler 'tpo'; did you mean 'tpe'?"),
        ("name: tpe", "name: cmaes", "'cmaes' takes one objective, the study has 2"),
        ("n_startup_trials: 4", "startup: 4", "'tpe' has no such option"),
        ("budget: {trials: 8}", "budget: {}", "give trials, time or both"),
        ("in_flight: 3", "in_flight: 0", "greater than or equal to 1, found 0"),
        ("recipe: [layered, unlayered]", "recipe: layered", "must be a list of choices, .* write \\[layered\\]"),
        ("name: tpe, seed: 3", "name: tpe, seed: 4294967296", "must be less than 4294967296"),
    ],
)
def test_mistakes_are_found_with_their_line(old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        study((old, new))
    import re

    found = [problem for problem in caught.value.problems if re.search(message, problem.message)]
    assert found, str(caught.value)
    assert found[0].line == line_of(old), str(caught.value)


MOMENTUM = "recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log}"
GROUP = "recipe.group_size: {from: 1, to: 8, scale: log}"
WIDTH = "network.hidden.1: {from: 4, to: 8}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            MOMENTUM,
            "recipe.momentum_noise: {from: 0.1, to: 1.0, when: {recipe: unlayred}}",
            "when: recipe is never 'unlayred'; did you mean 'unlayered'\\?",
        ),
        (
            WIDTH,
            "network.width: {from: 4, to: 8, when: {recipe.group_size: [3, 9]}}",
            "when: recipe.group_size is never 9; allowed: 1 to 8",
        ),
        (
            WIDTH,
            "network.width: {from: 4, to: 8, when: {schedule.group_size: 0}}",
            "when: schedule.group_size is never 0; allowed: 1 to 8",
        ),
        (
            WIDTH,
            "network.width: {from: 4, to: 8, when: {recipe.learning_rate: 0.01}}",
            "when: recipe.learning_rate is drawn between 0.001 and 0.02, where no single value is met",
        ),
        (
            WIDTH,
            "recipe.layered.input_dropout: {from: 0.0, to: 0.5, when: {recipe: unlayered}}",
            "takes no part in any trial: conditions exclude each other",
        ),
        (
            WIDTH,
            "network.hidden.3: {from: 4, to: 8}",
            "takes no part: no trial has more than 2 hidden layers; allowed: hidden.1 to hidden.2, or search for",
        ),
        (
            GROUP,
            "recipe.group_size: {from: 1, to: 8.0}",
            "got a number with a fractional part, found 2.89",
        ),
        (WIDTH, "network.width: {from: 4.0, to: 8}", "must be a whole number above 0, found 4.0"),
        (
            WIDTH,
            "schedule.policy: {same_as: recipe.group_size}",
            "same_as: cannot have what recipe.group_size has: unknown scheduling policy '1'",
        ),
        (
            WIDTH,
            "schedule.steps_after_output: {same_as: recipe.learning_rate}",
            "same_as: cannot have what recipe.learning_rate has: must be a valid integer, found 0.001",
        ),
        (
            WIDTH,
            "recipe.unlayered.group_size: {from: 1, to: 3}",
            "sets the same as recipe.group_size in every trial with recipe 'unlayered'; remove one of the two, or let",
        ),
        (
            "n_startup_trials: 4",
            "n_startup_trials: many",
            "sampler.options.n_startup_trials: must be int, found 'many'",
        ),
        ("n_startup_trials: 4", "gamma: 3", "'tpe' has no such option"),
        ("n_startup_trials: 4", "n_ei_candidates: 0", "sampler.options: 'tpe' does not take them: "),
        ("n_startup_trials: 4", "multivariate: false", "sampler.options: 'tpe' does not take them: .*multivariate"),
        (
            "name: tpe, seed: 3, options: {n_startup_trials: 4}",
            "name: nsga2, options: {population_size: 1}",
            "'nsga2' does not take them: .*population_size",
        ),
        (
            "name: tpe, seed: 3, options: {n_startup_trials: 4}",
            "name: nsga3, options: {crossover: uniform}",
            "'nsga3' has no such option; did you mean 'crossover_prob'",
        ),
        (
            "name: tpe, seed: 3, options: {n_startup_trials: 4}",
            "name: qmc, options: {qmc_type: dice}",
            "'qmc' does not take them: .*qmc_type",
        ),
        ("{from: 1 ms, to: 100 ms, scale: log}", "{from: fast, to: slow}", "with a unit such as '10 ms', found 'fast'"),
    ],
)
def test_what_would_be_another_search_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        study((old, new))
    assert {problem.line for problem in caught.value.problems} == {line_of(old)}


def test_a_mistake_of_a_parameter_is_not_told_again_of_one_that_is_the_same() -> None:
    with pytest.raises(DocumentError) as caught:
        study((GROUP, "recipe.group_size: {from: 0, to: 8}"))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    "space",
    [
        # Taken with each other only: what is wrong with the file's own schedule is right where it takes part.
        "schedule.input_mode: [frame, queued]\n"
        "  schedule.prioritize_input: {choices: [true, false], when: {schedule.input_mode: queued}}",
        "schedule.input_mode: [frame, queued]\n"
        "  schedule.stop: {choices: [drained], when: {schedule.input_mode: queued}}\n"
        "  schedule.prioritize_input: {choices: [true], when: {schedule.stop: drained}}",
        # Two paths to one field, never in one trial.
        "recipe.layered.input_dropout: {from: 0.0, to: 0.1}\n"
        "  recipe.input_dropout: {from: 0.0, to: 0.5, when: {recipe: unlayered}}",
        "recipe.layered.input_dropout: {from: 0.0, to: 0.1}\n  recipe.unlayered.input_dropout: {from: 0.0, to: 0.5}",
        "network.width: {from: 2, to: 3}\n  network.hidden.1: {from: 4, to: 8}",  # of the other layer
        # Values that a range has.
        "recipe.batch_size: {from: 8, to: 32, step: 8}\n"
        "  network.width: {from: 2, to: 3, when: {recipe.batch_size: [8, 24]}}",
        "recipe.input_dropout: {from: 0.0, to: 0.5, step: 0.1}\n"
        "  network.width: {from: 2, to: 3, when: {recipe.input_dropout: 0.3}}",
        "network.depth: {from: 1, to: 5, step: 2}\n  network.hidden.5: {from: 2, to: 3}",
        "schedule.policy: [fifo, momentum]\n  recipe.layered.network_dropout: [0.0, 0.1]",
    ],
)
def test_searches_that_are_what_they_say_are_taken(space: str) -> None:
    assert study((WIDTH, space)).space


def test_fields_that_hide_each_other_are_refused() -> None:
    every = "network.width: {from: 2, to: 3}\n  network.hidden.1: {from: 4, to: 8}\n  network.hidden.2: [3, 4]"
    with pytest.raises(DocumentError, match=r"network\.width: has no effect: network\.hidden\.1, network\.hidden\.2"):
        study((WIDTH, every))
    assert study((WIDTH, every.replace("[3, 4]", "{choices: [3, 4], when: {recipe: layered}}")))
    with pytest.raises(DocumentError, match="no trial has more than 4 hidden layers"):
        study((WIDTH, "network.depth: {from: 2, to: 5, step: 2}\n  network.hidden.5: [3, 4]"))


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("[{epochs: 4}]", r"levels\.0: must be cheaper than the full level in at least one of epochs"),
        ("[{epochs: 1}, {epochs: 1}]", r"levels\.0: must be cheaper than fidelity\.levels\.1"),
        (
            "[{epochs: 40, seeds: 9}]",
            r"levels\.0: .* than the full level, found epochs 40 against 4, seeds 9 against 2",
        ),
        ("[{epochs: 1}, {seeds: 1}]", r"levels\.0: .* than fidelity\.levels\.1, found seeds 2 against 1"),
        ("[{samples: 61, epochs: 1}]", "found samples 61 against 60"),
        ("[{evaluation_samples: 41, epochs: 1}]", "found evaluation_samples 41 against 40"),
    ],
)
def test_levels_become_dearer(levels: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as caught:
        study(more=f"fidelity: {{levels: {levels}}}\n")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].line == len(STUDY.splitlines()) + 1


def test_levels_that_only_the_dataset_could_refuse_are_taken() -> None:
    levels = "[{samples: 9, evaluation_samples: 5, epochs: 2}, {samples: 9, epochs: 2}, {epochs: 2}]"
    spec = study(
        ("train: 60, validation: 40, ", ""),
        ("layered: {method: layered}", "layered: {method: layered, epochs: 2}"),
        more=f"fidelity: {{levels: {levels}}}\n",
    )
    assert len(spec.levels) == 4


def test_a_sampler_may_be_its_name_alone() -> None:
    spec = study(("sampler: {name: tpe, seed: 3, options: {n_startup_trials: 4}}", "sampler: qmc"))
    assert (spec.sampler.name, spec.sampler.seed) == ("qmc", 0)
    with pytest.raises(DocumentError, match=r"sampler: must be the name of a sampler or \{name, seed, options\}"):
        study(("sampler: {name: tpe, seed: 3, options: {n_startup_trials: 4}}", "sampler: 3"))


def test_a_sampler_that_takes_no_notice_of_constraints_says_so() -> None:
    single = ("  - {column: energy_j, direction: minimize, reference: 1 mJ}\n", "")
    cmaes = ("sampler: {name: tpe, seed: 3, options: {n_startup_trials: 4}}", "sampler: cmaes")
    for more in ("constraints: [{column: lanes, at_most: 3}]\n", "fidelity: {levels: [{epochs: 1}]}\n"):
        with pytest.raises(DocumentError, match=r"sampler\.name: 'cmaes' takes no notice of constraints"):
            study(single, cmaes, more=more)


def test_the_command_line_takes_the_seeds_and_samplers_that_a_file_may_have(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from codesign.cli.main import main

    def mistake(*options: str) -> str:
        monkeypatch.setattr("sys.argv", ["codesign", "study", "study_digits", *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    assert "4294967295" in mistake("--seed", "4294967296")
    assert "--sampler: 'cmaes' takes one objective, the study has 3" in mistake("--sampler", "cmaes")


def test_more_mistakes_between_parts() -> None:
    with pytest.raises(DocumentError, match=r"fidelity levels set the epochs"):
        study(
            ("network.hidden.1: {from: 4, to: 8}", "recipe.epochs: {from: 1, to: 8}"),
            more="fidelity: {levels: [{epochs: 1}]}\n",
        )
    with pytest.raises(DocumentError, match="unknown numeric column 'lane'; did you mean 'lanes'"):
        study(more="constraints: [{column: lane, at_most: 3}]\n")
    with pytest.raises(DocumentError, match="give one of at_least and at_most"):
        study(more="constraints: [{column: lanes}]\n")
    with pytest.raises(DocumentError, match=r"baseline\.recipe: unknown recipe 'x'"):
        study(more="baseline: {recipe: x}\n")
    with pytest.raises(DocumentError, match=r"evaluation\.split: a study evaluates trials on the validation split"):
        study(more="evaluation: {split: test}\n")
    assert study(more="evaluation: {split: validation}\n")
    with pytest.raises(DocumentError, match="axes: a study has none: search for their parameters in 'space'"):
        study(more="axes: {recipe.layered.epochs: [1, 2]}\n")


def test_limits_have_units() -> None:
    spec = study(more="constraints: [{column: energy_j, at_most: 3 uJ}, {column: accuracy, at_least: 0.5}]\n")
    assert spec.objectives[1].reference == pytest.approx(1e-3)
    energy, accuracy = spec.constraints
    assert energy.violation(5e-6) == pytest.approx(2e-6)
    assert energy.violation(1e-6) < 0
    assert accuracy.violation(0.25) == 0.25
    assert accuracy.violation(0.75) == -0.25


def test_a_study_given_to_sweep_says_what_it_is() -> None:
    with pytest.raises(DocumentError, match=r"tiny.yaml:\d+: space: this is a study; run it by `codesign study`"):
        parse_document(STUDY, "tiny.yaml", SweepSpec)
