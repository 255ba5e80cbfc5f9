"""How much memory a training takes, whatever the process did before."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from networks import network_of

from codesign.training import memory as module
from codesign.training.memory import PeakMemory
from codesign.training.recipe import Recipe
from codesign.training.trainer import train
from codesign.workload.events import EventBatch

MB = 10**6
can_forget = pytest.mark.skipif(
    PeakMemory().risen_bytes() is None, reason="this system does not forget a peak of memory"
)


def take(megabytes: int) -> None:
    """For a moment."""
    np.ones(megabytes * MB, dtype=np.uint8)


@can_forget
def test_a_rise_is_seen_whatever_was_held_before() -> None:
    take(400)
    memory = PeakMemory()
    assert memory.risen_bytes() < 10 * MB
    take(100)
    assert 95 * MB < memory.risen_bytes() < 110 * MB
    take(50)
    assert 95 * MB < memory.risen_bytes() < 110 * MB


def test_what_the_system_does_not_tell_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError

    monkeypatch.setattr(module.Path, "write_text", refused)
    monkeypatch.setattr(module.ctypes, "CDLL", lambda name: "/" in name)  # as on Windows, a TypeError for None
    assert PeakMemory().risen_bytes() is None


@can_forget
def test_a_training_takes_what_its_updates_take() -> None:
    """At least the weights' gradients, Adam's two moments and the best epoch's copy; as much in a process that has done
    more before. Engines may keep gradients of parts of a batch, of which there are at most eight."""
    events = EventBatch.from_dense(np.ones((1, 1, 1000)), np.array([0]), timestep_s=0.01)
    recipe = Recipe(method="layered", epochs=2, batch_size=1)

    def taken() -> int | None:
        network = network_of("1000-2000-2")
        return train(network, recipe, events, events, seed=0).memory_bytes

    first = taken()
    take(300)
    second = taken()
    weights = 4 * 2000 * 1002
    for found in (first, second):
        assert 4 * weights < found < 13 * weights
    assert abs(first - second) < 3 * weights


@can_forget
def test_events_that_lie_in_a_file_are_not_taken_by_the_training_that_reads_them_first(tmp_path) -> None:
    """Nor are those in the memory that Ray's workers share."""
    samples, entries, files = 500, 10_000, []

    def in_file(name: str, numbers: np.ndarray) -> np.ndarray:
        np.save(tmp_path / f"{name}.npy", numbers)
        files.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
        return files[-1]

    events = EventBatch(
        offsets=np.arange(samples + 1) * entries,
        indices=in_file("indices", np.tile(np.arange(entries, dtype=np.int32), samples)),
        values=in_file("values", np.ones(samples * entries, dtype=np.float32)),
        labels=np.arange(samples) % 2,
        sample_ids=np.arange(samples),
        timesteps=1,
        input_size=entries,
        timestep_s=0.01,
    )
    for file in files:  # which the batch read as it checked itself
        file._mmap.madvise(mmap.MADV_DONTNEED)
    recipe = Recipe(method="layered", epochs=1, batch_size=10)
    found = train(network_of(f"{entries}-2"), recipe, events, events.select([0]), seed=0).memory_bytes
    assert found < 0.3 * (events.indices.nbytes + events.values.nbytes)
