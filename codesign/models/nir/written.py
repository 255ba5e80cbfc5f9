"""Networks as NIR graphs, and back to the last bit.

The nodes hold what other readers understand: NIR's equations solved over a timestep, `plain` with decay exponential and
norm_input true. The graph's metadata hold dialect, dt, reset and comparison for readers, and the whole model in the
form of its own file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.files import Location, printable, write_atomically
from codesign.models.card import ModelCard
from codesign.models.file import LoadedModel, check_card, decode_model, encode_model
from codesign.models.nir.graph import Graph, read_graph
from codesign.models.nir.readers import Reader, for_reader, new_node, on_grid, reader_of, shape_of, weights_for
from codesign.network.connection import Connection
from codesign.network.layers import Linear, Pool, both
from codesign.network.neuron import FEATURES, OF_NEURONS, NeuronSpec
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import input_grid

_MARK = "codesign_model"
_OF_NIR = {"reset": {"zero", "value"}, "comparison": {">"}}
"""Resets and comparisons of NIR's neurons."""
_NOT_IN_NIR = tuple(name for name in FEATURES if name not in {"gain", "reset_value", "synaptic_time_constant", "tick"})
"""Features that NIR's neurons never have."""
_CHANGED = "the file was changed since `codesign export` wrote it. Give a dialect, and only its nodes are read"


def export_model(path: Location, network: SpikingNetwork, card: ModelCard, dialect: str = "plain") -> tuple[str, ...]:
    """Write a model for other frameworks, as a NIR file that `cd.import_model` reads back to the last bit.

    Args:
        path: a path or URL. Missing folders are created.
        card: card of this network, from `cd.describe_model`.
        dialect: who will read it: `snntorch`, `spikingjelly`, `norse`, `sinabs`, `rockpool`, or `plain` for NIR's
            equations.

    Returns:
        Features that NIR's equations cannot express: other readers of a `plain` file run neurons without them.

    Raises:
        InputError: NIR or the dialect cannot represent the network, the card belongs to another network, or the place
            cannot be written.
    """
    check_card(network, card, printable(path))
    buffer = io.BytesIO()
    nir.write(buffer, to_nir(network, card, dialect))
    write_atomically(path, buffer.getvalue())
    return beyond_nir(network) if dialect == "plain" else ()


def beyond_nir(network: SpikingNetwork) -> tuple[str, ...]:
    """Features of neurons that NIR's equations do not cover, by their names in `NeuronSpec`: only the metadata has
    them."""
    layers = range(len(network.shape.layers))
    return *_beyond_nir(network), *(name for layer in layers for name in _layer_beyond_nir(network, layer))


def _beyond_nir(network: SpikingNetwork) -> Iterator[str]:
    """Those of the whole network."""
    neuron, last = network.neuron, len(network.shape.layers) - 1
    for name in (*_OF_NIR, *(name for name in _NOT_IN_NIR if name not in OF_NEURONS)):
        covered = _OF_NIR.get(name, {NeuronSpec.model_fields[name].default})
        yield from (f"{name} {value}" for value in sorted(set(neuron.each(name)) - covered))
    yield from (name for name in _NOT_IN_NIR if name in OF_NEURONS and getattr(network, name) is not None)
    fires_without_message = neuron.bias or network.synaptic_time_constant is not None
    if fires_without_message and False in neuron.each("tick"):
        yield "tick False"
    if network.input_gate is not None:
        yield "input_gate"
    for delayed in network.shape.delayed:  # a potential would return, or a list of numbers would reach a grid
        if (delayed.source == last and neuron.readout == "potential") or on_grid(network, delayed.target):
            yield f"the spikes that come back to layer {delayed.target}"


def _layer_beyond_nir(network: SpikingNetwork, index: int) -> Iterator[str]:
    """Those of a layer: its node cannot have a time constant that only some neurons have, nor a synaptic one alone."""
    own = _of_layer(network, index)
    leakless = np.isinf(own["time_constant"]) | (network.timestep_s == 0)
    synapse = own.get("synaptic_time_constant", np.zeros(len(leakless)))
    if leakless.any() and not leakless.all():
        yield f"time_constant of layer {index}"
    if (synapse > 0).any() and (leakless.any() or not ((synapse > 0) & np.isfinite(synapse)).all()):
        yield f"synaptic_time_constant of layer {index}"
    if "bias" in own and on_grid(network, index) and ((synapse > 0).any() or leakless.any()):
        of_channels = _currents(own).reshape(network.shape.layers[index].channels, -1)
        if np.ptp(of_channels, axis=1).any():
            yield f"bias of layer {index}"


