"""Limits: within a distance of the best, next to a value, on an energy that lacks terms; and options that are level."""

from __future__ import annotations

import math

import pytest
from handmade_hardware import near
from made_up_answers import SEEDS, accurate, asked, by_seed, labels, row, rows_of, with_terms
from synthetic_sweep import synthetic_rows, with_ranges

from codesign.analysis.answers import targets
from codesign.analysis.comparisons.constraints import met_in
from codesign.analysis.results.metadata import ChipFacts, ChipNumber
from codesign.hardware.terms import STRUCTURE_CITATION


def test_of_variants_that_miss_the_constraint_as_often_the_best_counts():
    """a2 meets the constraint in one seed of three, as a1 does, and is better than b there."""
    rows = accurate("b", 2e-9, 0.96, 0.96, 0.96) + accurate("a", 3e-9, 0.96, 0.94, 0.94)
    rows += [one | {"axis.width": 2.0} for one in accurate("a", 1e-9, 0.96, 0.9, 0.9)]
    answer = asked(rows, choose="chip", least="energy_j", where=["accuracy >= 95 %"])
    assert (labels(answer)[0], answer.confidence) == ("b", near(2 / 3))


@pytest.mark.parametrize(
    ("limit", "missed"),
    [
        ("latency_s < 5 us", "its latency is just the limit"),
        ("latency_s <= 2 us", "its latency is 2.5 times too high"),
        ("accuracy > 90 %", "its accuracy is just the limit"),
        ("accuracy >= 92 %", "its accuracy is 2.0 points too low"),
        ("accuracy >= 90.02 %", "its accuracy is 0.02 points too low"),
        ("latency_s <= 4.996 us", "its latency is 0.08 % too high"),
    ],
)
def test_how_far_the_nearest_is_from_a_limit(limit, missed):
    rows = [row("a", 1.0, seed, accuracy=0.9, latency_s=5e-6) for seed in SEEDS]
    assert asked(rows, target=[limit]).sentence.endswith(f": {missed}.")


@pytest.mark.parametrize(("limit", "standing"), [("accuracy >= 70 %", "met"), ("accuracy > 70 %", "not met")])
def test_a_mean_that_differs_from_a_limit_by_rounding_is_just_the_limit(limit, standing):
    """(0.7 + 0.7 + 0.7) / 3 is 0.6999999999999998."""
    assert asked([row("a", 1.0, seed, accuracy=0.7) for seed in SEEDS], target=[limit]).standing == standing


@pytest.mark.parametrize("limit", ["accuracy >= 0 %", "accuracy <= 100 %", "energy_j >= 0 J"])
def test_a_limit_that_nothing_lies_beyond_is_not_met_by_chance(limit):
    rows = [row("a", 1.0, seed, accuracy=of, energy_j=of * 1e-9) for seed, of in enumerate((0.1, 0.9))]
    assert not any("only by chance" in remark for remark in asked(rows, target=[limit]).remarks)


def test_the_nearest_is_told_with_all_that_it_misses():
    rows = [row("a", 1.0, seed, accuracy=0.9, latency_s=5e-6, energy_j=4e-9) for seed in SEEDS]
    answer = asked(rows, target=["accuracy >= 92 %", "energy_j < 2 nJ", "latency_s < 1 us"])
    missed = "its accuracy is 2.0 points too low, its energy per sample is 2 times too high"
    assert answer.sentence.endswith(f": {missed} and its latency is 5 times too high.")
    assert answer.question == "Which points meet accuracy >= 92 %, energy per sample < 2 nJ and latency < 1 us?"


def test_of_options_that_miss_a_limit_the_nearest_comes_first():
    rows = rows_of([("a", 1.0, 0.7, 1.0, 5.0), ("b", 1.0, 0.85, 1.0, 5.0), ("c", 1.0, 0.9, 1.0, 5.0)])
    answer = asked(rows, choose="chip", least="energy_j", where=["accuracy >= 90 %"])
    assert [(one.label, one.takes_part) for one in answer.options] == [("c", True), ("b", False), ("a", False)]


