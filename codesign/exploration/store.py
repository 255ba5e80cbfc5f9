"""The result store: a folder of finished jobs, named by what their results depend on.

One file an entry, `<root>/<first two characters of the key>/<key>`:

    codesign-store 1 <sha256 of the next line>
    {"bytes": …, "facts": {…}, "sha256": <of the payload>}
    payload

An entry appears whole or not at all (temporary file, fsync, rename), so any number of processes may share a store: two
that finish the same job write the same content, and the later one replaces the earlier. An entry that fails its
checksum is moved to `<root>/damaged` and counts as missing. Nothing in a store is ever unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from codesign.errors import StoreError

__all__ = ["Entry", "Facts", "Store"]

Facts = Mapping[str, str | int | float | None]
"""Small things about an entry that can be read without its payload."""

_MAGIC = "codesign-store 1"
_KEY = re.compile(r"[0-9a-f]{64}\Z")
_STALE_S = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What a finished job left: its result as bytes, and facts about it such as `wall_s`."""

    payload: bytes
    facts: Facts


class Store:
    """Finished jobs in the folder `root`, which is made where it is missing.

    Args:
        root: the folder.
        on_damage: called with a sentence for each damaged entry that was set aside.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, root: Path, *, on_damage: Callable[[str], None] | None = None) -> None:
        self.root = root
        self._on_damage = on_damage
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe = root / f".{uuid4().hex}.tmp"
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise StoreError(f"{root}: cannot be written: {error.strerror or error}; choose another --store") from error
        self._remove_stale()

    def path(self, key: str) -> Path:
        """Where the entry of `key`, 64 hexadecimal digits, is or would be."""
        if not _KEY.match(key):
            raise ValueError(f"a key must be 64 hexadecimal digits, found {key!r}")
        return self.root / key[:2] / key

    def get(self, key: str) -> Entry | None:
        """The entry of `key` with everything checked, or None where it is missing or damaged.

        Raises:
            StoreError: it is there and cannot be read.
        """
        path = self.path(key)
        data = self._read(path, None)
        if data is None:
            return None
        parsed = _parse_header(data)
        if parsed is not None:
            start, size, digest, facts = parsed
            payload = data[start:]
            if len(payload) == size and hashlib.sha256(payload).hexdigest() == digest:
                return Entry(payload=payload, facts=facts)
        self._set_aside(path)
        return None

    def facts(self, key: str) -> Facts | None:
        """The facts of an entry, or None where it is missing or damaged; of the payload only the length is checked."""
        path = self.path(key)
        data = self._read(path, 64 * 1024)
        if data is None:
            return None
        parsed = _parse_header(data)
        if parsed is not None:
            start, size, _, facts = parsed
            with contextlib.suppress(OSError):
                if path.stat().st_size == start + size:
                    return facts
        self._set_aside(path)
        return None

    def put(self, key: str, payload: bytes, facts: Facts) -> None:
        """Keep a result.

        Raises:
            StoreError: it cannot be written, for example because the disk is full.
        """
        path = self.path(key)
        header = json.dumps(
            {"bytes": len(payload), "facts": dict(facts), "sha256": hashlib.sha256(payload).hexdigest()},
            sort_keys=True,
            allow_nan=False,
        ).encode()
        first = f"{_MAGIC} {hashlib.sha256(header).hexdigest()}\n".encode()
        temporary = path.with_name(f".{key}.{uuid4().hex}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                file.writelines((first, header, b"\n", payload))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()

    def _read(self, path: Path, limit: int | None) -> bytes | None:
        try:
            with path.open("rb") as file:
                return file.read() if limit is None else file.read(limit)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error

    def _set_aside(self, path: Path) -> None:
        target = self.root / "damaged" / f"{path.name}.{uuid4().hex[:8]}"
        try:
            target.parent.mkdir(exist_ok=True)
            os.replace(path, target)
        except FileNotFoundError:
            return  # another process was faster
        except OSError as error:
            raise StoreError(f"{path}: is damaged and cannot be moved away: {error.strerror or error}") from error
        if self._on_damage is not None:
            self._on_damage(f"store entry {path.name[:12]} was damaged and is computed again; it now lies at {target}")

    def _remove_stale(self) -> None:
        """Temporary files of processes that were killed long ago."""
        oldest = time.time() - _STALE_S
        for path in (*self.root.glob(".*.tmp"), *self.root.glob("*/.*.tmp")):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _parse_header(data: bytes) -> tuple[int, int, str, Facts] | None:
    """Where the payload starts, its length and checksum, and the facts; None where the header is damaged."""
    first, _, rest = data.partition(b"\n")
    header, newline, _ = rest.partition(b"\n")
    if not newline or first != f"{_MAGIC} {hashlib.sha256(header).hexdigest()}".encode():
        return None
    content = json.loads(header)
    return len(first) + len(header) + 2, content["bytes"], content["sha256"], content["facts"]


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where folders can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
