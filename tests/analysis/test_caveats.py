"""What is said beside an answer, or left out of it: chips that drop spikes or were enlarged, areas, wide ranges."""

from __future__ import annotations

import pytest
from handmade_hardware import near
from made_up_answers import SEEDS, accurate, asked, labels, row, rows_of, with_terms
from synthetic_sweep import synthetic_rows, table_of, with_ranges

from codesign.analysis.answers.remarks import OVER_BUDGET, over_budget, silent_networks


@pytest.mark.parametrize(("model", "kept"), [("drops", ["b"]), ("stretches", ["a", "b"])])
def test_a_chip_that_drops_spikes_is_left_out(model, kept):
    """What a dropped spike would have changed is in neither accuracy nor cost."""
    rows = rows_of([("a", 1.0, 0.9, 1.0, 1.0), ("b", 1.0, 0.9, 2.0, 2.0)])
    for each in rows[: len(SEEDS)]:
        each |= {"synchronization": "timer", "latency_model": f"timer, overload {model}", "overloaded_ticks": 0.1}
    forms = ({"choose": "chip", "least": "latency_s"}, {"choose": "chip", "most": "accuracy"})
    forms = (*forms, {"target": ["accuracy >= 90 %"]}, {"compare": ["a", "b"]})
    answers = [asked(rows, **form) for form in forms]
    assert [option.label for option in answers[0].options] == kept
    assert f" met by {len(kept)} of {len(kept)} point" in answers[2].sentence
    for answer in answers:
        told = " ".join((answer.sentence, *answer.remarks))
        assert ("Left out: 1 point of a, since the chip drops spikes, which is not simulated." in told) == (
            model == "drops"
        )


@pytest.mark.parametrize(
    ("low", "less", "below_3", "standing"), [(0.9, 0.924, 0.868, "likely"), (1.99, 1.0, 0.296, "sure")]
)
def test_areas_are_drawn_from_their_ranges(low, less, below_3, standing):
    """a has 1 mm², b log-uniformly `low` mm² to 4 times as much: 0.9 · 4^u > 1 in 1 - ln(1/0.9)/ln 4 of the draws."""
    sizes = {"a": (1.0, 1.0, 1.0), "b": (low, 2.0, 4 * low)}
    names = ("area_low_m2", "area_m2", "area_high_m2")
    rows = [
        row(chip, 1.0, seed, **dict(zip(names, (1e-6 * each for each in ends), strict=True)))
        for chip, ends in sizes.items()
        for seed in SEEDS
    ]
    answer = asked(rows, choose="chip", least="area_m2")
    assert (answer.confidence, answer.standing) == (pytest.approx(less, abs=0.01), standing)
    # At most 3 mm²: 0.9 · 4^u < 3 where u < 0.868, 1.99 · 4^u where u < 0.296.
    limited = asked(rows, choose="chip", most="accuracy", where=["area_m2 <= 3 mm**2"], select={"chip": "b"})
    assert limited.confidence == pytest.approx(below_3, abs=0.01)
    # Variants of one chip lie at the same place of their ranges.
    for each in rows:
        each |= {"chip": "a", "axis.width": each["area_m2"], "chip_title": "a"}
        each |= {"area_low_m2": 0.5 * each["area_m2"], "area_high_m2": 2 * each["area_m2"]}
    assert asked(rows, choose="axis.width", least="area_m2").standing == "sure"


