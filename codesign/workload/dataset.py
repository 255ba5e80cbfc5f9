"""From a workload's description to its events: find the copy, split it, and bin it or load it from the cache."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codesign.arguments import instance
from codesign.arrays import Integers
from codesign.errors import DataError, InputError
from codesign.files.once import once
from codesign.workload.cache import Cache, content_key, file_states
from codesign.workload.camera import CAMERA_VERSION
from codesign.workload.datasets.base import DatasetStatus
from codesign.workload.datasets.registry import dataset_names, get_dataset
from codesign.workload.events import EventBatch
from codesign.workload.raw_events import empty_end, late_events
from codesign.workload.spec import OptionError, WorkloadSpec
from codesign.workload.splits import split_samples

BINNING_VERSION = 1
"""Raise it whenever splitting or binning changes the events of the same files for all datasets."""
_EMPTY = 0.1
"""Largest share of empty timesteps at the end that is not reported."""
_MARKS = 16
"""How many entries of a sample are compared before all are."""
DATA_VARIABLE, CACHE_VARIABLE = "CODESIGN_DATA", "CODESIGN_CACHE"
"""Environment variables that name folders if no argument does."""


@dataclass(frozen=True, kw_only=True)
class WorkloadOutline:
    """What is known of a workload before its events are read: everything needed for planning.

    Attributes:
        fingerprint: hash of the copy's content and of all options; equal fingerprints mean equal events.
        input_grid: (c, h, w); input index = (channel · h + y) · w + x.
        classes: number of classes.
        timesteps: T.
        timestep_s: Δt in seconds; 0 for a static input.
        currents: whether samples are currents instead of events.
        trainable: whether there are samples for training and validation in addition to those of the test.
        official: whether test samples come from the dataset's own test part, which is never used for training.
    """

    fingerprint: str = field(repr=False)
    input_grid: tuple[int, int, int]
    classes: int
    timesteps: int
    timestep_s: float
    currents: bool = False
    trainable: bool = field(default=True, repr=False)
    official: bool = field(default=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Workload(WorkloadOutline):
    """Events for training, validation and test.

    Attributes:
        fingerprint, input_grid, classes, timesteps, timestep_s, currents, trainable, official: as `WorkloadOutline`.
        name: name of the dataset.
        input_size: number of a network's inputs, `c · h · w`.
        train, validation, test: disjoint splits, in an order that mixes the classes; see `Split`.
        coverage: a sentence about how much of the dataset this copy has; None if it is complete.
        left_out: of your own data, which classes have no samples at all, for training or in the test, how many test
            samples equal one for training or validation, how many events come after the last timestep, or how many
            timesteps come after the last event of all or of a sample; "" if none, or if unknown.
    """

    name: str
    input_size: int
    train: EventBatch
    validation: EventBatch
    test: EventBatch
    coverage: str | None
    left_out: str = ""


def load_workload(
    spec: WorkloadSpec | str, *, data_root: str | Path | None = None, cache_root: str | Path | None = None
) -> Workload:
    """Load a workload.

    Args:
        spec: what to load; the name of a dataset stands for its defaults.
        data_root: folder of the datasets; if None, `CODESIGN_DATA`, or else `data` in the working folder.
        cache_root: folder of binned events; if None, `CODESIGN_CACHE`, or else `codesign` in the user's cache folder.

    Raises:
        InputError: the dataset is unknown, lacks an option, or has fewer samples than requested.
        DataError: the dataset is missing or damaged, has no event in the requested timesteps, or changed in a run.
    """
    spec = WorkloadSpec(name=spec) if isinstance(spec, str) else spec
    plan = _Plan(spec, data_root, cache_root)
    fingerprint, recordings = plan.outline.fingerprint, plan.recordings
    batches = plan.cache.load(fingerprint)
    if batches is None:
        batches = {name: plan.batch(positions) for name, positions in vars(plan.split).items()}
        if file_states(plan.folder, recordings.files) != plan.states:
            where = f"workload '{spec.name}': its files in {plan.folder}"
            raise DataError(f"{where} changed while they were read; start again")
        plan.cache.store(fingerprint, batches)
    batches = {name: batch.with_grid(recordings.grid) for name, batch in batches.items()}
    left_out = plan.left_out(batches)
    return Workload(
        **vars(plan.outline),
        name=spec.name,
        input_size=math.prod(recordings.grid),
        train=batches["train"],
        validation=batches["validation"],
        test=batches["test"],
        coverage="; ".join(filter(None, (plan.coverage, left_out))) or None,
        left_out=left_out,
    )


def outline_workload(
    spec: WorkloadSpec, *, data_root: str | Path | None = None, cache_root: str | Path | None = None
) -> WorkloadOutline:
    """A workload without reading or binning events; the arguments and errors of `load_workload`."""
    return _Plan(spec, data_root, cache_root).outline


def list_datasets(data_root: str | Path | None = None) -> list[DatasetStatus]:
    """What is there of every known dataset, in alphabetical order."""
    root = resolve_data_root(data_root)
    return [get_dataset(name).status(root) for name in dataset_names()]


def resolve_data_root(argument: str | Path | None = None) -> Path:
    """The folder that contains datasets; by default `data` in the working directory."""
    return _chosen(argument, DATA_VARIABLE) or Path("data")


def resolve_cache_root(argument: str | Path | None = None) -> Path | None:
    """The folder for binned events; by default `codesign` in the user's cache folder.

    None for a user without a home folder, as in some containers: nothing is stored then.
    """
    if (chosen := _chosen(argument, CACHE_VARIABLE)) is not None:
        return chosen
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # the specification says to ignore relative paths
        return Path(base) / "codesign"
    try:
        return Path.home() / ".cache" / "codesign"
    except RuntimeError:  # neither HOME nor an entry in the user database
        return None


def _chosen(argument: str | Path | None, variable: str) -> Path | None:
    chosen = os.environ.get(variable) if argument is None else argument
    try:
        return Path(chosen).expanduser() if chosen else None
    except RuntimeError:
        raise InputError(f"{chosen}: there is no such home folder") from None


class _Plan:
    """Everything about a workload except its events."""

    def __init__(self, spec: WorkloadSpec, data_root: str | Path | None, cache_root: str | Path | None) -> None:
        instance("spec", spec, WorkloadSpec)
        dataset = get_dataset(spec.name)
        if mistakes := list(dataset.mistakes(spec)):
            raise OptionError(dataset.name, mistakes)
        self.cache = Cache(resolve_cache_root(cache_root))
        own = spec.folder if spec.file is None else os.path.abspath(spec.file)
        self.folder = dataset.place(resolve_data_root(data_root), own)
        recordings = self.recordings = dataset.open(self.folder)
        self.states = file_states(self.folder, recordings.files)
        self.coverage = dataset.coverage(recordings)
        resolved = self.spec = dataset.settled(spec, recordings)
        content = dataset.digest(recordings, self.folder, self.states, self.cache)
        if content != once("data", f"{dataset.name} {self.folder.absolute()}", lambda: content):
            raise DataError(f"workload '{spec.name}': its files changed since the run began; start again")
        validation, test = dataset.usual_sizes(recordings, resolved.split)
        self.split = split_samples(resolved, recordings, validation=validation, test=test)
        sizes = {name: len(positions) for name, positions in vars(self.split).items()}
        fingerprint = content_key(
            {
                "binning": BINNING_VERSION,
                "dataset": dataset.name,
                "version": dataset.version,
                "camera": None if dataset.usual_contrast is None else CAMERA_VERSION,
                "content": content,
                # Options that a dataset does not have are left out, so a new option in the spec changes nothing.
                # Folder and file, too: their content is in `content`.
                "spec": {
                    "contrast": None,
                    **resolved.model_dump(exclude_none=True, exclude={"folder", "file"}),
                    **sizes,
                },
            }
        )
        self.outline = WorkloadOutline(
            fingerprint=fingerprint,
            input_grid=recordings.grid,
            classes=recordings.classes,
            timesteps=resolved.timesteps,
            timestep_s=resolved.timestep,
            currents=recordings.currents,
            trainable=bool(sizes["train"] and sizes["validation"]),
            official=resolved.split == "official",
        )

    def batch(self, positions: Integers) -> EventBatch:
        """The events of the samples at these positions; there may be none."""
        if not len(positions):
            return self.batch(self.split.test[:1]).select([])
        return self.recordings.batch(positions, self.spec)

    def left_out(self, batches: Mapping[str, EventBatch]) -> str:
        """`Workload.left_out`. Raises DataError if all events come after the last timestep."""
        if self.spec.file is None:
            return ""
        told = self._empty_classes(), _repeated(batches), self._empty_timesteps(batches.values())
        return "; ".join(filter(None, told))

    def _empty_classes(self) -> str:
        """Classes without samples, such as 0 where labels count from 1: each has an output neuron. Others may have none
        to train on, or in the test, whose accuracy then leaves them out."""
        known = set[int]()
        labels, classes, told = self.recordings.labels, self.recordings.classes, list[str]()
        parts = {"": labels, "training ": labels[self.split.train], "test ": labels[self.split.test]}
        for part, of_part in parts.items():
            empty = [int(at) for at in np.flatnonzero(np.bincount(of_part, minlength=classes) == 0) if at not in known]
            if empty and len(of_part):
                more = f" and {len(empty) - 1:,} more" if len(empty) > 1 else ""
                many = f"{len(empty):,} of {classes:,} classes, counted from 0, without {part}samples"
                told.append(f"{many}: {empty[0]}{more}")
                known.update(empty if not part else ())
        return "; ".join(told)

    def _empty_timesteps(self, batches: Collection[EventBatch]) -> str:
        """Events of your own file that are left out, or else timesteps after the last event of all or of each sample:
        these are run like all others, which costs time and static power."""
        timesteps = self.spec.timesteps
        if self.recordings.events is not None:
            count = self.recordings.events(np.concatenate([*vars(self.split).values()])).sum()
            kept = sum(float(batch.values.sum(dtype=np.float64)) for batch in batches)
            if late := late_events(kept, count, timesteps, self.spec.timestep):
                if not kept:
                    raise DataError(f"{self.recordings.files[0]}: {late}")
                return late
        filled = np.concatenate([np.diff(batch.offsets).reshape(-1, timesteps) > 0 for batch in batches])
        if told := empty_end(np.logical_or.reduce(filled), self.spec.timestep, _EMPTY):
            return told
        behind = np.where(filled.any(axis=1), filled[:, ::-1].argmax(axis=1), timesteps).mean()
        if behind <= _EMPTY * timesteps or timesteps == 1:
            return ""
        return f"on average, the last {behind:.3g} of a sample's {timesteps} timesteps are empty, but run like others"


def _repeated(batches: Mapping[str, EventBatch]) -> str:
    """Test samples that training has seen: the accuracy on them says nothing about others. Only samples that agree in
    a few events are compared whole."""
    marks = {name: _marks(batch) for name, batch in batches.items()}
    alike = {*marks["test"]} & {*marks["train"], *marks["validation"]}
    contents = {
        name: [_content(batch, at) for at, mark in enumerate(marks[name]) if mark in alike]
        for name, batch in batches.items()
    }
    seen = {*contents["train"], *contents["validation"]}
    repeated, tested = sum(content in seen for content in contents["test"] if content), len(batches["test"])
    return f"{repeated:,} of {tested:,} test samples equal one for training or validation" if repeated else ""


def _marks(batch: EventBatch) -> list[bytes]:
    """For each sample what equal samples share and others hardly: how many entries it has, and some of them."""
    if not len(batch.indices):
        return []
    ends = batch.offsets[:: batch.timesteps]
    sizes = np.diff(ends)[:, None]
    places = np.minimum(ends[:-1, None] + sizes * np.arange(_MARKS) // _MARKS, len(batch.indices) - 1)
    return [*map(bytes, np.hstack([sizes, batch.indices[places], batch.values[places].view(np.int32)]))]


def _content(batch: EventBatch, sample: int) -> bytes:
    """A hash of what a sample holds; nothing of one without events."""
    rows = batch.offsets[sample * batch.timesteps : (sample + 1) * batch.timesteps + 1]
    inside = slice(rows[0], rows[-1])
    parts = ((rows - rows[0]).tobytes(), batch.indices[inside].tobytes(), batch.values[inside].tobytes())
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest() if rows[-1] > rows[0] else b""
