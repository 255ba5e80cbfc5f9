"""Models built, run and exported by the frameworks themselves; each left out where its framework is not installed.

pip install nirtorch snntorch spikingjelly norse sinabs rockpool
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import codesign as cd
from codesign.models.nir.written import to_nir

pytestmark = pytest.mark.filterwarnings("ignore")
Built = tuple[Any, tuple[Any, torch.Tensor], np.ndarray, list[np.ndarray], dict[str, Any]]
"""Graph, module and a sample for it, input, spikes of each layer, and what the file does not say."""


def inputs(*shape: int, timesteps: int = 12, seed: int = 0) -> torch.Tensor:
    """(timesteps, samples, …) spikes."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand((timesteps, 4, *shape), generator=generator) < 0.4).float()


def dyadic(network: torch.nn.Module, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim and parameter.numel() > 4:
                parameter.copy_(torch.randint(-12, 24, parameter.shape, generator=generator) / 32)


def by_sample(steps: list[torch.Tensor]) -> np.ndarray:
    """(samples, timesteps, …)."""
    return torch.stack(steps, 1).detach().numpy()


def hooked(modules: list[torch.nn.Module]) -> list[list[torch.Tensor]]:
    """What each module returns, time after time."""
    seen: list[list[torch.Tensor]] = [[] for _ in modules]
    for module, found in zip(modules, seen, strict=True):

        def keep(_: Any, __: Any, output: Any, found: list[torch.Tensor] = found) -> None:
            found.append((output[0] if isinstance(output, tuple) else output).detach().clone())

        module.register_forward_hook(keep)
    return seen


def stepped(
    network: torch.nn.Module, neurons: list[torch.nn.Module], given: torch.Tensor, *state: Any
) -> tuple[tuple[Any, torch.Tensor], np.ndarray, list[np.ndarray]]:
    """Module and a sample for it, input, and spikes of these neurons, of a network that runs timestep by timestep; with
    a state where it takes one."""
    seen = hooked(neurons)
    for step in given:
        made = network(step, *state)
        state = state and made[1:]
    return (network, given[0]), by_sample(list(given)), [by_sample(steps) for steps in seen]


def network_of(kind: str, cell: Callable[[], torch.nn.Module], pool: torch.nn.Module) -> torch.nn.Sequential:
    """Two layers of neurons; of kind `conv` behind a convolution, and a pool and weights."""
    if kind == "conv":
        first = torch.nn.Conv2d(2, 3, 3, padding=1), cell(), pool, torch.nn.Flatten(), torch.nn.Linear(48, 4)
    else:
        first = torch.nn.Linear(6, 5), cell(), torch.nn.Linear(5, 4)
    network = torch.nn.Sequential(*first, cell())
    dyadic(network)
    return network


def shape_of(kind: str) -> tuple[int, ...]:
    return (2, 8, 8) if kind == "conv" else (6,)


def snntorch(kind: str, **reset: Any) -> Built:
    snn = pytest.importorskip("snntorch")
    from snntorch import utils
    from snntorch.export_nir import export_to_nir

    given_to_all = {"init_hidden": True, "reset_mechanism": reset["reset"], "reset_delay": reset["reset_delay"]}

    def neuron(*shape: int) -> torch.nn.Module:
        constants = {"beta": torch.full(shape, 0.75), "threshold": torch.full(shape, 0.5), **given_to_all}
        return snn.Synaptic(alpha=torch.full(shape, 0.5), **constants) if kind == "synaptic" else snn.Leaky(**constants)

    if kind == "conv":
        first = [
            torch.nn.Conv2d(2, 3, 3),
            torch.nn.AvgPool2d(2),
            neuron(3, 3, 3),
            torch.nn.Flatten(),
            torch.nn.Linear(27, 4),
        ]
    elif kind == "recurrent":
        recurrent = snn.RLeaky(beta=0.75, threshold=0.5, linear_features=5, **given_to_all)
        first = [torch.nn.Linear(6, 5), recurrent, torch.nn.Linear(5, 4)]
    else:
        first = [torch.nn.Linear(6, 5), neuron(5), torch.nn.Linear(5, 4)]
    network = torch.nn.Sequential(*first, neuron(4))
    dyadic(network)
    graph = export_to_nir(network, torch.zeros(1, *shape_of(kind)), ignore_dims=[0])
    utils.reset(network)
    spiking = [module for module in network if isinstance(module, snn.SpikingNeuron)]
    return graph, *stepped(network, spiking, inputs(*shape_of(kind))), reset


def spikingjelly(kind: str, **options: Any) -> Built:
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    def cell() -> torch.nn.Module:
        if kind == "synaptic":
            return neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=0.5, v_reset=0.0)
        if kind == "if":
            return neuron.IFNode(v_threshold=0.75)
        return neuron.LIFNode(
            tau=2.0, v_threshold=0.5, v_reset=-0.25 if kind == "mlp" else 0.0, decay_input=kind != "conv"
        )

    network = network_of(kind, cell, torch.nn.AvgPool2d(2))
    graph = export_to_nir(network, torch.zeros(1, *shape_of(kind)), dt=options.get("export_dt", 1e-4))
    functional.reset_net(network)
    spiking = [module for module in network if isinstance(module, neuron.BaseNode)]
    return graph, *stepped(network, spiking, inputs(*shape_of(kind))), options


