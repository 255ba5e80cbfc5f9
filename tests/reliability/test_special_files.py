"""Pipes, devices, folders and huge files where a file of the program is expected: a quick end, in bounded memory.

Thorough, since a limit of memory needs processes of their own: they would catch a reader that does not go through
`codesign.files` or `codesign.documents`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import limited_memory
from one_process import run_all
from program import ROOT

pytestmark = pytest.mark.thorough

MEMORY = 6 * 2**30  # of addresses, most of which the libraries take without using them


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder_there(path: Path) -> None:
    path.mkdir()


def huge(path: Path) -> None:
    """It takes no room."""
    path.touch()
    os.truncate(path, 100 * 2**30)


KINDS = {"pipe": pipe, "device": device, "folder": folder_there, "huge": huge}
COMMANDS = {
    "results.parquet": ("report", "{}"),
    "study.yaml": ("study", "{}"),  # the other documents: test_hostile_documents
    "run.json": ("status", "{folder}"),
}


def test_commands(tmp_path: Path) -> None:
    """All of them together have five minutes, nearly all of which are spare."""
    commands = {}
    for kind, make in KINDS.items():
        for name, words in COMMANDS.items():
            path = tmp_path / kind / name / name
            path.parent.mkdir(parents=True)
            make(path)
            commands[kind, name] = [word.format(path, folder=path.parent) for word in words]
    ended = run_all(list(commands.values()), folder=tmp_path, prepare=limited_memory(MEMORY), within_s=300)
    for (kind, name), one in zip(commands, ended, strict=True):
        assert "Traceback" not in one.err, (kind, name, one.err)
        assert one.code == 2, (kind, name, one.code, one.out)


READERS = """
import sys
from pathlib import Path
import codesign as cd
from codesign.errors import CodesignError
from codesign.exploration.jobs.store import Store
from codesign.exploration.study.storage import JOURNAL, repair_journal
from codesign.workload.cache import Cache, content_digest, file_states
from codesign.simulation.event import compilation

place, key = Path(sys.argv[1]), "ab" * 32

def kernels():
    files = compilation._Files(str(place), "kernel", "stamp")
    assert files.load(("some", "signature")) is None

def refused(read):
    try:
        read()
    except CodesignError as error:
        return
    raise AssertionError(read)

assert Cache(place).load(key) is None
assert Cache(place).digest({}, lambda: "made again") == "made again"
refused(lambda: cd.load_model(place / "model.safetensors"))
refused(lambda: file_states(place, [place / "recording"]))
refused(lambda: repair_journal(place / JOURNAL, print))
store = Store(place / "store")
assert store.facts(key) is None
kernels()
print("all read")
"""


@pytest.mark.parametrize("kind", KINDS)
def test_readers(kind: str, tmp_path: Path) -> None:
    from codesign.workload.cache import content_key

    key = "ab" * 32
    names = (f"events/{key}.npz", f"digests/{content_key({})}", "model.safetensors", "recording", "journal.log")
    for name in (*names, f"store/ab/{key}", "kernel.nbi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](tmp_path / name)
    ended = subprocess.run(
        [sys.executable, "-c", READERS, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limited_memory(MEMORY),
        check=False,
    )
    assert ended.stdout == "all read\n", ended.stderr
