"""scikit-learn's embedded handwritten digits, seen by the simulated saccade camera: needs no download.

1,797 images of 8x8 pixels and 16 grey levels (the test part of the UCI optical digits, Alpaydin and Kaynak 1998,
doi:10.24432/C50P49). Usual splits: 1,197 for training, 200 for validation, 400 for test.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codesign.workload.datasets.base import Dataset, DatasetStatus, Recordings
from codesign.workload.spec import ResolvedSpec, SplitKind
from codesign.workload.timing import check_duration

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["Digits"]


class Digits(Dataset):
    """8x8 digits enlarged 1.5 times on a sensor of 16x16 pixels: 512 inputs."""

    name = "digits"
    title = "scikit-learn digits, simulated saccades"
    grid = (2, 16, 16)
    classes = 10
    version = 1
    splits = ("pooled",)
    usual_contrast = 0.4

    def status(self, data_root: Path) -> DatasetStatus:
        return DatasetStatus(
            name=self.name, title=self.title, state="embedded", detail="1,797 images, comes with scikit-learn"
        )

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        images, labels = _images()

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            from codesign.workload.camera import SaccadeCamera

            assert spec.contrast is not None
            _, height, width = self.grid
            camera = SaccadeCamera(
                height=height,
                width=width,
                magnification=1.5,
                travel=4.0,
                contrast=spec.contrast,
            )
            return camera.record(
                images[positions],
                labels[positions],
                sample_ids=positions,
                timestep_s=spec.timestep,
                timesteps=spec.timesteps,
            )

        return Recordings(
            grid=self.grid,
            classes=self.classes,
            labels=labels,
            sample_ids=np.arange(len(labels), dtype=np.int64),
            test_part=None,
            digest=hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
            coverage=None,
            read=read,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return 200, 400

    def check_timing(self, spec: ResolvedSpec) -> None:
        check_duration(spec, resolution_s=1e-3, longest_s=0.3)


def _images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(1797, 8, 8) images, 255 white, and (1797,) labels."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images.astype(np.int64) * 255 // 16).astype(np.uint8)
    return images, digits.target.astype(np.int64)
