"""N-MNIST: MNIST images recorded by a moving event camera (Orchard et al. 2015, doi:10.3389/fnins.2015.00437).

Read from `<data root>/nmnist/NMNIST/{Train,Test}/<digit>/<number>.bin`, the folders of tonic and of the published
archives. Partial copies are accepted, and every result says how much is there. Usual splits: the official test part,
and a sixth of the official training part for validation. Channel: the polarity bit of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from codesign.errors import DataError
from codesign.workload.binning import Events
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import content_of, names_in, reading
from codesign.workload.download import Download, RemoteFile

_GRID = (2, 34, 34)
_PUBLISHED = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files"
_FILES = {
    "Train": ("39c25547-014b-4137-a934-9d29fa53c7a0", "20959b8e626244a1b502305a9e6e2031"),
    "Test": ("05a4d654-7e03-4c15-bdfa-9bb2bcbea494", "69ca8762b2fe404d9b9bad1103e97832"),
}
"""Number and MD5 of the archive of each part."""
_NUMBERS = 1_000_000  # a sample's id is (part · 10 + digit) · _NUMBERS + its file's number
_BYTES_PER_EVENT = 5


class NMNIST(Dataset):
    """Recordings of 34x34 pixels and two polarities: 2,312 inputs; three saccades, about 300 ms."""

    name = "nmnist"
    title = "N-MNIST recordings"
    folder = "nmnist/NMNIST"
    expected = "{Train,Test}/<digit>/<number>.bin"
    complete = (60_000, 10_000)
    resolution_s = 1e-6
    longest_s = 0.4
    download = Download(
        page="https://www.garrickorchard.com/datasets/n-mnist (files: doi:10.17632/468j46mzdv.1)",
        folder="nmnist/NMNIST",
        files=tuple(
            RemoteFile(url=f"{_PUBLISHED}/{number}/file_downloaded", name=f"{part.lower()}.zip", md5=md5, holds=part)
            for part, (number, md5) in _FILES.items()
        ),
    )

    def find(self, folder: Path) -> Recordings | None:
        entries = [(part, *entry) for part, name in enumerate(_FILES) for entry in sorted(_list(folder / name))]
        if not entries:
            return None
        paths = [path for _, _, _, path in entries]
        parts, labels, numbers = np.array([entry[:3] for entry in entries], dtype=np.int64).T
        ids = (10 * parts + labels) * _NUMBERS + numbers

        return Recordings(
            grid=_GRID,
            classes=10,
            labels=labels,
            sample_ids=ids,
            read=lambda positions, spec: (_events(paths[position]) for position in positions),
            test_part=parts == 1,
            files=paths,
        )


def _list(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """(digit, number, file) of every recording below `folder`, in the file system's order."""
    for digit in range(10):
        below = folder / str(digit)
        for name in names_in(below, folders=False):
            stem, ending = os.path.splitext(name)
            if ending != ".bin":
                continue
            if not (stem.isascii() and stem.isdigit() and int(stem) < _NUMBERS):
                raise DataError(f"{below / name}: the name of a recording must be its number, such as 00001.bin")
            yield digit, int(stem), below / name


def _events(path: Path) -> Events:
    """Five bytes per event: x, y, the polarity in the highest of the next 24 bits, and µs in the others, most
    significant first. An event in row 240, which does not exist, marks an overflow of the clock."""
    with reading(path, remedy="copy it again"):
        file = np.frombuffer(content_of(path), dtype=np.uint8).reshape(-1, _BYTES_PER_EVENT).astype(np.int64)
    x, y, p = file[:, 0], file[:, 1], file[:, 2] >> 7
    anew = y == 240
    t_us = ((file[:, 2] & 127) << 16 | file[:, 3] << 8 | file[:, 4]) + (1 << 13) * np.cumsum(anew)
    _, height, width = _GRID
    if np.any((x >= width) | (y >= height), where=~anew):
        raise DataError(f"{path}: has an event outside the sensor of {width}x{height} pixels; copy it again")
    return 1000 * t_us[~anew], ((p * height + y) * width + x)[~anew]
