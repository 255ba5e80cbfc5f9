from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest
from handmade_hardware import (
    ASYNCHRONOUS,
    ENERGIES,
    MESH_CORES,
    TIMES,
    Builder,
    barrier,
    chip_from,
    cost_of,
    group,
    mesh,
    near,
    number,
    timer,
)

import codesign as cd
from codesign.analysis.results.books import in_book
from codesign.hardware.cost.uncertainty import uncertainty_columns
from codesign.hardware.draws import DRAWS
from codesign.hardware.terms import COVERAGE, INCLUDABLE_TERMS
from codesign.simulation.execution import Slice

WHOLE = MESH_CORES + TIMES + ENERGIES + ASYNCHRONOUS
SWIFT = TIMES.replace("10 ms", "0 s").replace("1 ms", "0 s")
CLOCKED_ENERGIES = ENERGIES.replace("static_power", f"  clock_cycle: {number('1 nJ')}\nstatic_power")
CLOCK = f"clock: {number('5 MHz')}\n"
GIVEN = tuple(name for name in COVERAGE if name != "clock")
"""Terms of which `ENERGIES` has prices: all, but for a clock's."""


def test_every_term_by_hand(two_timesteps: cd.Execution) -> None:
    energy = cost_of(two_timesteps, WHOLE).energy
    # sample 0: 3 inputs over 4 synapses, 2 spikes over 2; sample 1: 3 over 4, 1 over 2
    assert energy.terms_j["synaptic_operation"] == near([16e-12, 14e-12])
    assert energy.terms_j["neuron_access"] == near([2 * 6 * 10e-12] * 2)
    assert energy.terms_j["neuron_update"] == near([10 * 100e-12, 6 * 100e-12])
    # three neurons fire in sample 0, one in sample 1
    assert energy.terms_j["spike"] == near([3 * 2e-9, 1 * 2e-9])
    # inputs and hidden spikes reach one core each; the output's spike reaches none
    assert energy.terms_j["message"] == near([5e-9, 4e-9])
    # inputs enter at the hidden layer's tile; the output layer is one tile on
    assert energy.terms_j["hop"] == near([2 * 10e-9, 1 * 10e-9])
    assert energy.terms_j["barrier_message"] == near([0, 0])
    assert energy.coverage == GIVEN
    assert energy.accounting == "incremental"


def test_static_power_is_on_for_the_latency_or_for_the_stimulus(two_timesteps: cd.Execution) -> None:
    latency = cost_of(two_timesteps, WHOLE).latency.total_s
    swift, timeless = MESH_CORES + SWIFT + ENERGIES + ASYNCHRONOUS, MESH_CORES + ENERGIES + ASYNCHRONOUS
    # at 1 W; 12 ms are longer than the 2 ms of the stimulus
    for body, operation, seconds in (
        (WHOLE, "accelerated", latency),
        (WHOLE, "real_time", latency),
        (swift, "real_time", [2e-3, 2e-3]),
        (timeless, "real_time", [2e-3, 2e-3]),
    ):
        cost = cost_of(two_timesteps, body, operation=operation)
        assert cost.energy.terms_j["static_chip"] == near(seconds)
        assert (cost.latency_s is None) == any("keep pace" in text for text in cost.assumptions) == (body == timeless)


@pytest.mark.parametrize(("more", "energy"), [("", 10e-9), (f"  hop_vertical: {number('5 nJ')}\n", 5e-9)])
def test_vertical_hops_have_an_energy_of_their_own_or_that_of_all_hops(more: str, energy: float) -> None:
    body = MESH_CORES.replace(mesh(2, 4), mesh(8, 1)) + TIMES + ENERGIES.replace("  barrier", f"{more}  barrier")
    execution = Builder("1-1-1").update(0, 0, 1, 1).message(0, 1, 1).build()
    assert cost_of(execution, body + ASYNCHRONOUS).energy.terms_j["hop"] == near([energy])


def without(name: str) -> str:
    """Energies but one."""
    return "".join(line for line in ENERGIES.splitlines(keepends=True) if name not in line)


