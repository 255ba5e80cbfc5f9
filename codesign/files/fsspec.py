"""A folder at a URL that fsspec knows: memory, sftp, az, and what its plug-ins add."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC
from typing import Any

from codesign.errors import CodesignError
from codesign.files.folder import Folder, temporary_beside

__all__ = ["FsspecFolder"]

_PUT_WHOLE = {"memory", "s3", "gs", "abfs"}
"""Systems, by one of fsspec's names, on which `pipe_file` shows a file when it is complete and not before."""


class FsspecFolder(Folder):
    """Files through fsspec. On object stores they are put directly, elsewhere written beside their place and moved.

    Args:
        url: the location.
        filesystem, path: what fsspec made of it.
        error: class of the errors that are raised.
    """

    _raised = (Exception,)  # implementations raise what their libraries do

    def __init__(self, url: str, filesystem: Any, path: str, *, error: type[CodesignError]) -> None:
        super().__init__(url, error=error)
        self._filesystem = filesystem
        self._root = path.rstrip("/")
        protocols = filesystem.protocol
        self._puts_whole = bool(_PUT_WHOLE & {protocols} if isinstance(protocols, str) else _PUT_WHOLE & {*protocols})

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _read(self, name: str, first: int | None) -> bytes:
        if first is None:
            return bytes(self._filesystem.cat_file(self._path(name)))
        size = self._size(name)
        if size is None:
            raise IsADirectoryError(name)
        # A range that begins at or beyond the end is an error on object stores.
        return bytes(self._filesystem.cat_file(self._path(name), start=0, end=min(first, size))) if size else b""

    def _write(self, name: str, data: bytes, durable: bool) -> None:
        path = self._path(name)
        if self._puts_whole:
            self._filesystem.pipe_file(path, data)
            return
        temporary = temporary_beside(path)
        try:
            self._make_parent(path)
            self._filesystem.pipe_file(temporary, data)
            self._replace(temporary, path)
        except BaseException:
            with suppress(Exception):
                self._filesystem.rm_file(temporary)
            raise

    def _replace(self, source: str, target: str) -> None:
        with suppress(FileExistsError):
            self._filesystem.mv(source, target)
        self._filesystem.invalidate_cache()
        if self._filesystem.exists(source):  # refused to move onto a file; WebHDFS does not even say so
            self._filesystem.rm_file(target)
            self._filesystem.mv(source, target)

    def _make_parent(self, path: str) -> None:
        self._filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)

    def _size(self, name: str) -> int | None:
        self._filesystem.invalidate_cache()  # other processes write, too
        info = self._filesystem.info(self._path(name))
        return int(info["size"]) if info["type"] == "file" else None

    def _modified_s(self, name: str) -> float | None:
        if self._size(name) is None:
            raise FileNotFoundError(name)
        try:
            written = self._filesystem.modified(self._path(name))
        except NotImplementedError:
            return None
        # A time without a zone is in UTC, as fsspec asks of its implementations.
        return float((written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp())

    def _move(self, name: str, target: str) -> None:
        if self._size(name) is None:
            raise FileNotFoundError(name)
        if not self._puts_whole:
            self._make_parent(self._path(target))
        self._replace(self._path(name), self._path(target))

    def _remove(self, name: str) -> None:
        self._filesystem.rm_file(self._path(name))

    def _names(self, folder: str, deep: bool) -> Iterable[str]:
        self._filesystem.invalidate_cache()
        base = self._path(folder)
        if deep:
            paths = self._filesystem.find(base)
        else:
            paths = [info["name"] for info in self._filesystem.ls(base, detail=True) if info["type"] == "file"]
        prefix = f"{folder}/" if folder else ""
        return [prefix + path.removeprefix(base).lstrip("/") for path in paths]