def test_an_energy_that_lacks_terms_does_not_meet_a_limit_for_sure():
    rows = rows_of([("a", 1.0, 0.9, 1.0, 5.0), ("b", 1.0, 0.9, 3.0, 4.0)])
    whole = [one | {"not_modelled": []} for one in rows]
    missing = ["static energy: a gives no static_power", "static energy: a gives no latency, and so none"]
    part = [one | {"not_modelled": [*missing, "latency: a gives no times.hop"]} for one in rows]
    told = "Not modelled of a: static energy and latency (no static_power or times.hop)."
    told += " Counting it, energy per sample < 2 nJ may be missed."
    for given, standing in ((whole, "sure"), (part, "likely")):
        answer = asked(given, choose="chip", least="latency_s", where=["energy_j < 2 nJ"])
        target = asked(given, target=["energy_j < 2 nJ"])
        assert (labels(answer)[0], answer.standing) == ("a", standing)
        assert [told in each.remarks for each in (answer, target)] == [standing == "likely"] * 2


def test_the_best_of_many_that_reach_a_target_is_among_those_shown():
    rows = rows_of([("a", float(width), 0.9, 10.0, float(width)) for width in range(1, 12)])
    rows += rows_of([("b", 1.0, 0.95, 10.0, 99.0)])
    answer = asked(rows, target=["accuracy >= 80 %", "latency_s < 100 us"])
    assert (len(answer.options), labels(answer)[0].partition(",")[0]) == (8, "b")
    assert answer.sentence.startswith("All constraints are met by 12 of 12 points; b,")


def test_of_points_that_reach_a_target_equally_well_one_that_does_so_most_often_is_named():
    """10 nJ each; those of a lie between 5 and 20 nJ."""
    ranges = {"synaptic_operation": ("energies.synaptic_operation", 0.5, 2.0)}
    rows = [with_ranges(row("a", 1.0, seed, energy_j=10e-9, not_modelled=[]), **ranges) for seed in SEEDS]
    rows += [row("b", 1.0, seed, energy_j=10e-9, not_modelled=[]) for seed in SEEDS]
    answer = asked(rows, target=["energy_j <= 12 nJ"])
    assert (labels(answer)[0].partition(",")[0], answer.confidence) == ("b", 1.0)
    assert "; b, random order, layered training, width 1 and 1 more point have the least energy" in answer.sentence


def test_points_that_are_level_with_one_that_always_meets_the_target_are_not_looked_at(monkeypatch):
    """Prices alone leave the accuracy as it is: thousands of points may have the same."""
    drawn = []
    monkeypatch.setattr(targets, "met_in", lambda point, *more: drawn.append(point) or met_in(point, *more))
    rows = [row("a", float(width), seed, accuracy=0.9) for width in range(9) for seed in SEEDS]
    answer = asked(rows, target=["accuracy >= 85 %"])
    assert " and 8 more points have the highest accuracy" in answer.sentence
    assert len(drawn) == 1


@pytest.mark.parametrize(
    ("accuracy", "samples", "told"),
    [
        (0.96, 400, "It may meet accuracy >= 95 % only by chance."),  # 1.96 √(0.96 · 0.04 / 400) = 0.019 > 0.01
        (0.94, 400, "It may miss accuracy >= 95 % only by chance."),
        (0.96, 2000, ""),
        (0.94, 3000, ""),  # 0.0085
    ],
)
def test_a_target_that_test_samples_decide_says_so(accuracy, samples, told):
    remarks = asked(accurate("a", 1e-9, *(accuracy,) * 3), samples=samples, target=["accuracy >= 95 %"]).remarks
    assert [remark for remark in remarks if "by chance" in remark] == ([told] if told else [])


