"""MNIST images, seen by the simulated saccade camera on the sensor of N-MNIST.

Read from the original idx files, compressed or not, in `<data root>/mnist`. The images lie on a sensor of 34x34 pixels
and move 7 pixels, as the images of N-MNIST do; the camera's threshold makes the number of events in the first 100 ms
that of N-MNIST. Usual splits: the official test set, and a sixth of the official training set for validation.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.datasets.base import (
    Dataset,
    DatasetStatus,
    Recordings,
    coverage_of_two_parts,
    sizes_of_two_parts,
)
from codesign.workload.download.files import Download, RemoteFile
from codesign.workload.spec import ResolvedSpec, SplitKind
from codesign.workload.timing import check_duration

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["MNIST", "read_idx"]

_COMPLETE = {"train": 60_000, "t10k": 10_000}
_FILES = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""MD5 of each file, as torchvision checks them."""
_TEST_ID = 1_000_000  # ids of test images start here


class MNIST(Dataset):
    """28x28 digits on a sensor of 34x34 pixels: 2,312 inputs."""

    name = "mnist"
    title = "MNIST, simulated saccades"
    grid = (2, 34, 34)
    classes = 10
    version = 1
    splits = ("official", "pooled")
    download = Download(
        page="http://yann.lecun.com/exdb/mnist/",
        folder="mnist",
        files=tuple(
            RemoteFile(url=f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}", name=name, md5=md5, holds=name)
            for name, md5 in _FILES.items()
        ),
    )
    usual_contrast = 0.55

    def status(self, data_root: Path) -> DatasetStatus:
        folder = data_root / "mnist"
        names = [f"{part}-{kind}" for part in _COMPLETE for kind in ("images", "labels")]
        found = _find(folder)
        if not found:
            return self.described(
                "missing", f"expected in {folder}: {', '.join(f'{name}-*-ubyte.gz' for name in names)}"
            )
        if missing := [name for name in names if name not in found]:
            return self.described("partial", f"{folder} lacks {', '.join(f'{name}-*-ubyte.gz' for name in missing)}")
        try:
            counts = {part: _read_header(found[f"{part}-images"])[0] for part in _COMPLETE}
        except DataError as error:
            return self.described("damaged", str(error))
        coverage = coverage_of_two_parts(counts.values(), _COMPLETE.values(), "images")
        if coverage is None:
            return self.described("complete", f"70,000 images in {folder}")
        return self.described("partial", f"{coverage} in {folder}")

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import file_states

        folder = data_root / "mnist"
        found = _find(folder)
        needed = [f"{part}-{kind}" for part in _COMPLETE for kind in ("images", "labels")]
        if missing := [name for name in needed if name not in found]:
            raise DataError(
                f"MNIST: {', '.join(f'{name}-*-ubyte[.gz]' for name in missing)} not found in {folder.absolute()}. "
                f"{self.how_to_get()}"
            )
        labels = {part: _read_labels(found[f"{part}-labels"]) for part in _COMPLETE}
        digest = cache.digest(
            {"dataset": "mnist", "folder": str(folder.resolve()), "files": file_states(folder, list(found.values()))},
            lambda: _digest(found),
        )
        counts = {part: len(labels[part]) for part in _COMPLETE}
        test_part = np.repeat([False, True], [counts["train"], counts["t10k"]])
        ids = np.concatenate([np.arange(counts["train"]), _TEST_ID + np.arange(counts["t10k"])]).astype(np.int64)
        all_labels = np.concatenate([labels["train"], labels["t10k"]]).astype(np.int64)

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            from codesign.workload.camera import SaccadeCamera

            assert spec.contrast is not None
            images = np.concatenate([_read_images(found[f"{part}-images"], counts[part]) for part in _COMPLETE])
            _, height, width = self.grid
            camera = SaccadeCamera(height=height, width=width, travel=7.0, contrast=spec.contrast)
            return camera.record(
                images[positions],
                all_labels[positions],
                sample_ids=ids[positions],
                timestep_s=spec.timestep,
                timesteps=spec.timesteps,
            )

        return Recordings(
            grid=self.grid,
            classes=self.classes,
            labels=all_labels,
            sample_ids=ids,
            test_part=test_part,
            digest=digest,
            coverage=coverage_of_two_parts(counts.values(), _COMPLETE.values(), "images"),
            read=read,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return sizes_of_two_parts(recordings, split)

    def check_timing(self, spec: ResolvedSpec) -> None:
        check_duration(spec, resolution_s=1e-3, longest_s=0.3)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of bytes in an idx file, compressed if its name ends in `.gz`.

    Raises:
        DataError: not an idx file of unsigned bytes, or shorter or longer than its header says.
    """
    shape = _read_header(path)
    start = 4 + 4 * len(shape)
    size = math.prod(shape)
    content = _read_bytes(path, start + size + 1)
    if len(content) != start + size:
        raise DataError(
            f"{path}: must hold {size:,} bytes after its header, found "
            f"{'more' if len(content) > start + size else f'{max(len(content) - start, 0):,}'}; download it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _find(folder: Path) -> dict[str, Path]:
    """Files by `train-images`, `train-labels`, `t10k-images`, `t10k-labels`; the uncompressed one first."""
    found = {}
    for part in _COMPLETE:
        for kind, axes in (("images", 3), ("labels", 1)):
            stems = (f"{part}-{kind}{separator}idx{axes}-ubyte" for separator in "-.")
            candidates = [folder / f"{stem}{ending}" for stem in stems for ending in ("", ".gz")]
            existing = [path for path in candidates if path.is_file()]
            if existing:
                found[f"{part}-{kind}"] = existing[0]
    return found


def _read_bytes(path: Path, count: int) -> bytes:
    """The first `count` bytes, uncompressed; fewer if there are fewer."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return stream.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); download it again") from None


def _read_header(path: Path) -> tuple[int, ...]:
    """Shape that the header states."""
    start = _read_bytes(path, 4)
    if len(start) < 4 or start[:3] != b"\0\0\x08" or start[3] not in (1, 3):
        raise DataError(f"{path}: is not an idx file of images or labels (it starts with {start.hex() or 'nothing'})")
    axes = start[3]
    header = _read_bytes(path, 4 + 4 * axes)
    if len(header) < 4 + 4 * axes:
        raise DataError(f"{path}: ends within its header; download it again")
    return struct.unpack(f">{axes}I", header[4:])


def _read_labels(path: Path) -> NDArray[np.uint8]:
    labels = read_idx(path)
    if labels.ndim != 1 or len(labels) == 0 or labels.max() > 9:
        raise DataError(f"{path}: must hold labels 0 … 9, found an array of shape {labels.shape}")
    return labels


def _read_images(path: Path, count: int) -> NDArray[np.uint8]:
    images = read_idx(path)
    if images.shape != (count, 28, 28):
        raise DataError(f"{path}: must hold {count:,} images of 28x28 pixels, one per label, found {images.shape}")
    return images


def _digest(found: Mapping[str, Path]) -> str:
    """Hash of what is in the files, the same whether they are compressed or not."""
    digest = hashlib.sha256()
    for name in sorted(found):
        content = read_idx(found[name])
        digest.update(f"{name} {content.shape} ".encode())
        digest.update(content.data)
    return digest.hexdigest()
