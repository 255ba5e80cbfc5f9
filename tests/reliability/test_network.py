"""What runs on one machine asks nobody else: thorough, it would catch a library that begins to look something up."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import run_python
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


@pytest.mark.thorough
def test_a_serial_sweep_opens_no_socket(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    words = ("sweep", "tiny.yaml", "--executor", "serial", "--store", "store", "--output", "out")
    ended = run_python("-c", WATCHED, *words, folder=folder, environment={"CODESIGN_CACHE": cache_root})
    assert ended.code == 0, ended.err
    undisturbed.check_results(folder / "out")
