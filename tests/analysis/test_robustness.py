from __future__ import annotations

import pytest
from handmade_hardware import near
from synthetic_sweep import Row, loihi_row, mubrain_row, points_of, synthetic_metadata, with_ranges

from codesign.analysis.comparisons.comparison import Comparison, compare
from codesign.analysis.comparisons.robustness import Robustness, quantiles
from codesign.analysis.comparisons.wording import describe_range, describe_tip, tip_sentence
from codesign.analysis.results.formatting import chance_percent, whole_percent
from codesign.analysis.results.metadata import ChipFacts
from codesign.analysis.results.naming import names_of
from codesign.errors import InputError

MICRO = 1e-6


KNOWN = ("uncertain_numbers", "uncertain_low", "uncertain_value", "uncertain_high")


def point(chip: str, seed: int, **columns: object) -> Row:
    """One row of a chip with just an energy, in one term."""
    row = mubrain_row("unlayered_rs", "random", seed, 0)
    kept = {name: value for name, value in row.items() if not name.startswith("energy")}
    kept |= {"chip": chip, "chip_title": chip, "point": f"{chip}{seed}", "energy_coverage": ["synaptic_operation"]}
    return kept | dict.fromkeys((*KNOWN, "energy_at_low_j", "energy_at_high_j"), ()) | columns


def certain(chip: str, seed: int, energy_uj: float, draws: int = 5) -> Row:
    return point(chip, seed, energy_j=energy_uj * MICRO, energy_draws_j=[energy_uj * MICRO] * draws)


def numbers(*each: tuple[str, float, float, float, float, float], column: str = "energy_at_{}_j") -> Row:
    """Columns of uncertain numbers: path, low, value and high, and what the point has at low and high."""
    names = (*KNOWN, column.format("low"), column.format("high"))
    return {name: list(values) for name, values in zip(names, zip(*each, strict=True), strict=True)}


def moving(chip: str, seed: int) -> Row:
    """10 µJ at 10 pJ a synaptic operation, which lies between 8 and 20 pJ."""
    known = numbers(("energies.synaptic_operation", 8e-12, 10e-12, 20e-12, 8 * MICRO, 20 * MICRO))
    return point(chip, seed, energy_j=10 * MICRO, energy_draws_j=[n * MICRO for n in (8, 12, 14, 16, 20)], **known)


def energies(rows: list[Row]) -> Comparison:
    """The energies of the two points, on the terms that both have."""
    one, other = points_of(rows)
    found = compare("energy_j", one, other, more_is_better=False)
    assert found is not None
    return found


def compared(rows: list[Row]) -> tuple[Comparison, Robustness]:
    comparison = energies(rows)
    assert comparison.robustness is not None
    return comparison, comparison.robustness


def tip(comparison: Comparison) -> str:
    return tip_sentence(comparison, names_of([comparison.better, comparison.worse]))


def test_probabilities_and_tip_by_hand():
    rows = [moving("a", 0), moving("a", 1), certain("b", 0, 14), certain("b", 1, 16)]
    comparison, found = compared(rows)
    # Means: b has 15, and 8, 12 and 14 of a's five draws lie below.
    assert found.probability == pytest.approx(3 / 5)
    # The difference is 15 − 10 at 10 pJ and 15 − 20 at 20 pJ: zero at 15 pJ.
    (only,) = found.tips
    assert only.at == near(15e-12)
    assert only.above
    assert only.exact
    assert tip(comparison) == "This reverses if a synaptic operation of a costs more than 15 pJ instead of 10 pJ."
    assert [*found.spreads.values()] == near([(7 + 5) * MICRO])
    assert quantiles(found.worse_draws).tolist() == near([15 * MICRO] * 3)
    assert not found.settled
    assert comparison.better.chip == "a"


def test_draws_of_a_product_are_products_of_draws():
    """10 µJ in 2.7 s against 14 µJ in 2 s: 8·4, 12·4, 14·3, 16·2 and 20·1 against 28 µJ·s, in one less."""
    time = {"latency_s": 2.7, "latency_draws_s": [4, 4, 3, 2, 1], "latency_at_low_s": [3.0], "latency_at_high_s": [2.0]}
    first = moving("a", 0) | time | {"energy_delay_js": 27 * MICRO}
    second = certain("b", 0, 14) | {"latency_s": 2.0, "latency_draws_s": [2.0] * 5, "energy_delay_js": 28 * MICRO}
    a, b = points_of([first, second | dict.fromkeys(("latency_at_low_s", "latency_at_high_s"), ())])
    comparison = compare("energy_delay_js", a, b, more_is_better=False)
    assert comparison.robustness.probability == pytest.approx(1 / 5)
    assert [*comparison.robustness.spreads.values()] == near([(20 * 2 - 8 * 3) * MICRO])


