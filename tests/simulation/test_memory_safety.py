"""Whatever is handed to the event engine ends in an `InputError` or in right results, and no kernel leaves its arrays.

Compiled code checks no index unless `NUMBA_BOUNDSCHECK` says so; then those of vectors are checked too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_comparison import ENGINE, ENGINES, arguments
from hypothesis import event, given
from hypothesis import strategies as st
from networks import batch_of, network_of
from numpy.exceptions import ComplexWarning
from random_cases import CONVOLUTIONAL, POLICIES, Case, examples, random_service, set_dyadic_weights

from codesign.errors import InputError
from codesign.simulation.engine import classification_loss, simulate
from codesign.simulation.event import layout, structures
from codesign.simulation.event.arrays import aligned_zeros
from codesign.simulation.event.forward import MOST_STEPS
from codesign.simulation.event.resources import Resources
from codesign.simulation.event.structures import Trace
from codesign.simulation.schedule import LAYERED, Regularization, Schedule
from codesign.workload.event_rows import MOST_EVENTS
from codesign.workload.events import EventBatch

SAMPLES, TIMESTEPS = 3, 2
NAN, MOST = float("nan"), (1 << 31) - 1
PARTS = ("offsets", "indices", "values", "labels", "sample_ids")
STOPS = ("drained", "on_output", "read_early", "margin", "read_margin")

# batches that are malformed or extreme -------------------------------------------------------------------------------

OTHER_TYPES = [np.uint64, np.int8, np.int32, np.int64, np.float16, np.float32, np.float64, np.complex64, object, bool]
NUMBERS: dict[str, list[Any]] = {
    "offsets": [0, 1, -1, 10**6, MOST, 1 << 32, -(1 << 63), (1 << 63) - 1],
    "indices": [0, 1, -1, 10**6, 10**8, MOST, -(1 << 31)],
    "values": [0, 1, 0.5, -1, NAN, np.inf, -np.inf, 1e9, 1.1e8, 2.0**31, MOST_EVENTS, MOST_EVENTS + 2, 3e38, 1e-45],
    "labels": [0, 4, 5, -1, MOST, 1 << 40, (1 << 63) - 1, -(1 << 63)],
    "sample_ids": [0, -1, (1 << 63) - 1, -(1 << 63)],
}
SINGLES: dict[str, list[Any]] = {
    "timesteps": [0, 1, 3, -1, 1.5, NAN, "2", None, True, MOST, 1 << 40, 1 << 64],
    "input_size": [0, 1, -1, 10**8, MOST, 1 << 40, None],
    "timestep_s": [0.0, -0.01, NAN, np.inf, 1e300, "10 ms", None],
    "currents": [True, False, 1, None],
}


def change(draw: st.DrawFn, parts: dict[str, Any]) -> None:
    """One thing, anywhere."""
    how = draw(st.sampled_from(["number", "number", "type", "form", "single", "order"]))
    name = draw(st.sampled_from(PARTS))
    array = parts[name]
    if how == "single":
        single = draw(st.sampled_from(sorted(SINGLES)))
        parts[single] = draw(st.sampled_from(SINGLES[single]))
    elif not isinstance(array, np.ndarray) or not array.size:
        return
    elif how in ("number", "type"):
        # a number that an earlier change's type cannot hold changes nothing
        with np.errstate(all="ignore"), suppress(ValueError, TypeError, OverflowError, ComplexWarning):
            if how == "number":
                array.flat[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(NUMBERS[name]))
            else:
                parts[name] = array.astype(draw(st.sampled_from(OTHER_TYPES)))
    elif how == "order":
        ordered = array if array.dtype == object else np.sort(array)  # complex numbers as objects have no order
        parts[name] = draw(st.sampled_from([array[::-1], array[::-1].copy(), ordered, np.repeat(array, 2)[::2]]))
    else:
        forms = [array[:0], array[:-1], array[None], array[:, None], np.append(array, array[-1:]), array.tolist(), None]
        parts[name] = draw(st.sampled_from([*forms, np.broadcast_to(array[:1], array.shape), torch.zeros(3)]))


def frames(draw: st.DrawFn, rng: np.random.Generator, inputs: int) -> tuple[np.ndarray, bool]:
    """Counts or currents, and whether they are currents."""
    kind = draw(st.sampled_from(["few", "many", "huge", "none", "currents"]))
    shape = (SAMPLES, TIMESTEPS, inputs)
    if kind == "currents":
        return rng.choice([0.0, 0.5, -3.0, 1e30, -3e38], shape), True
    counts = rng.poisson({"few": 0.3, "many": 5.0}.get(kind, 0.0), shape)
    if kind == "huge":
        counts[rng.integers(SAMPLES), rng.integers(TIMESTEPS), rng.integers(inputs)] = MOST_EVENTS
    return counts.astype(np.float64), False


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A run that may be refused; `exact` if its sums are, in any order."""

    case: Case
    parts: dict[str, Any]
    exact: bool


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """Tiny networks, weights of any size, schedules at the ends of their ranges, and up to three changes of a batch."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    reset, readout = (
        draw(st.sampled_from(["zero", "subtract"])),
        draw(st.sampled_from(["spikes", "spikes", "potential"])),
    )
    network = network_of(
        draw(st.sampled_from(["20-16-5", "1-1", "3-70-2", CONVOLUTIONAL])),
        reset=reset,
        readout=readout,
        refractory=draw(st.booleans()),
        bias=draw(st.booleans()),
        time_constant=draw(st.sampled_from(["infinite", "10 ms"])),
    )
    set_dyadic_weights(rng, network)
    scale = draw(st.sampled_from([1.0, 1.0, 0.0, -1.0, 2.0**60, 2.0**120, 2.0**-140]))
    with torch.no_grad():
        for weight in network.weights():
            weight.mul_(scale)
    neurons, inputs = network.shape.neurons, network.shape.input_size
    mode = draw(st.sampled_from(["frame", "queued"]))
    schedule = Schedule(
        policy=draw(st.sampled_from(POLICIES)),
        group_size=draw(st.sampled_from([2, 3, neurons, neurons + inputs, MOST, None])),
        stop="drained" if readout == "potential" else draw(st.sampled_from(STOPS)),
        margin=draw(st.sampled_from([1, 1, MOST])),
        steps_after_output=draw(st.sampled_from([0, 1, MOST])),
        input_mode=mode,
        prioritize_input=mode == "queued" and draw(st.booleans()),
        synchronization_threshold=draw(st.sampled_from([0, 1, 2, MOST, "layer", (MOST,) * neurons, (0,) * neurons])),
        barrier_messages=draw(st.booleans()),
        cores=draw(st.sampled_from([None, (0,) * neurons, tuple(range(neurons)), ((1 << 24) - 1,) * neurons])),
    )
    if schedule.policy == "timed":
        schedule = replace(schedule, service=random_service(rng, network, schedule))
    ends = st.sampled_from([0.0, 0.0, 0.5, 1.0])
    dropouts = Regularization(
        input_dropout=draw(ends),
        network_dropout=draw(ends),
        refractory_dropout=draw(ends),
        momentum_noise=draw(st.sampled_from([0.0, 3e38])),
    )
    values, currents = frames(draw, rng, inputs)
    batch = batch_of(values, currents=currents)
    parts = {name: np.array(getattr(batch, name)) for name in PARTS}
    parts |= {name: getattr(batch, name) for name in SINGLES}
    for _ in range(draw(st.integers(0, 3))):
        change(draw, parts)
    case = Case(
        network=network,
        events=batch,
        frames=values,
        schedule=schedule,
        regularization=dropouts,
        idle_gradient=draw(st.sampled_from(["all", "spare", "none"])),
    )
    # float32 sums of large counts and of currents are rounded, and then depend on their order
    small = not parts["currents"] and float(np.abs(values).sum()) < 1000
    return Attempt(case=case, parts=parts, exact=scale in (1.0, 0.0, -1.0, 2.0**60) and small)


def check(attempt: Attempt) -> None:
    try:
        case = replace(attempt.case, events=EventBatch(**attempt.parts))
        logits = simulate(case.network, case.events, case.schedule, engine=ENGINE, **arguments(case)).logits
        if logits.requires_grad:  # not where it is read early
            logits.sum().backward()
        classification_loss(case.network, case.events, case.schedule.drained(), engine=ENGINE, **arguments(case))
    except InputError:
        event("refused")
        return
    event("compared" if attempt.exact else "computed")
    if attempt.exact:
        found, expected = (
            simulate(case.network, case.events, case.schedule, engine=name, **arguments(case)) for name in ENGINES
        )
        assert found.logits.tolist() == expected.logits.tolist()
        assert found.emitted == expected.emitted


@examples(12)
@given(attempts())
def test_an_extreme_run_is_refused_or_right(attempt: Attempt):
    check(attempt)


def test_timesteps_without_events_stay_within_a_full_trace(monkeypatch: pytest.MonkeyPatch):
    """A pass without steps writes one word, also where the step before filled the trace to the end."""
    ends: list[np.ndarray] = []

    def guarded(words: int, potentials: int) -> Trace:
        whole = np.full(words + 8, MOST, dtype=np.int32)
        ends.append(whole[words:])
        return Trace(whole[:words], whole[:words].view(np.float32), aligned_zeros(potentials))

    monkeypatch.setattr(structures, "new_trace", guarded)
    frames, expected = np.zeros((1, 6, 3)), None
    frames[0, 0] = 2
    for words in range(8, 40):
        monkeypatch.setattr(Resources, "take_trace", lambda _, words=words: guarded(words, 1024))
        network = network_of("3-4-2", 0.5, 0.5)
        simulate(network, batch_of(frames), LAYERED, engine=ENGINE).logits.sum().backward()
        gradients = [weight.grad.tolist() for weight in network.weights()]
        expected = expected or gradients
        assert gradients == expected
    assert all((end == MOST).all() for end in ends)


@pytest.mark.fuzz
@pytest.mark.thorough
@examples(10_000, fresh=True)
@given(attempts())
def test_ten_thousand_extreme_runs_are_refused_or_right(attempt: Attempt):
    """Would catch the one malformed batch, or the one corner of a schedule, that nobody thought of."""
    check(attempt)


@pytest.mark.fuzz
@pytest.mark.thorough
def test_no_kernel_leaves_its_arrays(tmp_path: Path):
    """Would catch an index beyond an array, which reads or writes what is another's and shows up nowhere else."""
    files = ["event_engine", "gradient", "timed", "kernels", "policies", "hostile_input", "memory_safety"]
    paths = [str(Path(__file__).with_name(f"test_{name}.py")) for name in files]
    tmp_path.chmod(0o700)
    checked = {"NUMBA_BOUNDSCHECK": "1", "CODESIGN_KERNEL_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-m", "", "--hypothesis-show-statistics"]
    ended = subprocess.run(
        [*command, "-k", "not leaves_its_arrays and not most_forward_steps", *paths],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **checked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-20_000:]


