from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from handmade_hardware import SYNCHRONIZATIONS, chip_from, cost_of, group, mesh, number
from handmade_hardware import near as nearly
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pricing_properties import priced

import codesign as cd
from codesign.analysis.results.books import in_book
from codesign.analysis.results.columns import COLUMNS
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.parameters import replaced, with_parameter
from codesign.hardware.cost.uncertainty import uncertain_numbers, uncertainty_columns
from codesign.hardware.draws import DRAWS, draws_of
from codesign.hardware.terms import COST_TERMS

Columns = dict[str, Any]
BARRIER = "{by_tiles: {1: 1 us, 4: 4 us}, confidence: fitted, source: made_up}"


near = partial(nearly, rel=1e-5)
"""Equal but for the rounding of draws."""


def told(value: str, confidence: str, **more: object) -> str:
    return number(value, **more).replace("confidence: stated", f"confidence: {confidence}")


def simple(more: str = "", synchronization: str = "{kind: asynchronous}", **energies: str) -> cd.Chip:
    return chip_from(
        f"""
cores: {number(1)}
layers_share_core: true
vector_width: {number(1)}
synchronization: {synchronization}
{group("energies", **energies)}{more}"""
    )


def at(chip: cd.Chip, values: dict[str, float]) -> cd.Chip:
    """The chip with other numbers, which need not fit each other, without any arithmetic of the module under test."""
    changed = chip
    for path, value in values.items():
        given = attrgetter(path)(chip)
        if isinstance(given, BarrierTimes):
            written: object = f"x{value / given.by_tiles[max(given.by_tiles)]!r}"
        elif getattr(given, "cycles", None) is not None:
            written = value * chip.clock.value
        else:
            written = f"{value!r} {given.unit}"
        changed = replaced(changed, {path: written})
    return changed


def as_replayed(then: cd.Cost, now: cd.Cost) -> np.ndarray:
    """Times of samples at other prices; of a replay, those now, scaled with their bounds."""
    assert then.latency.total_s is not None
    if now.latency.bound_s is None:
        return then.latency.total_s
    before = now.latency.bound_s
    return now.latency.total_s * np.divide(then.latency.bound_s, before, out=np.ones_like(before), where=before > 0)


def drawn(chip: cd.Chip, draw: int) -> dict[str, float]:
    """A joint draw: log-uniform, by the equation and not by the code."""
    return {
        one.path: float(np.exp(np.log(one.low) + draws_of(chip.name, one.path)[draw] * np.log(one.high / one.low)))
        for one in uncertain_numbers(chip)
    }


def test_ranges_are_stated_or_follow_from_the_confidence() -> None:
    times = group("times", synaptic_operation="{cycles: 4, confidence: derived, source: made_up}")
    chip = simple(
        f"static_power: {{chip: {told('3 mW', 'secondary')}}}\nclock: {number('100 MHz')}\n{times}",
        f"{{kind: barrier, scope: timestep, times: {BARRIER}}}",
        synaptic_operation=number("26 pJ", all_in="false", range="[20 pJ, 30 pJ]"),
        spike=told("10 pJ", "estimated"),
        message=told("4 pJ", "measured"),
        neuron_access=told("0 pJ", "estimated"),
    )
    found = {one.path: (one.low, one.value, one.high, one.unit, one.assumed) for one in uncertain_numbers(chip)}
    expected = {
        "clock": (1e8 / 1.1, 1e8, 1.1e8, "Hz", True),
        "synchronization.times": (4e-6 / 1.25, 4e-6, 5e-6, "s", True),
        "energies.synaptic_operation": (20e-12, 26e-12, 30e-12, "J", False),
        "energies.spike": (5e-12, 10e-12, 20e-12, "J", True),
        "static_power.chip": (2e-3, 3e-3, 4.5e-3, "W", True),
        "times.synaptic_operation": (32e-9, 40e-9, 50e-9, "s", True),
    }
    assert list(found) == list(expected)
    for path, (low, value, high, unit, assumed) in expected.items():
        assert found[path] == (near(low), near(value), near(high), unit, assumed), path


def test_a_measured_number_moves_only_within_a_stated_range_and_an_axis_moves_nothing() -> None:
    chip = simple(synaptic_operation=told("26 pJ", "measured", all_in="false", range="[25 pJ, 27 pJ]"))
    assert [one.low for one in uncertain_numbers(chip)] == [25e-12]
    assert uncertain_numbers(with_parameter(chip, "energies.synaptic_operation", "2 pJ")) == ()