def to_nir(network: SpikingNetwork, card: ModelCard, dialect: str = "plain") -> nir.NIRGraph:
    """A model as a NIR graph for the reader of `snntorch`, `spikingjelly`, `norse`, `sinabs` or `rockpool`; `plain`
    means NIR's equations. Raises InputError if the network has a max pool, for which NIR has no node, a skip or a
    delayed connection other than from a layer to itself after one timestep, or features that the reader lacks."""
    if network.max_pools() is not None:
        raise InputError("a network with a max_pool cannot be written: NIR has no such node; use cd.save_model")
    for further in network.shape.further:
        if further.source != further.target or further.delay != 1:
            rule = "NIR files have only connections of a layer to itself after one timestep"
            raise InputError(f"{further.text}: {rule}; use cd.save_model")
    reader = reader_of(dialect)
    metadata: dict[str, Any] = {"dialect": dialect, "dt": network.timestep_s}
    metadata |= {"decay": "exponential", "norm_input": "true"}
    metadata |= {name: str(getattr(network.neuron, name)) for name in ("reset", "comparison")}
    grid = input_grid(network.topology)
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array(grid if on_grid(network, -1) else grid[:1]))}
    specs = iter(network.topology.layers)
    for index, connection in enumerate(network.layer_connections()):
        spec, pools = next(specs), list[Pool]()
        while isinstance(spec, Pool):
            pool = nir.SumPool2d if spec.kind == "sum_pool" or (reader and reader.sums) else nir.AvgPool2d
            kernel = np.array(both(spec.kernel))
            nodes[f"pool{index}_{len(pools)}"] = pool(kernel_size=kernel, stride=kernel, padding=np.zeros(2, int))
            pools.append(spec)
            spec = next(specs)
        if isinstance(spec, Linear) and on_grid(network, index - 1):
            flat = nodes[f"flatten{index}"] = nir.Flatten(np.array(connection.window.pooled), start_dim=0)
            # set afterwards, because it determines the output
            flat.start_dim = int(reader is not None and reader.batch)
        elif not (isinstance(spec, Linear) or on_grid(network, index - 1)):
            raise InputError(f"layer {index}: NIR cannot lead a Linear to a convolution; use cd.save_model")
        weight = connection.weight.detach().numpy()
        if reader is not None:
            weight = weights_for(reader, _of_open(network, index), connection.window.groups, pools)
        own = _of_layer(network, index)
        nodes[f"weights{index}"] = _map(index, connection, weight, own, exact=reader is not None)
        node = _neurons(network, index, own) if reader is None else for_reader(dialect, network, index, own)
        nodes[f"neurons{index}"] = node
    nodes["output"] = nir.Output(np.array(shape_of(network, len(network.shape.layers) - 1)))
    edges = list(pairwise(nodes))
    for delayed in network.delayed():
        _lead_back(nodes, edges, delayed.shape.source, delayed.weight.detach().numpy(), reader)
    metadata[_MARK] = np.frombuffer(encode_model(network.state_dict(), card), np.uint8)
    return new_node("NIRGraph", nodes=nodes, edges=edges, metadata=metadata, type_check=False)


def _of_open(network: SpikingNetwork, index: int) -> NDArray[Any]:
    """A layer's weights, with 0 for inputs closed by the network's gate."""
    connection = network.layer_connections()[index]
    weight = connection.weight.detach()
    if index == 0 and network.input_gate is not None:
        weight = weight * connection.of_weights(network.input_gate)
    return weight.numpy()


def _lead_back(
    nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], layer: int, weight: NDArray[Any], reader: Reader | None
) -> None:
    neurons, name, back = f"neurons{layer}", f"recurrent{layer}", "weights" if reader is None else reader.back
    again = nir.Linear(weight) if reader is None else nir.Affine(weight, np.zeros(len(weight), np.float32))
    if back == "graph":
        ends = {"input": nir.Input(np.array([len(weight)])), "output": nir.Output(np.array([len(weight)]))}
        within = {"input": ends["input"], "neurons": nodes[neurons], "weights": again, "output": ends["output"]}
        ways = [("input", "neurons"), ("neurons", "weights"), ("weights", "neurons"), ("neurons", "output")]
        nodes[neurons] = new_node("NIRGraph", nodes=within, edges=ways, type_check=False)
        return
    nodes[name] = again
    path = [neurons, name, neurons]
    if back == "more":
        nodes[f"{name}_"] = nir.Linear(np.eye(len(weight), dtype=weight.dtype))
        path.insert(2, f"{name}_")
    edges[:0] = pairwise(path)  # first, because nirtorch runs last what it finds last, and returns its result


def _map(
    index: int, connection: Connection, weight: NDArray[Any], own: Mapping[str, NDArray[Any]], *, exact: bool
) -> nir.NIRNode:
    """A node with weights in the form of this graph and biases, for neurons with `own` parameters. `exact` is for a
    specific reader, which does not see metadata; the node then always has biases, which sinabs requires."""
    bias = _currents(own) if "bias" in own else None
    if isinstance(connection.target, Linear):
        if bias is None and not exact:
            return nir.Linear(weight)
        return nir.Affine(weight, np.zeros(len(weight), np.float32) if bias is None else bias)
    own_bias = np.zeros(len(weight), np.float32) if bias is None else bias.reshape(len(weight), -1).mean(axis=1)
    if exact and bias is not None and np.ptp(bias.reshape(len(weight), -1), axis=1).any():
        raise InputError(
            f"layer {index}: biases differ within a channel, but a convolution in NIR has one per channel; in Python, "
            "`network.bias.requires_grad_(False)` before training keeps it so"
        )
    return _convolution(connection, weight, own_bias)


