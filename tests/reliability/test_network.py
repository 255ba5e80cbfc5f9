"""What runs on one machine asks nobody else: thorough, it would catch a library that begins to look something up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import ROOT
from undisturbed_sweep import Undisturbed

WATCHED = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        os.write(2, f"{event} {arguments}".encode())
        os._exit(99)

sys.addaudithook(watch)
from codesign.cli.main import main
main()
"""


def watched(folder: Path, cache_root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program; exit code 99 where it uses a network."""
    return subprocess.run(
        [sys.executable, "-c", WATCHED, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CODESIGN_CACHE": str(cache_root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.thorough
def test_a_serial_sweep_opens_no_socket(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    places = ("--store", "store", "--output", "out")
    ended = watched(folder, cache_root, "sweep", "tiny.yaml", "--executor", "serial", *places)
    assert ended.returncode == 0, ended.stderr
    undisturbed.check_results(folder / "out")
