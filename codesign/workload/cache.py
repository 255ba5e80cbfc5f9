"""Binned events on disk, so that a dataset is binned once per set of options.

A file is named after a hash of all that its content depends on, is written beside its place and then moved there, and
carries a hash of its content. So a reader sees a whole file or none, two processes may fill the same entry at once,
and a damaged file is noticed and made again. Where the folder cannot be written, everything works without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from codesign.workload.events import EventBatch

__all__ = ["Cache", "content_digest", "content_key", "file_states"]

_LOG = logging.getLogger(__name__)
_FORMAT = 1
_ARRAYS = ("offsets", "indices", "values", "labels", "sample_ids")
_UNFINISHED = ".part"
_DAY_S = 86_400.0
_PIECE = 1 << 22
_reported: set[Path] = set()


def content_key(parts: Mapping[str, Any]) -> str:
    """SHA-256 of `parts`, which must be plain data; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, allow_nan=False).encode()).hexdigest()


def file_states(root: Path, files: list[Path]) -> list[tuple[str, int, int]]:
    """(path below root, bytes, modification time in ns) of each file: changes whenever a file is written."""
    return [(f.relative_to(root).as_posix(), s.st_size, s.st_mtime_ns) for f, s in ((f, f.stat()) for f in files)]


def content_digest(root: Path, files: list[Path]) -> str:
    """SHA-256 of the paths below root and the content of `files`, in that order; holds a few megabytes at a time."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            digest.update(os.fsencode(f"{path.relative_to(root).as_posix()} {os.fstat(stream.fileno()).st_size} "))
            while piece := stream.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()


class Cache:
    """Entries below `root`; None keeps nothing."""

    def __init__(self, root: Path | None) -> None:
        self.root = root

    def load(self, key: str) -> dict[str, EventBatch] | None:
        """The batches stored under `key`, or None if there are none or the file is damaged."""
        path = self._path("events", f"{key}.npz")
        if path is None or not os.path.isfile(path):
            return None
        try:
            return _read(path)
        except Exception as error:  # a damaged file may fail anywhere in the readers of zip, npy and JSON
            _LOG.info("cache file %s is damaged (%s): it is made again", path, error)
            return None

    def store(self, key: str, batches: Mapping[str, EventBatch]) -> None:
        """Keep named batches under `key`; a folder that cannot be written is reported once and skipped."""
        self._write("events", f"{key}.npz", lambda stream: _write(stream, batches))

    def digest(self, identity: Mapping[str, Any], compute: Callable[[], str]) -> str:
        """`compute()`, remembered under `identity`: spares hashing gigabytes of files that did not change."""
        name = content_key(identity)
        path = self._path("digests", name)
        if path is not None and os.path.isfile(path):
            try:
                text = path.read_text(encoding="ascii")
                value, _, check = text.partition(" ")
                if check == content_key({"name": name, "value": value}):
                    return value
            except (OSError, ValueError):
                pass  # unreadable is like absent: computed and written again
        value = compute()
        line = f"{value} {content_key({'name': name, 'value': value})}"
        self._write("digests", name, lambda stream: stream.write(line.encode("ascii")))
        return value

    def _path(self, folder: str, name: str) -> Path | None:
        return None if self.root is None else self.root / folder / name

    def _write(self, folder: str, name: str, fill: Callable[[IO[bytes]], object]) -> None:
        path = self._path(folder, name)
        if path is None:
            return
        temporary = path.with_name(f".{name[:16]}-{os.getpid()}-{secrets.token_hex(4)}{_UNFINISHED}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path.parent)
            with temporary.open("xb") as stream:
                fill(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except OSError as error:
            if self.root is not None and self.root not in _reported:
                _reported.add(self.root)
                _LOG.warning("cache folder %s cannot be written (%s): working without it", self.root, error)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _remove_leftovers(folder: Path) -> None:
    """Delete unfinished files of processes that were killed; one younger than a day may still be written."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        with contextlib.suppress(OSError):  # another process may be deleting it, too
            if time.time() - path.stat().st_mtime > _DAY_S:
                path.unlink()


def _smallest(array: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers in the narrowest unsigned type that holds them; others as they are."""
    if len(array) == 0 or array.min() < 0 or not np.array_equal(array, np.floor(array)):
        return array
    for dtype in (np.uint8, np.uint16):
        if array.max() <= np.iinfo(dtype).max:
            return array.astype(dtype)
    return array


def _checksum(meta: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps({**meta, "checksum": None}, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _write(stream: IO[bytes], batches: Mapping[str, EventBatch]) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    meta: dict[str, Any] = {"format": _FORMAT, "batches": {}}
    for name, batch in batches.items():
        for field in _ARRAYS:
            array = getattr(batch, field)
            arrays[f"{name}.{field}"] = _smallest(array) if field in ("indices", "values") else array
        meta["batches"][name] = {
            "timesteps": batch.timesteps,
            "input_size": batch.input_size,
            "timestep_s": batch.timestep_s,
            "currents": batch.currents,
        }
    meta["checksum"] = _checksum(meta, arrays)
    text = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
    np.savez(stream, allow_pickle=False, meta=text, **arrays)


def _read(path: Path) -> dict[str, EventBatch]:
    # numpy leaves a file that it opened itself open if it is damaged
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files}
    meta = json.loads(content.pop("meta").tobytes())
    if meta["format"] != _FORMAT or meta["checksum"] != _checksum(meta, content):
        raise ValueError("its content does not match its checksum")
    types = {"indices": np.int32, "values": np.float32}
    batches = {}
    for name, parameters in meta["batches"].items():
        arrays = {field: content[f"{name}.{field}"].astype(types.get(field, np.int64), copy=False) for field in _ARRAYS}
        batches[name] = EventBatch(**arrays, **parameters)
    return batches
