"""Downloading a dataset's files to where the program looks for them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codesign.deferred import requests
from codesign.errors import DataError
from codesign.files.local import MOST_BYTES

_PIECE = 1 << 13  # bytes lost if a connection breaks
_TIMEOUT_S = 30.0
_UNPACKING = ".unpacking-"
"""Prefix of folders that remain after an unpacking was killed."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A published file.

    Attributes:
        url: its address, http or https.
        name: its file name; `.zip` and `.tar.gz` are unpacked, other files kept as they are.
        md5: hash of its content, in hexadecimal.
        holds: the resulting file or folder; for an archive, the member or folder that is extracted.
    """

    url: str
    name: str
    md5: str
    holds: str

    @property
    def archive(self) -> bool:
        return self.name.endswith((".zip", ".tar.gz"))


@dataclass(frozen=True, kw_only=True)
class Download:
    """Everything that a dataset consists of: a page where a person finds the files, the folder below the data root for
    `RemoteFile.holds` of each, and the files in the order of downloading."""

    page: str
    folder: str
    files: tuple[RemoteFile, ...]


class DownloadProgress(Protocol):
    """Receives what a download reports."""

    def note(self, text: str) -> None:
        """Report something worth a line."""

    def advanced(self, phase: str, done: int, total: int | None, unit: str) -> None:
        """Report that `done` bytes of the file called `phase` have arrived; a total of None is unknown. `unit` is B."""


def download(what: Download, data_root: Path, progress: DownloadProgress) -> None:
    """Download, check, unpack and place every file that is not in its place yet.

    Interrupted at any moment, it leaves in each place a complete file or folder or none, and next to it the part of the
    next one that has arrived, from which the next call resumes. An archive put there by hand is used instead. If a file
    cannot be downloaded, raises DataError that says where to get it and where to put it by hand.
    """
    folder = data_root / what.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{_UNPACKING}*"):
            shutil.rmtree(leftover)
        for file in what.files:
            _place(file, what.page, folder, progress)
    except OSError as error:  # which often does not name the file
        where = error.filename or folder
        raise DataError(f"{where}: cannot be read or written: {error.strerror or error}") from error


def _place(file: RemoteFile, page: str, folder: Path, progress: DownloadProgress) -> None:
    target, by_hand, part = folder / file.holds, folder / file.name, folder / f".{file.name}.part"
    if target.exists():
        progress.note(f"{file.name}: {target} is there already and stays as it is; remove it to fetch it again")
        return
    if file.archive and by_hand.is_file():
        if (md5 := _md5(by_hand)) != file.md5:
            raise DataError(f"{by_hand}: has the MD5 checksum {md5}, not {file.md5}; remove it")
        progress.note(f"{file.name}: taken from {by_hand}")
        _unpack(file, by_hand, target)
        return
    try:
        _fetch(file, part, progress)
    except DataError as error:
        raise DataError(
            f"{error}. By hand: get {file.name} from {file.url} or {page} with a browser, save it as "
            f"{folder.absolute() / file.name}, and run the command again"
        ) from None
    if file.archive:
        progress.note(f"{file.name}: unpacking")
        _unpack(file, part, target)
        part.unlink()
    else:
        _settle()
        os.replace(part, target)
    progress.note(f"{file.name}: in place, {target}")


def _fetch(file: RemoteFile, part: Path, progress: DownloadProgress) -> None:
    """Complete `part`, resuming from what is there, and check it against the hash of `file`."""
    if _md5(part) != file.md5:
        try:
            _append(file, part, progress)
        except requests.RequestException as error:
            again = "; the same command continues from what has arrived" if part.exists() else ""
            raise DataError(f"{file.url}: cannot be fetched ({error}){again}") from None
    if (md5 := _md5(part)) != file.md5:
        part.unlink()
        what = f"has the MD5 checksum {md5}, not {file.md5}: it is damaged or another file; nothing was kept"
        raise DataError(f"{file.url}: {what}")


def _append(file: RemoteFile, part: Path, progress: DownloadProgress) -> None:
    """Request the bytes after the end of `part`, and append them."""
    there = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "codesign", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    with requests.get(file.url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if there and answer.status_code == 416:  # nothing follows: the part is of another file
            return
        if answer.status_code not in (200, 206):
            raise DataError(f"{file.url}: the server answered {answer.status_code} {answer.reason} instead of the file")
        there = there if answer.status_code == 206 else 0  # the whole file is sent, whatever was requested
        length = answer.headers.get("Content-Length", "")
        total = there + int(length) if length.isdigit() else None
        with part.open("ab") as stream:
            stream.truncate(there)
            progress.advanced(file.name, there, total, "B")
            for piece in answer.iter_content(_PIECE):
                stream.write(piece)
                there += len(piece)
                progress.advanced(file.name, there, total, "B")
                if there > MOST_BYTES:  # no dataset has such a file, so its checksum will differ
                    break


def _unpack(file: RemoteFile, archive: Path, target: Path) -> None:
    """Extract the member or folder with the target's name from an archive to its place, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix=_UNPACKING, dir=target.parent) as beside:
        try:
            if file.name.endswith(".zip"):
                with zipfile.ZipFile(archive) as members:
                    members.extractall(beside)
            else:
                with tarfile.open(archive) as tar:
                    # Python before 3.11.4 has no filter; the archive's content is known from its hash.
                    tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
                    tar.extractall(beside)
            _settle()
            os.replace(Path(beside) / target.name, target)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:  # although its hash was right
            raise DataError(f"{archive}: cannot be read ({error}); run the command again") from error


def _settle() -> None:
    """Flush everything to disk, which for tens of thousands of files is faster than one by one: after a power failure,
    no file in its place is empty (not on Windows)."""
    if hasattr(os, "sync"):
        os.sync()


def _md5(path: Path) -> str:
    """Hash of a file; if it does not exist, the hash of no bytes."""
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
