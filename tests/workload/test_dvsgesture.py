from __future__ import annotations

import numpy as np
import pytest
from workload_files import entries, load, write_clips, write_dvsgesture

from codesign.errors import InputError
from codesign.workload.datasets.dvsgesture import DVSGesture


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
    workload = load("dvsgesture", tmp_path, split="pooled")
    assert entries(workload, 7, by="labels") == [(0, 0, 2), (0, 1, 1), (1, 2047, 1), (74, 1024 + 32, 1)]
    assert (workload.input_grid, workload.classes) == ((2, 32, 32), 11)
    assert (workload.timesteps, workload.timestep_s) == (75, 0.02)


def test_times_of_clips_are_microseconds_and_what_follows_a_short_one_is_empty(tmp_path):
    write_clips(tmp_path, x=[1, 2, 127], y=[0, 0, 127], p=[0, 0, 1], t=[30, 20_029, 20_030])
    workload = load("dvsgesture", tmp_path, split="pooled")
    assert entries(workload, 3, by="labels") == [(0, 0, 2), (1, 2047, 1)]


def test_clips_are_pooled_and_say_what_they_are(tmp_path):
    write_clips(tmp_path)
    workload = load("dvsgesture", tmp_path, split="pooled")
    words = "5 loose clips of 5 of 11 classes, outside the official parts"
    assert workload.coverage == f"{words}; 0 of 1,077 training and 0 of 264 test recordings"
    assert DVSGesture().status(tmp_path).detail.startswith(words)
    assert len(workload.train) + len(workload.validation) + len(workload.test) == 5
    with pytest.raises(InputError, match="found 0; 'split: pooled'"):
        load("dvsgesture", tmp_path)
    with pytest.raises(InputError, match="does not say whom"):
        load("dvsgesture", tmp_path, split="speaker")


def test_official_recordings_win_over_clips(tmp_path):
    write_clips(write_dvsgesture(tmp_path))
    workload = load("dvsgesture", tmp_path)
    assert workload.coverage == "44 of 1,077 training and 11 of 264 test recordings"
