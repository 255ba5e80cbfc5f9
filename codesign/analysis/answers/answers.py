"""What an answer to a question holds, the same for the page, the terminal, notebooks and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.questions import Constraint
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import Interval

_SHOWN = ("accuracy", "energy_j", "latency_s", "area_m2")
"""What the table of an answer shows beside what decides."""
_SHOWN_IN_REAL_TIME = ("decision_latency_s", "power_w")
"""And of a chip in real time, whose latency leaves out the time between frames."""

LIKELY = 0.8

Status = Literal["holds", "holds in part", "not shown", "does not hold", "cannot be asked"]
"""How a claim stands; see `codesign.analysis.answers.claims`."""

Standing = Literal["sure", "likely", "open", "met", "not met", "shown", Status]
"""How an answer stands: of a choice or comparison `sure` from 95 % and `likely` from 80 %, else `open`; of a claim as
its `Status`; of a target `met` or `not met`, the latter also of a choice or comparison for which no point meets the
constraints; of printed numbers `shown`."""


@dataclass(frozen=True, kw_only=True)
class PrintedNumbers:
    """What a publication prints in a row, beside the numbers of an option.

    Attributes:
        values: by column, in SI units or in words.
        multiples: by column, of the reference row: what is printed, and the same here, paired by training seed.
        remark: in what the option's point is not as printed; "" if in nothing.
    """

    values: Mapping[str, float | str] = field(default_factory=dict)
    multiples: Mapping[str, tuple[float | None, Interval]] = field(default_factory=dict)
    remark: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Option:
    """One row of an answer's table: an option with the best of its variants.

    Attributes:
        label: as a reader says it.
        point: the variant, or one that comes nearest where none takes part; None of a printed row without one.
        values: mean and interval over training seeds, by column.
        factor: how many times better the best option is in the column that decides; None where it has none, is not
            above zero or does not compare.
        wins: share of training seeds × draws of the chips' numbers and of the model's error in which it is the best.
        obstacle: why it is not ranked, on which terms alone it is, or which limits of a target it misses, in words; ""
            where nothing of this is so.
        takes_part: of a choice or a comparison, whether the variant meets the constraints and has the column.
        printed: of a row of a publication; else empty.
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
        name: of the question in its file, or of the suggested one.
        form: choose, compare, claim, target or printed.
        question: as a reader asks it, with a question mark, or the statement of a claim.
        sentence: the answer in one or two sentences, no more than two numbers in each.
        column, more: the column that decides, "" where none does, and whether more of it is better.
        confidence: share of training seeds × draws that agree; None where there is nothing to draw.
        options: the best first; of a choice or a comparison, the points that meet a target or come nearest, and the
            rows of a publication.
        comparisons: the evidence.
        able: points of a choice, a comparison or a target that take part, in the order of the results.
        where: its constraints, none of them a `within`.
        remarks: what to know of it: what does not compare and what would make it comparable, more seeds that are
            needed, from where on another option wins.
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
        """`sure, 99 %`: how it stands, in words and a number where there is one; 100 % only where nothing differs. Of
        an answer that is open for another reason none: `open, 100 %` would contradict itself."""
        if self.confidence is None or (self.standing == "open" and self.confidence >= LIKELY):
            return self.standing
        share = 100 * self.confidence
        return f"{self.standing}, {'> 99' if 99.5 <= share < 100 else f'{share:.0f}'} %"


def values_of(point: Point, columns: Iterable[str]) -> dict[str, Interval]:
    """Means and intervals of those columns that a point has, and of what every answer shows."""
    in_real_time = _SHOWN_IN_REAL_TIME if point.operation == "real_time" else ()
    found = {column: point.value(column) for column in (*_SHOWN, *in_real_time, *columns)}
    return {column: value for column, value in found.items() if value.mean is not None}


def plain_answer(answer: Answer) -> dict[str, Any]:
    """An answer as plain values, for JSON: SI units, points by what they are. docs/scripts.md lists the keys."""
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
    """What tells a point from others, which is also what finds its rows in the results."""
    named = ("number", "chip", "schedule", "recipe")
    axes = {name: value for name, value in point.axes if value is not None}
    return {**{name: getattr(point, name) for name in named}, "axes": axes}