def test_of_those_that_may_miss_a_limit_by_chance_the_nearest_is_named():
    rows = accurate("a", 1e-9, 0.2, 0.9, 0.98) + accurate("b", 2e-9, 0.93, 0.95, 0.94)
    rows += accurate("c", 3e-9, 0.97, 0.97, 0.97)
    answer = asked(rows, samples=400, choose="chip", least="energy_j", where=["accuracy >= 95 %"])
    assert labels(answer)[0] == "c"
    assert "b may miss accuracy >= 95 % only by chance." in answer.remarks


def test_a_side_without_any_point_is_told_and_not_one_that_misses_a_limit():
    rows = accurate("a", 1e-9, 0.9, 0.9) + accurate("b", 1e-9, 0.9, 0.9)
    limit = ["accuracy >= 95 %"]
    nowhere = asked(rows, compare=[{"chip": "a"}, {"chip": "b", "schedule": "no"}], where=limit)
    assert (nowhere.standing, nowhere.sentence) == ("cannot be asked", "No variant of b, no takes part.")
    lost = [one | {"chip": "c", "status": "failed", "reason": "TimeoutError: took longer"} for one in rows[:1]]
    told = {
        "No variant of c takes part: TimeoutError: took longer.": {"compare": ["a", "c"]},
        "No point of the results takes part: TimeoutError: took longer.": {"target": limit, "select": {"chip": "c"}},
        "The results have no point with chip c: TimeoutError: took longer.": {
            "claim": "So it is",
            "column": "accuracy",
            "more": {"chip": "c"},
            "less": {"chip": "a"},
        },
    }
    assert {said: asked([*rows, *lost], **content).sentence for said, content in told.items()} == {s: s for s in told}
    chosen = asked([*rows, *lost], choose="chip", least="energy_j", select={"chip": ["c", "d"]})
    assert (chosen.standing, chosen.remarks) == ("cannot be asked", ("There is no result for c: jobs failed.",))
    neither = asked(rows, compare=["a", "b"], where=limit)
    assert (neither.standing, neither.sentence) == ("not met", "No variant of a and b meets accuracy >= 95 %.")


@pytest.mark.parametrize("column", ["float_accuracy", "latency_steps"])
def test_what_no_number_of_a_chip_would_give_is_not_said_to_be_for_want_of_one(column):
    """Weights that have 32 bits already, and outputs without a spike."""
    rows = [
        one | {"not_modelled": ["latency: a gives no clock"], column: None} for one in accurate("a", 1e-9, 0.9, 0.9)
    ]
    said = asked(rows, choose="chip", most=column).sentence
    assert said in ("The results have no float accuracy for a.", "The results have no steps until output for a.")


def test_of_two_sides_each_whose_seeds_miss_a_limit_is_named():
    rows = accurate("a", 1e-9, 0.96, 0.94, 0.97) + accurate("b", 2e-9, 0.99, 0.9, 0.97)
    remarks = asked(rows, compare=["a", "b"], where=["accuracy >= 95 %"]).remarks
    for side in ("a", "b"):
        assert f"The mean accuracy of {side} meets 95.0 %. In 1 of 3 training seeds it does not." in remarks


def test_a_limit_is_told_with_all_its_digits():
    """One that another point sets is computed, and has three."""
    rows = [row("a", 1.0, seed, accuracy=0.9, latency_s=(1.23 + 0.0038 * seed) * 1e-3) for seed in SEEDS]
    others = [row("b", 1.0, seed, accuracy=0.8, latency_s=(1.2 - 0.01 * seed) * 1e-3) for seed in SEEDS]
    for limit, told in (("< 1.234 ms", "1.234 ms"), ("within 3.72 % of best", "1.23 ms")):
        remarks = asked([*rows, *others], choose="chip", most="accuracy", where=[f"latency_s {limit}"]).remarks
        assert any(f"mean latency meets {told}. In " in remark for remark in remarks), remarks


