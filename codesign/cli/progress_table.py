"""The picture of a run on a terminal: jobs, trials, what is under way, and the best front so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from codesign.cli.durations import format_duration
from codesign.exploration.runs.counting import rate_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from codesign.exploration.runs.counting import Counting
    from codesign.exploration.runs.progress import FrontLine

__all__ = ["bar", "front_legend", "front_table", "packed", "run_picture", "trial_parts"]

_LINES = 15
_RUNNING = 4
_FRONT = 5
_STATES = {"complete": "green", "dropped": "", "infeasible": "", "failed": "bold red"}
"""Colours are those of the terminal's own palette that can be read on a light and on a dark ground."""


def run_picture(
    run: Counting, details: Mapping[tuple[str, str], str], *, width: int, height: int, ascii_only: bool = False
) -> Iterator[RenderableType]:
    """A run in 15 lines or fewer, and in fewer than the terminal has.

    Args:
        details: how far a job is, by (kind, label), where that is known.
        width, height: of the terminal, in characters.
    """
    lines = list(_counts(run, width, ascii_only))
    yield from lines
    room = max(0, min(_LINES, height - 1) - len(lines))
    wanted = min(len(run.running), _RUNNING)
    front_lines = 1 + min(len(run.front_lines), _FRONT) if run.front_lines else 0
    shown = min(wanted, max(room - front_lines, min(2, room)))
    yield from _under_way(run, details, shown)
    left = room - shown
    if front_lines and left >= 2:
        yield front_table(run.front_lines, rows=min(_FRONT, left - 1), width=width)


def _counts(run: Counting, width: int, ascii_only: bool) -> Iterator[Text]:
    share = run.jobs_ended / run.jobs if run.jobs else 0.0
    progress = bar(share, width=20 if width < 100 else 40, ascii_only=ascii_only)
    head = [progress.append(f" {run.jobs_ended:,}/{run.jobs:,} jobs", style="default")]
    if run.rate_per_s is not None:
        head.append(Text(rate_text(run.rate_per_s)))
    left = run.remaining_s()
    head.append(Text(f"{format_duration(run.elapsed_s)} so far" if not left else f"about {format_duration(left)} left"))
    yield from packed(head, width)
    counts = [Text(f"done {run.jobs_done:,}", style="green"), Text(f"under way {run.running.total():,}")]
    counts += [Text(f"from the store {run.reused:,}")] if run.reused else []
    counts += [Text(f"failed {run.failures:,}", style="bold red")] if run.failures else []
    counts += [Text(f"skipped {run.jobs_skipped:,}")] if run.jobs_skipped else []
    yield from packed(counts, width)
    kinds = [kind for kind in ("train", "execute", "price") if run.total[kind]]
    yield from packed([Text(f"{kind} {run.ended[kind]:,}/{run.total[kind]:,}", style="dim") for kind in kinds], width)
    if run.search is not None:
        yield from packed(trial_parts(run.told, run.search.trials, run.in_flight, run.volume), width)


def _under_way(run: Counting, details: Mapping[tuple[str, str], str], shown: int) -> Iterator[Text]:
    jobs = list(run.running.items())
    fit = shown if len(jobs) <= shown else shown - 1
    for (kind, label), count in jobs[: max(fit, 0)]:
        detail = details.get((kind, label), "")
        text = f"  {kind} {label}{f' (×{count})' if count > 1 else ''}{f': {detail}' if detail else ''}"
        yield Text(text, overflow="ellipsis", no_wrap=True)
    if fit < shown:
        more = sum(count for _, count in jobs[max(fit, 0) :])
        yield Text(f"  and {more:,} more" if fit > 0 else f"  {more:,} jobs under way", style="dim")


def trial_parts(told: Mapping[str, int], budget: int | None, in_flight: int, volume: str) -> list[Text]:
    """How far a search is, in pieces."""
    count = sum(told.values())
    parts = [Text(f"trials {count:,}/{budget:,}" if budget is not None else f"trials {count:,}", style="bold")]
    parts += [Text(f"{told[state]:,} {state}", style=style) for state, style in _STATES.items() if told.get(state)]
    parts += [Text(f"{in_flight:,} in flight")] if in_flight else []
    parts += [Text(f"hypervolume {volume}")] if volume else []
    return parts


def bar(share: float, *, width: int, ascii_only: bool = False) -> Text:
    """A bar of so many characters; without colours it can be read, too."""
    full, rest = ("#", "-") if ascii_only else ("━", "─")
    done = min(width, int(share * width))
    return Text.assemble((full * done, "green"), (rest * (width - done), "dim"))


def packed(parts: Iterable[Text], width: int) -> Iterator[Text]:
    """Pieces of text after another, with commas between them, in lines of so many characters."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for part in parts:
        if line.cell_len and line.cell_len + 2 + part.cell_len > width:
            yield line
            line = Text(no_wrap=True, overflow="ellipsis")
        if line.cell_len:
            line.append(", ")
        line.append_text(part)
    if line.cell_len:
        yield line


def front_table(lines: Sequence[FrontLine], *, rows: int, width: int, size: int | None = None) -> Table:
    """The front in a header and so many rows or fewer; a letter tells groups apart that do not compare.

    Args:
        size: points of the front, where `lines` are not all of them.
    """
    groups = list(dict.fromkeys(line.group for line in lines))
    labels = [label.removesuffix(" per sample") for label in lines[0].labels]
    chosen = _fair_choice(lines, groups, rows)
    widths = [
        max(min(len(label), 12), *(len(line.values[i]) for line in chosen)) if chosen else len(label)
        for i, label in enumerate(labels)
    ]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    room = max(10, width - sum(width + 2 for width in widths) - 2)
    table.add_column(_front_title(size or len(lines), groups), max_width=room, no_wrap=True, overflow="ellipsis")
    for label, widest in zip(labels, widths, strict=True):
        table.add_column(
            Text(label), justify="right", min_width=widest, max_width=widest, no_wrap=True, overflow="ellipsis"
        )
    for line in chosen:
        mark = f"{_letter(groups.index(line.group))} " if len(groups) > 1 else ""
        table.add_row(Text(f"{mark}{line.name}"), *map(Text, line.values))
    return table


def front_legend(lines: Sequence[FrontLine]) -> Iterator[Text]:
    """What the letters stand for."""
    groups = list(dict.fromkeys(line.group for line in lines))
    if len(groups) > 1:
        for number, group in enumerate(groups):
            yield Text(f"{_letter(number)} {group}", style="dim")


def _front_title(points: int, groups: Sequence[str]) -> Text:
    title = f"best: {points:,} point{'s' * (points != 1)}"
    if len(groups) > 1:
        title = f"best: {points:,}, {_letter(0)}–{_letter(len(groups) - 1)} do not compare"
    return Text(title)


def _fair_choice(lines: Sequence[FrontLine], groups: Sequence[str], rows: int) -> list[FrontLine]:
    """The first of each group, then the second of each, until there are enough; in the order of `lines`."""
    members = {group: [n for n, line in enumerate(lines) if line.group == group] for group in groups}
    ranked = sorted((rank, n) for numbers in members.values() for rank, n in enumerate(numbers))
    return [lines[n] for n in sorted(n for _, n in ranked[:rows])]


def _letter(number: int) -> str:
    return chr(ord("a") + number % 26)
