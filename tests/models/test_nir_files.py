"""Files and graphs of NIR that are wrong: the message names the node, nothing is run, and memory stays bounded."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest
from frameworks import chain, lif

import codesign as cd
from codesign.cli import importing
from codesign.errors import InputError
from codesign.models.nir.dialects import DIALECTS
from codesign.models.nir.graph import read_graph

SNNTORCH = {"dialect": "snntorch", "dt": "1 ms", "reset": "zero", "reset_delay": "true"}


def conv(weight: np.ndarray, **changed: Any) -> nir.Conv2d:
    given = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": np.zeros(len(weight))}
    return nir.Conv2d(input_shape=None, weight=weight, **{**given, **changed})


def wide(channels: int) -> nir.Conv1d:
    weight, one = np.ones((1, channels, 3)), np.ones(1, int)
    return nir.Conv1d(input_shape=None, weight=weight, stride=one, padding=0, dilation=one, groups=1, bias=np.zeros(1))


def graph_of(*nodes: nir.NIRNode, shape: tuple[int, ...] = (3,), extra: Any = ()) -> nir.NIRGraph:
    graph = chain(*shape, **{f"n{at}": node for at, node in enumerate(nodes)})
    graph.edges += extra
    return graph


def dense(outputs: int, inputs: int) -> nir.Linear:
    return nir.Linear(np.ones((outputs, inputs), np.float32))


def pool(kernel: int, stride: int) -> nir.AvgPool2d:
    return nir.AvgPool2d(np.array([kernel] * 2), np.array([stride] * 2), np.zeros(2, int))


def ladder(rungs: int) -> nir.NIRGraph:
    """Twice as many paths with every rung."""
    kept = nir.Scale(np.ones(3))
    nodes = {f"{side}{at}": kept for side in "ab" for at in range(rungs)} | {"w": dense(3, 3), "n": lif(3)}
    edges = [(f"{one}{at}", f"{two}{at + 1}") for at in range(rungs - 1) for one in "ab" for two in "ab"]
    edges += [("in", "a0"), ("in", "b0"), (f"a{rungs - 1}", "w"), (f"b{rungs - 1}", "w"), ("w", "n"), ("n", "out")]
    ends = {"in": nir.Input(np.array([3])), "out": nir.Output(np.array([3]))}
    return nir.NIRGraph(nodes | ends, edges, type_check=False)


def back(*nodes: nir.NIRNode) -> nir.NIRGraph:
    """Three neurons whose spikes come back over these."""
    graph = graph_of(dense(3, 3), lif(3))
    named = {f"b{at}": node for at, node in enumerate(nodes)}
    edges = [*graph.edges, *pairwise(["n1", *named, "n1"])]
    return nir.NIRGraph({**graph.nodes, **named}, edges, type_check=False)


def beside(graph: nir.NIRGraph, begin: str, end: str, *nodes: nir.NIRNode) -> nir.NIRGraph:
    """Further nodes, each on a path of its own."""
    named = {f"b{at}": node for at, node in enumerate(nodes)}
    edges = [edge for name in named for edge in ((begin, name), (name, end))]
    return nir.NIRGraph({**graph.nodes, **named}, [*graph.edges, *edges], type_check=False)


def with_fields(graph: nir.NIRGraph, name: str, **fields: Any) -> nir.NIRGraph:
    vars(graph.nodes[name]).update(fields)
    return graph


IMAGE = np.ones((2, 1, 3, 3), np.float32)
WRONG: dict[str, tuple[nir.NIRGraph, str]] = {
    "not a number": (
        graph_of(nir.Affine(np.full((2, 3), np.nan), np.zeros(2)), lif(2)),
        r"'n0' \(Affine\): weight holds numbers that are not finite",
    ),
    "shape": (graph_of(dense(2, 4), lif(2)), r"'n0' \(Linear\): weight is for 4 inputs, and 3 come"),
    "neurons": (graph_of(dense(2, 3), lif(5)), r"'n1' \(LIF\): .* each of 2×1×1 neurons, found \(5,\)"),
    "channels last": (
        graph_of(conv(IMAGE), lif(4, 3, 2), shape=(1, 5, 6)),
        r"'n1' \(LIF\): .* each of 2×3×4 neurons, found \(4, 3, 2\)",
    ),
    "scale of columns": (  # as many as channels
        graph_of(nir.Scale(np.array([1.0, 2.0])), conv(np.ones((2, 2, 1, 1))), lif(2, 2, 2), shape=(2, 2, 2)),
        r"'n0' \(Scale\): must be the same for a whole channel",
    ),
    "kind": (graph_of(dense(2, 3), nir.Delay(np.ones(2)), lif(2)), r"'n1' \(Delay\): cannot be part"),
    "no weights": (graph_of(lif(3)), r"'n0' \(LIF\): nothing with weights leads to it"),
    "twice": (graph_of(dense(2, 3), dense(2, 2), lif(2)), r"'n1' \(Linear\): follows other weights without neurons"),
    "no neurons": (
        graph_of(dense(2, 3)),
        r"'n0' \(Linear\): comes after the last neurons; .* LI \(in dialect plain also I\)",
    ),
    "edge": (graph_of(dense(2, 3), lif(2), extra=[("n0", "n9")]), "an edge names node 'n9', which is not there"),
    "cycle": (
        graph_of(dense(3, 3), lif(3), extra=[("n0", "n0")]),
        r"'n0' \(Linear\): is part of a cycle without neurons",
    ),
    "two ways": (
        graph_of(dense(3, 3), lif(3), dense(3, 3), lif(3), extra=[("n1", "n3")]),
        r"'n3' \(LIF\): several paths lead to it from the layer before",
    ),
    "two ways back": (
        beside(graph_of(dense(3, 3), lif(3)), "n1", "n1", dense(3, 3), dense(3, 3)),
        r"'n1' \(LIF\): its spikes come back over several paths",
    ),
    "two skips": (
        beside(graph_of(*(dense(3, 3), lif(3)) * 3), "n1", "n5", dense(3, 3), dense(3, 3)),
        r"'n5' \(LIF\): two skips of one kind lead to it from 'n1'; make one layer",
    ),
    "skip of another size": (
        graph_of(dense(4, 3), lif(4), dense(3, 4), lif(3), dense(3, 3), lif(3), extra=[("n1", "n5")]),
        r"'n5' \(LIF\): has 3 neurons, and a skip without weights has 4 currents",
    ),
    "pool beside a skip": (
        graph_of(
            *(conv(IMAGE), lif(2, 4, 4), pool(2, 2), conv(np.ones((2, 2, 1, 1))), lif(2, 2, 2)),
            *(conv(np.ones((2, 2, 1, 1))), lif(2, 2, 2)),
            shape=(1, 6, 6),
            extra=[("n1", "n6")],
        ),
        r"'n1' \(LIF\): the skip over 'n6' and the next layer must begin behind the same pools",
    ),
    "layers in a circle": (
        graph_of(dense(3, 3), lif(3), dense(3, 3), lif(3), extra=[("n3", "n0")]),
        r"'n1' \(LIF\): its spikes lead back to it through other layers",
    ),
    "paths": (ladder(60), r"'n' \(LIF\): too many paths lead to it"),
    "end": (
        graph_of(dense(3, 3), lif(3), dense(3, 3), lif(3), extra=[("n1", "output")]),
        r"'n1' \(LIF\): leads to the output beside 'n3'",
    ),
    "groups": (graph_of(conv(IMAGE, groups=2), lif(2, 4, 4), shape=(1, 6, 6)), "is for 2 channels, and 1 come"),
    "kernel": (graph_of(conv(IMAGE), lif(2), shape=(1, 2, 6)), r"'n0' \(Conv2d\): a kernel of 3 does not fit 2×6"),
    "stride": (graph_of(conv(IMAGE, stride=0), lif(2), shape=(1, 6, 6)), r"'n0' \(Conv2d\): Conv2d: stride"),
    "no kernel": (graph_of(conv(np.ones((2, 1, 0, 3))), lif(2), shape=(1, 6, 6)), r"found shape \(2, 1, 0, 3\)"),
    "pool": (
        graph_of(conv(IMAGE), pool(9000, 9000), lif(2), shape=(1, 6, 6)),
        r"'n1' \(AvgPool2d\): a pool of 9000×9000 does not fit 4×4",
    ),
    "inputs": (
        graph_of(conv(IMAGE), lif(2), shape=(1, 9000, 9000)),
        r"'input' \(Input\): .* at most 10,000,000 inputs",
    ),
    "window": (
        graph_of(pool(3, 1), conv(IMAGE), lif(2), shape=(1, 6, 6)),
        r"found stride \(1, 1\) and padding \(0, 0\) for",
    ),
    "none": (graph_of(dense(2, 3), None), "graph: node 'n1': is None, as an export leaves it"),
    "dialect": (
        graph_of(dense(2, 3), nir.LIF(*(np.full(2, 0.02),) * 2, np.zeros(2), np.ones(2))),
        r"r is 0.02 where snnTorch writes 200; is this another dialect\?",
    ),
    "word": (with_fields(graph_of(dense(2, 3), lif(2)), "n0", weight="x"), r"'n0' \(Linear\): weight must be num"),
    "below 0": (graph_of(dense(2, 2), lif(2), shape=(-1, -2)), r"'input' \(Input\): shape must be whole numbers"),
    "ways back": (back(dense(2, 3), dense(3, 3)), r"'b1' \(Linear\): weight is for 3 inputs, and 2 come"),
    "scale": (
        graph_of(nir.Scale(np.ones(2)), dense(2, 3), lif(2)),
        r"'n0' \(Scale\): must have one number, or one for each .*, found shape \(2,\)",
    ),
    "no outputs": (graph_of(dense(0, 3), lif(2)), r"'n0' \(Linear\): weight must be \(outputs, inputs\), found"),
    "scales of samples": (
        graph_of(nir.Scale(np.arange(6.0).reshape(2, 3)), dense(2, 3), lif(2), shape=(2, 3)),
        r"'n0' \(Scale\): must be the same for all samples",
    ),
    "samples": (  # two of four channels each, or four of three numbers
        graph_of(nir.Flatten(np.array([2, 4, 3])), wide(4), lif(1, 1), shape=(2, 4, 3)),
        r"'n1' \(Conv1d\): needs input of 2 dimensions",
    ),
    "two outputs": (
        nir.NIRGraph({"a": nir.Input(np.array([1])), "b": nir.Input(np.array([1]))}, [], type_check=False),
        "must have one node Input and one node Output, found 2 and 0",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_is_refused_by_name(what: str):
    graph, message = WRONG[what]
    with pytest.raises(InputError, match=message):
        cd.import_model(graph, **SNNTORCH)


SAID = {
    "snntorch": {"reset": "zero", "reset_delay": True},
    "spikingjelly": {"export_dt": 1e-4},
    "norse": {"v_reset": 0.0, "cell_dt": 1e-3, "export_dt": 1e-3},
    "sinabs": {"floor": "none", "most_spikes": 1, "reset": "zero", "norm_input": True, "tau_syn": "none"},
    "rockpool": {"most_spikes": 1, "bias": 0.0},
}


@pytest.mark.parametrize(
    ("dialect", "kind", "field", "rule"),
    [
        ("snntorch", "CubaLIF", {"w_in": -4.0}, "w_in is -4 where snnTorch writes 4"),
        ("spikingjelly", "LIF", {"v_leak": 0.5}, "v_leak is 0.5 where SpikingJelly writes 0"),
        ("spikingjelly", "CubaLIF", {"w_in": 2.0}, "w_in is 2 where SpikingJelly writes 4; is this another export_dt"),
        ("norse", "CubaLIF", {"r": 1.0}, "w_in is 4 where norse writes 1"),
        ("norse", "CubaLIF", {"r": 1.0, "w_in": 1.0, "v_reset": 0.5}, "v_reset is 0.5 .* is this another v_reset"),
        ("sinabs", "LIF", {"r": -1.0}, "r is -1 where sinabs writes 1"),
        ("sinabs", "LIF", {"tau": 0.0}, "tau must be above 0"),
        ("rockpool", "LIF", {"v_reset": 0.5}, "v_reset is 0.5 where Rockpool writes 0"),
    ],
)
def test_numbers_that_a_framework_does_not_write_are_refused(dialect: str, kind: str, field: Any, rule: str):
    told = {"tau": 4e-4, "tau_mem": 4e-4, "tau_syn": 4e-4, "r": 1.0 if dialect == "sinabs" else 4.0, "w_in": 4.0}
    told |= {"v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0, **field}
    named = inspect.signature(getattr(nir, kind)).parameters
    neurons = getattr(nir, kind)(**{name: np.full(2, value) for name, value in told.items() if name in named})
    with pytest.raises(InputError, match=f"'n1' .{kind}.: {rule}"):
        cd.import_model(graph_of(dense(2, 3), neurons), dialect=dialect, dt="1 ms", **SAID[dialect])


def test_what_is_nearest_to_a_delayed_reset_without_memory_is_taken():
    numbers = {"tau": 1e-4, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    graph = graph_of(dense(2, 3), nir.LIF(**{name: np.full(2, value) for name, value in numbers.items()}))
    with pytest.raises(InputError, match=r"β is 0, .* nearest: reset zero and reset_delay false"):
        cd.import_model(graph, dialect="snntorch", dt="1 ms", reset="subtract", reset_delay=True)
    assert cd.import_model(graph, dialect="snntorch", dt="1 ms", reset="zero", reset_delay=False)


def test_the_command_has_an_option_for_all_that_a_file_does_not_say():
    asked = {name for dialect in DIALECTS.values() for name in dialect.options}
    assert asked == inspect.signature(importing.import_model).parameters.keys() - {*importing._OF_ALL, "context", "dt"}


def test_all_that_a_file_does_not_say_is_asked_for_at_once():
    graph = graph_of(dense(2, 3), lif(2))
    with pytest.raises(InputError, match=r"dialect: must say which framework.*norse.*, plain. `codesign import --dia"):
        cd.import_model(graph)
    with pytest.raises(InputError) as caught:
        cd.import_model(graph, dialect="sinabs", most_spikes="a few", bias=1)
    told = str(caught.value)
    assert "bias: is not an option of dialect 'sinabs' for these neurons" in told
    assert "most_spikes: must be unlimited" in told
    assert "found 'a few'" in told
    assert (
        "dialect 'sinabs' does not write the following; give it, in Python as dt=…, in a sweep's file as dt: …" in told
    )
    norm = "--norm-input  true (default of a LIF; that of an ExpLeak is false) | false"
    for line in ("--dt ", "--floor ", "--reset ", norm, "--tau-syn "):
        assert line in told
    with pytest.raises(InputError, match=r"reset: must be .*, or one for each of 2 layers"):
        cd.import_model(
            graph_of(dense(2, 3), lif(2), dense(2, 2), lif(2)), **{**SNNTORCH, "reset": ("zero", "zero", "zero")}
        )


def test_a_node_without_a_type_is_refused():
    tree = graph_of(dense(2, 3), lif(2)).to_dict()
    tree["nodes"]["n0"]["type"] = np.array([1, 2])
    with pytest.raises(InputError, match=r"node 'n0': must have fields and a type"):
        read_graph(tree)


def test_a_bias_on_the_way_in_and_back_counts_once():
    """x + R z goes through the same weights, with a bias of 0.25."""
    graph = graph_of(nir.Affine(np.eye(3), np.full(3, 0.25)), lif(3))
    network = cd.import_model(beside(graph, "n1", "n0", nir.Linear(2 * np.eye(3))), **SNNTORCH).network
    assert network.bias.tolist() == [0.25] * 3
    assert network.delayed()[0].weight.tolist() == (2 * np.eye(3)).tolist()


def test_a_branch_with_a_convolution_is_a_skip():
    """From the input, behind its pool, which leaves 2×4×4, to the second layer, which has 2×3×3 neurons."""
    branch = np.arange(4.0).reshape(2, 2, 1, 1)
    layers = pool(2, 2), conv(branch), lif(2, 4, 4), conv(branch, padding=1, stride=2), lif(2, 3, 3)
    graph = beside(graph_of(*layers, shape=(2, 8, 8)), "n0", "n4", conv(branch + 1, padding=1, stride=2))
    network = cd.import_model(graph, **SNNTORCH).network
    told = {"from": "input", "to": 1, "kind": "conv2d", "kernel": 1, "padding": 1, "stride": 2}
    assert [skip.model_dump(by_alias=True, exclude_defaults=True) for skip in network.topology.skips] == [told]
    np.testing.assert_array_equal(network.direct()[0].weight.detach(), branch + 1)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_scale_may_stand_before_the_dimension_of_samples_is_left_out(samples: int):
    kept, numbers = (samples, 2, 4, 4), np.array([2.0, 3.0])
    ahead = nir.Scale(numbers.reshape(2, 1, 1)), pool(2, 2), conv(np.ones((1, 2, 1, 1))), lif(1, 2, 2)
    for graph in (graph_of(*ahead, shape=kept), graph_of(nir.Scale(numbers), dense(1, 2), lif(1), shape=(samples, 2))):
        network = cd.import_model(graph, **SNNTORCH).network
        np.testing.assert_array_equal(network.connections[0].weight.detach().ravel(), numbers)


def test_potentials_may_not_lead_back():
    graph = beside(graph_of(dense(3, 3), nir.LI(*np.ones((3, 3)))), "n1", "n1", dense(3, 3))
    with pytest.raises(InputError, match=r"'n1' \(LI\): neurons without a threshold send no spikes that could lead b"):
        cd.import_model(graph, dialect="plain", dt=0.1, decay="euler", norm_input=True)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_neurons_without_a_leak_have_endless_time_constants():
    network = cd.import_model(graph_of(dense(2, 3), lif(2, beta=np.float64(1))), **SNNTORCH).network
    np.testing.assert_array_equal(network.decay, 1)
    said = {"dialect": "plain", "dt": "1 ms", "decay": "euler", "norm_input": True, "comparison": ">", "reset": "value"}
    neurons = nir.LIF(np.full(2, np.inf), np.full(2, 1.0), np.zeros(2), np.ones(2))
    with pytest.raises(InputError, match="the input's gain must be above 0, and finite"):
        cd.import_model(graph_of(dense(2, 3), neurons), **said)


def test_a_synapse_of_sinabs_is_that_of_a_lif():
    neurons = nir.LIF(np.float32(4), np.float32(1), np.float32(0), np.float32(1))
    leaky = nir.LI(np.float32(4), np.float32(1), np.float32(0))
    said = {"dialect": "sinabs", "dt": "1 ms", "floor": "none", "most_spikes": 1, "reset": "zero"}
    graph = graph_of(dense(2, 3), neurons, dense(2, 2), leaky)
    network = cd.import_model(graph, **said, tau_syn=2.0, norm_input="true,false").network
    assert network.neuron.synaptic_time_constant == (pytest.approx(2e-3), None)
    np.testing.assert_array_equal(network.gain[2:], 1)
    with pytest.raises(InputError, match="an ExpLeak returns its potential before min_v_mem"):
        cd.import_model(graph, **{**said, "floor": "none,-0.3"}, tau_syn=2.0, norm_input="true,false")


def test_a_timestep_that_is_given_has_all_its_digits():
    """Rockpool's files hide it in r, to about five; a decay has seven."""
    tau, dt = np.array([1e-3, 7e-4], np.float32), 1 / 3000
    neurons = nir.LIF(tau, tau * np.exp(-dt / tau.astype(float)) / dt, np.zeros(2), np.ones(2))
    said = {"dialect": "rockpool", "most_spikes": 1, "bias": 0.0}
    network = cd.import_model(graph_of(dense(2, 3), neurons), dt=dt, **said).network
    np.testing.assert_allclose(network.decay, np.exp(-np.float32(dt) / tau), rtol=3e-7)


