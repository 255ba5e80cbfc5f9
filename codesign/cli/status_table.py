"""What `codesign status` shows: one run, or all runs of a store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from codesign.cli.durations import ago, format_duration
from codesign.cli.progress_table import bar, front_legend, front_table, packed, trial_parts
from codesign.exploration.runs.counting import rate_text
from codesign.exploration.runs.status import RunStatus, StoreStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from codesign.exploration.runs.record import RunRecord

__all__ = ["run_picture", "store_picture"]

_STYLES = {
    "running": "bold green",
    "finished": "green",
    "interrupted": "bold",
    "failed": "bold red",
    "dead": "bold red",
}
_FAILURES = 5
_FRONT = 10
_KINDS = {"train": "trained", "execute": "executed", "summary": "summarized", "price": "priced"}


def store_picture(store: StoreStatus, width: int) -> Iterator[RenderableType]:
    """A row a run."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    wide = width >= 100
    table.add_column("run", overflow="fold")
    for name in ("state", "results", "last sign of life", *(("failed", "started") if wide else ())):
        table.add_column(name, justify="right" if name in ("results", "failed") else "left", no_wrap=True)
    for run in store.runs:
        record = run.record
        counts = "unknown" if run.results is None else f"{run.in_store:,}/{run.needed:,}"
        row = [Text(record.id), _state(run), Text(counts), Text(ago(run.silent_s))]
        if wide:
            row += [Text(f"{record.jobs.failed:,}"), Text(ago(run.silent_s + record.alive - record.started))]
        table.add_row(*row)
    yield table
    for problem in store.problems:
        yield Text(problem, style="red")
    if store.runs:
        yield Text("`--run ID` shows one of them.", style="dim")


def run_picture(run: RunStatus, width: int) -> Iterator[RenderableType]:
    """Everything about one run."""
    record = run.record
    yield Text.assemble((record.name, "bold"), f"  {record.kind}, ", _state(run), f"  {record.id}")
    yield from packed(_lifetime(run), width)
    yield Text("")
    yield from _results(run, width)
    yield from packed(_jobs(run), width)
    if record.search is not None:
        search = record.search
        in_flight = search.in_flight if run.state == "running" else 0
        yield from packed(trial_parts(search.told, search.trials, in_flight, search.hypervolume), width)
    yield from _failures(record)
    if record.front:
        yield Text("")
        yield front_table(record.front, rows=_FRONT, width=width, size=record.front_size)
        yield from front_legend(record.front)
    yield Text("")
    yield from _places(record)
    yield from _what_next(run)


def _state(run: RunStatus) -> Text:
    return Text(run.state, style=_STYLES[run.state])


def _lifetime(run: RunStatus) -> list[Text]:
    record = run.record
    parts = [Text(f"started {ago(run.silent_s + record.alive - record.started)}")]
    if record.started - record.first_started > 1:
        parts.append(Text(f"for the first time {ago(run.silent_s + record.alive - record.first_started)}"))
    parts.append(Text(f"{'last sign of life' if run.state in ('running', 'dead') else 'ended'} {ago(run.silent_s)}"))
    parts.append(Text(f"on {record.process.host}, process {record.process.pid}", style="dim"))
    if record.executor:
        parts.append(Text(f"executor {record.executor}", style="dim"))
    return parts


def _results(run: RunStatus, width: int) -> Iterator[Text]:
    if run.results is None:
        yield Text(f"how many results are in the store is not known: {run.problem}", style="red")
        return
    share = run.in_store / run.needed if run.needed else 0.0
    head = bar(share, width=20 if width < 100 else 40)
    known_yet = " needed so far" if run.record.kind == "study" and run.state != "finished" else ""
    head.append(f" {run.in_store:,}/{run.needed:,} results{known_yet} in the store", style="default")
    yield from packed([head], width)
    yield from packed(
        (
            Text(f"{_KINDS[kind]} {counts.in_store:,}/{counts.needed:,}", style="dim")
            for kind, counts in run.results.items()
            if counts.needed
        ),
        width,
    )


def _jobs(run: RunStatus) -> list[Text]:
    """What its last process says of itself."""
    jobs, running = run.record.jobs, run.state == "running"
    parts = [Text(f"jobs done {jobs.done:,}")]
    parts += [Text(f"under way {jobs.running:,}")] if running else []
    parts += [Text(f"from the store {jobs.reused:,}")] if jobs.reused else []
    parts += [Text(f"failed {jobs.failed:,}", style="bold red")] if jobs.failed else []
    parts += [Text(f"skipped {jobs.skipped:,}")] if jobs.skipped else []
    if running and jobs.rate_per_s is not None:
        parts.append(Text(rate_text(jobs.rate_per_s)))
    if running and jobs.left_s is not None and (left := jobs.left_s - run.silent_s) > 0:
        parts.append(Text(f"about {format_duration(left)} left"))
    return parts


def _failures(record: RunRecord) -> Iterator[Text]:
    shown = record.failures[-_FAILURES:]
    for line in shown:
        yield Text.assemble((f"  {line.job}: ", "red"), line.reason)
    if shown and record.jobs.failed > len(shown):
        yield Text(f"  and {record.jobs.failed - len(shown):,} failures before", style="dim")


def _places(record: RunRecord) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("output"), Text(record.output))
    table.add_row(Text("store"), Text(record.store))
    if record.search is not None:
        table.add_row(Text("trials"), Text(record.search.place))
    yield table


def _what_next(run: RunStatus) -> Iterator[Text]:
    record, missing = run.record, run.needed - run.in_store
    if run.state == "running" or (run.state == "finished" and not missing):
        return
    yield Text(_why(run, missing))
    if record.command:
        yield Text("What is finished is kept; this goes on with the rest:")
        yield Text(f"cd {shlex.quote(record.folder)} && {record.command}", style="bold", overflow="fold")
    else:
        yield Text("What is finished is kept; run it again, and it goes on with the rest.")


def _why(run: RunStatus, missing: int) -> str:
    record = run.record
    if run.state == "finished":
        reason = "because jobs failed" if record.jobs.failed else "though the files of its output are complete"
        return f"It has ended; {missing:,} of its results are not in the store, {reason}."
    if run.state == "interrupted":
        return "It was interrupted."
    if run.state == "failed":
        return f"It failed: {record.message}"
    if run.seen:
        return "Its process is gone, and could not say why: it was killed, or the machine was."
    return f"Nothing was heard of it for too long; whether its process still runs can be seen on {record.process.host}."
