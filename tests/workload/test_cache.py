from __future__ import annotations

import io
import logging
import os
from dataclasses import replace

import numpy as np
import pytest
from equality import assert_same

from codesign.errors import DataError
from codesign.files.code import sealed
from codesign.workload.cache import Cache, file_states
from codesign.workload.events import EventBatch


def batch(seed=0, samples=20):
    frames = np.random.default_rng(seed).integers(0, 3, (samples, 4, 30))
    return EventBatch.from_dense(frames, np.arange(samples) % 10, timestep_s=0.01).with_grid(None)  # as they are kept


def test_what_is_stored_comes_back(tmp_path):
    currents = replace(batch(1), values=np.full(len(batch(1).values), -0.25, np.float32), currents=True)
    large = replace(batch(2), values=np.full(len(batch(2).values), 70_000, np.float32))
    empty = batch(samples=0)
    cache = Cache(tmp_path)
    cache.store("k", {"train": batch(), "currents": currents, "large": large, "empty": empty})
    loaded = cache.load("k")
    assert set(loaded) == {"train", "currents", "large", "empty"}
    for name, stored in (("train", batch()), ("currents", currents), ("large", large), ("empty", empty)):
        assert_same(loaded[name], stored)


def test_other_keys_and_no_folder_hold_nothing(tmp_path):
    Cache(tmp_path).store("k", {"train": batch()})
    assert Cache(tmp_path).load("other") is None
    Cache(None).store("k", {"train": batch()})
    assert Cache(None).load("k") is None


@pytest.fixture
def stored(tmp_path):
    """A cache, and its file of one batch."""
    cache = Cache(tmp_path)
    cache.store("k", {"train": batch()})
    return cache, tmp_path / "events" / "k.npz"


def test_a_truncated_file_is_noticed_and_replaced(stored, caplog):
    cache, file = stored
    whole = file.read_bytes()
    caplog.set_level(logging.INFO, "codesign.workload.cache")
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert cache.load("k") is None
    assert all("damaged" in record.message and record.levelno == logging.INFO for record in caplog.records)
    assert len(caplog.records) == 5
    cache.store("k", {"train": batch()})
    assert_same(cache.load("k")["train"], batch())


def test_a_changed_byte_never_changes_an_event(stored):
    cache, file = stored
    whole = file.read_bytes()
    noticed = 0
    for position in range(0, len(whole), len(whole) // 150):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        loaded = cache.load("k")
        if loaded is not None:
            assert_same(loaded["train"], batch())
        noticed += loaded is None
    assert noticed > 100


@pytest.mark.parametrize("arrays", [{}, {"meta": [255]}, {"meta": [{}]}])  # the last is pickled
def test_what_is_sealed_but_holds_no_events_is_made_again(stored, arrays):
    cache, file = stored
    np.savez(buffer := io.BytesIO(), **arrays)
    for content in (buffer.getvalue(), b"no archive"):
        file.write_bytes(sealed(content))
        assert cache.load("k") is None


def test_a_folder_that_cannot_be_written_is_reported_once(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "cache")
    for key in ("a", "b"):
        cache.store(key, {"train": batch()})
        assert cache.load(key) is None
        assert cache.digest({"key": key}, lambda: "value") == "value"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "cannot be written" in caplog.text


def test_digests_are_computed_once_per_identity(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return f"digest{len(calls)}"

    cache = Cache(tmp_path)
    found = [cache.digest({"size": size}, compute) for size in (1, 1, 2, 1)]
    assert found == ["digest1", "digest1", "digest2", "digest1"]


@pytest.mark.parametrize("content", [b"", b"digest1"])
def test_a_damaged_digest_is_computed_again(tmp_path, content):
    cache = Cache(tmp_path)
    cache.digest({"size": 1}, lambda: "digest1")
    (file,) = (tmp_path / "digests").iterdir()
    file.write_bytes(content)
    assert cache.digest({"size": 1}, lambda: "digest2") == "digest2"


def test_a_recording_that_is_no_file_is_damage(tmp_path):
    os.mkfifo(tmp_path / "a")
    with pytest.raises(DataError, match="a: is a pipe, a device or larger than any file of a dataset"):
        file_states(tmp_path, [tmp_path / "a"])


def test_file_states_change_when_a_file_is_written(tmp_path):
    file = tmp_path / "a" / "b"
    file.parent.mkdir()
    file.write_bytes(b"123")
    os.utime(file, ns=(5, 7))
    (before,) = file_states(tmp_path, [file])
    assert before[:3] == ("a/b", 3, 7)
    while file_states(tmp_path, [file]) == [before]:  # until the file system's clock has moved on
        file.write_bytes(b"456")
        os.utime(file, ns=(5, 7))  # as a copy that keeps times
