"""The result store: a folder of finished jobs, named by hashes of everything that their results depend on.

One file per entry, `<root>/<first two characters of the key>/<key>`:

    codesign-store 1 <sha256 of the next line>
    {"bytes": …, "facts": {…}, "key": …, "sha256": <of the payload>}
    payload

The folder may be local or at a URL. An entry appears whole or not at all, so any number of processes may share a store:
if two finish the same job, they write the same content, and the later one replaces the earlier. An entry that fails its
checksum, or has the key of another, is removed and counts as missing; those of 0.1.0 have no key. Nothing in a store is
ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from codesign.errors import StoreError
from codesign.files import Folder, Location, is_url, join, open_folder, printable

Facts = Mapping[str, str | int | float | Sequence[float] | None]
"""Small facts about an entry that can be read without its payload."""

_MAGIC = "codesign-store 1"
_KEY = re.compile(r"[0-9a-f]{64}\Z")
_NAME = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")
_HEAD_BYTES = 64 * 1024
"""Bytes that hold header and facts of an entry, except for trainings with thousands of epochs."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The result of a finished job as bytes, and facts about it such as `wall_s`."""

    payload: bytes
    facts: Facts


class Store:
    """Finished jobs in a folder, which is created if it is missing.

    One thread at a time may use a store object; any number of processes may use a store.

    Args:
        root: the folder, a path or a URL.
        on_damage: called with a sentence for each damaged entry that was removed.
        look_only: whether nothing may be created, written or removed; damaged entries then only count as missing.

    Attributes:
        root: a path, or a URL without secrets.
        folder: the folder of the entries; other small files may be in subfolders with longer names.

    Raises:
        StoreError: the folder cannot be reached, created or written. All methods raise it, too, where an entry exists
            but cannot be read, or cannot be written, for example because the disk is full.
    """

    root: Location
    folder: Folder

    def __init__(
        self, root: Location, *, on_damage: Callable[[str], None] | None = None, look_only: bool = False
    ) -> None:
        self.folder = open_folder(root, error=StoreError)
        self.root = printable(root) if is_url(root) else self.folder.location
        self._on_damage = on_damage
        self._look_only = look_only
        if look_only:
            return
        try:
            self.folder.check_writable()
        except StoreError as error:
            raise StoreError(f"{error}; choose another store") from error

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def path(self, key: str) -> Location:
        """Location of the entry of `key`, 64 hexadecimal digits, whether or not it exists; a URL without secrets."""
        return join(self.root, _name(key))

    def keys(self) -> frozenset[str]:
        """Keys of all existing entries, unchecked, from one listing of the folder."""
        matches = map(_NAME.match, self.folder.names())
        return frozenset(match[2] for match in matches if match is not None)

    def get(self, key: str) -> Entry | None:
        """The entry of `key`, fully checked; None if it is missing or damaged."""
        return next(self.get_many([key]))

    def needed(self, key: str) -> Entry:
        """The entry of `key`, which this run has stored or found. Raises StoreError if it is no longer there."""
        entry = self.get(key)
        if entry is None:
            raise StoreError(self.gone(key))
        return entry

    def gone(self, key: str) -> str:
        """Say that the entry of `key`, which this run has stored or found, is no longer there."""
        return f"{self.path(key)}: disappeared while it was needed; run it again"

    def get_many(self, keys: Sequence[str]) -> Iterator[Entry | None]:
        """Like `get`, key by key in their order; at a URL, several are read at once."""
        for key, data in zip(keys, self.folder.read_many([_name(key) for key in keys]), strict=True):
            yield self._checked(key, data)

    def _checked(self, key: str, data: bytes | None) -> Entry | None:
        if data is None:
            return None
        parsed = _parse_header(key, data)
        if parsed is not None:
            start, size, digest, facts = parsed
            payload = data[start:]
            if len(payload) == size and hashlib.sha256(payload).hexdigest() == digest:
                return Entry(payload=payload, facts=facts)
        self._remove_damaged(key)
        return None

    def facts(self, key: str) -> Facts | None:
        """The facts of an entry; None if it is missing or damaged. Only the length of the payload is checked."""
        return next(self.facts_many([key]))

    def facts_many(self, keys: Sequence[str]) -> Iterator[Facts | None]:
        """Like `facts`, key by key in their order; at a URL, several are read at once."""
        heads = self.folder.read_many([_name(key) for key in keys], first=_HEAD_BYTES)
        for key, data in zip(keys, heads, strict=True):
            yield self._checked_head(key, data)

    def _checked_head(self, key: str, data: bytes | None) -> Facts | None:
        if data is None:
            return None
        parsed = _parse_header(key, data)
        if parsed is None and len(data) == _HEAD_BYTES and data.startswith(_MAGIC.encode()):
            # perhaps not all its facts were read
            entry = self.get(key)
            return None if entry is None else entry.facts
        if parsed is not None:
            start, size, _, facts = parsed
            if start + size == (len(data) if len(data) < _HEAD_BYTES else self.folder.size(_name(key))):
                return facts
        self._remove_damaged(key)
        return None

    def put_many(self, entries: Mapping[str, Entry], *, durable: bool = True) -> None:
        """Store results by key; several are written at once if each takes a request or is forced to a disk. If one
        cannot be written, others may have been.

        Args:
            durable: whether they must survive a power failure. If not, results of the last seconds may be damaged after
                one, and are then computed again.
        """
        self.folder.write_many({_name(key): _file(key, entry) for key, entry in entries.items()}, durable=durable)

    def _remove_damaged(self, key: str) -> None:
        """Remove an entry, so that it is computed again, and report it unless another process was faster."""
        if not self._look_only and self.folder.remove(_name(key)) and self._on_damage is not None:
            self._on_damage(f"store entry {key[:12]} was damaged; it is removed and computed again")


def _name(key: str) -> str:
    if not _KEY.match(key):
        raise ValueError(f"a key must be 64 hexadecimal digits, found {key!r}")
    return f"{key[:2]}/{key}"


def _file(key: str, entry: Entry) -> bytes:
    digest = hashlib.sha256(entry.payload).hexdigest()
    content = {"bytes": len(entry.payload), "facts": dict(entry.facts), "key": key, "sha256": digest}
    header = json.dumps(content, sort_keys=True, allow_nan=False).encode()
    first = f"{_MAGIC} {hashlib.sha256(header).hexdigest()}\n".encode()
    return b"".join((first, header, b"\n", entry.payload))


def _parse_header(key: str, data: bytes) -> tuple[int, int, str, Facts] | None:
    """Start of the payload, its length and checksum, and the facts; None if the header is damaged, or that of an entry
    of another key."""
    first, _, rest = data.partition(b"\n")
    header, newline, _ = rest.partition(b"\n")
    if not newline or first != f"{_MAGIC} {hashlib.sha256(header).hexdigest()}".encode():
        return None
    try:
        content = json.loads(header)
        size, digest, facts, own = content["bytes"], content["sha256"], content["facts"], content.get("key", key)
    except (ValueError, TypeError, KeyError, RecursionError):  # anyone can write a valid checksum for any header
        return None
    if not isinstance(size, int) or not isinstance(facts, dict) or own != key:
        return None
    return len(first) + len(header) + 2, size, digest, facts