# what a counter or an index can hold ---------------------------------------------------------------------------------


@pytest.mark.thorough
def test_most_forward_steps():
    """Every neuron fires whenever it is evaluated, and the deepest that waits leaves first, behind the inputs: of
    17 + 240 (1 + 16 (1 + 16 (1 + 16 (1 + 16)))) departures, one more than there may be, each takes a step."""
    sizes = [240, 16, 16, 16, 16]
    cores = tuple(len(sizes) - layer for layer, size in enumerate(sizes) for _ in range(size))
    schedule = Schedule(policy="arbiter", group_size=1, stop="drained", input_mode="queued", cores=cores)
    network = network_of("17-240-16-16-16-16", *[1.0] * len(sizes), refractory=False)
    with torch.no_grad(), pytest.raises(InputError, match=f"more than {MOST_STEPS} forward steps"):
        simulate(network, batch_of(np.ones((1, 1, 17))), schedule, engine=ENGINE, counters=False)


@pytest.mark.parametrize(
    ("name", "topology", "most"),
    [
        ("MOST_PLACES", "20-16-5", 20 * 16 + 16 * 16),
        (
            "MOST_PLACES",
            {"input": [1, 9, 9], "layers": [{"kind": "conv2d", "channels": 1, "kernel": 3, "padding": 1}]},
            (7 * 3 + 2 * 2) ** 2,  # taps
        ),
        ("MOST_SOURCES", "20-16-5", 41),
    ],
)
def test_networks_with_more_places_than_an_index_has(
    monkeypatch: pytest.MonkeyPatch, name: str, topology: Any, most: int
):
    monkeypatch.setattr(layout, name, most)
    layout.MemoryLayout(network_of(topology))
    monkeypatch.setattr(layout, name, most - 1)
    with pytest.raises(InputError, match=f"more than {most - 1} "):
        layout.MemoryLayout(network_of(topology))


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("indices", 1, -1), ("offsets", 1, 1 << 40), ("values", 1, NAN), ("values", 1, 2.0 * MOST_EVENTS)],
)
def test_entries_that_were_changed_after_their_check(name: str, place: int, value: int):
    batch = batch_of(np.ones((1, 2, 3)))
    parts = {part: np.array(getattr(batch, part)) for part in PARTS}
    events = replace(batch, **parts)
    parts[name][place] = value
    with pytest.raises(InputError, match="changed"):
        simulate(network_of("3-2"), events, LAYERED, engine=ENGINE)
