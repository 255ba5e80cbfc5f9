"""What the choice of test samples may have done to shares of them.

The thorough test would catch answers about accuracies that are called sure and are wrong too often.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from made_up_answers import SEEDS, accurate, asked, by_seed, gathered, labels, row

from codesign.analysis.results.samples import accuracy_of_a_choice, lead_by_samples, share_by_samples
from codesign.analysis.results.statistics import half_samples, intervals
from codesign.errors import InputError


def answering(chip, right, **facts):
    """Rows of a chip whose networks answer (seeds, samples) `right`."""
    return [
        row(chip, 1.0, seed, **facts, samples=len(of), accuracy=float(np.mean(of)))
        | {"right_answers": np.packbits(of, bitorder="little").tolist()}
        for seed, of in enumerate(right)
    ]


def test_a_published_interval_of_paired_samples():
    """`ci.prop.ps(.05, 12, 4, 26, 6)` of the R package statpsych: 12 wrong, 4 and 26 right in one alone, 6 right."""
    one = [0] * 12 + [0] * 4 + [1] * 26 + [1] * 6
    other = [0] * 12 + [1] * 4 + [0] * 26 + [1] * 6
    points = gathered(answering("a", [one], spike_density=1.0) + answering("b", [other], spike_density=2.0))
    assert lead_by_samples(*points, "accuracy") == pytest.approx((0.2548067, 0.6251933), abs=1e-6)


def test_the_mean_over_seeds_of_each_sample_is_compared():
    """Of 10 samples, two are gained by one in both of two seeds, and one in one of them: leads of 1, 1, ½ and 0. A seed
    that only one has does not count."""
    points = gathered(
        answering("a", [[1, 1, 1, 0] + [1] * 6, [1, 1, 0, 0] + [1] * 6, [0] * 9 + [1]], spike_density=1.0)
        + answering("b", [[0, 0, 0, 0] + [1] * 6] * 2, spike_density=2.0)
    )
    lead, spread = 2.5 / 12, math.sqrt(((2.25 + 2) / 12 - (2.5 / 12) ** 2) / 12)
    expected = (lead - 1.959964 * spread, lead + 1.959964 * spread)
    assert lead_by_samples(*points, "accuracy") == pytest.approx(expected)


@pytest.mark.parametrize("times", [1.0, 1.05])
@pytest.mark.parametrize("apart", [0, 5])
def test_shares_of_unknown_samples_are_as_far_apart_as_the_sum_of_their_squares_allows(times, apart):
    """90 and 80 % of 98 samples, with one right and one wrong added; with seeds in common or not."""
    rows = [row("a", 1.0, seed, samples=98, agreement=0.9, spike_density=1.0) for seed in SEEDS]
    rows += [row("b", 1.0, seed + apart, samples=98, agreement=0.8, spike_density=2.0) for seed in SEEDS]
    more, less = (0.9 * 98 + 1) / 100, (0.8 * 98 + 1) / 100
    spread = math.sqrt((more * (1 - more) + times**2 * less * (1 - less)) / 100)
    expected = (more - times * less - 1.959964 * spread, more - times * less + 1.959964 * spread)
    assert lead_by_samples(*gathered(rows), "agreement", times) == pytest.approx(expected)


def test_more_samples_are_advised_than_there_are():
    """a misses the last and b the first seven: the interval just holds zero, and 56 would be advised, fewer than 60."""
    samples, missed, enough = 60, 7, 64
    right = np.ones((2, 1, samples), dtype=int)
    right[0, :, -1], right[1, :, :missed] = 0, 0
    rows = answering("a", right[0], spike_density=1.0) + answering("b", right[1], spike_density=2.0)
    told = f"With {samples} samples, such a difference may be chance; about {enough} would tell."
    assert told in asked(rows, choose="chip", most="accuracy").remarks


@pytest.mark.parametrize("asks", [{"choose": "chip", "least": "energy_j"}, {"target": ["energy_j <= 1 nJ"]}])
@pytest.mark.parametrize(
    ("accuracy", "commonest", "told"),
    [(0.066, 0.1, True), (0.13, 0.1, True), (0.135, 0.1, False), (0.965, 0.95, True), (0.98, 0.95, False)],
)
def test_the_best_may_be_no_better_than_the_commonest_class_given_to_all(asks, accuracy, commonest, told):
    """Of 400 samples, (0.13 · 400 + 1) / 402 − 1.96 · 0.01687 is 9.9 %; with 13.5 %, 10.3 %; with 96.5 %, 94.4 %."""
    rows = accurate("a", 1e-9 - 1e-14, *[accuracy] * 3) + accurate("b", 2e-9, 0.99, 0.99, 0.99)
    remarks = asked(rows, samples=400, commonest=commonest, **asks).remarks
    guess = f"right; always giving the commonest class, that of {commonest:.1%} of the samples, may do as well."
    assert any(remark.endswith(guess.replace("%", " %")) for remark in remarks) == told


def test_an_accuracy_on_validation_is_judged_by_the_validation_samples():
    """Of which the metadata have 40, while 10,000 of test are known to answer alike."""
    facts = {"samples": 10_000, "accuracy": 0.9, "right_answers": None}
    rows = [
        row(chip, 1.0, seed, **facts, validation_accuracy=share, spike_density=share)
        for seed in range(3)
        for chip, share in (("a", 0.95), ("b", 0.9))
    ]
    assert any(
        said.startswith("With 40 samples") for said in asked(rows, choose="chip", most="validation_accuracy").remarks
    )
    limited = asked(rows, choose="chip", least="spike_density", where=["validation_accuracy >= 93 %"])
    assert "a may meet validation accuracy >= 93 % only by chance." in limited.remarks


@pytest.mark.parametrize(("gained", "standing"), [(0, "sure"), (4, "likely")])
def test_who_may_be_more_than_a_point_ahead_makes_a_limit_doubtful(gained, standing):
    """a needs less and is level with b, which is right where a is wrong and wrong where a is right in as many of 400
    samples: 1.96 √(2 + 2 · gained) / 402 is 0.7 points, and 1.5."""
    a = np.ones((3, 400), dtype=int)
    a[:, :20] = 0
    b = np.roll(a, gained, axis=1)
    rows = answering("a", a, energy_j=1e-9, spike_density=1.0) + answering("b", b, energy_j=2e-9, spike_density=2.0)
    rows = [one | {"energy_j": one["energy_j"] * (1 + 1e-6 * one["training_seed"])} for one in rows]
    answer = asked(rows, choose="chip", least="energy_j", where=["accuracy within 1 point of best"])
    assert (labels(answer)[0], answer.confidence, answer.standing) == ("a", 1.0, standing)
    told = "a may meet accuracy within 1 point of best only by chance."
    assert (told in answer.remarks) == (standing == "likely")


@pytest.mark.parametrize(
    ("undecided", "samples", "told"), [(0.02, 400, "meet"), (0.02, 10_000, ""), (0.08, 10_000, "")]
)
def test_a_share_of_which_less_is_better_may_be_within_a_point_by_chance(undecided, samples, told):
    """b needs less, and a has 2 % of the samples undecided: 1.96 √(2 · 0.0224 · 0.9776 / 402) is 2.0 points, or 0.4."""
    shares = {"a": (2e-9, 0.02), "b": (1e-9, undecided)}
    rows = [
        row(chip, 1.0, seed, energy_j=energy * (1 + 1e-6 * seed), undecided_fraction=share, spike_density=energy)
        for chip, (energy, share) in shares.items()
        for seed in SEEDS
    ]
    limit = "undecided fraction within 1 point of best"
    answer = asked(rows, samples=samples, choose="chip", least="energy_j", where=[limit.replace(" ", "_", 1)])
    assert labels(answer)[0] == ("a" if undecided > 0.02 else "b")
    assert [one for one in answer.remarks if "by chance" in one] == [f"b may {told} {limit} only by chance."] * bool(
        told
    )


@pytest.mark.parametrize(("shift", "standing"), [(0, "likely"), (16, "sure")])
def test_seeds_that_miss_other_samples_know_a_share_better(shift, standing):
    """96 % of 400 in each of three seeds, against a limit of 94.5 %.

    If they miss the same 16 samples, the mean is off by 1.96 √(0.9577 · 0.0423 / 402) = 2.0 points; if others each, so
    that 48 are right in two, by 1.96 √((352 + 48 · 4/9 + 1) / 402 − 0.9577²) / √402 = 1.2.
    """
    a = np.ones((3, 400), dtype=int)
    for seed in range(3):
        a[seed, shift * seed : shift * seed + 16] = 0
    rows = answering("a", a, spike_density=1.0) + answering("b", np.ones((3, 400), dtype=int), spike_density=2.0)
    energies = {"a": 1e-9, "b": 2e-9}
    rows = [one | {"energy_j": energies[one["chip"]] * (1 + 1e-6 * one["training_seed"])} for one in rows]
    answer = asked(rows, choose="chip", least="energy_j", where=["accuracy >= 94.5 %"])
    assert (labels(answer)[0], answer.standing) == ("a", standing)


@pytest.mark.parametrize(
    ("samples", "least", "standing"), [(50, 0.9434, "likely"), (400, 0.9926, "sure"), (None, 1.0, "sure")]
)
def test_what_is_right_in_few_samples_is_not_certain(samples, least, standing):
    """Of networks that are right in 95 %, 0.95⁵⁰ = 8 % answer all of 50 samples; 51/52 − 1.96 √(51/52 · 1/52 / 52) is
    94.3 %, and of 400 samples 401/402 − 1.96 √(401/402 · 1/402 / 402) = 99.3 %; where nobody knows how many, 100 %."""
    rows = accurate("a", 1e-9, 1.0, 1.0, 1.0) + accurate("b", 2e-9, 0.5, 0.5, 0.5)
    rows = [one | {"samples": samples} for one in rows]
    assert share_by_samples(gathered(rows)[0], "accuracy")[0] == pytest.approx(least, abs=1e-4)
    assert asked(rows, choose="chip", least="energy_j", where=["accuracy >= 95 %"]).standing == standing


@pytest.mark.parametrize(
    ("accuracies", "samples", "half"),
    [
        ((1.0, 1.0, 1.0), 20, 4.302653 * 0.025 / math.sqrt(3)),
        ((0.95, 1.0, 1.0), 20, 4.302653 * 0.05 / 3),  # a deviation of 1 / √3 samples
        ((1.0, 1.0, 1.0), None, 0.0),
        ((1.0,), 20, None),
    ],
)
def test_trainings_with_equally_many_right_answers_are_alike_to_half_a_sample(accuracies, samples, half):
    (point,) = gathered([one | {"samples": samples} for one in accurate("a", 1e-9, *accuracies)])
    found = [point.value(column).half_width for column in ("accuracy", "agreement")]
    assert found == [half if half is None else pytest.approx(half), None if half is None else 0.0]


@pytest.mark.thorough
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize(("mean", "samples"), [(0.9, 60), (0.97, 20), (0.97, 400), (0.99, 100), (0.998, 20)])
def test_an_interval_of_accuracies_holds_the_mean_of_further_trainings(mean, samples, seeds):
    rng, held = np.random.default_rng(seeds), 0
    for _ in range(400):
        hard = math.sqrt(0.7) * rng.standard_normal(samples)
        wanted = np.clip(mean + 0.3 * (1 - mean) * rng.standard_normal(seeds + 500), 0.02, 0.9995)
        limits = np.array([*map(NormalDist().inv_cdf, wanted)])[:, None]
        drawn = hard + math.sqrt(0.3) * rng.standard_normal((len(wanted), samples))
        right = (drawn < limits).mean(axis=1)
        (found,) = intervals(right[:seeds], (0, seeds), half_samples(np.full(seeds, float(samples))))
        held += abs(found.mean - right[seeds:].mean()) <= found.half_width
    print(f"{seeds} seeds, {mean:.1%} of {samples} samples: {held / 4:.1f} %")
    assert held >= 0.9 * 400


def test_the_highest_of_several_is_partly_luck():
    """Of twenty networks that are right in 90 %, the best seems better, unless others choose it than those that it is
    measured on."""
    right = np.random.default_rng(1).random((20, 10, 203)) < 0.9
    rows = [one for chip, of in enumerate(right) for one in answering(f"c{chip}", of, spike_density=1.0 + chip)]
    measured = []
    for seed in range(10):
        for part in range(5):
            here = np.arange(203) % 5 == part
            elsewhere = np.delete(right, seed, axis=1)[:, :, ~here].mean(axis=(1, 2))
            best = right[elsewhere == elsewhere.max(), seed][:, here]
            measured.append(best.mean(axis=0).sum())
    expected = sum(measured) / (10 * 203)
    assert accuracy_of_a_choice(gathered(rows)) == pytest.approx(expected)
    assert expected < 0.91 < right.mean(axis=(1, 2)).max()
    told = f"The highest of several is partly luck: chosen on other seeds and samples, the best has {expected:.1%}"
    said = [one.replace(" %", "%") for one in asked(rows, choose="chip", most="accuracy").remarks]
    assert any(one.startswith(told) for one in said)
    once, twice = (accuracy_of_a_choice(gathered([one for one in rows if one["training_seed"] < n])) for n in (1, 2))
    assert (once is None, twice is None) == (True, False)
    clear = answering("c0", np.ones((10, 203), dtype=int), spike_density=1.0) + rows[10:]
    assert not any("luck" in one for one in asked(clear, choose="chip", most="accuracy").remarks)


def missing(chip, *wrong, energy=1e-9, **facts):
    """Three seeds of a chip that answer all of 400 samples but those in the ranges `wrong`."""
    right = np.ones((3, 400), dtype=int)
    for start, end in wrong:
        right[:, start:end] = 0
    made = answering(chip, right, spike_density=1.0 + sum(map(sum, wrong)), energy_j=energy, **facts)
    return [one | {"energy_j": energy * (1 + 1e-6 * one["training_seed"])} for one in made]


def test_another_than_the_next_best_may_be_ahead():
    """b misses all 20 that a misses and 12 more: 3 points, beyond 1.96 √14 / 402 = 1.8. c misses 33 others: 3.25,
    within 1.96 √55 / 402 = 3.6."""
    rows = missing("a", (0, 20)) + missing("b", (0, 32)) + missing("c", (100, 133))
    assert asked(rows[:6], choose="chip", most="accuracy").standing == "sure"
    answer = asked(rows, choose="chip", most="accuracy")
    assert (labels(answer), answer.standing) == (["a", "b", "c"], "likely")
    assert "With 400 samples, the difference to c may be chance; about 490 would tell." in answer.remarks


def test_a_variant_that_misses_by_chance_leaves_it_open_whether_another_meets_the_limit_or_not():
    """b's cheap variant misses 41 of 400 samples, where 40 are allowed."""
    where = "accuracy >= 90 %"
    cheap, firm = missing("b", (0, 41)), [one | {"axis.width": 2.0} for one in missing("b", (0, 14), energy=2e-9)]
    rows = missing("a", (0, 15), energy=1.2e-9) + cheap
    for more, who in (([], "b"), (firm, "Another variant of b")):
        answer = asked(rows + more, choose="chip", least="energy_j", where=[where])
        assert (labels(answer)[0], answer.standing) == ("a", "likely")
        assert f"{who} may miss {where} only by chance." in answer.remarks


