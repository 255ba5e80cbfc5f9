"""CIFAR-10 images without any encoding, in one timestep: one current per input and no time (Krizhevsky 2009, "Learning
multiple
layers of features from tiny images").

A pixel's value is (v / 255 − mean) / deviation with the mean and the standard deviation of its colour over the 50,000
training images, the constants that are usual for this dataset; the same whatever part of it a copy has. Usual splits:
the official test part, and a sixth of the official training part for validation.

Layouts, sought in this order in `<data root>/cifar10`; any of the batches may be missing:

- `cifar-10-batches-py/{data_batch_1 … data_batch_5,test_batch}`: the published pickles, as torchvision keeps them. A
  pickle can run any program, so these are read by an unpickler that knows plain types and arrays of bytes only;
- one numpy archive `*.npz` of x_train, y_train, x_test, y_test: (N, 32, 32, 3) unsigned bytes and (N,) classes, with
  train_index and test_index, (N,) numbers of the images in the whole dataset, where it is a part of it.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Integers
from codesign.errors import DataError
from codesign.units import format_si
from codesign.workload.datasets.array_file import open_arrays, read_whole
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import checked_classes, content_of, reading
from codesign.workload.download import Download, RemoteFile
from codesign.workload.events import EventBatch
from codesign.workload.spec import ResolvedSpec

_GRID = (3, 32, 32)
_PIXELS = math.prod(_GRID)
_MEAN = (0.4914, 0.4822, 0.4465)
_DEVIATION = (0.2470, 0.2435, 0.2616)
_TEST_ID = 1_000_000  # ids of test images start here; those of training images are their numbers in the five batches
_FIRST_ID = {**{f"data_batch_{n}": (n - 1) * 10_000 for n in range(1, 6)}, "test_batch": _TEST_ID}
_ARRAYS = ("x_train", "y_train", "train_index", "x_test", "y_test", "test_index")


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """The images of one file: classes, numbers, and (N, 3072) bytes, colour by colour, read when needed."""

    labels: Integers
    sample_ids: Integers
    read: Callable[[], NDArray[np.uint8]]


class CIFAR10(Dataset):
    """32x32 pixels of three colours: 3,072 inputs, each a current."""

    name = "cifar10"
    title = "CIFAR-10 images"
    folder = "cifar10"
    expected = "cifar-10-batches-py or a numpy archive *.npz"
    things = "images"
    complete = (50_000, 10_000)
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

    def find(self, folder: Path) -> Recordings | None:
        files, batches = _open_first_layout(folder)
        if not batches:
            return None
        labels = np.concatenate([batch.labels for batch in batches])
        ids = np.concatenate([batch.sample_ids for batch in batches])

        def read(positions: Integers, spec: ResolvedSpec) -> EventBatch:
            # No pixel is exactly 0, so one entry per input equals what compressing dense frames would give.
            return EventBatch(
                offsets=np.arange(len(positions) + 1, dtype=np.int64) * _PIXELS,
                indices=np.tile(np.arange(_PIXELS, dtype=np.int32), len(positions)),
                values=_currents(_pixels(batches, positions)),
                labels=labels[positions],
                sample_ids=ids[positions],
                timesteps=1,
                input_size=_PIXELS,
                timestep_s=0.0,
                currents=True,
            )

        return Recordings(
            grid=_GRID,
            classes=10,
            labels=labels,
            sample_ids=ids,
            read=read,
            test_part=ids >= _TEST_ID,
            files=files,
            content=lambda: _digest(batches),
            currents=True,
        )

    def timing_mistakes(self, spec: ResolvedSpec) -> Iterator[tuple[str, str]]:
        if spec.timestep != 0 or spec.timesteps != 1:
            yield (
                "timestep" if spec.timestep else "timesteps",
                f"images are seen in one timestep without a length, found {spec.timesteps} of "
                f"{format_si(spec.timestep, 's')}; remove timestep and timesteps",
            )


def _pixels(batches: list[_Batch], positions: Integers) -> NDArray[np.uint8]:
    """(B, 3072) bytes of the images at some positions."""
    pixels = np.empty((len(positions), _PIXELS), dtype=np.uint8)
    first = 0
    for batch in batches:
        inside = (positions >= first) & (positions < first + len(batch.labels))
        if inside.any():
            pixels[inside] = batch.read()[positions[inside] - first]
        first += len(batch.labels)
    return pixels


def _currents(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(B · 3072,) currents of (B, 3072) bytes."""
    by_colour = pixels.reshape(-1, 3, _PIXELS // 3)
    light = np.arange(256, dtype=np.float64) / 255
    values = np.empty(by_colour.shape, dtype=np.float32)
    for colour, (mean, deviation) in enumerate(zip(_MEAN, _DEVIATION, strict=True)):
        values[:, colour] = ((light - mean) / deviation).astype(np.float32)[by_colour[:, colour]]
    return values.ravel()


def _digest(batches: list[_Batch]) -> str:
    """Hash of numbers, classes and pixels, the same for every layout."""
    digest = hashlib.sha256()
    ordered = [(batch, np.argsort(batch.sample_ids)) for batch in batches]
    for batch, order in ordered:
        digest.update(batch.sample_ids[order].tobytes())
    for batch, order in ordered:
        digest.update(batch.labels[order].tobytes())
    for batch, order in ordered:
        digest.update(np.ascontiguousarray(batch.read()[order]).data)
    return digest.hexdigest()


def _open_first_layout(folder: Path) -> tuple[list[Path], list[_Batch]]:
    """The files that are read, and their content."""
    paths = {name: path for name in _FIRST_ID if (path := folder / "cifar-10-batches-py" / name).is_file()}
    if paths:
        return list(paths.values()), [_open_pickle(path, _FIRST_ID[name]) for name, path in paths.items()]
    archives = sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))
    if not archives:
        return [], []
    return archives[:1], [batch for part in ("train", "test") for batch in _open_part(archives[0], part)]


