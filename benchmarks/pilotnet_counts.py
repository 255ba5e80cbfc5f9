"""Intel's PilotNet with leaky neurons on Loihi 2, from its file to the measured run: spikes, work, time and energy.

    python benchmarks/pilotnet_counts.py --data-root DIR

Below the data root lies `loihi2_pilotnet`, from github.com/lava-nc/lava-dl at commit d825ac50: `network.net` of the
tutorial `netx/pilotnet_snn`, and image, input and spikes of every layer over 24 timesteps (`image.npy`, `input.npy`,
`conv-0.npy`, …) of the test `netx/gts/pilotnet_lif`. The network is imported as any other. `mismatches` is how many of
the recorded spikes it does not meet: none.

The power was measured without the image, so that the biases alone drive the neurons, which are set to zero every 16
timesteps. Layers are pipelined, as on the chip: layer l works on timestep t − l. Operations are those over weights
other than 0, on 74 cores: as Intel's compiler placed them, strips of columns of the feature maps, and as `cd.place`
does.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import codesign as cd
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.chip.prices import Extent, Prices
from codesign.hardware.chip.validation_models import Steps
from codesign.hardware.cost.action_counts import ActionCounts
from codesign.hardware.cost.energy import counted_terms, term_energies
from codesign.hardware.cost.steps import StepWork
from codesign.hardware.library import find_chip
from codesign.hardware.terms import ACTIONS
from codesign.network.spiking_network import SpikingNetwork
from codesign.network.topology import TopologySpec, input_grid
from codesign.workload.dataset import resolve_data_root
from codesign.workload.events import EventBatch

FOLDER = "loihi2_pilotnet"
LAYERS = ("input", "conv-0", "conv-1", "conv-2", "conv-3", "conv-4", "fc-0", "fc-1", "fc-2")
PERIOD = 16  # timesteps between resets of the measured run
RECORDED_RESETS = 17  # and of the recording
COLUMNS = (16, 4, 4, 8, 8, 16)  # of a feature map on one core, as Intel's compiler placed it, in its notebook
CORES = (13, 25, 13, 3, 3, 2, 12, 1, 1, 1)
ENERGY_SETS = ("loihi2", "loihi_davies2018", "loihi_sanafe")
MEASURED = {"step_us": 152.85, "dynamic_uj": 68.35, "static_uj": 35.47}
MEASURED_KINDS_US = (200, 107, 180, 125)

Floats = NDArray[np.float64]


def read(folder: Path) -> tuple[SpikingNetwork, Floats, list[Floats]]:
    """The network, the image as its input neurons get it, and the recorded spikes of every layer, (timesteps, n)."""
    network = cd.import_model(folder / "network.net", dialect="lava", dt="1 ms").network
    recorded = [np.load(folder / f"{name}.npy").T for name in LAYERS]
    return network, np.load(folder / "image.npy").T.ravel(), [spikes.reshape(len(spikes), -1) for spikes in recorded]


def spikes_of(network: SpikingNetwork, frames: Floats) -> list[Floats]:
    """(timesteps, n) spikes of every layer under this input."""
    frames = frames.reshape(1, -1, *input_grid(network.topology))
    events = EventBatch.from_dense(frames, np.zeros(1, dtype=int), timestep_s=network.timestep_s)
    spikes = cd.record(network, events).spikes[0].astype(np.float64)
    return [spikes[:, neurons] for neurons in network.layer_slices]


def mismatches(network: SpikingNetwork, image: Floats, recorded: list[Floats]) -> int:
    """Recorded spikes, and silences, that the network does not give.

    Layer l answers l timesteps later. Until then its bias drives it alone, and what the layer before it has sent.
    """
    sample = spikes_of(network, np.tile(image, (RECORDED_RESETS, 1)))
    wrong = 0
    for layer, spikes in enumerate(recorded):
        found = [sample[layer][(timestep - layer) % RECORDED_RESETS] for timestep in range(layer, len(spikes))]
        wrong += int((np.array(found) != spikes[layer:]).sum())
        if layer:
            before = np.concatenate([np.zeros_like(recorded[layer - 1][:1]), recorded[layer - 1][: layer - 1]])
            wrong += int((spikes_of(alone(network, layer), before)[0] != spikes[:layer]).sum())
    return wrong


def alone(network: SpikingNetwork, layer: int) -> SpikingNetwork:
    """A layer and the synapses that lead to it as a network."""
    of_layers = {name: value for name, value in dict(network.neuron).items() if isinstance(value, tuple)}
    neuron = network.neuron.model_copy(
        update={**{name: value[layer] for name, value in of_layers.items()}, "readout": "spikes"}
    )
    connection = network.layer_connections()[layer]
    topology = TopologySpec(input=connection.window.source, layers=(network.topology.layers[layer],))
    one = SpikingNetwork(topology, neuron, timestep_s=network.timestep_s)
    one.load_weights([connection.weight])
    assert network.bias is not None
    assert one.bias is not None
    with torch.no_grad():
        one.bias.copy_(network.bias[network.layer_slices[layer]])
    return one


# work ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """The measured run once it repeats itself.

    Attributes:
        work: (steps, cores, 6), as `StepWork.work`.
        layer: (cores,) of each core.
    """

    work: Floats
    layer: NDArray[np.int64]

    def busiest(self) -> Floats:
        """(steps, 6) of the core with the most operations."""
        of_most: Floats = self.work[np.arange(len(self.work)), self.work[:, :, 0].argmax(axis=1)]
        return of_most


@torch.no_grad()
def measured_run(network: SpikingNetwork, sample: list[Floats], placement: cd.Placement) -> Measured:
    """What each core does in each of 16 steps, from the spikes without an image."""
    cores = np.array(placement.cores_of_neurons)
    of_layers = [cores[neurons] for neurons in network.layer_slices]
    places = [(own == np.unique(own)[:, None]).astype(np.float64) for own in of_layers]  # (cores, neurons), 0 or 1
    onto = [
        connection.spikes_gradient(torch.from_numpy(cores), (connection.weight != 0).double()).numpy()
        for cores, connection in zip(places, network.layer_connections(), strict=True)
    ]  # (cores, sources) weights other than 0 by which a spike of each source arrives on each core
    onto.append(np.zeros((1, network.shape.layers[-1].neurons)))
    work = []
    for layer, own in enumerate(sample):
        before = sample[layer - 1] if layer else np.zeros((PERIOD, network.shape.input_size))
        core, sent = places[layer], (onto[layer + 1] > 0).sum(axis=0)
        neurons = np.broadcast_to(core.sum(axis=1), (PERIOD, len(core)))
        received = before @ onto[layer].T, before @ (onto[layer] > 0).T
        columns = (*received, neurons, neurons, own @ core.T, (own * sent) @ core.T)
        work.append(np.roll(np.stack(columns, axis=2), layer, axis=0))
    return Measured(np.concatenate(work, axis=1), np.repeat(np.arange(len(work)), [part.shape[1] for part in work]))


def intels(network: SpikingNetwork) -> cd.Placement:
    """As Intel's compiler placed it."""
    cores, first = list[int](), 0
    for layer, (size, count) in enumerate(zip(network.shape.layers, CORES, strict=True)):
        place = np.arange(size.neurons) * count // size.neurons
        if layer < len(COLUMNS):
            place = np.arange(size.neurons) % size.width // COLUMNS[layer]
        cores += (first + place).tolist()
        first += count
    return cd.place(network.shape, find_chip("loihi2"), cores=cores)


