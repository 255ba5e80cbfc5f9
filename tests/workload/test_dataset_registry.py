from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from codesign.errors import InputError
from codesign.workload.dataset import list_datasets, load_workload
from codesign.workload.datasets import registry
from codesign.workload.datasets.registry import dataset_names, get_dataset
from codesign.workload.spec import WorkloadSpec


@pytest.fixture
def plug_in(monkeypatch):
    def plug_in(*pairs):
        points = [EntryPoint(name=name, value=value, group=registry.GROUP) for name, value in pairs]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)

    return plug_in


def test_built_in_names_are_those_of_their_classes():
    assert dataset_names() == ["audio", "cifar10", "digits", "dvsgesture", "mnist", "nmnist", "shd"]
    assert [get_dataset(name).name for name in dataset_names()] == dataset_names()


def test_a_plug_in_is_a_dataset_like_any_other(plug_in, tmp_path):
    plug_in(("blinks", "workload_files:Blinks"))
    workload = load_workload(WorkloadSpec(name="blinks", timesteps=2), cache_root=tmp_path)
    assert (len(workload.train), len(workload.validation), len(workload.test)) == (15, 5, 10)
    assert np.array_equal(workload.test.frame(1).argmax(dim=1).numpy(), workload.test.sample_ids % 6)
    assert "blinks" in [status.name for status in list_datasets(tmp_path)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:X", "cannot be imported"),
        ("workload_files:NoSuchClass", "cannot be imported"),
        ("workload_files:recording", "subclass of codesign's Dataset"),
    ],
)
def test_a_broken_plug_in_is_named(plug_in, value, message):
    plug_in(("broken", value))
    with pytest.raises(InputError, match=message):
        get_dataset("broken")
    assert get_dataset("digits").name == "digits"


def test_no_plug_in_takes_a_name_that_is_taken(plug_in):
    plug_in(("digits", "workload_files:Blinks"))
    with pytest.raises(InputError, match="registered twice"):
        get_dataset("digits")
