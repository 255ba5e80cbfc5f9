from __future__ import annotations

import numpy as np
import pytest
from workload_files import entries, write_dvsgesture

from codesign.errors import DataError
from codesign.workload.dataset import load_workload
from codesign.workload.datasets.dvsgesture import DVSGesture
from codesign.workload.spec import WorkloadSpec

SPEC = WorkloadSpec(name="dvsgesture")
POOLED = WorkloadSpec(name="dvsgesture", split="pooled")


def write_clips(root, clips=5, **changes):
    """Loose clips: n has class n and one event at (4n, 0) at 5 µs."""
    folder = root / "dvsgesture"
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(clips):
        arrays = {"x": [4 * n], "y": [0], "p": [0], "t": [5], "label": n, "label_name": "a gesture", **changes}
        np.savez(folder / f"clip_{n}.npz", **{name: np.array(values) for name, values in arrays.items()})
    return root


def test_known_rows_become_known_events(tmp_path):
    write_dvsgesture(tmp_path, train_users=1, test_users=0)
    rows = [
        (0, 0, 0, 100),  # time begins here
        (3, 3, 0, 119),  # of the same 4x4 pixels, within 20 ms
        (4, 0, 0, 119),
        (127, 127, 1, 120),
        (0, 5, 1, 100 + 1499),
        (9, 9, 0, 100 + 1500),  # after 1.5 s
    ]
    np.save(tmp_path / "dvsgesture/DVSGesture/ibmGestureTrain/user01_lab/7.npy", np.array(rows, dtype=np.int32))
    workload = load_workload(POOLED, data_root=tmp_path)
    assert entries(workload, 7, by="labels") == [(0, 0, 2), (0, 1, 1), (1, 2047, 1), (74, 1024 + 32, 1)]
    assert (workload.input_grid, workload.classes) == ((2, 32, 32), 11)
    assert (workload.timesteps, workload.timestep_s) == (75, 0.02)


def test_times_of_clips_are_microseconds_and_what_follows_a_short_one_is_empty(tmp_path):
    write_clips(tmp_path, x=[1, 2, 127], y=[0, 0, 127], p=[0, 0, 1], t=[30, 20_029, 20_030])
    workload = load_workload(POOLED, data_root=tmp_path)
    assert entries(workload, 3, by="labels") == [(0, 0, 2), (1, 2047, 1)]


def test_clips_are_pooled_and_say_what_they_are(tmp_path):
    write_clips(tmp_path)
    workload = load_workload(POOLED, data_root=tmp_path)
    words = "5 loose clips of 5 of 11 classes, outside the official parts"
    assert workload.coverage == f"{words}; 0 of 1,077 training and 0 of 264 test recordings"
    assert DVSGesture().status(tmp_path).detail.startswith(words)
    assert len(workload.train) + len(workload.validation) + len(workload.test) == 5
    with pytest.raises(DataError, match="there are 0; 'split: pooled'"):
        load_workload(SPEC, data_root=tmp_path)
    with pytest.raises(DataError, match="does not say whom"):
        load_workload(WorkloadSpec(name="dvsgesture", split="speaker"), data_root=tmp_path)


def test_official_recordings_win_over_clips(tmp_path):
    write_clips(write_dvsgesture(tmp_path))
    workload = load_workload(SPEC, data_root=tmp_path)
    assert workload.coverage == "44 of 1,077 training and 11 of 264 test recordings"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"<html>", "cannot be read"),
        (np.zeros((3, 3), dtype=np.int32), "must hold a table of the columns x, y, p and t"),
        (np.zeros((3, 4)), "must hold whole numbers"),
        (np.array([[128, 0, 0, 0]]), "an event with x outside 0 … 127"),
        (np.array([[0, -1, 0, 0]]), "an event with y outside 0 … 127"),
        (np.array([[0, 0, 2, 0]]), "an event with polarity outside 0 … 1"),
    ],
)
def test_a_damaged_recording_is_named(tmp_path, content, message):
    write_dvsgesture(tmp_path)
    file = tmp_path / "dvsgesture/DVSGesture/ibmGestureTest/user20_lab/3.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, content)
    with pytest.raises(DataError, match=message) as caught:
        load_workload(SPEC, data_root=tmp_path)
    assert str(file) in str(caught.value)


def test_a_recording_of_no_class_is_named(tmp_path):
    write_dvsgesture(tmp_path)
    file = tmp_path / "dvsgesture/DVSGesture/ibmGestureTest/user20_lab/11.npy"
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"11.npy: a recording's name must be its class"):
        load_workload(SPEC, data_root=tmp_path)
    assert DVSGesture().status(tmp_path).state == "damaged"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 11}, "label must be one class, 0 … 10"),
        ({"label": [1, 2]}, "label must be one class"),
        ({"x": [1, 2]}, "must hold whole numbers x, y, p and t of each event"),
        ({"y": [200]}, "an event with y outside"),
    ],
)
def test_a_damaged_clip_is_named(tmp_path, changes, message):
    write_clips(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        load_workload(POOLED, data_root=tmp_path)


def test_a_clip_that_is_cut_off_is_named(tmp_path):
    file = write_clips(tmp_path) / "dvsgesture" / "clip_2.npz"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"clip_2.npz: cannot be read as a recording .* copy it again"):
        load_workload(POOLED, data_root=tmp_path)
