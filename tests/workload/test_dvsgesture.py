from __future__ import annotations

import numpy as np
from workload_files import entries, load, write_dvsgesture


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
