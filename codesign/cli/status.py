"""`codesign status`: how far a sweep or study is."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from codesign.exploration.runs.status import RunStatus, StoreStatus

__all__ = ["status"]

_PAUSE_S = 2.0
_SHARE = 0.2
"""A picture is refreshed so often at most, and reading for it takes no more than this share of the time."""


def status(
    location: Annotated[
        str, typer.Argument(help="Output of a sweep or study, such as reports/NAME, or a store; a path or a URL.")
    ] = "reports/.store",
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Show one run of a store, by its id or its name.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="LOCATION", help="Where the store of an output is, if it was moved.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every two seconds, until interrupted.")] = False,
) -> None:
    """Show how far sweeps and studies are: running, finished, interrupted or dead, and how to go on.

    Only files are read, so that it works from any machine that sees them.
    """
    from rich.text import Text

    from codesign.cli.console import PrintableConsole
    from codesign.errors import InputError

    console = PrintableConsole()
    if as_json and watch:
        raise InputError("--json and --watch do not go together")
    if watch:
        if not console.is_terminal:
            raise InputError("--watch needs a terminal")
        _watch(location, run, store, console)
        return
    found = _look(location, run, store)
    if as_json:
        # ensure_ascii: whatever names hold, nothing in this steers a terminal.
        typer.echo(json.dumps(_as_json(found), indent=1))
        return
    for part in _picture(found, console.width):
        console.print(part, soft_wrap=isinstance(part, Text))  # a command can be copied in one piece


def _look(location: str, run: str | None, store: str | None) -> RunStatus | StoreStatus:
    from codesign.errors import InputError, StoreError
    from codesign.exploration.runs.status import output_status, store_status
    from codesign.files import open_folder

    found = output_status(location, store=store)
    if found is not None:
        if run is not None and run not in (found.record.id, found.record.name):
            raise InputError(f"--run {run}: {location} is the output of run {found.record.id}; ask its store")
        return found
    if store is not None:
        raise InputError(f"--store: {location} is not the output of a sweep or study, whose store could be elsewhere")
    runs = store_status(open_folder(location, error=StoreError), run=run)
    if not runs.runs and run is not None and runs.problems:
        raise StoreError(runs.problems[0])
    return runs.runs[0] if run is not None else runs


def _watch(location: str, run: str | None, store: str | None, console: Any) -> None:
    from rich.console import Group
    from rich.live import Live

    with Live(console=console, auto_refresh=False, screen=False) as live:
        try:
            while True:
                start = time.monotonic()
                live.update(Group(*_picture(_look(location, run, store), console.width)), refresh=True)
                time.sleep(max(_PAUSE_S, (time.monotonic() - start) / _SHARE))
        except KeyboardInterrupt:
            return


def _picture(found: RunStatus | StoreStatus, width: int) -> list[RenderableType]:
    from codesign.cli.status_table import run_picture, store_picture
    from codesign.exploration.runs.status import RunStatus

    return list(run_picture(found, width) if isinstance(found, RunStatus) else store_picture(found, width))


def _as_json(found: RunStatus | StoreStatus) -> dict[str, Any]:
    from codesign.cli.status_json import run_json, store_json
    from codesign.exploration.runs.status import RunStatus

    return run_json(found) if isinstance(found, RunStatus) else store_json(found)