def test_a_number_that_both_sides_share_cancels():
    # The same circuit in two entries of a sweep, one with twice the work: every draw agrees, and no value turns it.
    half, whole = [moving("a", seed) for seed in (0, 1)], []
    for row in half:
        moved = ("energy_draws_j", "energy_at_low_j", "energy_at_high_j")
        twice = {name: [2 * value for value in row[name]] for name in moved}
        whole.append(row | twice | {"energy_j": 20 * MICRO, "chip": "a_busy", "point": row["point"] + "b"})
    comparison, found = compared(half + whole)
    assert found.probability == 1
    assert found.tips == ()
    assert len(found.spreads) == 1
    assert tip(comparison) == ""
    assert quantiles(found.better_draws)[2] > quantiles(found.worse_draws)[0]  # though the ranges overlap


def test_a_tip_of_a_number_that_variants_of_a_chip_share_moves_both():
    """10 µJ at 10 pJ against 3 µJ + 8 µJ at the same place of its range, 8 to 20 µJ of the one and 6.4 to 16 of the
    other: the difference falls from 1 to −1 µJ, and is zero halfway. On the one side alone it would be at 11 pJ."""
    own = ("energies.synaptic_operation", 8e-12, 10e-12, 20e-12, 9.4 * MICRO, 19 * MICRO)
    other = point("b", 0, energy_j=11 * MICRO, energy_draws_j=[9.4 * MICRO] * 5, **numbers(own))
    metadata = synthetic_metadata()
    for chip in "ab":
        metadata.chips[chip] = ChipFacts(title=chip, citation="", synchronization="asynchronous", name="base")
    one, two = points_of([moving("a", 0), other], metadata)
    found = compare("energy_j", one, two, more_is_better=False)
    assert "of both costs more than 15 pJ instead of 10 pJ." in tip(found)
    wider = points_of([moving("a", 0), other | {"uncertain_high": [30e-12]}], metadata)
    assert tip(compare("energy_j", *wider, more_is_better=False)) == ""  # no one value on both


def test_powers_are_in_watts():
    known = numbers(("static_power.chip", 1e-3, 2e-3, 3e-3, 5 * MICRO, 20 * MICRO))
    rows = [
        point("a", 0, energy_j=10 * MICRO, energy_draws_j=[5 * MICRO, 20 * MICRO], **known),
        certain("b", 0, 15, draws=2),
    ]
    comparison, found = compared(rows)
    assert tip(comparison).endswith("more than 2.5 mW instead of 2 mW.")
    assert describe_range(next(iter(found.spreads)), names_of(points_of(rows))).endswith("of a (1 mW to 3 mW)")


def test_a_tip_on_the_other_side_and_the_larger_spread_first():
    known = numbers(
        ("energies.spike", 1e-12, 2e-12, 3e-12, 11.5 * MICRO, 12.5 * MICRO),
        ("energies.synaptic_operation", 5e-12, 10e-12, 11e-12, 7 * MICRO, 12.5 * MICRO),
    )
    known |= {"energy_j": 12 * MICRO, "energy_draws_j": [7 * MICRO, 12 * MICRO]}
    rows = [point("a", seed, **known) for seed in (0, 1)]
    rows += [certain("b", seed, 9.5, draws=2) for seed in (0, 1)]
    comparison, found = compared(rows)
    assert comparison.better.chip == "b"
    # The difference is 2.5 at 10 pJ and −2.5 at 5 pJ: zero at 7.5 pJ.
    said = [describe_tip(tip, names_of(points_of(rows))) for tip in found.tips]
    assert said == ["a synaptic operation of a costs less than 7.5 pJ instead of 10 pJ"]
    assert [number.path for number in found.spreads] == ["energies.synaptic_operation", "energies.spike"]


def test_the_tip_of_the_least_relative_change_comes_first():
    """15 µJ against 10, which become 20 at 10 pJ a spike or 20 pJ an operation: equal at three times 2 pJ, 4 pJ
    away, and at one and a half times 10 pJ, 5 pJ away."""
    known = numbers(
        ("energies.spike", 1e-12, 2e-12, 10e-12, 9 * MICRO, 20 * MICRO),
        ("energies.synaptic_operation", 8e-12, 10e-12, 20e-12, 8 * MICRO, 20 * MICRO),
    )
    moved = point("a", 0, energy_j=10 * MICRO, energy_draws_j=[8 * MICRO, 20 * MICRO], **known)
    found = compared([moved, certain("b", 0, 15, draws=2)])[1]
    assert [tip.at for tip in found.tips] == near([15e-12, 6e-12])


