"""What an answer must not be surer of than its points: terms that they lack, limits that seeds miss, ends of axes."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import pytest
from handmade_hardware import near
from made_up_answers import SEEDS, accurate, asked, by_seed, gathered, labels, row, rows_of, with_terms
from synthetic_sweep import loihi_row, with_ranges

from codesign.analysis.results.formatting import in_times
from codesign.analysis.results.metadata import ChipFacts
from codesign.analysis.results.naming import names_of
from codesign.hardware.terms import OWN_CITATION


@pytest.mark.parametrize(("static", "standing"), [(10.0, "open"), (0.01, "sure")])
def test_lacking_a_term_makes_no_answer_sure(static, standing):
    """a needs 1 nJ and its static energy is not known; b needs 2 nJ and some static energy.

    At what it costs b times 5^z, with z normal, a has less where 1 + static · 5^z < 2 + static.
    """
    rows = [with_terms("a", seed, synaptic_operation=1.0 + 1e-6 * seed) for seed in SEEDS]
    rows += [with_terms("b", seed, synaptic_operation=2.0, static_chip=static) for seed in SEEDS]
    answer = asked(rows, choose="chip", least="energy_j")
    expected = NormalDist().cdf(math.log((1 + static) / static, 5))
    assert answer.confidence == pytest.approx(expected, abs=0.01)
    assert (labels(answer)[0], answer.standing) == ("a", standing)
    lead = "a has the least energy per sample: 1 nJ, 2.00 times less than b on the terms that both have."
    assert answer.sentence.startswith(lead)
    told = "The energy of a lacks static: 83 % of that of b."
    assert (told in answer.sentence) == (standing == "open")
    rows[: len(SEEDS)] = [with_terms("a", seed, synaptic_operation=3.0) for seed in SEEDS]
    dearer = asked(rows, choose="chip", least="energy_j")
    assert (labels(dearer)[0], told in dearer.sentence) == ("b", standing == "open")


def test_of_a_term_that_costs_the_other_nothing_there_is_no_guess():
    """The hops of a, on several cores, are not known, and b is on a single core."""
    rows = [with_terms("a", seed, synaptic_operation=1.0 + 1e-6 * seed) for seed in SEEDS]
    rows += [with_terms("b", seed, synaptic_operation=2.0, hop=0.0) for seed in SEEDS]
    answer = asked(rows, choose="chip", least="energy_j")
    assert (labels(answer)[0], answer.standing) == ("a", "likely")
    assert "The energy of a lacks hop, of which b has none to guess from." in answer.sentence


def test_an_energy_that_lacks_terms_is_a_lower_bound():
    rows = [with_terms("a", 0, synaptic_operation=1.0) | {"not_modelled": ["static energy: a gives no latency, so no"]}]
    rows[0]["not_modelled"].append("latency: a gives no synchronization.times")
    answer = asked(rows, choose="chip", least="energy_j")
    assert answer.sentence == "a is the only one that gives a result, with at least 1 nJ energy per sample."
    assert answer.remarks[0] == "Not modelled of a: static energy and latency (no synchronization.times)."


def test_the_only_option_with_a_result_is_not_sure_where_the_jobs_of_another_failed():
    """One that cannot be is no option."""
    ran, lost = accurate("a", 1e-9, 0.9, 0.91, 0.92), accurate("b", 2e-9, 0.9, 0.9, 0.9)
    answers = {}
    for status in ("infeasible", "failed"):
        none = [one | {"status": status, "reason": "no time", "accuracy": None, "energy_j": None} for one in lost]
        answers[status] = asked([*ran, *none], choose="chip", most="accuracy")
    said = "a is the only one that gives a result, with 91.0 % accuracy."
    assert [one.sentence for one in answers.values()] == [said, said]
    assert [one.standing for one in answers.values()] == ["sure", "open"]
    assert [one.confidence for one in answers.values()] == [1.0, None]
    assert "There is no result for b: jobs failed." in answers["failed"].remarks
    two = asked([*ran, *accurate("c", 1e-9, 0.5, 0.5, 0.5), *none], choose="chip", most="accuracy")
    assert two.standing == "sure"
    assert "There is no result for b: jobs failed." in two.remarks
    missed = asked([*ran, *none], choose="chip", most="accuracy", where=["accuracy >= 95 %"])
    assert (missed.standing, "There is no result for b: jobs failed." in missed.remarks) == ("not met", True)


def test_options_that_are_level_but_for_the_ranges_of_their_chips_are_not_said_to_be_the_same():
    """10 nJ each; those of a lie between 5 and 20 nJ."""
    ends = {"a": (0.5, 2.0), "b": (1.0, 1.0)}
    rows = [
        with_ranges(row(chip, 1.0, seed, energy_j=10e-9), synaptic_operation=("energies.synaptic_operation", *of))
        for chip, of in ends.items()
        for seed in SEEDS
    ]
    rows = [one | {"not_modelled": []} for one in rows]
    left_open = "The ranges of the chips' numbers leave open which is better."
    told = {
        f"a and b have the same energy per sample, 10 nJ. {left_open}": {"choose": "chip", "least": "energy_j"},
        "It is open whether a and b differ in energy per sample (10 nJ).": {
            "compare": ["a", "b"],
            "columns": ["energy_j"],
        },
    }
    for said, question in told.items():
        answer = asked(rows, **question)
        assert (answer.sentence, answer.standing, answer.confidence) == (said, "open", None)


def test_thirds_of_all_seeds_are_all_of_them():
    """Their sum over 256 seeds and draws is less by a rounding."""
    exact = {"synaptic_operation": ("energies.synaptic_operation", 1.0, 1.0)}
    rows = [row(chip, 1.0, seed, energy_j=2e-9 if chip == "d" else 1e-9) for chip in "abcd" for seed in (0, 1)]
    rows = [with_ranges(one, **exact) for one in rows]
    answer = asked(rows, choose="chip", least="energy_j")
    assert (labels(answer)[:3], answer.how_sure) == (["a", "b", "c"], "sure, 100 %")


def test_a_lead_in_words():
    said = {1.02: "2.0 % less", 9.996: "10.0 times less"}
    assert {factor: in_times(factor, more=False) for factor in said} == said


def test_accuracies_that_seeds_do_not_tell_apart_make_no_switch():
    """b is 1, 1 and 0 points more accurate: 0.67 ± 1.4."""
    a, b = (0.95, 0.96, 0.97), (0.96, 0.97, 0.97)
    answer = asked(accurate("a", 1e-9, *a) + accurate("b", 2e-9, *b), choose="chip", least="energy_j")
    assert "is needed" not in answer.sentence
    clear = accurate("b", 2e-9, *(value + 0.02 for value in a))
    assert "b wins" in asked(accurate("a", 1e-9, *a) + clear, choose="chip", least="energy_j").sentence


@pytest.mark.parametrize("seeds", [(0, 1, 2, 3, 4), (0,), (4,), (9,), (0, 1, 9)])
@pytest.mark.parametrize("ranges", [{}, {"synaptic_operation": ("energies.synaptic_operation", 0.9, 1.1)}])
def test_an_option_that_is_far_behind_makes_nothing_surer_whatever_seeds_it_has(seeds, ranges):
    """Seed by seed b needs 1, 1, 1, 1 and −0.05 nJ more than a: 0.79 ± 0.58 on average, but not in one of five."""
    rows = by_seed("energy_j", a=[10e-9] * 5, b=[(10 + more) * 1e-9 for more in (1, 1, 1, 1, -0.05)])
    rows = [with_ranges(one | {"chip_title": "one"}, **ranges) if ranges else one for one in rows]
    behind = [row("c", 1.0, seed, energy_j=1e-6, accuracy=0.5) for seed in seeds]
    answer = asked(rows + behind, choose="chip", least="energy_j")
    assert (answer.standing, answer.confidence) == ("likely", pytest.approx(0.8))


@pytest.mark.parametrize("copied", ["a", "b"])
def test_an_option_that_is_there_twice_counts_once(copied):
    """b is right in as many samples as a in two of five seeds, and in fewer in three: half of two seeds is b's."""
    answers = {"a": (0.9, 0.9, 0.9, 0.9, 0.9), "b": (0.9, 0.9, 0.8, 0.8, 0.8)}
    rows = [one for chip, of in answers.items() for one in accurate(chip, 1e-9, *of)]
    twin = [one | {"chip": "c", "chip_title": "c"} for one in rows if one["chip"] == copied]
    for several in (rows, rows + twin):
        assert asked(several, choose="chip", most="accuracy").confidence == pytest.approx(0.8)


