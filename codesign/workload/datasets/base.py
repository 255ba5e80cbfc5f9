"""What every dataset does. One file and one small class a dataset; a plug-in's is found by its entry point."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.workload.spec import WorkloadSpec

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["Dataset", "DatasetState", "DatasetStatus", "Recordings", "sizes_of_two_parts"]

DatasetState = Literal["embedded", "complete", "partial", "missing", "damaged"]


@dataclass(frozen=True, kw_only=True)
class DatasetStatus:
    """What is there of a dataset.

    Attributes:
        name, title: how a sweep and a person call it.
        state: `embedded` needs no files; `missing` has none.
        detail: how much is there, or where the files are expected.
    """

    name: str
    title: str
    state: DatasetState
    detail: str


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """The samples of one copy of a dataset, not yet read.

    Attributes:
        labels: (N,) int64 classes.
        sample_ids: (N,) int64, distinct; of a sample, not of its place in this copy.
        test_part: (N,) which belong to the official test set; None where there is none.
        digest: hash of the content of the copy, of whatever may change an event or a label.
        coverage: a sentence on how much of the dataset the copy has; None if complete.
        read: the samples at some positions, in that order, as events.
    """

    labels: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
    test_part: NDArray[np.bool_] | None
    digest: str
    coverage: str | None
    read: Callable[[NDArray[np.int64], WorkloadSpec], EventBatch]


class Dataset(ABC):
    """A dataset that a workload can name.

    Attributes:
        name, title: as in `DatasetStatus`.
        grid: (channels, height, width) of the input; input index = (channel · height + y) · width + x.
        classes: number of classes.
        version: raised whenever the same files would give other events.
        splits: kinds of split that make sense, the usual one first.
        usual_contrast: threshold of the simulated camera where a spec gives none; None for real recordings.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    grid: ClassVar[tuple[int, int, int]]
    classes: ClassVar[int]
    version: ClassVar[int]
    splits: ClassVar[tuple[Literal["official", "pooled"], ...]]
    usual_contrast: ClassVar[float | None] = None

    @abstractmethod
    def status(self, data_root: Path) -> DatasetStatus:
        """What is there below `data_root`; cheap, and never raises for what is missing or damaged."""

    @abstractmethod
    def open(self, data_root: Path, cache: Cache) -> Recordings:
        """List the samples below `data_root`.

        Raises:
            DataError: missing or damaged; says what to download, where to put it and what to run instead.
        """

    @abstractmethod
    def usual_sizes(self, recordings: Recordings, split: Literal["official", "pooled"]) -> tuple[int, int | None]:
        """(validation, test) sizes where a spec gives none; test None: the whole official test part."""

    @abstractmethod
    def check_timing(self, spec: WorkloadSpec) -> None:
        """Refuse timesteps that this dataset cannot have. Raises InputError."""

    def resolve(self, spec: WorkloadSpec) -> WorkloadSpec:
        """`spec` with the dataset's own defaults filled in.

        Raises:
            InputError: an option that makes no sense here.
        """
        self.check_timing(spec)
        split = spec.split or self.splits[0]
        if split not in self.splits:
            raise InputError(
                f"workload '{self.name}': split '{split}' does not exist; allowed: {', '.join(self.splits)}"
            )
        if spec.contrast is not None and self.usual_contrast is None:
            raise InputError(
                f"workload '{self.name}': contrast is an option of the simulated camera, and these are "
                "recordings of a real one; remove it"
            )
        return spec.model_copy(update={"split": split, "contrast": spec.contrast or self.usual_contrast})

    @property
    def input_size(self) -> int:
        """Number of inputs."""
        channels, height, width = self.grid
        return channels * height * width


def sizes_of_two_parts(recordings: Recordings, split: Literal["official", "pooled"]) -> tuple[int, int | None]:
    """Usual validation and test sizes of a dataset with a test part, in the proportions of MNIST's 60,000 and 10,000.

    A sixth of what is not for testing is for validation. Pooled, a seventh of all is for testing; else the test part.
    """
    assert recordings.test_part is not None
    if split == "pooled":
        test = math.ceil(len(recordings.labels) / 7)
        return math.ceil((len(recordings.labels) - test) / 6), test
    return math.ceil(np.count_nonzero(~recordings.test_part) / 6), None