def norse(kind: str, **options: Any) -> Built:
    pytest.importorskip("norse")
    from norse.torch import LIFBoxCell, LIFBoxParameters, LIFCell, LIFParameters, SequentialState, to_nir
    from norse.torch.functional.reset import reset_subtract, reset_value

    value = torch.tensor(options["v_reset"])
    if kind == "synaptic":
        p: Any = LIFParameters(
            tau_mem_inv=torch.tensor(250.0), tau_syn_inv=torch.tensor(500.0), v_th=torch.tensor(0.25), v_reset=value
        )
        cell: Any = LIFCell
    else:
        method = reset_subtract if options["reset"] == "subtract" else reset_value
        p = LIFBoxParameters(
            tau_mem_inv=torch.tensor(500.0), v_th=torch.tensor(0.25), v_reset=value, reset_method=method
        )
        cell = LIFBoxCell
    cells = [cell(p, dt=options["cell_dt"]) for _ in range(2)]
    network = SequentialState(torch.nn.Linear(6, 5), cells[0], torch.nn.Linear(5, 4), cells[1])
    dyadic(network)
    graph = to_nir(network, torch.zeros(1, 6), dt=options["export_dt"])
    return graph, *stepped(network, cells, inputs(6), None), options


def sinabs(kind: str, **options: Any) -> Built:
    pytest.importorskip("sinabs")
    import sinabs.activation as activation
    import sinabs.layers as layers
    from sinabs.nir import to_nir

    fires = {1: activation.SingleSpike, "unlimited": activation.MultiSpike}[options["most_spikes"]]
    given = {
        "spike_threshold": torch.tensor(0.5),
        "spike_fn": fires,
        "min_v_mem": None if options["floor"] == "none" else options["floor"],
    }
    given["reset_fn"] = activation.MembraneSubtract() if options["reset"] == "subtract" else activation.MembraneReset()

    def cell() -> torch.nn.Module:
        if kind == "conv":
            return layers.IAFSqueeze(batch_size=4, **given)
        tau_syn = None if options["tau_syn"] == "none" else options["tau_syn"]
        return layers.LIFSqueeze(tau_mem=2.0, tau_syn=tau_syn, norm_input=options["norm_input"], batch_size=4, **given)

    network = network_of(kind, cell, layers.SumPool2d(2))
    cells = [module for module in network if isinstance(module, layers.StatefulLayer)]
    samples = inputs(*shape_of(kind)).transpose(0, 1)
    given_at_once = samples.reshape(-1, *shape_of(kind))
    network(given_at_once)
    graph = to_nir(network, given_at_once)
    for module in cells:
        module.reset_states()
    seen = hooked(cells)
    network(given_at_once)
    recorded = [steps[0].reshape(4, -1, *steps[0].shape[1:]).numpy() for steps in seen]
    if kind == "conv":
        options = {name: value for name, value in options.items() if name not in ("norm_input", "tau_syn")}
    return graph, (network, given_at_once), samples.numpy(), recorded, options


