"""What can be fetched of a dataset, and from where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Download", "RemoteFile"]


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
