"""`import_model`: a model of another framework as a network; what a file cannot state must be given."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.files import Location, printable
from codesign.models.card import ModelImport, describe_model
from codesign.models.file import LoadedModel
from codesign.models.nir.checking import check_spikes, read_record
from codesign.models.nir.dialects import DIALECTS, get_dialect
from codesign.models.nir.dialects.dialect import Dialect
from codesign.models.nir.dialects.neuron_modules import array
from codesign.models.nir.file import LAVA, NIR, read_tree
from codesign.models.nir.folding import Layer
from codesign.models.nir.graph import LOIHI, Graph, read_graph
from codesign.models.nir.lava import read_net
from codesign.models.nir.layers import read_layers
from codesign.models.nir.modules import ModuleModel, read_module
from codesign.models.nir.network import make_network
from codesign.models.nir.options import TIME, read_options
from codesign.models.nir.written import is_written, read_written
from codesign.network.spiking_network import SpikingNetwork

_MOST_TRIED = 1 << 20
"""Most neurons times timesteps on which other options are tried."""


def import_model(
    model: Any,
    *,
    dialect: str | None = None,
    dt: str | float | None = None,
    sample: Any = None,
    check: Location | Mapping[str, Any] | None = None,
    name: str | None = None,
    **options: Any,
) -> LoadedModel:
    """Import a model of another framework, spike for spike, with a card that says how it was read.

    Args:
        model: a NIR file or a `.net` file of lava (a path or URL), a `nir.NIRGraph`, or a `torch.nn.Module` with
            neurons of a framework.
        dialect: framework whose conventions its numbers follow: `snntorch`, `spikingjelly`, `norse`, `sinabs`,
            `rockpool`, `lava` or `plain` for NIR's equations as they are. Files of lava and of `codesign export`, and
            modules, state it themselves.
        dt: length of a timestep, a time such as `1 ms` or in seconds.
        sample: for a module, an input tensor, including the batch. The module runs once on it in evaluation mode; reset
            its states afterwards.
        check: recorded input and spikes, a file (.npz or HDF5) or arrays or tensors by name: `input`, and spikes of
            layers by the names of their nodes or as `layer0`, `layer1`, …, each of shape (samples, timesteps, …). The
            outcome is on the card, and a warning if any differ.
        name: name of the model for its card.
        options: what a file does not state, depending on the dialect: `reset`, `reset_delay`, `comparison`, … Each has
            one value for all layers, or one per layer. One message names all that are missing. A module needs none,
            except `dt` for frameworks without a timestep.

    Raises:
        InputError: options are missing, or a node of the graph cannot be read; the message says which and why.
    """
    read: ModuleModel | None = None
    graph, source, digest = (None, type(model).__name__, "") if isinstance(model, torch.nn.Module) else _graph(model)
    try:
        if graph is None:
            read = read_module(model, sample)
            graph = read.graph
        loaded = _import(graph, source, digest, dialect, {"dt": dt, **options}, check, name, read)
    except InputError as error:
        # each line, except those that continue the one before
        place = re.compile(rf"^(?!  )({re.escape(source)}: )?", re.MULTILINE)
        raise InputError(place.sub(lambda _: f"{source}: ", str(error))) from None
    imported, certificate = loaded.card.imported, loaded.card.certificate
    if read is not None and imported is not None and imported.lost:
        warnings.warn(f"{source}: {imported.lost}", stacklevel=2)
    if certificate is not None and not certificate.agrees:
        warnings.warn(f"{source}: {certificate.summary}", stacklevel=2)
    return loaded


def _graph(model: Any) -> tuple[Graph, str, str]:
    """The graph, its name, and the digest of its file."""
    if hasattr(model, "to_dict") and hasattr(model, "nodes") and hasattr(model, "edges"):
        lacking = [name for name, node in model.nodes.items() if node is None]
        if lacking:
            raise InputError(
                f"graph: node '{lacking[0]}': is None, as an export leaves it that has no node for a module; "
                "import the torch module itself"
            )
        return read_graph(model.to_dict()), "graph", ""
    if not isinstance(model, str | Path):
        advice = "; a state dict has no neurons, but `SpikingNetwork.load_weights` takes its weights"
        found = f"found {type(model).__name__}{advice if isinstance(model, Mapping) else ''}"
        raise InputError(f"model: must be a file, a NIR graph or a torch module, {found}")
    source = printable(model)
    try:
        tree, digest = read_tree(model)
        return read_graph(tree[NIR]) if NIR in tree else read_net(tree[LAVA]), source, digest
    except InputError as error:
        raise InputError(f"{source}: {str(error).removeprefix(f'{source}: ')}") from None


def _import(
    graph: Graph,
    source: str,
    digest: str,
    dialect: str | None,
    options: Mapping[str, Any],
    check: Any,
    name: str | None,
    module: ModuleModel | None,
) -> LoadedModel:
    layers = read_layers(graph)
    if is_written(graph) and dialect is None:
        loaded = read_written(graph, options)
        network, card = loaded.network, loaded.card
    else:
        conventions = _dialect(dialect, layers, module)
        if module is not None:
            options = _with_options_of(module, layers, options)
        network = _network(layers, conventions, options, checked=check is not None, of_module=module is not None)
        grid = layers[0].source
        card = replace(
            describe_model(network, name=source.replace("\\", "/").rpartition("/")[2]),
            input_grid=grid if isinstance(grid, tuple) else None,
            imported=ModelImport(
                source=source,
                digest=digest,
                dialect=conventions.name,
                options={key: str(value) for key, value in options.items() if value is not None},
                lost=conventions.lost if module is None else _ignored_output(network, module, layers[-1]),
            ),
        )
    card = card if name is None else replace(card, name=name)
    if check is not None:
        names, in_memory = [layer.node.name for layer in layers], isinstance(check, Mapping)
        recorded = {key: array(values) for key, values in check.items()} if in_memory else read_record(check, names)
        certificate = check_spikes(network, names, recorded, source="record" if in_memory else printable(check))
        if not certificate.agrees:
            given = None if dialect is None or module is not None else get_dialect(dialect)
            certificate = replace(certificate, better=_better(network, layers, given, options, recorded))
        card = replace(card, certificate=certificate)
    return LoadedModel(network=network, card=card)


def _ignored_output(network: SpikingNetwork, module: ModuleModel, last: Layer) -> str:
    """A warning about a module whose result is not what its last neurons send; "" for others, and if a silent sample
    does not show it."""
    name, reads_potential = last.node.name, network.neuron.readout == "potential"
    answers = module.answers[name]
    if answers and any(_holds(each, answers, last.neurons, last=reads_potential) for each in module.returned):
        return ""
    flat = [each.ravel() for each in module.returned]  # perhaps a list of each timestep's, in another shape
    if not reads_potential and all(any(map(answer.ravel().equal, flat)) for answer in answers):
        return ""
    return (
        f"what forward returns is not what '{name}' sends in all timesteps, nor its sum or mean, nor the last "
        "potentials of a readout; whatever else forward does is no part of the network"
    )


def _holds(returned: torch.Tensor, answers: Sequence[torch.Tensor], neurons: int, *, last: bool) -> bool:
    """Whether a tensor holds the answers of `neurons` neurons in all timesteps, in any order of time and samples, or
    their sum or mean over time, or the last ones, or probabilities of these."""
    whole = torch.cat([answer.reshape(-1, neurons) for answer in answers])
    for tensor in (returned, returned.transpose(0, 1)) if returned.ndim > 2 else (returned,):
        samples = tensor.numel() // neurons
        if not samples or tensor.numel() % neurons or len(whole) % samples:
            continue
        rows = tensor.reshape(samples, neurons).float()
        for steps in (whole.reshape(-1, samples, neurons), whole.reshape(samples, -1, neurons).transpose(0, 1)):
            summaries = [steps[-1]] if last else [steps.float().sum(0), steps.float().mean(0)]
            summaries += [softmax(each, 1) for each in summaries for softmax in (torch.softmax, torch.log_softmax)]
            if any(torch.allclose(rows, each.float(), rtol=1e-4, atol=1e-6) for each in summaries):
                return True
    return False


def _better(
    network: SpikingNetwork,
    layers: Sequence[Layer],
    dialect: Dialect | None,
    options: Mapping[str, Any],
    recorded: Mapping[str, NDArray[np.generic]],
) -> str | None:
    """The order of axes, or the other options of a dialect, with which the record agrees, with as few changes as
    possible; None if there are none, or if the part of the record that is tried agrees already."""
    timesteps, names = recorded["input"].shape[1], [layer.node.name for layer in layers]
    swapped = {name: array.swapaxes(0, 1) for name, array in recorded.items()}
    if check_spikes(network, names, swapped, source="").agrees:
        return "the record's first two axes swapped; samples come first"
    if dialect is None:
        return None
    samples = max(1, _MOST_TRIED // (timesteps * sum(layer.neurons for layer in layers)))
    part = {name: array[:samples] for name, array in recorded.items()}
    others = {name: option.others for name, option in dialect.open_options(layers).items() if option.others}
    given = {name: str(options[name]).lower() for name in others}
    tried = [dict(zip(others, values, strict=True)) for values in product(*({given[n], *others[n]} for n in others))]
    changes = [{name: value for name, value in each.items() if value != given[name]} for each in tried]
    for changed in sorted(changes, key=lambda changed: (len(changed), sorted(changed.items()))):
        with suppress(InputError):
            network = _network(layers, dialect, {**options, **changed}, checked=True)
            if check_spikes(network, names, part, source="").agrees:
                return ", ".join(f"{name} {value}" for name, value in changed.items()) or None
    return None


def _with_options_of(module: ModuleModel, layers: Sequence[Layer], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The given options, and those that the module states, per layer."""
    neurons = [module.neurons[layer.node.name] for layer in layers]
    stated = {}
    for name in get_dialect(module.dialect).open_options(layers, of_module=True):
        if name in neurons[0].options:
            values = [of_layer.options[name] for of_layer in neurons]
            stated[name] = values if len(set(values)) > 1 else values[0]
    twice = sorted(name for name in stated if options.get(name) is not None)
    if twice:
        raise InputError(f"{', '.join(twice)}: read from the module; leave it out")
    return {**options, **stated, "dt": neurons[0].dt if options["dt"] is None else options["dt"]}


