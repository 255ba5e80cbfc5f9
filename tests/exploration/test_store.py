from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.errors import StoreError
from codesign.exploration.jobs.store import Entry, Store
from codesign.files import open_folder

KEY = "ab" * 32
NAME = f"ab/{KEY}"
PLACES = {"local": str, "memory": lambda path: f"memory:/{path}"}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A location of each kind."""
    return PLACES[request.param](tmp_path / "store")


# the curves of a training of so many epochs are not in the first read of an entry
@pytest.mark.parametrize("facts", [{"name": "a", "nothing": None}, {"curve": [1 / (n + 3) for n in range(10_000)]}])
def test_what_is_put_comes_back(place: str, facts: dict[str, object]) -> None:
    store = Store(place)
    assert store.get(KEY) is store.facts(KEY) is None
    assert not store.keys()
    entry = Entry(payload=b"payload\n\x00", facts={"wall_s": 1.5, **facts})
    store.put_many({KEY: entry})
    assert Store(place).get(KEY) == entry
    assert store.facts(KEY) == entry.facts
    assert list(store.facts_many([KEY])) == [entry.facts]
    assert store.keys() == {KEY}
    store.folder.write(NAME, store.folder.read(NAME)[:-1])
    assert store.facts(KEY) is None


def test_many_at_once_are_as_one_by_one(place: str) -> None:
    notes: list[str] = []
    store, one_by_one = Store(place, on_damage=notes.append), Store(f"{place}2")
    keys = [f"{number % 7:02x}{number:062x}" for number in range(150)]
    entries = {key: Entry(payload=key.encode() * (number % 3), facts={"n": number}) for number, key in enumerate(keys)}
    store.put_many(entries)
    for key, entry in entries.items():
        one_by_one.put_many({key: entry})
    assert [store.folder.read(name) for name in store.folder.names()] == [
        one_by_one.folder.read(name) for name in one_by_one.folder.names()
    ]
    store.folder.write(f"{keys[70][:2]}/{keys[70]}", b"damaged")
    wanted = [*reversed(keys), KEY]
    expected = [None if key in (keys[70], KEY) else entries[key] for key in wanted]
    assert list(store.get_many(wanted)) == expected
    assert [text.split()[2] for text in notes] == [keys[70][:12]]
    assert list(store.get_many([])) == []
    store.put_many({})


def test_only_what_must_survive_a_power_failure_is_forced_to_the_disk(tmp_path, monkeypatch):
    store, forced = Store(tmp_path), []
    monkeypatch.setattr(os, "fsync", forced.append)
    store.put_many({KEY: Entry(payload=b"x", facts={})}, durable=False)
    assert len(forced) == 1  # that the store has a new folder
    store.put_many({KEY: Entry(payload=b"x", facts={})})
    assert len(forced) == 3  # the file, and its name in the folder


def test_where_one_of_many_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "cd").write_text("in the way")
    with pytest.raises(StoreError, match="cd/"):
        store.put_many({KEY: Entry(payload=b"x", facts={}), "cd" * 32: Entry(payload=b"x", facts={})})
    assert store.keys() == {KEY}


def test_the_format_stays(place: str) -> None:
    """Written by hand after the description, as now and without a key, as by 0.1.0; the digests are those of
    `sha256sum`."""
    store, entry = Store(place), Entry(payload=b"abc", facts={"a": 1})
    for key, digest in (
        (b"", b"b752d9fe04c05970d96a0719ece625048e82a6c7047e32731b109aa35b89baf2"),
        (b'"key": "%s", ' % KEY.encode(), b"997b97e90fd44dc0ba82eaf1a43f08274d57d63a90eae9fcfab8de1341251fa8"),
    ):
        payload_digest = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        header = b'{"bytes": 3, "facts": {"a": 1}, %s"sha256": "%s"}' % (key, payload_digest)
        data = b"codesign-store 1 " + digest + b"\n" + header + b"\nabc"
        store.folder.write(NAME, data)
        assert store.get(KEY) == entry
    store.put_many({KEY: entry})
    assert store.folder.read(NAME) == data


@pytest.mark.parametrize("look", [Store.get, Store.facts])
def test_an_entry_that_was_copied_under_another_key_is_damage(place: str, look: Callable[[Store, str], object]) -> None:
    store, other = Store(place), "cd" * 32
    store.put_many({KEY: Entry(payload=b"abc", facts={})})
    store.folder.write(f"cd/{other}", store.folder.read(NAME))
    assert look(store, other) is None
    assert store.keys() == {KEY}


@pytest.mark.parametrize("header", [b"[]", b'{"bytes": 0, "facts": ' + b"[" * 100_000])
def test_what_is_no_header_is_damage_whatever_its_checksum(place: str, header: bytes) -> None:
    store = Store(place)
    first = b"codesign-store 1 " + hashlib.sha256(header).hexdigest().encode()
    store.folder.write(NAME, first + b"\n" + header + b"\n")
    assert store.get(KEY) is None


def test_keys_are_those_of_entries_only(place: str) -> None:
    store = Store(place)
    assert store.keys() == frozenset()
    keys = {f"{number % 3:02x}{number:062x}" for number in range(10)}
    for key in keys:
        store.put_many({key: Entry(payload=b"x", facts={})})
    store.folder.write("runs/1.json", b"{}")
    store.folder.write(f"runs/{KEY}", b"")
    store.folder.write(f"cd/{KEY}", b"")  # not where its entry would be
    store.folder.write(f"ab/{KEY}.json", b"")
    store.put_many({KEY: Entry(payload=b"x", facts={})})
    store.folder.write(f"ab/{KEY}", b"damaged")
    assert store.keys() == keys | {KEY}
    assert store.get(KEY) is None
    assert store.keys() == keys


def test_long_payloads_are_checked_for_their_length_only_by_facts(place: str) -> None:
    store = Store(place)
    payload = bytes(200_000)
    store.put_many({KEY: Entry(payload=payload, facts={"wall_s": 2.0})})
    assert store.facts(KEY) == {"wall_s": 2.0}
    data = store.folder.read(NAME)
    store.folder.write(NAME, data[:-1] + b"\x01")
    assert store.facts(KEY) == {"wall_s": 2.0}
    assert store.get(KEY) is None
    store.folder.write(NAME, data[:-1])
    assert store.facts(KEY) is None
    assert not store.keys()


@pytest.mark.parametrize("length", [0, 10, 70, -1])
@pytest.mark.parametrize("look", [Store.get, Store.facts])
def test_truncated_entries_are_removed(place: str, length: int, look: Callable[[Store, str], object]) -> None:
    notes: list[str] = []
    store = Store(place, on_damage=notes.append)
    store.put_many({KEY: Entry(payload=b"payload", facts={})})
    data = store.folder.read(NAME)
    store.folder.write(NAME, data[:length])
    assert look(store, KEY) is None
    assert not store.keys()
    assert notes == [f"store entry {KEY[:12]} was damaged; it is removed and computed again"]
    store.put_many({KEY: Entry(payload=b"payload", facts={})})
    assert store.get(KEY) is not None


def test_a_url_is_printed_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder("memory://printed/x", error=StoreError)
    folder.location = "s3://key:secret@bucket/x?region=a"
    monkeypatch.setattr("codesign.exploration.jobs.store.open_folder", lambda *arguments, **options: folder)
    store = Store("s3://key:secret@bucket/x?region=a")
    assert store.root == "s3://key:***@bucket/x?region=a"
    assert store.path(KEY) == f"s3://key:***@bucket/x/ab/{KEY}?region=a"


def test_keys_cannot_leave_the_folder(tmp_path: Path) -> None:
    for key in ("../../etc/passwd", "ab", KEY + "/x", KEY.upper()):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            Store(tmp_path).path(key)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=60)
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    notes: list[str] = []
    store = Store(tmp_path_factory.mktemp("store"), on_damage=notes.append)
    store.put_many({KEY: Entry(payload=b"some payload", facts={"wall_s": 1.0})})
    path = store.path(KEY)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(data)
    assert store.get(KEY) is None
    assert not path.exists()
    assert len(notes) == 1


HAMMER = """
import sys
from codesign.exploration.jobs.store import Entry, Store

store = Store(sys.argv[1])
for turn in range(20):
    for number in range(4):
        key = f"{number:064x}"
        store.put_many({key: Entry(payload=bytes([number]) * 50_000, facts={"turn": turn})})
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
    assert not list(tmp_path.glob("*/.*.tmp"))
