"""One file over HTTP, so that what is there already is not fetched twice, and nothing is believed unchecked."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from codesign.errors import DataError
from codesign.workload.download.files import RemoteFile

__all__ = ["Report", "fetch", "md5_of"]

Report = Callable[[int, int | None], None]
"""Told how many bytes of a file are there, and of how many; None where the server does not say."""

_PIECE = 1 << 20
_TIMEOUT_S = 30.0
_ATTEMPTS = 4
_PAUSE_S = 1.0
_AGENT = "codesign"


class _BrokenError(Exception):
    """The connection ended before the file did, or could not be made; another attempt may go on."""


def fetch(file: RemoteFile, part: Path, report: Report, *, pause_s: float = _PAUSE_S) -> None:
    """Bring the whole of `file` to `part`, going on with what is there, and check it.

    A connection that breaks is made again, as long as some attempt in a few brings something. What then is in `part`
    stays for the next call.

    Args:
        part: where it is gathered.
        report: told after every piece.
        pause_s: before a connection is made again; twice as long each time that nothing came.

    Raises:
        DataError: the server cannot be reached or does not give the file, or what it gives has another checksum; in
            this last case `part` is removed.
    """
    resumed = _size(part) > 0
    if resumed and md5_of(part) == file.md5:
        return
    idle, before = 0, _size(part)
    while True:
        try:
            _continue(file, part, report)
            break
        except _BrokenError as error:
            idle = idle + 1 if _size(part) <= before else 1
            if idle == _ATTEMPTS or _size(part) == 0:
                raise DataError(f"{file.url}: cannot be fetched ({error})") from None
            before = _size(part)
            time.sleep(pause_s * 2 ** (idle - 1))
    found = md5_of(part)
    if found == file.md5:
        return
    part.unlink()
    if resumed:  # it may have been begun from another file of this name
        fetch(file, part, report, pause_s=pause_s)
        return
    raise DataError(
        f"{file.url}: what came has the MD5 checksum {found}, and not {file.md5}, so it is damaged or another file; "
        "nothing of it was kept"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def md5_of(path: Path) -> str:
    """MD5 of a file's content, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _continue(file: RemoteFile, part: Path, report: Report) -> None:
    """Append what is missing; returns when the server says that it was all."""
    there = _size(part)
    headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    try:
        with urllib.request.urlopen(urllib.request.Request(file.url, headers=headers), timeout=_TIMEOUT_S) as answer:
            if answer.status not in (200, 206):
                raise DataError(
                    f"{file.url}: the server answered {answer.status} {answer.reason}, and not with the file"
                )
            whole = answer.status == 200
            if not whole and not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                raise DataError(f"{file.url}: the server answered with another part of the file than was asked for")
            start = 0 if whole else there
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length is not None and length.isdigit() else None
            with part.open("wb" if whole else "ab") as stream:
                _copy(answer, stream, start, total, report)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and there:  # there is nothing after what is there: the checksum says whether it is all
            return
        if error.code >= 500 or error.code == 429:
            raise _BrokenError(f"the server answered {error.code} {error.reason}") from None
        raise DataError(f"{file.url}: the server answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _BrokenError(str(error.reason)) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _BrokenError(str(error) or type(error).__name__) from None


def _copy(answer: Any, stream: IO[bytes], start: int, total: int | None, report: Report) -> None:
    done = start
    report(done, total)
    while piece := answer.read(_PIECE):
        stream.write(piece)
        done += len(piece)
        report(done, total)
    if total is not None and done < total:
        raise _BrokenError(f"the connection ended after {done:,} of {total:,} bytes")
