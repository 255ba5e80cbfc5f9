from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import StoreError
from codesign.exploration.store import Store

KEY = "ab" * 32


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(KEY) is None
    assert store.facts(KEY) is None
    store.put(KEY, b"payload\n\x00", {"wall_s": 1.5, "name": "a", "nothing": None})
    entry = Store(tmp_path).get(KEY)
    assert entry is not None
    assert entry.payload == b"payload\n\x00"
    assert entry.facts == store.facts(KEY) == {"wall_s": 1.5, "name": "a", "nothing": None}


def test_a_later_put_replaces_an_earlier_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, b"one", {})
    store.put(KEY, b"two", {})
    entry = store.get(KEY)
    assert entry is not None
    assert entry.payload == b"two"


def test_keys_cannot_leave_the_folder(tmp_path: Path) -> None:
    for key in ("../../etc/passwd", "ab", KEY + "/x", KEY.upper()):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            Store(tmp_path).path(key)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    notes: list[str] = []
    store = Store(tmp_path_factory.mktemp("store"), on_damage=notes.append)
    store.put(KEY, b"some payload", {"wall_s": 1.0})
    path = store.path(KEY)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    assert store.get(KEY) is None
    assert not path.exists()
    assert len(list((store.root / "damaged").iterdir())) == len(notes) == 1


@pytest.mark.parametrize("length", [0, 10, 70, -1])
def test_truncated_entries_are_set_aside_by_facts_too(tmp_path: Path, length: int) -> None:
    store = Store(tmp_path)
    store.put(KEY, b"payload", {})
    path = store.path(KEY)
    path.write_bytes(path.read_bytes()[:length])
    assert store.facts(KEY) is None
    assert not path.exists()
    store.put(KEY, b"payload", {})
    assert store.get(KEY) is not None


def test_a_failed_write_leaves_the_old_entry_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.put(KEY, b"old", {})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.put(KEY, b"new", {})
    entry = store.get(KEY)
    assert entry is not None
    assert entry.payload == b"old"
    assert [path.name for path in store.path(KEY).parent.iterdir()] == [KEY]


def test_a_place_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StoreError, match="choose another --store"):
        Store(blocked / "store")


def test_temporary_files_of_dead_processes_are_removed_and_young_ones_kept(tmp_path: Path) -> None:
    Store(tmp_path)
    old, young = tmp_path / "ab" / ".x.1.tmp", tmp_path / "ab" / ".x.2.tmp"
    old.parent.mkdir()
    for path in (old, young):
        path.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    Store(tmp_path)
    assert not old.exists()
    assert young.exists()


HAMMER = """
import sys
from pathlib import Path
from codesign.exploration.store import Store

store = Store(Path(sys.argv[1]))
for turn in range(60):
    for number in range(4):
        key = f"{number:064x}"
        store.put(key, bytes([number]) * 50_000, {"turn": turn})
        entry = store.get(key)
        assert entry is not None and entry.payload == bytes([number]) * 50_000, key
"""


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HAMMER, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    store = Store(tmp_path)
    assert all(store.get(f"{number:064x}") is not None for number in range(4))
    assert not (tmp_path / "damaged").exists()
    assert not list(tmp_path.glob("*/.*.tmp"))
