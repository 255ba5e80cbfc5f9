from __future__ import annotations

import re
from dataclasses import replace

import pytest
from synthetic_sweep import (
    Row,
    accuracies,
    loihi_row,
    mubrain_row,
    points_of,
    synthetic_metadata,
    synthetic_rows,
    truenorth_row,
)

from codesign.analysis.metadata import ResultMetadata
from codesign.hardware.terms import BOOKS, COST_TERMS, weight
from codesign.reporting.claims import Claim
from codesign.reporting.verdict import equivalence_note, headlines, verdict


def claims(rows: list[Row], metadata: ResultMetadata | None = None) -> dict[str, Claim]:
    return {claim.name: claim for claim in verdict(points_of(rows, metadata))}


def test_the_papers_effect_by_hand():
    # Differences 0.30, 0.32, 0.34: mean 0.32, deviation 0.02, half width 4.302653 * 0.02 / sqrt(3) = 0.04968.
    rows = accuracies({("layered", "layered"): [0.9, 0.92, 0.94], ("layered", "random"): [0.6, 0.6, 0.6]})
    effect = claims(rows)["effect"]
    assert effect.status == "holds"
    assert "falls by 32.0 points" in effect.sentence
    assert "60.0 %" in effect.sentence
    assert "92.0 %" in effect.sentence
    assert "95 % interval 27.0 to 37.0" in effect.sentence
    assert "3 training seeds" in effect.sentence


def test_claims_about_training_pass_calibrated_models_by():
    """Which lose less and would make the effect hold in part only, or deny that unlayered training recovers it."""
    rows = accuracies(
        {
            ("layered", "layered"): [0.9, 0.91, 0.92],
            ("layered", "random"): [0.6, 0.61, 0.62],
            ("unlayered_rs", "random"): [0.8, 0.81, 0.82],
        }
    )
    calibrated = [
        {**row, "recipe": "calibrated", "point": f"c{row['point'][1:]}", "accuracy": 0.9 + row["training_seed"] / 100}
        for row in rows
        if row["recipe"] == "layered"
    ]
    metadata = replace(
        synthetic_metadata(),
        recipes={"layered": {}, "unlayered_rs": {}, "calibrated": {"method": "layered", "calibration": "random"}},
    )
    names = ("effect", "recovery")
    alone, beside = claims(rows), claims([*rows, *calibrated], metadata)
    assert [beside[name].status for name in names] == ["holds", "holds"]
    assert [beside[name].sentence for name in names] == [alone[name].sentence for name in names]


def test_sparsity_is_not_taken_for_asynchrony():
    """A remark where unlayered training alone made spikes cost something."""
    rows = accuracies({("layered", "layered"): [0.9, 0.91], ("layered", "random"): [0.6, 0.61]})
    rows += accuracies({("unlayered_rs", "random"): [0.8, 0.81]})
    for charged in ((), ("unlayered_rs",), ("layered", "unlayered_rs")):
        priced = [row | {"training_cost": "0.06" if row["recipe"] in charged else None} for row in rows]
        for name in ("recovery", "parity"):
            sentence = claims(priced)[name].sentence
            said = "cost something in the training of unlayered_rs and nothing in that of layered:" in sentence
            assert said == (charged == ("unlayered_rs",))


@pytest.mark.parametrize(
    ("layered", "others", "status", "says"),
    [
        ((0.9, 0.8, 0.7), {"random": (0.7, 0.8, 0.89)}, "not shown", "includes zero"),
        (
            (0.5, 0.51, 0.52),
            {"random": (0.9, 0.91, 0.92)},
            "not shown",
            "−40.0 points .* lies on the other side of zero",
        ),
        (
            (0.9, 0.91, 0.92),
            {"random": (0.6, 0.61, 0.62), "momentum": (0.9, 0.92, 0.91)},
            "holds in part",
            "in 1 of 2 comparisons the interval excludes zero",
        ),
    ],
)
def test_an_effect_that_is_not_there_or_denied_by_one_schedule(layered, others, status, says):
    runs = {("layered", inference): seeds for inference, seeds in {"layered": layered, **others}.items()}
    effect = claims(accuracies(runs))["effect"]
    assert effect.status == status
    assert re.search(says, effect.sentence)


def test_one_training_seed_shows_nothing():
    found = claims(synthetic_rows(seeds=(0,)))
    assert found["effect"].status == "not shown"
    assert "one training seed gives no interval" in found["effect"].sentence
    assert "no interval: one training seed" in found["effect"].sentence
    assert {claim.status for claim in found.values()} <= {"not shown", "cannot be asked"}