def rockpool(kind: str, **options: Any) -> Built:
    pytest.importorskip("rockpool")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rockpool.nn.combinators import Sequential
        from rockpool.nn.modules import LIFNeuronTorch, LIFTorch, LinearTorch
        from rockpool.nn.modules.torch.nir import to_nir

    def cell(n: int) -> torch.nn.Module:
        more = {
            "dt": 1e-3,
            "threshold": torch.full((n,), 0.5),
            "max_spikes_per_dt": torch.tensor(float(options["most_spikes"])),
        }
        if kind == "synaptic":
            return LIFTorch(
                n, tau_mem=torch.full((n,), 2e-3), tau_syn=torch.full((n, 1), 1e-3), bias=torch.zeros(n), **more
            )
        return LIFNeuronTorch(n, tau_mem=torch.full((n,), 2e-3), bias=torch.full((n,), options["bias"]), **more)

    network = Sequential(LinearTorch((6, 5), has_bias=False), cell(5), LinearTorch((5, 4), has_bias=False), cell(4))
    generator = torch.Generator().manual_seed(0)
    for index in (0, 2):
        weight = network[index].weight
        with torch.no_grad():
            weight.copy_(torch.randint(-12, 24, weight.shape, generator=generator) / 32)
    graph = to_nir(network)
    network.reset_state()
    given = inputs(6).transpose(0, 1)
    _, _, record = network(given, record=True)
    return graph, (network, given), given.numpy(), spikes_in(record), options


def spikes_in(record: dict[str, Any]) -> list[np.ndarray]:
    """Of each layer, as Rockpool records them."""
    return [part["spikes"].detach().numpy() for part in record.values() if isinstance(part, dict) and "spikes" in part]


def record_of(given: np.ndarray, spikes: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {"input": given} | {f"layer{layer}": of_layer for layer, of_layer in enumerate(spikes)}


CASES = [
    *(
        (snntorch, kind, {"reset": reset, "reset_delay": delay})
        for kind in ("mlp", "synaptic", "recurrent", "conv")
        for reset, delay in (("subtract", True), ("zero", True), ("zero", False))
    ),
    (spikingjelly, "if", {}),
    *((spikingjelly, kind, {"export_dt": dt}) for kind in ("mlp", "synaptic", "conv") for dt in (1e-4, 1e-3)),
    (norse, "mlp", {"reset": "value", "v_reset": 0.0, "cell_dt": 1e-3, "export_dt": 1e-3}),
    (norse, "mlp", {"reset": "value", "v_reset": 0.0, "cell_dt": 5e-4, "export_dt": 1e-3}),
    (norse, "mlp", {"reset": "subtract", "v_reset": 0.0, "cell_dt": 1e-3, "export_dt": 1e-4}),
    (norse, "synaptic", {"v_reset": -0.125, "cell_dt": 1e-3, "export_dt": 1e-3}),
    *(
        (sinabs, kind, {"most_spikes": most, "reset": reset, "floor": floor, "norm_input": norm, "tau_syn": "none"})
        for kind in ("mlp", "conv")
        for most, reset, floor, norm in ((1, "subtract", "none", True), ("unlimited", "subtract", -0.5, False))
    ),
    (sinabs, "mlp", {"most_spikes": "unlimited", "reset": "zero", "floor": "none", "norm_input": True, "tau_syn": 2.0}),
    (rockpool, "mlp", {"most_spikes": 65536, "bias": 0.125}),
    (rockpool, "synaptic", {"most_spikes": 1, "bias": 0.0}),
]


@pytest.mark.filterwarnings("ignore:.*spikes differ")  # within rounding
@pytest.mark.parametrize(("framework", "kind", "options"), CASES)
def test_what_a_framework_exports_does_here_what_it_did_there(framework: Any, kind: str, options: dict[str, Any]):
    pytest.importorskip("nirtorch", reason="frameworks write and read NIR with it")
    graph, (module, sample), given, spikes, said = framework(kind, **options)
    record = record_of(given, spikes)
    loaded = cd.import_model(graph, dialect=framework.__name__, dt="1 ms", check=record, **said)
    asked = {} if framework in (norse, rockpool) else {"dt": "1 ms"}
    read = cd.import_model(module, sample=sample, check=record, **asked)
    for certificate in (loaded.card.certificate, read.card.certificate):
        assert certificate.differing_spikes == 0 or certificate.within_rounding, certificate.summary
        assert certificate.recorded_spikes > 20


def recurrent(framework: str) -> tuple[torch.nn.Module, torch.Tensor, np.ndarray, list[np.ndarray]]:
    """Recurrent modules of frameworks that do not export them: module, sample, input, spikes of each layer."""
    pytest.importorskip(framework)
    given = inputs(6, timesteps=20)
    data, linear = given.transpose(0, 1), torch.nn.Linear
    if framework == "rockpool":
        from rockpool.nn.combinators import Sequential
        from rockpool.nn.modules import LIFTorch, LinearTorch

        times = {"tau_mem": torch.full((8,), 4e-3), "tau_syn": torch.full((8, 1), 2e-3), "bias": torch.zeros(8)}
        cell = LIFTorch(8, threshold=torch.full((8,), 0.5), dt=1e-3, has_rec=True, **times)
        network = Sequential(LinearTorch((6, 8), has_bias=False), cell)
        small(cell.w_rec)
        record = network(data, record=True)[2]
        network.reset_state()
        return network, data, data.numpy(), spikes_in(record)
    if framework == "sinabs":
        from sinabs.layers import LIFRecurrent

        back = linear(8, 8, bias=False)
        small(back.weight)
        network = torch.nn.Sequential(linear(6, 8), LIFRecurrent(tau_mem=4.0, tau_syn=2.0, rec_connect=back))
        network[1].spike_threshold.data.fill_(0.2)
        seen = hooked([network[1]])
        network(data)
        network[1].reset_states()
        return network, data, data.numpy(), [seen[0][0].numpy()]
    from norse.torch import LIFCell, LIFParameters, LIFRecurrentCell, SequentialState

    p = LIFParameters(tau_mem_inv=torch.tensor(250.0), tau_syn_inv=torch.tensor(500.0), v_th=torch.tensor(0.25))
    network = SequentialState(LIFRecurrentCell(6, 8, p), linear(8, 4), LIFCell(p))
    (_, sample), recorded, spikes = stepped(network, [network[0], network[2]], given, None)
    return network, sample, recorded, spikes


def small(weight: torch.Tensor) -> None:
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape) / 4 - 0.1)


