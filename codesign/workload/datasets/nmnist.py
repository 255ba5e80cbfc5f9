"""N-MNIST: MNIST images recorded by a moving event camera (Orchard et al. 2015, doi:10.3389/fnins.2015.00437).

Read from `<data root>/nmnist/NMNIST/{Train,Test}/<digit>/<number>.bin`, the folders that tonic and the published
archives have, by tonic's reader. Partial copies are accepted, and every result says how partial. Usual splits: the
official test part, and a sixth of the official training part for validation. Channel: the polarity bit of the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.binning import bin_samples, cells_of_events
from codesign.workload.datasets.base import (
    Dataset,
    DatasetStatus,
    Recordings,
    coverage_of_two_parts,
    sizes_of_two_parts,
)
from codesign.workload.download.files import Download, RemoteFile
from codesign.workload.spec import ResolvedSpec, SplitKind
from codesign.workload.timing import bin_edges_ns, check_duration

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["NMNIST"]

_COMPLETE = {"Train": 60_000, "Test": 10_000}
_FILES = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files"
_NUMBERS = 1_000_000  # a sample's id is (part · 10 + digit) · _NUMBERS + its file's number
_BYTES_PER_EVENT = 5


class NMNIST(Dataset):
    """Recordings of 34x34 pixels and two polarities: 2,312 inputs; three saccades, about 300 ms."""

    name = "nmnist"
    title = "N-MNIST recordings"
    grid = (2, 34, 34)
    classes = 10
    version = 1
    splits = ("official", "pooled")
    download = Download(
        page="https://www.garrickorchard.com/datasets/n-mnist (files: doi:10.17632/468j46mzdv.1)",
        folder="nmnist/NMNIST",
        files=(
            RemoteFile(
                url=f"{_FILES}/39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                name="train.zip",
                md5="20959b8e626244a1b502305a9e6e2031",
                holds="Train",
            ),
            RemoteFile(
                url=f"{_FILES}/05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                name="test.zip",
                md5="69ca8762b2fe404d9b9bad1103e97832",
                holds="Test",
            ),
        ),
    )

    def status(self, data_root: Path) -> DatasetStatus:
        folder = _folder(data_root)
        try:
            counts = {part: sum(1 for _ in _list_part(folder / part)) for part in _COMPLETE}
        except (DataError, OSError) as error:
            return self.described("damaged", str(error))
        if not any(counts.values()):
            return self.described("missing", f"expected in {folder}: {{Train,Test}}/<digit>/<number>.bin")
        coverage = coverage_of_two_parts(counts.values(), _COMPLETE.values(), "recordings")
        if coverage is None:
            return self.described("complete", f"70,000 recordings in {folder}")
        return self.described("partial", f"{coverage} in {folder}")

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import content_digest, file_states

        folder = _folder(data_root)
        listed = {part: sorted(_list_part(folder / part)) for part in _COMPLETE}
        counts = {part: len(listed[part]) for part in _COMPLETE}
        if not any(counts.values()):
            raise DataError(
                f"N-MNIST: no recordings {{Train,Test}}/<digit>/<number>.bin in {folder.absolute()}. "
                f"{self.how_to_get()}"
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
            {"dataset": "nmnist", "folder": str(folder.resolve()), "files": states},
            lambda: content_digest(folder, paths),
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
            coverage=coverage_of_two_parts(counts.values(), _COMPLETE.values(), "recordings"),
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
    parts = _tonic_parts(folder)
    place = {Path(name): (data, k) for data in parts.values() for k, name in enumerate(data.data)}
    edges = bin_edges_ns(spec.timestep, spec.timesteps)

    def cells_of(position: int) -> NDArray[np.int64]:
        data, k = place[paths[position]]
        return _cells(data[k][0], edges, paths[position])

    return bin_samples(cells_of, positions, labels=labels, sample_ids=ids, input_size=_SIZE, spec=spec)


_SIZE = math.prod(NMNIST.grid)


def _cells(events: Any, edges_ns: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    channels, height, width = NMNIST.grid
    x, y, p = (events[name].astype(np.int64) for name in ("x", "y", "p"))
    if len(x) and (x.max() >= width or y.max() >= height or p.max() >= channels):
        raise DataError(f"{path}: has an event outside the sensor of {width}x{height} pixels; copy it again")
    return cells_of_events(events["t"].astype(np.int64) * 1000, (p * height + y) * width + x, edges_ns, _SIZE)