def _network(
    layers: Sequence[Layer], dialect: Dialect, options: Mapping[str, Any], *, checked: bool, of_module: bool = False
) -> SpikingNetwork:
    """The network of these layers according to the dialect; `checked` if a record will verify its behaviour."""
    needed = {"dt": TIME, **dialect.open_options(layers, of_module=of_module)}
    values = read_options(needed, options, len(layers), dialect.name)
    common = {"timestep_s": values["dt"], "checked": checked}
    numbers = []
    for at, layer in enumerate(layers):
        own = {name: value[at] if isinstance(value, tuple) else value for name, value in values.items()}
        numbers.append(dialect.numbers(layer, own | common))
    return make_network(layers, numbers, values["dt"])


def _dialect(name: str | None, layers: Sequence[Layer], module: ModuleModel | None) -> Dialect:
    if module is not None:
        if name not in (None, module.dialect):
            raise InputError(f"dialect: this is a module of {module.dialect}, found '{name}'; leave it out")
        return get_dialect(module.dialect)
    if layers[0].node.kind == LOIHI:
        if name not in (None, "lava"):
            raise InputError(f"dialect: .net files are lava's, found '{name}'")
        return get_dialect("lava")
    if name is None:
        raise InputError(
            "dialect: must say which framework wrote the file, since numbers mean different things in each; "
            f"allowed are {', '.join(name for name in DIALECTS if name != 'lava')}. `codesign import --dialect NAME` "
            "makes a model that needs none"
        )
    return get_dialect(name)
