"""What half of each of a chip's numbers would do, against the chip with that number priced anew."""

from __future__ import annotations

import pandas as pd
from handmade_hardware import cost_of, group, near, number
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pricing_properties import priced
from test_uncertainty import as_replayed, at, simple

import codesign as cd
from codesign.analysis.results.books import in_book
from codesign.analysis.results.columns import COLUMNS
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.prices import number_at
from codesign.hardware.cost.sensitivity import sensitivities, sensitivity_columns


def changed(chip: cd.Chip, path: str) -> cd.Chip:
    """The chip with a number at half its value, a rate at twice."""
    given = number_at(chip, path)
    if isinstance(given, BarrierTimes):
        value = given.of(max(given.by_tiles))
    else:
        cycles = getattr(given, "cycles", None)
        value = given.si if cycles is None else cycles / chip.clock.si
    return at(chip, {path: value * (2 if given.unit == "Hz" else 0.5)})


def test_twice_the_clock_halves_what_is_timed_by_it(two_timesteps: cd.Execution) -> None:
    cycles = "{cycles: 4, confidence: derived, source: made_up}"
    times = group("times", synaptic_operation=cycles, neuron_update=number("0 s"), output=number("0 s"))
    power = f"static_power: {{chip: {number('1 mW')}, host: {number('3 mW')}}}\nclock: {number('100 MHz')}\n"
    cost = cost_of(two_timesteps, simple(power + times, synaptic_operation=number("0 pJ", all_in="false")))
    found = {one.path: (one.energy, one.energy_cores_in_use, one.latency) for one in sensitivities(cost)}
    assert found == {
        "clock": (0.5, 0.5, 0.5),
        "static_power.chip": (0.875, 0.5, 1.0),
        "static_power.host": (0.625, 1.0, 1.0),
        "times.synaptic_operation": (0.5, 0.5, 0.5),
    }
    frame = pd.DataFrame([{**cost.columns(), **sensitivity_columns(cost)}])
    assert frame["energy_at_half"][0] == [0.5, 0.875, 0.625, 0.5]
    assert in_book(frame, "cores_in_use")["energy_at_half"][0] == [0.5, 0.5, 1.0, 0.5]


def test_what_is_not_known_or_nothing_has_no_share(two_timesteps: cd.Execution) -> None:
    free = cost_of(two_timesteps, simple(synaptic_operation=number("0 pJ", all_in="false"), barrier_message="1 pJ"))
    columns = sensitivity_columns(free)
    assert set(columns) <= set(COLUMNS)
    assert columns.pop("halved_numbers") == ["energies.barrier_message"]
    assert set(columns.values()) == {None}


def test_half_a_tick_saves_nothing_if_cores_then_drop_spikes(two_timesteps: cd.Execution) -> None:
    def halved(tick: str, overload: str) -> list[str]:
        timer = f"{{kind: timer, tick: {number(tick)}, overload: {overload}}}"
        times = group("times", synaptic_operation="100 us", neuron_update="0 s", output="0 s")
        chip = simple(times, timer, synaptic_operation=number("1 pJ", all_in="false"))
        return [one.path for one in sensitivities(cost_of(two_timesteps, chip))]

    tick, others = "synchronization.tick", ["energies.synaptic_operation", "times.synaptic_operation"]
    assert set(halved("10 ms", "drop")) == {tick, *others}  # of which half is still enough
    assert set(halved("1 ms", "drop")) == set(others)
    assert set(halved("1 ms", "stretch")) == {tick, *others}


@settings(max_examples=40)
@given(priced(), st.data())
def test_each_is_what_pricing_the_changed_chip_gives(case, data):
    execution, given_chip, placement, operation = case
    now = cd.price(execution, placement, operation=operation)
    found = sensitivities(now)
    for one in data.draw(st.lists(st.sampled_from(found), min_size=1, max_size=4)):
        then = cd.price(execution, placement.on(changed(given_chip, one.path)), operation=operation)
        assert one.latency == relative(as_replayed(then, now).mean(), now.latency_s)
        if now.latency.bound_s is None:
            assert one.energy == relative(then.energy_j, now.energy_j)
            assert one.energy_cores_in_use == relative(then.energy_cores_in_use_j, now.energy_cores_in_use_j)


def relative(then: float, now: float) -> object:
    return near(then / now, rel=2e-5) if now else None
