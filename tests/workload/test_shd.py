from __future__ import annotations

import h5py
import numpy as np
import pytest
from workload_files import entries, write_shd

from codesign.errors import DataError
from codesign.workload.dataset import load_workload
from codesign.workload.spec import WorkloadSpec

SPEC = WorkloadSpec(name="shd")


def train_file(root):
    return root / "shd" / "SHD" / "shd_train.h5"


def test_known_spikes_become_known_events(tmp_path):
    write_shd(tmp_path)
    spikes = [(0.0, 0), (0.004, 1), (0.0099, 2), (0.011, 0), (0.011, 699), (0.5, 350), (0.995, 698), (1.0, 5), (1.3, 5)]
    with h5py.File(train_file(tmp_path), "r+") as file:
        file["spikes/times"][3] = np.array([time for time, _ in spikes], dtype=np.float16)
        file["spikes/units"][3] = np.array([unit for _, unit in spikes], dtype=np.uint16)
    workload = load_workload(SPEC, data_root=tmp_path)
    assert entries(workload, 3) == [(0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 349, 1), (50, 175, 1), (99, 349, 1)]
    assert entries(workload, 2) == [(t, 7, 1) for t in range(100)]  # unit 14 in the middle of every bin
    assert (workload.input_grid, workload.classes, workload.timestep_s) == ((1, 1, 350), 20, 0.01)


def test_ids_and_labels_are_those_of_the_files(tmp_path):
    workload = load_workload(SPEC, data_root=write_shd(tmp_path))
    assert sorted(workload.test.sample_ids) == list(range(1_000_000, 1_000_010))
    assert sorted([*workload.train.sample_ids, *workload.validation.sample_ids]) == list(range(40))
    assert np.array_equal(workload.train.labels, workload.train.sample_ids % 20)


def test_a_file_that_does_not_say_who_speaks_has_the_other_splits(tmp_path):
    write_shd(tmp_path, speakers=False)
    assert len(load_workload(SPEC, data_root=tmp_path).test) == 10
    with pytest.raises(DataError, match="does not say whom its samples come from"):
        load_workload(WorkloadSpec(name="shd", split="speaker"), data_root=tmp_path)


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


def replaced(key, value):
    def change(path):
        with h5py.File(path, "r+") as file:
            del file[key]
            if value is not None:
                file[key] = value

    return change


def spikes(key, value):
    def change(path):
        with h5py.File(path, "r+") as file:
            file[key][0] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "cannot be read as a file of SHD .* download it"),
        (lambda path: path.write_bytes(b"<html>not found</html>"), "cannot be read as a file of SHD"),
        (replaced("labels", None), "cannot be read as a file of SHD"),
        (replaced("labels", np.arange(39)), "labels must lie in 0 … 19, found 38"),
        (replaced("labels", np.zeros(39, dtype=np.int64)), "has 39 labels and 40 entries of spikes/times"),
        (replaced("labels", np.zeros((40, 2))), "labels must be whole numbers"),
        (replaced("extra/speaker", np.zeros(3, dtype=np.int64)), "extra/speaker must hold"),
        (spikes("spikes/units", np.full(100, 700, dtype=np.uint16)), "sample 0 has a spike of a unit outside 0 … 699"),
        (spikes("spikes/units", np.zeros(99, dtype=np.uint16)), "sample 0 has 100 times and 99 units"),
        (spikes("spikes/times", np.full(100, np.nan, dtype=np.float16)), "sample 0 has a spike at no time"),
        (spikes("spikes/times", np.full(100, -0.1, dtype=np.float16)), "sample 0 has a spike at no time"),
    ],
)
def test_damage_is_named_with_the_file(tmp_path, change, message):
    write_shd(tmp_path)
    change(train_file(tmp_path))
    with pytest.raises(DataError, match=message) as caught:
        load_workload(SPEC, data_root=tmp_path)
    assert str(train_file(tmp_path)) in str(caught.value)
