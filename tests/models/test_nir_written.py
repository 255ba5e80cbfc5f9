"""Networks of this program written as NIR, and read back to the last bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from neuron_values import draw_for_layers, draw_for_networks
from program import run_here

import codesign as cd
from codesign.errors import InputError
from codesign.models.nir.written import beyond_nir, to_nir
from codesign.network.neuron import OF_NEURONS
from codesign.network.topology import TopologySpec

CONV = {"kind": "conv2d", "channels": 3, "kernel": 3, "stride": 2, "padding": 1}
POOLS = [{"kind": "sum_pool", "kernel": 2}, {"kind": "average_pool", "kernel": 2}]
SLANTED = {**CONV, "channels": 4, "kernel": [1, 2], "stride": [1, 2], "padding": [0, 1], "dilation": [1, 3]}
LINEAR: dict[str, Any] = {"input": 6, "layers": [{"kind": "linear", "neurons": 5}, {"kind": "linear", "neurons": 3}]}
TOPOLOGIES = [
    LINEAR,
    {"input": [2, 8, 8], "layers": [POOLS[0], CONV, POOLS[1], {"kind": "linear", "neurons": 3}]},
    {**LINEAR, "delayed": [{"from": 1, "to": 1}, {"from": 0, "to": 0}]},
    {"input": [2, 8, 8], "layers": [{**CONV, "stride": 1}, *POOLS, CONV]},
    {"input": [2, 9], "layers": [{"kind": "conv1d", "channels": 4, "kernel": 3, "padding": 1, "groups": 2}, SLANTED]},
]


@st.composite
def networks(draw: Any) -> cd.SpikingNetwork:
    topology = TopologySpec.model_validate(draw(st.sampled_from(TOPOLOGIES)))
    numbers = np.random.default_rng(draw(st.integers(0, 99)))
    more = draw_for_layers(draw, numbers, len(cd.network_shape(topology).layers))
    neuron = cd.NeuronSpec.model_validate(draw_for_networks(draw) | more)
    network = cd.SpikingNetwork(topology, neuron, timestep_s=1e-3, seed=draw(st.integers(0, 99)))
    if network.bias is not None:
        with torch.no_grad():
            network.bias.copy_(torch.from_numpy(numbers.normal(size=network.bias.shape).astype("f4")))
    if draw(st.booleans()):  # of each neuron
        network.threshold.copy_(torch.from_numpy(numbers.random(network.shape.neurons) + 0.1))
    if draw(st.booleans()):
        network.input_gate = torch.from_numpy(numbers.random(network.input_columns) < 0.5)
    return network


def made(topology: str | dict[str, Any] = "6-5-3", **neuron: Any) -> cd.SpikingNetwork:
    shape = topology if isinstance(topology, str) else TopologySpec.model_validate(topology)
    return cd.SpikingNetwork(shape, cd.NeuronSpec(**neuron), timestep_s=1e-3, seed=3)


def graph_of(network: cd.SpikingNetwork, reader: str = "plain") -> nir.NIRGraph:
    return to_nir(network, cd.describe_model(network, name="x"), reader)


PLAIN = {"dialect": "plain", "dt": "1 ms", "norm_input": True, "decay": "exponential"}
PLAIN |= {"comparison": ">", "reset": "value"}


def state_of(network: cd.SpikingNetwork) -> dict[str, Any]:
    return {name: value.numpy().tolist() for name, value in network.state_dict().items()}


@settings(max_examples=15)
@given(network=networks())
def test_what_is_written_is_read_back(network: cd.SpikingNetwork, tmp_path_factory: pytest.TempPathFactory):
    card = cd.describe_model(network, name="by hand", description="a µ model")
    path = tmp_path_factory.mktemp("nir") / "model.nir"
    nir.write(path, to_nir(network, card))
    loaded = cd.import_model(path)
    assert loaded.card == card
    assert state_of(loaded.network) == state_of(network)
    assert nir.read(path, type_check=False).metadata["dialect"] == "plain"


def test_its_nodes_alone_are_nirs_equations(tmp_path: Path):
    """β = exp(−Δt/τ), and r (1 − β) is the gain."""
    network = made(threshold=0.5, time_constant="3 ms", gain=0.25, bias=True)
    with torch.no_grad():
        network.bias.fill_(0.125)
    graph = graph_of(network)
    graph.metadata = {}
    node = graph.nodes["neurons0"]
    np.testing.assert_allclose(node.r * (1 - np.exp(-1e-3 / node.tau)), 0.25)
    read = cd.import_model(graph, **PLAIN).network
    assert torch.equal(read.decay, network.decay)
    torch.testing.assert_close(read.bias.detach(), network.bias.detach())
    torch.testing.assert_close(read.gain, network.gain)
    for ours, theirs in zip(read.all_weights(), network.all_weights(), strict=True):
        assert torch.equal(ours, theirs)


def test_biases_that_differ_within_a_channel_are_in_the_leak():
    network = made({"input": [2, 8, 8], "layers": [CONV]}, time_constant="3 ms", gain=0.25, bias=True)
    with torch.no_grad():
        network.bias.copy_(torch.randn(network.bias.shape))
    graph = graph_of(network)
    read = cd.import_model(graph, **PLAIN).network
    torch.testing.assert_close(read.bias.detach(), network.bias.detach())
    with pytest.raises(InputError, match="layer 0: biases differ within a channel"):
        graph_of(network, "norse")


def test_max_pools_are_refused_since_nir_has_none():
    pool = {"kind": "max_pool", "kernel": 2}
    with pytest.raises(InputError, match="a network with a max_pool cannot be written"):
        graph_of(made({"input": [2, 8, 8], "layers": [CONV, pool, CONV]}))


def test_commands_export_and_import(tmp_path: Path):
    network = made()
    model, there, back = (tmp_path / name for name in ("model.safetensors", "model.nir", "back.safetensors"))
    cd.save_model(model, network, cd.describe_model(network, name="mine"))
    assert run_here("export", model, folder=tmp_path).err == ""
    for command, source in (("export", model), ("import", there)):  # the target may be what a framework wrote
        with pytest.raises(InputError, match="already exists"):
            run_here(command, source, folder=tmp_path)
    written = model.read_bytes()
    model.unlink()
    with pytest.raises(InputError, match=r"model\.md: already exists; give \S+model\.safetensors as --output"):
        run_here("import", there, folder=tmp_path)
    run_here("import", there, "--output", back, folder=tmp_path)
    assert back.read_bytes() == written
    with h5py.File(there, "r+") as file:
        file["node/metadata/codesign_model"][-1] ^= 1
    with pytest.raises(InputError, match="metadata 'codesign_model': the card describes other weights"):
        cd.import_model(there)
    with pytest.raises(InputError, match="dt: the file itself says how to read it"):
        cd.import_model(there, dt="1 ms")
    synapse = {"time_constant": 0.02, "synaptic_time_constant": 0.01, "tick": True}
    network = made(reset=("zero", "subtract"), comparison=">=", floor=-1.0, potential_step=0.125, **synapse)
    network.time_constant[0] = math.inf
    cd.save_model(model, network, cd.describe_model(network, name="mine"))
    told = run_here("export", model, "--output", there, folder=tmp_path).err
    with pytest.raises(InputError, match=r"other\.nir: the card belongs to another network: its topology differs"):
        cd.export_model(tmp_path / "other.nir", made("5-3-2"), cd.describe_model(network, name="mine"))
    assert cd.export_model(there, network, cd.describe_model(network, name="mine"))[:2] == (
        "reset subtract",
        "comparison >=",
    )
    network = made(tick=True, time_constant=0.02)
    cd.save_model(model, network, cd.describe_model(network, name="mine"))
    assert (
        "read it without a dt"
        in run_here("export", model, "--dialect", "norse", "--output", there, folder=tmp_path).err
    )
    beyond = "reset subtract, comparison >=, potential_step 0.125, floor, time_constant of layer 0, synaptic_time_const"
    assert told.startswith(f"note     {beyond}ant of layer 0: NIR's equations cannot say this, so other")


@pytest.mark.parametrize("constants", [{"synaptic_time_constant": 0.01, "time_constant": 0.02}, {}])
def test_what_only_the_metadata_say_is_named(constants: dict[str, float]):
    """Biases of each neuron of a map without a leak of its own, spikes that come back to it, and potentials that do."""
    said = {**LINEAR, "input": [2, 8, 8], "delayed": [{"from": 0, "to": 0}, {"from": 1, "to": 1}]}
    network = made({**said, "layers": [CONV, LINEAR["layers"][1]]}, bias=True, readout="potential", **constants)
    back = ["the spikes that come back to layer 0", "the spikes that come back to layer 1"]
    assert list(beyond_nir(network)) == ["tick False", *back]
    network.bias.data[0] = 0.5
    network.input_gate = torch.ones(network.input_columns, dtype=torch.bool)
    assert list(beyond_nir(network)) == ["tick False", "input_gate", *back, "bias of layer 0"]


def test_only_layers_that_reset_to_a_value_have_one():
    graph = graph_of(made(reset=("value", "zero"), reset_value=0.1, time_constant="3 ms"))
    np.testing.assert_array_equal(graph.nodes["neurons0"].v_reset, np.full(5, np.float32(0.1)))
    assert not graph.nodes["neurons1"].v_reset.any()


def test_without_a_duration_of_timesteps_nothing_leaks(tmp_path: Path):
    network = cd.SpikingNetwork("6-5-3", cd.NeuronSpec(time_constant="3 ms", bias=True, gain=0.5), timestep_s=0)
    nir.write(tmp_path / "x.nir", graph_of(network))
    assert state_of(cd.import_model(tmp_path / "x.nir").network) == state_of(network)
    assert graph_of(network).nodes["neurons0"].r == pytest.approx(0.5)
    slow = cd.SpikingNetwork("6-3", cd.NeuronSpec(synaptic_time_constant="3 ms", time_constant="3 ms"), timestep_s=0)
    assert "synaptic_time_constant of layer 0" in beyond_nir(slow)


def test_a_grid_of_one_place_is_a_grid():
    """Numbers of (channels,) would stand for columns in other readers."""
    network = made({"input": [2, 3, 3], "layers": [{**CONV, "kernel": 5}, LINEAR["layers"][0]]})
    graph = graph_of(network)
    assert graph.nodes["neurons0"].v_threshold.shape == (3, 1, 1)
    assert graph.edges[2:4] == [("neurons0", "flatten1"), ("flatten1", "weights1")]
    assert state_of(cd.import_model(graph).network) == state_of(network)
    with pytest.raises(InputError, match=r"layer 0: rockpool cannot read .*convolutions"):
        graph_of(network, "rockpool")


def test_what_is_on_no_grid_leads_to_no_convolution():
    point = {"kind": "conv2d", "channels": 3, "kernel": 1}
    network = made({"input": 6, "layers": [point, LINEAR["layers"][1]]})
    assert state_of(cd.import_model(graph_of(network)).network) == state_of(network)
    with pytest.raises(InputError, match=r"layer 1: NIR cannot lead a Linear to a convolution; use cd.save_model"):
        graph_of(made({"input": 6, "layers": [LINEAR["layers"][0], point]}))


@pytest.mark.parametrize(
    "further",
    [
        {"skips": [{"from": "input", "to": 1, "kind": "linear"}]},
        {"delayed": [{"from": 0, "to": 0, "within": "pass"}]},
        {"delayed": [{"from": 0, "to": 0, "delay": 2}]},
    ],
)
def test_of_further_connections_only_recurrence_is_written(further: dict[str, Any]):
    with pytest.raises(InputError, match=r"NIR files have only connections of a layer to itself .*; use cd.save_model"):
        graph_of(made({**LINEAR, **further}))


CHANGED = {
    "v_threshold": "neurons1' \\(LIF\\): v_threshold is not that of the metadata; the file was changed",
    "bias": "weights1' \\(Affine\\): bias is not that of the metadata",
    "weight": "weights1' \\(Affine\\): weight is not that of the metadata; .* Give a dialect",
}


@pytest.mark.parametrize("field", CHANGED)
def test_nodes_that_others_have_changed_are_not_changed_back(field: str, tmp_path: Path):
    network = made(threshold=0.5, time_constant="3 ms", bias=True)
    with torch.no_grad():
        network.bias.fill_(0.125)
    graph = graph_of(network)
    node = graph.nodes["weights1" if field in ("weight", "bias") else "neurons1"]
    setattr(node, field, getattr(node, field) * 2)
    nir.write(tmp_path / "x.nir", graph)
    with pytest.raises(InputError, match=CHANGED[field]):
        cd.import_model(tmp_path / "x.nir")
    assert cd.import_model(tmp_path / "x.nir", **PLAIN).card.imported is not None


def test_for_a_framework_neurons_are_written_as_its_reader_takes_them(tmp_path: Path):
    """snnTorch's is the inverse of its own export: the same spikes and, but for rounding, decays."""
    network = made(threshold=0.5, time_constant="3 ms", gain=0.25)
    cd.save_model(tmp_path / "a.safetensors", network, cd.describe_model(network, name="a"))
    run = run_here("export", str(tmp_path / "a.safetensors"), "--dialect", "snntorch", folder=tmp_path)
    assert run.code == 0, run.err
    said = {"dialect": "snntorch", "dt": "1 ms", "reset": "zero", "reset_delay": False}
    read = cd.import_model(tmp_path / "a.nir", **said).network
    np.testing.assert_allclose(read.time_constant, 3e-3, rtol=1e-6)
    np.testing.assert_allclose(read.threshold, 2.0)
    for kept, wanted in zip(read.all_weights(), network.all_weights(), strict=True):
        assert torch.equal(kept, wanted)
    assert state_of(cd.import_model(tmp_path / "a.nir").network) == state_of(network)


