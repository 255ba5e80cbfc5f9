"""The picture of a run on a terminal, with parts that `codesign status` shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from codesign.exploration.runs.progress import FrontLine, JobCounts, Progress, TrialCounts
from codesign.units import format_duration, plural, rate_text

_BAR = 20
_RUNNING = 3
_FRONT = 5
_STATES = {"complete": "green", "dropped": "", "infeasible": "", "failed": "bold red"}
"""Colours from the terminal's own palette that are readable on light and dark backgrounds."""


def run_picture(run: Progress) -> Iterator[RenderableType]:
    """A run on a terminal: jobs, trials, running jobs, and the best front so far."""
    jobs = run.jobs()
    results = sum(jobs.ended.values()), sum(jobs.total.values())
    so_far = f"{format_duration(run.elapsed_s)} so far"
    left = f"about {format_duration(jobs.left_s)} left" if jobs.left_s else so_far
    yield from counts_picture(jobs, run.search, results, running=True, left=left)
    yield from _under_way(list(run.running.items()), run.details)
    if run.front_lines:
        yield front_table(run.front_lines, rows=_FRONT)


def _under_way(jobs: Sequence[tuple[tuple[str, str], int]], details: Mapping[tuple[str, str], str]) -> Iterator[Text]:
    for (kind, label), _ in jobs[:_RUNNING]:
        detail = details.get((kind, label))
        yield Text(f"  {kind} {label}{f': {detail}' if detail else ''}", overflow="ellipsis", no_wrap=True)
    if more := sum(count for _, count in jobs[_RUNNING:]):
        yield Text(f"  and {more:,} more", style="dim")


def counts_picture(
    jobs: JobCounts, search: TrialCounts | None, results: tuple[int, int], *, running: bool, left: str = ""
) -> Iterator[Text]:
    """Numbers of jobs by outcome and kind, and of trials. `results` are ended and total; `left` is the remaining time
    of a running run in words. The bar shows trials, if their number is limited, and jobs otherwise."""
    done, total = results
    reached = (sum(search.told.values()), search.trials) if search is not None and search.trials else results
    head = _bar(*reached).append(f" {done:,}/{total:,} jobs", style="default")
    rate = "" if jobs.rate_per_s is None or not running else rate_text(jobs.rate_per_s)
    yield joined([head, rate, left])
    yield joined(
        [
            Text(f"done {jobs.done:,}", style="green"),
            Text(f"under way {jobs.running:,}" if running else ""),
            Text(f"from the store {jobs.reused:,}" if jobs.reused else ""),
            Text(f"failed {jobs.failed:,}" if jobs.failed else "", style="bold red"),
            Text(f"skipped {jobs.skipped:,}" if jobs.skipped else ""),
        ]
    )
    kinds = [kind for kind in ("train", "execute", "price") if jobs.total.get(kind)]
    if kinds:
        yield joined(f"{kind} {jobs.ended.get(kind, 0):,}/{jobs.total[kind]:,}" for kind in kinds)
    if search is not None:
        yield _trial_counts(search, running=running)


def _trial_counts(search: TrialCounts, *, running: bool) -> Text:
    count, told = sum(search.told.values()), search.told
    of = "" if search.trials is None else f"/{search.trials:,}"
    return joined(
        [
            Text(f"trials {count:,}{of}", style="bold"),
            *(Text(f"{told[state]:,} {state}", style=style) for state, style in _STATES.items() if told.get(state)),
            f"{search.in_flight:,} in flight" if running and search.in_flight else "",
            f"hypervolume {search.hypervolume}" if search.hypervolume else "",
        ]
    )


def _bar(done: int, total: int) -> Text:
    """A bar that is readable without colours."""
    filled = min(_BAR, _BAR * done // max(total, 1))
    return Text.assemble(("━" * filled, "green"), ("─" * (_BAR - filled), "dim"))


def joined(parts: Iterable[Text | str]) -> Text:
    """Texts joined with commas, without empty ones."""
    return Text(", ").join(Text(part) if isinstance(part, str) else part for part in parts if len(part))


def front_table(lines: Sequence[FrontLine], *, rows: int, size: int | None = None) -> Table:
    """The front in about `rows` rows; `size` is its size if `lines` are only its beginning. If there are several
    groups, which cannot be compared, the best of each is below its name."""
    groups: dict[str, list[FrontLine]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    points, several = size or len(lines), len(groups) > 1
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    title = f"best: {plural(points, 'point')}{', which do not all compare' * several}"
    table.add_column(Text(title), overflow="fold")
    for label in lines[0].labels:
        table.add_column(Text(label.removesuffix(" per sample")), justify="right", no_wrap=True, overflow="ellipsis")
    for group, own in groups.items():
        if several:
            table.add_row(Text(group, style="dim"))
        for line in own[: max(1, rows // len(groups))]:
            table.add_row(Text(line.name), *map(Text, line.values))
    return table