def test_networks_that_answer_all_of_few_samples_are_not_the_same_for_sure():
    rows = [row(chip, 1.0, seed, accuracy=1.0, samples=50) for chip in "ab" for seed in SEEDS]
    for densities, standing in (((1.0, 1.0), "sure"), ((1.0, 2.0), "open"), ((None, None), "open")):
        spiking = [one | {"spike_density": densities["ab".index(one["chip"])]} for one in rows]
        assert asked(spiking, choose="chip", most="accuracy").standing == standing


def test_means_that_differ_by_rounding_alone_are_the_same():
    accuracies = (0.1, 0.2, 0.3)
    assert np.mean(accuracies) != np.mean(accuracies[::-1])
    rows = by_seed("accuracy", a=accuracies, b=accuracies[::-1])
    remarks = asked(rows, samples=400, choose="chip", most="accuracy").remarks
    assert "With 400 samples, chance may hide a difference." in remarks


def test_a_difference_of_just_the_size_asked_for_wants_no_number_of_samples():
    rows = by_seed("accuracy", a=[0.9] * 3, b=[0.85] * 3)
    sides = {"more": {"chip": "a"}, "less": {"chip": "b"}}
    (remark,) = asked(rows, samples=1000, claim="So much", column="accuracy", at_least="5 points", **sides).remarks
    assert remark == "With 1,000 samples, chance may hide a difference."


