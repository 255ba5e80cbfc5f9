"""What Intel's PilotNet with leaky neurons does on Loihi 2, counted from the network and its recorded spikes.

    python benchmarks/pilotnet_counts.py --data-root DIR

Below the data root lies `loihi2_pilotnet`, from github.com/lava-nc/lava-dl at commit d825ac50: `network.net` of the
tutorial `netx/pilotnet_snn`, and the spikes of input and layers over 24 timesteps of one image (`input.npy`,
`conv-0.npy`, …) of the test `netx/gts/pilotnet_lif`. The arithmetic of the chip is integer,

    v ← truncate(v · (4096 − 1024) / 4096) + 64 (W s + b);   spike where v > 64 · 25, then v ← 0

with the spikes s of the layer before one timestep earlier. `mismatches` is how many of the recorded spikes it does not
meet: none. The power was measured without the image, so that the biases alone drive the network, with potentials set to
zero every 16 timesteps. The counts are those of that run, per timestep.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import conv2d

from codesign.workload.settings import resolve_data_root

FOLDER = "loihi2_pilotnet"
LAYERS = ("conv-0", "conv-1", "conv-2", "conv-3", "conv-4", "fc-0", "fc-1", "fc-2")
PERIOD = 16  # timesteps between resets of the measured run
RECORDED_RESETS = 17  # and of the recording
# As Intel's compiler placed it, in its notebook: columns of a feature map on one core, neurons of fc-0 on one core.
COLUMNS = (16, 4, 4, 8, 8, 16)
NEURONS = 8

Tensor = torch.Tensor


@dataclass(frozen=True)
class Layer:
    """Weights (out, in, 3, 3) or (out, in), biases (out,), and the stride and padding of a convolution."""

    weight: Tensor
    bias: Tensor
    stride: tuple[int, int] | None = None
    padding: tuple[int, int] = (0, 0)

    def apply(self, spikes: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if self.stride is None:
            return weight @ spikes.reshape(-1) + (0 if bias is None else bias)
        return conv2d(spikes[None], weight, bias, self.stride, self.padding)[0]

    def step(self, potential: Tensor, spikes: Tensor) -> tuple[Tensor, Tensor]:
        """The potential after a timestep, and the spikes."""
        potential = torch.trunc(potential * 3072 / 4096) + 64 * self.apply(spikes, self.weight, self.bias)
        fired = (potential > 64 * 25).double()
        return potential * (1 - fired), fired


def read(folder: Path) -> tuple[list[Layer], list[Tensor]]:
    """The layers, and the recorded spikes of the input and of every layer, (timesteps, channels, rows, columns)."""
    import h5py

    layers = []
    with h5py.File(folder / "network.net") as file:
        for number in (1, 2, 3, 4, 5, 7, 8, 9):  # 6 flattens, 10 is read out as a potential
            part = file[f"layer/{number}"]
            shape = [tuple(map(int, part[name][()])) for name in ("stride", "padding") if name in part]
            numbers = (torch.tensor(part[name][()]).double() for name in ("weight", "bias"))
            layers.append(Layer(*numbers, *shape))
    recorded = [torch.tensor(np.load(folder / f"{name}.npy")).double() for name in ("input", *LAYERS)]
    return layers, [spikes.permute(*reversed(range(spikes.ndim))) for spikes in recorded]


def mismatches(layers: list[Layer], recorded: list[Tensor]) -> int:
    """Recorded spikes, and silences, that the integer arithmetic does not give; each layer is fed the recorded ones."""
    wrong = 0
    for number, layer in enumerate(layers):
        potential = torch.zeros_like(recorded[number + 1][0])
        before = torch.zeros_like(recorded[number][0])
        for timestep, spikes in enumerate(recorded[number + 1]):
            if (timestep - number - 1) % RECORDED_RESETS == 0:
                potential = torch.zeros_like(potential)
            potential, fired = layer.step(potential, before)
            wrong += int((fired != spikes).sum())
            before = recorded[number][timestep]
    return wrong


@dataclass(frozen=True)
class Links:
    """Where the spikes of one layer go: non-zero weights (targets, sources as the layer has them), and cores.

    `reached` is (sources, cores of the target), `target` (cores, targets) and `source` (cores, sources), all 0 or 1.
    """

    fan_out: Tensor
    reached: Tensor
    target: Tensor
    source: Tensor


def links(layers: list[Layer], recorded: list[Tensor]) -> list[Links]:
    cores = [_cores(number, spikes[0]) for number, spikes in enumerate(recorded)]
    found = []
    for number, layer in enumerate(layers):
        present = (layer.weight != 0).double()
        shape = recorded[number].shape[1:]
        spikes = torch.zeros(shape, dtype=torch.double, requires_grad=True)
        arrived = layer.apply(spikes, present).reshape(-1)
        # Operations are linear in the spikes, so the gradient of those on a core is what a spike of each source adds.
        rows = [
            torch.autograd.grad(arrived @ core, spikes, retain_graph=True)[0].reshape(-1) for core in cores[number + 1]
        ]
        onto = torch.stack(rows, 1)
        found.append(Links(onto.sum(1), (onto > 0).double(), cores[number + 1], cores[number]))
    return found


def _cores(number: int, spikes: Tensor) -> Tensor:
    """(cores, neurons): which core holds which neuron of a layer, 0 being the input."""
    if number < len(COLUMNS):
        place = (torch.arange(spikes.shape[-1]) // COLUMNS[number]).expand(spikes.shape).reshape(-1)
    else:
        place = torch.arange(len(spikes)) // (NEURONS if number == len(COLUMNS) else len(spikes))
    return (place[None] == torch.arange(int(place.max()) + 1)[:, None]).double()


def counts(layers: list[Layer], recorded: list[Tensor], cycles: int = 6) -> dict[str, Any]:
    """Means over the timesteps of the last cycle of the measured run: of the chip, and of its busiest core in a step.

    The busiest core is that with the most synaptic operations.
    """
    ways = links(layers, recorded)
    potentials = [torch.zeros_like(spikes[0]) for spikes in recorded[1:]]
    last = [torch.zeros_like(spikes[0]) for spikes in recorded]
    chip, busiest = [], []
    for timestep in range(cycles * PERIOD):
        new = [last[0]]
        for number, layer in enumerate(layers):
            if (timestep - number - 3) % PERIOD == 0:
                potentials[number] = torch.zeros_like(potentials[number])
            potentials[number], fired = layer.step(potentials[number], last[number])
            new.append(fired)
        if timestep >= (cycles - 1) * PERIOD:
            rows = [row for number, layer in enumerate(layers) for row in _work(number, layer, ways, last, new)]
            chip.append(np.sum(rows, axis=0))
            busiest.append(max(rows, key=lambda row: row[0]))
        last = new
    names = ("synaptic_operations", "messages", "neurons", "spikes", "outputs")
    inputs = int(last[0].numel())
    whole = dict(zip(names, np.mean(chip, axis=0).tolist(), strict=True))
    whole["neurons"] += inputs  # which have biases of 0, and never fire without an image
    return {"chip": whole, "busiest_core": dict(zip(names, np.mean(busiest, axis=0).tolist(), strict=True))}


def _work(number: int, layer: Layer, ways: list[Links], last: list[Tensor], new: list[Tensor]) -> list[list[float]]:
    """Of each core of a layer in a timestep: operations, messages received, neurons, spikes, messages sent."""
    way, before, after = ways[number], last[number].reshape(-1), new[number + 1].reshape(-1)
    arrived = layer.apply(last[number], (layer.weight != 0).double()).reshape(-1)
    sent = ways[number + 1].reached.sum(1) if number + 1 < len(ways) else torch.ones_like(after)  # to the read-out
    columns = (
        way.target @ arrived,
        way.reached.T @ before,
        way.target.sum(1),
        way.target @ after,
        way.target @ (after * sent),
    )
    return torch.stack(columns, 1).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=None, help="folder of the datasets")
    folder = resolve_data_root(parser.parse_args().data_root) / FOLDER
    layers, recorded = read(folder)
    print(json.dumps({"mismatches": mismatches(layers, recorded), **counts(layers, recorded)}, indent=1))


if __name__ == "__main__":
    main()
