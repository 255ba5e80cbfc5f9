"""Small files in the real formats, and a dataset as a plug-in would bring it."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from small_sounds import write_audio

from codesign.workload.dataset import Workload, load_workload
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.events import EventBatch
from codesign.workload.spec import WorkloadSpec


def load(name: str, root: Path, **options: object) -> Workload:
    """A workload from the copies below a data root, with nothing kept."""
    return load_workload(WorkloadSpec(name=name, **options), data_root=root)


def parts(workload: Workload) -> tuple[EventBatch, EventBatch, EventBatch]:
    return workload.train, workload.validation, workload.test


def recording(*events: tuple[int, int, int, int]) -> bytes:
    """N-MNIST bytes of (x, y, polarity, time in µs) events."""
    return b"".join(bytes([x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]) for x, y, p, t in events)


def write_nmnist(root: Path, *, test_per_digit: int = 1, reverse: bool = False) -> Path:
    """A small copy of N-MNIST; digit d's n-th file has an event at (d, n) per 10 ms."""
    work = []
    for part, count in (("Train", 4), ("Test", test_per_digit)):
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


def write_mnist(root: Path, *, compressed: bool = True) -> Path:
    """A small copy of MNIST with a bright square whose place depends on the image's number."""
    folder = root / "mnist"
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 40), ("t10k", 10)):
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


def write_arrays(root: Path, *, name: str = "mine.npz", **changes: object) -> Path:
    """Event lists on 2x4x4 inputs: sample n, of class and group n mod 3, has an event at input n per 10 ms."""
    n = np.arange(50)
    inputs = np.repeat(n % 32, 10)
    content = {
        "t": np.tile(10_000 * np.arange(10), 50) + np.repeat(n, 10),
        "x": inputs % 4,
        "y": inputs // 4 % 4,
        "p": inputs // 16,
        "offsets": 10 * np.arange(51),
        "grid": (2, 4, 4),
        "labels": n % 3,
        "groups": n % 3,
        "split": np.where(n % 5, "train", "test"),
        "timestep_s": 0.01,
        "timesteps": 10,
        **changes,
    }
    path = root / "arrays" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return root


def write_series(root: Path, name: str, stem: str, *, series: int, samples: int, train: int = 40) -> Path:
    """Random walks of a small copy of a dataset of the UEA archive, as its text files, of labels 1 to 4 in turn."""
    rng = np.random.default_rng(series)
    (root / name).mkdir(parents=True, exist_ok=True)
    for part, count in (("TRAIN", train), ("TEST", 10)):
        walks = rng.normal(size=(count, series, samples)).cumsum(axis=2).round(3)
        rows = [":".join(",".join(map(str, one)) for one in walk) + f":{n % 4 + 1}" for n, walk in enumerate(walks)]
        text = "\n".join(["# a small copy", "@dimensions", "@data", *rows])
        (root / name / f"{stem}_{part}.ts").write_text(f"{text}\n", encoding="utf-8")
    return root


def write_shd(root: Path, *, speakers: bool = True) -> Path:
    """A small copy of SHD: sample n has class n mod 20, speaker n mod 4, and unit 7n mod 700 fires every 10 ms."""
    import h5py

    folder = root / "shd" / "SHD"
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 40), ("test", 10)):
        path = folder / f"shd_{part}.h5"
        with h5py.File(path, "w") as file:
            file["labels"] = (np.arange(count) % 20).astype(np.uint16)
            times = file.create_dataset("spikes/times", (count,), h5py.vlen_dtype(np.float16))
            units = file.create_dataset("spikes/units", (count,), h5py.vlen_dtype(np.uint16))
            for n in range(count):
                times[n] = (np.arange(100) * 0.01 + 0.005).astype(np.float16)
                units[n] = np.full(100, 7 * n % 700, dtype=np.uint16)
            if speakers:
                file["extra/speaker"] = (np.arange(count) % 4).astype(np.uint16)
    return root


def write_dvsgesture(root: Path, *, train_users: int = 4, test_users: int = 1, reverse: bool = False) -> Path:
    """A small copy of DVS128 Gesture in tonic's layout; class c of user u has an event at (4u, 4c) every 20 ms."""
    users = [("Train", u + 1) for u in range(train_users)] + [("Test", 20 + u) for u in range(test_users)]
    for part, user in reversed(users) if reverse else users:
        folder = root / "dvsgesture/DVSGesture" / f"ibmGesture{part}" / f"user{user:02}_lab"
        folder.mkdir(parents=True, exist_ok=True)
        for label in reversed(range(11)) if reverse else range(11):
            times = np.arange(0, 1600, 20)
            columns = [np.full_like(times, value) for value in (4 * user, 4 * label, user % 2)]
            np.save(folder / f"{label}.npy", np.stack([*columns, times], axis=1).astype(np.int32))
    return root


