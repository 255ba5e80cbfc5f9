"""Data of your own as arrays in one file, .npz or HDF5, dense or as lists of events. docs/sweeps.md lists the arrays.

A folder of recordings, one file per sample, works, too; see `event_folder.py`. Files are read a few samples at a time
(`array_file.py`), and arrays with invalid content are refused.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Integers
from codesign.errors import InputError
from codesign.units import format_si
from codesign.workload.binning import Events
from codesign.workload.datasets.array_file import ENDINGS, ArrayColumn, open_arrays, read_whole
from codesign.workload.datasets.base import Dataset, Recordings, as_long
from codesign.workload.datasets.event_folder import PARTS, recordings_in
from codesign.workload.event_rows import MOST_EVENTS
from codesign.workload.events import EventBatch
from codesign.workload.raw_events import check_frames, check_shape, decimals, grid_of, inputs_of, times_ns
from codesign.workload.spec import OptionError, ResolvedSpec, WorkloadSpec

_EVENTS = ("t", "x", "y", "p", "unit")
_SCALARS = {"classes": (2, 100_000), "timestep_s": (0, 1e9), "timesteps": (1, 2**31 - 1), "currents": (0, 1)}
"""Scalars in a file, with their least and greatest values."""
_KNOWN = ("data", *_EVENTS, "offsets", "grid", "labels", "split", "groups", "ids", *_SCALARS)
_MOST_ENTRIES, _MOST_AT_ONCE = 1 << 29, 1 << 26
_CHUNK, _CHUNK_BYTES = 128, 1 << 25

Columns = Mapping[str, ArrayColumn]


class Arrays(Dataset):
    """The samples of a file, in its own splits or in drawn ones."""

    name = "arrays"
    version = 2
    title = "data of your own as arrays"
    folder = "arrays"
    expected = "one .npz or HDF5 file of arrays, or .npy or .aedat4 files in folders named after labels and arrays.yaml"
    things = "samples"
    splits = ("official", "pooled", "speaker")
    resolution_s = 1e-6
    options = ("file",)

    def place(self, data_root: Path, chosen: str | None = None) -> Path:
        place = super().place(data_root, chosen)
        files = [file for file in sorted(place.glob("*")) if file.suffix in ENDINGS and not file.name.startswith(".")]
        return files[0] if len(files) == 1 else place

    def how_to_get(self, folder: Path) -> str:
        return "Name such a file or folder, as in `workload: {name: arrays, file: my.npz}`"

    def find(self, folder: Path) -> Recordings | None:
        if not folder.is_file():
            return recordings_in(folder)
        with open_arrays(folder, _KNOWN) as columns:
            return _recordings(folder, columns)

    def coverage(self, recordings: Recordings) -> str:
        kind = "currents" if recordings.currents else "events"
        size = "x".join(map(str, recordings.grid))
        return f"{len(recordings.labels):,} samples of {recordings.classes} classes, {kind} on {size} inputs"

    def mistakes(self, spec: WorkloadSpec) -> Iterator[tuple[str, str]]:
        yield from super().mistakes(spec)
        if spec.file is not None and not os.path.exists(spec.file):
            yield "file", f"there is no file {spec.file}"

    def timing_mistakes(self, spec: ResolvedSpec) -> Iterator[tuple[str, str]]:
        return iter(())  # reported by `settled`, which knows the file

    def settled(self, spec: WorkloadSpec, recordings: Recordings) -> ResolvedSpec:
        timing = {"timestep": recordings.timestep_s, "timesteps": _as_long(recordings, spec.timestep)}
        timing |= {option: getattr(spec, option) for option in timing if getattr(spec, option) is not None}
        file = recordings.files[0]  # for a folder, its arrays.yaml
        length = "timestep_s" if file.suffix in ENDINGS else "timestep"
        mistakes = [
            (option, f"{file.name} lacks {key}; write it there, or give such as '{option}: {example}'")
            for option, key, example in (("timestep", length, "10 ms"), ("timesteps", "timesteps", "100"))
            if timing[option] is None
        ]
        usual = "pooled" if recordings.test_part is None else "official"
        resolved = self.completed(spec).model_copy(update={**timing, "split": spec.split or usual})
        if not mistakes:
            dense = recordings.longest is not None
            mistakes += _frame_mistakes(resolved, recordings) if dense else super().timing_mistakes(resolved)
        if mistakes:
            raise OptionError(self.name, mistakes)
        return resolved


def _as_long(recordings: Recordings, timestep_s: float | None) -> int | None:
    """Number of timesteps of another length such that a sample of event lists lasts as long as in the file."""
    own_s, timesteps = recordings.timestep_s, recordings.timesteps
    if recordings.longest is not None or not own_s or not timestep_s or timesteps is None:
        return timesteps
    return as_long(timesteps, own_s, timestep_s)


def _frame_mistakes(spec: ResolvedSpec, recordings: Recordings) -> Iterator[tuple[str, str]]:
    own = recordings.timestep_s
    if own is not None and not math.isclose(own, spec.timestep):
        found = format_si(spec.timestep, "s")
        yield "timestep", f"must be that of the file's frames, {format_si(own, 's')}, found {found}"
    if recordings.longest is not None and spec.timesteps > recordings.longest:
        yield "timesteps", f"must be at most those of the file, {recordings.longest}, found {spec.timesteps}"


def _recordings(path: Path, columns: Columns) -> Recordings:
    """The recordings described by the arrays. Raises InputError if they are invalid."""
    small = {name: read_whole(path, name, columns[name]) for name in columns if name not in ("data", *_EVENTS)}
    scalars = {name: _scalar(name, small[name]) for name in _SCALARS if name in small}
    dense, currents = "data" in columns, bool(scalars.get("currents"))
    missing = {"labels", *(() if dense else ("t", "offsets", "grid"))} - set(columns)
    if currents and not dense:
        raise InputError("currents: events are counted, so only dense data can be currents; leave it out")
    if missing or dense == ("t" in columns):
        raise InputError(
            "needs labels, and either data or t, offsets, grid and the inputs of events, unit or x, y and p; found "
            f"{', '.join(sorted(columns))}"
        )
    offsets = None if dense else _offsets(small["offsets"], columns)
    shape = columns["data"].shape if dense else (len(small["offsets"]) - 1,)
    if dense:
        check_shape("data", shape, columns["data"].dtype)
        grid = grid_of(shape[2:])
    else:
        grid = grid_of(small["grid"].ravel().tolist())
        _inputs({name: columns[name].rows(0, 0) for name in _EVENTS if name in columns}, grid)  # refuses other columns
    labels, classes = _labels(small, shape[0], scalars.get("classes"))
    parts = _parts(small["split"], shape[0]) if "split" in small else None
    ids = _column(small, "ids", shape[0])
    ids = np.arange(shape[0]) if ids is None else ids

    def read(positions: Integers, spec: ResolvedSpec) -> EventBatch | Iterator[Events]:
        if offsets is not None:
            return _events(path, offsets, positions, grid)
        with open_arrays(path, _KNOWN) as columns:
            return _dense(columns["data"], positions, labels, ids, spec, currents=currents)

    return Recordings(
        grid=grid,
        classes=classes,
        labels=labels,
        sample_ids=ids,
        read=read,
        test_part=None if parts is None else parts == "test",
        validation_part=parts == "validation" if parts is not None and "validation" in parts else None,
        groups=_column(small, "groups", shape[0]),
        files=[path],
        currents=currents,
        timesteps=shape[1] if dense else int(scalars.get("timesteps", 0)) or None,
        timestep_s=scalars.get("timestep_s"),
        longest=shape[1] if dense else None,
        events=None if offsets is None else lambda positions: offsets[positions + 1] - offsets[positions],
    )


def _scalar(name: str, array: NDArray[Any]) -> float:
    least, most = _SCALARS[name]
    number = float(decimals(array).ravel()[0]) if array.size == 1 and array.dtype.kind in "biuf" else math.nan
    if not least <= number <= most or (name != "timestep_s" and number != int(number)):
        kind = "number" if name == "timestep_s" else "whole number"
        raise InputError(f"{name}: must be one {kind} from {least:,} to {most:,}, found {array.ravel()[:3]}")
    return number


def _column(small: Mapping[str, NDArray[Any]], name: str, samples: int) -> Integers | None:
    if name not in small:
        return None
    array = small[name]
    if array.shape != (samples,) or array.dtype.kind not in "iu":
        found = f"{array.dtype} of shape {array.shape}"
        raise InputError(f"{name}: must be ({samples:,},) whole numbers, found {found}; samples come first in data")
    return array.astype(np.int64)


def _labels(small: Mapping[str, NDArray[Any]], samples: int, stated: float | None) -> tuple[Integers, int]:
    """(N,) labels, and the number of classes, if `stated` that of the file."""
    labels = _column(small, "labels", samples)
    if labels is None or not samples:
        raise InputError("labels: needs at least one sample")
    most = int(_SCALARS["classes"][1] if stated is None else stated)
    wrong = (labels < 0) | (labels >= most)
    if wrong.any():
        at = int(wrong.argmax())
        of = "" if stated is None else f" of {most:,} classes"
        raise InputError(f"labels: sample {at} has {labels[at]}, outside 0 … {most - 1:,}{of}")
    classes = int(labels.max()) + 1 if stated is None else most
    if classes < 2:
        raise InputError("labels: all samples have the label 0; at least 2 classes are needed")
    return labels, classes


def _parts(array: NDArray[Any], samples: int) -> NDArray[np.str_]:
    parts = np.char.decode(array, "utf-8", "replace") if array.dtype.kind == "S" else array
    if parts.shape != (samples,) or parts.dtype.kind != "U" or not np.isin(parts, PARTS).all():
        other = [text for text in np.unique(parts).tolist()[:5] if text not in PARTS] if parts.size else []
        raise InputError(f"split: must be ({samples:,},) texts out of {', '.join(PARTS)}, found {parts.shape} {other}")
    return parts


def _offsets(array: NDArray[Any], columns: Columns) -> Integers:
    there = {name: columns[name].shape for name in _EVENTS if name in columns}
    whole = array.ndim == 1 and array.dtype.kind in "iu" and len(array) > 1
    counts = np.diff(array.astype(np.int64)) if whole else np.array([-1])
    if counts.min() < 0 or array[0] != 0 or any(shape != (int(array[-1]),) for shape in there.values()):
        raise InputError(
            "offsets: must be whole numbers that rise from 0 to the number of events, that of t and of each column "
            f"beside it; found {array.dtype} {array[:3]} … {array[-1:]}, and columns {there}"
        )
    if counts.max() > MOST_EVENTS:
        raise InputError(f"offsets: a sample may have up to {MOST_EVENTS:,} events, found {counts.max():,}")
    return array.astype(np.int64)


def _inputs(events: Mapping[str, NDArray[Any]], grid: tuple[int, int, int]) -> Events:
    return times_ns(events["t"]), inputs_of(events, events, grid)


def _events(path: Path, offsets: Integers, samples: Integers, grid: tuple[int, int, int]) -> Iterator[Events]:
    with open_arrays(path, _KNOWN) as columns:
        for sample in samples.tolist():
            rows = offsets[sample : sample + 2].tolist()
            try:
                yield _inputs({name: columns[name].rows(*rows) for name in _EVENTS if name in columns}, grid)
            except InputError as error:
                raise InputError(f"sample {sample}: {error}") from None


def _dense(
    data: ArrayColumn, positions: Integers, labels: Integers, ids: Integers, spec: ResolvedSpec, *, currents: bool
) -> EventBatch:
    """The frames of samples, compressed a few at a time."""
    of_sample = math.prod(data.shape[1:]) * data.dtype.itemsize
    chunk = max(1, min(_CHUNK, _CHUNK_BYTES // max(of_sample, 1)))
    batches, total = [], 0
    for first in range(0, len(positions), chunk):
        chosen = positions[first : first + chunk]
        frames = np.concatenate([data.rows(sample, sample + 1)[:, : spec.timesteps] for sample in chosen.tolist()])
        check_frames(frames, currents=currents, samples=chosen, name="data")
        entries = int(np.count_nonzero(frames))
        total += entries
        if entries > _MOST_AT_ONCE or total > _MOST_ENTRIES:
            raise InputError(
                f"data: has more than {_MOST_ENTRIES:,} numbers other than 0, or {_MOST_AT_ONCE:,} in a sample; ask "
                "for fewer samples or timesteps"
            )
        batches.append(
            EventBatch.from_dense(
                frames, labels[chosen], timestep_s=spec.timestep, sample_ids=ids[chosen], currents=currents
            )
        )
    return EventBatch.concatenate(batches)