def test_what_a_reader_lacks_is_said_in_other_nodes():
    """sinabs's has no averages, and here no groups; its nodes mean the same without what only this program reads."""
    layers = [{**CONV, "channels": 4, "groups": 2}, POOLS[1], {"kind": "linear", "neurons": 3}]
    spec = {"reset": "subtract", "comparison": ">=", "most_spikes": 1 << 20, "refractory": False, "tick": True}
    network = made({"input": [2, 8, 8], "layers": layers}, time_constant="3 ms", **spec)
    graph = graph_of(network, "sinabs")
    assert state_of(cd.import_model(graph).network) == state_of(network)
    graph.metadata = {}
    said = {"most_spikes": "unlimited", "reset": "subtract", "floor": "none", "norm_input": False, "tau_syn": "none"}
    read = cd.import_model(graph, dialect="sinabs", dt="1 ms", **said).network
    frames = np.random.default_rng(0).integers(0, 6, (4, 6, 2, 8, 8))
    events = cd.EventBatch.from_dense(frames, np.zeros(4, int), timestep_s=1e-3)
    ours = cd.record(network, events).spikes
    assert ours[:, :, -3:].sum() > 10
    np.testing.assert_array_equal(cd.record(read, events).spikes, ours)


LOOPED_GRID = {"input": [2, 8, 8], "layers": [CONV, LINEAR["layers"][1]], "delayed": [{"from": 0, "to": 0}]}


