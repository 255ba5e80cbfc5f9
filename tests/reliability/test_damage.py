"""Damaged and hostile files in stores and caches: set aside, said so, made again; nothing in them is ever run."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from faults import everything_below
from one_process import run_all
from undisturbed_sweep import Undisturbed, completed, sweep

from codesign.analysis.table import METADATA_KEY
from codesign.errors import UnreadableResultError
from codesign.exploration.encoding import decode_columns, decode_execution, decode_state, encode_state
from codesign.exploration.store import Entry, Store

pytestmark = pytest.mark.slow

SWEEP = ("sweep", "tiny.yaml", "--executor", "serial")


class Attack:
    """Runs code in whoever unpickles it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return open, (str(self.marker), "w")  # type: ignore[return-value]


def saved(value: object) -> bytes:
    """As torch saves it."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def packed(**arrays: object) -> bytes:
    """As numpy saves them."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
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
        payload = self.entries[key].payload
        return json.loads(payload) if payload.startswith(b"{") else {}


@pytest.fixture
def store(folder: Path, undisturbed: Undisturbed) -> Store:
    """A copy of what the tiny sweep left."""
    shutil.copytree(undisturbed.store, folder / "store")
    return Store(folder / "store")


def corrupted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 0x10
    path.write_bytes(data)