def cifar10_image(sample_id: int) -> np.ndarray:
    """(3, 32, 32) bytes of the made-up image of that number."""
    return np.random.default_rng(sample_id).integers(0, 256, (3, 32, 32), dtype=np.uint8)


CIFAR10_IDS = {
    "data_batch_1": np.arange(25),
    "data_batch_2": np.arange(10_000, 10_015),
    "test_batch": np.arange(1_000_000, 1_000_010),
}


def write_cifar10(root: Path, layout: str = "py") -> Path:
    """A small copy of CIFAR-10, as the published pickles (py) or as an archive (npz)."""
    images = {name: np.stack([cifar10_image(n) for n in ids.tolist()]) for name, ids in CIFAR10_IDS.items()}
    folder = root / "cifar10" / ("" if layout == "npz" else "cifar-10-batches-py")
    folder.mkdir(parents=True, exist_ok=True)
    if layout == "npz":
        arrays = {}
        for part, names in (("train", ["data_batch_1", "data_batch_2"]), ("test", ["test_batch"])):
            ids = np.concatenate([CIFAR10_IDS[name] for name in names])
            arrays[f"x_{part}"] = np.concatenate([images[name] for name in names]).transpose(0, 2, 3, 1)
            arrays[f"y_{part}"] = (ids % 10).astype(np.uint8)
            arrays[f"{part}_index"] = ids % 1_000_000
        np.savez_compressed(folder / "part.npz", **arrays)
        return root
    for name, ids in CIFAR10_IDS.items():
        pixels, labels = images[name].reshape(len(ids), 3072), (ids % 10).tolist()
        batch = {b"batch_label": b"made up", b"labels": labels, b"data": pixels, b"filenames": [b"x.png"] * len(ids)}
        by_python_2 = pickle.dumps(batch, protocol=3).replace(b"X\x02\0\0\0u1", b"U\x02u1")  # whose texts are bytes
        (folder / name).write_bytes(by_python_2)
    return root


WRITERS: dict[str, Callable[[Path], object]] = {
    "arrays": write_arrays,
    "audio": write_audio,
    "basic_motions": partial(write_series, name="basic_motions", stem="BasicMotions", series=6, samples=100),
    "cifar10": write_cifar10,
    "dvsgesture": write_dvsgesture,
    "japanese_vowels": partial(write_series, name="japanese_vowels", stem="JapaneseVowels", series=12, samples=29),
    "mnist": write_mnist,
    "nmnist": write_nmnist,
    "shd": write_shd,
}
"""Makes a small copy of each dataset in files below a data root."""


def entries(workload, wanted: int, *, by: str = "sample_ids") -> list[tuple[int, int, float]]:
    """(timestep, input index, count) of each entry of the sample with that id, or another attribute."""
    for part in parts(workload):
        for position in np.flatnonzero(getattr(part, by) == wanted):
            chosen = part.select([position])
            timesteps = np.repeat(np.arange(chosen.timesteps), np.diff(chosen.offsets))
            return list(zip(timesteps.tolist(), chosen.indices.tolist(), chosen.values.tolist(), strict=True))
    raise AssertionError(f"no sample with {by} {wanted}")


class Blinks(Dataset):
    """Sample n has one event at input n mod 6 in every timestep."""

    name = "blinks"
    title = "Blinks"
    version = 1
    folder = "blinks"
    expected = "nothing"
    splits = ("pooled",)

    def find(self, folder):
        labels = np.arange(30, dtype=np.int64) % 3

        def read(positions, spec):
            frames = np.zeros((len(positions), spec.timesteps, 6))
            frames[np.arange(len(positions)), :, positions % 6] = 1
            return EventBatch.from_dense(frames, labels[positions], timestep_s=spec.timestep, sample_ids=positions)

        return Recordings(
            grid=(1, 2, 3), classes=3, labels=labels, sample_ids=np.arange(30), read=read, content=lambda: "blinks"
        )

    def usual_sizes(self, recordings, split):
        return 5, 10
