"""The same fully connected network on the same chip in SANA-FE (Boyle et al. 2025, doi:10.1109/TCAD.2025.3537971).

Its steps, from 0: in step h the neurons of every core are visited, those with input or a potential other than 0 are
updated, and what fires is received at once, but added up only in step h + 1. So layer l (0 is the first) receives the
spikes of timestep t in step t + l, and is updated and sends in step t + l + 1, where `codesign` has both in hardware
step t + l. T timesteps through L layers take T + L steps there; step 0 holds nothing but the first frame's reception.

What the harness adds to make both the same machine:

- Inputs lie on a core of their own in tile 0. They cost no soma there, and sending them takes energy but no time.
- Its tiles are numbered along the columns of the mesh, so the chip must say so too.
- Its soma truncates a decayed potential to whole 1/64 towards 0, as `potential_steps` do here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Barrier
from codesign.hardware.placement.placement import Placement
from codesign.network.spiking_network import SpikingNetwork

sanafe: Any = pytest.importorskip("sanafe", reason="needs the optional package sanafe, which this compares with")

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What SANA-FE reports, over H = T + L steps, K cores in use and N neurons.

    Attributes:
        spikes: (T, N) whether a neuron fired for a timestep; its own clock is l + 1 steps late.
        synapse_j, dendrite_j, soma_j, network_j: (H,) energies of each step, in joules.
        step_s: (H,) length of each step by its timing model, in seconds.
        sending_s: (H, K) time that each core takes for its neurons and for sending; row h + 1 is of hardware step h.
        receiving_s: (H, K) time that each core takes for what it receives.
        way_s: (H,) longest way of a message, in seconds.
    """

    spikes: NDArray[np.bool_]
    synapse_j: Floats
    dendrite_j: Floats
    soma_j: Floats
    network_j: Floats
    step_s: Floats
    sending_s: Floats
    receiving_s: Floats
    way_s: Floats


def simulate_with_sanafe(
    network: SpikingNetwork, frames: NDArray[np.bool_], chip: Chip, placement: Placement, folder: Path
) -> Outcome:
    """Simulate one sample, where a step is the longest sending or the longest reception of any core, and the barrier.

    Args:
        frames: (T, inputs) input spikes.
        folder: for the architecture file.
    """
    path = folder / "architecture.yaml"
    path.write_text(yaml.safe_dump(_architecture(chip, frames.shape[1]), sort_keys=False))
    architecture = sanafe.load_arch(str(path))
    of_neuron = placement.cores_of_neurons
    places = {core: _place(chip, core) for core in sorted(set(of_neuron))}
    description = sanafe.Network()
    inputs = description.create_neuron_group("inputs", frames.shape[1])
    for index, neuron in enumerate(inputs.neurons):
        train = [bool(spike) for spike in frames[:, index]]
        neuron.set_attributes(soma_hw_name=f"inputs[{index}]", log_spikes=True, model_attributes={"spikes": train})
        neuron.map_to_core(architecture.tiles[0].cores[_cores_per_tile(chip)])
    soma = {"reset_mode": "hard", "reset": 0.0}
    source = inputs
    for layer, (part, weight) in enumerate(zip(network.layer_slices, network.weights(), strict=True)):
        attributes = {
            **soma,
            "threshold": float(network.threshold[part.start]),
            "leak_decay": float(network.decay[part.start]),
        }
        group = description.create_neuron_group(
            f"layer{layer}", part.stop - part.start, soma_hw_name="soma", model_attributes=attributes, log_spikes=True
        )
        source.connect_neurons_dense(group, {"weight": weight.detach().double().T.flatten().tolist()})
        for neuron, core in zip(group.neurons, of_neuron[part], strict=True):
            tile, offset = places[core]
            neuron.map_to_core(architecture.tiles[tile].cores[offset])
        source = group
    machine = sanafe.SpikingChip(architecture)
    machine.load(description)
    layers = len(network.layer_slices)
    traces = {f"{kind}_trace": True for kind in ("spike", "perf", "message")}
    result = machine.sim(len(frames) + layers, timing_model="simple", processing_threads=1, **traces)
    return _outcome(result, network, len(frames), chip, places, of_neuron)


def _cores_per_tile(chip: Chip) -> int:
    return chip.network_on_chip.cores_per_tile


def _place(chip: Chip, core: int) -> tuple[int, int]:
    """Tile of a core, and the core's number in it."""
    assert chip.network_on_chip.numbering == "columns"
    return divmod(core, chip.network_on_chip.cores_per_tile)


def _price(number: Any) -> float:
    return 0.0 if number is None else float(number.value)


