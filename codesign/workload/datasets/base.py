"""What every dataset does. One file and one small class a dataset; a plug-in's is found by its entry point."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError
from codesign.workload.download.files import Download
from codesign.workload.spec import ResolvedSpec, SplitKind, WorkloadSpec

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["Dataset", "DatasetState", "DatasetStatus", "Recordings", "coverage_of_two_parts", "sizes_of_two_parts"]

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
        grid: (channels, height, width) of the input; input index = (channel · height + y) · width + x.
        classes: number of classes.
        labels: (N,) int64 classes.
        sample_ids: (N,) int64, distinct; of a sample, not of its place in this copy.
        test_part: (N,) which belong to the official test set; None where there is none.
        digest: hash of the content of the copy, of whatever may change an event or a label.
        coverage: a sentence on how much of the dataset the copy has; None if complete.
        read: the samples at some positions, in that order, as events.
        groups: (N,) int64 whom a sample comes from, such as its speaker; None where the copy does not say.
    """

    grid: tuple[int, int, int]
    classes: int
    labels: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
    test_part: NDArray[np.bool_] | None
    digest: str
    coverage: str | None
    read: Callable[[NDArray[np.int64], ResolvedSpec], EventBatch]
    groups: NDArray[np.int64] | None = None


class Dataset(ABC):
    """A dataset that a workload can name.

    Attributes:
        name, title: as in `DatasetStatus`.
        version: raised whenever the same files would give other events.
        splits: kinds of split that make sense, the usual one first.
        usual_timestep_s, usual_timesteps: Δt and T where a spec gives none; the paper's first 100 ms in 10 frames,
            unless the dataset says otherwise.
        usual_contrast: threshold of the simulated camera where a spec gives none; None for real recordings.
        download: where its files are to be had; None where nothing can be fetched by itself.
        options: which of `folder` and `highest_frequency` a spec may give.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int]
    splits: ClassVar[tuple[SplitKind, ...]]
    usual_timestep_s: ClassVar[float] = 10e-3
    usual_timesteps: ClassVar[int] = 10
    usual_contrast: ClassVar[float | None] = None
    download: ClassVar[Download | None] = None
    options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def status(self, data_root: Path) -> DatasetStatus:
        """What is there below `data_root`; cheap, and never raises for what is missing or damaged."""

    @abstractmethod
    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        """List the samples below `data_root`, as far as `spec` wants them.

        Raises:
            DataError: missing or damaged; says what to download, where to put it and what to run instead.
        """

    @abstractmethod
    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        """(validation, test) sizes where a spec gives none.

        Test None: the whole official test part. With split `speaker`, test is at least so many samples: all of the
        groups that are drawn.
        """

    @abstractmethod
    def check_timing(self, spec: ResolvedSpec) -> None:
        """Refuse timesteps that this dataset cannot have. Raises InputError."""

    def resolve(self, spec: WorkloadSpec) -> ResolvedSpec:
        """`spec` with the dataset's own defaults filled in.

        Raises:
            InputError: an option that makes no sense here.
        """
        split = spec.split or self.splits[0]
        if split not in self.splits:
            raise InputError(
                f"workload '{self.name}': split '{split}' does not exist; allowed: {', '.join(self.splits)}"
            )
        if spec.contrast is not None and self.usual_contrast is None:
            raise InputError(
                f"workload '{self.name}': contrast is an option of the simulated camera, which did not record this; "
                "remove it"
            )
        for option in ("folder", "highest_frequency"):
            if getattr(spec, option) is not None and option not in self.options:
                raise InputError(
                    f"workload '{self.name}': {option} is an option of recordings of sound, such as 'audio'; remove it"
                )
        resolved = ResolvedSpec.model_construct(
            **{
                **spec.model_dump(),
                "timestep": self.usual_timestep_s if spec.timestep is None else spec.timestep,
                "timesteps": self.usual_timesteps if spec.timesteps is None else spec.timesteps,
                "split": split,
                "contrast": spec.contrast or self.usual_contrast,
            }
        )
        self.check_timing(resolved)
        return resolved

    def described(self, state: DatasetState, detail: str) -> DatasetStatus:
        """The status of this dataset."""
        return DatasetStatus(name=self.name, title=self.title, state=state, detail=detail)

    def how_to_get(self) -> str:
        """What to do where nothing is in its folder; the tail of a message."""
        here = "Name another data root with --data-root or CODESIGN_DATA"
        if self.download is not None:
            here = (
                f"Fetch it with `codesign data download {self.name}`, or unpack it there from {self.download.page}; "
                "or name another data root with --data-root or CODESIGN_DATA"
            )
        return f"{here}. Without any download: use the workload 'digits'"


def sizes_of_two_parts(recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
    """Usual validation and test sizes of a dataset with a test part, in the proportions of MNIST's 60,000 and 10,000.

    A sixth of what is not for testing is for validation. With other splits a seventh of all is for testing.
    """
    if split != "official":
        test = math.ceil(len(recordings.labels) / 7)
        return math.ceil((len(recordings.labels) - test) / 6), test
    assert recordings.test_part is not None
    return math.ceil(np.count_nonzero(~recordings.test_part) / 6), None


def coverage_of_two_parts(found: Iterable[int], complete: Iterable[int], things: str) -> str | None:
    """How much there is of the training and the test part, as `Recordings.coverage`; None if everything is."""
    (training, test), (all_training, all_test) = found, complete
    if (training, test) == (all_training, all_test):
        return None
    return f"{training:,} of {all_training:,} training and {test:,} of {all_test:,} test {things}"
