"""A dataset's files from where they are published to where the program looks for them.

A connection that breaks is opened again for the rest of the file, which libraries for downloads do not do.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from codesign.errors import DataError
from codesign.files.local import MOST_BYTES
from codesign.workload.unpacking import LEFTOVERS, unpack

__all__ = ["Download", "DownloadProgress", "RemoteFile", "Report", "download"]

Report = Callable[[int, int | None], None]
"""Called with the bytes of a file that are there and with its length, None where the server does not say."""

_PIECE = 1 << 13  # what is lost where a connection breaks
_TIMEOUT_S = 30.0
_ATTEMPTS = 4


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file that is published.

    Attributes:
        url: where it is, by http or https.
        name: its own; by its ending it is unpacked (`.zip`, `.tar.gz`) or kept as it is.
        md5: hash of its content, in hexadecimal digits.
        holds: the file or folder that it becomes; for an archive, the member or the folder that is taken from it.
    """

    url: str
    name: str
    md5: str
    holds: str

    @property
    def archive(self) -> bool:
        """Whether it is unpacked."""
        return self.name.endswith((".zip", ".tar.gz"))


@dataclass(frozen=True, kw_only=True)
class Download:
    """All that a dataset consists of.

    Attributes:
        page: where a person finds the files.
        folder: below the data root, where `RemoteFile.holds` of each file belongs.
        files: in the order in which they are fetched.
    """

    page: str
    folder: str
    files: tuple[RemoteFile, ...]


class DownloadProgress(Protocol):
    """Receives what a download reports."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """So many bytes of the file that is called `phase` are there; a total of None is not known. `unit` is B."""


def download(what: Download, data_root: Path, progress: DownloadProgress, *, pause_s: float = 1.0) -> None:
    """Fetch, check, unpack and place every file that is not in its place yet.

    Interrupted at any moment, it leaves a whole file or folder or none in each place, and beside it the part of the
    next one that has arrived, from which the next call resumes. An archive put there by hand is used instead.

    Args:
        pause_s: before a broken connection is made again; twice as long each time that nothing came.

    Raises:
        DataError: a file cannot be fetched; says from where to get it, and where to put it, by hand.
    """
    from filelock import FileLock, Timeout

    folder = data_root / what.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".download.lock", timeout=0):
            for leftover in folder.glob(f"{LEFTOVERS}*"):
                shutil.rmtree(leftover)
            for file in what.files:
                _place(file, what, folder, progress, pause_s)
    except Timeout:
        raise DataError(f"{folder}: another process is downloading to it; wait until it has ended") from None


def _place(file: RemoteFile, what: Download, folder: Path, progress: DownloadProgress, pause_s: float) -> None:
    target = folder / file.holds
    if target.exists():
        progress.note(f"{file.name}: {target} is there already and stays as it is; remove it to fetch it again")
        return
    by_hand, part = folder / file.name, folder / f".{file.name}.part"
    for path in (by_hand, part):
        if path.exists() and not (path.is_file() and path.stat().st_size <= MOST_BYTES):
            raise DataError(f"{path}: is not a regular file, or larger than any file of a dataset; remove it")
    if file.archive and by_hand.is_file():
        if (md5 := _md5(by_hand)) != file.md5:
            raise DataError(f"{by_hand}: has the MD5 checksum {md5}, and not {file.md5}; remove it")
        progress.note(f"{file.name}: taken from {by_hand}")
        unpack(by_hand, file.holds, folder)
        return
    try:
        _fetch(file, part, lambda done, total: progress.advanced(file.name, done, total, "B"), pause_s)
    except DataError as error:
        raise DataError(
            f"{error}. By hand: get {file.name} from {file.url} or {what.page} with a browser, put it into "
            f"{folder.absolute()}, and run the command again"
        ) from None
    if file.archive:
        progress.note(f"{file.name}: unpacking")
        unpack(part, file.holds, folder)
        part.unlink()
    else:
        os.replace(part, target)
    progress.note(f"{file.name}: in place, {target}")


def _fetch(file: RemoteFile, part: Path, report: Report, pause_s: float) -> None:
    """Complete `part`, resuming with what is there, and check it against the hash of `file`."""
    md5 = _md5(part) if (resumed := _size(part) > 0) else ""
    if md5 != file.md5:
        _fetch_rest(file, part, report, pause_s)
        md5 = _md5(part)
    if md5 != file.md5 and resumed:  # it may have been begun from another file of this name
        part.unlink()
        _fetch_rest(file, part, report, pause_s)
        md5 = _md5(part)
    if md5 != file.md5:
        part.unlink()
        raise DataError(
            f"{file.url}: what came has the MD5 checksum {md5}, and not {file.md5}, so it is damaged or another file; "
            "nothing of it was kept"
        )


def _fetch_rest(file: RemoteFile, part: Path, report: Report, pause_s: float) -> None:
    """Append what is missing to `part`.

    A broken connection is opened again, until a few attempts in a row have brought nothing; then `part` stays as it is
    for the next call.
    """
    import requests

    idle, before = 0, _size(part)
    while True:
        try:
            with part.open("ab") as stream:
                _append(file, stream, report)
            return
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            reason = f"the server answered {error}"
            if code == 416 and before:  # nothing follows what is there: the checksum says whether it is all
                return
            if code < 500 and code != 429:
                raise DataError(f"{file.url}: {reason}") from None
        except requests.RequestException as error:
            cause = error.args[0] if error.args else error
            reason = str(getattr(cause, "reason", cause))  # of "retries exceeded", which are none
        idle = idle + 1 if _size(part) <= before else 1
        if idle == _ATTEMPTS or _size(part) == 0:
            raise DataError(f"{file.url}: cannot be fetched ({reason})")
        before = _size(part)
        time.sleep(pause_s * 2 ** (idle - 1))


def _append(file: RemoteFile, stream: IO[bytes], report: Report) -> None:
    """Request what follows the end of `stream`, once."""
    import requests

    headers = {"User-Agent": "codesign", "Accept-Encoding": "identity"}
    if there := stream.tell():
        headers["Range"] = f"bytes={there}-"
    with requests.get(file.url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        answer.raise_for_status()
        there = _start(file, stream, answer)
        length = answer.headers.get("Content-Length", "")
        total = there + int(length) if length.isdigit() else None
        report(there, total)
        for piece in answer.iter_content(_PIECE):
            stream.write(piece)
            there += len(piece)
            report(there, total)


def _start(file: RemoteFile, stream: IO[bytes], answer: Any) -> int:
    """Where in the file an answer begins; `stream` ends there."""
    there = stream.tell()
    if answer.status_code == 200:  # all of it, whatever was asked for
        stream.seek(0)
        stream.truncate()
        return 0
    if answer.status_code != 206:
        raise DataError(f"{file.url}: the server answered {answer.status_code} {answer.reason} instead of the file")
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
        raise DataError(f"{file.url}: the server sent another part of the file than requested")
    return there


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
