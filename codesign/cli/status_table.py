"""What `codesign status` shows: one run, or those of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from codesign.exploration.runs.picture import counts_picture, front_table, joined
from codesign.exploration.runs.record import RunRecord, RunStatus
from codesign.files import is_url
from codesign.shell import shell_text
from codesign.units import ago, format_duration

_STYLES = {
    "running": "bold green",
    "finished": "green",
    "interrupted": "bold",
    "failed": "bold red",
    "dead": "bold red",
}
_FRONT = 10


def list_picture(runs: Sequence[RunStatus], problems: Sequence[str]) -> Iterator[RenderableType]:
    if not runs and not problems:
        yield Text("Nothing has run in this folder yet. `codesign sweep smoke` takes seconds.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("output", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("jobs", justify="right", no_wrap=True)
    table.add_column("failed", justify="right", no_wrap=True)
    table.add_column("last sign of life")
    for run in runs:
        jobs = run.record.jobs
        counts = Text(f"{jobs.there:,}/{jobs.needed:,}"), Text(f"{jobs.failed:,}")
        table.add_row(Text(run.folder), _state(run), *counts, Text(ago(run.silent_s)))
    yield table
    for problem in problems:
        yield Text(problem, style="red")
    if runs:
        yield Text("`codesign status` shows all of a run if it is given its output.", style="dim")


def run_picture(run: RunStatus) -> Iterator[RenderableType]:
    """Everything about one run."""
    record = run.record
    yield Text.assemble((record.name, "bold"), f"  {record.kind}, ", _state(run))
    yield _lifetime(run)
    yield Text("")
    jobs, running = record.jobs, run.state == "running"
    left_s = (jobs.left_s or 0.0) - run.silent_s
    left = f"about {format_duration(left_s)} left" if running and left_s > 0 else ""
    count = jobs.there, jobs.needed
    yield from counts_picture(jobs, record.search, count, running=running, left=left)
    for line in record.failures:
        yield Text(f"  {line}", style="red")
    if record.front:
        yield Text("")
        yield front_table(record.front, rows=_FRONT, size=record.front_size)
    yield Text("")
    yield from _places(record)
    yield from _what_next(run)


def _state(run: RunStatus) -> Text:
    return Text(run.state, style=_STYLES[run.state])


def _lifetime(run: RunStatus) -> Text:
    record, process = run.record, run.record.process
    before = run.silent_s + record.alive
    again = record.started - record.first_started > 1
    return joined(
        [
            f"started {ago(before - record.started)}",
            f"for the first time {ago(before - record.first_started)}" if again else "",
            f"{'last sign of life' if run.state in ('running', 'dead') else 'ended'} {ago(run.silent_s)}",
            Text(f"on {process.host}, process {process.pid}", style="dim"),
            Text(f"executor {record.executor}" if record.executor else "", style="dim"),
        ]
    )


def _places(record: RunRecord) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("output"), Text(record.output))
    table.add_row(Text("store"), Text(record.store))
    if record.search is not None:
        trials = record.search.place
        table.add_row(Text("trials"), Text(trials if is_url(trials) else os.path.join(record.folder, trials)))
    yield table


def _what_next(run: RunStatus) -> Iterator[Text]:
    record = run.record
    if run.state == "running" or (run.state == "finished" and record.jobs.there == record.jobs.needed):
        return
    yield Text(_why(run))
    if run.state == "finished" and record.search is not None:
        yield Text("A failed trial has ended too. Running the study again tries only what failed on the test split.")
        return
    mended = "once that is mended, " if run.state == "failed" else ""
    if record.command:
        yield Text(f"Finished jobs are kept; {mended}this continues with the rest:")
        yield Text(f"cd {shell_text(record.folder)} && {record.command}", style="bold", overflow="fold")
    else:
        yield Text(f"Finished jobs are kept; {mended}run it again to continue with the rest.")


def _why(run: RunStatus) -> str:
    record, lacking = run.record, run.record.jobs.needed - run.record.jobs.there
    if run.gone:
        return "Its process has ended."
    return {
        "running": "",
        "finished": f"It has ended; {lacking:,} of its jobs failed or need one that failed.",
        "interrupted": "It was interrupted.",
        "failed": f"It failed: {record.message}",
        "dead": "It has given no sign of life for a minute by this machine's clock: "
        f"see on {record.process.host} whether process {record.process.pid} still runs.",
    }[run.state]
