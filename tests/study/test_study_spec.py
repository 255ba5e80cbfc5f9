"""What is wrong with a study file, and in which line."""

from __future__ import annotations

import re

import pytest
from mistakes_found import mistakes_of
from tiny_studies import STUDY, WIDTH, study
from typer.testing import CliRunner

from codesign.cli.main import app
from codesign.errors import DocumentError, InputError
from codesign.exploration.study.spec import FidelityEntry, FidelityLevel, StudySpec

RECIPE = "recipe: [layered, unlayered]"
RATE = "recipe.learning_rate: {from: 1.0e-3, to: 2.0e-2, scale: log}"
MOMENTUM = "recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log}"
GROUP = "recipe.group_size: {from: 1, to: 8, scale: log}"
SHARED = "schedule.group_size: {same_as: recipe.group_size}"
TIME = "neuron.time_constant: {from: 1 ms, to: 100 ms, scale: log}"
ENERGY = "column: energy_j, direction: minimize, reference: 1 mJ"
SAME_EPOCHS = "recipe.epochs: {same_as: recipe.none.epochs}"
SAMPLER = "sampler: {name: tpe, seed: 3, options: {n_startup_trials: 4}}"


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(STUDY.splitlines(), start=1) if text in line)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # names that lead nowhere
        (RECIPE, "recipe: [layered, unlayred]", "unknown recipe 'unlayred'; did you mean 'unlayered'?"),
        (GROUP, "recipe.unlayred.epochs: [1, 2]", "unknown recipe 'unlayred'; did you mean 'unlayered'?"),
        (RECIPE, "recipe: {from: 1, to: 2}", "must be a list of names of recipes"),
        (RECIPE, "recipe: layered", "must be a list of choices, .* write \\[layered\\]"),
        (GROUP, "recipe.group_sise: {from: 1, to: 8}", "no parameter 'group_sise'; did you mean 'group_size'?"),
        (SHARED, "schedule.group_size: {same_as: recipe.groupsize}", "'recipe.groupsize' is not a .*'recipe.group_s"),
        (WIDTH, "network.hidden.3: [4]", "space.network.hidden.3: no trial has it: networks have at most 2 hidden"),
        (WIDTH, "recipe.layered.group_size: [4]", "space.recipe.layered.group_size: no trial has it: it applies to no"),
        (GROUP, "recipe.group_size: {from: 1, to: 8, when: {recipe: layered}}", "no trial has it: it applies to no"),
        (WIDTH, "network.depth: [1]\n  network.hidden: [4, 8]", "space.network.depth: cannot be combined with network"),
        (WIDTH, "chip.vector_with: [1, 2]", "has no parameter 'vector_with'; did you mean 'vector_width'?"),
        (WIDTH, "recipe.model: [a.safetensors]", "recipe.model: cannot be varied; give each a recipe of its own"),
        (WIDTH, "weather: [1, 2]", "must be recipe, chip, schedule"),
        (WIDTH, "network.width: {choices: [4], when: {recipe.polici: random}}", "'recipe.polici' is not .*; did"),
        ("column: accuracy", "column: acuracy", "unknown numeric column 'acuracy'; did you mean 'accuracy'?"),
        ("name: tpe", "name: tpo", "found 'tpo'; did you mean 'tpe'?"),
        # values that a parameter cannot have
        (RATE, "recipe.learning_rate: {from: -1.0, to: 2.0e-2}", "must be greater than 0, found -1.0"),
        (WIDTH, "chip.vector_width: [0, 2]", "must be greater than 0, or 'all', found 0"),
        (ENERGY, "column: energy_j, direction: minimize", "'objectives.1.reference' is missing"),
        ("reference: 1 mJ", "reference: 1 ms", "must be a quantity in J"),
        ("budget: {trials: 8}", "budget: {}", "give trials, time or both"),
        ("in_flight: 3", "in_flight: 0", "greater than or equal to 1, found 0"),
        # booleans and quoted numbers where numbers are meant, and numbers that nothing can compute with
        (RATE, "recipe.learning_rate: [0.1, true]", "must be a number, found True"),
        (RATE, "recipe.learning_rate: {from: 0.1, to: 1.0e+39}", r"must be at most 1e\+30 in size, found 1e\+39"),
        (SHARED, "schedule.group_size: [.nan]", "must be a whole number, or 'all' or 'layer', found '.nan'"),
        ("name: tpe, seed: 3", "name: tpe, seed: 4294967296", "must be less than 4294967296"),
        # conditions that are never met
        (MOMENTUM, "recipe.momentum_noise: {choices: [0.1], when: {recipe: unlayred}}", "never 'unlayred'; did you"),
        (WIDTH, "network.width: {from: 4, to: 8, when: {recipe.group_size: [3, 9]}}", "is never 9; allowed: 1 to 8"),
        (WIDTH, "network.width: {choices: [4], when: {recipe.learning_rate: 0.01}}", "a condition needs choices or w"),
        (WIDTH, "recipe.epochs: {same_as: recipe.batch_size}\n  recipe.batch_size: [4]", "must come before it"),
        (WIDTH, "network.hidden.2: [3]\n  network.depth: [1, 2]", "depends on 'network.depth', which must come before"),
        # whole numbers, what another one has, and options of samplers
        (GROUP, "recipe.group_size: {from: 1, to: 8.0}", "must be a whole number, found 1.0"),
        (WIDTH, "schedule.policy: {same_as: recipe.group_size}", "must be a text, found 1"),
        ("n_startup_trials: 4", "seed: 7", "sampler.options: seed: belongs to the sampler; write it next to the opt"),
        ("n_startup_trials: 4", "gammma: 3", "'tpe' does not take them: .*gammma"),
        (TIME, "neuron.time_constant: {from: fast, to: slow}", "have a unit such as '10 ms', found 'fast'"),
    ],
)
def test_mistakes_are_told_with_their_line(old: str, new: str, message: str) -> None:
    found = mistakes_of(study, (old, new))
    assert [line for line, told in found if re.search(message, told)][:1] == [line_of(old)], found