def _convolution(connection: Connection, weight: NDArray[Any], bias: NDArray[Any]) -> nir.NIRNode:
    """A convolution; a one-dimensional one has a height of 1."""
    sliding = {name: np.array(sizes) for name, sizes in connection.sliding.items()}
    sliding["groups"] = connection.window.channels // weight.shape[1]
    return nir.Conv2d(input_shape=connection.window.pooled[1:], weight=weight, bias=bias, **sliding)


def _neurons(network: SpikingNetwork, index: int, own: Mapping[str, NDArray[Any]]) -> nir.NIRNode:
    shape = shape_of(network, index)
    tau = own["time_constant"].reshape(shape)
    gain = own.get("gain", np.ones(len(own["threshold"]))).astype(np.float64).reshape(shape)
    zero = np.zeros(shape)
    potential = index == len(network.shape.layers) - 1 and network.neuron.readout == "potential"
    leaky = {}
    if network.timestep_s and not np.isinf(tau).any():
        share = -np.expm1(-network.timestep_s / tau)
        leaky = {"r": gain / share, "v_leak": _uneven_bias(own, gain) / share}
    spiking = {} if potential else {"v_threshold": own["threshold"].reshape(shape)}
    if not potential:
        spiking["v_reset"] = network.reset_to()[network.layer_slices[index]].numpy().reshape(shape)
    if not leaky:
        return new_node("I" if potential else "IF", r=gain / (network.timestep_s or 1.0), **spiking)
    synapse = own.get("synaptic_time_constant", zero).reshape(shape)
    if not (synapse > 0).all() or np.isinf(synapse).any():
        return new_node("LI" if potential else "LIF", tau=tau, **leaky, **spiking)
    flows = {"tau_syn": synapse, "w_in": 1 / -np.expm1(-network.timestep_s / synapse)}
    leaky["v_leak"] = zero
    return new_node("CubaLI" if potential else "CubaLIF", tau_mem=tau, **flows, **leaky, **spiking)


def _uneven_bias(own: Mapping[str, NDArray[Any]], gain: NDArray[Any]) -> NDArray[Any]:
    """What a potential gains per timestep beyond the one bias per channel of a convolution."""
    if "bias" not in own or gain.ndim == 1:
        return np.zeros(gain.shape)
    bias = own["bias"].reshape(gain.shape).astype(np.float64)
    return np.asarray(bias - gain * (bias / gain).mean(axis=(1, 2), keepdims=True))


def _of_layer(network: SpikingNetwork, index: int) -> dict[str, NDArray[Any]]:
    """(neurons,) numbers of a layer for each parameter that the network has."""
    held = {name: getattr(network, name) for name in ("threshold", "time_constant", "bias", *OF_NEURONS)}
    neurons = network.layer_slices[index]
    return {name: value[neurons].detach().numpy() for name, value in held.items() if value is not None}


def _currents(own: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Biases as what synapses would bring: those of a potential are added after the gain."""
    flows = "synaptic_time_constant" in own and own["synaptic_time_constant"] > 0
    return np.where(flows, own["bias"], own["bias"] / own.get("gain", np.float32(1)))


def is_written(graph: Graph) -> bool:
    """Whether this program wrote the graph."""
    return _MARK in graph.metadata


def read_written(graph: Graph, options: Mapping[str, Any]) -> LoadedModel:
    """The network and card from which `to_nir` made the graph. Raises InputError if options are given, the metadata is
    damaged, or the nodes have changed since."""
    given = sorted(name for name, value in options.items() if value is not None)
    if given:
        raise InputError(
            f"{', '.join(given)}: the file itself says how to read it; leave them out, or give a dialect to "
            "read only its nodes"
        )
    model = graph.metadata[_MARK]
    loaded = decode_model(model.tobytes() if isinstance(model, np.ndarray) else b"", place=f"metadata '{_MARK}'")
    _compare(graph, to_nir(loaded.network, loaded.card, str(graph.metadata.get("dialect"))))
    return loaded


def _compare(graph: Graph, written: nir.NIRGraph) -> None:
    """Refuse nodes that were changed after they were `written`; the metadata would silently change them back."""
    for name, node in read_graph(written.to_dict()).nodes.items():
        found = graph.nodes.get(name)
        if found is None or found.kind != node.kind:
            raise InputError(f"node '{name}' ({node.kind}): is not there; {_CHANGED}")
        for key, numbers in node.numbers.items():
            other = found.numbers.get(key)
            if other is None or other.shape != numbers.shape or not np.allclose(other, numbers, rtol=1e-6, atol=0):
                raise found.refusal(f"{key} is not that of the metadata; {_CHANGED}")
