"""What answers about times rest on: ranges that move a decision, latencies in real time, values that have no draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_up_answers import SEEDS, asked, labels, row, rows_of

from codesign.analysis.results.metadata import ChipFacts, ChipNumber
from codesign.hardware.terms import AGREEMENT


def ranged(numbers: list[str], **columns: object) -> dict[str, object]:
    """Cells of numbers that are anything from half to twice what they are; of each column, what it has at the low and
    the high end of each, and in draws."""
    made: dict[str, object] = {"uncertain_numbers": numbers}
    made |= {f"uncertain_{end}": [by] * len(numbers) for end, by in (("low", 0.5), ("value", 1.0), ("high", 2.0))}
    for name, (low, high, draws) in columns.items():
        quantity, unit = name.split("_")
        made |= {f"{quantity}_at_low_{unit}": low, f"{quantity}_at_high_{unit}": high}
        made[f"{quantity}_draws_{unit}"] = draws.tolist()
    return made


HANDSHAKE = f"{AGREEMENT}: a gives no synchronization.handshake"
EVEN = (np.arange(128) + 0.5) / 128


@pytest.mark.parametrize("column", ["decision_latency_s", "interval_s"])
def test_times_within_a_latency_move_with_it(column):
    """a's 3 µs of 30 move with its latency from half to twice: at most b's 4.5 µs in ln(3) / ln(4) = 79 % of draws."""
    ranges = ranged(["times.synaptic_operation"], latency_s=([1.5e-5], [6e-5], 1.5e-5 * 4**EVEN))
    a = [row("a", 1.0, seed, latency_s=3e-5, **ranges) | {column: 3e-6} for seed in SEEDS]
    b = [row("b", 1.0, seed, latency_s=1e-5, latency_draws_s=None) | {column: 4.5e-6} for seed in SEEDS]
    expected = pytest.approx(math.log(3) / math.log(4), abs=0.01)
    assert asked([*a, *b], choose="chip", least=column).confidence == expected
    assert asked(a, target=[f"{column} <= 4.5 us"]).confidence == expected


def test_a_latency_in_real_time_is_told_from_the_time_to_an_answer():
    rows = rows_of([("a", 1.0, 0.9, 10.0, 5.0), ("b", 1.0, 0.9, 20.0, 9.0)])
    for operation in ("accelerated", "real_time"):
        answer = asked([one | {"operation": operation} for one in rows], choose="chip", least="latency_s")
        told = any(remark.startswith("Latency is the work on all frames") for remark in answer.remarks)
        assert told == (operation == "real_time")


def test_a_value_without_draws_is_never_sure_and_one_that_is_not_known_is_told():
    rows = [row(chip, 1.0, seed) | {"late_fraction": late} for chip, late in (("a", 0.0), ("b", 0.3)) for seed in SEEDS]
    words = "The ranges of the chips' numbers do not count in late fraction."
    answer = asked(rows, choose="chip", least="late_fraction")
    assert (answer.standing, words in answer.remarks) == ("likely", True)
    assert "30.0 points below b" in answer.sentence
    compared = asked(rows, compare=["a", "b"], columns=["accuracy", "late_fraction"])
    assert words in compared.remarks
    unknown = [one | {"late_fraction": None} for one in rows if one["chip"] == "b"]
    target = asked([*rows[:3], *unknown], target=["late_fraction <= 0"])
    assert target.remarks == ("At 1 point the late fraction is not known.", words)
    why = " (in no sample does an output neuron fire in the last timestep)"
    for latency, because in ((1e-6, why), (None, "")):
        never = [row("a", 1.0, 0) | {"latency_s": latency, "decision_latency_s": None}]
        told = asked(never, target=["decision_latency_s < 1 ms"])
        assert f"At 1 point the decision latency is not known{because}." in told.remarks
        assert told.sentence.endswith(f"its decision latency is not known{because}.")
    limited = asked(rows, choose="chip", least="energy_j", where=["late_fraction <= 0"])
    assert (labels(limited)[0], limited.standing, words in limited.remarks) == ("a", "likely", True)


def test_a_power_moves_with_the_energy_and_with_the_time_that_the_chip_is_on():
    """Energies from half to twice 3 nJ. The chip is late, but on for no less than 20 µs, as long as its input lasts."""
    energies, on_s = 1.5e-9 * 4**EVEN, np.repeat([2e-5, 3e-5, 3e-5, 6e-5], 32)
    moved = {"energy_j": ([1.5e-9], [6e-9], energies), "on_s": ([3e-5], [3e-5], on_s)}
    whole = ranged(["energies.synaptic_operation"], **moved) | {"not_modelled": []}
    rows = [row("a", 1.0, seed, energy_j=3e-9, on_s=3e-5, power_w=1e-4, **whole) for seed in SEEDS]
    met = energies / on_s <= 1.2e-4
    assert asked(rows, target=["power_w <= 120 uW"]).confidence == pytest.approx(met.mean())


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (
            {"assumptions": ["overload: a gives no times.output"]},
            "It is not known whether ticks of a overload, and so whether it meets late fraction <= 0.",
        ),
        (
            {"not_modelled": [HANDSHAKE]},
            f"The late fraction of a leaves out the {HANDSHAKE}. Counting it, late fraction <= 0 may be missed.",
        ),
    ],
)
def test_a_chip_whose_ticks_may_overload_or_that_leaves_out_a_time_may_not_keep_pace(facts, told):
    rows = rows_of([("a", 1.0, 0.9, 10.0, 5.0), ("b", 1.0, 0.9, 20.0, 5.0)])
    rows = [one | {"late_fraction": 0.0, **facts} for one in rows]
    for asks in (
        {"choose": "chip", "least": "energy_j", "where": ["late_fraction <= 0"]},
        {"target": ["late_fraction <= 0"]},
    ):
        assert told in asked(rows, **asks).remarks
    assert told not in asked(rows, target=["energy_j <= 1 uJ"]).remarks


def chips_giving(*given: str) -> dict[str, ChipFacts]:
    """a gives no times of messages, visits and spikes; b gives some."""
    numbers = [
        ChipNumber(name=name, value_si=1.0, unit="s", text="1 s", confidence="stated", source="") for name in given
    ]
    facts = {"citation": "", "synchronization": "asynchronous"}
    in_others = ("times.message", "times.neuron_access", "times.spike")
    return {
        "a": ChipFacts(title="a", **facts, times_in_others=in_others),
        "b": ChipFacts(title="b", **facts, numbers=tuple(numbers)),
    }


LEFT_OUT = {
    "": ([], {}),
    f"The latency of a leaves out the {HANDSHAKE}.": ([HANDSHAKE], {}),
    "The latency of a is too low if its other times do not contain times.spike.": (
        [],
        chips_giving("times.neuron_access", "times.spike"),
    ),
    " ": ([], chips_giving()),  # no other chip gives such a time
}


@pytest.mark.parametrize(("told", "left_out"), LEFT_OUT.items())
def test_a_latency_that_leaves_out_a_time_or_may_shows_nothing_for_sure(told, left_out):
    """a's 20 µs against b's 40. That b's energy is higher, and its latency above a limit, is not in doubt."""
    not_modelled, chips = left_out
    open_ = bool(told.strip())
    rows = rows_of([("a", 1.0, 0.9, 10.0, 20.0), ("b", 1.0, 0.9, 12.0, 40.0)])
    rows = [one | {"not_modelled": not_modelled if one["chip"] == "a" else []} for one in rows]
    fastest = asked(rows, chips, choose="chip", least="latency_s")
    at_least = "at least " * bool(not_modelled)
    assert fastest.sentence == f"a has the least latency: {at_least}20 µs, 2.00 times less than b. {told}".strip()
    slowest = asked(rows, chips, choose="chip", most="latency_s")
    limited = asked(rows, chips, choose="chip", least="energy_j", where=["latency_s <= 30 us"])
    slow = asked(rows, chips, choose="chip", least="energy_j", where=["latency_s >= 15 us"])
    expected = "likely" if open_ else "sure"
    assert [each.standing for each in (fastest, slowest, limited)] == [expected] * 3
    assert slow.standing == ("likely" if not_modelled else "sure")  # the static energy of that time
    target = asked(rows, chips, target=["latency_s <= 30 us"])
    missed = f"{told} Counting it, latency <= 30 us may be missed."
    assert [missed in each.remarks for each in (limited, target)] == [open_] * 2
    assert target.how_sure == ("met" if open_ else "met, 100 %")
    assert not any("may be missed" in remark for remark in slow.remarks)
    compared = asked(rows, chips, compare=["a", "b"], columns=["accuracy", "latency_s"])
    assert ("It is open whether they differ in latency (20 µs against 40 µs)." in compared.sentence) == open_
    assert (told in compared.remarks) == open_


@pytest.mark.parametrize("size", [{}, {"about": "2 x"}, {"at_least": "1.5 x"}, {"or_equal_within": "1 us"}])
@pytest.mark.parametrize(("told", "left_out"), LEFT_OUT.items())
def test_a_claim_about_a_latency_that_leaves_out_a_time_or_may_is_not_shown_in_full(told, left_out, size):
    not_modelled, chips = left_out
    rows = rows_of([("a", 1.0, 0.9, 10.0, 20.0), ("b", 1.0, 0.9, 12.0, 40.0)])
    rows = [one | {"not_modelled": not_modelled if one["chip"] == "a" else []} for one in rows]
    sides = {"claim": "It is so", "column": "latency_s", **size}
    shown = asked(rows, chips, more={"chip": "b"}, less={"chip": "a"}, **sides)
    refuted = asked(rows, chips, more={"chip": "a"}, less={"chip": "b"}, **sides)
    open_ = bool(told.strip())
    expected = ("holds in part", "not shown") if open_ else ("holds", "does not hold")
    assert (shown.standing, refuted.standing) == expected
    assert [told in each.remarks for each in (shown, refuted)] == [open_] * 2
    assert not any("draws" in remark for remark in (*shown.remarks, *refuted.remarks))
