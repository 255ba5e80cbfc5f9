"""A dataset's files from where they are published to where the program looks for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from codesign.errors import DataError
from codesign.workload.download.fetching import fetch, md5_of
from codesign.workload.download.files import Download, RemoteFile
from codesign.workload.download.unpacking import LEFTOVERS, unpack

if TYPE_CHECKING:
    from codesign.workload.download.fetching import Report

__all__ = ["Progress", "download"]


class Progress(Protocol):
    """Told what happens."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def fetching(self, name: str) -> Report:
        """A file's turn; what it gives is told how much of it is there."""


def download(what: Download, data_root: Path, progress: Progress, *, pause_s: float = 1.0) -> None:
    """Fetch, check, unpack and place every file that is not in its place yet.

    Interrupted at any moment, it leaves either nothing or a whole file or folder in a place, and beside it what was
    fetched of the next one, with which the next call goes on. A file that a person has put beside is taken instead.

    Args:
        pause_s: before a broken connection is made again.

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


def _place(file: RemoteFile, what: Download, folder: Path, progress: Progress, pause_s: float) -> None:
    target = folder / file.holds
    if target.exists():
        progress.note(f"{file.name}: {target} is there already and stays as it is; remove it to fetch it again")
        return
    by_hand, part = folder / file.name, folder / f".{file.name}.part"
    if file.archive and by_hand.is_file():
        found = md5_of(by_hand)
        if found != file.md5:
            raise DataError(f"{by_hand}: has the MD5 checksum {found}, and not {file.md5}; remove it")
        progress.note(f"{file.name}: taken from {by_hand}")
        unpack(by_hand, file.holds, folder)
        return
    try:
        fetch(file, part, progress.fetching(file.name), pause_s=pause_s)
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