def test_barrier_messages_are_charged_or_named() -> None:
    execution = Builder("1-2-2").update(0, 0, 2, 1).message(0, 1, 1, barriers=1).build()
    charged = cost_of(execution, WHOLE)
    assert charged.energy.terms_j["barrier_message"] == near([100e-9])
    assert charged.energy.terms_j["synaptic_operation"] == near([2e-12])  # a barrier message adds no weight
    slices = tuple(Slice(layer=layer, core=core, neurons=1) for core, layer in enumerate((0, 1, 1)))
    split = Builder("1-1-2", slices=slices).message(0, 1, 1, barriers=1).build()
    apart = cost_of(split, WHOLE + f"neurons_per_core: {number(1)}")
    assert apart.energy.terms_j["barrier_message"] == near([200e-9])  # one for each core that it reaches
    unknown = cost_of(execution, MESH_CORES + TIMES + without("barrier") + ASYNCHRONOUS)
    assert unknown.energy.terms_j["barrier_message"] is None
    assert "barrier_message" not in unknown.energy.coverage
    assert any("barrier messages" in text for text in unknown.not_modelled)
    assert unknown.energy_j == near(charged.energy_j - 100e-9)


ALL_IN = group("energies", synaptic_operation=number("1 pJ", all_in="true", operation="accelerated"))


def test_an_all_in_energy_takes_nothing_on_top(two_timesteps: cd.Execution) -> None:
    cost = cost_of(two_timesteps, MESH_CORES + TIMES + ALL_IN + ASYNCHRONOUS)
    assert cost.energy.total_j == near([16e-12, 14e-12])
    assert cost.energy.terms_j["static_chip"] is None
    assert cost.energy.coverage == ("all_in",)
    assert cost.energy.accounting == "all_in"
    assert not cost.not_modelled
    with pytest.raises(cd.InputError, match="measured in accelerated operation"):
        cost_of(two_timesteps, MESH_CORES + TIMES + ALL_IN + ASYNCHRONOUS, operation="real_time")


def test_without_the_energy_of_an_operation_there_is_no_total(two_timesteps: cd.Execution) -> None:
    cost = cost_of(two_timesteps, MESH_CORES + TIMES + without("synaptic") + ASYNCHRONOUS)
    assert cost.energy_j is None
    assert cost.paper_energy_j is None
    assert cost.columns()["paper_energy_j"] is None
    assert cost.energy.terms_j["message"] is not None
    assert any("energies.synaptic_operation" in text for text in cost.not_modelled)


def test_a_term_inside_another_number_is_covered_and_not_charged(two_timesteps: cd.Execution) -> None:
    visits, events = [*INCLUDABLE_TERMS[:2]], [*INCLUDABLE_TERMS[2:]]
    energies = group("energies", synaptic_operation=number("1 pJ", all_in="false", includes=events))
    energies += f"static_power: {{chip: {number('1 W', includes=visits)}}}\n"
    cost = cost_of(two_timesteps, MESH_CORES + TIMES + energies + ASYNCHRONOUS)
    assert cost.energy.coverage == GIVEN
    assert cost.energy.terms_j["message"] is None
    assert not [
        text for text in cost.not_modelled if any(term.label in text for name in GIVEN for term in COVERAGE[name])
    ]


def test_the_papers_count_of_operations_leaves_out_the_input(two_timesteps: cd.Execution) -> None:
    cost = cost_of(two_timesteps, WHOLE)
    # emitted hidden spikes times a fan-out of 2; no input layer
    assert cost.paper_synaptic_operations == near([4, 2])
    assert cost.paper_energy_j == near([4e-12, 2e-12])
    assert cost.columns()["paper_synaptic_operations"] == near(3)


def test_input_currents_are_named_and_not_charged(two_timesteps: cd.Execution) -> None:
    execution = replace(two_timesteps, input_macs=two_timesteps.synaptic_operations[:, 0])
    cost = cost_of(execution, WHOLE)
    assert cost.energy.terms_j["synaptic_operation"] == near([4e-12, 2e-12])
    assert any("multiply-accumulates" in text for text in cost.not_modelled)
    crossbar = cost_of(execution, f"neurons_per_core: {number(10)}\ncrossbar: true\n" + WHOLE)
    assert crossbar.energy.terms_j["synaptic_operation"] == near([20e-12, 10e-12])


PARTS = {"chip": "1 W", "core_in_use": "3 W", "core_off": "2 W", "host": "50 W"}


def powered(execution: cd.Execution, parts: Mapping[str, str], more: str = "") -> cd.Cost:
    """Two of eight cores in use for 2 ms of real time; times of zero, so nothing takes longer."""
    static = group("static_power", **parts)
    energies = CLOCKED_ENERGIES[: CLOCKED_ENERGIES.index("static_power")]
    body = MESH_CORES + SWIFT + energies + static + CLOCK + more + ASYNCHRONOUS
    return cost_of(execution, body, operation="real_time")