def test_products_of_energy_and_time_compare_on_the_terms_that_both_have():
    """b charges more and yet comes to less: 2 nJ · 1 µs against 3 nJ · 1 µs, and on common terms 1.5 against 3."""
    rows = [with_terms("a", seed, synaptic_operation=3.0) for seed in SEEDS]
    rows += [with_terms("b", seed, synaptic_operation=1.5, clock=0.5) for seed in SEEDS]
    for each in rows:
        each |= {"latency_s": 1e-6, "energy_delay_js": each["energy_j"] * 1e-6}
    answer = asked(rows, choose="chip", least="energy_delay_js")
    assert labels(answer) == ["b", "a"]
    assert (answer.options[1].factor, answer.options[1].obstacle) == (near(2.0), "on synaptic operation only")
    assert "2 fJ·s, 2.00 times less than a on the terms that both have" in answer.sentence
    compared = asked(rows, compare=["b", "a"], columns=["energy_delay_js", "energy_j"])
    assert compared.sentence.startswith("b has 2.00 times less energy-delay product (on the terms that both have) and")


def test_draws_that_speak_for_another_option_are_told():
    """a takes 2 nJ or more, up to 20 nJ; b 3 nJ: a is below in ln(1.5) / ln(10) = 18 % of the draws."""
    rows = []
    for seed in SEEDS:
        rows.append(row("b", 1.0, seed, energy_j=3e-9))
        least = row("a", 1.0, seed, energy_j=2e-9)
        rows.append(with_ranges(least, synaptic_operation=("energies.synaptic_operation", 1.0, 10.0)))
    answer = asked(rows, choose="chip", least="energy_j")
    assert (answer.standing, labels(answer)[0]) == ("open", "a")
    assert answer.confidence == pytest.approx(0.176, abs=0.01)
    assert "But in 82 % of training seeds and draws of the chips' numbers it is b." in answer.sentence


def test_seeds_that_speak_for_another_option_are_told_without_draws():
    """An accuracy has none, and a is ahead on average by one seed alone."""
    rows = accurate("a", 1e-9, 0.99, 0.9, 0.9) + accurate("b", 1e-9, 0.91, 0.91, 0.91)
    answer = asked(rows, choose="chip", most="accuracy")
    assert answer.sentence.endswith("But in 67 % of training seeds it is b.")


FLOATS = "evaluated with 32-bit floating-point weights; the chip holds 4-bit weights"


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("the network needs 9 neurons; counts lifted", "a is enlarged, at published prices."),
        ("the chip has 4; cores added", "a is enlarged, at published prices."),
        (FLOATS, f"a is {FLOATS}, which its energy is for."),
    ],
)
def test_a_chip_that_was_enlarged_or_run_with_floats_is_told(how, told):
    rows = rows_of([("a", 1.0, 0.9, 1.0, 1.0), ("b", 1.0, 0.9, 2.0, 2.0)])
    for each in rows:
        each["assumptions"] = [f"a scaled: {how}" if each["chip"] == "a" else "b spans 2 chips; nothing else is added"]
    chosen = asked(rows, choose="chip", least="energy_j")
    assert told in (chosen.sentence.partition(". ")[2], *chosen.remarks)
    assert told in asked(rows, compare=["b", "a"], columns=["energy_j"]).sentence
    other = asked(rows, choose="chip", least="energy_j", select={"chip": "b"})
    assert told.removeprefix("a") not in " ".join((other.sentence, *other.remarks))


@pytest.mark.parametrize(("samples", "told"), [(400, False), (400_000, True)])
def test_a_switch_of_one_seed_is_more_than_its_test_samples_may_bring_about(samples, told):
    """A quarter of a point of 400 samples is one sample."""
    rows = [
        row(chip, 1.0, 0, accuracy=accuracy, energy_j=energy, samples=samples)
        for chip, accuracy, energy in (("a", 0.945, 1e-9), ("b", 0.9475, 2e-9))
    ]
    answer = asked(rows, choose="chip", least="energy_j")
    assert any("is needed, b wins" in said for said in (answer.sentence, *answer.remarks)) == told