@pytest.mark.parametrize("framework", ["norse", "sinabs", "rockpool"])
def test_recurrent_modules_do_here_what_they_do_there(framework: str):
    torch.manual_seed(0)
    module, sample, given, spikes = recurrent(framework)
    check = record_of(given, spikes)
    loaded = cd.import_model(module, sample=sample, check=check, dt="1 ms" if framework == "sinabs" else None)
    assert loaded.network.delayed()
    assert loaded.card.certificate.differing_spikes == 0, loaded.card.certificate.summary
    assert loaded.card.certificate.recorded_spikes > 30


@pytest.mark.parametrize("block", ["spiking", "bottleneck", "down", "sew"])
def test_residual_blocks_of_spikingjelly(block: str):
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import functional, layer, neuron
    from spikingjelly.activation_based.model import sew_resnet, spiking_resnet

    torch.manual_seed(0)
    lif, wide = {"spiking_neuron": neuron.LIFNode}, 8 if block == "down" else 4
    down = torch.nn.Sequential(layer.Conv2d(4, 8, 1, stride=2, bias=False), layer.BatchNorm2d(8))
    made = {
        "spiking": lambda: spiking_resnet.BasicBlock(4, 4, **lif),
        "bottleneck": lambda: spiking_resnet.Bottleneck(4, 1, **lif),
        "down": lambda: spiking_resnet.BasicBlock(4, 8, stride=2, downsample=down, **lif),
        "sew": lambda: sew_resnet.BasicBlock(4, 4, cnf="ADD", **lif),
    }[block]()
    first = (layer.Conv2d(2, 4, 3, padding=1), layer.BatchNorm2d(4), neuron.LIFNode())
    last = (layer.Flatten(), layer.Linear(72 if block == "down" else 144, wide), neuron.LIFNode())
    network = torch.nn.Sequential(*first, made, *last).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.05)
            module.bias.data.uniform_(0.0, 0.9)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.weight.data *= 3
    spiking = [module for module in network.modules() if isinstance(module, neuron.BaseNode)]
    (_, sample), given, spikes = stepped(network, spiking, inputs(2, 6, 6))
    functional.reset_net(network)
    loaded = cd.import_model(network, sample=sample, dt="1 ms", check=record_of(given, spikes))
    assert len(loaded.network.topology.skips) == 1
    assert loaded.card.certificate.agrees, loaded.card.certificate.summary
    assert loaded.card.certificate.recorded_spikes > 200