def test_draws_are_one_in_each_part_and_depend_on_chip_and_path_only() -> None:
    draws = draws_of("loihi", "energies.spike")
    assert sorted((draws * DRAWS).astype(int).tolist()) == list(range(DRAWS))
    assert np.mean(draws * DRAWS % 1) == pytest.approx(0.5, abs=0.1)  # anywhere in it
    assert (draws == draws_of.__wrapped__("loihi", "energies.spike")).all()
    others = [draws_of("loihi", "energies.hop"), draws_of("speck", "energies.spike")]
    for other in others:
        assert abs(np.corrcoef(draws, other)[0, 1]) < 0.3
    assert draws[:2].tolist() != draws[2:4].tolist()


def test_a_range_from_zero_is_uniform(two_timesteps: cd.Execution) -> None:
    chip = simple(
        synaptic_operation=told("1 pJ", "measured", all_in="false"), spike=number("0 pJ", range="[0 pJ, 100 pJ]")
    )
    columns = uncertainty_columns(cost_of(two_timesteps, chip))
    # spikes a sample: 3 and 1, so 2; at most 200 pJ on top of what synaptic operations cost
    base = columns["energy_at_low_j"][0]
    assert columns["energy_at_high_j"] == [near(base + 200e-12)]
    expected = base + 200e-12 * draws_of("tiny", "energies.spike")
    assert columns["energy_draws_j"] == near(expected.tolist())


def test_ends_by_hand(two_timesteps: cd.Execution) -> None:
    # Per sample: (2·4 + 2·2 + 1·4) = 16 and (3·4 + 1·2) = 14 operations, mean 15; 3 and 1 spikes, mean 2.
    chip = simple(
        synaptic_operation=number("10 pJ", all_in="false", range="[4 pJ, 20 pJ]"), spike=told("100 pJ", "estimated")
    )
    columns = uncertainty_columns(cost_of(two_timesteps, chip))
    assert columns["uncertain_numbers"] == ["energies.synaptic_operation", "energies.spike"]
    assert columns["uncertain_low"] == [4e-12, 50e-12]
    assert columns["energy_at_low_j"] == near([60e-12 + 200e-12, 150e-12 + 100e-12])
    assert columns["energy_at_high_j"] == near([300e-12 + 200e-12, 150e-12 + 400e-12])
    assert columns["uncertain_terms"] == ["synaptic_operation", "spike"]
    assert columns["term_scale_j"] == near([300e-12, 400e-12])
    assert columns["term_at_low"] == near([0.2, 0.5, 0.5, 0.25])
    assert columns["term_at_high"] == near([1.0, 0.5, 0.5, 1.0])
    terms = np.reshape(columns["term_draws"], (2, DRAWS)) * np.array([[300e-12], [400e-12]])
    assert terms.sum(axis=0) == near(columns["energy_draws_j"])
    assert terms[0] == near(60e-12 * 5 ** draws_of("tiny", "energies.synaptic_operation"))
    assert columns["latency_draws_s"] is None
    assert columns["latency_at_low_s"] is None
    assert set(columns) <= set(COLUMNS)


def test_an_all_in_energy_is_one_number_and_the_unknown_stays_unknown(two_timesteps: cd.Execution) -> None:
    energy = number("10 pJ", all_in="true", operation="accelerated", range="[5 pJ, 20 pJ]")
    columns = uncertainty_columns(cost_of(two_timesteps, simple(synaptic_operation=energy)))
    assert (columns["energy_at_low_j"], columns["energy_at_high_j"]) == (near([75e-12]), near([300e-12]))
    columns = uncertainty_columns(cost_of(two_timesteps, simple(spike="10 pJ")))
    assert columns["uncertain_numbers"] == ["energies.spike"]
    assert {name for name, value in columns.items() if value is None} == {
        name for name in columns if name.endswith(("_j", "_s", "_terms", "_m2")) or name.startswith("term_")
    }


