"""Standard output and standard error that survive the loss of their reader.

A log that nobody can read or keep any more (a closed stream, a reader that has gone, a full disk) must not end hours of
work, so writing never fails. If some of standard output, the answer, was lost, the exit code says so.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

import typer

from codesign.terminal_text import escaped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


UNSHOWN = 3
"""Exit code for success when the answer could not be shown."""


class Lasting(io.FileIO):
    """The file of a stream, by its number, which accepts everything written to it; it may be closed, so that nothing
    can be shown. `lost` says why something that was written is lost."""

    lost: OSError | None = None

    def __init__(self, number: int, *, closed: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._never_open = closed

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            if self._never_open:
                raise OSError(errno.EBADF, "it is closed")
            written = super().write(data)
            if written is None:
                raise BlockingIOError(errno.EAGAIN, "it takes no more for now")
        except OSError as error:
            self.lost = self.lost or error
            return memoryview(data).nbytes
        return written


def tell(text: str, *, err: bool = False) -> None:
    """Print lines for a person. Text of others in them, such as names of files, cannot control the terminal."""
    typer.echo(escaped(text), err=err)


def replace_streams() -> Lasting | None:
    """Make the streams of this process lasting; that of standard output, None where it is no file, as in tests.

    A terminal that cannot show µ shows `\\xb5`.
    """
    # The next file opened would get the number of a closed stream, and everything written to that stream.
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    _replaced("stderr", 2)
    return _replaced("stdout", 1)


def _replaced(name: str, number: int) -> Lasting | None:
    stream = getattr(sys, name)
    closed = stream is None
    if closed:
        stream = io.TextIOWrapper(io.FileIO(number, "w", closefd=False), encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return None
    stream.reconfigure(errors="backslashreplace")
    if os.name == "nt" and not closed and stream.isatty():
        return None  # a console there takes characters; bytes would be shown in its own encoding
    try:
        file = Lasting(stream.fileno(), closed=closed)
    except OSError:  # in memory
        return None
    lasting = io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )
    setattr(sys, name, lasting)
    return file
