"""Which terms of two energies compare."""

from __future__ import annotations

from dataclasses import replace

import pytest
from handmade_hardware import near
from made_up_answers import SEEDS, asked, by_seed, row, with_terms
from synthetic_sweep import Row, loihi_row, mubrain_row, points_of, synthetic_metadata, with_ranges

from codesign.analysis.comparisons.comparability import Obstacle, matched_terms
from codesign.analysis.results.metadata import ChipFacts
from codesign.hardware.terms import COST_TERMS, OWN_CITATION


def energy(row: Row, **terms: float | None) -> Row:
    """Energy of these terms in joules; one that is None is held by another."""
    columns = {f"energy_{name}_j": value for name, value in terms.items()}
    whole = sum(value for value in terms.values() if value is not None)
    return row | columns | {"energy_coverage": [COST_TERMS[name].covered_as for name in terms], "energy_j": whole}


@pytest.mark.parametrize(
    ("mubrain", "loihi", "words", "chip"),
    [
        ({}, {"spike": 1e-9}, "No energy", "mubrain"),
        ({"spike": 1e-9}, {"hop": 1e-9}, "no term in common", "mubrain"),
        ({"spike": 1e-9}, {"spike": 1e-9, "hop": None}, "{1} lacks hop, which the prices of {0} include in", "loihi"),
        (
            {"spike": 1e-9, "hop": None},
            {"spike": 1e-9, "hop": None, "message": 1e-9},
            "{1} lacks message, and the prices of {0} include hop in other terms",
            "loihi",
        ),
        # Static power holds no other term and may be left out.
        ({"spike": 1e-9, "hop": None}, {"spike": 1e-9, "hop": 1e-9, "static_chip": 1e-9}, None, None),
        # Nor is a term that is charged for nothing the one that holds others, such as hops on a single core.
        ({"spike": 1e-9, "hop": 1e-9}, {"spike": 1e-9, "hop": None, "message": 0.0}, None, None),
    ],
)
def test_why_energies_do_not_compare(mubrain, loihi, words, chip):
    rows = [energy(mubrain_row("layered", "random", 0, 0), **mubrain), energy(loihi_row("layered", 0, 0), **loihi)]
    points = {point.chip: point for point in points_of(rows)}
    found = matched_terms(points["mubrain"], points["loihi"])
    if words is None:
        assert found == ("spike", "hop")
    else:
        assert isinstance(found, Obstacle)
        assert words in found.sentence
        assert found.points[0].chip == chip


def test_the_better_of_two_energies_is_so_over_the_seeds_that_both_have():
    """Over all of its own seeds, a has the higher mean."""
    rows = by_seed("energy_j", a=(1e-9, 1.01e-9, 3e-9), b=(1.2e-9, 1.21e-9))
    answer = asked(rows, choose="chip", least="energy_j")
    (found,) = answer.comparisons
    assert (found.better.chip, answer.standing) == ("a", "sure")
    assert found.gain.mean == near(0.2e-9)


@pytest.mark.parametrize(
    ("column", "changes", "words"),
    [
        ("energy_cores_in_use_j", {}, "Their energy of the cores in use per sample counts different terms"),
        ("latency_s", {"operation": "real_time"}, "a (accelerated) and b (real time) run differently"),
    ],
)
def test_each_column_is_compared_only_where_it_compares(column, changes, words):
    """The energy of b has a static part, which that of a lacks; two ways of operation are no two latencies."""
    values = {"latency_s": 1e-3, "energy_cores_in_use_j": 1e-9}
    rows = [with_terms("a", seed, synaptic_operation=1.0) | values for seed in (0, 1)]
    rows += [with_terms("b", seed, synaptic_operation=2.0, static_chip=5.0) | values | changes for seed in (0, 1)]
    answer = asked(rows, compare=["a", "b"], columns=["accuracy", column])
    assert [found.column for found in answer.comparisons] == ["accuracy"]
    assert any(remark.startswith(words) for remark in answer.remarks)


