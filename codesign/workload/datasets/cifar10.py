"""CIFAR-10 images as they are, in one timestep: one current an input and no time (Krizhevsky 2009, "Learning multiple
layers of features from tiny images").

A pixel's value is (v / 255 − mean) / deviation with the mean and the standard deviation of its colour over the 50,000
training images, the constants that are usual for this dataset; the same whatever part of it a copy has. The layouts
that are read are in `cifar10_files`. Usual splits: the official test part, and a sixth of the official training part
for validation.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError, InputError
from codesign.units import format_si
from codesign.workload.datasets.base import (
    Dataset,
    DatasetStatus,
    Recordings,
    coverage_of_two_parts,
    sizes_of_two_parts,
)
from codesign.workload.datasets.cifar10_files import TEST_ID, Images, find_images
from codesign.workload.download.files import Download, RemoteFile
from codesign.workload.spec import ResolvedSpec, SplitKind

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["CIFAR10"]

_COMPLETE = (50_000, 10_000)
_GRID = (3, 32, 32)
_MEAN = (0.4914, 0.4822, 0.4465)
_DEVIATION = (0.2470, 0.2435, 0.2616)


class CIFAR10(Dataset):
    """32x32 pixels of three colours: 3,072 inputs, each a current."""

    name = "cifar10"
    title = "CIFAR-10 images"
    version = 1
    splits = ("official", "pooled")
    usual_timestep_s = 0.0
    usual_timesteps = 1
    download = Download(
        page="https://www.cs.toronto.edu/~kriz/cifar.html (CIFAR-10 python version)",
        folder="cifar10",
        files=(
            RemoteFile(
                url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                name="cifar-10-python.tar.gz",
                md5="c58f30108f718f92721af3b95e74349a",
                holds="cifar-10-batches-py",
            ),
        ),
    )

    def status(self, data_root: Path) -> DatasetStatus:
        folder = _folder(data_root)
        try:
            images = find_images(folder)
            if images is None:
                expected = "cifar-10-batches-py, cifar-10-batches-bin or a numpy archive *.npz"
                return self.described("missing", f"expected in {folder}: {expected}")
            coverage = _coverage(images)
        except (DataError, OSError) as error:
            return self.described("damaged", str(error))
        if coverage is None:
            return self.described("complete", f"60,000 images in {images.place}")
        return self.described("partial", f"{coverage} in {images.place}")

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import file_states

        folder = _folder(data_root)
        images = find_images(folder)
        if images is None:
            raise DataError(f"CIFAR-10: no images in {folder.absolute()}. {self.how_to_get()}")
        labels, ids = images.labels, images.sample_ids
        digest = cache.digest(
            {"dataset": "cifar10", "folder": str(folder.resolve()), "files": file_states(folder, list(images.files))},
            images.digest,
        )

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            return _currents(images, positions)

        return Recordings(
            grid=_GRID,
            classes=10,
            labels=labels,
            sample_ids=ids,
            test_part=ids >= TEST_ID,
            digest=digest,
            coverage=_coverage(images),
            read=read,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return sizes_of_two_parts(recordings, split)

    def check_timing(self, spec: ResolvedSpec) -> None:
        if spec.timestep != 0 or spec.timesteps != 1:
            raise InputError(
                f"workload '{self.name}': images are seen in one timestep without a length, found {spec.timesteps} of "
                f"{format_si(spec.timestep, 's')}; remove timestep and timesteps"
            )


def _folder(data_root: Path) -> Path:
    return data_root / "cifar10"


def _coverage(images: Images) -> str | None:
    test = int(np.count_nonzero(images.sample_ids >= TEST_ID))
    return coverage_of_two_parts((len(images.sample_ids) - test, test), _COMPLETE, "images")


def _currents(images: Images, positions: NDArray[np.int64]) -> EventBatch:
    from codesign.workload.events import EventBatch

    size = math.prod(_GRID)
    pixels = images.pixels(positions).reshape(-1, 3, size // 3)
    values = np.empty(pixels.shape, dtype=np.float32)
    for colour, currents in enumerate(_table()):
        values[:, colour] = currents[pixels[:, colour]]
    # No pixel is exactly 0, so that an entry of each input is what compressing dense frames would give.
    return EventBatch(
        offsets=np.arange(len(positions) + 1, dtype=np.int64) * size,
        indices=np.tile(np.arange(size, dtype=np.int32), len(positions)),
        values=values.ravel(),
        labels=images.labels[positions],
        sample_ids=images.sample_ids[positions],
        timesteps=1,
        input_size=size,
        timestep_s=0.0,
        currents=True,
    )


def _table() -> NDArray[np.float32]:
    """(3, 256) current of each colour and value."""
    light = np.arange(256, dtype=np.float64) / 255
    mean, deviation = np.array(_MEAN)[:, None], np.array(_DEVIATION)[:, None]
    table: NDArray[np.float32] = ((light - mean) / deviation).astype(np.float32)
    return table
