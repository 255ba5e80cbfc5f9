"""MNIST images, seen by the simulated saccade camera on the sensor of N-MNIST.

Read from the original idx files, compressed or not, in `<data root>/mnist`. The images lie on a sensor of 34x34 pixels
and move 7 pixels, like the images of N-MNIST; the camera's threshold makes the number of events in the first 100 ms
that of N-MNIST. Usual splits: the official test set, and a sixth of the official training set for validation.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.camera import SaccadeCamera
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import MOST_RECORDING_BYTES, checked_classes, reading
from codesign.workload.download import Download, RemoteFile

_PARTS = ("train", "t10k")
_NAMES = {f"{part}-{kind}": axes for part in _PARTS for kind, axes in (("images", 3), ("labels", 1))}
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
    folder = "mnist"
    expected = ", ".join(f"{name}-*-ubyte.gz" for name in _NAMES)
    things = "images"
    complete = (60_000, 10_000)
    longest_s = 0.3
    usual_contrast = 0.55
    download = Download(
        page="http://yann.lecun.com/exdb/mnist/",
        folder="mnist",
        files=tuple(
            RemoteFile(url=f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}", name=name, md5=md5, holds=name)
            for name, md5 in _FILES.items()
        ),
    )

    def find(self, folder: Path) -> Recordings | None:
        files = _files_in(folder)
        if len(files) < len(_NAMES):
            return None
        paths = [files[f"{part}-labels"] for part in _PARTS]
        by_part = [checked_classes(path, read_idx(path), 10, self.title) for path in paths]
        training, test = (len(labels) for labels in by_part)
        for part, count in zip(_PARTS, (training, test), strict=True):
            path, shape = files[f"{part}-images"], _read_header(files[f"{part}-images"])
            if shape != (count, 28, 28):
                raise DataError(f"{path}: must hold {count:,} images of 28x28 pixels, one per label, found {shape}")
        labels = np.concatenate(by_part)
        ids = np.concatenate([np.arange(training), _TEST_ID + np.arange(test)]).astype(np.int64)
        camera = SaccadeCamera(height=34, width=34, travel=7.0)

        def images() -> NDArray[np.uint8]:
            return np.concatenate([read_idx(files[f"{part}-images"]) for part in _PARTS])

        return Recordings(
            grid=(2, 34, 34),
            classes=10,
            labels=labels,
            sample_ids=ids,
            read=camera.reader(images),
            test_part=ids >= _TEST_ID,
            files=list(files.values()),
            content=lambda: _digest(files),
        )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of bytes in an idx file, compressed if its name ends in `.gz`. Raises DataError if it is not an idx
    file of unsigned bytes, or if its length does not match its header."""
    shape = _read_header(path)
    start = 4 + 4 * len(shape)
    size = math.prod(shape)
    content = _read_bytes(path, start + size + 1)
    if len(content) != start + size:
        raise DataError(f"{path}: must hold exactly {size:,} bytes after its header; download it again")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _files_in(folder: Path) -> dict[str, Path]:
    """Files by `train-images`, `train-labels`, `t10k-images`, `t10k-labels`; the uncompressed one first."""
    files = {}
    for name, axes in _NAMES.items():
        stems = (f"{name}{separator}idx{axes}-ubyte" for separator in "-.")
        existing = [path for stem in stems for path in (folder / stem, folder / f"{stem}.gz") if path.is_file()]
        if existing:
            files[name] = existing[0]
    return files


def _read_bytes(path: Path, count: int) -> bytes:
    """The first `count` bytes, uncompressed; fewer if there are fewer."""
    with reading(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        return stream.read(count)


def _read_header(path: Path) -> tuple[int, ...]:
    header = _read_bytes(path, 16)  # as long as that of images
    if len(header) < 4 or header[:3] != b"\0\0\x08" or header[3] not in (1, 3):
        start = header[:4].hex() or "nothing"
        raise DataError(f"{path}: is not an idx file of images or labels (it starts with {start})")
    axes = header[3]
    if len(header) < 4 + 4 * axes:
        raise DataError(f"{path}: ends within its header; download it again")
    shape = struct.unpack_from(f">{axes}I", header, 4)
    if math.prod(shape) > MOST_RECORDING_BYTES:
        raise DataError(f"{path}: has more than {MOST_RECORDING_BYTES >> 20} MiB, found shape {shape}")
    return shape


def _digest(files: dict[str, Path]) -> str:
    """Hash of the files' content, the same whether they are compressed or not."""
    digest = hashlib.sha256()
    for name in sorted(files):
        content = read_idx(files[name])
        digest.update(f"{name} {content.shape} ".encode())
        digest.update(content.data)
    return digest.hexdigest()