def test_powers_are_compared_on_the_terms_that_both_have():
    """1 nJ in 1 ms against 2 of 7 nJ in 4 ms."""
    rows = [with_terms("a", seed, synaptic_operation=1.0) | {"on_s": 1e-3, "power_w": 1e-6} for seed in (0, 1)]
    b = {"on_s": 4e-3, "power_w": 1.75e-6}
    rows += [with_terms("b", seed, synaptic_operation=2.0, static_chip=5.0) | b for seed in (0, 1)]
    answer = asked(rows, compare=["a", "b"], columns=["power_w"])
    assert answer.sentence.startswith("a has 2.00 times more power (on the terms that both have) than b.")


@pytest.mark.parametrize(
    ("column", "label"),
    [
        *(("cores_used", "cores used"), ("latency_steps", "steps until output"), ("synapses", "synapses")),
        ("decision_timesteps", "decision timesteps"),
    ],
)
def test_what_is_counted_is_fewest_or_most(column, label):
    rows = [row(chip, 1.0, seed, **{column: count}) for chip, count in (("a", 6), ("b", 8)) for seed in SEEDS]
    compared = asked(rows, compare=["a", "b"], columns=[column])
    assert compared.sentence == f"a has 25 % fewer {label} than b."
    assert all(compared.remarks)
    assert asked(rows, choose="chip", least=column, ask="Which one?").question == "Which one?"
    least, most = (asked(rows, choose="chip", **{how: column}) for how in ("least", "most"))
    assert (least.question, most.question) == (
        f"Which chip has the fewest {label}?",
        f"Which chip has the most {label}?",
    )
    assert least.sentence.startswith(f"a has the fewest {label}: ")
    assert asked(rows, target=[f"{column} <= 10"]).sentence.endswith(f" has the fewest {label}.")


@pytest.mark.parametrize("column", ["energy_j", "power_w"])
def test_an_all_in_figure_compares_within_its_chip_alone(column):
    """Neither the same operation nor another column would make it compare with another chip's."""
    values = {"energy_accounting": "all_in", "energy_coverage": ["all_in"]}
    whole = [
        row("a", 1.0, seed, recipe=recipe) | values | {"energy_j": energy * 1e-9, "power_w": energy * 1e-6}
        for seed in (0, 1)
        for recipe, energy in (("mine", 1.0), ("other", 2.0))
    ]
    assert asked(whole, choose="recipe", least=column).sentence.startswith("Layered training, mine has the least")
    b = [with_terms("b", seed, spike=1.0) | {"power_w": 1e-6, "operation": "real_time"} for seed in (0, 1)]
    answer = asked([*whole, *b], compare=["a", "b"], columns=[column])
    assert answer.sentence.endswith("The energy of a is an all-in figure; energies per operation could be compared.")


def test_what_the_file_of_a_readers_own_chip_lacks_is_named():
    rows = [
        energy(mubrain_row("layered", "random", 0, 0), message=1e-9, hop=1e-9, spike=None),
        energy(loihi_row("layered", 0, 0), message=1e-9, spike=1e-9),
    ]
    chips = {"loihi": ChipFacts(title="", citation=OWN_CITATION, synchronization="barrier")}
    points = {point.chip: point for point in points_of(rows, replace(synthetic_metadata(), chips=chips))}
    own = points["loihi"]
    found = matched_terms(own, points["mubrain"])
    assert isinstance(found, Obstacle)
    assert found.sentence == "The file of {0} gives no energies.hop; with it, {0} and {1} compare."
    assert found.points == (own, points["mubrain"])


def test_sides_with_the_same_best_point_are_told_so():
    rows = [row(chip, width, 0, energy_j=width * 1e-9) for chip in "ab" for width in (1.0, 2.0)]
    answer = asked(rows, compare=[{"chip": "a"}, {"width": 1.0}], columns=["energy_j"])
    assert (answer.standing, answer.options) == ("cannot be asked", ())
    assert answer.sentence.endswith("width 1; name sides that have no point in common.")


