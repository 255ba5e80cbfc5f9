"""Which of the paper's datasets a sweep's workload stands beside, and in what the two experiments differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from codesign.analysis.formatting import listed
from codesign.analysis.metadata import ResultMetadata, Scalar
from codesign.reporting.paper.numbers import SETTINGS, Dataset, Hyperparameters
from codesign.units import format_si

__all__ = ["Beside", "beside", "differences"]


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A workload, and the paper's dataset that its numbers stand beside.

    Attributes:
        dataset: None for a workload that is like none of the paper's.
        instead: what was run instead of that dataset, as a sentence; "" where it is that dataset.
    """

    dataset: Dataset | None
    instead: str = ""


_SAME: dict[str, Dataset] = {"nmnist": "N-MNIST", "shd": "SHD", "dvsgesture": "DVS gesture", "cifar10": "CIFAR-10"}
_INSTEAD: dict[str, tuple[Dataset, str]] = {
    "mnist": ("N-MNIST", "MNIST’s digits through a simulated event camera, where N-MNIST is recorded by a real one"),
    "digits": (
        "N-MNIST",
        "digits of 8 × 8 pixels through a simulated event camera, where N-MNIST is MNIST recorded by a real one",
    ),
    "audio": ("SHD", "recordings of spoken digits, turned into spikes here and not by the cochlear model of SHD"),
}
_TABLE6 = (
    ("epochs", "epochs"),
    ("batch_size", "batch"),
    ("learning_rate", "learning rate"),
    ("weight_decay", "weight decay"),
    ("input_dropout", "input dropout"),
    ("refractory_dropout", "refractory dropout"),
)
_NEURON = (
    ("threshold", "threshold"),
    ("time_constant", "membrane time constant"),
    ("surrogate_steepness", "surrogate steepness"),
)


def beside(workload: str) -> Beside:
    """What a workload stands beside. Other workloads have claims, but no numbers of the paper beside them."""
    if workload in _SAME:
        return Beside(dataset=_SAME[workload])
    if workload in _INSTEAD:
        dataset, instead = _INSTEAD[workload]
        return Beside(dataset=dataset, instead=f"Instead of {dataset}: {instead}.")
    return Beside(dataset=None, instead=f"The paper has no experiment on the workload {workload}.")


def differences(metadata: ResultMetadata, found: Beside) -> list[str]:
    """What the sweep did otherwise than the paper, in sentences; the first says whether the numbers compare at all."""
    sentences = [found.instead] if found.instead else []
    workload = metadata.workload
    if workload.coverage:
        sentences.append(workload.coverage if workload.coverage.endswith(".") else f"{workload.coverage}.")
    if found.dataset is None:
        return [*sentences, "Its rows are asked the paper’s questions, without its numbers beside them."]
    printed = SETTINGS[found.dataset]
    otherwise = [*_network(metadata, printed), *_samples(metadata, printed), *_hyperparameters(metadata, printed)]
    if otherwise:
        sentences.append(f"Otherwise than in the paper (its number in brackets): {'; '.join(otherwise)}.")
    if found.instead or workload.coverage or _samples(metadata, printed):
        sentences.append(
            "So this is not the paper’s experiment, and numbers that agree with it, or do not, prove nothing. What "
            "compares is which way each step goes and how far, as a multiple of the sweep’s own layered training."
        )
    return sentences


def _network(metadata: ResultMetadata, printed: Hyperparameters) -> Iterator[str]:
    sizes = re.findall(r"\d+", metadata.topology)
    if not printed.hidden:
        yield f"network {metadata.topology} (its figure 11 draws the layers and prints none)"
    if printed.hidden:
        theirs = [printed.inputs, *printed.hidden, printed.classes]
        if [str(size) for size in theirs] != sizes:
            yield f"network {metadata.topology} ({'-'.join(map(str, theirs))})"
    for name, word in _NEURON:
        unit = "s" if name == "time_constant" else ""
        ours, wanted = metadata.neuron.get(name), getattr(printed, f"{name}_s" if unit else name)
        if _is_number(ours) and wanted is not None and ours != wanted:
            yield f"{word} {_written(ours, unit)} ({_written(wanted, unit)})"


def _samples(metadata: ResultMetadata, printed: Hyperparameters) -> list[str]:
    workload = metadata.workload
    if printed.train is None:
        total = workload.train + workload.validation + workload.test
        return [] if total == printed.samples else [f"{total:,} samples ({printed.samples:,})"]
    counts = (
        (workload.train + workload.validation, printed.train, "training and validation"),
        (workload.test, printed.test, "test"),
    )
    found = [
        f"{ours:,} {word} samples ({theirs:,})"
        for ours, theirs, word in counts
        if theirs is not None and ours != theirs
    ]
    if printed.timestep_s is not None and workload.timestep_s != printed.timestep_s:
        found.append(f"timestep {format_si(workload.timestep_s, 's')} ({format_si(printed.timestep_s, 's')})")
    return found


def _hyperparameters(metadata: ResultMetadata, printed: Hyperparameters) -> Iterator[str]:
    """Those in which a recipe differs, all values that occur; axes say their own."""
    axes = {axis.name.rpartition(".")[2] for axis in metadata.axes if axis.name.startswith("recipe.")}
    for name, word in _TABLE6:
        theirs = getattr(printed, name)
        values = [recipe[name] for recipe in metadata.recipes.values() if _is_number(recipe.get(name))]
        distinct = sorted({float(value) for value in values if value is not None})
        if name not in axes and distinct and distinct != [theirs]:
            yield f"{word} {listed([_written(value) for value in distinct])} ({_written(theirs)})"


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(value: Scalar, unit: str = "") -> str:
    assert isinstance(value, int | float)
    if unit:
        return format_si(float(value), unit, 3)
    return f"{float(value):.6g}"
