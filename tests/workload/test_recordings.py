"""What is known of the real datasets, where they lie below CODESIGN_DATA or in ./data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from codesign.workload.dataset import load_workload
from codesign.workload.datasets.registry import get_dataset
from codesign.workload.spec import WorkloadSpec

ROOT = Path(os.environ.get("CODESIGN_DATA") or "data")  # before a test's own folders take its place

pytestmark = pytest.mark.recordings


@pytest.fixture
def load(tmp_path):
    def load(name, *, fewest_events=0, **options):
        status = get_dataset(name).status(ROOT)
        if status.state not in ("partial", "complete"):
            pytest.skip(f"needs {name}: {status.detail}")
        workload = load_workload(WorkloadSpec(name=name, **options), data_root=ROOT, cache_root=tmp_path)
        for part in (workload.train, workload.validation, workload.test):
            assert np.all(part.events > fewest_events)
        return workload

    return load


def test_a_saccade_begins_and_ends_slowly(load):
    workload = load("nmnist", fewest_events=100, split="pooled", train=200, validation=50, test=100)
    profile = np.array([workload.train.frame(timestep).sum().item() for timestep in range(10)])
    assert profile[3:6].sum() > 5 * (profile[0] + profile[9])


def test_simulated_saccades_are_about_as_busy_as_recorded_ones(load):
    workload = load("mnist", train=300, validation=50, test=50)
    # 149 events per 10 ms and 4.1 % active inputs: means over 1,000 N-MNIST recordings
    assert workload.train.events.mean() / 10 == pytest.approx(149, rel=0.15)
    assert len(workload.train.indices) / (300 * 10 * 2312) == pytest.approx(0.041, rel=0.15)


def test_twelve_people_speak(load):
    load("shd", fewest_events=500, split="speaker", train=50, validation=20)
    recordings = get_dataset("shd").find(get_dataset("shd").place(ROOT))
    assert len(np.unique(recordings.groups)) == 12


def test_colours_are_normalized(load):
    workload = load("cifar10", train=2000, validation=100, test=100)
    by_colour = workload.train.frame(0).numpy().reshape(-1, 3, 1024)
    assert by_colour.mean(axis=(0, 2)) == pytest.approx([0, 0, 0], abs=0.05)
    assert by_colour.std(axis=(0, 2)) == pytest.approx([1, 1, 1], abs=0.05)
    assert len(np.unique(workload.train.labels)) == 10


def test_spoken_digits_can_be_told_apart(load):
    from sklearn.linear_model import RidgeClassifier

    workload = load("audio", folder="fsdd/recordings", train=300, validation=20, test=100)
    assert workload.classes == 10
    for part in (workload.train, workload.validation, workload.test):
        assert 500 < np.percentile(part.events, 5) < np.percentile(part.events, 95) < 6000
    # by what is heard where and when: tenths of a second times tenths of the cochlea
    train, test = (
        np.stack([sum(part.frame(10 * k + t) for t in range(10)).numpy() for k in range(8)], axis=1)
        .reshape(len(part), -1, 10)
        .sum(axis=2)
        for part in (workload.train, workload.test)
    )
    assert RidgeClassifier(alpha=1e4).fit(train, workload.train.labels).score(test, workload.test.labels) > 0.75
