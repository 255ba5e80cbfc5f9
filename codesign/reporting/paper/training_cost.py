"""Table 7, repeated: what an epoch of training takes, by F."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2

from codesign.analysis.comparison import Status
from codesign.analysis.formatting import listed, number, significant
from codesign.analysis.points import Point
from codesign.analysis.statistics import Interval
from codesign.reporting.claims import Claim
from codesign.reporting.figures import LegendEntry, Panel, palette
from codesign.reporting.lines import Line, draw_lines
from codesign.reporting.paper.cells import of_own, printed, quotient, ratio, scaled, seeds_cell, written_ratio
from codesign.reporting.paper.judging import between, one_of, statement
from codesign.reporting.paper.numbers import TABLE7, TrainingCost
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated
from codesign.reporting.svg import render
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["repeat_table7"]

_SIZE = (3.8, 2.7)
_DOUBLES = 1.5
"""A factor that is "about double" at least: nearer to 2 than to 1."""


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """A column, and the same in the paper's table."""

    column: str
    noun: str
    of: Callable[[TrainingCost], float]


_MEASURES = (
    _Measure(column="epoch_wall_s", noun="time", of=lambda cost: cost.epoch_s),
    _Measure(column="training_memory_bytes", noun="memory", of=lambda cost: cost.memory_bytes),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    """Layered training (group size None), or unlayered training with random scheduling."""

    group_size: int | None
    paper: TrainingCost | None
    point: Point | None

    @property
    def name(self) -> str:
        return "Layered" if self.group_size is None else f"Unlayered RS, F = {self.group_size}"


def repeat_table7(sweep: Repeated) -> Part:
    """The paper's Table 7 beside the sweep's trainings."""
    costs = TABLE7.get(sweep.beside.dataset, {}) if sweep.beside.dataset else {}
    rows = _rows(sweep, costs)
    absent = [row.name for row in rows if row.point is None]
    table = _table(rows)
    return Part(
        claims=tuple(_claims(rows)),
        table=table,
        brief=_brief(rows),
        panels=tuple(_panels(rows)),
        legend=tuple(
            LegendEntry(glyph="▬", color=color, text=text)
            for color, text in zip(palette(2), ("here", "the paper"), strict=True)
        ),
        remarks=(
            "The paper’s: second epoch on an NVIDIA Quadro RTX 5000, VRAM. Here: second epoch on a CPU, "
            "memory above what the process held before. Only multiples of each one’s own layered training "
            "compare. They are times of one run of one machine, and another run gives others.",
        ),
        missing=f"The sweep has no result for {listed(absent)}." if absent else "",
    )


def _rows(sweep: Repeated, costs: Mapping[int | None, TrainingCost]) -> list[_Row]:
    layered = next(iter(sweep.trained(None)), None)
    by_size: dict[int, Point] = {}
    for point in sweep.trained("random"):
        if point.training_group_size is not None:
            by_size.setdefault(point.training_group_size, point)
    sizes = sorted({*by_size, *(size for size in costs if size is not None)}, reverse=True)
    return [
        _Row(group_size=None, paper=costs.get(None), point=layered),
        *(_Row(group_size=size, paper=costs.get(size), point=by_size.get(size)) for size in sizes),
    ]


def _table(rows: Sequence[_Row]) -> Table:
    return Table(
        caption="Training by F: the paper’s Table 7, and here with 95 % intervals over training seeds.",
        headings=(
            Heading(text="training"),
            Heading(text="s an epoch, paper", numeric=True, hint="on a GPU"),
            Heading(text="s an epoch, here", numeric=True, hint="on a CPU"),
            Heading(text="of layered, paper", numeric=True),
            Heading(text="of layered, here", numeric=True, hint="paired by seed"),
            Heading(text="MB, paper", numeric=True, hint="VRAM"),
            Heading(text="MB, here", numeric=True, hint="resident memory"),
            Heading(text="of layered, paper", numeric=True),
            Heading(text="of layered, here", numeric=True, hint="paired by seed"),
            Heading(text="seeds", numeric=True),
        ),
        rows=tuple(_cells(row, rows[0]) for row in rows),
    )


def _cells(row: _Row, layered: _Row) -> tuple[Cell, ...]:
    seconds, memory = (row.paper.epoch_s, row.paper.memory_bytes) if row.paper else (None, None)
    own_seconds, own_memory = (layered.paper.epoch_s, layered.paper.memory_bytes) if layered.paper else (None, None)
    return (
        Cell(text=row.name),
        printed(seconds),
        scaled(row.point, "epoch_wall_s", 1.0),
        printed(quotient(seconds, own_seconds), _short),
        of_own(row.point, layered.point, "epoch_wall_s"),
        printed(memory, lambda value: f"{value / 1e6:.0f}"),
        scaled(row.point, "training_memory_bytes", 1e-6),
        printed(quotient(memory, own_memory), _short),
        of_own(row.point, layered.point, "training_memory_bytes"),
        seeds_cell(row.point, "epoch_wall_s"),
    )


def _short(value: float) -> str:
    return significant(value, 3)


def _brief(rows: Sequence[_Row]) -> Table:
    return Table(
        caption="Table 7 as multiples of layered training: the paper and here",
        headings=(
            Heading(text="training"),
            Heading(text="time, paper", numeric=True),
            Heading(text="time, here", numeric=True),
            Heading(text="memory, paper", numeric=True),
            Heading(text="memory, here", numeric=True),
        ),
        rows=tuple((row[0], row[3], row[4], row[7], row[8]) for row in (_cells(one, rows[0]) for one in rows)),
    )


def _panels(rows: Sequence[_Row]) -> list[Panel]:
    layered, *unlayered = rows
    panels = []
    for measure in _MEASURES:
        here, theirs = [], []
        for row in sorted(unlayered, key=lambda row: row.group_size or 0):
            size, value = float(row.group_size or 0), ratio(row.point, layered.point, measure.column)
            if value is not None and value.mean is not None:
                here.append((size, value.mean))
            if row.paper is not None and layered.paper is not None:
                theirs.append((size, measure.of(row.paper) / measure.of(layered.paper)))
        if here:
            title = f"{measure.noun.capitalize()} of training, by F"
            lines = [Line(curve=here), Line(curve=theirs)]
            drawing = draw_lines(lines, "F of training", "multiple of layered training", marker="o", evenly_spaced=True)
            panels.append(Panel(title=title, svg=render(f"paper-{measure.noun}", drawing, size=_SIZE, label=title)))
    return panels


def _claims(rows: Sequence[_Row]) -> list[Claim]:
    layered, *unlayered = rows
    nothing = "The sweep lacks layered or unlayered training, or what they took."

    def naming(point: Point) -> str:
        return next(row.name for row in rows if row.point is point)

    claims = []
    for measure in _MEASURES:
        claims.append(_doubling(unlayered, measure))
        claims.append(
            statement(
                f"more {measure.noun}",
                f"Unlayered training takes more {measure.noun} than layered training",
                "section 4.6, Table 7",
                [between(measure.column, row.point, layered.point, more_is_better=True) for row in unlayered],
                nothing=nothing,
                naming=naming,
            )
        )
    return claims


def _doubling(rows: Sequence[_Row], measure: _Measure) -> Claim:
    """Factors by which a measure grows from one F to the next smaller one, for each halving."""
    known = [row for row in rows if row.point is not None and row.point.value(measure.column).mean is not None]
    factors = [(larger, smaller, _a_halving(larger, smaller, measure.column)) for larger, smaller in pairwise(known)]
    name = f"{measure.noun} doubles"
    title = f"Each time F is halved, {measure.noun} about doubles (sections 3.2.1, 4.6 and appendix A.8)"
    if not factors:
        nothing = "Needs unlayered training with two values of F, and what it took."
        return Claim(name=name, title=title, status="cannot be asked", sentence=nothing)
    written = [f"{written_ratio(one)} from F = {a.group_size} to {b.group_size}" for a, b, one in factors]
    status = one_of([_doubles(one) for _, _, one in factors])
    sentences = [f"{measure.noun.capitalize()} grows by a factor of {listed(written)}, for each halving."]
    if status == "does not hold":
        sentences.append("Less than that is good news: small groups are not dear to train with here.")
    sentences.append(_own(rows, measure))
    return Claim(name=name, title=title, status=status, sentence=" ".join(sentences).strip())


def _a_halving(larger: _Row, smaller: _Row, column: str) -> Interval:
    found = ratio(smaller.point, larger.point, column)
    halvings = log2((larger.group_size or 1) / (smaller.group_size or 1))
    assert found is not None, "rows without a point were left out"
    if found.mean is None or halvings == 1:
        return found
    mean = found.mean ** (1 / halvings)
    half = None if found.half_width is None else found.half_width * mean / (halvings * found.mean)
    return Interval(mean=mean, half_width=half, seeds=found.seeds)


def _doubles(factor: Interval) -> Status:
    if factor.low is None or factor.high is None:
        return "not shown"
    return "holds" if factor.low >= _DOUBLES else "does not hold" if factor.high < _DOUBLES else "not shown"


def _own(rows: Sequence[_Row], measure: _Measure) -> str:
    """The factors of the paper's own table, whose F are halves of each other."""
    costs = [measure.of(row.paper) for row in rows if row.paper is not None]
    factors = [number(smaller / larger, 3) for larger, smaller in pairwise(costs)]
    return f"By its own table, in the paper: {listed(factors)}." if factors else ""
