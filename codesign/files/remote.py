"""A folder at a URL, through fsspec: object stores, SFTP, memory, and whatever fsspec's plug-ins add."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codesign.errors import CodesignError
from codesign.files.folder import Folder

_OBJECT_STORES = frozenset({"memory", "s3", "gs", "abfs"})
"""Systems, by one of fsspec's names, that do not need folders."""

_CONTENT_TYPE_OPTIONS = {"s3": "ContentType", "gs": "content_type"}
"""Argument of `pipe_file` for the type of an object. Without it, a browser downloads a report instead of showing it."""


class RemoteFolder(Folder):
    """Files at a URL, written through the system and path that fsspec derives from it.

    An object store shows only complete objects. Elsewhere a reader may see half a file, which a store's checksum
    detects.
    """

    _raised = (Exception,)  # implementations raise what their libraries raise

    def __init__(self, url: str, filesystem: Any, path: str, *, error: type[CodesignError]) -> None:
        super().__init__(url, error=error)
        self._filesystem = filesystem
        self._root = path.rstrip("/")
        protocols = filesystem.protocol
        self._protocols = frozenset([protocols] if isinstance(protocols, str) else protocols)
        if filesystem.async_impl:  # others, such as SFTP, do not promise thread safety
            self._at_once = self._durable_at_once = 16

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _read(self, name: str, first: int | None) -> bytes:
        if first is None:
            return bytes(self._filesystem.cat_file(self._path(name)))
        size = self._size(name)
        if size is None:
            raise IsADirectoryError(name)
        # A range that starts at or beyond the end is an error on object stores.
        return bytes(self._filesystem.cat_file(self._path(name), start=0, end=min(first, size))) if size else b""

    def _write(self, name: str, data: bytes, durable: bool) -> None:
        path = self._path(name)
        if not self._protocols & _OBJECT_STORES:
            self._filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._filesystem.pipe_file(path, data, **self._content_type(name))

    def _content_type(self, name: str) -> dict[str, str]:
        if not name.endswith(".html"):
            return {}
        options = (_CONTENT_TYPE_OPTIONS[protocol] for protocol in self._protocols & _CONTENT_TYPE_OPTIONS.keys())
        return dict.fromkeys(options, "text/html; charset=utf-8")

    def _size(self, name: str) -> int | None:
        self._filesystem.invalidate_cache()  # other processes write, too
        info = self._filesystem.info(self._path(name))
        return int(info["size"]) if info["type"] == "file" else None

    def _remove(self, name: str) -> None:
        self._filesystem.rm_file(self._path(name))

    def _names(self) -> Iterable[str]:
        self._filesystem.invalidate_cache()
        return [path.removeprefix(self._root).lstrip("/") for path in self._filesystem.find(self._root)]
