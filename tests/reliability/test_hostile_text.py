"""Texts of others on terminals: shown, never obeyed. Of pages it is asked where they are drawn, in tests/reporting."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hostile_texts import with_more
from program import end, start
from undisturbed_sweep import Undisturbed

from codesign.analysis.results.table import write_results
from codesign.console import PrintableConsole
from codesign.exploration.executors.base import Failure
from codesign.exploration.runs.progress import Progress
from codesign.exploration.runs.shown import LogView, TerminalView
from codesign.exploration.work import Job

pytestmark = pytest.mark.slow

TITLE = "\x1b]0;owned\x07\x1b[2J\x1b[1;31m\x9b31m\r\x08\u202e\u200f"
SHOWN = "\\x1b]0;owned\\x07\\x1b[2J\\x1b[1;31m\\x9b31m\\x0d\\x08\\u202e\\u200f"


def on_terminal(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> bytes:
    """What the program writes to a terminal."""
    leader, follower = pty.openpty()

    def take_over() -> None:
        os.dup2(follower, 1)
        os.dup2(follower, 2)

    process = start(*arguments, folder=folder, environment=environment, prepare=take_over)
    os.close(follower)
    written = b""
    with suppress(OSError):  # once the other end is closed
        while part := os.read(leader, 4096):
            written += part
    os.close(leader)
    end(process)
    return written


@pytest.mark.thorough  # would catch a control character that only the whole program lets through
def test_control_characters_reach_no_terminal(folder: Path, undisturbed: Undisturbed) -> None:
    rows = pq.read_table(undisturbed.folder / "out" / "results.parquet").to_pylist()
    write_results(folder / "steering.parquet", *with_more(rows, undisturbed.results.metadata, TITLE))
    written = on_terminal("report", "steering.parquet", folder=folder, environment={"COLUMNS": "2000"})
    for raw in (b"\x1b]0;", b"\x07", b"\x1b[2J", b"\xc2\x9b", b"\x08", "\u202e".encode(), "\u200f".encode()):
        assert raw not in written, raw
    shown = SHOWN.replace("\\x07", "").replace("\\x0d", "").replace("\\x08", "")  # which rich leaves out of its tables
    assert f"Tiny{shown}: ".encode() in written
    assert b"Warning" not in written


def test_names_of_files_reach_no_terminal_raw(folder: Path) -> None:
    name = "a\x1b]0;owned\x07\udcff.yaml"  # the last is a byte that is no text
    (folder / name).write_text("name: 1\n", encoding="utf-8")
    written = on_terminal("chips", "check", name, folder=folder)
    assert b"\x1b" not in written
    assert b"\x07" not in written
    assert b"error: a\\x1b]0;owned\\x07\\udcff.yaml:1: " in written


def test_a_terminal_that_knows_few_characters(folder: Path) -> None:
    ended = end(start("chips", "show", "mubrain", folder=folder, environment={"PYTHONIOENCODING": "ascii"}))
    assert ended.code == 0, ended.err
    assert ended.out.startswith("\\xb5Brain")


def test_a_file_whose_name_the_locale_cannot_write(folder: Path) -> None:
    (folder / "mine.yaml").write_text("extends: ./größer.yaml\n", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ended = end(start("chips", "check", "mine.yaml", folder=folder, environment=ascii_only))
    said = "names of files can have only characters of ascii, the encoding of this locale; set PYTHONUTF8=1"
    assert (ended.code, ended.err) == (2, f"error: größer.yaml: {said}\n")


def test_what_a_worker_says_reaches_no_terminal_raw() -> None:
    failure = Failure(kind="ValueError", message=TITLE)
    job = Job(kind="train", label="a recipe", wanted=(None,), needs=None)
    plain = io.StringIO()
    Progress(LogView(plain)).failed(job, failure)
    live = io.StringIO()
    view = TerminalView(PrintableConsole(file=live, force_terminal=True, width=400))
    Progress(view).failed(job, failure)
    for written in (plain.getvalue(), live.getvalue()):
        assert f"ValueError: {SHOWN}" in written
        assert not set(TITLE) & set(written) & set("\x1b\x07\x9b\r\x08\u202e\u200f")
