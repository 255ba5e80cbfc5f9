"""What is wanted of an archive, in its place whole or not at all, and nothing anywhere else."""

from __future__ import annotations

import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from codesign.errors import DataError

__all__ = ["LEFTOVERS", "unpack"]

LEFTOVERS = ".unpacking-"
"""How folders begin that an unpacking which was killed leaves behind."""


def unpack(archive: Path, wanted: str, folder: Path) -> None:
    """Take the member or folder `wanted` out of a zip or tar archive to `folder / wanted`, which must not be there.

    All members are looked at before one is written.

    Raises:
        DataError: the archive is damaged, lacks what is wanted, or has a member that is neither a file nor a folder or
            would lie outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with archive.open("rb") as stream:
        zipped = stream.read(2) == b"PK"
    with tempfile.TemporaryDirectory(prefix=LEFTOVERS, dir=folder) as name:
        beside = Path(name)
        try:
            (_unzip if zipped else _untar)(archive, wanted, beside)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"{archive}: is damaged ({error}); remove it and fetch it again") from None
        if not (beside / wanted).exists():
            raise DataError(f"{archive}: has no '{wanted}'; is it the right archive?")
        os.replace(beside / wanted, folder / wanted)


def _unzip(archive: Path, wanted: str, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        kinds = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: written where files have no such bits
        paths = [
            _checked(archive, member.filename, stat.S_IFMT(member.external_attr >> 16) in kinds) for member in members
        ]
        chosen = [member for member, path in zip(members, paths, strict=True) if path.parts[0] == wanted]
        file.extractall(folder, chosen)


def _untar(archive: Path, wanted: str, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        paths = [_checked(archive, member.name, member.isreg() or member.isdir()) for member in members]
        chosen = [member for member, path in zip(members, paths, strict=True) if path.parts[0] == wanted]
        # The filter drops owners and rights, and looks a second time for what would lie outside.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder, chosen)


def _checked(archive: Path, name: str, plain: bool) -> PurePosixPath:
    """Where a member lies below the folder that it is unpacked to."""
    if not plain:
        raise DataError(f"{archive}: '{name}' is not a plain file; nothing was unpacked")
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0] or "\0" in name:
        raise DataError(f"{archive}: '{name}' would lie outside the folder; nothing was unpacked")
    return path
