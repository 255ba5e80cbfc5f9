"""The vectorized replay against a simulator that serves one message at a time, and against its bound."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from handmade_hardware import Builder, chip_from, group, mesh, number
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Times
from codesign.hardware.cost import replay as replay_module
from codesign.hardware.cost.cost import price
from codesign.hardware.cost.replay import replay
from codesign.hardware.cost.work import PlacedExecution
from codesign.hardware.placement.placement import Placement, place
from codesign.simulation.execution import Execution, MessageTable, UpdateTable

TIMES = tuple(name for name in Times.model_fields if name != "chip_hop")
MICROSECONDS = st.fixed_dictionaries(dict.fromkeys(TIMES, st.integers(0, 20).map(lambda n: f"{n} us"))).filter(
    lambda times: {*times.values()} != {"0 us"}  # which no chip can say
)


@st.composite
def chips(draw: st.DrawFn) -> Chip:
    return chip_from(
        f"""
cores: {number(16)}
neurons_per_core: {number(draw(st.integers(1, 6)))}
layers_share_core: {draw(st.sampled_from(["true", "false"]))}
vector_width: {number(draw(st.sampled_from([1, 2, 3, "all"])))}
synchronization: {{kind: {draw(st.sampled_from(["clocked", "asynchronous"]))}}}
{mesh(4, 2, 2)}{group("times", **draw(MICROSECONDS))}"""
    )


@st.composite
def cases(draw: st.DrawFn, most_timesteps: int = 2) -> tuple[Execution, Chip, Placement]:
    """Step records that need not come from any network: rows of any kind that keep causes before effects."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    chip = draw(chips())
    timesteps = draw(st.integers(1, most_timesteps))
    builder = Builder("-".join(map(str, sizes)), timesteps=timesteps, samples=draw(st.integers(1, 3)))
    placement = place(builder.shape, chip, "scaled")
    builder.slices = placement.parts
    for sample in range(builder.samples):
        for timestep in range(builder.timesteps):
            at = {"sample": sample, "timestep": timestep}
            if frame := draw(st.integers(0, 3)):
                builder.message(-1, 0, frame, enqueued=-1, **at)
            for step in range(draw(st.integers(1, 4))):
                for part, one in enumerate(builder.slices):
                    if draw(st.booleans()):
                        emitted = draw(st.integers(0, one.neurons))
                        builder.update(step, part, draw(st.integers(1, one.neurons)), emitted, **at)
                    for enqueued in draw(st.sets(st.integers(0, step), max_size=2)):
                        spikes, barriers = draw(st.integers(0, 3)), draw(st.integers(0, 1))
                        if spikes + barriers:
                            builder.message(step, 1 + part, spikes, enqueued=enqueued, barriers=barriers, **at)
    return builder.build(), chip, placement


def replayed(work: PlacedExecution) -> tuple[np.ndarray, np.ndarray]:
    """(B, T) makespans and decisions at the chip's own times."""
    makespan_s, decision_s = replay(work, *(times[:, None] for times in times_of(work.placement)))
    return makespan_s[:, :, 0], decision_s[:, :, 0]


def times_of(placement: Placement) -> tuple[np.ndarray, np.ndarray]:
    return placement.prices.work_times()[:, 0], placement.prices.hop_times()[:, 0]


@settings(max_examples=40)
@given(cases())
def test_replay_agrees_with_one_message_at_a_time_and_stays_within_its_bound(case):
    execution, chip, placement = case
    work = PlacedExecution(execution, placement)
    makespan_s, decision_s = replayed(work)
    for sample in range(execution.samples):
        for timestep in range(execution.timesteps):
            makespan, decision = one_at_a_time(execution, chip, placement, sample, timestep)
            assert makespan_s[sample, timestep] == pytest.approx(makespan, abs=1e-15)
            assert decision_s[sample, timestep] == pytest.approx(decision, abs=1e-15, nan_ok=True)
    bound_s = price(execution, placement, bound_only=True).latency.total_s
    assert (makespan_s.sum(axis=1) <= bound_s * (1 + 1e-12) + 1e-18).all()
    decided = ~np.isnan(decision_s)
    assert (decision_s[decided] <= makespan_s[decided]).all()