def placements(network: SpikingNetwork) -> dict[str, cd.Placement]:
    """All that are compared, on as many cores."""
    chip, shape = find_chip("loihi2"), network.shape
    return {
        "Intel's placement": intels(network),
        "`cd.place`, Intel's cores of each layer": cd.place(shape, chip, spread=CORES),
        "the same by channels": cd.place(shape, chip, spread=CORES, cut="channels"),
        "`cd.place`, 74 cores": cd.place(shape, chip, spread=sum(CORES)),
    }


# prices --------------------------------------------------------------------------------------------------------------


def step_times(run: Measured) -> Floats:
    """(steps, cores) µs of each core on the shipped chip, with what its own check of this run adds to it."""
    chip = find_chip("loihi2")
    model = next(one.model for one in chip.validation if one.name == "PilotNet, leaky neurons, time of a step")
    assert isinstance(model, Steps)
    for path, value in model.overrides.items():
        chip = with_parameter(chip, path, value)
    prices = _prices(chip)
    steps, cores, _ = run.work.shape
    which = np.arange(steps)[None] + 1
    work = np.concatenate([np.zeros_like(run.work[:1]), run.work])
    record = StepWork(work=work, sent=np.zeros((steps + 1, 1)), which=which, routes=(), links=np.zeros((1, 0)))
    return 1e6 * (record.busy(prices.work_times())[1:].reshape(steps, cores) + prices.barrier())