ONE_SEED = [one | {"samples": 10_000} for one in accurate("a", 1e-9, 0.99) + accurate("b", 2e-9, 0.5)]
FEW_SAMPLES = [one | {"samples": 60} for one in accurate("a", 1e-9, *(0.97,) * 3) + accurate("b", 2e-9, *(0.5,) * 3)]
NO_COMMON_TERM = [with_terms("a", 0, synaptic_operation=1.0), with_terms("b", 0, spike=2.0)]


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize(
    ("rows", "where", "standing"),
    [
        (ONE_SEED, ["accuracy >= 95 %"], "likely"),
        (FEW_SAMPLES, ["accuracy >= 95 %"], "likely"),
        (NO_COMMON_TERM, [], "open"),
    ],
)
def test_what_is_not_sure_of_one_option_is_not_sure_of_two_that_are_the_same(rows, where, standing, twin):
    rows = rows + [one | {"chip": "c", "chip_title": "c"} for one in rows if twin and one["chip"] == "a"]
    assert asked(rows, choose="chip", least="energy_j", where=where).standing == standing


@pytest.mark.parametrize(
    ("method", "column", "standings"),
    [
        ("layered", "energy_j", ["likely"] * 2 + ["holds in part"] * 2 + ["not shown", "met"]),
        ("given", "energy_j", ["likely"] * 2 + ["holds in part"] * 2 + ["not shown", "met"]),
        # is the same in every training
        ("layered", "area_m2", ["sure", "sure", "holds", "holds in part", "does not hold", "met"]),
    ],
)
def test_one_training_shows_less_than_several(method, column, standings):
    known = {"training_method": method, "not_modelled": [], "area_low_m2": None, "area_high_m2": None}
    rows = [row(chip, 1.0, 0, **known, **{column: value}) for chip, value in (("a", 1e-9), ("b", 1.1e-9))]
    answers = [
        asked(rows, choose="chip", least=column),
        asked(rows, compare=["a", "b"], columns=[column]),
        *(
            asked(rows, claim="b has more", column=column, more={"chip": "b"}, less={"chip": "a"}, **size)
            for size in ({}, {"about": "2 x"}, {"at_least": "2 x"})
        ),
        asked(rows, target=[f"{column} <= 2 {'nJ' if column == 'energy_j' else 'mm**2'}"]),
    ]
    assert [answer.standing for answer in answers] == standings
    told = {
        "layered": "One training seed does not show how much trainings differ; three or more would.",
        "given": "A given model does not show how much trainings differ; three or more trainings would.",
    }
    *compared, target = (told[method] in answer.remarks for answer in answers)
    assert {*compared} == {column == "energy_j"}
    assert target == ((method, column) == ("layered", "energy_j"))