def test_a_given_model_has_its_own_network() -> None:
    own = ("layered: {method: layered}", "layered: {model: mine.safetensors}"), "layered"
    shared = ("recipe_defaults: {", "recipe_defaults: {from: mine.safetensors, "), "unlayered"
    for change, recipe in (own, shared):
        found, told = mistakes_of(study, change), f"the network is that of the model of recipe '{recipe}'; remove it"
        for path, line in (("neuron.time_constant", TIME), ("network.hidden.1", WIDTH)):
            assert (line_of(line), f"space.{path}: {told}") in found


def test_a_parameter_on_which_no_result_depends_is_refused_unless_a_trial_may_have_another_chip() -> None:
    chips, voltage = ("  mubrain:", "  speck: {}\n  mubrain:"), "chip.supply_voltage: {from: 0.6 V, to: 1 V}"
    ((_, told),) = mistakes_of(study, chips, (WIDTH, voltage))
    assert told == "space.chip.supply_voltage: no result depends on it, because speck states no structure"
    assert study(chips, (WIDTH, f"chip: [speck, mubrain]\n  {voltage}")).space


def test_a_number_with_which_no_chip_is_consistent_is_refused_unless_another_may_make_it_so() -> None:
    message, included = "chip.energies.message: {from: 1 pJ, to: 2 pJ}", "chip.energies.synaptic_operation: [50 fJ]"
    ((line, told),) = mistakes_of(study, (WIDTH, message))
    assert (line, "it would be counted twice" in told) == (line_of(WIDTH), True)
    assert study((WIDTH, f"{message}\n  {included}")).space


def test_all_mistakes_are_told_at_once() -> None:
    """Those of values of the search beside those of names, of conditions and of other parts."""
    found = mistakes_of(
        study,
        (RATE, "recipe.learning_rate: [-1.0]"),
        (WIDTH, "network.wide: [1]\n  network.width: {choices: [4], when: {recipe.policy: fifo}}"),
        ("in_flight: 3", "in_flight: 0"),
    )
    for message in ("found -1.0", "no parameter 'wide'", "is never 'fifo'", "in_flight: "):
        assert any(message in told for _, told in found), found


@pytest.mark.parametrize(
    ("old", "wrong", "dependent"),
    [
        (GROUP, "recipe.group_size: {from: 0, to: 8}", SHARED),
        (GROUP, f"recipe.none.epochs: [1]\n  {SAME_EPOCHS}", "schedule.group_size: {same_as: recipe.epochs}"),
        (GROUP, "recipe.none.epochs: [1]", "schedule.group_size: {choices: [1], when: {recipe.none.epochs: 1}}"),
        (RECIPE, "recipe: {same_as: chip}", "schedule.group_size: {choices: [1], when: {recipe: unlayered}}"),
    ],
)
def test_a_mistake_of_a_parameter_is_not_told_again_of_one_that_depends_on_it(old, wrong, dependent) -> None:
    ((line, _),) = mistakes_of(study, (old, wrong), (SHARED, dependent))
    assert line == line_of(old)


