"""Binned events on disk, so that a dataset is binned once per set of options.

A file is named after a hash of everything that its content depends on, appears whole or not at all, and carries a hash
of its content: two processes may fill the same entry at once, and a damaged file is detected and made again. If the
folder cannot be written, everything works without it.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import narrowed
from codesign.errors import DataError, InputError
from codesign.files import open_folder
from codesign.files.code import sealed, unsealed
from codesign.files.local import MOST_BYTES
from codesign.workload.datasets.reading import reading
from codesign.workload.event_rows import DTYPES
from codesign.workload.events import EventBatch

_LOG = logging.getLogger(__name__)
_reported: set[Path] = set()


def content_key(parts: Mapping[str, Any]) -> str:
    """SHA-256 of `parts`, which must be plain data; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, allow_nan=False).encode()).hexdigest()


FileStates = Sequence[tuple[str, int, int, int]]
"""Distinguishes changed files from unchanged ones without reading them."""


def file_states(root: Path, files: Sequence[Path]) -> FileStates:
    """(path below root, bytes, modification time and change time in ns) of each file: differs whenever a file was
    written, even by tools that restore its modification time, such as `cp -p`, `rsync -t` and archivers. Raises
    DataError if a file is gone, is not a regular file (reading it might never end), or is too large for a dataset."""
    try:
        states = [(file, file.stat()) for file in files]
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read: {error.strerror}") from None
    for file, state in states:
        if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:
            raise DataError(f"{file}: is a pipe, a device or larger than any file of a dataset; remove it")
    return [
        (file.relative_to(root).as_posix(), state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        for file, state in states
    ]


def content_digest(root: Path, files: list[Path]) -> str:
    """SHA-256 of the paths below root and the content of `files`, in that order; holds a few megabytes at a time.
    Raises DataError if one cannot be read."""
    digest = hashlib.sha256()
    for path in files:
        with reading(path, remedy="copy it again"), path.open("rb") as stream:
            digest.update(os.fsencode(f"{path.relative_to(root).as_posix()} {os.fstat(stream.fileno()).st_size} "))
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()


class Cache:
    """Entries below `root`; None stores nothing."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._folder = None if root is None else open_folder(root)

    def load(self, key: str) -> dict[str, EventBatch] | None:
        """The batches stored under `key`, without their grid, or None if there are none or the file is damaged."""
        content = self._read(f"events/{key}.npz")
        try:
            return None if content is None else _batches_of(content)
        except Exception as error:  # whoever may write there can seal anything
            _LOG.info("cache file events/%s.npz of %s holds no events (%s): it is made again", key, self.root, error)
            return None

    def store(self, key: str, batches: Mapping[str, EventBatch]) -> None:
        """Store named batches under `key`; a folder that cannot be written is reported once and skipped."""
        if self._folder is not None:
            self._write(f"events/{key}.npz", _bytes_of(batches))

    def digest(self, identity: Mapping[str, Any], compute: Callable[[], str]) -> str:
        """`compute()`, remembered under `identity`: saves hashing gigabytes of unchanged files."""
        name = f"digests/{content_key(identity)}"
        known = self._read(name)
        if known is not None:
            return known.decode(errors="replace")
        value = compute()
        self._write(name, value.encode())
        return value

    def _read(self, name: str) -> bytes | None:
        try:
            data = None if self._folder is None else self._folder.read(name)
        except InputError:  # unreadable counts as absent: computed and written again
            return None
        content = None if data is None else unsealed(data)
        if data is not None and content is None:
            _LOG.info("cache file %s of %s is damaged: it is made again", name, self.root)
        return content

    def _write(self, name: str, content: bytes) -> None:
        if self._folder is None or self.root is None:
            return
        try:
            self._folder.write(name, sealed(content))
        except InputError as error:
            if self.root not in _reported:
                _reported.add(self.root)
                reason = error.__cause__ or error  # the path is already in the message
                _LOG.warning("cache folder %s cannot be written (%s): working without it", self.root, reason)


def _bytes_of(batches: Mapping[str, EventBatch]) -> bytes:
    arrays: dict[str, NDArray[Any]] = {}
    meta: dict[str, Any] = {}
    for name, batch in batches.items():
        for field in DTYPES:
            array = getattr(batch, field)
            counts = field == "values" and not batch.currents
            arrays[f"{name}.{field}"] = narrowed(array.astype(np.int64) if counts else array)
        meta[name] = {field: getattr(batch, field) for field in ("timesteps", "input_size", "timestep_s", "currents")}
    text = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, meta=text, **arrays)
    return stream.getvalue()


def _batches_of(data: bytes) -> dict[str, EventBatch]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        content = {name: file[name] for name in file.files}
    meta = json.loads(content.pop("meta").tobytes())
    batches = {}
    for name, parameters in meta.items():
        arrays = {field: content[f"{name}.{field}"].astype(kind, copy=False) for field, kind in DTYPES.items()}
        batches[name] = EventBatch(**arrays, **parameters)
    return batches
