"""A folder at a URL that Arrow knows: s3, gs, abfs, hdfs, file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa
from pyarrow import fs

from codesign.errors import CodesignError
from codesign.files.folder import Folder, temporary_beside

__all__ = ["ArrowFolder"]

_PUT_WHOLE = ("s3", "gcs")
"""Systems, by Arrow's name, on which an object appears when its stream is closed and not before."""

_CONTENT_TYPES = {"html": "text/html; charset=utf-8"}
"""What an object store tells a browser, so that it shows a report and does not offer to keep it."""


class ArrowFolder(Folder):
    """Files through `pyarrow.fs`.

    An object store shows an object when it is complete, so a file is put there directly: a temporary object and a move
    would cost a copy and two requests more, and end in the same put. Elsewhere a file is written beside its place and
    moved.

    Args:
        url: the location.
        filesystem, path: what Arrow made of it.
        error: class of the errors that are raised.
    """

    _raised = (OSError, pa.ArrowException)
    _at_once = _durable_at_once = 16

    def __init__(self, url: str, filesystem: fs.FileSystem, path: str, *, error: type[CodesignError]) -> None:
        super().__init__(url, error=error)
        self._filesystem = filesystem
        self._root = path.rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root or "/"

    def _read(self, name: str, first: int | None) -> bytes:
        try:
            # A file, not a stream: all of it is then one request, where a stream asks for a piece at a time.
            with self._filesystem.open_input_file(self._path(name)) as file:
                data: bytes = file.read() if first is None else file.read(first)
                return data
        except FileNotFoundError:
            raise
        except self._raised:
            if self._filesystem.get_file_info(self._path(name)).type == fs.FileType.Directory:
                raise IsADirectoryError(name) from None
            raise

    def _write(self, name: str, data: bytes, durable: bool) -> None:
        path = self._path(name)
        if self._filesystem.type_name in _PUT_WHOLE:
            _uninterrupted(lambda: self._put(path, data))
            return
        temporary = temporary_beside(path)
        try:
            try:
                self._put(temporary, data)
            except FileNotFoundError:
                self._make_parent(path)
                self._put(temporary, data)
            self._replace(temporary, path)
        except BaseException:
            with suppress(*self._raised):
                self._filesystem.delete_file(temporary)
            raise

    def _put(self, path: str, data: bytes) -> None:
        content = _CONTENT_TYPES.get(path.rpartition(".")[2])
        metadata = None if content is None else {"Content-Type": content}
        with self._filesystem.open_output_stream(path, compression=None, metadata=metadata) as stream:
            stream.write(data)

    def _replace(self, source: str, target: str) -> None:
        """Move a file onto another one or to a place where there is none."""
        if self._filesystem.type_name == "hdfs":  # does not move onto a file
            with suppress(FileNotFoundError):
                self._filesystem.delete_file(target)
        try:
            self._filesystem.move(source, target)
        except NotImplementedError:  # Azure without a hierarchical namespace
            self._filesystem.copy_file(source, target)
            self._filesystem.delete_file(source)

    def _make_parent(self, path: str) -> None:
        self._filesystem.create_dir(path.rpartition("/")[0], recursive=True)

    def _size(self, name: str) -> int | None:
        info = self._filesystem.get_file_info(self._path(name))
        return info.size if info.type == fs.FileType.File else None

    def _modified_s(self, name: str) -> float | None:
        info = self._filesystem.get_file_info(self._path(name))
        if info.type != fs.FileType.File:
            raise FileNotFoundError(name)
        return None if info.mtime is None else info.mtime.timestamp()

    def _move(self, name: str, target: str) -> None:
        if self._size(name) is None:  # what a move of a missing file raises differs
            raise FileNotFoundError(name)
        if self._filesystem.type_name not in _PUT_WHOLE:
            self._make_parent(self._path(target))
        self._replace(self._path(name), self._path(target))

    def _remove(self, name: str) -> None:
        self._filesystem.delete_file(self._path(name))

    def _names(self, folder: str, deep: bool) -> Iterable[str]:
        base = self._path(folder)
        selector = fs.FileSelector(base, allow_not_found=True, recursive=deep)
        prefix = f"{folder}/" if folder else ""
        for info in self._filesystem.get_file_info(selector):
            if info.type == fs.FileType.File:
                yield prefix + info.path.removeprefix(base).lstrip("/")


def _uninterrupted(put: Callable[[], None]) -> None:
    """Run a put to its end, whatever the user presses.

    A stream that an interrupt leaves is closed, and closing it would put the half of an object that was written.
    Interrupts go to the main thread only.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(put).result()
