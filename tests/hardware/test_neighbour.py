"""Cores that wait for their neighbours alone: by hand, against a simulator of events, and between its bounds."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace

import numpy as np
import pytest
from handmade_hardware import MESH_CORES, TIMES, Builder, chip_from, cost_of, near, number
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of, network_of
from test_replay import cases, times_of

import codesign as cd
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.cost import neighbour as neighbour_module
from codesign.hardware.cost.steps import pipelined_steps
from codesign.hardware.cost.work import PlacedExecution

NEIGHBOUR = f"synchronization: {{kind: neighbour, handshake: {number('3 us')}}}\n"


def between_neighbours(chip: cd.Chip, handshake_us: int) -> cd.Chip:
    return with_parameters(chip, {"synchronization": "neighbour", "synchronization.handshake": f"{handshake_us} us"})


def test_by_hand() -> None:
    """Three layers, a core each, on a row of tiles; hops of 10 us; in the second timestep only layer 0 works."""
    body = MESH_CORES + TIMES.replace("10 ms", "10 us").replace("1 ms", "0 s") + NEIGHBOUR
    execution = (
        Builder("2-2-2-2", timesteps=2)
        .message(-1, 0, 1)
        .update(0, 0, 2, 1)
        .message(0, 1, 1)
        .update(1, 1, 2, 1)
        .message(1, 2, 1)
        .update(2, 2, 2, 1)
        .message(-1, 0, 5, timestep=1)
        .update(0, 0, 2, timestep=1)
        .build()
    )
    latency = cost_of(execution, body).latency
    # A message takes 1 + 10 us, updates of two neurons 100 us, a handshake 3 us.
    first = 3 + 11 + 100  # core 0 in step 0; the input lies in its tile
    # Step 1: core 0 works on 5 messages; core 1 waits for the spike of core 0 and its way of 10 us.
    again = first + 3 + 55 + 100
    second = first + 10 + 3 + 11 + 100
    # Step 2: core 2 waits for the spike of core 1; core 0 has nothing to do and needs the room that core 1 gives.
    third = second + 10 + 3 + 11 + 100
    # Step 3: core 1 waits for core 2, which may begin at once.
    assert second < again < third
    assert latency.total_s == near([(third + 3) * 1e-6])
    assert latency.network_s == near([20e-6])
    assert latency.synchronization_s == near([12e-6])
    assert latency.compute_s == near([333e-6])
    # The last frame is in when core 0 is done with step 0.
    decided = Builder("2-2-2-2").message(-1, 0, 1).update(0, 0, 2, 1).message(0, 1, 1).update(1, 1, 2, 1)
    decided = decided.message(1, 2, 1).update(2, 2, 2, 1)
    assert cost_of(decided.build(), body).latency.decision_s == near([third * 1e-6])
    assert latency.model == "neighbours, pipelined"
    # Energy: all six neurons are visited in each of 2 + 3 − 1 steps, as between barriers.
    assert cost_of(execution, body).counted.actions.neuron_access.tolist() == [24]


def test_an_unknown_handshake_and_the_rate_of_links_are_named() -> None:
    execution = Builder("1-1-1").message(-1, 0, 1).build()
    rate = MESH_CORES.replace("columns: 4", f"columns: 4, link_rate: {number('1 GHz')}")
    cost = cost_of(execution, rate + TIMES + "synchronization: {kind: neighbour}\n")
    assert cost.latency_s is not None
    assert any("synchronization.handshake" in text for text in cost.not_modelled)
    assert any("link rates" in text for text in cost.assumptions)


def by_events(
    execution: cd.Execution, placement: cd.Placement, sample: int, *, handshake: float, apart: float = 0.0
) -> tuple[float, float]:
    """When the last core is done with the last step, and how long after the last frame could be begun.

    One event after another, cores and messages by name; frames come so far `apart`.
    """
    work = PlacedExecution(execution, placement)
    times, hops = times_of(placement)
    steps, geometry = pipelined_steps(work), placement.geometry
    busy = steps.busy(times[:, None])[steps.which[sample], :, 0]
    layers_of = [set(geometry.layer[geometry.core == core].tolist()) for core in range(geometry.cores)]
    follow = [{layer + 1 for layer in layers} for layers in layers_of]
    feeds = [[s for s, layers in enumerate(layers_of) if after & layers] for after in follow]
    fed_by = [[p for p, after in enumerate(follow) if after & layers] for layers in layers_of]
    table = execution.messages
    sent = {
        (int(t) + work.reach.layer[s], int(s))
        for b, t, s, spikes in zip(table.sample, table.timestep, table.source, table.spikes, strict=True)
        if b == sample and spikes
    }

    def way(start: int | None, end: int, step: int) -> float:
        """Of what `end` receives in a step; 0 where nothing is sent."""
        sources = (
            [0] if start is None else [1 + s for s, part in enumerate(placement.parts) if geometry.core[s] == start]
        )
        if not any((step, s) in sent and work.reach.layer[s] in layers_of[end] for s in sources):
            return 0.0
        row = 0 if start is None else 1 + start
        return float(hops @ [geometry.horizontal[row, end], geometry.vertical[row, end], geometry.crossings[row, end]])

    def frame(core: int, step: int) -> float:
        """When it is there for a core that receives input; behind the last one, nothing is waited for."""
        return min(step, execution.timesteps - 1) * apart if 0 in layers_of[core] else 0.0

    steps_to_do, cores = busy.shape
    done, arrived, running, last = [0] * cores, set(), [False] * cores, 0.0
    done_at: dict[tuple[int, int], float] = {}
    events, order = list[tuple[float, int, str, tuple]](), itertools.count()

    def then(at: float, what: str, *of: int | None) -> None:
        heapq.heappush(events, (at, next(order), what, of))

    for core in range(cores):
        for step in (0, 1):  # two buffers are free at the start
            then(frame(core, step) + way(None, core, step), "arrival", None, core, step)
    while events:
        now = events[0][0]
        while events and events[0][0] == now:
            _, _, what, of = heapq.heappop(events)
            if what == "arrival":
                arrived.add(of)
                continue
            core, step = of
            done[core], running[core], last = step + 1, False, now
            done_at[core, step] = now
            for other in feeds[core]:
                then(now + way(core, other, step + 1), "arrival", core, other, step + 1)
            then(max(now, frame(core, step + 2)) + way(None, core, step + 2), "arrival", None, core, step + 2)
        for core in range(cores):
            step = done[core]
            fed = all(step == 0 or (p, core, step) in arrived for p in fed_by[core])
            free = all(done[s] >= step for s in feeds[core])
            if step < steps_to_do and not running[core] and fed and free and (None, core, step) in arrived:
                running[core] = True
                then(now + handshake + busy[step, core], "done", core, step)
    assert done == [steps_to_do] * cores
    involved = [one for core in range(cores) if 0 in layers_of[core] for one in (core, *feeds[core])]
    return last, last - max(done_at.get((one, execution.timesteps - 2), 0.0) for one in involved)


@settings(max_examples=40)
@given(cases(), st.integers(0, 30), st.integers(0, 30))
def test_it_is_a_simulation_of_events_and_lies_within_its_bounds(case, handshake, more):
    execution, chip, placement = case
    own = between_neighbours(chip, handshake)
    latency = cd.price(execution, placement.on(own)).latency
    for sample in range(execution.samples):
        simulated, decision = by_events(execution, placement.on(own), sample, handshake=handshake * 1e-6)
        assert latency.total_s[sample] == pytest.approx(simulated, rel=1e-9, abs=1e-15)
        if not np.isnan(latency.decision_s[sample]):
            assert latency.decision_s[sample] == pytest.approx(decision, rel=1e-9, abs=1e-15)
    steps = execution.timesteps + len(execution.shape.layers) - 1
    assert (latency.total_s >= latency.busy_s.max(axis=1) * (1 - 1e-9) + steps * handshake * 1e-6 - 1e-15).all()
    by_barrier = {"synchronization": "barrier", "synchronization.times": f"{handshake + more} us"}
    barrier = cd.price(execution, placement.on(with_parameters(chip, by_barrier))).latency
    assert (latency.total_s <= barrier.total_s * (1 + 1e-9) + 1e-15).all()
    np.testing.assert_allclose(latency.busy_s, barrier.busy_s)
    parts = latency.compute_s + latency.network_s + latency.synchronization_s
    np.testing.assert_allclose(parts, latency.total_s, rtol=1e-9, atol=1e-15)


@settings(max_examples=40)
@given(cases(most_timesteps=5), st.integers(0, 30), st.sampled_from([1e-6, 5e-5, 2e-4, 1e-3]))
def test_in_real_time_a_decision_counts_from_when_the_last_frame_came(case, handshake, apart):
    execution, chip, placement = case
    execution = replace(execution, timestep_s=apart)
    own = placement.on(between_neighbours(chip, handshake))
    found = cd.price(execution, own, operation="real_time").latency.decision_s
    for sample in np.flatnonzero(~np.isnan(found)):
        end, _ = by_events(execution, own, sample, handshake=handshake * 1e-6, apart=apart)
        assert found[sample] == pytest.approx(end - (execution.timesteps - 1) * apart, rel=1e-9, abs=1e-12)


def test_a_skip_from_the_input_waits_for_no_later_frame() -> None:
    """Two layers, a core each; the second also gets the input, of which the first frame has far more."""
    skip = {"from": "input", "to": 1, "kind": "linear"}
    topology = {"input": 8, "layers": [{"kind": "linear", "neurons": 2}] * 2, "skips": [skip]}
    network = network_of(topology, 0.0, 0.0, 1.0)  # the first layer sends nothing
    frames = np.zeros((1, 2, 8), dtype=np.int64)
    frames[0, 0], frames[0, 1, 0] = 9, 1
    placement = cd.place(network.shape, chip_from(MESH_CORES + TIMES.replace("10 ms", "0 s") + NEIGHBOUR))
    execution = cd.evaluate(network, batch_of(frames), cd.chip_schedule(placement).schedule)
    # The second layer takes 72 · 11 us for the first frame, and is done with it long before the last one comes. Then
    # each layer takes 3 us for a handshake, 11 us for the event and 100 us for the updates of two neurons.
    found = cd.price(execution, placement, operation="real_time").latency
    assert found.decision_s == near([2 * 114e-6])


def test_a_way_counts_only_to_cores_that_may_get_the_message() -> None:
    """Of layers 0 and 1 on a core, only a neuron of layer 0 fires, whose skip does not reach the last neuron's core."""
    skip = {"from": 0, "to": 2, "kind": "identity"}
    topology = {"input": 2, "layers": [{"kind": "linear", "neurons": 2}] * 3, "skips": [skip]}
    network = network_of(topology, [[1.0, 0.0], [0.0, 0.0]], 0.0, 0.0, 1.0)
    chip = chip_from(MESH_CORES.replace("core: false", "core: true") + TIMES + NEIGHBOUR)
    times = []
    for last in (5, 7):
        placement = cd.place(network.shape, chip, cores=[0, 3, 0, 0, 1, last])
        execution = cd.evaluate(network, batch_of([[[1, 0]]]), cd.chip_schedule(placement).schedule, warn=False)
        times.append(cd.price(execution, placement).latency_s)
    assert times[0] == times[1]


@settings(max_examples=15)
@given(cases())
def test_few_samples_at_a_time_are_the_same(case):
    """Many prices at once are in the tests of pricing."""
    execution, chip, placement = case
    own = placement.on(between_neighbours(chip, 1))
    whole = cd.price(execution, own).latency
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbour_module, "_CHUNK", 1)
        parts = cd.price(execution, own).latency
    for name in ("total_s", "decision_s"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
