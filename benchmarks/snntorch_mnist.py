"""snnTorch's tutorial network, trained in snnTorch on MNIST, as a model and data of this program.

784-1000-10 `Leaky` neurons, β = 0.95, 25 timesteps, as in https://snntorch.readthedocs.io (tutorial 5): Adam at 5e-4,
batches of 128, cross-entropy of the output's potentials in every timestep. Writes `ENCODING.safetensors`, whose card
says whether its spikes are those of snnTorch, and `ENCODING.npz`, which `codesign run` takes.

    pip install snntorch
    python benchmarks/snntorch_mnist.py --encoding rate --data-root DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import snntorch as snn
import torch
from torch import nn

import codesign as cd
from codesign.workload.datasets.mnist import read_idx

STEPS = 25


class Net(nn.Module):
    """The tutorial's network."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(784, 1000), snn.Leaky(beta=0.95)
        self.fc2, self.lif2 = nn.Linear(1000, 10), snn.Leaky(beta=0.95)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(steps, samples, 784) input to spikes of the hidden neurons, spikes and potentials of the output."""
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        seen = []
        for step in x:
            spk1, mem1 = self.lif1(self.fc1(step), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            seen.append((spk1, spk2, mem2))
        hidden, spikes, potentials = (torch.stack(part) for part in zip(*seen, strict=True))
        return hidden, spikes, potentials


def images(root: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 784) brightness from 0 to 1, and labels."""
    folder = root / "mnist"
    found = [path for kind in ("images", "labels") for path in [*folder.glob(f"{part}-{kind}-idx?-ubyte*")][:1]]
    if len(found) < 2:
        raise SystemExit(f"{folder} must hold {part}-images-idx3-ubyte and {part}-labels-idx1-ubyte, or these as .gz")
    pixels, labels = map(read_idx, found)
    return torch.from_numpy(pixels.reshape(-1, 784).copy()) / 255, torch.from_numpy(labels.astype(np.int64))


def encode(batch: torch.Tensor, encoding: str, generator: torch.Generator) -> torch.Tensor:
    """(steps, samples, 784): a spike with the pixel's brightness as its probability, or the pixel as a current."""
    if encoding == "image":
        return batch.expand(STEPS, *batch.shape)
    return (torch.rand((STEPS, *batch.shape), generator=generator) < batch).float()


def train(net: Net, data: tuple[torch.Tensor, torch.Tensor], encoding: str, epochs: int) -> None:
    generator, loss = torch.Generator().manual_seed(1), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    for epoch in range(epochs):
        for at in torch.randperm(len(data[0]), generator=generator).split(128):
            _, spikes, potentials = net(encode(data[0][at], encoding, generator))
            labels = data[1][at]
            cost = torch.stack([loss(potential, labels) for potential in potentials]).sum()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
        share = (spikes.sum(0).argmax(1) == labels).float().mean().item()
        print(f"epoch {epoch + 1}: loss {cost.item() / STEPS:.3f}, accuracy of the last batch {share:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--encoding", choices=("rate", "image"), default="rate")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--written", type=int, default=12_000, help="training images that are written, to fine-tune on")
    parser.add_argument("--test", type=int, default=10_000, help="test images")
    given = parser.parse_args()
    torch.manual_seed(0)
    net, training, test = Net(), images(given.data_root, "train"), images(given.data_root, "t10k")
    train(net, training, given.encoding, given.epochs)
    sizes = [(training, given.written), (test, given.test)]
    parts = [(pixels[:size], labels[:size]) for (pixels, labels), size in sizes]
    generator = torch.Generator().manual_seed(2)
    encoded = [encode(pixels, given.encoding, generator).transpose(0, 1) for pixels, _ in parts]
    with torch.no_grad():
        hidden, output, _ = net(encoded[1].transpose(0, 1))
    share = (output.sum(0).argmax(1) == parts[1][1]).float().mean().item()
    rate = hidden.sum().item() / hidden[0].numel()
    print(f"snnTorch: accuracy {share:.4f} of {len(hidden[0]):,} test images, {rate:.2f} spikes of a hidden neuron")
    some = slice(0, 200)
    record = {
        "input": encoded[1][some],
        "lif1": hidden[:, some].transpose(0, 1),
        "lif2": output[:, some].transpose(0, 1),
    }
    loaded = cd.import_model(
        net,
        sample=encoded[1][:2].transpose(0, 1),
        dt="1 ms",
        check={name: part.numpy() for name, part in record.items()},
    )
    if loaded.card.certificate is not None:
        print(loaded.card.certificate.summary)
    cd.save_model(given.out / f"{given.encoding}.safetensors", loaded.network, loaded.card)
    data = torch.cat(encoded).numpy()
    np.savez_compressed(
        given.out / f"{given.encoding}.npz",
        data=data if given.encoding == "image" else data.astype(bool),
        currents=given.encoding == "image",
        labels=torch.cat([labels for _, labels in parts]).numpy(),
        split=np.repeat(["train", "test"], [len(pixels) for pixels, _ in parts]),
        timestep_s=1e-3,
        classes=10,
    )


if __name__ == "__main__":
    main()
