"""Pipes, devices, folders and huge files where a file of the program is expected: a quick end, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from faults import bounded

import codesign as cd
from codesign.errors import CodesignError
from codesign.exploration.jobs.store import Store
from codesign.exploration.runs.record import find_runs
from codesign.exploration.study.storage import JOURNAL, repair_journal
from codesign.files.code import read_code
from codesign.workload.cache import Cache, content_key, file_states

KEY = "ab" * 32


def huge(path: Path) -> None:
    """It takes no room."""
    path.touch()
    os.truncate(path, 100 * 2**30)


KINDS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "folder": Path.mkdir,
    "huge": huge,
}
READERS: dict[str, Callable[[Path], object]] = {
    "model.safetensors": cd.load_model,
    "study.yaml": cd.load_study,
    "results.parquet": cd.read_results,
    "recording": lambda path: file_states(path.parent, [path]),
    JOURNAL: lambda path: repair_journal(path, print),
    "kernel.code": read_code,
}
"""What fails without the contents of a file, by its name."""


@pytest.mark.parametrize("kind", KINDS)
def test_readers(kind: str, tmp_path: Path) -> None:
    """Would catch one that does not go through `codesign.files` or `codesign.documents`."""
    kept = (f"events/{KEY}.npz", f"digests/{content_key({})}", f"store/ab/{KEY}", "run.json")
    for name in (*kept, *READERS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](tmp_path / name)
    with bounded(memory=2**30, seconds=60):
        for name, read in READERS.items():
            with pytest.raises((CodesignError, OSError)):
                read(tmp_path / name)
        assert Cache(tmp_path).load(KEY) is None
        assert Cache(tmp_path).digest({}, lambda: "made again") == "made again"
        assert Store(tmp_path / "store").facts(KEY) is None
        with suppress(CodesignError):  # a huge one is refused, others count as missing
            assert find_runs(tmp_path) == ([], [])