def test_recovery_and_parity_take_models_trained_for_the_schedule():
    found = claims(synthetic_rows())
    recovery = found["recovery"]
    assert recovery.status == "holds"
    assert {(c.better.recipe, c.better.schedule) for c in recovery.comparisons} == {
        ("unlayered_rs", "async_random"),
        ("unlayered_ms", "async_momentum"),
    }
    # 0.963 - 0.655 and 0.956 - 0.625.
    assert "30.8 to 33.1 points" in recovery.sentence
    # 0.956 - 0.949 and 0.963 - 0.949.
    assert "0.7 to 1.4 points" in found["parity"].sentence


def test_density_and_latency_are_ratios_to_layered_training_with_layered_inference():
    found = claims(synthetic_rows())
    assert found["spike_density"].status == "holds"
    # 1.476 / 3.987 and 1.504 / 3.987.
    assert "0.370 to 0.377 times" in found["spike_density"].sentence
    assert "0.250 to 0.317 times" in found["latency_spikes"].sentence
    assert "steps are not equal work" in found["latency_steps"].sentence
    assert "latency_s" not in found


def test_repeated_prices_of_the_same_spikes_are_not_more_evidence():
    rows = [
        mubrain_row("layered", inference, seed, 0) | {"axis.energy": energy, "point": f"{inference}{seed}{energy}"}
        for inference in ("layered", "random")
        for seed in (0, 1, 2)
        for energy in (1.0, 2.0)
    ]
    assert len(claims(rows)["effect"].comparisons) == 1


def test_a_layered_run_on_another_chip_serves_accuracy_but_not_time():
    rows = [loihi_row("layered", seed, 0) | {"weight_bits": 4} for seed in (0, 1, 2)]
    for recipe in ("layered", "unlayered_rs"):
        rows += [mubrain_row(recipe, "random", seed, 0) | {"latency_s": 1e-3} for seed in (0, 1, 2)]
    found = claims(rows)
    assert found["effect"].comparisons[0].better.chip == "loihi"
    assert "latency_s" not in found


def test_rows_that_cannot_answer_say_so():
    found = claims([mubrain_row("layered", "layered", seed, 0) for seed in (0, 1)])
    assert set(found) == {"effect", "recovery", "parity"}
    assert {claim.status for claim in found.values()} == {"cannot be asked"}


def chip_claims(rows: list[Row]) -> list[Claim]:
    return [claim for claim in verdict(points_of(rows)) if claim.name.startswith("chip")]


def test_chips_are_ranked_on_matched_terms_only():
    energy = [c for c in chip_claims(synthetic_rows()) if c.name == "chip energy"]
    matched, refused = energy
    assert matched.title == "Energy: loihi against mubrain"
    assert "matched terms (synaptic operation)" in matched.sentence
    assert "left out: barrier message, hop, neuron update, spike and static of loihi" in matched.sentence
    comparison = matched.comparisons[0]
    term = {p.chip: p.term("synaptic_operation").mean for p in (comparison.better, comparison.worse)}
    assert comparison.better_mean == pytest.approx(term[comparison.better.chip])
    assert refused.status == "cannot be asked"
    assert "loihi against truenorth, mubrain against truenorth" in refused.title
    assert "cannot be split into terms" in refused.sentence
    assert not refused.comparisons


def test_equal_coverage_compares_the_whole_energy():
    rows = [mubrain_row("unlayered_rs", "random", seed, 0) for seed in (0, 1, 2)]
    rows += [row | {"chip": "half", "energy_j": row["energy_j"] / 2, "point": row["point"] + "h"} for row in rows]
    (energy, latency) = chip_claims(rows)
    assert energy.status == "holds"
    assert "equal coverage" in energy.sentence
    assert energy.comparisons[0].better.chip == "half"
    assert energy.comparisons[0].ratio == pytest.approx(2)
    assert "projection" in energy.sentence
    assert latency.status == "cannot be asked"
    assert "no time is modelled for half and mubrain" in latency.sentence


def test_a_term_within_another_is_not_left_out_by_mistake():
    def sweep(included: dict[str, object]) -> Claim:
        rows = [mubrain_row("unlayered_rs", "random", seed, 0) for seed in (0, 1, 2)]
        rows += [row | {"chip": "other", "point": row["point"] + "o"} | included for row in rows]
        return next(c for c in chip_claims(rows) if c.name == "chip energy")

    # Neuron updates are within synaptic operations here, and the other chip has none: nothing matches.
    refused = sweep({"energy_coverage": ["synaptic_operation", "neuron_update"]})
    assert refused.status == "cannot be asked"
    assert "hold neuron update within other terms" in refused.sentence
    # Told apart, they can be left out.
    told = sweep({"energy_coverage": ["synaptic_operation", "neuron_update"], "energy_neuron_update_j": 1e-9})
    assert "left out: neuron update of other" in told.sentence