def test_powers_follow_chips_cores_and_clock(two_timesteps: cd.Execution) -> None:
    cost = powered(two_timesteps, PARTS)
    watts = {"static_chip": 1, "static_core_in_use": 2 * 3, "static_core_off": 6 * 2, "static_host": 50}
    for name, power in {**watts, "clock": 1e-9 * 5e6}.items():
        assert cost.energy.terms_j[name] == near([power * 2e-3] * 2), name
    assert cost.columns()["on_s"] == near(2e-3)
    between = powered(two_timesteps, PARTS, 'power_gating: {between_inputs: "yes"}\n')
    assert between.energy.terms_j["static_chip"] == near(between.latency.total_s)
    assert any("off between inputs" in text for text in between.assumptions)
    assert between.power_w == near(between.energy_j / 2e-3)
    assert uncertainty_columns(between)["on_draws_s"] == near([2e-3] * DRAWS)
    gated = powered(two_timesteps, PARTS, 'power_gating: {clock: "yes"}\n')
    assert gated.energy.terms_j["clock"] == near(5e-3 * gated.latency.total_s)
    assert gated.mean.terms_j["clock"] == near([5e-3 * gated.latency_s])
    assert gated.energy.terms_j["static_chip"] == near([2e-3] * 2)


def test_both_books_of_the_static_power_by_hand(two_timesteps: cd.Execution) -> None:
    """Of eight cores two are in use: a quarter of the chip's watt and of the clock's 5 mW, 3 W a core, and no host."""
    cost = powered(two_timesteps, PARTS)
    events = cost.energy.total_j - (1 + 2 * 3 + 6 * 2 + 50 + 5e-3) * 2e-3
    assert (events > 0).all()
    assert cost.energy.cores_in_use_j == near(events + (1 / 4 + 2 * 3 + 5e-3 / 4) * 2e-3)
    columns = cost.columns()
    assert columns["energy_j"] == near(cost.energy.total_j.mean())
    assert columns["energy_cores_in_use_j"] == near(cost.energy.cores_in_use_j.mean())
    assert columns["core_share"] == 1 / 4
    assert columns["on_s"] == near(2e-3)
    assert columns["power_w"] == near(columns["energy_j"] / 2e-3)
    rows = pd.DataFrame([columns, {**columns, "on_s": 0.0}])
    in_use, never_on = in_book(rows, "cores_in_use")["power_w"]
    assert in_use == near(columns["energy_cores_in_use_j"] / 2e-3)
    assert pd.isna(never_on)


def test_area_and_energy_times_delay_by_hand(two_timesteps: cd.Execution) -> None:
    """Two layers on two chips of 3 mm² that lie between 2 and 4; two cores on a chip that has but one, and neurons of
    more inputs than the chip's, have no area that is known."""
    chip = MESH_CORES.replace("8", "1") + f"multi_chip: {{}}\narea: {number('3 mm**2', range='[2 mm**2, 4 mm**2]')}\n"
    rest = ENERGIES + SWIFT + ASYNCHRONOUS
    cost = cost_of(two_timesteps, chip + rest)
    columns = cost.columns() | uncertainty_columns(cost)
    assert [columns[f"area_{end}m2"] for end in ("low_", "", "high_")] == near([4e-6, 6e-6, 8e-6])
    alone = chip_from(chip.replace("multi_chip: {}", "") + rest)
    scaled = cd.place(two_timesteps.shape, alone, "scaled")
    assert cd.price(two_timesteps, scaled).columns()["area_m2"] is None
    narrow = chip_from(f"{chip}fan_in: {number(3)}\n{rest}")  # of 4 inputs of the output layer
    assert cd.place(two_timesteps.shape, narrow, "scaled").area_m2 is None
    row = cost_of(two_timesteps, MESH_CORES + rest).columns()
    assert row["energy_delay_js"] == near(row["energy_j"] * row["latency_s"])
    assert row["area_m2"] is None
    book = in_book(pd.DataFrame([row]), "cores_in_use")
    assert book["energy_delay_js"].item() == near(row["energy_cores_in_use_j"] * row["latency_s"])
    assert row["energy_cores_in_use_j"] < row["energy_j"]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ({"core_off"}, "6 of 8 cores that are not in use is taken to be within static_power.chip"),
        ({"core_off", "chip"}, "no static power is known for the 6 of 8 cores that are not in use"),
        ({"chip"}, "static energy of chips: tiny gives no static_power.chip"),
        (set(), ""),
    ],
)
def test_parts_of_the_static_power_that_are_not_known_are_named(two_timesteps, left_out, said):
    cost = powered(two_timesteps, {part: power for part, power in PARTS.items() if part not in left_out})
    told = [text for text in (*cost.assumptions, *cost.not_modelled) if "static" in text]
    assert any(said in text for text in told) if said else not told
    assert "static" in cost.energy.coverage