def test_what_may_miss_a_limit_by_chance_and_is_no_better_is_as_good():
    """And one of which nothing is undecided is better than one with a percent, though not by any factor."""
    rows = accurate("a", 1e-9, 0.96, 0.96, 0.96) + accurate("b", 1e-9, 0.945, 0.945, 0.955)
    alone = asked(rows, choose="chip", least="energy_j", where=["accuracy >= 95 %"])
    assert "b may miss accuracy >= 95 % only by chance." in alone.remarks
    for each in rows:
        each["undecided_fraction"] = 0.01 if each["chip"] == "a" else 0.0
    alone = asked(rows, choose="chip", least="undecided_fraction", where=["accuracy >= 95 %"])
    assert "b may miss accuracy >= 95 % only by chance." in alone.remarks


@pytest.mark.parametrize(("densities", "steps"), [((1.0, 1.0), "sure"), ((1.0, 1.1), "likely")])
@pytest.mark.parametrize("method", ["layered", "given"])
def test_options_that_are_level_in_one_training_are_surely_so_if_their_spikes_are_the_same(densities, steps, method):
    rows = [
        row(chip, 1.0, 0, forward_steps=9.0, spike_density=density, training_method=method)
        for chip, density in zip("ab", densities, strict=True)
    ]
    once, twice = (
        asked(of, choose="chip", least="forward_steps")
        for of in (rows, [*rows, *(one | {"training_seed": 1} for one in rows)])
    )
    assert (once.standing, twice.standing) == (steps, "sure")
    said = {"layered": "One training seed does not", "given": "A given model does not"}[method]
    assert any(remark.startswith(said) for remark in once.remarks) == (steps == "likely")


@pytest.mark.parametrize(("densities", "standing"), [((1.0, 1.0), "sure"), ((1.0, 1.1), "open")])
def test_one_seed_of_two_networks_with_as_many_right_answers_does_not_make_them_level(densities, standing):
    rows = [
        row(chip, 1.0, 0, accuracy=0.9, samples=100, spike_density=density)
        for chip, density in zip("ab", densities, strict=True)
    ]
    chosen = asked(rows, choose="chip", most="accuracy")
    assert (chosen.standing, chosen.sentence) == (standing, "a and b have the same accuracy, 90.0 %.")
    chance = "With 100 samples, chance may hide a difference."
    assert (chance in chosen.remarks) == (standing == "open")
    compared = asked(rows, compare=["a", "b"], columns=["energy_j", "accuracy"])
    assert (" and accuracy (90.0 %)." in compared.sentence) == (standing == "sure")


@pytest.mark.parametrize(("samples", "differ"), [(100, False), (10_000, True)])
@pytest.mark.parametrize("seeds", [(0,), SEEDS])
def test_a_compared_share_that_test_samples_may_decide_is_not_said_to_differ(samples, differ, seeds):
    rows = [
        row(chip, 1.0, seed, accuracy=accuracy + 1e-4 * seed, energy_j=energy, samples=samples)
        for chip, accuracy, energy in (("a", 0.93, 1e-9), ("b", 0.94, 2e-9))
        for seed in seeds
    ]
    sentence = asked(rows, compare=["a", "b"], columns=["energy_j", "accuracy"]).sentence
    told = ["1.0 points less accuracy" in sentence, "It is open whether they differ in accuracy" in sentence]
    assert told == [differ, not differ]