def test_what_a_book_leaves_out_takes_no_digits_of_its_draws() -> None:
    row: Columns = {term.column: None for term in COST_TERMS.values()}
    row |= {"energy_synaptic_operation_j": 1e-7, "energy_static_host_j": 1.0, "core_share": 0.5}
    row |= {"energy_j": 1 + 1e-7, "energy_cores_in_use_j": 1e-7}
    row |= {"uncertain_terms": ["synaptic_operation"], "term_scale_j": [1.1e-7]}
    for total, part in (("draws", [0.9, 1.0]), ("at_low", [0.8]), ("at_high", [1.0])):
        row |= {f"energy_{total}_j": [1.0] * len(part), f"term_{total}": part}  # six digits
    (other,) = in_book(pd.DataFrame([row]), "cores_in_use").to_dict("records")
    assert other["energy_draws_j"] == near([0.99e-7, 1.1e-7])
    assert other["energy_at_low_j"] == near([0.88e-7])


@settings(max_examples=40)
@given(priced(), st.integers(0, DRAWS - 1))
def test_every_scenario_is_what_pricing_the_changed_chip_gives(case, draw):
    execution, chip, placement, operation = case
    columns = uncertainty_columns(cd.price(execution, placement, operation=operation))
    numbers = uncertain_numbers(chip)
    nominal = cd.price(execution, placement, operation=operation)
    (other,) = in_book(pd.DataFrame([{**nominal.columns(), **columns}]), "cores_in_use").to_dict("records")
    scenarios = [("draws", draw, drawn(chip, draw))]
    for spot in (0, len(numbers) // 2, len(numbers) - 1):
        if numbers:
            scenarios += [
                ("at_low", spot, {numbers[spot].path: numbers[spot].low}),
                ("at_high", spot, {numbers[spot].path: numbers[spot].high}),
            ]
    for name, spot, values in scenarios:
        changed = at(chip, values)
        cost = cd.price(execution, placement.on(changed), operation=operation)
        latency_s = as_replayed(cost, nominal).mean()
        assert columns[f"latency_{name}_s"][spot] == pytest.approx(latency_s, rel=2e-5, abs=1e-30)
        if nominal.latency.bound_s is None:
            assert columns[f"energy_{name}_j"][spot] == pytest.approx(cost.energy_j, rel=2e-5, abs=1e-30)
            assert columns[f"on_{name}_s"][spot] == pytest.approx(cost.on_s.mean(), rel=2e-5, abs=1e-30)
            share = cost.energy_cores_in_use_j
            assert other[f"energy_{name}_j"][spot] == pytest.approx(share, rel=2e-5, abs=1e-30)
            terms, scales = columns["uncertain_terms"], columns["term_scale_j"]
            shares = np.reshape(columns[f"term_{name}"], (len(terms), len(columns[f"energy_{name}_j"])))[:, spot]
            parts = dict(zip(terms, shares * scales, strict=True))
            for term in COST_TERMS:
                expected = cost.mean.terms_j[term]
                if term in parts:
                    assert parts[term] == pytest.approx(expected[0], rel=2e-5, abs=1e-30)
                elif expected is None:
                    assert nominal.mean.terms_j[term] is None
                else:
                    assert expected == pytest.approx(nominal.mean.terms_j[term], rel=1e-9, abs=1e-30)


@pytest.mark.parametrize("kind", SYNCHRONIZATIONS)
def test_the_rate_of_links_limits_every_kind(two_timesteps: cd.Execution, kind: str) -> None:
    """The busiest link carries all of its messages, and the end of the range is what a chip with that rate takes."""
    times = dict.fromkeys(("synaptic_operation", "neuron_update", "output", "hop"), "1 us")
    chip = chip_from(
        f"""
cores: {number(2)}
layers_share_core: false
vector_width: {number(1)}
clock: {number("1 MHz")}
synchronization: {SYNCHRONIZATIONS[kind]}
{mesh(1, 2, more=f", link_rate: {number('1 kHz')}")}{group("times", **times)}"""
    )
    placement = cd.place(two_timesteps.shape, chip, "published")
    cost = cd.price(two_timesteps, placement)
    columns = uncertainty_columns(cost)
    assert cost.latency_s is not None
    assert cost.latency_s >= cost.link_load.max(axis=1).mean() / 1e3 > 0
    spot = columns["uncertain_numbers"].index("network_on_chip.link_rate")
    slower = with_parameter(chip, "network_on_chip.link_rate", f"{columns['uncertain_low'][spot]} Hz")
    low, high = columns["latency_at_low_s"][spot], columns["latency_at_high_s"][spot]
    assert low == pytest.approx(cd.price(two_timesteps, placement.on(slower)).latency_s, rel=1e-5)
    assert high < cost.latency_s < low
