"""Many commands of the program in one new process, one after another: what would take minutes takes seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from program import Ended, run_python

_PROGRAM = """
import contextlib, io, json, sys, time, traceback
from codesign.cli.main import main

ended = []
for arguments in json.load(sys.stdin):
    sys.argv = ["codesign", *arguments]
    out, err, start = io.StringIO(), io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            traceback.print_exc()
            code = 1
    ended.append([code or 0, out.getvalue(), err.getvalue(), time.monotonic() - start])
json.dump(ended, sys.stdout)
"""


@dataclass(frozen=True, kw_only=True)
class Timed(Ended):
    """How a command ended, and how long it took."""

    seconds: float

    @property
    def errors(self) -> list[str]:
        """The lines of its error message."""
        assert self.err.startswith("error: "), self.err
        return self.err.removeprefix("error: ").splitlines()


def run_all(commands: Sequence[Sequence[str]], *, folder: Path, prepare: Callable[[], None]) -> list[Timed]:
    """How each command ended; an exception that nobody caught shows as a traceback in what it wrote."""
    ended = run_python(
        *("-c", _PROGRAM),
        given=json.dumps(commands, default=str),
        folder=folder,
        environment={"PYTHONUTF8": "1"},
        within_s=120,
        prepare=prepare,
    )
    assert ended.code == 0, ended.err
    return [Timed(code=code, out=out, err=err, seconds=took) for code, out, err, took in json.loads(ended.out)]
