"""What `training_step.py` measures, each job in a process of its own.

*Time.* All cases of one shape run in one process and take turns, so that a slow moment of the machine strikes all of
them. A turn is one untimed step, which warms the caches again, and two timed ones; every round begins with another
case. The time is the median of all timed steps.

*Memory.* One process for each case: libraries, network, data, optimizer, and a step on a batch of one sample, by which
code is loaded and the optimizer's state exists; then steps at full size. The memory is what they add to the peak of the
resident set, as `codesign.training.memory` measures it: what loading a library took for a moment hides nothing.

A training step is forward, loss, backward and Adam, without regularization: the trainer's Adam, and for the other
implementations torch's fastest. Its learning rate is so small that spike densities stay what they are. Every step of
`codesign` has an epoch of its own, so that no draw repeats.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from baselines import BASELINES, dense_frames
from shapes import SHAPES, Gains, Shape, execution_of, make_events, make_network, schedule_of
from torch.nn import functional

from codesign.simulation.engine import classification_loss, simulate
from codesign.training.adam import Adam
from codesign.training.memory import PeakMemory
from codesign.workload.events import EventBatch

_LEARNING_RATE = 1e-9
_FULL_SIZE_STEPS = 3
_LEAST_ROUNDS = 3
_TIMED_STEPS = 2
_CHECK_SAMPLES = 8
_CHECK_GRID = 2.0**-12


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the results, apart from its shape."""

    implementation: str
    mode: str
    policy: str
    group_size: int | None
    threads: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a process measures.

    Attributes:
        kind: `time` or `memory`.
        shape: name of the shape.
        cases: for `memory` exactly one.
        gains: of each schedule of the cases, by `gains_key`.
        seconds: for `time`, how long to go on; a few rounds are always run.
    """

    kind: str
    shape: str
    cases: tuple[Case, ...]
    gains: dict[str, Gains]
    seconds: float = 0.0


def gains_key(case: Case) -> str:
    """Schedules are told apart by policy and group size."""
    return f"{case.policy}/{case.group_size}"


@dataclass(frozen=True)
class _Data:
    """A batch as each implementation wants it; `frames` only where one is dense."""

    events: EventBatch
    labels: torch.Tensor
    frames: torch.Tensor | None

    @staticmethod
    def of(events: EventBatch, *, dense: bool) -> _Data:
        return _Data(events, torch.from_numpy(events.labels), dense_frames(events) if dense else None)


@dataclass(frozen=True)
class _Implementation:
    """`step` does what is timed; `density` gives emitted spikes per hidden neuron per sample."""

    step: Callable[[_Data], None]
    density: Callable[[_Data], float]


def _implementation(case: Case, shape: Shape, gains: Gains) -> _Implementation:
    """Raises ImportError where a library is not installed."""
    network = make_network(shape, gains)
    schedule = schedule_of(case.policy, case.group_size)
    epoch = iter(range(2**31))
    if case.implementation in BASELINES:
        baseline = BASELINES[case.implementation](network)

        def forward(data: _Data) -> torch.Tensor:
            return functional.cross_entropy(baseline(data.frames), data.labels)

        def density(data: _Data) -> float:
            assert data.frames is not None
            with torch.no_grad():
                hidden = baseline.spikes(data.frames)[:-1]
            neurons = sum(spikes.shape[2] for spikes in hidden)
            return sum(float(spikes.sum()) for spikes in hidden) / len(data.labels) / neurons

        weights = list(baseline.weights)
        return _Implementation(
            _training_step(torch.optim.Adam(weights, lr=_LEARNING_RATE, fused=True), forward), density
        )

    def density_of_network(data: _Data) -> float:
        return execution_of(network, data.events, schedule).spike_density

    def fused(data: _Data) -> torch.Tensor:
        return classification_loss(network, data.events, schedule, epoch=next(epoch), engine="event").value

    def separate(data: _Data) -> torch.Tensor:
        recompute = case.implementation == "codesign-recompute"
        options: dict[str, Any] = {"epoch": next(epoch), "counters": False, "recompute": recompute, "engine": "event"}
        simulation = simulate(network, data.events, schedule, **options)
        return functional.cross_entropy(simulation.logits, data.labels)

    @torch.no_grad()
    def infer(data: _Data) -> None:
        counted = case.implementation == "codesign-counted"
        simulate(network, data.events, schedule, epoch=next(epoch), counters=counted, engine="event")

    if case.mode == "infer":
        return _Implementation(infer, density_of_network)
    forward_of = separate if case.implementation in ("codesign-simulate", "codesign-recompute") else fused
    return _Implementation(_training_step(Adam(network.weights(), lr=_LEARNING_RATE), forward_of), density_of_network)


def _training_step(
    optimizer: torch.optim.Optimizer, forward: Callable[[_Data], torch.Tensor]
) -> Callable[[_Data], None]:
    def step(data: _Data) -> None:
        optimizer.zero_grad(set_to_none=True)
        forward(data).backward()
        optimizer.step()

    return step


def check(shape: Shape, gains: Gains) -> None:
    """Assert that the baselines compute what layered `codesign` computes, on weights whose sums are exact.

    `torch-loop` and `codesign` must agree in the spikes of every layer, sample and timestep; the other baselines in
    their gradients with `torch-loop`.

    Raises:
        AssertionError: they do not.
    """
    events = make_events(shape, _CHECK_SAMPLES)
    network = make_network(shape, gains)
    with torch.no_grad():
        for weight in network.weights():
            weight.copy_((weight / _CHECK_GRID).round() * _CHECK_GRID)
    frames, labels = dense_frames(events), torch.from_numpy(events.labels)
    execution = execution_of(network, events, schedule_of("layered", None))
    loop = BASELINES["torch-loop"](network)
    updates = execution.updates
    with torch.no_grad():
        spikes = loop.spikes(frames)
    for layer, of_layer in enumerate(spikes):
        emitted = torch.zeros(of_layer.shape[:2])
        rows = updates.slice == layer
        emitted[updates.timestep[rows], updates.sample[rows]] = torch.from_numpy(updates.emitted[rows]).float()
        assert torch.equal(of_layer.sum(dim=2), emitted), f"torch-loop and codesign differ in layer {layer}"
    assert torch.equal(spikes[-1].sum(dim=0), torch.from_numpy(execution.scores).float())
    expected = _gradients(loop, frames, labels)
    for name in BASELINES:
        try:
            found = _gradients(BASELINES[name](network), frames, labels)
        except ImportError:
            continue
        for layer, (one, other) in enumerate(zip(found, expected, strict=True)):
            difference = float((one - other).abs().max() / other.abs().max())
            assert difference < 1e-3, f"{name} and torch-loop differ by {difference:.1e} in gradients of layer {layer}"


def _gradients(baseline: torch.nn.Module, frames: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    functional.cross_entropy(baseline(frames), labels).backward()
    return [parameter.grad for parameter in baseline.parameters() if parameter.grad is not None]


def _time(job: Job) -> dict[str, Any]:
    """A row for each case that ran, and the reasons why others did not."""
    from roofline import Roofline  # here, so that a measurement of memory does not load its compiler

    shape = SHAPES[job.shape]
    check(shape, job.gains["layered/None"])
    data = _Data.of(make_events(shape, shape.batch_size), dense=True)
    running: dict[Case, Callable[[], None]] = {}
    implementations: dict[Case, _Implementation] = {}
    rooflines: dict[Case, Roofline] = {}
    skipped: dict[str, str] = {}
    for case in job.cases:
        if case.implementation == "roofline":
            rooflines[case] = Roofline(shape, case.threads)
            running[case] = rooflines[case].run
            continue
        try:
            implementations[case] = _implementation(case, shape, job.gains[gains_key(case)])
        except ImportError as error:
            skipped[case.implementation] = str(error)
            continue
        running[case] = lambda step=implementations[case].step: step(data)  # type: ignore[misc]
    times = _take_turns(running, job.seconds)
    executions: dict[str, tuple[float, float]] = {}
    rows = []
    for case, seconds in times.items():
        if case in rooflines:
            rows.append(_row(job, case) | {"synops_per_s": rooflines[case].additions / seconds})
            continue
        key = gains_key(case)
        if key not in executions:
            network = make_network(shape, job.gains[key])
            execution = execution_of(network, data.events, schedule_of(case.policy, case.group_size))
            executions[key] = (
                float(execution.synaptic_operations.sum(axis=1).mean()),
                float(execution.forward_steps.sum(axis=1).mean()),
            )
        synops, steps = executions[key]
        row = _row(job, case) | {
            "ms_per_sample": 1e3 * seconds / shape.batch_size,
            "spike_density": implementations[case].density(data),
            "synops": synops,
            "forward_steps": steps,
            "synops_per_s": synops * shape.batch_size / seconds,
        }
        rows.append(row)
    return {"rows": rows, "skipped": skipped}


def _row(job: Job, case: Case) -> dict[str, Any]:
    names = ("ms_per_sample", "memory_mb", "spike_density", "synops", "forward_steps", "synops_per_s")
    return {"shape": job.shape, **asdict(case), **dict.fromkeys(names)}


def _take_turns(running: dict[Case, Callable[[], None]], seconds: float) -> dict[Case, float]:
    """Median time of each step, in seconds."""
    times: dict[Case, list[float]] = {case: [] for case in running}
    order = list(running)
    for case in order:
        torch.set_num_threads(case.threads)
        running[case]()
    start, rounds = time.perf_counter(), 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() - start < seconds:
        for case in order:
            step = running[case]
            torch.set_num_threads(case.threads)
            step()
            for _ in range(_TIMED_STEPS):
                begin = time.perf_counter()
                step()
                times[case].append(time.perf_counter() - begin)
        order = order[1:] + order[:1]
        rounds += 1
    return {case: statistics.median(found) for case, found in times.items()}


def _memory(job: Job) -> dict[str, Any]:
    """What steps at full size add to the peak of the resident set, in MB of 10⁶ bytes."""
    shape, (case,) = SHAPES[job.shape], job.cases
    dense = case.implementation in BASELINES
    whole = _Data.of(make_events(shape, shape.batch_size), dense=dense)
    one = _Data.of(whole.events.select(slice(0, 1)), dense=dense)
    implementation = _implementation(case, shape, job.gains[gains_key(case)])
    implementation.step(one)
    memory = PeakMemory()
    for _ in range(_FULL_SIZE_STEPS):
        implementation.step(whole)
    risen = memory.risen_bytes()
    return {"memory_mb": None if risen is None else risen / 1e6}


def run(job: Job) -> dict[str, Any]:
    """Measure in this process."""
    torch.set_num_threads(job.cases[0].threads)
    return _time(job) if job.kind == "time" else _memory(job)
