"""What is wanted of an archive, in its place whole or not at all, and nothing anywhere else."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from codesign.errors import DataError

__all__ = ["LEFTOVERS", "unpack"]

LEFTOVERS = ".unpacking-"
"""How folders begin that an unpacking which was killed leaves behind."""
_PIECE = 1 << 20


def unpack(archive: Path, wanted: str, folder: Path) -> None:
    """Take the member or folder `wanted` out of a zip or tar archive to `folder / wanted`, which must not be there.

    Members are written one by one as plain files: no links, devices, owners or permissions. All are looked at before
    one is written.

    Raises:
        DataError: the archive is damaged, lacks what is wanted, or has a member that is no file or folder or would lie
            outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=LEFTOVERS, dir=folder) as name:
        beside = Path(name)
        try:
            with _opened(archive) as members:
                chosen = [(path, opener) for path, opener in members if path.parts[0] == wanted]
                for path, opener in chosen:
                    target = beside / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with opener() as content, target.open("xb") as stream:
                        shutil.copyfileobj(content, stream, _PIECE)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, FileExistsError) as error:
            raise DataError(f"{archive}: is damaged ({error}); remove it and fetch it again") from None
        if not chosen:
            raise DataError(f"{archive}: has no '{wanted}'; is it the right archive?")
        os.replace(beside / wanted, folder / wanted)


@contextmanager
def _opened(archive: Path) -> Iterator[list[tuple[PurePosixPath, Callable[[], IO[bytes]]]]]:
    """Path and content of all plain files of an archive."""
    with archive.open("rb") as stream:
        zipped = stream.read(4) == b"PK\x03\x04"
    if zipped:
        with zipfile.ZipFile(archive) as file:
            entries = [entry for entry in file.infolist() if not entry.is_dir()]
            for entry in entries:
                if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
                    raise DataError(f"{archive}: '{entry.filename}' is no plain file; nothing was unpacked")
            yield [(_inside(archive, entry.filename), partial(file.open, entry)) for entry in entries]
        return
    with tarfile.open(archive) as tar:
        members = [member for member in tar if not member.isdir()]
        for member in members:
            if not member.isreg():
                raise DataError(f"{archive}: '{member.name}' is no plain file; nothing was unpacked")
        yield [(_inside(archive, member.name), partial(_content, tar, member)) for member in members]


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    assert content is not None, "a plain file has content"
    return content


def _inside(archive: Path, name: str) -> PurePosixPath:
    """Where a member lies below the folder that it is unpacked to."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0] or "\0" in name:
        raise DataError(f"{archive}: '{name}' would lie outside the folder; nothing was unpacked")
    return path
