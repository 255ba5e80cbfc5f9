"""Datasets by name, the built-in ones and those that plug-ins register (docs/extending.md)."""

from __future__ import annotations

from importlib import import_module

from codesign.errors import InputError
from codesign.plug_ins import load_plug_in, plug_in_names
from codesign.workload.datasets.base import Dataset

GROUP = "codesign.datasets"

_BUILT_IN = {
    "arrays": "codesign.workload.datasets.arrays:Arrays",
    "audio": "codesign.workload.datasets.audio:Audio",
    "basic_motions": "codesign.workload.datasets.series:BasicMotions",
    "cifar10": "codesign.workload.datasets.cifar10:CIFAR10",
    "digits": "codesign.workload.datasets.digits:Digits",
    "dvsgesture": "codesign.workload.datasets.dvsgesture:DVSGesture",
    "japanese_vowels": "codesign.workload.datasets.series:JapaneseVowels",
    "mnist": "codesign.workload.datasets.mnist:MNIST",
    "nmnist": "codesign.workload.datasets.nmnist:NMNIST",
    "shd": "codesign.workload.datasets.shd:SHD",
}


def dataset_names() -> list[str]:
    """Names of all datasets, built in and plugged in, in alphabetical order."""
    return sorted({*_BUILT_IN, *plug_in_names(GROUP)})


def get_dataset(name: str) -> Dataset:
    """The dataset called `name`; a plug-in cannot take the name of a built-in one. Raises InputError if there is no
    such dataset, or if a plug-in cannot be imported or is not a `Dataset`."""
    if name in _BUILT_IN:
        module, _, built_in = _BUILT_IN[name].partition(":")
        return getattr(import_module(module), built_in)()  # type: ignore[no-any-return]
    loaded, where = load_plug_in(GROUP, name, "dataset", tuple(dataset_names()))
    if not (isinstance(loaded, type) and issubclass(loaded, Dataset)):
        raise InputError(f"{where}: must be a subclass of codesign's Dataset, found {loaded!r}")
    if lacking := sorted(loaded.__abstractmethods__):
        raise InputError(f"{where}: {loaded.__name__} must have {' and '.join(lacking)}, as codesign's Dataset says")
    return loaded()