def written(path: Path, change: Callable[[h5py.File], None]) -> Path:
    nir.write(path, graph_of(dense(2, 3), lif(2)))
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace(name: str, **data: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **data)

    return change


def elsewhere(file: h5py.File) -> None:
    del file["node/nodes/n0/weight"]
    file["node/nodes/n0/weight"] = h5py.ExternalLink("/etc/hostname", "/")


def itself(file: h5py.File) -> None:
    file["node/nodes/n0/again"] = file["node/nodes"]


def misspelled(file: h5py.File) -> None:
    file["node/nodes/n1/v_resets"] = np.ones(2)


def bomb(file: h5py.File) -> None:
    """A chunk of 24 bytes by its own word that inflates to 64 MiB."""
    import zlib

    del file["node/nodes/n0/weight"]
    held = file.create_dataset("node/nodes/n0/weight", (2, 3), "f4", chunks=(2, 3), compression="gzip")
    held.id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 26)))


HOSTILE: dict[str, tuple[Callable[[h5py.File], None], str]] = {
    "huge": (replace("node/nodes/n0/weight", shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024)), "2 GiB"),
    "never written": (
        replace("node/nodes/n0/weight", shape=(1 << 13, 1 << 13), dtype="f4", chunks=(1024, 1024)),
        r"has a shape of \(8192, 8192\), more than the file holds",
    ),
    "text": (replace("node/nodes/n0/type", shape=(), dtype="S1000000000"), "has longer texts than the file holds"),
    "edge": (replace("node/edges", data=3), "an edge must name two nodes"),
    "elsewhere": (elsewhere, "node/nodes/n0/weight: is a link to another place"),
    "itself": (itself, "groups may be 10 deep"),
    "bomb": (bomb, "a compressed chunk holds more numbers than it may"),
    "objects": (replace("node/nodes/n0/weight", data=np.zeros(2, [("a", "f4")])), "must hold numbers or text"),
    "kind": (replace("node/nodes/n0/type", data=b"os.system"), r"'n0' \(os.system\): cannot be part of a network"),
    "field": (misspelled, r"'n1' \(LIF\): unknown field 'v_resets'; did you mean 'v_reset'\?"),
    "edges": (replace("node/edges", data=np.zeros((2, 3))), "an edge must name two nodes"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused(what: str, tmp_path: Path):
    change, message = HOSTILE[what]
    path = written(tmp_path / "model.nir", change)
    resource = pytest.importorskip("resource", reason="Windows does not tell")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=message) as caught:
        cd.import_model(path, **SNNTORCH)
    assert str(caught.value).startswith(str(path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("kept", [0, 2000])
def test_a_truncated_file_is_refused(kept: int, tmp_path: Path):
    buffer = io.BytesIO()
    nir.write(buffer, graph_of(dense(2, 3), lif(2)))
    (path := tmp_path / "model.nir").write_bytes(buffer.getvalue()[:kept])
    with pytest.raises(
        InputError, match=r"is not an HDF5 file \(`cd.load_model` reads .safetensors\), or is damaged or truncated"
    ):
        cd.import_model(path, **SNNTORCH)