def test_options_that_are_level_on_average_alone_are_not_said_to_be_the_same():
    """(0.85 + 0.95) / 2 = 0.9, and neither seed has it."""
    rows = by_seed("accuracy", a=(0.85, 0.95), b=(0.9, 0.9))
    chosen = asked(rows, choose="chip", most="accuracy")
    assert chosen.sentence.endswith("have the same accuracy on average, 90.0 %.")
    compared = asked(rows, compare=["a", "b"], columns=["accuracy", "samples"])
    widths = [
        row("a", one["axis.width"] + (one["chip"] == "b"), one["training_seed"], accuracy=one["accuracy"])
        for one in rows
    ]
    apart = asked(widths, compare=[{"width": 1}, {"width": 2}], columns=["accuracy"])
    assert apart.sentence == "It is open whether width 1 and width 2 differ in accuracy (90.0 %)."
    same = f"the same samples ({rows[0]['samples']})"
    assert compared.sentence == f"a and b have {same}. It is open whether they differ in accuracy (90.0 %)."
    assert repr(compared) == f"<Answer it: {compared}>"  # in a line, with no points and draws
    assert {(each.standing, each.confidence) for each in (chosen, compared)} == {("open", None)}


def test_the_area_of_one_chip_alone_has_a_range():
    """Half to twice 1 mm² is below 1.2 mm² in ln(2.4) / ln(4) = 63 % of the draws."""
    areas = {"a": (0.5e-6, 1e-6, 2e-6), "b": (None, 1.2e-6, None)}
    rows = [
        row(chip, 1.0, seed, area_low_m2=low, area_m2=area, area_high_m2=high)
        for chip, (low, area, high) in areas.items()
        for seed in SEEDS
    ]
    answer = asked(rows, compare=["a", "b"], columns=["accuracy", "area_m2"])
    assert answer.sentence.endswith("It is open whether they differ in chip area (1 mm² against 1.2 mm²).")
    (area,) = (one.robustness for one in answer.comparisons if one.robustness)
    assert area.probability == pytest.approx(math.log(2.4) / math.log(4), abs=0.01)
    derived = ChipNumber(
        name="area", value_si=1e-6, unit="m**2", text="", confidence="estimated", source=STRUCTURE_CITATION
    )
    facts = ChipFacts(title="a", citation="", synchronization="asynchronous", name="a", numbers=(derived,))
    alone = asked(rows, {"a": facts}, choose="chip", least="area_m2")
    told = "The area of a is derived and counts cores alone; areas that files give may be those of whole chips."
    assert (told in alone.remarks, told in answer.remarks) == (True, False)
    assert "This reverses if the area of a is more than about 1.2 mm² instead of 1 mm²." in alone.remarks


def test_the_most_of_an_energy_is_as_sure_as_the_least():
    rows = rows_of([("a", 1.0, 0.9, 10.0, 5.0), ("b", 1.0, 0.9, 20.0, 5.0)])
    answer = asked(rows, choose="chip", most="energy_j")
    assert (answer.standing, answer.sentence) == (
        "sure",
        "b has the highest energy per sample: at least 20 nJ, 2.00 times more than a.",
    )
    assert answer.comparisons[0].gain.mean == near(10e-9, rel=1e-5)


@pytest.mark.parametrize(("seeds", "common"), [((2, 3), "one"), ((3, 4), "no")])
def test_options_with_few_training_seeds_in_common_say_so(seeds, common):
    """Seeds 0 to 2 of a, and two of b: of one in common there is no spread, of none no difference."""
    rows = [row("a", 1.0, seed, latency_s=1e-6 + 1e-9 * seed) for seed in SEEDS]
    rows += [row("b", 1.0, seed, latency_s=2e-6 + 1e-9 * seed) for seed in seeds]
    chosen = asked(rows, choose="chip", least="latency_s")
    standing = {"one": "likely", "no": "open"}[common]
    assert (labels(chosen)[0], chosen.standing, chosen.confidence) == ("a", standing, None)
    said = {"one": "One training seed in common does not show", "no": "The best and the next have no training seed in"}
    assert any(remark.startswith(said[common]) for remark in chosen.remarks)
    compared = asked(rows, compare=["a", "b"], columns=["latency_s"])
    assert (compared.sentence == "The two sides have no training seed in common.") == (common == "no")


