"""What the paper prints, in its tables and its text. Nothing here was read off a picture.

The paper is *Exploring the Limitations of Layer Synchronization in Spiking Neural Networks*; sections, tables and the
appendix are named where each number stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CIFAR10_DENSITY_FACTOR",
    "CIFAR10_RECOVERED",
    "DEFAULT_GROUP_SIZE",
    "FASTER_UP_TO",
    "FEWER_SPIKES_UP_TO",
    "HIGHER_UP_TO",
    "LARGER_GROUP_SIZES",
    "NOISE_UNSTABLE",
    "SETTINGS",
    "SPARSER_ABOUT",
    "SYNAPTIC_OPERATION_J",
    "TABLE2",
    "TABLE3",
    "TABLE7",
    "Dataset",
    "Effort",
    "Hyperparameters",
    "Pair",
    "PrintedAnswer",
    "TrainingCost",
]

Dataset = Literal["N-MNIST", "SHD", "DVS gesture", "CIFAR-10"]
"""The data of the paper's experiments, section 4.1 and appendix A.6.1."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A training and an inference, as Tables 2 and 3 pair them.

    Attributes:
        training: scheduling policy trained through; None for layered training.
        inference: scheduling policy of the evaluation; None where layers wait.
    """

    training: str | None
    inference: str | None


@dataclass(frozen=True, kw_only=True)
class PrintedAnswer:
    """A cell pair of Table 2: share of samples that are right, and spikes a hidden neuron a sample (equation 10)."""

    accuracy: float
    spike_density: float


@dataclass(frozen=True, kw_only=True)
class Effort:
    """A cell pair of Table 3: synaptic operations per sample, and joules for them at 26 pJ each."""

    synaptic_operations: float
    energy_j: float


@dataclass(frozen=True, kw_only=True)
class TrainingCost:
    """A row of Table 7: the second epoch of training on an NVIDIA Quadro RTX 5000."""

    epoch_s: float
    memory_bytes: float


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """A column of Table 6, with what appendix A.6.1 says of the data.

    Attributes:
        hidden: sizes of the hidden layers; empty for the VGG-style network of figure 11.
        inputs: input indices.
        train, test: samples; None for CIFAR-10.
        samples: of both splits together, all that the appendix says of CIFAR-10.
        timestep_s, time_constant_s: None where the table says N/A.
        group_size: F of training; inference has F = 8 (Table 1), and 64 on CIFAR-10 (section 4.6).
        momentum_noise: None for CIFAR-10, where figure 12 tries several.
    """

    inputs: int
    hidden: tuple[int, ...]
    classes: int
    train: int | None
    test: int | None
    samples: int
    timestep_s: float | None
    batch_size: int
    epochs: int
    learning_rate: float
    threshold: float
    weight_decay: float
    time_constant_s: float | None
    surrogate_steepness: float
    input_dropout: float
    group_size: int
    inference_group_size: int
    refractory_dropout: float
    momentum_noise: float | None


DEFAULT_GROUP_SIZE = 8
"""Table 1: "Default is 8, both during training and inference"."""
SYNAPTIC_OPERATION_J = 26e-12
"""Table 3: "using 26 pJ/SO as measured for μBrain", static power ignored."""
FEWER_SPIKES_UP_TO = 0.5
"""Abstract: "use less spikes (up to 50%)"."""
FASTER_UP_TO = 2.0
"""Abstract: "complete inference faster (up to 2x)"."""
HIGHER_UP_TO = 0.10
"""Abstract: "competitive or even better accuracy (up to ∼10% higher)"."""
SPARSER_ABOUT = 2.0
"""Section 4.3: "significantly increases sparsity (by about 2x)"."""
CIFAR10_RECOVERED = 0.71
"""Section 4.6: "even with as large as F = 512 (during training …) and tested with F = 64, accuracy steeply recovers to
71%". What it recovers from stands in a picture alone."""
CIFAR10_DENSITY_FACTOR = 0.25
"""Section 4.6: "while activation density drops to about 1/4"."""
LARGER_GROUP_SIZES = (512, 64)
"""Section 4.6 and appendix A.10: F in training and in inference on CIFAR-10."""
NOISE_UNSTABLE = (0.1, 2.5)
"""Appendix A.10: momentum noises with which "training was unstable after initial convergence"; not so with larger ones
or with random scheduling. The noises that were stable stand in a picture alone."""

_LAYERED = Pair(training=None, inference=None)
_LAYERED_RS = Pair(training=None, inference="random")
_UNLAYERED_RS = Pair(training="random", inference="random")
_UNLAYERED_MS = Pair(training="momentum", inference="momentum")

TABLE2: Mapping[Dataset, Mapping[Pair, PrintedAnswer]] = {
    "N-MNIST": {
        _LAYERED: PrintedAnswer(accuracy=0.949, spike_density=3.987),
        _LAYERED_RS: PrintedAnswer(accuracy=0.625, spike_density=3.652),
        _UNLAYERED_RS: PrintedAnswer(accuracy=0.956, spike_density=1.504),
        _UNLAYERED_MS: PrintedAnswer(accuracy=0.963, spike_density=1.476),
    },
    "SHD": {
        _LAYERED: PrintedAnswer(accuracy=0.783, spike_density=14.386),
        _LAYERED_RS: PrintedAnswer(accuracy=0.750, spike_density=13.905),
        _UNLAYERED_RS: PrintedAnswer(accuracy=0.796, spike_density=5.100),
        _UNLAYERED_MS: PrintedAnswer(accuracy=0.816, spike_density=6.224),
    },
    "DVS gesture": {
        _LAYERED: PrintedAnswer(accuracy=0.739, spike_density=46.473),
        _LAYERED_RS: PrintedAnswer(accuracy=0.701, spike_density=44.140),
        _UNLAYERED_RS: PrintedAnswer(accuracy=0.777, spike_density=25.140),
        _UNLAYERED_MS: PrintedAnswer(accuracy=0.856, spike_density=26.686),
    },
}
"""Table 2, in the order of its rows: F = 8, inference stopped one forward step after the first output spike."""

