"""Pipes, devices, folders and huge files where a file of the program is expected: a quick end, in bounded memory.

Thorough, since a limit of memory needs processes of their own: they would catch a reader that does not go through
`codesign.files` or `codesign.documents`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faults import limited_memory
from program import run_python

pytestmark = pytest.mark.thorough

MEMORY = 6 * 2**30  # of addresses, most of which the libraries take without using them


def huge(path: Path) -> None:
    """It takes no room."""
    path.touch()
    os.truncate(path, 100 * 2**30)


KINDS = {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero"), "folder": Path.mkdir, "huge": huge}
READERS = """
import sys
from pathlib import Path
import codesign as cd
from codesign.errors import CodesignError
from codesign.exploration.jobs.store import Store
from codesign.exploration.runs.record import find_runs
from codesign.exploration.study.storage import JOURNAL, repair_journal
from codesign.files.code import read_code
from codesign.workload.cache import Cache, content_digest, file_states

place, key = Path(sys.argv[1]), "ab" * 32

def refused(read, how=CodesignError):
    try:
        read()
    except how as error:
        return
    raise AssertionError(read)

assert Cache(place).load(key) is None
assert Cache(place).digest({}, lambda: "made again") == "made again"
refused(lambda: cd.load_model(place / "model.safetensors"))
refused(lambda: cd.load_study(place / "study.yaml"))
refused(lambda: cd.read_results(place / "results.parquet"))
try:
    assert find_runs(place) == ([], [])
except CodesignError:
    pass
refused(lambda: file_states(place, [place / "recording"]))
refused(lambda: repair_journal(place / JOURNAL, print))
store = Store(place / "store")
assert store.facts(key) is None
refused(lambda: read_code(place / "kernel.code"), OSError)
print("all read")
"""


@pytest.mark.parametrize("kind", KINDS)
def test_readers(kind: str, tmp_path: Path) -> None:
    from codesign.workload.cache import content_key

    key = "ab" * 32
    kept = (f"events/{key}.npz", f"digests/{content_key({})}", f"store/ab/{key}", "kernel.code", "journal.log")
    for name in (*kept, "model.safetensors", "study.yaml", "results.parquet", "run.json", "recording"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](tmp_path / name)
    limited = limited_memory(MEMORY)
    ended = run_python("-c", READERS, tmp_path, folder=tmp_path, prepare=limited, within_s=60)
    assert ended.out == "all read\n", ended.err
