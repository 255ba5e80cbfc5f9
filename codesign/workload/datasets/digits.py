"""scikit-learn's embedded handwritten digits, seen by the simulated saccade camera: needs no download.

1,797 images of 8x8 pixels and 16 grey levels (the test part of the UCI optical digits, Alpaydin and Kaynak 1998,
doi:10.24432/C50P49). Usual splits: 1,197 for training, 200 for validation, 400 for test.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from codesign.workload.camera import SaccadeCamera
from codesign.workload.datasets.base import Dataset, DatasetStatus, Recordings
from codesign.workload.spec import SplitKind


class Digits(Dataset):
    """8x8 digits enlarged 1.5 times on a sensor of 16x16 pixels: 512 inputs."""

    name = "digits"
    title = "scikit-learn digits, simulated saccades"
    folder = ""
    expected = "nothing"
    things = "images"
    splits = ("pooled",)
    longest_s = 0.3
    usual_contrast = 0.4

    def status(self, data_root: Path) -> DatasetStatus:
        return self._described("embedded", "1,797 images, comes with scikit-learn")

    def find(self, folder: Path) -> Recordings:
        # to import scikit-learn for its `load_digits` takes a second
        file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
        rows = np.loadtxt(str(file), delimiter=",", dtype=np.int64)
        images = (rows[:, :-1].reshape(-1, 8, 8) * 255 // 16).astype(np.uint8)
        labels = rows[:, -1]
        ids = np.arange(len(labels), dtype=np.int64)
        camera = SaccadeCamera(height=16, width=16, magnification=1.5, travel=4.0)
        return Recordings(
            grid=(2, 16, 16),
            classes=10,
            labels=labels,
            sample_ids=ids,
            read=camera.reader(lambda: images),
            content=lambda: hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest(),
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return 200, 400