@settings(max_examples=15)
@given(cases())
def test_chunks_do_not_change_anything(case: tuple[Execution, Chip, Placement]) -> None:
    work = PlacedExecution(case[0], case[2])
    whole = replayed(work)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_module, "_CHUNK", 1)
        parts = replayed(work)
    np.testing.assert_array_equal(parts, whole)


def rows_of(table: MessageTable | UpdateTable, names: tuple[str, ...], sample: int, timestep: int) -> list[list[int]]:
    """What the columns of those names hold of one forward pass."""
    here = (table.sample == sample) & (table.timestep == timestep)
    return np.stack([getattr(table, name)[here] for name in names], axis=1).tolist()


def one_at_a_time(
    execution: Execution, chip: Chip, placement: Placement, sample: int, timestep: int
) -> tuple[float, float]:
    """A forward pass on plain dictionaries, message by message."""
    given = {name: getattr(chip.times, name) for name in type(chip.times).model_fields}
    seconds = {name: 0.0 if number is None else number.value for name, number in given.items()}
    network = chip.network_on_chip
    parts, lanes = placement.parts, chip.vector_width.value

    def operations(work: int) -> int:
        return min(work, 1) if lanes == "all" else -(-work // lanes)

    def way(origin: int, target: int) -> float:
        (row0, column0), (row1, column1) = (
            divmod(core // network.cores_per_tile, network.columns) for core in (origin, target)
        )
        return abs(column0 - column1) * seconds["hop"] + abs(row0 - row1) * seconds["hop_vertical"]

    columns = ("step", "source", "enqueue_step", "spikes", "barriers")
    rows = [
        (step, source, enqueued, spikes + barriers, barriers)
        for step, source, enqueued, spikes, barriers in rows_of(execution.messages, columns, sample, timestep)
    ]
    updates = {
        (step, part): (evaluated, emitted)
        for step, part, evaluated, emitted in rows_of(
            execution.updates, ("step", "slice", "evaluated", "emitted"), sample, timestep
        )
    }

    def targets(source: int) -> list[int]:
        layer = 0 if source == 0 else parts[source - 1].layer + 1
        return [index for index, part in enumerate(parts) if part.layer == layer]

    free: dict[int, float] = defaultdict(float)
    if chip.synchronization.kind == "clocked":
        for part in parts:
            free[part.core] += part.neurons * seconds["neuron_access"]
    sent: dict[tuple[int, int], float] = {}
    decision = float("nan")
    last_step = max([step for step, *_ in rows] + [step for step, _ in updates], default=-1) + 1
    for step in range(last_step + 1):
        for left, source, enqueued, count, _ in rows:
            if left != step - 1:
                continue
            for target in targets(source):
                core = parts[target].core
                ready = 0.0 if source == 0 else sent[source - 1, enqueued]
                arrival = ready + way(0 if source == 0 else parts[source - 1].core, core)
                for _ in range(count):
                    service = operations(parts[target].neurons) * seconds["synaptic_operation"] + seconds["message"]
                    free[core] = max(arrival, free[core]) + service
        for index, part in enumerate(parts):
            evaluated, emitted = updates.get((step, index), (0, 0))
            free[part.core] += operations(evaluated) * seconds["neuron_update"]
            is_output = part.layer == len(execution.shape.layers) - 1
            if is_output and emitted and execution.steps_to_first_output[sample, timestep] == step + 1:
                decision = min(free[part.core], decision) if decision == decision else free[part.core]
            gates = [barriers for _, source, enqueued, _, barriers in rows if (source - 1, enqueued) == (index, step)]
            free[part.core] += emitted * seconds["spike"]
            free[part.core] += (emitted + sum(gates)) * len(targets(index + 1)) * seconds["output"]
            sent[index, step] = free[part.core]
    return max(free.values(), default=0.0), decision