@pytest.mark.parametrize(
    ("column", "sides", "size", "standings"),
    [
        ("accuracy", "ab", {"or_equal_within": "2 points"}, ("not shown", "holds in part")),  # −1 ± 2.6, and ± 0.8
        ("accuracy", "cb", {"or_equal_within": "2 points"}, ("not shown", "does not hold")),  # −4 ± 2.8, and ± 0.9
        ("accuracy", "bc", {"at_least": "1.02 x"}, ("holds in part", "holds")),  # 90 % less 1.02 · 86 %: 2.3 ± 2.9
        ("accuracy", "cb", {"at_least": "0.98 x"}, ("not shown", "does not hold")),
        ("undecided_fraction", "cb", {"at_least": "2 points"}, ("holds in part", "holds")),  # 4 ± 2.8, and ± 0.9
        ("accuracy_at_output", "ba", {}, ("holds in part", "holds")),  # 1 ± 2.6, and ± 0.8
    ],
)
def test_the_size_that_a_claim_asks_for_may_be_beyond_what_samples_tell(column, sides, size, standings):
    for samples, standing in zip((1000, 10_000), standings, strict=True):
        rows = [
            row(chip, 1.0, seed, samples=samples, accuracy=share + 1e-4 * seed, undecided_fraction=1 - share)
            | {"convergence_accuracy": [share]}
            for chip, share in (("a", 0.89), ("b", 0.9), ("c", 0.86))
            for seed in SEEDS
        ]
        more, less = ({"chip": chip} for chip in sides)
        assert asked(rows, claim="So much", column=column, more=more, less=less, **size).standing == standing


