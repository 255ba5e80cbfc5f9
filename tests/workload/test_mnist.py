from __future__ import annotations

import pytest
from workload_files import load, write_mnist

from codesign.errors import DataError
from codesign.workload.datasets.mnist import MNIST, read_idx


def test_idx_by_hand(tmp_path):
    file = tmp_path / "labels"
    file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]))
    assert read_idx(file).tolist() == [7, 0, 9]
    file.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]))
    assert read_idx(file).tolist() == [[[1, 2], [3, 4]]]


def test_the_status_names_what_is_missing(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").unlink()
    status = MNIST().status(tmp_path)
    assert (status.state, "t10k-images" in status.detail) == ("partial", True)
    with pytest.raises(DataError, match="t10k-images"):
        load("mnist", tmp_path)
