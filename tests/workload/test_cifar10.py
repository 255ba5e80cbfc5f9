from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from workload_files import CIFAR10_IDS, cifar10_image, write_cifar10

from codesign.errors import DataError
from codesign.workload.dataset import load_workload, outline_workload
from codesign.workload.datasets.cifar10 import CIFAR10
from codesign.workload.events import EventBatch
from codesign.workload.spec import WorkloadSpec

SPEC = WorkloadSpec(name="cifar10")
LAYOUTS = ("py", "bin", "npz")


def first_file(root, layout):
    return {
        "py": root / "cifar10/cifar-10-batches-py/data_batch_1",
        "bin": root / "cifar10/cifar-10-batches-bin/data_batch_1.bin",
        "npz": root / "cifar10/part.npz",
    }[layout]


def same(a, b):
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in ("offsets", "indices", "values", "sample_ids"))


def test_currents_are_normalized_pixels_colour_by_colour(tmp_path):
    workload = load_workload(SPEC, data_root=write_cifar10(tmp_path))
    assert (workload.input_grid, workload.classes, workload.timesteps, workload.timestep_s) == ((3, 32, 32), 10, 1, 0.0)
    for part in (workload.train, workload.validation, workload.test):
        assert part.currents
        for row, sample_id in enumerate(part.sample_ids.tolist()):
            image = cifar10_image(sample_id) / 255
            mean, deviation = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
            expected = (image - mean[:, None, None]) / deviation[:, None, None]
            assert np.allclose(part.frame(0)[row].numpy(), expected.ravel(), rtol=1e-6, atol=0)
            assert part.labels[row] == sample_id % 10


def test_a_batch_is_what_dense_frames_compress_to(tmp_path):
    train = load_workload(SPEC, data_root=write_cifar10(tmp_path)).train
    frames = train.frame(0).numpy()[:, None]
    again = EventBatch.from_frames(frames, train.labels, timestep_s=0.0, sample_ids=train.sample_ids, currents=True)
    assert same(again, train)
    assert again.values.dtype == train.values.dtype


def test_ids_are_those_of_the_whole_dataset(tmp_path):
    workload = load_workload(SPEC, data_root=write_cifar10(tmp_path))
    training = np.concatenate([workload.train.sample_ids, workload.validation.sample_ids])
    assert sorted(training) == [*CIFAR10_IDS["data_batch_1"], *CIFAR10_IDS["data_batch_2"]]
    assert sorted(workload.test.sample_ids) == CIFAR10_IDS["test_batch"].tolist()


def test_an_archive_that_does_not_number_its_images_has_the_first_of_them(tmp_path):
    write_cifar10(tmp_path, "npz")
    file = first_file(tmp_path, "npz")
    content = dict(np.load(file))
    np.savez(file, **{name: content[name] for name in ("x_train", "y_train", "x_test", "y_test")})
    workload = load_workload(SPEC, data_root=tmp_path)
    assert sorted([*workload.train.sample_ids, *workload.validation.sample_ids]) == list(range(40))


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_cannot_run_anything(tmp_path):
    write_cifar10(tmp_path)
    file, made = first_file(tmp_path, "py"), tmp_path / "made by the pickle"
    for protocol in (0, 2, 4):
        file.write_bytes(pickle.dumps({b"data": Hostile(made), b"labels": [1]}, protocol=protocol))
        with pytest.raises(DataError, match=r"data_batch_1: cannot be read .*mkdir, which no batch of images needs"):
            load_workload(SPEC, data_root=tmp_path)
    assert not made.exists()


def test_batches_of_todays_pickles_are_read_too(tmp_path):
    write_cifar10(tmp_path)
    before = outline_workload(SPEC, data_root=tmp_path)
    for file in (tmp_path / "cifar10/cifar-10-batches-py").iterdir():
        batch = pickle.loads(file.read_bytes(), encoding="bytes")
        file.write_bytes(pickle.dumps(batch, protocol=4))
    assert outline_workload(SPEC, data_root=tmp_path) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a batch of CIFAR-10"),
        (b"<html>not found", "cannot be read as a batch of CIFAR-10"),
        (pickle.dumps([1, 2]), "cannot be read as a batch of CIFAR-10"),
        (pickle.dumps({b"labels": [1]}), "cannot be read as a batch of CIFAR-10"),
        (pickle.dumps({b"labels": [1, 10], b"data": np.zeros((2, 3072), np.uint8)}), "classes must lie in 0 … 9"),
        (pickle.dumps({b"labels": [1], b"data": np.zeros((2, 3072), np.uint8)}), "must hold 3,072 bytes for each"),
        (pickle.dumps({b"labels": [1], b"data": [3] * 3072}), "must hold 3,072 bytes for each"),
    ],
)
def test_a_damaged_pickle_is_named(tmp_path, content, message):
    write_cifar10(tmp_path)
    first_file(tmp_path, "py").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_workload(SPEC, data_root=tmp_path)
    assert str(first_file(tmp_path, "py")) in str(caught.value)
    assert CIFAR10().status(tmp_path).state == "damaged"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_is_cut_off_is_named(tmp_path, layout):
    write_cifar10(tmp_path, layout)
    file = first_file(tmp_path, layout)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"(download|copy) it again") as caught:
        load_workload(SPEC, data_root=tmp_path)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((40, 32, 32), np.uint8)}, "x_train must hold 40 images of 32x32x3 bytes"),
        ({"x_test": np.zeros((10, 32, 32, 3))}, "x_test must hold 10 images .* found float64"),
        ({"y_train": np.zeros(39, np.int64)}, "train_index must hold the number of each image"),
        ({"train_index": np.zeros(40, np.int64)}, "two images have the same number"),
        ({"test_index": np.arange(-1, 9)}, "test_index must hold the number of each image"),
        ({"y_test": np.full(10, 10)}, "classes must lie in 0 … 9, found 10"),
    ],
)
def test_an_archive_whose_arrays_do_not_fit_is_named(tmp_path, changes, message):
    write_cifar10(tmp_path, "npz")
    file = first_file(tmp_path, "npz")
    np.savez(file, **{**np.load(file), **changes})
    with pytest.raises(DataError, match=message):
        load_workload(SPEC, data_root=tmp_path)


def test_of_several_archives_none_is_guessed(tmp_path):
    write_cifar10(tmp_path, "npz")
    (tmp_path / "cifar10/other.npz").write_bytes(b"")
    with pytest.raises(DataError, match=r"has 2 numpy archives, other\.npz and others; keep one"):
        load_workload(SPEC, data_root=tmp_path)