def test_a_claim_about_two_columns_is_not_left_to_samples_as_if_it_were_about_one_and_says_so():
    rows = [row("a", 1.0, seed, accuracy=0.9, drained_accuracy=0.8 + 1e-3 * seed, samples=400) for seed in SEEDS]
    sides = {"more": {"chip": "a"}, "less": {"chip": "a"}, "column_of_less": "drained_accuracy"}
    assert asked(rows, claim="Stopping helps", column="accuracy", **sides).remarks == (
        "Claims about gains or two columns leave out the choice of test samples, which may change the answer.",
    )


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"accuracy": 0.9}, r"right_answers has 40 of 40 samples right, but accuracy is 0\.9"),
        ({"samples": 50}, "right_answers must hold a bit for each of 50 samples, found 5 numbers of 8"),
    ],
)
def test_bits_that_do_not_fit_are_refused(other, message):
    a, b = answering("a", [[1] * 40], spike_density=1.0), answering("b", [[1, 0] * 20], spike_density=2.0)
    with pytest.raises(InputError, match=message):
        lead_by_samples(*gathered([one | other for one in a] + b), "accuracy")


def networks(rng, options, seeds, samples):
    """Accuracies that options have on all samples there are, about 90 %, and (options, seeds, samples) what of some is
    answered right: samples are hard for all, or for an option, and the training seed decides the rest."""
    wanted = 0.9 + 0.02 * rng.standard_normal(options)
    hard = rng.standard_normal(samples)
    true, right = [], []
    for mean in wanted:
        of_seeds = np.clip(mean + 0.01 * rng.standard_normal(4000), 0.02, 0.995)
        true.append(of_seeds.mean())
        own = math.sqrt(0.7) * hard + math.sqrt(0.3) * rng.standard_normal(samples)
        drawn = math.sqrt(0.7) * own + math.sqrt(0.3) * rng.standard_normal((seeds, samples))
        limits = [NormalDist().inv_cdf(share) for share in of_seeds[:seeds]]
        right.append(drawn < np.array(limits)[:, None])
    return np.array(true), np.array(right)


