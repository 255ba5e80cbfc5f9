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


def store_picture(found: StoreStatus, width: int) -> Iterator[RenderableType]:
    """A row a run."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    wide = width >= 100
    table.add_column("run", overflow="fold")
    for name in ("state", "results", "last sign of life", *(("failed", "started") if wide else ())):
        table.add_column(name, justify="right" if name in ("results", "failed") else "left", no_wrap=True)
    for one in found.runs:
        record = one.record
        counts = "unknown" if one.results is None else f"{one.in_store:,}/{one.needed:,}"
        row = [Text(record.id), _state(one), Text(counts), Text(ago(one.silent_s))]
        if wide:
            row += [Text(f"{record.jobs.failed:,}"), Text(ago(one.silent_s + record.alive - record.started))]
        table.add_row(*row)
    yield table
    for problem in found.problems:
        yield Text(problem, style="red")
    if found.runs:
        yield Text("`--run ID` shows one of them.", style="dim")


def run_picture(found: RunStatus, width: int) -> Iterator[RenderableType]:
    """Everything about one run."""
    record = found.record
    yield Text.assemble((record.name, "bold"), f"  {record.kind}, ", _state(found), f"  {record.id}")
    yield from packed(_lifetime(found), width)
    yield Text("")
    yield from _results(found, width)
    yield from packed(_jobs(found), width)
    if record.search is not None:
        search = record.search
        in_flight = search.in_flight if found.state == "running" else 0
        yield from packed(trial_parts(search.told, search.trials, in_flight, search.hypervolume), width)
    yield from _failures(record)
    if record.front:
        yield Text("")
        yield front_table(record.front, rows=_FRONT, width=width, size=record.front_size)
        yield from front_legend(record.front)
    yield Text("")
    yield from _places(record)
    yield from _what_next(found)


def _state(found: RunStatus) -> Text:
    return Text(found.state, style=_STYLES[found.state])


def _lifetime(found: RunStatus) -> list[Text]:
    record = found.record
    parts = [Text(f"started {ago(found.silent_s + record.alive - record.started)}")]
    if record.started - record.first_started > 1:
        parts.append(Text(f"for the first time {ago(found.silent_s + record.alive - record.first_started)}"))
    parts.append(
        Text(f"{'last sign of life' if found.state in ('running', 'dead') else 'ended'} {ago(found.silent_s)}")
    )
    parts.append(Text(f"on {record.process.host}, process {record.process.pid}", style="dim"))
    if record.executor:
        parts.append(Text(f"executor {record.executor}", style="dim"))
    return parts


def _results(found: RunStatus, width: int) -> Iterator[Text]:
    if found.results is None:
        yield Text(f"how many results are in the store is not known: {found.problem}", style="red")
        return
    share = found.in_store / found.needed if found.needed else 0.0
    head = bar(share, width=20 if width < 100 else 40)
    known_yet = " needed so far" if found.record.kind == "study" and found.state != "finished" else ""
    head.append(f" {found.in_store:,}/{found.needed:,} results{known_yet} in the store", style="default")
    yield from packed([head], width)
    yield from packed(
        (
            Text(f"{_KINDS[kind]} {one.in_store:,}/{one.needed:,}", style="dim")
            for kind, one in found.results.items()
            if one.needed
        ),
        width,
    )


def _jobs(found: RunStatus) -> list[Text]:
    """What its last process says of itself."""
    jobs, running = found.record.jobs, found.state == "running"
    parts = [Text(f"jobs done {jobs.done:,}")]
    parts += [Text(f"under way {jobs.running:,}")] if running else []
    parts += [Text(f"from the store {jobs.reused:,}")] if jobs.reused else []
    parts += [Text(f"failed {jobs.failed:,}", style="bold red")] if jobs.failed else []
    parts += [Text(f"skipped {jobs.skipped:,}")] if jobs.skipped else []
    if running and jobs.rate_per_s is not None:
        parts.append(Text(rate_text(jobs.rate_per_s)))
    if running and jobs.left_s is not None and (left := jobs.left_s - found.silent_s) > 0:
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


def _what_next(found: RunStatus) -> Iterator[Text]:
    record, missing = found.record, found.needed - found.in_store
    if found.state == "running" or (found.state == "finished" and not missing):
        return
    yield Text(_why(found, missing))
    if record.command:
        yield Text("What is finished is kept; this goes on with the rest:")
        yield Text(f"cd {shlex.quote(record.folder)} && {record.command}", style="bold", overflow="fold")
    else:
        yield Text("What is finished is kept; run it again, and it goes on with the rest.")


def _why(found: RunStatus, missing: int) -> str:
    record = found.record
    if found.state == "finished":
        reason = "because jobs failed" if record.jobs.failed else "though the files of its output are complete"
        return f"It has ended; {missing:,} of its results are not in the store, {reason}."
    if found.state == "interrupted":
        return "It was interrupted."
    if found.state == "failed":
        return f"It failed: {record.message}"
    if found.seen:
        return "Its process is gone, and could not say why: it was killed, or the machine was."
    return f"Nothing was heard of it for too long; whether its process still runs can be seen on {record.process.host}."