def powered(row: Row, core_share: float, **terms: float) -> Row:
    """An energy of these terms, in both books."""
    columns = {COST_TERMS[name].column: value for name, value in terms.items()}
    share = sum(weight(COST_TERMS[name], BOOKS["cores_in_use"], core_share) * value for name, value in terms.items())
    said = {"energy_coverage": ["synaptic_operation", "static"], "core_share": core_share}
    return row | columns | said | {"energy_j": sum(terms.values()), "energy_cores_in_use_j": share}


@pytest.mark.parametrize(
    ("book", "less", "means", "whose", "parts_known"),
    [
        (
            "board",
            "mubrain",
            (4e-9, 48e-9),
            "Energy of the whole board, on equal coverage",
            "chip, core in use, core off and host",
        ),
        # Of loihi's chips a 32nd, cores in use whole, and nothing of the others and of the host.
        (
            "cores_in_use",
            "loihi",
            (3.5e-9, 4e-9),
            "Energy of the cores in use, on equal coverage",
            "chip and core in use",
        ),
    ],
)
def test_both_sides_of_a_comparison_count_the_same_static_power(book, less, means, whose, parts_known):
    parts = {"static_chip": 32e-9, "static_core_in_use": 0.5e-9, "static_core_off": 8.5e-9, "static_host": 5e-9}
    rows = []
    for seed in (0, 1):
        chip = powered(loihi_row("layered", seed, 0), 1 / 32, synaptic_operation=2e-9, **parts)
        rows += [chip | {"energy_barrier_j": None, "energy_hop_j": None, "energy_spike_j": None}]
        whole = powered(mubrain_row("layered", "random", seed, 0), 1.0, synaptic_operation=1e-9, static_chip=3e-9)
        rows += [whole]
    found = claims(rows, replace(synthetic_metadata(), static_book=book))["chip energy"]
    (comparison,) = found.comparisons
    assert comparison.better.chip == less
    assert (comparison.better_mean, comparison.worse_mean) == pytest.approx(means)
    assert whose in found.sentence
    assert f"are known: of loihi {parts_known}; of mubrain chip." in found.sentence


def test_static_power_that_a_book_does_not_count_is_not_covered():
    rows = []
    for seed in (0, 1):
        chip = powered(loihi_row("layered", seed, 0), 1 / 32, synaptic_operation=2e-9, static_host=5e-9)
        static = {COST_TERMS[f"static_{part}"].column: None for part in ("chip", "core_in_use", "core_off")}
        rows += [chip | static | {"energy_barrier_j": None, "energy_hop_j": None, "energy_spike_j": None}]
        rows += [powered(mubrain_row("layered", "random", seed, 0), 1.0, synaptic_operation=1e-9, static_chip=3e-9)]
    for book, basis in (
        ("board", "on equal coverage"),
        ("cores_in_use", "on matched terms (synaptic operation); left out: static of mubrain"),
    ):
        assert basis in claims(rows, replace(synthetic_metadata(), static_book=book))["chip energy"].sentence


def test_many_chip_comparisons_have_one_headline():
    rows = synthetic_rows()
    rows += [
        r | {"chip": "twin", "point": r["point"] + "t"} for r in rows if r["chip"] == "loihi" and r["status"] == "ok"
    ]
    found = verdict(points_of(rows))
    short = headlines(found)
    assert [claim.name for claim in short if claim.name.startswith("chip")] == ["chips"]
    assert "Energy of the whole board on matched terms: loihi 7.133 µJ against mubrain 7.311 µJ" in short[-1].sentence
    assert len(found) > len(short)


def test_latency_names_its_models_and_both_forms_of_the_barrier():
    (latency,) = [c for c in chip_claims(synthetic_rows()) if c.title == "Latency: loihi against truenorth"]
    assert "loihi: barrier per timestep, pipelined" in latency.sentence
    assert "With one barrier a layer a timestep, the paper's form, loihi takes 610 µs" in latency.sentence


def test_schedules_that_are_layered_by_another_name_are_flagged():
    assert equivalence_note(points_of([mubrain_row("layered", "layered", 0, 0)])) is None
    disguised = mubrain_row("layered", "random", 0, 0) | {"schedule": "paper_table5", "equivalent_to_layered": True}
    points = points_of([disguised])
    note = equivalence_note(points)
    assert note is not None
    assert "paper_table5 on mubrain" in note
    assert points[0].layered
    assert truenorth_row("layered", 0, 0)["equivalent_to_layered"] is False
