from __future__ import annotations

from codesign.workload.datasets.mnist import read_idx


def test_idx_by_hand(tmp_path):
    file = tmp_path / "labels"
    file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]))
    assert read_idx(file).tolist() == [7, 0, 9]
    file.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]))
    assert read_idx(file).tolist() == [[[1, 2], [3, 4]]]