def _architecture(chip: Chip, inputs: int) -> dict[str, Any]:
    """The chip in SANA-FE's form, with one more core a tile, for inputs: each needs a unit of its own."""
    mesh, barrier = chip.network_on_chip, chip.synchronization
    assert isinstance(barrier, Barrier)
    energies, times = chip.energies, chip.times
    hops = {"energy": (energies.hop, energies.hop_vertical), "latency": (times.hop, times.hop_vertical)}
    tile = {
        f"{kind}_{way}_hop": _price(number)
        for kind, (along, across) in hops.items()
        for way, number in {"east": along, "west": along, "north": across, "south": across}.items()
    }
    attributes = {
        "topology": "mesh",
        "width": mesh.columns,
        "height": mesh.rows,
        "link_buffer_size": 16,
        "sync_model": "table",
        "latency_sync": dict(barrier.times.by_tiles),
    }
    cores = [_core(chip, f"core[0..{mesh.cores_per_tile - 1}]", inputs=0), _core(chip, "input_core", inputs=inputs)]
    tiles = [{"name": f"tile[0..{mesh.rows * mesh.columns - 1}]", "attributes": tile, "core": cores}]
    return {"architecture": {"name": chip.name, "attributes": attributes, "tile": tiles}}


def _core(chip: Chip, name: str, *, inputs: int) -> dict[str, Any]:
    """A core for neurons, or for as many inputs."""
    energies, times = chip.energies, chip.times
    somata = {"access_neuron": "neuron_access", "update_neuron": "neuron_update", "spike_out": "spike"}
    soma = {
        f"{kind}_{theirs}": 0.0 if inputs else _price(getattr(prices, ours))
        for kind, prices in (("energy", energies), ("latency", times))
        for theirs, ours in somata.items()
    }
    synapse = {
        "energy_process_spike": _price(energies.synaptic_operation),
        "latency_process_spike": _price(times.synaptic_operation),
    }
    axon_in = {"energy_message_in": 0.0, "latency_message_in": _price(times.message)}
    axon_out = {
        "energy_message_out": _price(energies.message),
        "latency_message_out": 0.0 if inputs else _price(times.output),
    }
    return {
        "name": name,
        "attributes": {"buffer_position": "soma", "buffer_inside_unit": False, "max_neurons_supported": 1024},
        "axon_in": [_unit("axon_in", **axon_in)],
        "synapse": [_unit("synapse", model="current_based", **synapse)],
        "dendrite": [_unit("dendrite", model="accumulator", energy_update=0.0, latency_update=0.0)],
        "soma": [
            _unit(f"inputs[0..{inputs - 1}]", model="input", **soma)
            if inputs
            else _unit("soma", model="leaky_integrate_fire", **soma)
        ],
        "axon_out": [_unit("axon_out", **axon_out)],
    }


def _unit(name: str, **attributes: str | float) -> dict[str, Any]:
    return {"name": name, "attributes": attributes}


def _outcome(
    result: dict[str, Any],
    network: SpikingNetwork,
    timesteps: int,
    chip: Chip,
    places: dict[int, tuple[int, int]],
    of_neuron: tuple[int, ...],
) -> Outcome:
    trace = result["perf_trace"]
    steps, layers = timesteps + len(network.layer_slices), network.layer_slices
    fired = np.zeros((steps, len(of_neuron)), dtype=np.bool_)
    for step, neurons in enumerate(result["spike_trace"]):
        for neuron in neurons:
            if neuron.group_name != "inputs":
                layer = int(neuron.group_name.removeprefix("layer"))
                fired[step, layers[layer].start + neuron.neuron_offset] = True
    spikes = np.zeros((timesteps, len(of_neuron)), dtype=np.bool_)
    for layer, part in enumerate(layers):
        spikes[:, part] = fired[layer + 1 : layer + 1 + timesteps, part]
        assert fired[:, part].sum() == spikes[:, part].sum()
    rank = {core: position for position, core in enumerate(places)}
    theirs = {tile * (_cores_per_tile(chip) + 1) + offset: rank[core] for core, (tile, offset) in places.items()}
    sending, receiving = np.zeros((2, steps, len(places)))
    way = np.zeros(steps)
    for step, messages in enumerate(result["message_trace"]):
        for message in messages:
            if message["src_core_id"] in theirs:
                sending[step, theirs[message["src_core_id"]]] += message["generation_delay"]
            if not message["placeholder"]:
                receiving[step, theirs[message["dest_core_id"]]] += message["processing_delay"]
                way[step] = max(way[step], message["network_delay"])
    return Outcome(
        spikes=spikes,
        synapse_j=np.array(trace["synapse_energy"]),
        dendrite_j=np.array(trace["dendrite_energy"]),
        soma_j=np.array(trace["soma_energy"]),
        network_j=np.array(trace["network_energy"]),
        step_s=np.array(trace["sim_time"]),
        sending_s=sending,
        receiving_s=receiving,
        way_s=way,
    )