@pytest.mark.parametrize(("more", "added"), [("", True), (f"multi_chip: {{most: {number(2)}}}\n", False)])
def test_a_core_that_was_added_draws_what_a_published_one_does(two_timesteps: cd.Execution, more, added) -> None:
    static = group("static_power", chip="1 W", core_in_use="3 W")
    body = MESH_CORES.replace("8", "1") + TIMES + ENERGIES.partition("static")[0] + static + ASYNCHRONOUS + more
    cost = cd.price(two_timesteps, cd.place(two_timesteps.shape, chip_from(body), "scaled"))
    assert not added or cost.energy.terms_j["static_core_in_use"] == near(2 * 3 * cost.on_s)
    said = "static power of a chip and of a core is the published one's"
    assert any(said in text for text in cost.assumptions) == added


def test_what_a_cost_says_in_print(two_timesteps: cd.Execution) -> None:
    """No shares of what is not modelled; a stream, where no sample lasts as long as its stimulus."""
    stream, real_time = (repr(cost_of(two_timesteps, WHOLE, operation=of)) for of in ("accelerated", "real_time"))
    assert ["in a stream, a sample every" in told for told in (stream, real_time)] == [True, False]
    told = real_time.splitlines()[1]
    assert told == "  energy: 11.95 mJ (100.0 % static power of chips), of the cores in use 2.988 mJ"
    nothing = repr(cost_of(two_timesteps, MESH_CORES + ASYNCHRONOUS)).splitlines()
    assert nothing[1] == "  energy: not modelled, of the cores in use not modelled"
    assert nothing[2] == "  latency: not modelled (asynchronous replay)"


def test_a_crossbar_is_occupied_whole(two_timesteps: cd.Execution) -> None:
    """A core of 10 neurons: each of the 5 and 4 messages takes 10 operations, whatever it is connected to."""
    body = f"neurons_per_core: {number(10)}\ncrossbar: true\n" + MESH_CORES + TIMES + ENERGIES
    cost = cost_of(two_timesteps, body + "synchronization: {kind: clocked}")
    assert cost.energy.terms_j["synaptic_operation"] == near([50e-12, 40e-12])
    assert cost.energy.terms_j["neuron_access"] == near([2 * 20 * 10e-12] * 2)


def test_synapses_of_weight_0_are_skipped_where_the_chip_says_so(two_timesteps: cd.Execution) -> None:
    """12 operations in the hidden layer in both samples, of which three quarters have a weight; 4 and 2 behind it."""
    pruned, chip = replace(two_timesteps, zero_weights=(0.25, 0.5)), WHOLE.replace(number(2), number(1))
    skipping = chip + "skips_zero_weights: 'yes'\n"
    whole, less = cost_of(pruned, chip), cost_of(pruned, skipping)
    assert whole.energy.terms_j["synaptic_operation"] == near([16e-12, 14e-12])
    assert less.energy.terms_j["synaptic_operation"] == near([11e-12, 10e-12])
    assert whole.latency.busy_s[0] - less.latency.busy_s[0] == near([3e-6, 2e-6], rel=1e-9)
    assert (cost_of(two_timesteps, skipping).latency.busy_s == whole.latency.busy_s).all()


def test_every_term_that_is_left_out_is_named(two_timesteps: cd.Execution) -> None:
    """Without times nothing drawn over time is known, and what a number contains goes with it."""
    energies = CLOCKED_ENERGIES.replace(f"  message: {number('1 nJ')}\n", "")
    energies = energies.replace(number("1 W"), number("1 W", includes="[message]"))
    cost = cost_of(two_timesteps, MESH_CORES + energies + CLOCK + ASYNCHRONOUS)
    for words in ("static energy", "clock energy", "messages: inside static"):
        assert any(words in text for text in cost.not_modelled), words


TWO_CHIPS = MESH_CORES.replace(number(8), number(1)) + f"neurons_per_core: {number(4)}\nmulti_chip: {{}}\n"


