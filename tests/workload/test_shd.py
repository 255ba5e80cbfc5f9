from __future__ import annotations

import h5py
import numpy as np
import pytest
from workload_files import entries, load, write_shd

from codesign.errors import InputError
from codesign.workload.dataset import load_workload
from codesign.workload.spec import WorkloadSpec


def test_known_spikes_become_known_events(tmp_path):
    write_shd(tmp_path)
    spikes = [(0.0, 0), (0.004, 1), (0.0099, 2), (0.011, 0), (0.011, 699), (0.5, 350), (0.995, 698), (1.0, 5), (1.3, 5)]
    with h5py.File(tmp_path / "shd/SHD/shd_train.h5", "r+") as file:
        file["spikes/times"][3] = np.array([time for time, _ in spikes], dtype=np.float16)
        file["spikes/units"][3] = np.array([unit for _, unit in spikes], dtype=np.uint16)
    workload = load("shd", tmp_path)
    assert entries(workload, 3) == [(0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 349, 1), (50, 175, 1), (99, 349, 1)]
    assert entries(workload, 2) == [(t, 7, 1) for t in range(100)]  # unit 14 in the middle of every bin
    assert (workload.input_grid, workload.classes, workload.timestep_s) == ((1, 1, 350), 20, 0.01)


def test_a_file_that_does_not_say_who_speaks_has_the_other_splits(tmp_path):
    write_shd(tmp_path, speakers=False)
    assert len(load("shd", tmp_path).test) == 10
    with pytest.raises(InputError, match="does not say whom its samples come from"):
        load("shd", tmp_path, split="speaker")


def test_spikes_are_read_a_sample_at_a_time(tmp_path, monkeypatch):
    write_shd(tmp_path)
    read = h5py.Dataset.__getitem__
    asked = []

    def watched(self, arguments, **options):
        asked.append((self.name, arguments))
        return read(self, arguments, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", watched)
    load_workload(WorkloadSpec(name="shd", train=5, validation=2, test=3), data_root=tmp_path, cache_root=tmp_path)
    spikes = [arguments for name, arguments in asked if name.startswith("/spikes/")]
    assert len(spikes) == 2 * 10
    assert all(isinstance(arguments, int) for arguments in spikes)