@pytest.mark.parametrize(
    ("reader", "neuron", "message"),
    [
        ("snntorch", {"reset": "subtract"}, r"layer 0: snntorch cannot read reset subtract; write dialect plain"),
        ("norse", {"bias": True}, "norse cannot read neurons that only messages start"),
        ("sinabs", {"reset": "subtract"}, r"cannot read a limit of spikes in a timestep \(most_spikes\), neurons that"),
        ("rockpool", {"reset": "subtract"}, "rockpool cannot read .*, neurons without a synaptic current"),
        ("snntorch", {"topology": LOOPED_GRID}, "snntorch cannot read spikes that come back to a grid; write"),
        ("lava", {}, "dialect: unknown 'lava'; allowed: norse, plain, rockpool, sinabs, snntorch, spikingjelly$"),
    ],
)
def test_what_a_framework_cannot_read_is_refused(reader: str, neuron: dict[str, Any], message: str):
    network = made(**{"time_constant": "3 ms", "refractory": False, **neuron})
    with pytest.raises(InputError, match=message):
        graph_of(network, reader)


@pytest.mark.parametrize("name", [name for name in OF_NEURONS if OF_NEURONS[name].reset is None])
def test_what_only_some_neurons_have_is_refused_too(name: str):
    """Where a reader has no such number, or one for a layer."""
    network = made(time_constant="3 ms", refractory=False)
    network.expect_buffers([name])
    getattr(network, name)[:5] = torch.tensor([0.5, 0.25, 0.5, 0.5, 0.5])
    with pytest.raises(InputError, match=f"layer 0: snntorch cannot read ({name}|neurons that differ)"):
        graph_of(network, "snntorch")
