from __future__ import annotations

import numpy as np
import pytest
from workload_files import entries, recording, write_nmnist

from codesign.errors import DataError
from codesign.workload.dataset import load_workload
from codesign.workload.spec import WorkloadSpec

SPEC = WorkloadSpec(name="nmnist")


def first_train_file(root):
    return root / "nmnist" / "NMNIST" / "Train" / "0" / "00001.bin"


def test_known_bytes_become_known_events(tmp_path):
    write_nmnist(tmp_path)
    content = bytes([3, 2, 0x80, 0x30, 0x39])  # x 3, y 2, polarity 1, 0x3039 = 12,345 µs
    content += recording(
        (33, 33, 0, 9_999), (33, 33, 0, 10_000), (3, 2, 1, 19_999), (0, 0, 1, 99_999), (5, 5, 0, 100_000)
    )
    first_train_file(tmp_path).write_bytes(content)
    assert entries(load_workload(SPEC, data_root=tmp_path), 1) == [
        (0, 33 * 34 + 33, 1),
        (1, 33 * 34 + 33, 1),
        (1, (34 + 2) * 34 + 3, 2),
        (9, 34 * 34, 1),
    ]


def test_a_clock_overflow_moves_what_follows(tmp_path):
    write_nmnist(tmp_path)
    # y = 240 is no event: times after it are 2^13 = 8,192 µs later
    content = recording((1, 0, 0, 5_000), (0, 240, 0, 0), (1, 0, 0, 5_000))
    first_train_file(tmp_path).write_bytes(content)
    assert entries(load_workload(SPEC, data_root=tmp_path), 1) == [(0, 1, 1), (1, 1, 1)]


def test_a_recording_without_events_is_a_silent_sample(tmp_path):
    write_nmnist(tmp_path)
    first_train_file(tmp_path).write_bytes(b"")
    assert entries(load_workload(SPEC, data_root=tmp_path), 1) == []


def test_ids_say_part_digit_and_number(tmp_path):
    whole = load_workload(SPEC, data_root=write_nmnist(tmp_path))
    assert {1, 3_000_004, 9_000_040} <= {*whole.train.sample_ids, *whole.validation.sample_ids}
    assert sorted(whole.test.sample_ids) == [10_000_000 + digit * 1_000_000 + digit + 1 for digit in range(10)]
    assert np.array_equal(whole.train.labels, whole.train.sample_ids // 1_000_000)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("00001.bin", b"1234", "holds 4 bytes, not a whole number of events"),
        ("00001.bin", recording((34, 0, 0, 0)), "outside the sensor of 34x34"),
        ("00001.bin", recording((0, 34, 0, 0)), "outside the sensor of 34x34"),
        ("first.bin", b"", "must be its number"),
        ("1.bin", b"", "have the same number"),
    ],
)
def test_damaged_copies_are_named(tmp_path, name, content, message):
    write_nmnist(tmp_path)
    (tmp_path / "nmnist" / "NMNIST" / "Train" / "0" / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_workload(SPEC, data_root=tmp_path)