@pytest.mark.parametrize("seeds", [(0, 1, 2), (1, 2, 3)])
@pytest.mark.parametrize("ranged", [False, True])
def test_a_given_model_is_held_against_the_trainings_of_all_seeds(seeds, ranged):
    given = {"recipe": "old", "training_method": "given", "training_policy": None, "accuracy": 0.7}
    rows = [row("a", 1.0, seed, recipe="mine", accuracy=0.9 + 0.01 * seed, energy_j=1e-9) for seed in seeds]
    rows.append(row("a", 1.0, 0, energy_j=3e-9, **given))
    if ranged:
        rows = [with_ranges(one, synaptic_operation=("energies.synaptic_operation", 0.5, 2.0)) for one in rows]
    mean = 0.9 + 0.01 * seeds[1]
    for asking in (
        {"compare": ["old", "mine"], "columns": ["accuracy"]},
        {"choose": "recipe", "most": "accuracy"},
        {"claim": "It is better", "column": "accuracy", "more": {"recipe": "mine"}, "less": {"recipe": "old"}},
    ):
        answer = asked(rows, **asking)
        (found,) = answer.comparisons
        assert (found.better_mean, found.worse_mean, found.gain.seeds) == (near(mean), near(0.7), 3)
        assert answer.standing in ("sure", "holds")
    cheaper = asked(rows, choose="recipe", least="energy_j")
    assert (cheaper.standing, cheaper.confidence) == ("sure", 1.0)


def test_sides_given_by_name_are_of_the_fact_that_has_both():
    """b is a chip and a recipe."""
    rows = [
        row(chip, 1.0, seed, latency_s=latency * 1e-6) | {"recipe": recipe}
        for (chip, recipe), latency in {("a", "b"): 1.0, ("a", "c"): 2.0, ("b", "b"): 4.0, ("b", "c"): 8.0}.items()
        for seed in SEEDS
    ]
    for fact, names, means in (("recipe", ["b", "c"], [1e-6, 2e-6]), ("chip", ["b", "a"], [1e-6, 4e-6])):
        found = asked(rows, compare=names, columns=["latency_s"]).comparisons[0]
        assert sorted(getattr(point, fact) for point in (found.better, found.worse)) == sorted(names)
        assert [found.better_mean, found.worse_mean] == pytest.approx(means)
    lost = rows[0] | {"recipe": "d", "status": "failed", "reason": "TimeoutError: took longer"}
    told = asked([*rows, lost], compare=["c", "d"], columns=["latency_s"]).sentence
    assert told == "No variant of d takes part: TimeoutError: took longer."


def test_a_given_model_is_compared_with_the_mean_of_all_trainings():
    """Not with that of the seed under which its row happens to be kept."""
    given = [one | {"training_method": "given"} for one in by_seed("latency_s", a=[2e-6])]
    answer = asked([*given, *by_seed("latency_s", b=[1e-6, 3e-6, 3.5e-6])], choose="chip", least="latency_s")
    assert [option.label for option in answer.options] == ["a", "b"]
    assert "20 % less than b" in answer.sentence


def test_an_option_that_lacks_a_seed_counts_there_with_its_mean():
    """b is always 0.1 µs behind a; c, with 11 µs in another seed, is ahead of the 14 µs of a in one of five."""
    a = (10e-6, 10e-6, 10e-6, 10e-6, 14e-6)
    rows = by_seed("latency_s", a=a, b=[value + 1e-7 for value in a])
    rows += [row("c", 1.0, 9, latency_s=11e-6)]
    answer = asked([one | {"not_modelled": []} for one in rows], choose="chip", least="latency_s")
    assert [option.label for option in answer.options] == ["a", "b", "c"]
    assert (answer.standing, answer.confidence) == ("likely", pytest.approx(0.8))