@pytest.mark.parametrize("limit", ["cores_used <= 4", "core_share <= 0.5", "area_m2 <= 5 mm**2"])
def test_a_limit_on_a_size_is_met_for_sure_in_one_training(limit):
    sizes = (("a", 1e-6, 2), ("b", 9e-6, 7))
    rows = [row(chip, 1.0, 0, area_m2=area, cores_used=cores, core_share=cores / 8) for chip, area, cores in sizes]
    assert asked(rows, choose="chip", least="area_m2", where=[limit]).how_sure == "sure"


STEADY = (0.96,) * 5


@pytest.mark.parametrize(
    ("cheap", "dear", "best", "confidence", "standing"),
    [
        ((0.98, 0.98, 0.98, 0.94, 0.94), STEADY, "a", 0.6, "open"),  # two of five seeds miss it, and b wins there
        ((0.98, 0.98, 0.98, 0.98, 0.94), STEADY, "a", 0.8, "likely"),
        ((0.98, 0.98, 0.98, 0.94, 0.94), (0.9,) * 5, "a", 0.6, "open"),  # alone, and in two seeds not even that
        ((0.98, 0.9, 0.9, 0.9, 0.9), STEADY, "b", 0.8, "likely"),  # a misses it by its mean, but wins in one seed
        (STEADY, STEADY, "a", 1.0, "sure"),
    ],
)
def test_seeds_that_miss_the_constraint_count(cheap, dear, best, confidence, standing):
    rows = accurate("a", 1e-9, *cheap) + accurate("b", 2e-9, *dear)
    answer = asked(rows, choose="chip", least="energy_j", where=["accuracy >= 95 %"])
    assert (labels(answer)[0], answer.confidence, answer.standing) == (best, near(confidence), standing)


