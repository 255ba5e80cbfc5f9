"""Files that are either whole or not there, on this machine or at a URL. See docs/locations.md."""

from __future__ import annotations

from codesign.files.folder import Folder
from codesign.files.location import Location, has_options, is_url, join, printable, with_suffix
from codesign.files.lock import held, is_free, lock_of
from codesign.files.opening import open_file, open_folder, read_file, why_missing, write_atomically

__all__ = [
    "Folder",
    "Location",
    "has_options",
    "held",
    "is_free",
    "is_url",
    "join",
    "lock_of",
    "open_file",
    "open_folder",
    "printable",
    "read_file",
    "why_missing",
    "with_suffix",
    "write_atomically",
]
