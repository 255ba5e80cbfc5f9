"""Small files in the real formats, and a dataset as a plug-in would bring it."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from codesign.workload.datasets.base import Dataset, DatasetStatus, Recordings
from codesign.workload.events import EventBatch


def recording(*events: tuple[int, int, int, int]) -> bytes:
    """N-MNIST bytes of (x, y, polarity, time in µs) events."""
    return b"".join(bytes([x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]) for x, y, p, t in events)


def write_nmnist(root: Path, *, train_per_digit: int = 4, test_per_digit: int = 1, reverse: bool = False) -> Path:
    """A small copy of N-MNIST; digit d's n-th file has an event at (d, n) per 10 ms."""
    work = []
    for part, count in (("Train", train_per_digit), ("Test", test_per_digit)):
        for digit in range(10):
            for n in range(count):
                events = [(digit, n, n % 2, 10_000 * t + digit) for t in range(10)]
                work.append((root / "nmnist/NMNIST" / part / str(digit) / f"{10 * n + digit + 1:05}.bin", events))
    for path, events in reversed(work) if reverse else work:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(recording(*events))
    return root


def idx(array: np.ndarray) -> bytes:
    """idx bytes of unsigned bytes."""
    return struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write_mnist(root: Path, *, train: int = 40, test: int = 10, compressed: bool = True) -> Path:
    """A small copy of MNIST with a bright square whose place depends on the image's number."""
    folder = root / "mnist"
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", test)):
        images = np.zeros((count, 28, 28), dtype=np.uint8)
        for n in range(count):
            images[n, 4 + n % 15 : 9 + n % 15, 8:14] = 255
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(count) % 10)):
            name = f"{part}-{kind}-ubyte"
            if compressed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), mtime=0))
            else:
                (folder / name).write_bytes(idx(array))
    return root


class Blinks(Dataset):
    """Sample n has one event at input n mod 6 in every timestep."""

    name = "blinks"
    title = "Blinks"
    version = 1
    splits = ("pooled",)

    def status(self, data_root):
        return DatasetStatus(name=self.name, title=self.title, state="embedded", detail="30 samples")

    def open(self, spec, data_root, cache):
        labels = np.arange(30, dtype=np.int64) % 3

        def read(positions, spec):
            frames = np.zeros((len(positions), spec.timesteps, 6))
            frames[np.arange(len(positions)), :, positions % 6] = 1
            return EventBatch.from_frames(frames, labels[positions], timestep_s=spec.timestep, sample_ids=positions)

        return Recordings(
            grid=(1, 2, 3),
            classes=3,
            labels=labels,
            sample_ids=np.arange(30),
            test_part=None,
            digest="blinks",
            coverage=None,
            read=read,
        )

    def usual_sizes(self, recordings, split):
        return 5, 10

    def check_timing(self, spec):
        return None
