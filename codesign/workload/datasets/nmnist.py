"""N-MNIST: MNIST images recorded by a moving event camera (Orchard et al. 2015, doi:10.3389/fnins.2015.00437).

Read from `<data root>/nmnist/NMNIST/{Train,Test}/<digit>/<number>.bin`, the folders that tonic and the published
archives have, by tonic's reader. Partial copies are accepted, and every result says how partial. Usual splits: the
official test part, and a sixth of the official training part for validation. Channel: the polarity bit of the file.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.datasets.base import Dataset, DatasetStatus, Recordings, sizes_of_two_parts
from codesign.workload.spec import ResolvedSpec, SplitKind
from codesign.workload.timing import bin_edges_ns, check_duration

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["NMNIST"]

_COMPLETE = {"Train": 60_000, "Test": 10_000}
_PUBLISHED = "https://www.garrickorchard.com/datasets/n-mnist (files: doi:10.17632/468j46mzdv.1)"
_NUMBERS = 1_000_000  # a sample's id is (part · 10 + digit) · _NUMBERS + its file's number
_BYTES_PER_EVENT = 5
_CHUNK = 512


class NMNIST(Dataset):
    """Recordings of 34x34 pixels and two polarities: 2,312 inputs; three saccades, about 300 ms."""

    name = "nmnist"
    title = "N-MNIST recordings"
    grid = (2, 34, 34)
    classes = 10
    version = 1
    splits = ("official", "pooled")

    def status(self, data_root: Path) -> DatasetStatus:
        folder = _folder(data_root)
        try:
            counts = {part: sum(1 for _ in _list_part(folder / part)) for part in _COMPLETE}
        except (DataError, OSError) as error:
            return self._status("damaged", str(error))
        if not any(counts.values()):
            return self._status("missing", f"expected in {folder}: {{Train,Test}}/<digit>/<number>.bin")
        if counts == _COMPLETE:
            return self._status("complete", f"70,000 recordings in {folder}")
        return self._status("partial", f"{_coverage(counts)} in {folder}")

    def _status(self, state: Literal["complete", "partial", "missing", "damaged"], detail: str) -> DatasetStatus:
        return DatasetStatus(name=self.name, title=self.title, state=state, detail=detail)

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import file_states

        folder = _folder(data_root)
        listed = {part: sorted(_list_part(folder / part)) for part in _COMPLETE}
        counts = {part: len(listed[part]) for part in _COMPLETE}
        if not any(counts.values()):
            raise DataError(
                f"N-MNIST: no recordings in {folder.absolute()}. Download the archives Train and Test from "
                f"{_PUBLISHED} and unpack them there, to {{Train,Test}}/<digit>/<number>.bin (or name another data "
                "root with --data-root or CODESIGN_DATA). Without any download: use the workload 'digits'"
            )
        entries = [(part, *entry) for part in _COMPLETE for entry in listed[part]]
        paths = [path for _, _, _, path in entries]
        ids = np.array([_sample_id(part, digit, number) for part, digit, number, _ in entries], dtype=np.int64)
        if len(np.unique(ids)) != len(ids):
            raise DataError(f"N-MNIST: two recordings of one digit in {folder} have the same number; remove one")
        labels = np.array([digit for _, digit, _, _ in entries], dtype=np.int64)
        states = file_states(folder, paths)
        for (name, size, _), path in zip(states, paths, strict=True):
            if size % _BYTES_PER_EVENT:
                raise DataError(f"{path}: {name} holds {size} bytes, no whole number of events; copy it again")
        digest = cache.digest(
            {"dataset": "nmnist", "folder": str(folder.resolve()), "files": states}, lambda: _digest(folder, paths)
        )

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            return _read(folder, paths, labels, ids, positions, spec)

        return Recordings(
            grid=self.grid,
            classes=self.classes,
            labels=labels,
            sample_ids=ids,
            test_part=np.array([part == "Test" for part, _, _, _ in entries]),
            digest=digest,
            coverage=None if counts == _COMPLETE else _coverage(counts),
            read=read,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return sizes_of_two_parts(recordings, split)

    def check_timing(self, spec: ResolvedSpec) -> None:
        check_duration(spec, resolution_s=1e-6, longest_s=0.4)


def _folder(data_root: Path) -> Path:
    return data_root / "nmnist" / "NMNIST"


def _list_part(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """(digit, number, file) of every recording below `folder`, in the file system's order."""
    if not folder.is_dir():
        return
    for digit in range(10):
        below = folder / str(digit)
        if not below.is_dir():
            continue
        with os.scandir(below) as entries:
            for entry in entries:
                stem, ending = os.path.splitext(entry.name)
                if ending != ".bin" or entry.name.startswith("."):
                    continue
                if not (stem.isascii() and stem.isdigit() and int(stem) < _NUMBERS):
                    raise DataError(f"{entry.path}: the name of a recording must be its number, such as 00001.bin")
                yield digit, int(stem), Path(entry.path)