def test_options_of_which_only_a_twin_lacks_seeds_rest_on_those_in_common():
    """a is above c in both seeds, and its twin b has one of them."""
    rows = by_seed("accuracy", a=[0.9] * 3, b=[0.9] * 3, c=[0.5] * 3)
    assert asked(rows, choose="chip", most="accuracy").standing == "sure"
    rows = [one for one in rows if one["chip"] != "b" or one["training_seed"] == 1]
    answer = asked(rows, choose="chip", most="accuracy")
    assert (answer.standing, answer.confidence) == ("likely", None)
    assert any(remark.startswith("One training seed in common does not show") for remark in answer.remarks)


def test_options_that_are_level_in_other_training_seeds_are_not_said_to_be_the_same():
    rows = [row(chip, 1.0, seed, latency_s=1e-6) for chip, seeds in (("a", (0, 1)), ("b", (2, 3))) for seed in seeds]
    answer = asked(rows, choose="chip", least="latency_s")
    assert (answer.standing, answer.sentence) == ("open", "a and b have the same latency on average, 1 µs.")


@pytest.mark.parametrize(
    ("kind", "inference"), [("asynchronous", "layered"), ("clocked", "layered"), ("clocked", "gated")]
)
def test_an_option_that_its_chip_cannot_run_is_told(kind, inference):
    rows = [row("a", width, seed, latency_s=width * 1e-6) for width in (1.0, 2.0) for seed in SEEDS]
    rows += [row("a", 3.0, seed, inference=inference, synchronization=kind, latency_s=1e-7) for seed in SEEDS]
    answer = asked(rows, choose="axis.width", least="latency_s")
    assert labels(answer) == ["width 1", "width 2"]
    assert "Left out: width 3, since the chip's neurons cannot wait." in answer.remarks


@pytest.mark.parametrize(("layered", "told"), [(False, True), (True, False)])
def test_a_schedule_that_does_not_wait_on_a_chip_that_does_is_told(layered, told):
    """Which synchronization is best? Neighbours, with spikes that chips whose layers wait do not have; where all do so,
    nothing is told."""
    kinds = {"asynchronous": 2e-6, "neighbour": 1e-6}
    rows = [row("a", 1.0, seed, synchronization=kind, latency_s=kinds[kind]) for kind in kinds for seed in SEEDS]
    rows = [one | {"axis.kind": one["synchronization"], "inference": "asynchronous"} for one in rows]
    rows = [one | {"equivalent_to_layered": layered} for one in rows]
    said = "does not wait as the chip does; `select: {schedule: chip}` keeps to the chips' own."
    assert (said in asked(rows, choose="axis.kind", least="latency_s").sentence) == told
    alike = [one | {"synchronization": "barrier"} for one in rows]
    assert said not in asked(alike, choose="axis.kind", least="latency_s").sentence


@pytest.mark.parametrize(("latency", "accuracy"), [(1.0, 0.8), (5.5, 0.99)])
def test_what_does_not_compare_wins_nowhere(latency, accuracy):
    """b meets another limit, but its latency in real time says nothing beside a's."""
    rows = rows_of([("a", 1.0, 0.9, 10.0, 5.0), ("a", 2.0, 0.99, 10.0, 6.0), ("b", 1.0, accuracy, 10.0, latency)])
    for operation, wins in (("accelerated", True), ("real_time", False)):
        for each in rows[6:]:
            each["operation"] = operation
        answer = asked(rows, choose="chip", least="latency_s", where=["accuracy >= 85 %"])
        told = " ".join((answer.sentence, *answer.remarks))
        assert ("b wins" in told) == wins


