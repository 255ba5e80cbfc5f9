"""A server of files on this machine that can misbehave as real ones do."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Serves `content` by path, with or without ranges.

    Attributes:
        content: bytes by path, such as `/train.zip`.
        ranges: whether it gives parts of files.
        breaks_after: bytes of each of the next answers after which the connection ends; empty for whole answers.
        status: what it answers instead of any content.
        asked: (path, Range header) of every request.
    """

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.ranges = True
        self.breaks_after: list[int] = []
        self.status: int | None = None
        self.asked: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=lambda: self._http.serve_forever(poll_interval=0.01), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted, content = request.headers.get("Range"), self.content.get(request.path)
        self.asked.append((request.path, wanted))
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if self.status is not None or content is None:
            status, content = self.status or 404, b""
        elif first and first >= len(content):
            status, content = 416, b""
        else:
            status = 206 if first else 200
        request.send_response(status)
        if status == 206:
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        rest = content[first:]
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        sent = rest[: self.breaks_after.pop(0)] if rest and self.breaks_after else rest
        request.wfile.write(sent)
        if len(sent) < len(rest):
            request.wfile.flush()
            request.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