@pytest.mark.thorough
@pytest.mark.parametrize("seeds", [3, 10])
@pytest.mark.parametrize("question", ["highest accuracy", "least energy within a point", "least energy at 90 %"])
def test_a_sure_answer_about_accuracies_is_right(question, seeds):
    """Of 600 choices between three options whose accuracies are known, those that are sure are right as often as they
    say, and are not few."""
    rng, sure, right = np.random.default_rng(seeds), 0, 0
    for _ in range(600):
        true, answers = networks(rng, 3, seeds, 400)
        rows = []
        for option, of in enumerate(answers):
            energies = (1 + 0.3 * option) * (1 + 1e-4 * rng.standard_normal(seeds))
            made = answering(f"c{option}", of, spike_density=1 + 0.01 * option)
            rows += [one | {"energy_j": 1e-9 * energy} for one, energy in zip(made, energies, strict=True)]
        if question == "highest accuracy":
            best = f"c{true.argmax()}"
            answer = asked(rows, choose="chip", most="accuracy")
        else:
            within = question == "least energy within a point"
            enough = np.flatnonzero(true >= (true.max() - 0.01 if within else 0.9))
            best = f"c{enough[0]}" if len(enough) else "nothing"
            limit = "accuracy within 1 point of best" if within else "accuracy >= 90 %"
            answer = asked(rows, choose="chip", least="energy_j", where=[limit])
        if answer.standing == "sure":
            sure += 1
            right += labels(answer)[0] == best
    print(f"{question}, {seeds} seeds: of {sure} sure answers {right} are right")
    assert sure > 30
    assert right >= 0.95 * sure