def test_another_variant_of_an_option_counts_where_the_cheapest_misses():
    """a's cheapest misses the constraint in two seeds of five; its other variant never does, and is still the best."""
    rows = accurate("a", 1e-9, 0.98, 0.98, 0.98, 0.94, 0.94) + accurate("b", 3e-9, *STEADY)
    for energy, confidence in ((2e-9, 1.0), (4e-9, 0.6)):
        other = [one | {"axis.width": 2.0} for one in accurate("a", energy, *STEADY)]
        for form in ({"choose": "chip", "least": "energy_j"}, {"compare": ["a", "b"], "columns": ["energy_j"]}):
            answer = asked([*rows, *other], **form, where=["accuracy >= 95 %"])
            assert (labels(answer)[0], answer.confidence) == ("a", near(confidence))
            assert answer.options[0].values["energy_j"].mean == near(1e-9, rel=1e-5)


def test_within_a_point_of_the_best_is_judged_seed_by_seed():
    """b is half a point behind in every seed, whatever the seed: it is always within a point."""
    seeds = (0.9, 0.94, 0.98)
    rows = accurate("a", 2e-9, *seeds) + accurate("b", 1e-9, *(value - 0.005 for value in seeds))
    question = {"choose": "chip", "least": "energy_j", "where": ["accuracy within 1 point of best"]}
    answer = asked(rows, samples=100_000, **question)
    assert (labels(answer)[0], answer.confidence, answer.standing) == ("b", 1.0, "sure")
    assert not any("training seeds it does not" in remark for remark in answer.remarks)


def test_draws_that_miss_the_constraint_count():
    """3 nJ that are anything from 1.5 to 6, log-uniform, are at most 4.5 in ln(3) / ln(4) = 79 % of the draws."""
    ranges = ("energies.synaptic_operation", 0.5, 2.0)
    whole = [row("a", 1.0, seed, energy_j=3e-9, not_modelled=[]) for seed in SEEDS]
    rows = [with_ranges(one, synaptic_operation=ranges) for one in whole]
    target = asked(rows, target=["energy_j <= 4.5 nJ"])
    assert target.confidence == pytest.approx(math.log(3) / math.log(4), abs=0.01)
    assert target.remarks[0].endswith("In 21 % of seeds and draws of the chip's numbers it does not.")


@pytest.mark.parametrize(
    ("missing", "samples", "standing"),
    [
        ((0.85, 0.85, 0.85), 1000, "sure"),  # 1.96 √((0.91 · 0.09 + 0.85 · 0.15) / 1000) = 0.028 < 0.06
        ((0.85, 0.85, 0.85), 100, "likely"),  # 0.09
        ((0.9, 0.8, 0.85), 1000, "likely"),  # missed by 1, 11 and 6 points: 6 ± 12.4
    ],
)
def test_who_misses_a_share_by_chance_leaves_the_answer_open(missing, samples, standing):
    """b needs less than a, whose 92 % of the samples are more than a point above it in each seed."""
    rows = accurate("a", 2e-9, 0.92, 0.92, 0.92) + accurate("b", 1e-9, *missing) + accurate("c", 3e-9, *missing)
    question = {"choose": "chip", "least": "energy_j", "where": ["accuracy within 1 point of best"], "samples": samples}
    answer = asked(rows, **question)
    assert (labels(answer)[0], answer.confidence, answer.standing) == ("a", 1.0, standing)
    told = "B may miss accuracy within 1 point of best only by chance."
    assert (told.lower() in [remark.lower() for remark in answer.remarks]) == (standing == "likely")
    assert not any("may miss" in remark for remark in asked(rows[:3] + rows[6:], **question).remarks)  # c needs more


def test_who_cannot_be_compared_and_misses_a_share_by_chance_leaves_the_only_other_one_unsure():
    for missing, standing in ((0.85, "sure"), (0.905, "likely")):
        other = [one | {"energy_j": None} for one in accurate("b", 1e-9, *(missing,) * 3)]
        rows = [*accurate("a", 2e-9, 0.92, 0.92, 0.92), *other]
        limit = "accuracy within 1 point of best"
        answer = asked(rows, samples=1000, choose="chip", least="energy_j", where=[limit])
        assert (labels(answer)[0], answer.standing) == ("a", standing)
        told = "b may miss accuracy within 1 point of best only by chance."
        assert (told in answer.remarks) == (standing == "likely")


