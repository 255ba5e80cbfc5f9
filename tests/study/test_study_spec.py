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
    ],
)
def test_mistakes_are_found_with_their_line(old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        study((old, new))
    import re

    found = [problem for problem in caught.value.problems if re.search(message, problem.message)]
    assert found, str(caught.value)
    assert found[0].line == line_of(old), str(caught.value)


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
    with pytest.raises(DocumentError, match="axes"):
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
