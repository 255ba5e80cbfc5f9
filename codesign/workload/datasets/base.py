"""The common part of all datasets: finding files, reporting what is there, defaults, identity and messages.

A dataset is a subclass of `Dataset` in its own file: it states where its files are, its timing and splits, and in
`find` how files become samples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from codesign.arrays import Flags, Integers
from codesign.errors import CodesignError, DataError
from codesign.shell import shell_text
from codesign.units import format_si
from codesign.workload.binning import Events, binned
from codesign.workload.cache import Cache, FileStates, content_digest
from codesign.workload.download import Download
from codesign.workload.events import EventBatch
from codesign.workload.spec import ResolvedSpec, SplitKind, WorkloadSpec

DatasetState = Literal["embedded", "complete", "partial", "missing", "damaged"]
OPTIONS = ("contrast", "file", "folder", "highest_frequency")
"""Options that only some datasets have."""

Reader = Callable[[Integers, ResolvedSpec], EventBatch | Iterator[Events]]
"""Returns the samples at given positions, in that order: as a batch, or as the events of one sample after another."""


def as_long(timesteps: int, own_s: float, timestep_s: float) -> int:
    """Number of timesteps of `timestep_s` that last at least as long as `timesteps` of `own_s`."""
    return max(1, math.ceil(timesteps * own_s / timestep_s * (1 - 1e-9)))


@dataclass(frozen=True, kw_only=True)
class DatasetStatus:
    """What is there of a dataset, with its name in sweeps (`name`) and for people (`title`): how much, or where the
    files are expected. An `embedded` dataset needs no files."""

    name: str
    title: str
    state: DatasetState
    detail: str


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """The samples of one copy of a dataset, not yet read.

    Attributes:
        grid: (channels, height, width) of the input; input index = (channel · height + y) · width + x.
        labels: (N,) int64 classes.
        sample_ids: (N,) int64, distinct; they identify a sample independently of its place in this copy.
        read: returns the samples at given ascending positions.
        test_part: (N,) flags: which samples belong to the official test set; None if there is none.
        validation_part: (N,) flags: which of the others are for validation; None if the dataset does not say.
        groups: (N,) int64 origin of each sample, such as its speaker; None if the copy does not say.
        files: all files that are read, in an order that depends only on their names; none for embedded data.
        content: computes a hash of whatever may change an event or a label. None takes the bytes of `files`.
        currents: whether `read` returns currents instead of event counts.
        timesteps, timestep_s: T and Δt if the copy states them itself, otherwise None.
        longest: most timesteps that there are; None for recordings of events, which are silent after their end.
        events: counts the events of the samples at (n,) positions without reading them; None if that is not possible.
    """

    grid: tuple[int, int, int]
    classes: int
    labels: Integers
    sample_ids: Integers
    read: Reader
    test_part: Flags | None = None
    validation_part: Flags | None = None
    groups: Integers | None = None
    files: Sequence[Path] = ()
    content: Callable[[], str] | None = None
    currents: bool = False
    timesteps: int | None = None
    timestep_s: float | None = None
    longest: int | None = None
    events: Callable[[Integers], Integers] | None = None

    def batch(self, positions: Integers, spec: ResolvedSpec) -> EventBatch:
        """Samples at positions in the order given, read in ascending order. Raises DataError if `read` gives others."""
        order = np.argsort(positions)
        inside = positions[order]
        labels, ids = self.labels[inside], self.sample_ids[inside]
        batch = self.read(inside, spec)
        if not isinstance(batch, EventBatch):
            batch = binned(batch, labels, sample_ids=ids, input_size=math.prod(self.grid), spec=spec)
        timing: dict[str, Any] = {"timesteps": spec.timesteps, "timestep_s": spec.timestep}
        for name, value in {"labels": labels, "sample_ids": ids, "currents": self.currents, **timing}.items():
            actual = getattr(batch, name)
            if not (math.isclose(actual, value) if name == "timestep_s" else np.array_equal(actual, value)):
                raise DataError(f"{spec.name}: the batch that `read` gives has other {name} than it was asked for")
        return batch.select(np.argsort(order)).with_grid(self.grid)


class Dataset(ABC):
    """A dataset that a workload can name.

    Attributes:
        name, title: as in `DatasetStatus`.
        version: raise it whenever the same files give different events.
        folder: folder of its files, below the data root.
        expected: what is expected there, for messages.
        things: what its samples are called.
        complete: (training, test) number of samples of the whole dataset; None if unknown.
        splits: supported kinds of split, the usual one first.
        usual_timestep_s, usual_timesteps: Δt and T if a spec gives none; the paper's first 100 ms in 10 frames unless
            the dataset says otherwise.
        resolution_s, longest_s: its shortest timestep and longest stimulus.
        usual_contrast: threshold of the simulated camera if a spec gives none; None for real recordings.
        download: where its files can be downloaded; None if they cannot.
        options: which of `OPTIONS` a spec may give, besides `contrast`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 1
    folder: ClassVar[str]
    expected: ClassVar[str]
    things: ClassVar[str] = "recordings"
    complete: ClassVar[tuple[int, int] | None] = None
    splits: ClassVar[tuple[SplitKind, ...]] = ("official", "pooled")
    usual_timestep_s: ClassVar[float] = 10e-3
    usual_timesteps: ClassVar[int] = 10
    resolution_s: ClassVar[float] = 1e-3
    longest_s: ClassVar[float] = math.inf
    usual_contrast: ClassVar[float | None] = None
    download: ClassVar[Download | None] = None
    options: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def find(self, folder: Path) -> Recordings | None:
        """List the samples in `folder`, reading no more than necessary; None if there are none, or if files are
        missing without which none can be read. Raises DataError that names a damaged file."""

    def place(self, data_root: Path, chosen: str | None = None) -> Path:
        """The folder of the dataset; `chosen` is the folder or file given by the spec."""
        return data_root / (chosen or self.folder)

    def open(self, folder: Path) -> Recordings:
        """The samples in `folder`, not yet read. Raises DataError if there are none, saying what to download, where to
        put it and what to run instead; if a file is damaged; or if a label is no class or an id is not distinct."""
        recordings = self.find(folder)
        if recordings is None:
            raise DataError(
                f"{self.name}: no {self.things} in {folder.absolute()}, which must hold {self.expected}. "
                f"{self.how_to_get(folder)}"
            )
        labels, ids = recordings.labels, recordings.sample_ids
        wrong = (labels < 0) | (labels >= recordings.classes)
        if wrong.any():
            raise DataError(f"{self.name}: labels must be 0 … {recordings.classes - 1}, found {labels[wrong][0]}")
        if recordings.test_part is not None and recordings.test_part.dtype != bool:
            raise DataError(f"{self.name}: test_part must be True or False for each sample")
        if len(np.unique(ids)) < len(ids):
            found = f"{len(np.unique(ids))} of {len(ids)} in {folder}"
            raise DataError(f"{self.name}: sample_ids must be distinct, found {found}")
        return recordings

    def digest(self, recordings: Recordings, folder: Path, states: FileStates, cache: Cache) -> str:
        """Hash of the content of `recordings` in `folder`; remembered for files that did not change."""
        files = list(recordings.files)
        content = recordings.content or (lambda: content_digest(folder, files))
        if not files:
            return content()
        identity = {"dataset": self.name, "folder": str(folder.resolve()), "files": states}
        return cache.digest(identity, content)

    def status(self, data_root: Path) -> DatasetStatus:
        """What is there below `data_root`; fast, and never raises for missing or damaged files."""
        folder = self.place(data_root)
        try:
            recordings = self.find(folder)
        except (CodesignError, OSError) as error:
            return self._described("damaged", str(error))
        if recordings is None:
            return self._described("missing", f"expected in {folder}: {self.expected}")
        coverage = self.coverage(recordings)
        much = coverage or f"{len(recordings.labels):,} {self.things}"
        state: DatasetState = "complete" if coverage is None or self.complete is None else "partial"
        return self._described(state, f"{much} in {folder}")

    def coverage(self, recordings: Recordings) -> str | None:
        """A sentence about how much of the dataset a copy has; None if it is complete."""
        if self.complete is None or recordings.test_part is None:
            return None
        test = int(np.count_nonzero(recordings.test_part))
        training = len(recordings.test_part) - test
        if (training, test) == self.complete:
            return None
        all_training, all_test = self.complete
        return f"{training:,} of {all_training:,} training and {test:,} of {all_test:,} test {self.things}"

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        """(validation, test) sizes if a spec gives none, in the proportions of MNIST's 60,000 and 10,000.

        A sixth of the samples not used for testing is for validation. Test None means the whole official test part;
        with other splits, or without such a part, a seventh of all samples. With split `speaker` test has at least this
        many samples: all of the drawn groups.
        """
        if split != "official" or recordings.test_part is None:
            test = math.ceil(len(recordings.labels) / 7)
            return math.ceil((len(recordings.labels) - test) / 6), test
        return math.ceil(np.count_nonzero(~recordings.test_part) / 6), None

    def timing_mistakes(self, spec: ResolvedSpec) -> Iterator[tuple[str, str]]:
        """Mistakes in timing, such as timesteps finer than the source's clock or longer than the source: option and
        reason."""
        timestep = format_si(spec.timestep, "s")
        if spec.timestep < self.resolution_s * (1 - 1e-9):
            yield "timestep", f"must be at least {format_si(self.resolution_s, 's')}, found {timestep}"
        lasting = spec.timestep * spec.timesteps
        if lasting > self.longest_s * (1 + 1e-9):
            yield (
                "timesteps" if spec.timestep <= self.longest_s else "timestep",
                f"{spec.timesteps} timesteps of {timestep} last {format_si(lasting, 's')}, but a sample lasts "
                f"{format_si(self.longest_s, 's')}; lower timesteps or timestep",
            )

    def mistakes(self, spec: WorkloadSpec) -> Iterator[tuple[str, str]]:
        """Options that this dataset does not support, and why."""
        if spec.split not in (None, *self.splits):
            yield "split", f"'{spec.split}' does not exist; allowed: {', '.join(self.splits)}"
        own = self.options if self.usual_contrast is None else (*self.options, "contrast")
        for option in OPTIONS:
            if getattr(spec, option) is not None and option not in own:
                yield option, f"is no option of '{self.name}'; remove it"
        yield from self.timing_mistakes(self.completed(spec))

    def completed(self, spec: WorkloadSpec) -> ResolvedSpec:
        """`spec` with the dataset's defaults filled in; with another Δt, a sample lasts as long as usual."""
        own_s, timestep_s = self.usual_timestep_s, self.usual_timestep_s if spec.timestep is None else spec.timestep
        timesteps = self.usual_timesteps
        if own_s and timestep_s and timestep_s != own_s:
            most = self.longest_s / timestep_s * (1 + 1e-9)
            timesteps = max(1, math.floor(min(as_long(timesteps, own_s, timestep_s), most)))
        return ResolvedSpec.model_construct(
            **{
                **spec.model_dump(),
                "timestep": timestep_s,
                "timesteps": timesteps if spec.timesteps is None else spec.timesteps,
                "split": spec.split or self.splits[0],
                "contrast": spec.contrast or self.usual_contrast,
            }
        )

    def settled(self, spec: WorkloadSpec, recordings: Recordings) -> ResolvedSpec:
        """`completed`, given the copy, for datasets whose copies have their own timing and splits. Raises OptionError
        for options that this copy does not support."""
        return self.completed(spec)

    def _described(self, state: DatasetState, detail: str) -> DatasetStatus:
        return DatasetStatus(name=self.name, title=self.title, state=state, detail=detail)

    def how_to_get(self, folder: Path) -> str:
        """What to do if the folder is empty; the end of a message."""
        here = "Name another data root with CODESIGN_DATA, --data-root or, in Python, data_root"
        if self.download is not None:
            root = Path(*folder.parts[: len(folder.parts) - len(Path(self.folder).parts)])
            where = "" if root == Path("data") else f" --data-root {shell_text(str(root))}"
            here = (
                f"Fetch it with `codesign data download {self.name}{where}`, or unpack it there from "
                f"{self.download.page}; "
                "or name another data root with CODESIGN_DATA, --data-root or, in Python, data_root"
            )
        return f"{here}. Without any download: use the workload 'digits'"