class _Unbuilt:
    """An array or data type that was not built: only what a pickle would build it from."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _PlainUnpickler(pickle._Unpickler):
    """Builds numbers, texts, lists, dictionaries and `_Unbuilt`. numpy would take a state unchecked, even one that
    holds addresses of objects, and the unpickler in C makes room for any memo number, however large."""

    def find_class(self, module: str, name: str) -> Any:
        core = module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct"
        if core or (module == "numpy" and name in ("ndarray", "dtype")):
            return _Unbuilt
        raise pickle.UnpicklingError(f"it would call {module}.{name}, which no batch of images needs")


def _unpickled(path: Path) -> tuple[NDArray[np.uint8], Integers]:
    """(N, 3072) pixels and (N,) classes."""
    with reading(path, "as a batch of CIFAR-10 images"):
        content = _PlainUnpickler(io.BytesIO(content_of(path)), encoding="bytes").load()
        pixels, labels = _bytes_of(content[b"data"]), content[b"labels"]
        if not all(type(label) is int for label in labels):
            raise ValueError("labels must be whole numbers")
        numbers = np.array(labels)
    labels = checked_classes(path, numbers, 10, CIFAR10.title)
    if pixels.shape != (len(labels), _PIXELS):
        raise DataError(f"{path}: must hold {_PIXELS:,} bytes for each of its {len(labels):,} classes")
    return pixels, labels


def _bytes_of(made: _Unbuilt) -> NDArray[np.uint8]:
    """The array of bytes that was pickled."""
    _, shape, kind, by_column, data = made.state
    if kind.arguments[0] not in ("u1", b"u1"):  # bytes of the published ones, by Python 2
        raise ValueError(f"pixels must be bytes, found {kind.arguments[0]!r:.20}")
    return np.frombuffer(data, np.uint8).reshape(shape, order="F" if by_column else "C")


def _open_pickle(path: Path, first_id: int) -> _Batch:
    _, labels = _unpickled(path)
    return _Batch(labels=labels, sample_ids=first_id + np.arange(len(labels)), read=lambda: _unpickled(path)[0])


def _open_part(path: Path, part: str) -> Iterator[_Batch]:
    """The training or test images of a numpy archive, if it has them."""
    names = _member(path, None)
    if f"x_{part}" not in names and f"y_{part}" not in names:
        return
    labels = checked_classes(path, _member(path, f"y_{part}"), 10, CIFAR10.title)
    numbers = _member(path, f"{part}_index") if f"{part}_index" in names else np.arange(len(labels))
    whole = numbers.shape == labels.shape and numbers.dtype.kind in "iu"
    if not whole or numbers.min() < 0 or numbers.max() >= _TEST_ID:
        raise DataError(f"{path}: {part}_index must hold the number of each image of y_{part} in the whole dataset")
    first_id = _TEST_ID if part == "test" else 0

    def read() -> NDArray[np.uint8]:
        pixels = _member(path, f"x_{part}")
        if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 32, 32, 3):
            raise DataError(f"{path}: x_{part} must hold {len(labels):,} images of 32x32x3 bytes")
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).reshape(len(labels), _PIXELS)

    yield _Batch(labels=labels, sample_ids=first_id + numbers.astype(np.int64), read=read)


def _member(path: Path, name: str | None) -> Any:
    """One array of the archive; with None, the names of all."""
    with open_arrays(path, _ARRAYS, others=True) as file:
        return list(file) if name is None else read_whole(path, name, file[name])