def truncated(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


# entries of the store ------------------------------------------------------------------------------------------------


def test_damaged_entries_are_computed_again(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    for name, damage in (("corrupted", corrupted), ("truncated", truncated)):
        shutil.copytree(undisturbed.store, folder / name)
        for path in (folder / name).glob("??/*"):
            damage(path)
    shutil.copytree(undisturbed.store, folder / "some")
    some = Store(folder / "some")
    contents = Contents(some)
    for key in (contents.model, contents.costs[0]):
        corrupted(Path(some.path(key)))  # nobody needs what is inside of a model whose executions are there
    stores = ("corrupted", "truncated", "some", "some")
    *everything, part, nothing = run_all(
        [(*SWEEP, "--store", store, "--output", f"out_{store}") for store in stores],
        folder=folder,
        environments=[{"CODESIGN_CACHE": cache_root}] * len(stores),
    )
    for ended in everything:
        assert sorted(ended.jobs) == sorted(undisturbed.jobs), ended.err
        assert ended.err.count("was damaged and is computed again; it now lies at ") == 11
    assert [job.split()[0] for job in part.jobs] == ["price"]
    assert part.err.count("was damaged and is computed again") == 1
    assert nothing.jobs == []
    for store, damaged in (("corrupted", 11), ("truncated", 11), ("some", 1)):
        assert len(everything_below(folder / store / "damaged")) == damaged
        undisturbed.check_results(folder / f"out_{store}" / "results.parquet")


def test_hostile_entries_are_computed_again_and_run_nothing(
    folder: Path, cache_root: Path, undisturbed: Undisturbed, store: Store
) -> None:
    """Entries whose checksum is right, since whoever wrote them knew how."""
    contents, marker = Contents(store), folder / "owned"

    def replace(key: str, payload: bytes) -> None:
        store.put(key, payload, contents.entries[key].facts)

    replace(contents.model, saved({"connections.0.weight": Attack(marker)}))
    for key in contents.executions[:2]:
        replace(key, packed(labels=np.array([Attack(marker)], dtype=object)))
    Path(store.path(contents.executions[2])).unlink()  # so that the model is needed in any case
    replace(contents.summaries[0], b'{"accuracy":"<script>"}')
    replace(contents.costs[0], pickle.dumps(Attack(marker)))
    for key in (*contents.summaries[1:], *contents.costs[1:]):
        Path(store.path(key)).unlink()

    ended = completed(sweep(folder, cache_root))
    assert not marker.exists()
    kinds = [job.split()[0] for job in ended.jobs]
    assert {kind: kinds.count(kind) for kind in kinds} == {"train": 1, "execute": 3, "price": 4}
    told = [line for line in ended.err.splitlines() if "and is computed again; it now lies at store/damaged/" in line]
    assert len(told) == 5
    assert all("could not be read (the stored " in line for line in told)
    assert "FAILED" not in ended.err
    undisturbed.check_results(folder / "out" / "results.parquet")


def test_what_is_no_model_is_an_error_and_runs_nothing(tmp_path: Path) -> None:
    marker, good = tmp_path / "owned", encode_state({"connections.0.weight": torch.zeros(3, 4)})
    hostile = {
        "pickle": pickle.dumps(Attack(marker)),
        "torch": saved(Attack(marker)),
        "truncated": good[: len(good) // 2],
        "without its end": good[:-30],
        "a list": saved([torch.zeros(2)]),
        "a text": saved({"connections.0.weight": "no tensor"}),
        "empty": b"",
        "noise": np.random.default_rng(0).bytes(5000),
    }
    for name, payload in hostile.items():
        with pytest.raises(UnreadableResultError, match="the stored model cannot be read"):
            decode_state(payload)
        assert not marker.exists(), name


def test_what_is_no_execution_is_an_error_and_runs_nothing(
    tmp_path: Path, undisturbed: Undisturbed, store: Store
) -> None:
    contents, marker = Contents(store), tmp_path / "owned"
    good = contents.entries[contents.executions[0]].payload
    with np.load(io.BytesIO(good)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert decode_execution(packed(**arrays)).samples == 20
    changes: dict[str, dict[str, object]] = {
        "objects": {"labels": np.array([Attack(marker)] * len(arrays["labels"]), dtype=object)},
        "shapes": {"emitted": arrays["emitted"][:, :-1]},
        "facts": {"facts": np.frombuffer(b'{"shape": 1}', dtype=np.uint8)},
        "columns of a table": {"messages.step": arrays["messages.step"][:-1]},
        "an array more": {"more": np.zeros(3)},
    }
    hostile = {
        **{name: packed(**{**arrays, **change}) for name, change in changes.items()},
        "an array less": packed(**{name: array for name, array in arrays.items() if name != "scores"}),
        "truncated": good[: len(good) // 2],
        "pickle": pickle.dumps(Attack(marker)),
        "empty": b"",
    }
    for name, payload in hostile.items():
        with pytest.raises(UnreadableResultError, match="the stored execution cannot be read"):
            decode_execution(payload)
        assert not marker.exists(), name


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"accuracy": NaN}',
        b'{"accuracy": 1e999}',
        b'{"accuracy": "0.5"}',
        b'{"accuracy": [0.5]}',
        b'{"samples": 1.5}',
        b'{"assumptions": "a text"}',
        b'{"nothing of ours": 1}',
        b'{"status": null}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"samples": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_are_no_columns_is_an_error(payload: bytes) -> None:
    with pytest.raises(UnreadableResultError, match="the stored columns cannot be read"):
        decode_columns(payload)


def test_headers_that_say_anything_count_as_damage(store: Store) -> None:
    import hashlib

    key = Contents(store).model
    for header in (b"[]", b"{}", b"1", b'{"bytes":"a","facts":{},"sha256":"a"}', b'{"bytes":1,"facts":[],"sha256":1}'):
        first = f"codesign-store 1 {hashlib.sha256(header).hexdigest()}\n".encode()
        Path(store.path(key)).write_bytes(first + header + b"\npayload")
        assert store.facts(key) is None
        Path(store.path(key)).write_bytes(first + header + b"\npayload")
        assert store.get(key) is None


# the cache of events -------------------------------------------------------------------------------------------------


# results -------------------------------------------------------------------------------------------------------------


def test_damaged_results_are_named_with_the_reason(folder: Path, undisturbed: Undisturbed) -> None:
    good = (undisturbed.folder / "out" / "results.parquet").read_bytes()
    table = pq.read_table(undisturbed.folder / "out" / "results.parquet")
    metadata = json.loads(table.schema.metadata[METADATA_KEY])

    def with_metadata(text: bytes) -> pa.Table:
        return table.replace_schema_metadata({METADATA_KEY: text})

    column = pq.ParquetFile(undisturbed.folder / "out" / "results.parquet").metadata.row_group(0).column(0)
    flipped = bytearray(good)
    flipped[column.dictionary_page_offset + column.total_compressed_size - 1] ^= 0xFF  # the last byte of its values
    torn = "is not a Parquet file, or is truncated"
    foreign = "its metadata is damaged or of another version of codesign"
    files: dict[str, tuple[bytes | pa.Table, str]] = {
        "truncated": (good[: len(good) // 2], torn),
        "flipped": (bytes(flipped), torn),
        "headless": (good[4:], torn),
        "garbage": (np.random.default_rng(0).bytes(2000), torn),
        "empty": (b"", torn),
        "other": (pa.table({"a": [1, 2]}), "is a Parquet file, but not one of codesign"),
        "list": (with_metadata(b"[]"), foreign),
        "no_json": (with_metadata(b"{"), foreign),
        "no_text": (with_metadata(b"\xff"), foreign),
        "no_sweep": (with_metadata(json.dumps({**metadata, "sweep": 1}).encode()), foreign),
        "wrong_type": (
            table.set_column(0, "sweep", pa.array([1] * len(table))),
            "column sweep: must be string, found int64",
        ),
        "lacking": (table.drop_columns(["sweep"]), "lacks the required column sweep"),
        "unknown": (
            table.append_column("mine", pa.array([1] * len(table))),
            "unknown column mine; was it written by a newer version of codesign?",
        ),
    }
    for name, (content, _) in files.items():
        if isinstance(content, bytes):
            (folder / f"{name}.parquet").write_bytes(content)
        else:
            pq.write_table(content, folder / f"{name}.parquet")
    (folder / "folder.parquet").mkdir()
    (folder / "loop.parquet").symlink_to("loop.parquet")
    reasons = {name: reason for name, (_, reason) in files.items()}
    reasons |= dict.fromkeys(("folder", "missing"), "there is no such file")
    reasons["loop"] = "Too many levels of symbolic links"
    before = everything_below(folder)
    commands = [("report", f"{name}.parquet") for name in reasons]
    for (name, reason), ended in zip(reasons.items(), run_all(commands, folder=folder), strict=True):
        assert ended.code == 2, (name, ended)
        assert ended.errors[0].startswith(f"{name}.parquet"), ended.errors
        assert reason in ended.errors[0], ended.errors
        assert "Traceback" not in ended.err
    assert everything_below(folder) == before