@pytest.mark.parametrize(
    "space",
    [
        # Taken with each other only: what is wrong with the file's own schedule is right where it takes part.
        "schedule.input_mode: [frame, queued]\n"
        "  schedule.prioritize_input: {choices: [true, false], when: {schedule.input_mode: queued}}",
        # Two paths to one field, never in one trial.
        "recipe.layered.input_dropout: {from: 0.0, to: 0.1}\n"
        "  recipe.input_dropout: {from: 0.0, to: 0.5, when: {recipe: unlayered}}",
        "network.width: {from: 2, to: 3}\n  network.hidden.1: {from: 4, to: 8}",  # of the other layer
        # Values that a range has.
        "recipe.batch_size: {from: 8, to: 32, step: 8}\n"
        "  network.width: {from: 2, to: 3, when: {recipe.batch_size: [8, 24]}}",
    ],
)
def test_searches_that_are_what_they_say_are_taken(space: str) -> None:
    assert study((WIDTH, space)).space


@pytest.mark.parametrize(
    ("changes", "more", "message"),
    [
        (("", ""), "constraints: [{column: lane, at_most: 3}]", "unknown numeric column 'lane'; did you mean 'lanes'"),
        (("", ""), "constraints: [{column: lanes}]", "give one of at_least and at_most"),
        (("", ""), "constraints: [{column: accuracy, at_least: 95}]", "at_least: must be a fraction from 0 to 1, or"),
        (("", ""), "baseline: {recipe: x}", r"baseline\.recipe: unknown recipe 'x'"),
        (("", ""), "baseline: {chips: mubrain}", r"baseline\.chips: .*, found 'chips'; did you mean 'chip'\?"),
        (("random, momentum", "random, fifo"), "", r"momentum_noise: no trial has it"),
        (
            ("chips:", "chips:\n  loihi: {}"),
            "baseline: {chip: mubrain}\nquestions: {a: {compare: [mubrain, loihi], columns: [energy_j]}}",
            "compare.1: results have no chip, schedule or recipe 'loihi'; allowed: .*mubrain",
        ),
        (("", ""), "evaluation: {split: test}", r"evaluation\.split: a study evaluates trials on the validation split"),
        (
            ("", ""),
            "axes: {recipe.layered.epochs: [1, 2]}",
            "axes: a study has none: search for their parameters in 'space'$",
        ),
    ],
)
def test_more_mistakes_between_parts(changes: tuple[str, str], more: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        study(changes, more=more + "\n")


def test_forms_of_samplers() -> None:
    spec = study((SAMPLER, "sampler: qmc"), more="evaluation: {split: validation}\n")
    assert (spec.sampler.name, spec.sampler.seed) == ("qmc", 0)


@pytest.mark.parametrize(
    ("budget", "options", "trials"),
    [("{trials: 8, time: 1 h}", [], 8), ("{time: 1 h}", [], None), ("{time: 1 h}", ["--trials", "3"], 3)],
)
def test_the_command_line_changes_of_a_budget_what_it_is_told(budget, options, trials, tmp_path, monkeypatch):
    def told(spec: StudySpec, arguments: object) -> None:
        raise InputError(f"{spec.budget.trials} trials, {spec.budget.time} s")

    monkeypatch.setattr("codesign.exploration.study.study.run_study", told)
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.replace("budget: {trials: 8}", f"budget: {budget}"), encoding="utf-8")
    words = ["study", str(file), *options, "--store", str(tmp_path)]
    with pytest.raises(InputError, match=f"^{trials} trials, 3600.0 s$"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    said = CliRunner().invoke(app, [*words, "--dry-run"], catch_exceptions=False).output
    assert f"one trial{f' of {trials}' if trials else ''}, the baseline, on validation samples:\n" in said
    assert "to run: " in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_limits_have_units() -> None:
    spec = study(more="constraints: [{column: energy_j, at_most: 3 uJ}, {column: accuracy, at_least: 0.5}]\n")
    assert spec.objectives[1].reference == pytest.approx(1e-3)
    energy, accuracy = spec.constraints
    assert energy.violation(5e-6) == pytest.approx(2 / 3)
    assert energy.violation(1e-6) < 0
    assert accuracy.violation(0.25) == 0.5
    assert accuracy.violation(0.75) == -0.5
    assert study(more="constraints: [{column: accuracy, at_least: 50 %}]\n").constraints == (accuracy,)


@pytest.mark.parametrize(("keep", "cohort", "kept"), [(0.55, 20, 11), (0.33, 9, 3), (0.3, 9, 3), (1 / 3, 9, 3)])
def test_the_kept_share_of_a_cohort_is_rounded_up_and_not_by_float_arithmetic(keep, cohort, kept):
    assert FidelityEntry(levels=(FidelityLevel(epochs=1),), keep=keep, cohort=cohort).kept_of(cohort) == kept