SEVERAL = {"reset": "subtract", "comparison": ">=", "most_spikes": 1 << 20, "refractory": False}
SYNAPSE = {"synaptic_time_constant": 4e-3}
NETWORKS: dict[str, Any] = {
    "connected": {"input": 12, "layers": [{"kind": "linear", "neurons": n} for n in (20, 6)]},
    "recurrent": {
        "input": 12,
        "layers": [{"kind": "linear", "neurons": n} for n in (20, 10, 6)],
        "delayed": [{"from": 0, "to": 0}, {"from": 1, "to": 1}],
    },
    "places": {  # grids of one
        "input": [4, 6, 6],
        "layers": [
            {"kind": "conv2d", "channels": 20, "kernel": 6},
            {"kind": "linear", "neurons": 10},
            {"kind": "linear", "neurons": 6},
        ],
    },
    "convolutions": {
        "input": [4, 8, 8],
        "layers": [
            {"kind": "conv2d", "channels": 4, "kernel": 3, "padding": 1, "groups": 2},
            {"kind": "average_pool", "kernel": 2},
            {"kind": "conv2d", "channels": 6, "kernel": 2},
            {"kind": "sum_pool", "kernel": 3},
            {"kind": "linear", "neurons": 6},
        ],
    },
}
READ = [
    *(
        (name, kind, more)
        for name in ("snntorch", "spikingjelly", "norse")
        for kind in NETWORKS
        for more in ({}, SYNAPSE)
    ),
    ("snntorch", "connected", {"comparison": ">="}),
    ("norse", "connected", {"gain": 0.3}),
    *(("sinabs", kind, SEVERAL) for kind in NETWORKS),
    *(("rockpool", kind, {**SEVERAL, **SYNAPSE}) for kind in ("connected", "recurrent")),
]


def read_by(framework: str, graph: Any, given: torch.Tensor) -> torch.Tensor:
    """(samples, timesteps, …) what its reader makes of a graph and input of (timesteps, samples, …)."""
    if framework == "rockpool":
        from rockpool.nn.modules.torch.nir import from_nir

        return from_nir(graph)(given.transpose(0, 1))[0]
    if framework == "sinabs":  # timestep by timestep, which recurrence needs
        from sinabs.nir import from_nir

        def read(graph: Any) -> torch.nn.Module:
            return from_nir(graph, num_timesteps=1)

    elif framework == "snntorch":
        from snntorch.import_nir import import_from_nir as read
    elif framework == "spikingjelly":
        from spikingjelly.activation_based.nir_exchange import import_from_nir as read
    else:
        from norse.torch import from_nir as read
    module, state, steps = read(graph), None, []
    for step in given:
        spikes, state = module(step, state)
        steps.append(spikes.detach())
    return torch.stack(steps, 1)


@pytest.mark.parametrize(("framework", "kind", "neurons"), READ)
def test_what_is_exported_for_a_framework_does_there_what_it_does_here(
    framework: str, kind: str, neurons: dict[str, Any]
):
    pytest.importorskip(framework)
    pytest.importorskip("nirtorch", reason="frameworks write and read NIR with it")
    neuron = cd.NeuronSpec(time_constant="8 ms", bias=True, tick=True, **neurons)
    network = cd.SpikingNetwork(cd.TopologySpec.model_validate(NETWORKS[kind]), neuron, timestep_s=1e-3)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in network.all_weights():
            weight.copy_(torch.randn(weight.shape) * 1.7 / weight[0].numel() ** 0.5 + 0.03)
        for weight in (one.weight for one in network.delayed()):
            weight.copy_(-weight.abs() / 4)  # what excites itself without a limit to its spikes never ends
        for layer, connection in zip(network.layer_slices, network.layer_connections(), strict=True):
            of_channels = torch.randn(len(connection.weight)) * 0.3
            network.bias[layer] = of_channels.repeat_interleave((layer.stop - layer.start) // len(of_channels))
    network.input_gate = torch.arange(network.input_columns) % 4 != 1
    given = inputs(*np.atleast_1d(NETWORKS[kind]["input"]), timesteps=20)
    events = cd.EventBatch.from_dense(given.transpose(0, 1).numpy(), np.zeros(4, int), timestep_s=1e-3)
    ours = cd.record(network, events).spikes[:, :, network.layer_slices[-1]]
    graph = to_nir(network, cd.describe_model(network, name="here"), framework)
    assert ours.sum() > 30
    np.testing.assert_array_equal(read_by(framework, graph, given).detach().numpy().reshape(ours.shape), ours)
