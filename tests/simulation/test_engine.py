"""Promises of `simulate` that hold for every engine: independence of samples, and a result in every corner."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from equality import assert_same
from networks import batch_of, network_of
from random_cases import DROPOUTS, a_case

from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import classification_loss, engine_names, simulate
from codesign.simulation.execution import NOT_REACHED, Execution
from codesign.simulation.schedule import LAYERED, Schedule
from codesign.workload.events import EventBatch

SKIPS = [{"from": 0, "to": 2, "kind": "identity"}]


def gradients(network: SpikingNetwork, events: EventBatch, schedule: Schedule, engine: str) -> list[torch.Tensor]:
    network.zero_grad()
    logits = simulate(network, events, schedule, regularization=DROPOUTS, seed=3, engine=engine).logits
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(events.labels), reduction="sum").backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


def transposed(network: SpikingNetwork) -> None:
    network.connections[0].weight = torch.nn.Parameter(network.connections[0].weight.T)


def sparse(network: SpikingNetwork) -> None:
    network.connections[1].weight = torch.nn.Parameter(network.connections[1].weight.to_sparse())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (transposed, r"weights of layer 0 must have shape \(5, 6\), found \(6, 5\)"),
        (sparse, "weights of layer 1 must be dense"),
    ],
)
@pytest.mark.parametrize("engine", engine_names())
def test_a_tensor_that_was_put_in_place_of_another_must_fit(change: Callable[..., Any], message: str, engine: str):
    network = network_of("6-5-4")
    change(network)
    with pytest.raises(InputError, match=message):
        simulate(network, batch_of(np.ones((2, 3, 6))), LAYERED, engine=engine)


@pytest.mark.parametrize("engine", engine_names())
def test_a_connection_that_is_put_in_place_of_another_after_a_run_is_the_one_that_runs(engine: str):
    network = network_of({"input": 1, "layers": [{"kind": "linear", "neurons": 1}] * 3, "skips": SKIPS}, *[1.0] * 4)
    events = batch_of(np.ones((1, 1, 1)))
    assert simulate(network, events, LAYERED, engine=engine).spikes.tolist() == [[1, 1, 1]]
    for connections, spikes in ((network.direct_connections, [1, 1, 0]), (network.connections, [0, 0, 0])):
        connections[0] = deepcopy(connections[0])
        with torch.no_grad():
            connections[0].weight.fill_(-2.0)
        assert simulate(network, events, LAYERED, engine=engine).spikes.tolist() == [spikes]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_threads_that_it_lacks():
    torch.ones(1 << 20).add_(1)  # by threads of this process
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(torch.get_num_threads) == 1


@pytest.mark.parametrize("policy", ["random", "momentum"])
@pytest.mark.parametrize("engine", engine_names())
def test_a_sample_does_not_see_its_batch(policy: str, engine: str):
    case = a_case(batch=20)
    network, events = case.network, case.events
    with torch.no_grad():  # free weights: what is asserted is independence, not exact sums
        for weight in network.weights():
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.5)
    schedule = Schedule(policy=policy, group_size=2)
    together = simulate(network, events, schedule, regularization=DROPOUTS, seed=3, engine=engine).execution
    for positions in ([17], [17, 10], [10, 3]):
        part = events.select(positions)
        alone = simulate(network, part, schedule, regularization=DROPOUTS, seed=3, engine=engine).execution
        of_samples = [name for name, array in vars(together).items() if np.shape(array)[:1] == (20,)]
        assert {"scores", "emitted", "convergence", "residual"} <= {*of_samples}
        for name in of_samples:
            assert getattr(alone, name).tolist() == getattr(together, name)[positions].tolist(), name
    alone = [gradients(network, events.select([position]), schedule, engine) for position in range(20)]
    for whole, *each in zip(gradients(network, events, schedule, engine), *alone, strict=True):
        torch.testing.assert_close(whole, torch.stack(each).sum(dim=0), rtol=1e-4, atol=1e-5)


def chain(weights: list[float], **neuron: object) -> SpikingNetwork:
    """A chain of single neurons with these weights, threshold 1/4, no leak."""
    return network_of("-".join(["1"] * (len(weights) + 1)), *weights, **neuron)


def test_a_chain_by_hand():
    execution = simulate(chain([0.5, 0.75, 0.5]), batch_of([1, 0, 2]), Schedule(group_size=8, stop="drained")).execution
    assert execution.forward_steps.tolist() == [[3, 0, 3]]
    assert execution.emitted.tolist() == [[2, 2, 2]]
    assert execution.propagated.tolist() == [[2, 2, 2]]  # the output's spikes leave the queue too, to nowhere
    assert execution.synaptic_operations.tolist() == [[3, 2, 2]]
    assert execution.evaluations.tolist() == [[2, 2, 2]]
    assert execution.steps_to_first_output.tolist() == [[3, NOT_REACHED, 3]]
    assert execution.spikes_to_first_output.tolist() == [[2, NOT_REACHED, 2]]
    assert execution.input_events.tolist() == [3]
    assert execution.scores.tolist() == [[2.0]]
    assert execution.currents_before_firing[0].nonzero()[0].tolist() == [1, 2]
    assert execution.currents_before_firing[1, 1] == 4
    messages = execution.messages
    rows = list(zip(messages.timestep, messages.step, messages.source, messages.enqueue_step, strict=True))
    assert rows[:4] == [(0, -1, 0, -1), (0, 0, 1, 0), (0, 1, 2, 1), (0, 2, 3, 2)]
    assert messages.spikes.tolist() == [1, 1, 1, 1, 2, 1, 1, 1]


@pytest.mark.parametrize("schedule", [LAYERED, Schedule(), Schedule(group_size=10**9), Schedule(input_mode="queued")])
def test_corners_have_a_result(schedule: Schedule):
    silent = chain([0.125, 0.5])
    execution = simulate(silent, batch_of([1, 0]), schedule).execution
    assert execution.undecided.tolist() == [True]
    assert execution.predictions.tolist() == [-1]
    assert execution.accuracy == 0.0
    assert execution.steps_to_first_output.tolist() == [[NOT_REACHED, NOT_REACHED]]
    nothing = simulate(silent, batch_of([0, 0]), schedule).execution
    assert nothing.forward_steps.tolist() == [[0, 0]]
    assert nothing.input_events.tolist() == [0]
    empty = batch_of([1]).select([])
    none = simulate(silent, empty, schedule).execution
    assert none.samples == 0
    assert none.scores.shape == (0, 1)


def test_evaluation_does_not_depend_on_the_batch_size():
    from codesign.training.evaluation import answer, evaluate

    case = a_case(batch=7)
    whole = simulate(case.network, case.events, Schedule(group_size=2), seed=1).execution
    parts = evaluate(case.network, case.events, Schedule(group_size=2), seed=1, batch_size=3)
    assert_same(parts, whole)
    predictions, emitted = answer(case.network, case.events, Schedule(group_size=2), seed=1)
    assert predictions.tolist() == whole.predictions.tolist()
    assert emitted == whole.emitted[:, :-1].sum()
    layers, skip = [{"kind": "linear", "neurons": n} for n in (9, 9, 5)], {"kind": "linear", "from": "input", "to": 2}
    for further in ({"skips": [skip]}, {"delayed": [{"from": 0, "to": 0, "delay": 1}]}):
        network = network_of({"input": 20, "layers": layers, **further})
        network.weights()[0].data[:, ::3] = network.weights()[2].data[:, ::3] = 0
        whole = simulate(network, case.events, LAYERED).execution
        assert evaluate(network, case.events, LAYERED, batch_size=3).zero_weights == whole.zero_weights


@pytest.mark.parametrize("engine", engine_names())
def test_neurons_on_cores_of_their_own_are_recorded_one_by_one(engine: str):
    layers = [{"kind": "conv2d", "channels": 2, "kernel": 2}, {"kind": "linear", "neurons": 3}]
    network = network_of({"input": [2, 3, 3], "layers": layers}, threshold=0.2)
    events = batch_of(np.random.default_rng(0).poisson(0.7, (4, 5, 18))).with_grid((2, 3, 3))
    own = replace(LAYERED, cores=tuple(range(network.shape.neurons)))
    execution = simulate(network, events, own, engine=engine).execution
    table = execution.updates
    raster = np.zeros((4, 5, network.shape.neurons), dtype=np.int64)
    np.add.at(raster, (table.sample, table.timestep, table.slice), table.emitted)
    assert np.array_equal(raster[:, :, 8:], execution.output_counts)
    kernel = network.weights()[0].detach()
    currents = torch.nn.functional.conv2d(events.frame(0).view(-1, 2, 3, 3), kernel)
    assert np.array_equal(raster[:, 0, :8], (currents > 0.2).flatten(1).numpy())


def test_what_does_not_fit_is_an_error():
    network = chain([0.5])
    with pytest.raises(InputError, match="engine: unknown 'event-driven'"):
        simulate(network, batch_of([1]), LAYERED, engine="event-driven")
    with pytest.raises(InputError, match="unknown scheduling policy 'radnom'; did you mean 'random'"):
        simulate(network, batch_of([1]), Schedule(policy="radnom"))
    events = batch_of(np.ones((1, 1, 2)))
    with pytest.raises(InputError, match="has 1 inputs, the events have 2"):
        simulate(network, events, LAYERED)
    square = network_of({"input": [1, 1, 2], "layers": [{"kind": "linear", "neurons": 1}]})
    simulate(square, events, LAYERED)
    with pytest.raises(InputError, match=r"has inputs on the grid \(1, 1, 2\), the events on \(2, 1, 1\)"):
        simulate(square, events.with_grid((2, 1, 1)), LAYERED)
    with pytest.raises(InputError, match="must be one for each of 1 neurons, found 2"):
        simulate(network, batch_of([1]), Schedule(synchronization_threshold=(1, 2)))
    events = EventBatch.from_dense(np.ones((1, 1, 1)), np.zeros(1, dtype=np.int64), timestep_s=0.02)
    leaky = chain([0.5], time_constant="1 ms")
    with pytest.raises(InputError, match=r"the network has timesteps of 0.01 s, the events of 0.02 s"):
        simulate(leaky, events, LAYERED)
    one, other = (
        simulate(network_of("1-4-2"), batch_of([1]), replace(LAYERED, cores=cores)).execution
        for cores in ((0, 0, 0, 1, 2, 2), (0, 1, 1, 1, 2, 2))  # as many slices, of other sizes
    )
    with pytest.raises(InputError, match="executions: must be of one network under one schedule, and differ in slices"):
        Execution.concatenate([one, other])
    potentials = simulate(chain([0.5], readout="potential"), batch_of([1]), LAYERED).execution
    for read in (potentials.decided, potentials.at_margin):
        with pytest.raises(InputError, match="can be read early from output spikes alone"):  # else all are of class 0
            read(1)


def test_a_network_is_called_like_any_module():
    network = chain([0.5, 0.75])
    scores = network(batch_of([1, 0, 2]))
    assert scores.tolist() == [[2.0]]
    scores.sum().backward()
    assert all(weight.grad.any() for weight in network.weights())
    queued = Schedule(input_mode="queued", group_size=1)
    assert network(batch_of([1]), queued, engine="reference").tolist() == [[1.0]]
    assert torch.nn.Sequential(network, torch.nn.Flatten(0))(batch_of([1])).shape == (1,)


def test_a_silent_network_is_told_once_by_an_evaluation():
    from codesign.errors import SilentNetworkWarning
    from codesign.training.evaluation import evaluate

    events = batch_of(np.ones((20, 1, 1)))
    with pytest.warns(
        SilentNetworkWarning, match=r"none of 20 samples .* in the second layer of 2\. .* threshold"
    ) as told:
        evaluate(chain([0.5, 0.125]), events, LAYERED, batch_size=8)
    assert [warning.filename for warning in told] == [__file__]
    with pytest.warns(SilentNetworkWarning, match="no input events that pass"):
        evaluate(chain([0.5, 0.75]), batch_of(np.zeros((20, 1, 1))), LAYERED)
    evaluate(chain([0.5, 0.75]), events, LAYERED)  # one that fires
    evaluate(chain([0.5, 0.125]), events.select(slice(3)), LAYERED)  # and a few samples that prove nothing
    evaluate(chain([0.5, 0.125]), events, LAYERED, warn=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's own, where a graph goes on
@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")  # torch's
@pytest.mark.parametrize("engine", engine_names())
def test_a_compiled_program_gives_the_same_numbers(engine: str):
    """Its graph breaks at `simulate`. With torch's own kernels around it, for which no C++ compiler is needed."""
    case = a_case(batch=4)
    last = torch.nn.Linear(case.network.shape.layers[-1].neurons, 3)
    parameters = [*case.network.parameters(), *last.parameters()]

    def program(inputs: torch.Tensor) -> torch.Tensor:
        simulation = simulate(case.network, case.events, LAYERED, engine=engine)
        learned = classification_loss(case.network, case.events, LAYERED, engine=engine).value
        called = case.network(case.events, engine=engine)
        return last(simulation.logits + called) * torch.sin(inputs) + learned

    found = []
    for run in (program, torch.compile(program, backend="eager")):
        with torch.device("meta" if run is not program else "cpu"):
            outputs = run(torch.ones(3, device="cpu"))
        found.append([outputs.detach(), *torch.autograd.grad(outputs.sum(), parameters)])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))


@pytest.mark.parametrize("engine", engine_names())
def test_numbers_are_float32_whatever_a_notebook_has_set(engine: str):
    """A third has no end in binary: in float64 it would be another number."""
    network, events = network_of("1-1", 1 / 3, readout="potential", time_constant="10 ms"), batch_of([1, 2, 3])
    case = a_case(batch=8)

    def numbers() -> list[torch.Tensor]:
        learned = gradients(case.network, case.events, case.schedule, engine)
        return [simulate(network, events, LAYERED, engine=engine).logits, *learned]

    expected = numbers()
    torch.set_default_dtype(torch.float64)
    try:
        found = numbers()
    finally:
        torch.set_default_dtype(torch.float32)
    assert {one.dtype for one in found} == {torch.float32}
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