def test_tips_of_times_are_interpolated_and_say_so():
    slow = {"latency_s": 2e-3, "latency_draws_s": [1e-3, 2e-3]}
    slow |= numbers(("times.synaptic_operation", 1e-9, 4e-9, 5e-9, 0.5e-3, 2.5e-3), column="latency_at_{}_s")
    slow |= dict.fromkeys(("energy_at_low_j", "energy_at_high_j"))
    fast = {"latency_s": 1e-3, "latency_draws_s": [1e-3, 1e-3], "latency_at_low_s": [], "latency_at_high_s": []}
    rows = [point("slow", seed, **slow) for seed in (0, 1)] + [point("fast", seed, **fast) for seed in (0, 1)]
    less, more = sorted(points_of(rows), key=lambda one: one.value("latency_s").mean or 0.0)
    comparison = compare("latency_s", less, more, more_is_better=False)
    found = comparison.robustness
    # Difference 1 ms at 4 ns, −0.5 ms at 1 ns: zero at 4 − 3 · 1 / 1.5 = 2 ns.
    told = "This reverses if a synaptic operation of slow takes less than about 2 ns instead of 4 ns."
    assert tip(comparison) == told
    assert found.probability == 0.5  # a tie is no agreement


def test_rows_of_a_point_with_other_ranges_are_an_error():
    rows = [moving("a", 0), certain("a", 1, 10.0), certain("b", 0, 12.0), certain("b", 1, 12.0)]
    with pytest.raises(InputError, match="uncertain_numbers must be the same in all rows of a design point"):
        energies(rows)


def test_matched_terms_have_their_own_draws():
    rows = []
    for seed in (0, 1, 2):
        one, other = mubrain_row("unlayered_rs", "random", seed, 0), loihi_row("unlayered_rs", seed, 0)
        narrow, static = ("energies.synaptic_operation", 0.95, 1.05), ("static_power.chip", 0.1, 100.0)
        rows.append(with_ranges(one, synaptic_operation=("energies.synaptic_operation", 0.5, 2.0)))
        rows.append(with_ranges(other, synaptic_operation=narrow, static_chip=static))
    comparison, found = compared(rows)
    assert comparison.better.chip == "loihi"
    # Static power is left out, so its range does not matter.
    spread = next(of for number, of in found.spreads.items() if number.path == "static_power.chip")
    assert spread == pytest.approx(0, abs=1e-9 * comparison.better_mean)
    assert [tip.number.chip for tip in found.tips] == ["mubrain"]
    shares = {row["chip"]: row["energy_synaptic_operation_j"] for row in rows}
    assert quantiles(found.worse_draws)[2] == pytest.approx(2 * shares["mubrain"], rel=0.05)
    assert quantiles(found.better_draws)[2] == pytest.approx(1.05 * shares["loihi"], rel=0.05)


def test_rows_without_draws_say_nothing_about_them():
    rows = [moving("a", 0) | {"energy_draws_j": None}, certain("b", 0, 20)]
    assert energies(rows).robustness is None
    assert tip(energies(rows)) == ""


def test_shares_are_never_rounded_to_certainty():
    told = {1.0: "100 %", 0.0: "0 %", 0.99999: "> 99 %", 0.00001: "< 1 %", 0.946: "95 %", 0.796: "80 %"}
    assert {of: whole_percent(of) for of in told} == told
    chances = told | {0.946: "94 %", 0.95: "95 %", 0.796: "79 %", 0.8: "80 %", 0.9541: "95 %"}
    assert {of: chance_percent(of) for of in chances} == chances


def test_the_model_s_error_is_no_tip_but_said_with_how_far_off_it_would_have_to_be():
    draws = [10 * MICRO * factor for factor in (0.5, 2.0)]
    known = numbers(("model.energy", 0.5, 1.0, 2.0, 5 * MICRO, 20 * MICRO))
    rows = [point("a", seed, energy_j=10 * MICRO, energy_draws_j=draws, **known) for seed in (0, 1)]
    rows += [certain("b", seed, 15, draws=2) for seed in (0, 1)]
    comparison, found = compared(rows)
    assert (found.probability, found.tips) == (0.5, ())
    assert (comparison.gain.above_zero, found.settled) == (True, False)
    assert tip(comparison).endswith(
        "alone reverses this within its range; a model off by a factor of 1.50 between them would (typically 2.0)."
    )
    both = [point("b", seed, energy_j=15 * MICRO, energy_draws_j=draws, **known) for seed in (0, 1)]
    assert tip(energies([*rows[:2], *both])).endswith("between them would (typically 2.7).")  # 2.0 to the power of √2
    (number,) = found.spreads
    said = describe_range(number, names_of(points_of(rows)))
    assert said == "the model's error in the energy of a (typically a factor of 2.0)"


def test_the_model_s_error_on_one_chip_cancels_between_its_rows():
    known = numbers(("model.energy", 0.5, 1.0, 2.0, 5 * MICRO, 20 * MICRO))
    rows = [point("a", 0, energy_j=10 * MICRO, energy_draws_j=[5 * MICRO, 20 * MICRO], **known)]
    same = numbers(("model.energy", 0.5, 1.0, 2.0, 6 * MICRO, 24 * MICRO))
    rows += [point("a2", 0, energy_j=12 * MICRO, energy_draws_j=[6 * MICRO, 24 * MICRO], **same) | {"chip_title": "a"}]
    comparison, found = compared(rows)
    assert found.probability == 1
    assert found.models == ()
    assert tip(comparison) == ""
