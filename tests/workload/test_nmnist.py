from __future__ import annotations

from workload_files import entries, load, recording, write_nmnist


def first_train_file(root):
    return root / "nmnist" / "NMNIST" / "Train" / "0" / "00001.bin"


def test_known_bytes_become_known_events(tmp_path):
    write_nmnist(tmp_path)
    content = bytes([3, 2, 0x80, 0x30, 0x39])  # x 3, y 2, polarity 1, 0x3039 = 12,345 µs
    content += recording(
        (33, 33, 0, 9_999), (33, 33, 0, 10_000), (3, 2, 1, 19_999), (0, 0, 1, 99_999), (5, 5, 0, 100_000)
    )
    first_train_file(tmp_path).write_bytes(content)
    assert entries(load("nmnist", tmp_path), 1) == [
        (0, 33 * 34 + 33, 1),
        (1, 33 * 34 + 33, 1),
        (1, (34 + 2) * 34 + 3, 2),
        (9, 34 * 34, 1),
    ]


def test_a_clock_overflow_moves_what_follows_and_a_recording_without_events_is_a_silent_sample(tmp_path):
    write_nmnist(tmp_path)
    # y = 240 is no event: times after it are 2^13 = 8,192 µs later
    overflow = recording((1, 0, 0, 5_000), (0, 240, 0, 0), (1, 0, 0, 5_000))
    for content, expected in ((overflow, [(0, 1, 1), (1, 1, 1)]), (b"", [])):
        first_train_file(tmp_path).write_bytes(content)
        assert entries(load("nmnist", tmp_path), 1) == expected
