"""`codesign status`: how far a sweep or study is."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codesign.cli.options import place

if TYPE_CHECKING:
    from rich.console import RenderableType

    from codesign.exploration.runs.status import RunStatus, StoreStatus

__all__ = ["status"]

_USUAL = "reports/.store"
_PAUSE_S = 2.0
_SHARE = 0.2
"""A picture is refreshed so often at most, and reading for it takes no more than this share of the time."""


def status(
    location: Annotated[
        str,
        typer.Argument(
            parser=place,
            metavar="LOCATION",
            help="Output of a sweep or study, such as reports/NAME, or a store; a path or a URL.",
        ),
    ] = _USUAL,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Show one run of a store, by its id or its name.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            parser=place,
            metavar="LOCATION",
            help="Where the store of an output is, if it was moved.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every two seconds, until interrupted.")] = False,
) -> None:
    """Show how far sweeps and studies are: running, finished, interrupted or dead, and how to continue.

    Only files are read, so it works from any machine that can see them.
    """
    from rich.text import Text

    from codesign.console import PrintableConsole
    from codesign.errors import InputError
    from codesign.exploration.runs.status import StoreStatus

    console = PrintableConsole()
    if as_json and watch:
        raise InputError("--json and --watch cannot be combined")
    if watch:
        if not console.is_terminal:
            raise InputError("--watch needs a terminal")
        _watch(location, run, store, console)
        return
    looked = _look(location, run, store)
    if as_json:
        # ensure_ascii: whatever names hold, nothing in this steers a terminal.
        typer.echo(json.dumps(_store_json(looked) if isinstance(looked, StoreStatus) else _run_json(looked), indent=1))
        return
    for part in _picture(looked, console.width):
        console.print(part, soft_wrap=isinstance(part, Text))  # a command can be copied in one piece


def _look(location: str, run: str | None, store: str | None) -> RunStatus | StoreStatus:
    from codesign.errors import InputError, StoreError
    from codesign.exploration.runs.record import run_ids
    from codesign.exploration.runs.status import StoreStatus, output_status, store_status
    from codesign.files import open_folder

    writer = output_status(location, store=store)
    if writer is not None:
        if run is not None and run not in (writer.record.id, writer.record.name):
            raise InputError(f"--run {run}: {location} is the output of run {writer.record.id}; ask its store")
        return writer
    if store is not None:
        raise InputError(f"--store: {location} is not the output of a sweep or study, whose store could be elsewhere")
    folder = open_folder(location, error=StoreError)
    if location == _USUAL and run is None and not run_ids(folder):
        return StoreStatus(runs=(), problems=())
    runs = store_status(folder, run=run)
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


def _picture(looked: RunStatus | StoreStatus, width: int) -> list[RenderableType]:
    from codesign.cli.status_table import run_picture, store_picture
    from codesign.exploration.runs.status import RunStatus

    return list(run_picture(looked, width) if isinstance(looked, RunStatus) else store_picture(looked, width))


def _store_json(store: StoreStatus) -> dict[str, Any]:
    return {"runs": [_run_json(run) for run in store.runs], "problems": list(store.problems)}


def _run_json(run: RunStatus) -> dict[str, Any]:
    """Times are in UTC, as ISO 8601 writes them; lengths of time in seconds."""
    record, jobs, search = run.record, run.record.jobs, run.record.search
    results = run.results
    return {
        "id": record.id,
        "name": record.name,
        "title": record.title,
        "kind": record.kind,
        "state": run.state,
        "message": record.message or None,
        "first_started": _iso(record.first_started),
        "started": _iso(record.started),
        "last_sign_of_life": _iso(record.alive),
        "host": record.process.host,
        "pid": record.process.pid,
        "executor": record.executor or None,
        "store": record.store,
        "output": record.output,
        "results": None if results is None else {kind: asdict(counts) for kind, counts in results.items()},
        "jobs": jobs.model_dump(),
        "failures": [line.model_dump() for line in record.failures],
        "front": [
            {
                "name": line.name,
                "group": line.group or None,
                "values": dict(zip(line.labels, line.values, strict=False)),
            }
            for line in record.front
        ],
        "front_size": record.front_size,
        "study": None if search is None else search.model_dump(),
        "problem": run.problem,
        "resume": {"folder": record.folder, "command": record.command} if record.command else None,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
