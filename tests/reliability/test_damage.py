"""Damaged and hostile files in stores: set aside, said so, made again; nothing in them is ever run."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from program import run_here
from undisturbed_sweep import Undisturbed

from codesign.analysis.results.table import read_results
from codesign.errors import UnreadableResultError
from codesign.exploration.jobs.encoding import decode_columns, decode_execution, decode_state, encode_state
from codesign.exploration.jobs.store import Entry, Store

pytestmark = pytest.mark.slow


class Attack:
    """Runs code in whoever unpickles it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return open, (str(self.marker), "w")


def saved(value: object) -> bytes:
    """As torch saves it."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


class Contents:
    """The entries of the tiny sweep's store by what they are: one model, and for each execution what came of it."""

    def __init__(self, store: Store) -> None:
        self.entries: dict[str, Entry] = {
            key: found for key in sorted(store.keys()) if (found := store.get(key)) is not None
        }
        self.summaries = [key for key in self.entries if "accuracy" in self._columns(key)]
        self.costs = [key for key in self.entries if "energy_j" in self._columns(key)]
        self.executions = [key for key, entry in self.entries.items() if "samples" in entry.facts]
        (self.model,) = (key for key, entry in self.entries.items() if "trained_epochs" in entry.facts)
        assert len(self.summaries) == len(self.executions) == 2 * len(self.costs) == 4
        assert len(self.entries) == 11

    def _columns(self, key: str) -> dict[str, object]:
        entry = self.entries[key]
        return json.loads(entry.payload) if entry.payload.startswith(b"{") and "samples" not in entry.facts else {}


@pytest.fixture
def store(folder: Path, undisturbed: Undisturbed) -> Store:
    """A copy of what the tiny sweep left."""
    shutil.copytree(undisturbed.store, folder / "store")
    return Store(folder / "store")


def test_hostile_entries_fail_their_rows_and_run_nothing(folder: Path, cache_root: Path, store: Store) -> None:
    """Entries whose checksum is right, since whoever wrote them knew how."""
    contents, marker = Contents(store), folder / "owned"

    def replace(key: str, payload: bytes) -> None:
        store.put_many({key: Entry(payload=payload, facts=contents.entries[key].facts)})

    replace(contents.model, saved({"connections.0.weight": Attack(marker)}))
    for key in contents.executions[:2]:
        replace(key, pickle.dumps(Attack(marker)))
    Path(store.path(contents.executions[2])).unlink()  # so that the model is needed in any case
    replace(contents.summaries[0], b'{"accuracy":"<script>"}')
    replace(contents.costs[0], pickle.dumps(Attack(marker)))
    for key in (*contents.summaries[1:], *contents.costs[1:]):
        Path(store.path(key)).unlink()

    words = ("sweep", "tiny.yaml", "--executor", "serial", "--store", "store", "--output", "out")
    ended = run_here(*words, folder=folder, environment={"CODESIGN_CACHE": cache_root}, code=1)
    assert not marker.exists()
    assert "FAILED, UnreadableResultError: the stored model cannot be read: " in ended.err
    frame = read_results(folder / "out" / "results.parquet").frame
    assert set(frame["status"]) == {"failed", "infeasible"}
    assert all("choose another store" in reason for reason in frame["reason"][frame["status"] == "failed"])


def test_what_is_no_model_is_an_error_and_runs_nothing(tmp_path: Path) -> None:
    marker, good = tmp_path / "owned", encode_state({"connections.0.weight": torch.zeros(3, 4)})
    hostile = {
        "pickle": pickle.dumps(Attack(marker)),
        "torch": saved(Attack(marker)),
        "truncated": good[: len(good) // 2],
        "a text": saved({"connections.0.weight": "no tensor"}),
        "tensors": saved({"connections.0.weight": torch.zeros(3, 4)}),  # by an unpickler, however careful
        "noise": np.random.default_rng(0).bytes(5000),
    }
    for name, payload in hostile.items():
        with pytest.raises(UnreadableResultError, match="the stored model cannot be read"):
            decode_state(payload)
        assert not marker.exists(), name


def test_what_is_no_execution_is_an_error_and_runs_nothing(tmp_path, undisturbed, store):
    contents, marker = Contents(store), tmp_path / "owned"
    good = contents.entries[contents.executions[0]].payload
    assert decode_execution(good).samples == 20
    head, _, content = good.partition(b"\n")
    facts = json.loads(head)
    arrays = facts["arrays"]

    def changed(**facts_too: object) -> bytes:
        return json.dumps({**facts, **facts_too}).encode() + b"\n" + content

    hostile = {
        "objects": changed(arrays={**arrays, "labels": ["|O", arrays["labels"][1]]}),
        "facts": changed(shape=1),
        "an array more": changed(arrays={**arrays, "more": ["<f8", [3]]}),
        "beyond all memory": changed(arrays={**arrays, "labels": ["|u1", [1 << 60]]}),
        "truncated": good[: len(good) // 2],
        "pickle": pickle.dumps(Attack(marker)),
    }
    for name, payload in hostile.items():
        with pytest.raises(UnreadableResultError, match="the stored execution cannot be read"):
            decode_execution(payload)
        assert not marker.exists(), name


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b'{"accuracy": NaN}', b'{"accuracy": "0.5"}', b'{"nothing of ours": 1}', b"\xff\xfe", b"[" * 100_000],
)
def test_what_are_no_columns_is_an_error(payload: bytes) -> None:
    with pytest.raises(UnreadableResultError, match="the stored columns cannot be read"):
        decode_columns(payload)
