"""What an answer to a question holds, the same for the page, the terminal, notebooks and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.constraints import Constraint
from codesign.analysis.comparisons.not_modelled import unmodelled
from codesign.analysis.results.formatting import UNKNOWN, chance_percent, quantity
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import CONFIDENCE, LIKELY, Interval

_SHOWN = ("accuracy", "energy_j", "latency_s", "area_m2")
"""Columns that the table of every answer shows besides those that decide."""
_SHOWN_IN_REAL_TIME = ("decision_latency_s", "power_w")
"""The same for a chip in real time, whose latency leaves out the time between frames."""

Status = Literal["holds", "holds in part", "not shown", "does not hold", "cannot be asked"]
"""The verdict on a claim; see `codesign.analysis.answers.claims`."""

Standing = Literal["sure", "likely", "open", "met", "not met", "shown", Status]
"""The verdict of an answer. A choice or comparison is `sure` from 95 %, `likely` from 80 %, otherwise `open`; a claim
has its `Status`; a target is `met` or `not met`, the latter also for a choice or comparison of which no point meets the
constraints; printed numbers are `shown`."""


@dataclass(frozen=True, kw_only=True)
class PrintedNumbers:
    """The numbers that a publication prints in a row, next to those of an option.

    Attributes:
        values: by column, in SI units or in words.
        multiples: by column, multiples of the reference row: as printed, and measured here, paired by training seed.
        remark: how the option's point differs from what is printed; "" if it does not.
    """

    values: Mapping[str, float | str] = field(default_factory=dict)
    multiples: Mapping[str, tuple[float | None, Interval]] = field(default_factory=dict)
    remark: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Option:
    """One row of an answer's table: an option with its best variant.

    Attributes:
        label: the option's name for a reader.
        point: the variant, or the one that comes nearest if none takes part; None for a printed row without one.
        values: mean and interval over training seeds, by column.
        factor: how many times better the best option is in the deciding column; None if this option has no value above
            zero or does not compare.
        wins: the share of training seeds × draws of the chips' numbers and the model's error in which it is the best.
        obstacle: why it is not ranked, on which energy terms alone it is, or which limits of a target it misses, in
            words; "" if none applies.
        takes_part: for a choice or comparison, whether the variant meets the constraints and has the column.
        printed: for a row of a publication; otherwise empty.
    """

    label: str
    point: Point | None
    values: Mapping[str, Interval]
    factor: float | None = None
    wins: float | None = None
    obstacle: str = ""
    takes_part: bool = True
    printed: PrintedNumbers = PrintedNumbers()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Answer:
    """The answer to one question.

    Attributes:
        name: the question's name in its file, or that of the suggested one.
        form: choose, compare, claim, target or printed.
        question: the question as a reader would ask it, with a question mark, or the statement of a claim.
        sentence: the answer in one or two sentences, no more than two numbers in each besides those in names.
        column, more: the deciding column, "" if none, and whether more of it is better.
        confidence: the share of training seeds × draws that agree; None if there is nothing to draw.
        options: the best first: the options of a choice or comparison, the points that meet a target or come nearest,
            or the rows of a publication.
        comparisons: the evidence.
        able: the points that take part in a choice, comparison or target, in the order of the results.
        where: the question's constraints, none of them a `within`.
        remarks: what a reader should know: what does not compare and what would make it comparable, how many more seeds
            are needed, where another option starts to win.
    """

    name: str
    form: Literal["choose", "compare", "claim", "target", "printed"]
    question: str
    standing: Standing
    sentence: str
    column: str = ""
    more: bool = False
    confidence: float | None = None
    options: tuple[Option, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    able: Sequence[Point] = ()
    where: Sequence[Constraint] = ()
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        end = "" if self.question.endswith(("?", ".")) else "."  # a claim is a statement
        return f"{self.question}{end} {self.sentence} ({self.how_sure})"

    def __repr__(self) -> str:
        return f"<Answer {self.name}: {self}>"

    @property
    def how_sure(self) -> str:
        """The verdict and its share, such as `sure, 99 %`; 100 % only if all agree. The share is left out if another
        reason makes the verdict less sure: `open, 100 %` would contradict itself, as would `met, 0 %`."""
        surer = {"open": LIKELY, "likely": CONFIDENCE}.get(self.standing, math.inf)
        if self.confidence is None or self.confidence >= surer:
            return self.standing
        on_average = " on average" if self.standing == "met" and self.confidence < LIKELY else ""
        return f"{self.standing}{on_average}, {chance_percent(self.confidence)}"


def values_of(point: Point, columns: Iterable[str]) -> dict[str, Interval]:
    """Return means and intervals of the given columns, and of those that every answer shows, as far as the point has
    them."""
    in_real_time = _SHOWN_IN_REAL_TIME if point.operation == "real_time" else ()
    found = {column: point.value(column) for column in (*_SHOWN, *in_real_time, *columns)}
    return {column: value for column, value in found.items() if value.mean is not None}


def value_text(option: Option, column: str, names: Names, *, interval: bool = True) -> str:
    """Write an option's value, with or without its interval; ≥ in front if it leaves something out, a dash if there is
    none."""
    value = option.values.get(column)
    if value is None:
        return UNKNOWN
    least = "≥ " if option.point is not None and unmodelled(option.point, column, names) else ""
    return f"{least}{quantity(value.mean, column, value.half_width if interval else None)}"


def plain_answer(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain values for JSON: in SI units, points by what identifies them. docs/scripts.md lists the
    keys."""
    return {
        **{name: getattr(answer, name) for name in ("name", "form", "question", "standing", "sentence")},
        "column": answer.column or None,
        "confidence": answer.confidence,
        "options": [_plain_option(option, printed=answer.form == "printed") for option in answer.options],
        "comparisons": [
            {
                "column": found.column,
                "better": plain_point(found.better),
                "worse": plain_point(found.worse),
                "better_mean": found.better_mean,
                "worse_mean": found.worse_mean,
                "gain": asdict(found.gain),
                "share_of_draws": None if found.robustness is None else found.robustness.probability,
            }
            for found in answer.comparisons
        ],
        "remarks": list(answer.remarks),
    }


def _plain_option(option: Option, *, printed: bool) -> dict[str, Any]:
    return {
        "label": option.label,
        "point": None if option.point is None else plain_point(option.point),
        "values": {column: asdict(value) for column, value in option.values.items()},
        "factor": option.factor,
        "wins": option.wins,
        "obstacle": option.obstacle or None,
        "takes_part": option.takes_part,
        **({"printed": dict(option.printed.values), "remark": option.printed.remark} if printed else {}),
    }


def plain_point(point: Point) -> dict[str, Any]:
    """Return what identifies a point, and its rows in the results."""
    named = ("number", "chip", "schedule", "recipe")
    axes = {name: value for name, value in point.axes if value is not None}
    return {**{name: getattr(point, name) for name in named}, "axes": axes}
