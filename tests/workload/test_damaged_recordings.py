"""Damage of every kind, in every format: what is wrong is told with the file that it is in."""

from __future__ import annotations

import gzip
import os
import pickle
import re
import shutil
import struct
from functools import partial

import h5py
import numpy as np
import pytest
from small_sounds import wav, word
from workload_files import WRITERS, idx, load, recording, write_cifar10

from codesign.errors import DataError
from codesign.workload.datasets.registry import get_dataset

COPIES = {**WRITERS, "cifar10 npz": partial(write_cifar10, layout="npz")}


def other_text(old, new):
    """With the first piece of its text that has that form replaced."""
    return lambda file: file.write_text(re.sub(old, new, file.read_text(), count=1))


def table(values, dtype=None):
    return lambda file: np.save(file, np.array(values, dtype=dtype))


def arrays(**changes):
    """An archive with other arrays."""
    return lambda file: np.savez(file, **{**np.load(file), **changes})


def replaced(key, value=None):
    def change(file):
        with h5py.File(file, "r+") as content:
            del content[key]
            if value is not None:
                content[key] = value

    return change


def huge(key):
    def change(file):
        with h5py.File(file, "r+") as content:
            del content[key]
            content.create_dataset(key, 1 << 29, "i1", chunks=(1 << 20,))

    return change


def spikes(key, value):
    def change(file):
        with h5py.File(file, "r+") as content:
            content[f"spikes/{key}"][0] = value

    return change


def batch(labels, data):
    return pickle.dumps({b"labels": labels, b"data": data}, protocol=3)


class Reduced:
    """Is pickled as `parts` say."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


def addresses():
    """Bytes that numpy takes for the addresses of objects, because their type says that it holds none."""
    kind = Reduced(np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0))
    return Reduced(*np.empty(0).__reduce__()[:2], (1, (2,), kind, False, bytes(16)))


def too_large(file):
    os.truncate(file, (1 << 28) + 1)


IMAGES = np.zeros((40, 28, 28))
NO_BATCH = "cannot be read as a batch of CIFAR-10"
NO_SHD = "cannot be read as a file of SHD"

DAMAGE = {
    ("mnist", "mnist/train-images-idx3-ubyte.gz"): [
        (b"", "not an idx file"),
        (b"<html>not found</html>", "cannot be read"),
        (gzip.compress(idx(IMAGES)[:-1]), "must hold exactly 31,360 bytes after its header"),
        (gzip.compress(idx(IMAGES[:39])), "must hold 40 images"),
    ],
    ("mnist", "mnist/t10k-labels-idx1-ubyte.gz"): [
        (gzip.compress(idx(np.full(10, 10))), "labels must lie in 0 … 9"),
        (gzip.compress(struct.pack(">2I", 0x0801, 1 << 31)), "has more than 256 MiB"),
    ],
    ("nmnist", "nmnist/NMNIST/Train/0/00001.bin"): [
        (b"1234", "cannot be read .*reshape"),
        (recording((34, 0, 0, 0)), "outside the sensor of 34x34"),
        (too_large, "has more than 256 MiB"),
    ],
    ("nmnist", "nmnist/NMNIST/Train/0/first.bin"): [(b"", "must be its number")],
    ("shd", "shd/SHD/shd_train.h5"): [
        (b"<html>not found</html>", NO_SHD),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"SNOD", b"NODE")), NO_SHD),
        (replaced("labels"), "labels must be an array in this file itself"),
        (replaced("labels", np.arange(39)), "labels must lie in 0 … 19, found 0 … 38"),
        (spikes("units", np.full(100, 700, dtype=np.uint16)), "sample 0: unit: event 0 has 700, outside 0 … 699"),
        (spikes("times", np.full(100, -0.1, dtype=np.float16)), "sample 0: t: event 0 is at -0.09"),
        (huge("labels"), "labels has more than 256 MiB"),
    ],
    ("japanese_vowels", "japanese_vowels/JapaneseVowels_TEST.ts"): [
        (other_text(":1\n", ":0:1\n"), "a row has 13 series, not 12"),
        (other_text(":4\n", ":?\n"), r"unknown label '\?'"),
        (other_text(r"@data\n[^,]*", "@data\nnan"), "has a value that is not a number"),
    ],
    ("cifar10", "cifar10/cifar-10-batches-py/data_batch_1"): [
        (b"<html>not found", NO_BATCH),
        (pickle.dumps({b"labels": [1]}), NO_BATCH),
        (batch([[1], [1, 2]], np.zeros((2, 3072), np.uint8)), f"{NO_BATCH} images .labels must be whole numbers"),
        (batch([1], addresses()), f"{NO_BATCH} images .pixels must be bytes, found 'O8'"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", NO_BATCH),  # a memo of two billion places
        (batch([1, 10], np.zeros((2, 3072), np.uint8)), "labels must lie in 0 … 9, found 1 … 10"),
        (batch([1], np.zeros((2, 3072), np.uint8)), "must hold 3,072 bytes for each"),
    ],
    ("cifar10 npz", "cifar10/part.npz"): [
        (arrays(x_train=np.zeros((40, 32, 32), np.uint8)), "x_train must hold 40 images of 32x32x3 bytes"),
        (arrays(y_train=np.zeros(39, np.int64)), "train_index must hold the number of each image"),
    ],
    ("dvsgesture", "dvsgesture/DVSGesture/ibmGestureTest/user20_lab/3.npy"): [
        (b"<html>", "cannot be read"),
        (b"\x93NUMPY\1\0\2\0{(", "cannot be read"),
        (table(np.zeros((3, 3)), np.int32), "must hold a table of whole numbers x, y, p and t"),
        (table([[128, 0, 0, 0]]), "x: event 0 has 128, outside 0 … 127"),
    ],
    ("dvsgesture", "dvsgesture/DVSGesture/ibmGestureTest/user20_lab/11.npy"): [
        (b"", r"11.npy: a recording's name must be its class")
    ],
    ("audio", "audio/ah_s0_0.wav"): [
        (b"", r"ah_s0_0\.wav: is not a wav file"),
        (wav(word("ah", 0, 0))[:999], r"ah_s0_0\.wav: must hold 3,244 bytes, found 999"),
    ],
    ("audio", "audio/first.wav"): [(b"", r"first\.wav: must be named <label>_<speaker>_<take>\.wav")],
}
CASES = [(*place, *case) for place, cases in DAMAGE.items() for case in cases]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """{name: data root} of whole copies."""
    return {name: write(tmp_path_factory.mktemp("whole")) for name, write in COPIES.items()}


def damaged(whole, name, path, change, root):
    """A data root with a copy of which one file is changed."""
    shutil.copytree(whole[name], root, dirs_exist_ok=True)
    if isinstance(change, bytes):
        (root / path).write_bytes(change)
    else:
        change(root / path)
    return root


# compressed bytes hold a time, and workers must see the same names
@pytest.mark.parametrize(("name", "path", "change", "message"), CASES, ids=map(str, range(len(CASES))))
def test_damage_is_named_with_its_file(whole, tmp_path, name, path, change, message):
    root = damaged(whole, name, path, change, tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        load(name.split()[0], root)
    assert str(root / path) in str(caught.value)


@pytest.mark.parametrize(("name", "path"), [("mnist", "mnist/t10k-images-idx3-ubyte.gz"), ("audio", "audio/first.wav")])
def test_the_status_names_what_is_damaged(whole, tmp_path, name, path):
    status = get_dataset(name).status(damaged(whole, name, path, b"", tmp_path))
    assert status.state == "damaged"
    assert str(tmp_path / path) in status.detail
