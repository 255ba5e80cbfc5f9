"""Datasets by name. The built-in ones and those of plug-ins are loaded the same way: through entry points.

A plug-in registers a subclass of `Dataset` in its own pyproject.toml:

    [project.entry-points."codesign.datasets"]
    mydata = "mypackage.mydata:MyData"
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.workload.datasets.base import Dataset

__all__ = ["GROUP", "dataset_names", "get_dataset"]

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


def _entry_points() -> dict[str, EntryPoint]:
    """Entry points by name; a plug-in cannot take the name of a built-in dataset or of another plug-in."""
    points = {name: EntryPoint(name=name, value=value, group=GROUP) for name, value in _BUILT_IN.items()}
    for point in entry_points(group=GROUP):
        if point.name in points and points[point.name].value != point.value:
            raise InputError(
                f"dataset '{point.name}' is registered twice, by {points[point.name].value} and by {point.value}; "
                "rename or uninstall one"
            )
        points[point.name] = point
    return points


def dataset_names() -> list[str]:
    """Names of all datasets, built in and plugged in, in alphabetical order."""
    return sorted(_entry_points())


def get_dataset(name: str) -> Dataset:
    """The dataset called `name`.

    Raises:
        InputError: no such dataset, or a plug-in that cannot be imported or is not a `Dataset`.
    """
    points = _entry_points()
    if name not in points:
        raise InputError(f"unknown dataset '{name}'{suggestion(name, points)}")
    point = points[name]
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"dataset '{name}' ({point.value}) cannot be imported: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Dataset)):
        raise InputError(f"dataset '{name}' ({point.value}) must be a subclass of codesign's Dataset")
    return loaded()