def _sample_id(part: str, digit: int, number: int) -> int:
    return (10 * (part == "Test") + digit) * _NUMBERS + number


def _digest(folder: Path, paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _coverage(counts: dict[str, int]) -> str:
    return (
        f"{counts['Train']:,} of {_COMPLETE['Train']:,} training and "
        f"{counts['Test']:,} of {_COMPLETE['Test']:,} test recordings"
    )


def _tonic_parts(folder: Path) -> dict[str, Any]:
    """tonic's two datasets, one a part, taking whatever recordings are there.

    tonic demands its own archive and 10,000 files before it reads, and its folder is named after the class: hence
    a subclass of the same name that accepts what is there. tonic is imported here only (its licence is GPL-3.0).
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tonic's imports: nothing that a user of this program could change
        from tonic.datasets import nmnist as tonic_nmnist

    partial = type("NMNIST", (tonic_nmnist.NMNIST,), {"_check_exists": lambda self: True})
    try:
        return {part: partial(save_to=str(folder.parent), train=part == "Train") for part in _COMPLETE}
    except ValueError as error:
        raise DataError(
            f"N-MNIST: below {folder}/Train and {folder}/Test every .bin file must lie "
            f"in a folder named after its digit (tonic: {error})"
        ) from None


def _read(
    folder: Path,
    paths: list[Path],
    labels: NDArray[np.int64],
    ids: NDArray[np.int64],
    positions: NDArray[np.int64],
    spec: ResolvedSpec,
) -> EventBatch:
    from codesign.workload.events import EventBatch

    parts = _tonic_parts(folder)
    place = {Path(name): (data, k) for data in parts.values() for k, name in enumerate(data.data)}
    edges = bin_edges_ns(spec.timestep, spec.timesteps)
    batches = []
    for start in range(0, max(len(positions), 1), _CHUNK):
        chunk = positions[start : start + _CHUNK]
        cells = []
        for row, position in enumerate(chunk):
            data, k = place[paths[position]]
            cells.append(row * spec.timesteps * _SIZE + _cells(data[k][0], edges, paths[position]))
        batches.append(
            EventBatch.from_cells(
                np.concatenate([np.zeros(0, np.int64), *cells]),
                labels[chunk],
                sample_ids=ids[chunk],
                timesteps=spec.timesteps,
                input_size=_SIZE,
                timestep_s=spec.timestep,
            )
        )
    return EventBatch.concatenate(batches)


_SIZE = math.prod(NMNIST.grid)


def _cells(events: Any, edges_ns: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    """timestep · input size + input index of each event of a recording that lies in one of the bins."""
    channels, height, width = NMNIST.grid
    x, y, p = (events[name].astype(np.int64) for name in ("x", "y", "p"))
    if len(x) and (x.max() >= width or y.max() >= height or p.max() >= channels):
        raise DataError(f"{path}: has an event outside the sensor of {width}x{height} pixels; copy it again")
    bins = np.searchsorted(edges_ns, events["t"].astype(np.int64) * 1000, side="right") - 1
    inside = bins < len(edges_ns) - 1
    cells = bins * _SIZE + (p * height + y) * width + x
    recorded: NDArray[np.int64] = cells[inside]
    return recorded
