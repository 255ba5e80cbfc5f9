from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from handmade_hardware import (
    ASYNCHRONOUS,
    ENERGIES,
    MESH_CORES,
    TIMES,
    Builder,
    barrier,
    cost_of,
    mesh,
    near,
    number,
    timer,
)

from codesign.errors import InputError
from codesign.hardware.cost.steps import _distinct_rows
from codesign.simulation.execution import Execution, Slice

BARRIER, TIMER = barrier("1: 100 ms, 3: 500 ms"), timer(2)

# two lanes: a message at the hidden layer of 4 takes 2 operations and 10 us, at the output layer of 2 one operation
HIDDEN = 2e-6 + 10e-6
OUTPUT = 1e-6 + 10e-6


def test_asynchronous_by_hand(two_timesteps: Execution) -> None:
    cost = cost_of(two_timesteps, MESH_CORES + TIMES + ASYNCHRONOUS)
    latency = cost.latency
    # inputs enter at tile 0, where the hidden layer lies; 4 updates take 2 operations; 2 spikes go to one core
    hidden_done = 2 * HIDDEN + 200e-6
    output_done = hidden_done + 2e-3 + 10e-3 + 2 * OUTPUT + 100e-6
    second = HIDDEN + 200e-6
    other = 3 * HIDDEN + 200e-6 + 1e-3 + 10e-3 + OUTPUT + 100e-6
    assert latency.total_s == near([output_done + second, other])
    hidden = [hidden_done + 2e-3 + second, 3 * HIDDEN + 200e-6 + 1e-3]
    busy = np.array([hidden, [2 * OUTPUT + 100e-6, OUTPUT + 100e-6]]).mean(axis=1)
    assert cost.columns()["core_utilization"] == near((busy / latency.total_s.mean()).tolist())
    assert latency.network_s == near([10e-3, 10e-3])
    assert latency.compute_s + latency.network_s == near(latency.total_s)
    assert (latency.synchronization_s == 0).all()
    assert latency.bound_s == near(latency.total_s)  # nothing overlaps here
    assert np.isnan(latency.decision_s).all()  # no output spike in the last timestep


def test_barrier_messages_take_time_only_without_hardware_synchronization() -> None:
    builder = Builder("1-2-1").message(-1, 0, 1).update(0, 0, 2, 1)
    execution = builder.message(0, 1, 1, barriers=1).update(1, 1, 1).build()
    times = TIMES.replace("10 ms", "0 s")
    asynchronous = cost_of(execution, MESH_CORES + times + ASYNCHRONOUS).latency
    assert asynchronous.total_s == near([11e-6 + 100e-6 + 2e-3 + 2 * 11e-6 + 100e-6])
    barrier = cost_of(execution, MESH_CORES + times + BARRIER).latency
    assert barrier.compute_s == near([11e-6 + 100e-6 + 1e-3 + 11e-6 + 100e-6])


def test_barrier_by_hand(two_timesteps: Execution) -> None:
    latency = cost_of(two_timesteps, MESH_CORES + TIMES + BARRIER).latency
    # two tiles: halfway between 100 ms and 500 ms. Layer 0 works in steps 0 and 1, layer 1 in steps 1 and 2.
    layer0 = [2 * HIDDEN + 200e-6 + 2e-3, HIDDEN + 200e-6]
    layer1 = [2 * OUTPUT + 100e-6, 0]
    steps = [layer0[0], max(layer0[1], layer1[0]), layer1[1]]
    assert latency.compute_s[0] == near(sum(steps))
    assert latency.network_s == near([10e-3, 10e-3])
    assert latency.synchronization_s == near([0.9, 0.9])
    assert latency.total_s[0] == near(sum(steps) + 10e-3 + 0.9)
    assert latency.interval_s == near(latency.total_s - 0.3)  # in the last step, of the barrier alone, the next begins
    # all lanes at once: one operation for a message or any number of updates, and none for nothing, as in the last step
    every = cost_of(two_timesteps, MESH_CORES.replace(number(2), number("all")) + TIMES + BARRIER).latency
    assert every.compute_s[0] == near(2 * OUTPUT + 100e-6 + 2e-3 + 2 * OUTPUT + 100e-6)
    per_layer = cost_of(two_timesteps, MESH_CORES + TIMES + BARRIER.replace("timestep", "layer")).latency
    assert per_layer.total_s[0] == near(sum(layer0) + sum(layer1) + 10e-3 + 4 * 0.3)
    assert per_layer.interval_s == near(per_layer.total_s)
    assert (latency.model, per_layer.model) == ("barrier per timestep, pipelined", "barrier per layer")
    parts = per_layer.compute_s + per_layer.network_s + per_layer.synchronization_s
    assert parts == near(per_layer.total_s)


def test_clocked_updates_count_neurons_once_a_timestep() -> None:
    """Two evaluations of the same 4 neurons in a timestep are one update each. Potentials stay: the second timestep
    updates them, and so does the step in which the last frame is in the output layer."""
    energies = ENERGIES.replace("counted: evaluations", "counted: active_neurons")
    builder = Builder("3-4-2", timesteps=2).message(-1, 0, 1).update(0, 0, 4, 1).update(1, 0, 4)
    cost = cost_of(builder.build(), MESH_CORES + TIMES + energies + BARRIER)
    assert cost.energy.terms_j["neuron_update"] == near([12 * 100e-12])
    output = 1e-3  # of the spike that was emitted, whether it left or not
    assert cost.latency.compute_s == near([HIDDEN + 200e-6 + output + 2 * 200e-6])
    for ticks, kept in ((1, 3), (2, 2), (3, 1)):  # of the three ticks in which the last frame is in later layers
        of_timer = MESH_CORES + TIMES.replace("10 us", "0 s") + energies + timer(ticks)
        cost = cost_of(Builder("1-2-2-2-1", timesteps=2).update(0, 0, 2).update(0, 0, 2, timestep=1).build(), of_timer)
        assert cost.energy.terms_j["neuron_update"] == near([(2 + kept) * 2 * 100e-12])
        assert cost.latency.compute_s == near([(2 + kept) * 100e-6])