@pytest.mark.parametrize(
    ("met", "samples", "standing"),
    [
        ((0.96, 0.96, 0.96), 400, "likely"),  # 1.96 √(0.96 · 0.04 / 400) = 0.019 > 0.01
        ((0.96, 0.96, 0.96), 2000, "sure"),  # 0.009
        ((0.96, 0.97, 0.955), 10_000, "likely"),  # met by 1.2 ± 1.9 points over the seeds
        ((0.98, 0.98, 0.98), 400, "sure"),
    ],
)
def test_who_meets_a_limit_by_chance_is_not_the_best_for_sure(met, samples, standing):
    """a needs less than b, which is well above the limit, and is the best in every seed."""
    rows = accurate("a", 1e-9, *met) + accurate("b", 2e-9, 0.99, 0.99, 0.99)
    question = {"choose": "chip", "least": "energy_j", "where": ["accuracy >= 95 %"], "samples": samples}
    answer = asked(rows, **question)
    assert (labels(answer)[0], answer.confidence, answer.standing) == ("a", 1.0, standing)
    assert ("a may meet accuracy >= 95 % only by chance." in answer.remarks) == (standing == "likely")
    # who meets it by chance too, together with a or not
    for others, alike in ((met, True), ((0.957, 0.958, 0.959), False)):
        both = accurate("a", 1e-9, *met) + accurate("b", 2e-9, *others)
        assert asked(both, **question).standing == ("sure" if alike else standing)
    alone = accurate("a", 1e-9, *met) + accurate("b", 2e-9, 0.1, 0.1, 0.1)
    assert asked(alone, **question).standing == standing