def test_energies_that_are_the_same_on_common_terms_are_not_called_the_same():
    """2 nJ of operations each; a also charges its clock and b updates, and b has no latency."""
    rows = [with_terms("a", seed, synaptic_operation=2.0, clock=0.5) | {"latency_s": 1e-6} for seed in SEEDS]
    rows += [with_terms("b", seed, synaptic_operation=2.0, neuron_update=1.0) for seed in SEEDS]
    chosen = asked(rows, choose="chip", least="energy_j").sentence
    assert chosen.startswith(
        "a and b have the same energy per sample on the terms that both have. The energy of a lacks"
    )
    sides = asked(rows, compare=["a", "b"])
    told = "a and b have the same energy per sample (2 nJ, on the terms that both have) and accuracy (61.8 %)."
    assert sides.sentence.startswith(told)
    assert "No latency is modelled for b." in sides.remarks


def test_what_is_as_good_where_a_limit_is_looser_does_not_win_there():
    """a is as quick as c and more accurate, which comes first in the table, and d is quicker."""
    rows = rows_of([("c", 1.0, 0.9, 5.0, 5.0), ("a", 1.0, 0.95, 10.0, 5.0), ("d", 1.0, 0.95, 20.0, 4.0)])
    limited = asked(rows, choose="chip", least="latency_s", where=["energy_j <= 6 nJ"])
    assert limited.sentence.endswith(
        "c is the only one that meets energy per sample <= 6 nJ, with 5 µs latency. Where 20 nJ "
        "energy per sample is enough, d wins."
    )
    level = asked(rows, choose="chip", least="latency_s", where=["energy_j <= 11 nJ"])
    assert labels(level)[:2] == ["a", "c"]
    assert level.sentence.endswith("Where 20 nJ energy per sample is enough, d wins.")


@pytest.mark.parametrize(
    ("limit", "told", "then"),
    [
        ("accuracy >= 80 %", "Where 73.7 % accuracy is enough, b wins.", "accuracy >= 73.7 %"),  # 73.75 %
        ("accuracy >= 70 %", "Where more than 73.8 % accuracy is needed, a wins.", "accuracy > 73.8 %"),
        ("latency_s <= 4 us", "Where 5.12 µs latency is enough, b wins.", "latency_s <= 5.12 us"),  # 5.114 µs
        ("latency_s <= 6 us", "Where less than 5.11 µs latency is needed, a wins.", "latency_s < 5.11 us"),
    ],
)
def test_a_limit_that_is_told_can_be_copied(limit, told, then):
    rows = rows_of([("a", 1.0, 0.9, 10.0, 3.0), ("b", 1.0, 0.7375, 5.0, 5.114)])
    answer = asked(rows, choose="chip", least="energy_j", where=[limit])
    assert told in f"{answer.sentence} {answer.remarks}"
    assert labels(asked(rows, choose="chip", least="energy_j", where=[then]))[0] == told.partition(", ")[2][0]


def test_true_and_false_are_told_as_a_file_says_them():
    rows = [
        row("a", 1.0, seed, latency_s=(1 + on) * 1e-6) | {"axis.width": str(on)}
        for on in (True, False)
        for seed in SEEDS
    ]
    assert asked(rows, choose="axis.width", least="latency_s").sentence.startswith("Width false has")
    sides = [{"axis.width": True}, {"axis.width": False}]
    assert asked(rows, compare=sides, columns=["latency_s"]).sentence.startswith("Width true has 2.00 times more")


def test_what_a_chip_cannot_execute_meets_a_target_where_it_is_asked_for_by_name():
    chip = {"chip": "mubrain"}
    named = asked(synthetic_rows(), target=["accuracy >= 90 %"], select={**chip, "schedule": "layered"})
    assert named.sentence.startswith("All constraints are met by 3 of 3 points; ")
    for form in ({"target": ["accuracy >= 90 %"]}, {"choose": "recipe", "most": "accuracy"}):
        silent = asked(synthetic_rows(), **form, select={**chip, "layered": True})
        assert silent.sentence == "No point of the results takes part."
        assert "since the chip's neurons cannot wait." in silent.remarks[0]