TABLE3: Mapping[Dataset, Mapping[Pair, Effort]] = {
    "N-MNIST": {
        _LAYERED: Effort(synaptic_operations=3.521e4, energy_j=0.9155e-6),
        _LAYERED_RS: Effort(synaptic_operations=3.225e4, energy_j=0.8386e-6),
        _UNLAYERED_RS: Effort(synaptic_operations=1.328e4, energy_j=0.3454e-6),
        _UNLAYERED_MS: Effort(synaptic_operations=1.304e4, energy_j=0.3389e-6),
    },
    "SHD": {
        _LAYERED: Effort(synaptic_operations=50.82e4, energy_j=13.21e-6),
        _LAYERED_RS: Effort(synaptic_operations=49.12e4, energy_j=12.77e-6),
        _UNLAYERED_RS: Effort(synaptic_operations=18.02e4, energy_j=4.684e-6),
        _UNLAYERED_MS: Effort(synaptic_operations=21.99e4, energy_j=5.717e-6),
    },
    "DVS gesture": {
        _LAYERED: Effort(synaptic_operations=158.8e4, energy_j=41.29e-6),
        _LAYERED_RS: Effort(synaptic_operations=150.9e4, energy_j=39.22e-6),
        _UNLAYERED_RS: Effort(synaptic_operations=85.92e4, energy_j=22.34e-6),
        _UNLAYERED_MS: Effort(synaptic_operations=91.2e4, energy_j=23.71e-6),
    },
}
"""Table 3. Its operations are density · hidden neurons · mean fan-out of the hidden layers, without the input layer."""

TABLE7: Mapping[Dataset, Mapping[int | None, TrainingCost]] = {
    "N-MNIST": {
        None: TrainingCost(epoch_s=14, memory_bytes=210e6),
        16: TrainingCost(epoch_s=19, memory_bytes=412e6),
        8: TrainingCost(epoch_s=24, memory_bytes=556e6),
        4: TrainingCost(epoch_s=37, memory_bytes=986e6),
    },
    "SHD": {
        None: TrainingCost(epoch_s=38, memory_bytes=214e6),
        16: TrainingCost(epoch_s=118, memory_bytes=2220e6),
        8: TrainingCost(epoch_s=292, memory_bytes=4844e6),
        4: TrainingCost(epoch_s=681, memory_bytes=10574e6),
    },
    "DVS gesture": {
        None: TrainingCost(epoch_s=120, memory_bytes=244e6),
        16: TrainingCost(epoch_s=150, memory_bytes=3802e6),
        8: TrainingCost(epoch_s=177, memory_bytes=6984e6),
        4: TrainingCost(epoch_s=245, memory_bytes=13914e6),
    },
}
"""Table 7 by F of unlayered training with random scheduling; None is layered training. VRAM in the printed MB."""

SETTINGS: Mapping[Dataset, Hyperparameters] = {
    "N-MNIST": Hyperparameters(
        inputs=2312,
        hidden=(64, 64, 64),
        classes=10,
        train=60_000,
        test=10_000,
        samples=70_000,
        timestep_s=10e-3,
        batch_size=256,
        epochs=50,
        learning_rate=5e-4,
        threshold=0.3,
        weight_decay=1e-5,
        time_constant_s=1e-3,
        surrogate_steepness=2.0,
        input_dropout=0.25,
        group_size=8,
        inference_group_size=8,
        refractory_dropout=0.8,
        momentum_noise=1e-6,
    ),
    "SHD": Hyperparameters(
        inputs=350,
        hidden=(128, 128, 128),
        classes=20,
        train=8156,
        test=2264,
        samples=10_420,
        timestep_s=10e-3,
        batch_size=32,
        epochs=100,
        learning_rate=7e-4,
        threshold=0.3,
        weight_decay=1e-4,
        time_constant_s=100e-3,
        surrogate_steepness=10.0,
        input_dropout=0.2,
        group_size=8,
        inference_group_size=8,
        refractory_dropout=0.8,
        momentum_noise=0.1,
    ),
    "DVS gesture": Hyperparameters(
        inputs=2048,
        hidden=(128, 128, 128),
        classes=11,
        train=1176,
        test=288,
        samples=1_464,
        timestep_s=20e-3,
        batch_size=32,
        epochs=70,
        learning_rate=1e-4,
        threshold=0.3,
        weight_decay=1e-5,
        time_constant_s=100e-3,
        surrogate_steepness=10.0,
        input_dropout=0.2,
        group_size=8,
        inference_group_size=8,
        refractory_dropout=0.8,
        momentum_noise=0.1,
    ),
    "CIFAR-10": Hyperparameters(
        inputs=3072,
        hidden=(),
        classes=10,
        train=None,
        test=None,
        samples=60_000,
        timestep_s=None,
        batch_size=64,
        epochs=150,
        learning_rate=2e-4,
        threshold=0.2,
        weight_decay=0.0,
        time_constant_s=None,
        surrogate_steepness=2.0,
        input_dropout=0.0,
        group_size=512,
        inference_group_size=64,
        refractory_dropout=0.7,
        momentum_noise=None,
    ),
}
"""Table 6, inputs and samples from appendix A.6.1 (CIFAR-10: 32 × 32 colour images)."""
