"""`codesign status`: how far a sweep or study is."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from codesign.cli.options import place
from codesign.errors import InputError
from codesign.files import printable

_USUAL = "reports"


def status(
    location: Annotated[
        str,
        typer.Argument(
            parser=place,
            metavar="LOCATION",
            help="Output of a sweep or study, such as reports/NAME, or a folder of several: a path or a URL.",
        ),
    ] = _USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how far sweeps and studies have come (running, finished, interrupted or dead) and how to continue.

    Only files are read, so it works on any machine that can read them.
    """
    from rich.text import Text

    from codesign.cli.status_table import list_picture, run_picture
    from codesign.console import PrintableConsole
    from codesign.exploration.runs.record import find_runs

    runs, problems = find_runs(location)
    if not runs and not problems and location != _USUAL:
        what = "the output of a sweep or study, such as reports/NAME, nor a folder of them"
        raise InputError(f"{printable(location)}: is neither {what}")
    if as_json:
        told = [
            run.record.model_dump(mode="json", exclude={"format", "configuration"})
            | {"state": run.state, "silent_s": run.silent_s}
            for run in runs
        ]
        # ensure_ascii: whatever names hold, nothing in this steers a terminal.
        typer.echo(json.dumps({"runs": told, "problems": problems}, indent=1))
        return
    console = PrintableConsole()
    alone = len(runs) == 1 and not problems
    for part in run_picture(runs[0]) if alone else list_picture(runs, problems):
        console.print(part, soft_wrap=isinstance(part, Text))  # a command can be copied in one piece