@pytest.mark.parametrize(
    ("kind", "sent"), [("{kind: asynchronous}", 3), (f"{{kind: neighbour, handshake: {number('0 s')}}}", 1)]
)
def test_links_carry_barrier_messages_where_cores_send_them(kind: str, sent: int) -> None:
    rate = MESH_CORES.replace("columns: 4", f"columns: 4, link_rate: {number('1 Hz')}")
    builder = Builder("1-3-2").message(-1, 0, 1).update(0, 0, 3, 1).message(0, 1, 1, barriers=2)
    cost = cost_of(builder.update(1, 1, 2).build(), f"{rate}synchronization: {kind}\n{TIMES}")
    assert cost.columns()["peak_link_load"] == sent
    assert cost.latency.total_s == near([sent / 1.0])


def test_timer_by_hand(two_timesteps: Execution) -> None:
    latency = cost_of(two_timesteps, MESH_CORES + TIMES + TIMER).latency
    # ticks 0 to 4; layer 0 of timestep 0 is busy for 2.224 ms (3 ticks) and for 1.236 ms (2 ticks); all else fits
    assert latency.total_s == near([7e-3, 6e-3])
    assert latency.overloaded_ticks.tolist() == [1, 1]
    assert latency.interval_s == near([6e-3, 5e-3])  # the last tick is the next sample's first
    slower = cost_of(replace(two_timesteps, timestep_s=2.5e-3), MESH_CORES + TIMES + TIMER).latency
    assert slower.late == near([1 / 2, 1 / 2])  # 4 and 3 ms in the first timestep, 2 in the second, a silent one too
    assert latency.compute_s[0] == near(2.224e-3 + 122e-6 + 212e-6)
    assert latency.compute_s + latency.network_s + latency.synchronization_s == near(latency.total_s)
    without_hops = "".join(line for line in TIMES.splitlines(keepends=True) if "hop" not in line)
    assert cost_of(two_timesteps, MESH_CORES + without_hops + TIMER).latency == latency  # ways take no time


def test_a_timer_that_drops_or_of_a_chip_without_times_keeps_its_ticks_and_says_so(two_timesteps: Execution) -> None:
    dropping = cost_of(two_timesteps, MESH_CORES + TIMES + TIMER.replace("stretch", "drop"))
    timeless = cost_of(two_timesteps, MESH_CORES + TIMER)
    for cost in (dropping, timeless):
        assert (cost.latency.total_s, cost.latency.interval_s) == (near([5e-3, 5e-3]), near([4e-3, 4e-3]))
    assert any("dropped" in text for text in dropping.not_modelled)
    assert (dropping.latency.compute_s <= dropping.latency.total_s).all()
    assert timeless.latency.compute_s is None
    assert any("overload" in text for text in timeless.assumptions)


@pytest.mark.parametrize("missing", ["synaptic_operation", "neuron_update", "output", "hop"])
@pytest.mark.parametrize(("rows", "columns", "synchronization"), [(2, 4, ASYNCHRONOUS), (8, 1, BARRIER)])
def test_an_unknown_time_leaves_latency_unknown(two_timesteps, missing, rows, columns, synchronization):
    cores = MESH_CORES.replace(mesh(2, 4), mesh(rows, columns))
    times = "".join(line for line in TIMES.splitlines(keepends=True) if not line.startswith(f"  {missing}:"))
    cost = cost_of(two_timesteps, cores + times + ENERGIES + synchronization)
    assert cost.latency_s is None
    assert cost.energy.terms_j["static_chip"] is None
    assert cost.columns()["latency_s"] is None
    assert any(f"times.{missing}" in text for text in cost.not_modelled)


def test_a_layer_on_two_cores_by_hand_and_only_as_it_was_recorded() -> None:
    """A layer of 4 on two cores of 2 neurons: each core has half the synapses of every message and half the updates."""
    body = MESH_CORES + f"neurons_per_core: {number(2)}\n" + TIMES + ASYNCHRONOUS
    slices = tuple(Slice(layer=layer, core=core, neurons=2) for core, layer in enumerate((0, 0, 1)))
    split = Builder("3-4-2", slices=slices).message(-1, 0, 1).update(0, 0, 2).update(0, 1, 2)
    by_core = cost_of(split.build(), body)
    assert by_core.latency.total_s == near([10e-3 + 11e-6 + 100e-6])  # the way to tile 1 is the longest
    by_layer = Builder("3-4-2").message(-1, 0, 1).update(0, 0, 4).build()
    with pytest.raises(InputError, match=r"into other parts than the execution was recorded for; .* chip_schedule"):
        cost_of(by_layer, body)


def test_distinct_steps_are_found_without_a_copy_of_all_steps() -> None:
    rows = np.random.default_rng(0).integers(0, 2, (2_000, 1_000)).astype(np.float64)
    rows[1::2] = rows[::2]
    tracemalloc.start()
    first, which = _distinct_rows(rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(first) == 1_000
    np.testing.assert_array_equal(rows[first[which]], rows)
    assert most < rows.nbytes / 4
