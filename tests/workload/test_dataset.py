"""Loading a workload by name: the registry, the cache, folders, and what is known of the digits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import plug_ins
import pytest
from workload_files import Blinks, entries

from codesign.errors import DataError, InputError
from codesign.plug_ins import _entries
from codesign.units import parse_quantity
from codesign.workload.dataset import list_datasets, load_workload, outline_workload
from codesign.workload.datasets import registry
from codesign.workload.datasets.base import Recordings
from codesign.workload.datasets.registry import get_dataset
from codesign.workload.events import EventBatch
from codesign.workload.spec import ResolvedSpec, WorkloadSpec

DIGITS = WorkloadSpec(name="digits", train=300, validation=5, test=200)


def test_digits_have_a_few_percent_of_active_inputs_and_can_be_told_apart(cache_root):
    from sklearn.linear_model import RidgeClassifier

    workload = load_workload(DIGITS, cache_root=cache_root)
    active = len(workload.train.indices) / (len(workload.train) * 10 * workload.input_size)
    assert 0.03 < active < 0.10
    train, test = (sum(part.frame(t) for t in range(10)).numpy() for part in (workload.train, workload.test))
    assert RidgeClassifier(alpha=10.0).fit(train, workload.train.labels).score(test, workload.test.labels) > 0.85
    fine, coarse = (
        load_workload(DIGITS.model_copy(update={"contrast": contrast, "train": 20}), cache_root=cache_root)
        for contrast in (0.2, 0.8)
    )
    assert fine.train.events.sum() > 2 * coarse.train.events.sum()


FINGERPRINTS = {
    "e8f687ab6bd808ca7a39300dd2abc3417814a4469bca67c331b8e6a6e1c8f351": {},
    "efef8643f4212d7549623199470ab3e5e2d8badc6cd565f2b72a882cca842c6b": {
        "timesteps": 9,
        "seed": 2,
        "contrast": 0.3,
        "train": 50,
    },
}


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_fingerprints_stay_what_stores_know(fingerprint):
    """Under these, stores already hold trained models; where one has to change, raise `BINNING_VERSION`."""
    spec = WorkloadSpec(name="digits", **FINGERPRINTS[fingerprint])
    assert outline_workload(spec).fingerprint == fingerprint


def test_an_installed_plug_in_is_a_dataset_like_any_other(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("codesign.plug_ins._entries", _entries.__wrapped__)
    folder = tmp_path / "blinks-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: blinks\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(f"[{registry.GROUP}]\nblinks = workload_files:Blinks\n")
    assert "blinks" in [status.name for status in list_datasets(tmp_path)]
    workload = load_workload(WorkloadSpec(name="blinks", timesteps=2), cache_root=tmp_path)
    assert (len(workload.train), len(workload.validation), len(workload.test)) == (15, 5, 10)
    assert np.array_equal(workload.test.frame(1).argmax(dim=1).numpy(), workload.test.sample_ids % 6)


def test_the_class_in_the_docs_is_a_dataset(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class MyData" in block)
    names: dict[str, type] = {}
    exec(code, names)
    monkeypatch.setattr("codesign.workload.dataset.get_dataset", lambda name: names["MyData"]())
    spec = WorkloadSpec(name="mydata")
    with pytest.raises(DataError, match=r"no recordings in .*mydata, which must hold <class>/<number>.npy"):
        load_workload(spec, data_root=tmp_path)
    for number in range(20):
        path = tmp_path / "mydata" / str(number % 2) / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.array([[3, 1, 1, 15_000], [3, 1, 1, 16_000], [0, 0, 0, 600_000]]))
    workload = load_workload(spec, data_root=tmp_path, cache_root=tmp_path / "cache")
    assert (len(workload.train), len(workload.validation), len(workload.test)) == (14, 3, 3)
    assert entries(workload, 7) == [(1, 1024 + 32 + 3, 2)]


def _read_as(event):
    return lambda positions, spec: (event for _ in positions)


def _batch_of(timesteps=10, timestep_s=0.01):
    def read(positions, spec):
        frames = np.ones((len(positions), timesteps, 8))
        return EventBatch.from_dense(frames, positions % 6, timestep_s=timestep_s, sample_ids=positions)

    return read


def test_a_plug_in_may_give_a_timestep_that_differs_in_the_last_bit():
    spec = ResolvedSpec.model_construct(name="blinks", timestep=parse_quantity("9 ms", "s"), timesteps=10)
    labels, ids = np.arange(30) % 6, np.arange(30)
    held = Recordings(grid=(1, 2, 4), classes=6, labels=labels, sample_ids=ids, read=_batch_of(timestep_s=9e-3))
    assert held.batch(np.array([7, 2]), spec).sample_ids.tolist() == [7, 2]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"read": _read_as(([0, 5], [3, 8]))}, r"blinks: sample \d+: an event has input 8; must be between 0 and 7"),
        ({"read": _read_as(([5, -1], [0, 0]))}, r"an event is at -1 ns; must be at least 0"),
        ({"read": _read_as(([0], [0, 1]))}, r"must have a time and a whole number of an input for each event"),
        ({"read": lambda positions, spec: iter([([0], [0])])}, r"is not read; there are fewer samples than asked for"),
        ({"labels": np.arange(30) % 7}, r"blinks: labels must be 0 … 5, found 6"),
        ({"read": lambda positions, spec: (([0], [7]) for _ in range(30))}, r"more samples are read than asked for"),
        (
            {"read": _batch_of(timesteps=3)},
            r"blinks: the batch that `read` gives has other timesteps than it was asked",
        ),
        ({"test_part": np.arange(30) % 2}, r"blinks: test_part must be True or False for each sample"),
        ({"sample_ids": np.zeros(30, int)}, r"blinks: sample_ids must be distinct, found 1 of 30 in data"),
    ],
)
def test_samples_of_a_plug_in_that_are_none_are_named(monkeypatch, tmp_path, changed, message):
    """An event at an input that is not there would be one of another timestep."""
    given = {"labels": np.arange(30) % 6, "sample_ids": np.arange(30), "read": _read_as(([0], [7])), **changed}

    class Wrong(Blinks):
        def find(self, folder):
            return Recordings(grid=(1, 2, 4), classes=6, content=lambda: "always", **given)

    monkeypatch.setattr("codesign.workload.dataset.get_dataset", lambda name: Wrong())
    with pytest.raises(DataError, match=message):
        load_workload(WorkloadSpec(name="blinks"), cache_root=tmp_path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ImportError("no module"), "entry point broken = plugin:broken: cannot be loaded: ImportError: no module"),
        (entries, "subclass of codesign's Dataset"),
        (type("Earlier", (registry.Dataset,), {"open": print}), "Earlier must have find, as codesign's Dataset says"),
    ],
)
def test_a_broken_plug_in_is_named(monkeypatch, broken, message):
    plug_ins.register(monkeypatch, registry.GROUP, broken=broken)
    with pytest.raises(InputError, match=message):
        get_dataset("broken")
    assert get_dataset("digits").name == "digits"


def test_no_plug_in_takes_the_name_of_a_built_in_dataset(monkeypatch):
    plug_ins.register(monkeypatch, registry.GROUP, digits=Blinks)
    assert get_dataset("digits").title == "scikit-learn digits, simulated saccades"