@pytest.mark.parametrize(
    ("densities", "standing"),
    [
        ((0.9, 0.97, 0.99), "likely"),  # 0.953 ± 0.117
        ((0.94, 0.95, 0.97), "sure"),  # 0.953 ± 0.038
        ((1.0, 1.0, 1.0), "sure"),  # just the limit, in each seed
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_any_limit_may_be_met_or_missed_by_chance_of_the_seeds(densities, standing, swapped):
    """a needs less energy than b, and is well within 1 spike a neuron or well beyond it while b is near it."""
    rows = accurate("a", 1e-9, 0.9, 0.9, 0.9) + accurate("b", 2e-9, 0.9, 0.9, 0.9)
    near_limit = [2 - density for density in densities] if swapped else densities
    of_chip = {"a": near_limit, "b": (0.1, 0.1, 0.1)}
    rows = [one | {"spike_density": of_chip[one["chip"]][one["training_seed"]]} for one in rows]
    limit = "spike_density <= 1"
    answer = asked(rows, choose="chip", least="energy_j", where=[limit])
    met = "a" if not swapped or densities[0] == 1 else "b"
    assert (labels(answer)[0], answer.standing) == (met, standing)
    told = f"a may {'meet' if met == 'a' else 'miss'} {limit.replace('_', ' ')} only by chance."
    assert (told in answer.remarks) == (standing == "likely")
    assert ("by chance" in str(asked(rows, target=[limit], select={"chip": "a"}).remarks)) == (standing == "likely")


def test_an_option_behind_the_runner_up_may_be_better_by_the_seeds():
    """b is 1 % above a in each seed, c 9 % on average, ± 20 %."""
    rows = by_seed("energy_j", a=[1e-9] * 3, b=[1.01e-9] * 3, c=(1.02e-9, 1.18e-9, 1.07e-9))
    assert asked(rows[:6], choose="chip", least="energy_j").standing == "sure"
    answer = asked(rows, choose="chip", least="energy_j")
    assert (labels(answer), answer.confidence, answer.standing) == (["a", "b", "c"], 1.0, "likely")
    # t(n) · 0.082 / √n < 0.09 from n = 6 on: 2.571 · 0.082 / 2.449 = 0.086.
    told = "Over 3 training seeds the difference to c may be zero; if it stays this large, about 6 would settle it."
    assert told in answer.remarks


@pytest.mark.parametrize(
    ("variants", "own_spikes", "standing"), [(1, True, "sure"), (5, True, "likely"), (5, False, "sure")]
)
def test_the_best_of_many_variants_is_held_against_a_single_one_more_carefully(variants, own_spikes, standing):
    """b is 10 ± 5.0 % above the best of a in three seeds: t(2) is 4.3, and 9.9 at the 0.5 % of five tries."""
    rows = [row("b", 1.0, seed, energy_j=energy * 1e-9) for seed, energy in enumerate((1.08, 1.1, 1.12))]
    for width in range(variants):
        made = [row("a", float(width), seed, energy_j=(1 + 0.1 * width) * 1e-9) for seed in SEEDS]
        rows += [one | {"spike_density": 1.0 + width * own_spikes + one["training_seed"]} for one in made]
    answer = asked(rows, choose="chip", least="energy_j")
    assert (labels(answer)[0], answer.standing) == ("a", standing)
    told = "Over 3 training seeds the difference may be zero, since a was chosen from 5 times as many variants; if it "
    assert any(told in remark for remark in answer.remarks) == (standing == "likely")


@pytest.mark.parametrize(
    ("met", "missed", "standing"), [(0.96, 0.1, "open"), (0.99, 0.94, "open"), (0.99, 0.1, "likely")]
)
def test_of_given_models_a_limit_that_chance_decides_leaves_the_answer_open(met, missed, standing):
    """Of 400 samples, 95 % are met by 1 point or missed by 1, which is less than 1.96 √(0.96 · 0.04 / 400) = 1.9."""
    rows = accurate("a", 2e-9, met) + accurate("b", 3e-9, 0.99) + accurate("c", 1e-9, missed)
    rows = [one | {"training_method": "given"} for one in rows]
    answer = asked(rows, samples=400, choose="chip", least="energy_j", where=["accuracy >= 95 %"])
    assert (labels(answer)[0], answer.standing) == ("a", standing)
    alone = asked(rows[:1], samples=400, choose="chip", least="energy_j", where=["accuracy >= 95 %"])
    assert alone.standing == ("open" if met == 0.96 else "likely")


@pytest.mark.parametrize(("column", "standing"), [("undecided_fraction", "likely"), ("contention", "sure")])
def test_only_shares_of_the_samples_are_left_to_their_number(column, standing):
    """1 % against 2 % of 100 samples may be chance; of as many passes of each as one likes it is not."""
    rows = by_seed(column, a=[0.01] * 3, b=[0.02] * 3)
    assert asked(rows, samples=100, choose="chip", least=column).standing == standing


def test_what_nobody_knows_of_the_others_leaves_the_only_one_open():
    rows = rows_of([("a", 1.0, 0.9, 10.0, 5.0)]) + [
        one | {"latency_s": None, "not_modelled": ["latency: b gives no times.hop", "energy of hops: b gives no x"]}
        for one in rows_of([("b", 1.0, 0.9, 10.0, 5.0)])
    ]
    answer = asked(rows, choose="chip", least="latency_s", where=["accuracy >= 80 %"])
    assert (answer.standing, answer.confidence, answer.options[0].wins) == ("open", None, None)
    reason = "No latency is modelled for b: b gives no times.hop."
    assert answer.sentence == "a is the only one that can be compared, with 5 µs latency. b is not ranked."
    assert answer.options[1].obstacle == reason
    assert reason in answer.remarks
    slower = [one | {"not_modelled": []} for one in [*rows[:3], *rows_of([("c", 1.0, 0.9, 10.0, 9.0)])]]
    told = asked([*slower, *rows[3:]], choose="chip", least="latency_s", where=["accuracy >= 80 %"])
    assert (told.standing, "b is not ranked." in told.sentence) == ("sure", True)
    known = [
        one | {"operation": operation, "latency_s": 5e-6}
        for one, operation in zip(rows, ["real_time"] * 3 + ["accelerated"] * 3, strict=True)
    ]
    assert asked(known, choose="chip", least="latency_s").sentence == answer.sentence


def test_a_difference_that_seeds_leave_open_is_not_said_as_one():
    rows = accurate("a", 1e-9, 0.9, 0.92, 0.94) + accurate("b", 1.04e-9, 0.92, 0.91, 0.94)
    answer = asked(rows, compare=["a", "b"], columns=["energy_j", "accuracy", "area_m2"])
    # 1 − 1 / 1.04 = 3.8 %; the paired differences of accuracy are −2, 1 and 0 points.
    said = "It is open whether they differ in accuracy (92.0 % against 92.3 %)."
    assert answer.sentence == f"a has 3.8 % less energy per sample than b. {said}"


def test_a_chip_of_ones_own_that_is_not_ranked_says_which_line_would():
    """b's 1 nJ contain its updates, c's 90 nJ do not; a gives no energy of an update and needs 45 nJ without."""
    both = {"energy_coverage": ["synaptic_operation", "neuron_update"]}
    rows = [with_terms("a", seed, synaptic_operation=45.0) for seed in SEEDS]
    rows += [with_terms("b", seed, synaptic_operation=1.0) | both for seed in SEEDS]
    rows += [with_terms("c", seed, synaptic_operation=90.0, neuron_update=10.0) for seed in SEEDS]
    chips = {"a": ChipFacts(title="a", citation=OWN_CITATION, synchronization="asynchronous", name="a")}
    answer = asked(rows, chips, choose="chip", least="energy_j")
    told = (
        "a is not ranked. The file of a gives no energies.neuron_update, which the prices of b include in other terms; "
    )
    assert f"{told}with it, a and b compare." in answer.sentence
    none = [one | {"chip": "0", "chip_title": "0", "energy_j": None} for one in rows[-3:]]
    several = asked([*none, *rows], chips, choose="chip", least="energy_j").sentence
    assert f"a and 0 are not ranked. {told.partition('. ')[2]}with it, a and b compare." in several


def test_the_factor_of_the_other_book_is_told_where_it_is_another():
    """100 + 900 nJ against 50 nJ: by the cores in use, a 32nd of the static energy, 128 against 50."""
    static: dict[str, Any] = {"energy_static_chip_j": 900e-9, "energy_j": 1000e-9, "core_share": 1 / 32}
    rows = [loihi_row("layered", seed, 0) | {"axis.width": 1.0} for seed in SEEDS]
    kept = ("energy_spike_j", "energy_hop_j", "energy_neuron_update_j", "energy_barrier_j")
    covered = {"energy_coverage": ["synaptic_operation", "static"], "energy_synaptic_operation_j": 100e-9}
    dear = [one | dict.fromkeys(kept) | covered | static for one in rows]
    cheap = {"energy_synaptic_operation_j": 50e-9, "energy_static_chip_j": 0.0, "energy_j": 50e-9}
    rows = [*dear, *(one | cheap | {"chip": "b", "chip_title": "b"} for one in dear)]
    answer = asked(rows, choose="chip", least="energy_j")
    # 100 + 900 / 32 = 128 nJ, which is 2.56 times 50 nJ.
    told = "20.0 times less than Loihi. Counting the cores in use alone, Loihi needs 2.56 times more than b."
    assert told in answer.sentence


def test_options_of_an_axis_read_as_words():
    names = names_of(gathered(rows_of([("a", 1.0, 0.9, 10.0, 5.0)])))
    assert names.option("width", "4") == "width 4"
    assert names.option("chip.a.synchronization", "barrier") == "a barrier"
    assert names.option("chip.a.synchronization", "timer 100 us") == "a timer of 100 us"
    assert names.option("chip.a.synchronization", "barrier by layer") == "a barrier by layer"


def test_options_that_beat_each_other_in_a_circle_are_not_level():
    """By matched terms a has 3 nJ against 4 of c, c 4.5 nJ against 6 of b, and b 2 nJ against 3 of a."""
    rows = [
        with_terms(chip, seed, **{name: value + 1e-6 * seed for name, value in terms.items()})
        for chip, terms in {
            "a": {"synaptic_operation": 3.0},
            "b": {"synaptic_operation": 2.0, "neuron_update": 4.0},
            "c": {"synaptic_operation": 4.0, "neuron_update": 0.5, "static_chip": 10.0},
        }.items()
        for seed in SEEDS
    ]
    answer = asked(rows, choose="chip", least="energy_j")
    assert (labels(answer), answer.standing) == (["a", "c", "b"], "open")
    assert "a has the least energy per sample: 3 nJ, 25 % less than c on the terms that both have." in answer.sentence
    assert answer.confidence == answer.options[0].wins