def dynamic_energy(run: Measured, name: str) -> float:
    """µJ of a step, by the energies of this chip."""
    totals = run.work.sum(axis=(0, 1)) / len(run.work)
    none = np.zeros(1)
    named = ("synaptic_operation", "neuron_access", "neuron_update", "spike", "message")
    amounts = {action.count: none for action in ACTIONS if action.count != "on_s"}
    amounts |= {event: totals[[column]] for event, column in zip(named, (0, 2, 3, 4, 5), strict=True)}
    counts = ActionCounts(**amounts)  # type: ignore[arg-type]
    prices = _prices(find_chip(name))
    energies = counted_terms((), term_energies(counts, prices, none, none), prices.core_share)
    return 1e6 * float(sum(energy[0] for energy in energies.values()))


def _prices(chip: Chip) -> Prices:
    return Prices(chip=chip, extent=Extent(cores=sum(CORES), chips=1, tiles=-(-sum(CORES) // 4)))


# output -------------------------------------------------------------------------------------------------------------


def counts(run: Measured) -> dict[str, Any]:
    """Means over the steps: of the chip, and of its busiest core in each."""
    names = ("synaptic_operations", "received", "neurons", "updates", "spikes", "messages")
    chip, core = run.work.sum(axis=1).mean(axis=0), run.busiest().mean(axis=0)
    return {"chip": dict(zip(names, chip.tolist(), strict=True)), "core": dict(zip(names, core.tolist(), strict=True))}


def tables(runs: dict[str, Measured]) -> Iterator[str]:
    """Lines of Markdown, of the run as it was measured and as `cd.place` would have it."""
    run = runs["Intel's placement"]
    yield "| layer | cores | neurons per core | operations per core and step, mean | most | messages received, mean |"
    yield "|---|--:|--:|--:|--:|--:|"
    for layer, name in enumerate((*LAYERS, "fc-3")):
        own = run.work[:, run.layer == layer]
        mean, most = own.mean(axis=(0, 1)), own.max(axis=(0, 1))
        yield f"| {name} | {own.shape[1]} | {most[2]:,.0f} | {mean[0]:,.0f} | {most[0]:,.0f} | {mean[1]:,.0f} |"
    times = {name: step_times(one) for name, one in runs.items()}
    longest = {name: of_cores.max(axis=1) for name, of_cores in times.items()}
    longest["Intel's placement, cores of conv-2 only"] = times["Intel's placement"][:, run.layer == 3].max(axis=1)
    first = int(longest["Intel's placement"].reshape(-1, 4).mean(axis=0).argmax())
    yield "\n| time of a step, µs | mean | error | first | second | third | fourth |\n|---|--:|--:|--:|--:|--:|--:|"
    yield f"| measured | {MEASURED['step_us']} | | {' | '.join(map(str, MEASURED_KINDS_US))} |"
    for name, steps in longest.items():
        kinds = " | ".join(f"{time:.1f}" for time in np.roll(steps.reshape(-1, 4).mean(axis=0), -first))
        yield f"| {name} | {steps.mean():.1f} | {steps.mean() / MEASURED['step_us'] - 1:+.0%} | {kinds} |"
    static = find_chip("loihi2").static_power.chip
    assert static is not None
    yield "\n| placement | energies from | dynamic energy per step | error | energy per sample of 16 steps | error |"
    yield "|---|---|--:|--:|--:|--:|"
    whole = MEASURED["dynamic_uj"] + MEASURED["static_uj"]
    for (place, one), name in itertools.product(runs.items(), ENERGY_SETS):
        dynamic = dynamic_energy(one, name)
        both = dynamic + static.value * longest[place].mean()
        yield (
            f"| {place} | `{name}` | {dynamic:.1f} µJ | {dynamic / MEASURED['dynamic_uj'] - 1:+.1%} | "
            f"{16 * both / 1e3:.3f} mJ | {both / whole - 1:+.1%} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=None, help="folder of the datasets")
    network, image, recorded = read(resolve_data_root(parser.parse_args().data_root) / FOLDER)
    sample = spikes_of(network, np.zeros((PERIOD, network.shape.input_size)))
    runs = {name: measured_run(network, sample, one) for name, one in placements(network).items()}
    mismatched = mismatches(network, image, recorded)
    print(json.dumps({"mismatches": mismatched, **counts(runs["Intel's placement"])}, indent=1))
    print("\n".join(tables(runs)))


if __name__ == "__main__":
    main()
