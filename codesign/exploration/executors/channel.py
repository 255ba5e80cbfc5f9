"""Messages between two processes, over a pair of pipes."""

from __future__ import annotations

import pickle
import struct
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any

__all__ = ["Channel"]

_HEADER = struct.Struct("<QQ")  # length of the message, number of buffers that follow it
_LENGTH = struct.Struct("<Q")


class Channel:
    """Sends pickled messages, and puts those that arrive into a queue; None once the other end has gone.

    A thread reads, so that neither end waits for the other to make room in a pipe. Large buffers in a message that are
    `pickle.PickleBuffer`s travel without being copied.

    Args:
        reader, writer: pipes in binary; closed by `close` and, where the other end has gone, by itself.
        inbox: where arriving messages are put.
    """

    def __init__(self, reader: IO[bytes], writer: IO[bytes], inbox: SimpleQueue[Any]) -> None:
        self._reader, self._writer, self._inbox = reader, writer, inbox
        self._thread = threading.Thread(target=self._read, name="messages", daemon=True)
        self._thread.start()

    def send(self, message: object) -> None:
        """Raises OSError where the other end has gone. Not to be called by two threads at once."""
        buffers: list[memoryview] = []

        def aside(buffer: pickle.PickleBuffer) -> None:
            buffers.append(buffer.raw())

        body = pickle.dumps(message, protocol=5, buffer_callback=aside)
        lengths = b"".join(_LENGTH.pack(buffer.nbytes) for buffer in buffers)
        self._writer.write(_HEADER.pack(len(body), len(buffers)) + lengths + body)
        for buffer in buffers:
            self._writer.write(buffer)
        self._writer.flush()

    def close(self) -> None:
        """Hang up; the other end notices."""
        with suppress(OSError):  # what was still to be written has no reader
            self._writer.close()

    def _read(self) -> None:
        try:
            while True:
                length, count = _HEADER.unpack(self._exactly(_HEADER.size))
                sizes = [_LENGTH.unpack(self._exactly(_LENGTH.size))[0] for _ in range(count)]
                body = self._exactly(length)
                buffers = [self._exactly(size) for size in sizes]
                self._inbox.put(pickle.loads(body, buffers=buffers))
        except (EOFError, OSError, ValueError):
            self._inbox.put(None)
            self._reader.close()

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise EOFError
        return data