@pytest.mark.parametrize(
    "form", [{"choose": "axis.width", "least": "latency_s"}, {"compare": [{"axis.width": 1}, {"axis.width": 2}]}]
)
def test_options_that_are_best_on_different_chips_say_so(form):
    """Width 1 is best on a with 1 µs, width 2 on b with 3 µs."""
    rows = rows_of(
        [("a", 1.0, 0.9, 1.0, 1.0), ("a", 2.0, 0.9, 9.0, 9.0), ("b", 1.0, 0.9, 4.0, 4.0), ("b", 2.0, 0.9, 3.0, 3.0)]
    )
    told = "Width 1 is at its best on a and width 2 on b; select one chip to compare on it."
    for select, said in (({}, True), ({"chip": "a"}, False)):
        columns = {"columns": ["latency_s"]} if "compare" in form else {}
        assert (told in asked(rows, **form, **columns, select=select).sentence) == said
    assert "at its best" not in asked(rows, choose="chip", least="latency_s").sentence


def test_few_points_that_answer_few_samples_or_none_are_named():
    """Two rows are one point; of all points, or of many, no name helps."""
    mute = {"undecided_fraction": 1.0, "accuracy": 0.0}
    rows = [row for row in synthetic_rows((0,)) if row["status"] == "ok"]

    def told(*silent: tuple[str, str]) -> str:
        made = [one | (mute if (one["chip"], one["recipe"]) in silent else {}) for one in rows]
        return silent_networks(table_of(made)).partition(" Likely: ")[0]

    assert told() == ""
    two = "No sample has an output spike in 2 of 30 rows"
    assert told(("loihi", "layered")) == f"{two}: Loihi, the chip's own schedule (layered training)."
    mute["undecided_fraction"] = 0.6
    most = "Most samples have no output spike, which counts as wrong, in 2 of 30 rows"
    assert told(("loihi", "layered")) == f"{most}: Loihi, the chip's own schedule (layered training)."
    mute["undecided_fraction"] = 0.5
    assert told(("loihi", "layered")) == ""
    mute["undecided_fraction"] = 1.0
    everything = {(one["chip"], one["recipe"]) for one in rows}
    assert told(*everything).endswith(" in 30 of 30 rows.")
    assert told(*(everything - {("loihi", "layered")})).endswith(" in 28 of 30 rows.")


@pytest.mark.parametrize("saturate", [True, False])
def test_networks_that_never_answer_may_have_too_few_potential_bits(saturate):
    (row,) = rows_of([("a", 1.0, 0.0, 10, 5)], 1)
    row |= {
        "undecided_fraction": 1.0,
        "assumptions": ["a: potentials saturate at 16 bits, counted in steps"] * saturate,
    }
    assert ("Likely: potentials that saturate below the threshold" in silent_networks(table_of([row]))) == saturate
    row |= {"input_events": 0.0, "input_macs": 0.0}
    assert silent_networks(table_of([row])).endswith("Samples have no input there: no event falls into their timesteps")


def test_models_over_their_budget_are_counted_and_named():
    rows = [row for row in synthetic_rows((0,)) if row["status"] == "ok"]
    assert over_budget(table_of(rows)) == ""
    over = [row for row in rows if row["recipe"] == "layered"]
    for one in over:
        one["assumptions"] = [f"{OVER_BUDGET}density 1"]
    assert over_budget(table_of(rows)).startswith(
        f"In {len(over)} of 30 rows, no epoch of the training of 'layered' kept"
    )


@pytest.mark.parametrize(
    ("methods", "seeds", "wanted"),
    [(("given", "layered"), 3, False), (("given", "layered"), 1, True), (("given", "given"), 1, False)],
)
def test_more_seeds_are_asked_for_where_there_may_be_more(methods, seeds, wanted):
    """A given model is the same in each seed of another, and two of them have none."""
    rows = rows_of([("a", 1.0, 0.92, 10, 5)], 1) + rows_of([("b", 1.0, 0.92, 12, 5)], seeds)
    rows = [one | {"training_method": methods["ab".index(one["chip"])]} for one in rows]
    remarks = asked(rows, choose="chip", least="energy_j").remarks
    assert any(remark.startswith("One training seed ") for remark in remarks) == wanted
