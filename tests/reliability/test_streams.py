"""Standard output and standard error that are closed, full, or read by nobody.

Thorough are the commands, each with each stream in each state: they would catch a job that fails, a result that is not
written or a traceback for the sake of a line that nobody can read, and an answer that is lost without a word.
"""

from __future__ import annotations

import io
import os
import pty
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from program import end, start
from tiny_studies import STUDY
from tiny_sweeps import PRICES
from undisturbed_sweep import Undisturbed, sweep

from codesign.cli import streams
from codesign.cli.streams import Lasting, _replaced


def unread(*streams: int) -> None:
    """Whoever read these has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    for stream in streams:
        os.dup2(writer, stream)
    os.close(writer)


def full(stream: int) -> None:
    """It is a file on a disk that is full."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), stream)


STATES = {"closed": os.close, "unread": unread, "full": full}


@pytest.mark.parametrize(("state", "lost"), [(unread, BrokenPipeError), (full, OSError)])
def test_to_write_never_fails_and_what_is_lost_is_known(state: Callable[[int], None], lost: type[OSError]) -> None:
    number = os.open(os.devnull, os.O_WRONLY)
    state(number)
    file = Lasting(number, closed=False)
    with io.TextIOWrapper(io.BufferedWriter(file), line_buffering=True) as stream:
        print("a line", file=stream, flush=True)
        print("another", file=stream)
    os.close(number)
    assert isinstance(file.lost, lost)


@pytest.mark.parametrize(("console", "lasts"), [(False, True), (True, False)])
def test_on_windows_all_but_a_console_lasts(monkeypatch: pytest.MonkeyPatch, console: bool, lasts: bool) -> None:
    """A console takes characters, not bytes."""
    monkeypatch.setattr(streams, "os", SimpleNamespace(name="nt"))
    with open(os.devnull, "w", encoding="utf-8") as stream:
        stream.isatty = lambda: console
        monkeypatch.setattr(sys, "stdout", stream)
        assert (_replaced("stdout", stream.fileno()) is not None) == lasts


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("closed", "error: standard output cannot be written: it is closed; files are kept\n"),
        ("full", "error: standard output cannot be written: No space left on device; files are kept\n"),
        ("unread", ""),
    ],
)
def test_an_answer_that_cannot_be_shown(folder: Path, state: str, said: str) -> None:
    ended = end(start("data", folder=folder, prepare=partial(STATES[state], 1)))
    assert (ended.code, ended.err) == (3, said)


@pytest.mark.thorough
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("executor", ["serial", "ray"])
def test_no_job_fails_for_the_log(folder, cache_root, undisturbed, state, executor):
    ended = end(sweep(folder, cache_root, "--executor", executor, prepare=partial(STATES[state], 2)))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Tiny: 2 design points from 3 rows (1 infeasible: TrueNorth, timer)")
    undisturbed.check_results(folder / "out")


@pytest.mark.thorough
def test_a_terminal_that_goes_away(folder: Path, cache_root: Path, undisturbed: Undisturbed) -> None:
    """It is shown epochs from within the training."""
    ours, theirs = pty.openpty()
    process = sweep(folder, cache_root, prepare=lambda: os.dup2(theirs, 2) and None)
    os.close(theirs)
    while b"train" not in os.read(ours, 1000):
        pass
    os.close(ours)
    ended = end(process)
    assert (ended.code, ended.err) == (0, "")
    undisturbed.check_results(folder / "out")


COMMANDS = {
    "sweep": ("sweep", "tiny.yaml", "--executor", "serial", "--store", "store", "--output", "out"),
    "sweep on Ray": ("sweep", "tiny.yaml", "--workers", "2", "--store", "new", "--output", "out"),
    "study": ("study", "study.yaml", "--trials", "2", "--executor", "serial", "--store", "new", "--output", "out"),
    "price": ("price", "prices.yaml", "--threads", "1", "--store", "store", "--output", "out"),
    "report": ("report", "done/results.parquet"),
    "status": ("status", "done"),
    "chips": ("chips",),
    "chips show": ("chips", "show", "mubrain"),
    "chips compare": ("chips", "compare", "mubrain", "--output", "out/chips.svg"),
    "chips validate": ("chips", "validate", "mubrain"),
    "data": ("data",),
}
WRITTEN = {
    "sweep": "out/report.html",
    "sweep on Ray": "out/report.html",
    "study": "out/report.html",
    "price": "out/index.html",
    "report": "done/results.html",
    "chips compare": "out/chips.svg",
}


@pytest.mark.thorough
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_nobody_reads(folder, cache_root, undisturbed, command):
    shutil.copytree(undisturbed.store, folder / "store")
    shutil.copytree(undisturbed.folder / "out", folder / "done")
    (folder / "prices.yaml").write_text(PRICES, encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    environment = {"CODESIGN_CACHE": cache_root}
    nobody = partial(unread, 1, 2)
    ended = end(start(*COMMANDS[command], folder=folder, environment=environment, prepare=nobody))
    assert ended.code == 3
    if command in WRITTEN:
        assert (folder / WRITTEN[command]).stat().st_size > 0