def test_hops_inside_another_number_leave_those_between_chips_to_their_own(two_timesteps: cd.Execution) -> None:
    energies = group("energies", synaptic_operation=number("1 pJ", all_in="false", includes="[hop]"))
    alone = cost_of(two_timesteps, TWO_CHIPS + energies + ASYNCHRONOUS)
    assert alone.energy.terms_j["hop"] is None
    assert "hop" in alone.energy.coverage
    priced = cost_of(two_timesteps, TWO_CHIPS + energies + f"  chip_hop: {number('1 uJ')}\n" + ASYNCHRONOUS)
    assert priced.energy.terms_j["hop"] == near([2e-6, 1e-6])  # hidden spikes to the second chip
    unknown = cost_of(two_timesteps, TWO_CHIPS + TIMES + ENERGIES + ASYNCHRONOUS)
    assert any("gives no energies.chip_hop" in text for text in unknown.not_modelled)


def test_a_barrier_over_several_chips_needs_its_own_time(two_timesteps: cd.Execution) -> None:
    two_chips, tiles = TWO_CHIPS + TIMES + f"  chip_hop: {number('1 us')}\n", barrier("1: 1 us")
    without = cost_of(two_timesteps, two_chips + tiles)
    assert without.latency_s is None
    assert any("by_chips for 2 chips" in text for text in without.not_modelled)
    known = cost_of(two_timesteps, two_chips + tiles.replace("{1: 1 us}", "{1: 1 us}, by_chips: {2: 7 us}"))
    assert known.latency.synchronization_s == near([3 * 7e-6] * 2)
    any_number = cd.with_parameter(chip_from(two_chips + tiles), "synchronization.times", "5 us")
    assert cost_of(two_timesteps, any_number).latency.synchronization_s == near([3 * 5e-6] * 2)


def test_a_static_input_has_no_duration_to_be_on_for(two_timesteps: cd.Execution) -> None:
    static = replace(two_timesteps, timestep_s=0.0)
    with pytest.raises(cd.InputError, match=r"a static input .* has no duration; use 'accelerated'"):
        cost_of(static, WHOLE, operation="real_time")
    cost = cost_of(static, WHOLE)
    assert cost.latency_s == near(cost_of(two_timesteps, WHOLE).latency_s)
    assert cost.columns()["late_fraction"] is None
    assert cost_of(two_timesteps, WHOLE).columns()["late_fraction"] is not None


def test_neurons_are_visited_until_the_last_frame_is_through_and_by_a_timer_while_a_stimulus_lasts(
    two_timesteps: cd.Execution,
) -> None:
    """Two timesteps of 10 ms through two layers; in real time a timer has 20 ticks of 1 ms."""
    execution, gated = replace(two_timesteps, timestep_s=10e-3), 'power_gating: {between_inputs: "yes"}\n'
    for stimulus, operation, more, visits in (
        (execution, "accelerated", "synchronization: {kind: barrier, scope: timestep}", 3),
        (execution, "accelerated", "synchronization: {kind: barrier, scope: layer}", 2),
        (execution, "accelerated", timer(1), 3),
        (execution, "real_time", timer(1), 20),
        (execution, "real_time", timer(1) + gated, 3),
        (replace(execution, timestep_s=1e-3), "real_time", timer(1), 3),  # 2 ms are over before
    ):
        cost = cost_of(stimulus, MESH_CORES + ENERGIES + more, operation=operation)
        assert cost.energy.terms_j["neuron_access"] == near([visits * 6 * 10e-12] * 2)
        assert cost.mean.terms_j["neuron_access"] == near([visits * 6 * 10e-12])


def test_a_barrier_chip_evaluates_a_neuron_once_a_timestep() -> None:
    """3-4-2 with barrier messages: two hidden spikes in one group or in two; both outputs hear of all four neurons."""
    together, apart = (Builder("3-4-2").message(-1, 0, 2).update(0, 0, 4, 2) for _ in range(2))
    together.message(0, 1, 2, barriers=2).update(1, 1, 2, 1)
    apart.message(0, 1, 1, barriers=2).update(1, 1, 2).message(1, 1, 1, enqueued=0).update(2, 1, 2, 1)
    chip = MESH_CORES + TIMES + ENERGIES + barrier("1: 1 us")
    costs = [cost_of(builder.build(), chip) for builder in (together, apart)]
    for cost in costs:
        assert cost.energy.terms_j["neuron_update"] == near([6 * 100e-12])
    assert costs[0].latency.total_s == near(costs[1].latency.total_s)
