from __future__ import annotations

import gzip

import numpy as np
import pytest
from workload_files import idx, write_mnist

from codesign.errors import DataError
from codesign.workload.dataset import load_workload
from codesign.workload.datasets.mnist import MNIST, read_idx
from codesign.workload.spec import WorkloadSpec

SPEC = WorkloadSpec(name="mnist")


def test_idx_by_hand(tmp_path):
    file = tmp_path / "labels"
    file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]))
    assert read_idx(file).tolist() == [7, 0, 9]
    file.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]))
    assert read_idx(file).tolist() == [[[1, 2], [3, 4]]]


def test_test_images_are_the_official_ones_and_ids_say_so(tmp_path):
    workload = load_workload(SPEC, data_root=write_mnist(tmp_path))
    assert sorted(workload.test.sample_ids) == list(range(1_000_000, 1_000_010))
    assert sorted([*workload.train.sample_ids, *workload.validation.sample_ids]) == list(range(40))


def test_labels_stay_with_their_images(tmp_path):
    workload = load_workload(SPEC, data_root=write_mnist(tmp_path))
    assert np.array_equal(workload.train.labels, workload.train.sample_ids % 10)
    # image n is a square in rows 4 + n mod 15 …: the mean row of its events follows
    rows = [workload.train.select([k]).indices // 34 % 34 for k in range(len(workload.train))]
    order = np.argsort(workload.train.sample_ids % 15, kind="stable")
    means = np.array([rows[k].mean() for k in order])
    assert np.all(np.diff(means) > -0.3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an idx file"),
        (b"\x1f\x8b\x08\x00", "cannot be read"),
        (b"<html>not found</html>", "cannot be read"),
        (gzip.compress(b"<html>"), "not an idx file"),
        (gzip.compress(idx(np.zeros((40, 28, 28))))[:-20], "cannot be read"),
        (gzip.compress(idx(np.zeros((40, 28, 28)))[:-1]), "must hold 31,360 bytes after its header, found 31,359"),
        (gzip.compress(idx(np.zeros((40, 28, 28))) + b"x"), "found more"),
        (gzip.compress(idx(np.zeros(5))[:6]), "ends within its header"),
        (gzip.compress(idx(np.zeros((39, 28, 28)))), "must hold 40 images"),
        (gzip.compress(idx(np.zeros((40, 28, 27)))), "28x28"),
    ],
    ids=map(str, range(10)),  # compressed bytes hold a time, and workers must see the same names
)
def test_damaged_images_are_named(tmp_path, content, message):
    write_mnist(tmp_path)
    file = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_workload(SPEC, data_root=tmp_path)
    assert str(file) in str(caught.value)


def test_labels_beyond_nine_are_refused(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.full(10, 10))))
    with pytest.raises(DataError, match="labels 0 … 9"):
        load_workload(SPEC, data_root=tmp_path)


def test_status_names_what_is_missing_or_damaged(tmp_path):
    write_mnist(tmp_path)
    file = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(b"")
    assert MNIST().status(tmp_path).state == "damaged"
    file.unlink()
    status = MNIST().status(tmp_path)
    assert (status.state, "t10k-images" in status.detail) == ("partial", True)
    with pytest.raises(DataError, match="t10k-images"):
        load_workload(SPEC, data_root=tmp_path)
