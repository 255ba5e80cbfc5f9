"""NeuroBench's metrics by hand, and as its harness gives them where that is installed (2.3, with snnTorch 1.0)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import batch_of, network_of

import codesign as cd

FRAMES = np.array([[[1, 0], [0, 1]]])  # one sample: input 0, then input 1
FIRST, SECOND = [[1.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 1.0]]


def network(first=FIRST, second=SECOND, **neuron):
    return network_of("2-2-2", first, second, threshold=0.5, **neuron)


def run(made, frames=FRAMES, schedule=cd.LAYERED, **options):
    return cd.evaluate(made, batch_of(frames, [1], **options), schedule)


def test_metrics_by_hand():
    """Timestep 0: input 0 reaches both hidden neurons, which reach three outputs but for a weight of 0; all four fire.
    Timestep 1: input 1 reaches the second hidden neuron alone, which reaches both outputs; these three fire."""
    made = network()
    execution = run(made)
    metrics = cd.neurobench(execution, made)
    assert execution.zero_weights == (1 / 4, 1 / 6)  # of the synapses that spikes crossed
    assert execution.synaptic_operations.sum() == (2 + 2 * 2) + (2 + 2)  # zeros are synapses to a chip
    assert metrics.effective_acs == (2 + 3) + (1 + 2)
    assert metrics.effective_macs == 0
    assert metrics.dense_operations == 2 * (4 + 4)
    assert metrics.connection_sparsity == 2 / 8
    assert metrics.activation_sparsity == 1 - 7 / (2 * 4)
    assert metrics.footprint_bytes == 8 * 4 + 4 * 4 + 4 * 8  # weights, thresholds, time constants
    assert metrics.decision_operations == execution.synaptic_operations.sum()  # layered, all outputs come at once


def test_a_decision_needs_fewer_operations_where_layers_do_not_wait():
    """In timestep 0 the first hidden neuron leaves alone and output 1 fires at once; the second comes too late."""
    made = network([[1.0, 0.25], [1.0, 1.0]], [[0.25, 1.0], [1.0, 1.0]])
    execution = run(made, schedule=cd.Schedule(policy="fifo", group_size=1))
    metrics = cd.neurobench(execution, made)
    assert metrics.effective_acs == execution.synaptic_operations.sum() == 10
    assert metrics.decision_operations == 10 - 2
    assert (metrics.accuracy, metrics.decision_accuracy) == (0, 1)  # output 0 fires too, and a tie goes to it


def test_currents_are_multiplied_and_potentials_decide_at_the_end():
    made = network(readout="potential")
    metrics = cd.neurobench(run(made, FRAMES * 0.75, currents=True), made)
    assert (metrics.effective_macs, metrics.effective_acs) == (2 + 1, 3 + 2)
    assert metrics.activation_sparsity == 1 - 3 / (2 * 2)  # output neurons have no spikes to lack
    assert metrics.decision_operations is metrics.decision_accuracy is None


def test_kernels_count_the_weights_that_are_there_for_each_pixel():
    """Windows of a pool make a row of two pixels under a kernel with taps of 0, 4 and 1: the left pixel
    reaches both outputs, the right one over the tap of 0; the right pixel reaches both over the others."""
    layers = [{"kind": "average_pool", "kernel": 2}, {"kind": "conv2d", "channels": 1, "kernel": 3, "padding": 1}]
    topology = {"input": [1, 2, 4], "layers": [*layers, {"kind": "linear", "neurons": 2}]}
    made = network_of(topology, [[[[1.0, 1, 1], [0, 4, 1], [1, 1, 1]]]], 1.0, threshold=0.5)
    frames = np.zeros((1, 1, 8))
    frames[..., [0, 3]] = 1  # a pixel in each window
    execution = run(made, frames)
    assert execution.synaptic_operations.tolist() == [[4, 4]]
    assert cd.neurobench(execution, made).effective_acs == 3 + 4


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(cd.InputError, match="of other sizes"):
        cd.neurobench(run(network()), network_of("2-3-2"))
    late = network_of("2-2r-2", FIRST, SECOND, 0.0, threshold=0.5)
    with pytest.raises(cd.InputError, match="of delayed or direct connections of weight 0"):
        cd.neurobench(run(late), late)


@pytest.mark.parametrize("kind", ["linear", "conv2d"])
def test_its_harness_gives_the_same_numbers(kind):
    """Of a module of snnTorch with 30 % of its weights 0, which the harness runs there and which is imported here."""
    benchmarks = pytest.importorskip("neurobench.benchmarks", reason="compares with NeuroBench's harness")
    leaky = pytest.importorskip("snntorch", reason="the harness runs its modules").Leaky
    from neurobench.metrics import static, workload
    from neurobench.models import SNNTorchModel
    from neurobench.processors.postprocessors import ChooseMaxCount

    torch.manual_seed(0)
    first = torch.nn.Linear(72, 12, bias=False) if kind == "linear" else torch.nn.Conv2d(2, 3, 3, stride=2, bias=False)
    weighted = [first, torch.nn.Linear(12, 16, bias=False), torch.nn.Linear(16, 4, bias=False)]
    for layer in weighted:
        layer.weight.data *= 8 * (torch.rand(layer.weight.shape) > 0.3)
    hidden = [torch.nn.Flatten(), weighted[1], leaky(beta=0.8, init_hidden=True), weighted[2]]
    module = torch.nn.Sequential(
        first, leaky(beta=0.9, init_hidden=True), *hidden, leaky(beta=0.9, init_hidden=True, output=True)
    )
    shape = (72,) if kind == "linear" else (2, 6, 6)
    frames, labels = (torch.rand(9, 5, *shape) < 0.3).float(), torch.arange(9) % 4
    made = cd.import_model(module, sample=frames[:1, 0], dt="1 ms").network
    events = cd.EventBatch.from_dense(frames.numpy(), labels.numpy(), timestep_s=1e-3)
    ours = cd.neurobench(cd.evaluate(made, events, cd.LAYERED), made)
    harness = benchmarks.Benchmark(
        SNNTorchModel(module),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(frames, labels), batch_size=3),
        [],
        [ChooseMaxCount()],
        [
            [static.ConnectionSparsity],
            [workload.ActivationSparsity, workload.SynapticOperations, workload.ClassificationAccuracy],
        ],
    ).run(quiet=True)
    assert ours.accuracy > 0  # here a sample without an output spike would be wrong, there it is of class 0
    assert harness["ConnectionSparsity"] == round(ours.connection_sparsity, 4)
    assert harness["ActivationSparsity"] == pytest.approx(ours.activation_sparsity)
    assert harness["ClassificationAccuracy"] == pytest.approx(ours.accuracy)
    assert harness["SynapticOperations"] == pytest.approx(
        {"Effective_MACs": 0, "Effective_ACs": ours.effective_acs, "Dense": ours.dense_operations}
    )
