"""The questions of a sweep's or study's file.

Each entry of `questions:` has one of the forms below, which its first key names. Questions name columns of results or
measures, and select points by facts and axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag, TypeAdapter, model_validator

from codesign.analysis.comparisons.constraints import Constraint
from codesign.analysis.results.columns import AXIS_PREFIX, COLUMNS
from codesign.analysis.results.formatting import is_share, like
from codesign.documents import Spec
from codesign.mistakes import suggestion
from codesign.units import parse_quantity, si_unit

Selected = str | int | float | bool | None
CHOICES = ("chip", "schedule", "recipe")
"""What can be chosen, beside the values of an axis."""


def _path(name: object) -> object:
    return name.removeprefix(AXIS_PREFIX) if isinstance(name, str) else name


AxisPath = Annotated[str, BeforeValidator(_path)]
"""Axes may be named by the column of results, `axis.` and their path, or by the path alone."""


def _paths(content: object) -> object:
    return {_path(name): of for name, of in content.items()} if isinstance(content, Mapping) else content


def _column(name: object) -> object:
    """The column of an axis; `chip`, `schedule` and `recipe` unchanged."""
    return name if not isinstance(name, str) or name in CHOICES else f"{AXIS_PREFIX}{_path(name)}"


Selection = Annotated[Mapping[str, Selected | tuple[Selected, ...]], BeforeValidator(_paths)]
"""Which points: the values of facts (`recipe`, `schedule`, `chip`, `training_method`, `policy`, `group_size`, …) and of
axes by their path. A list allows several values; `lowest` and `highest` take the least and greatest that there is."""

Limit = Annotated[Constraint, BeforeValidator(Constraint.parse), PlainSerializer(lambda limit: limit.text)]
Where = tuple[Limit, ...]


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a claimed difference, such as `2 x`, `3 points` or `1 uJ`.

    Attributes:
        kind: a factor of the smaller side, or a difference.
        value: in SI units; points as a fraction.
        unit: of a difference in SI units; `%` for points, "" for a plain number.
        text: as it was written.
    """

    kind: Literal["factor", "difference"]
    value: float
    unit: str = ""
    text: str

    @staticmethod
    def parse(text: object) -> Size:
        """Raises ValueError for text of another form."""
        if isinstance(text, Size):
            return text
        number, _, unit = str(text).strip().partition(" ")
        try:
            factor, share = unit in ("x", "×"), unit in ("point", "points", "%")
            value = float(number) if factor else float(number) / 100 if share else _in_si(text)
            if not math.isfinite(value) or (factor and value <= 0):
                raise ValueError
            own = "" if factor else "%" if share else si_unit(unit)
            return Size(kind="factor" if factor else "difference", value=value, unit=own, text=str(text))
        except ValueError:
            raise ValueError(f"must be like '2 x', '3 points' or '1 uJ', found {text!r:.80}") from None

    def misfit(self, column: str) -> str:
        """Why it cannot be a difference of a column or measure; "" if it can."""
        known = COLUMNS.get(like(column))
        if known is None:  # which is reported elsewhere
            return ""
        own = "%" if is_share(column) else si_unit(known.unit)
        if self.kind == "difference" and self.unit in ("", own) and not (own == "%" and abs(self.value) > 1):
            return ""
        example = "points, as '3 points'" if own == "%" else f"a quantity in {own}" if own else "a plain number"
        return f"of '{column}' must be {example}, found '{self.text}'"


def _in_si(value: object) -> float:
    """A number, or text such as `94.9 %` or `26 pJ`. Raises ValueError."""
    number, _, unit = str(value).strip().partition(" ")
    return float(number) / 100 if unit == "%" else parse_quantity(value, si_unit(unit)) if unit else float(number)


def _printed(value: object) -> float | str:
    """A number in SI units; other words as they are, such as `about 1/4`."""
    try:
        return _in_si(value)
    except ValueError:
        return str(value)


Printed = Annotated[float | str, BeforeValidator(_printed)]
WrittenSize = Annotated[Size, BeforeValidator(Size.parse), PlainSerializer(lambda size: size.text)]


class _Asked(Spec):
    """What all forms share.

    Attributes:
        ask: the question as a reader would ask it; by default, it is made from the rest.
        select: the points that take part; by default, all.
    """

    ask: str = ""
    select: Selection = Field(default_factory=dict)


class ChooseQuestion(_Asked):
    """Which option is best, each represented by the best of its variants that meet the constraints.

    Attributes:
        choose: `chip`, `schedule`, `recipe`, or an axis's path, with or without `axis.` before it.
        least, most: the column of which the best option has least or most; give exactly one.
        where: constraints that a variant must meet to take part.
    """

    choose: Annotated[str, BeforeValidator(_column)]
    least: str | None = None
    most: str | None = None
    where: Where = ()

    @model_validator(mode="after")
    def _one_direction(self) -> ChooseQuestion:
        if (self.least is None) == (self.most is None):
            raise ValueError("give one of least and most")
        return self

    @property
    def column(self) -> str:
        return self.least or self.most or ""


class CompareQuestion(_Asked):
    """Two sides, each at its best variant under the same constraints, on the energy terms that both have.

    Attributes:
        compare: two selections, or names of a chip, a schedule or a recipe.
        columns: the columns compared; the first decides which variant is a side's best.
        where: constraints that a variant must meet to take part.
    """

    compare: tuple[str | Selection, str | Selection]
    columns: Annotated[tuple[str, ...], Field(min_length=1)] = ("energy_j", "latency_s", "accuracy")
    where: Where = ()


class ClaimQuestion(_Asked):
    """A statement about a difference or a trend, judged on pairs of points, training seed by training seed.

    Points of both sides are paired if they agree in everything that neither selection names. With `along`, points of
    `select` that differ only in one fact or axis are compared with their neighbours in it.

    Attributes:
        claim: the statement.
        source: where it is made, such as `section 4.3`.
        column: a column or measure.
        more, less: the side claimed to have more of it, and the other side.
        column_of_less: a column or measure for the side `less`, if it is not `column`.
        along: a fact or axis along which the column is claimed to rise or fall, as `direction` says.
        relative_to: points whose values are subtracted first, paired in the same way, so that the claim is about gains.
        about: the claimed factor, such as `2 x`: if the direction is shown but by less, the claim holds in part.
        at_least: the least difference for the claim to hold: a factor, a number of points, or a quantity.
        or_equal_within: a difference against the claim that still counts as holding in part, such as `2 points`.
        remark: a sentence for the reader, such as what the source prints.
    """

    claim: str
    source: str = ""
    column: str
    more: Selection | None = None
    less: Selection | None = None
    column_of_less: str | None = None
    along: AxisPath | None = None
    direction: Literal["rises", "falls"] = "rises"
    relative_to: Selection | None = None
    about: WrittenSize | None = None
    at_least: WrittenSize | None = None
    or_equal_within: WrittenSize | None = None
    remark: str = ""

    @model_validator(mode="after")
    def _one_form(self) -> ClaimQuestion:
        sides = self.more is not None and self.less is not None
        if (self.more is None) != (self.less is None) or sides == (self.along is not None):
            raise ValueError("give more and less, or along")
        sizes = [size for size in (self.about, self.at_least, self.or_equal_within) if size is not None]
        refused = {
            "column_of_less: needs a side `less`": self.column_of_less is not None and not sides,
            "direction: needs `along`": self.along is None and "direction" in self.model_fields_set,
            "at_least: says all of the size; remove about and or_equal_within": self.at_least and sizes[1:],
            "about: must be a factor such as '2 x'": self.about is not None and self.about.kind != "factor",
        }
        if told := [message for message, wrong in refused.items() if wrong]:
            raise ValueError(told[0])
        for name, size in (("at_least", self.at_least), ("or_equal_within", self.or_equal_within)):
            if size and (name, size.kind) != ("at_least", "factor") and (misfit := size.misfit(self.column)):
                raise ValueError(f"{name}: a difference {misfit}")
        return self


class TargetQuestion(_Asked):
    """Which points meet all constraints, or the nearest miss and what stands in its way.

    Attributes:
        target: the constraints.
    """

    target: Annotated[Where, Field(min_length=1)]


class PrintedRow(Spec):
    """Numbers of a publication, and the points of the sweep to compare them with.

    Attributes:
        label: the publication's name for the row.
        of: its points; if there are several, the first in the report is used.
        values: by column, in SI units or as a percentage; left out where the publication prints none.
    """

    label: str
    of: Selection
    values: Mapping[str, Printed] = Field(default_factory=dict)


class PrintedQuestion(_Asked):
    """A table of a publication beside the sweep's own numbers, or its settings beside the sweep's.

    Attributes:
        printed: where the numbers are printed, such as `Table 2`.
        source: the publication.
        instead: what was run instead of the publication's data, as a sentence.
        columns: columns and measures in the order of the table.
        rows: rows by a name of your choice.
        relative_to: the name of a row; multiples of it are also shown, and can be compared even if the data differ.
        settings: the publication's settings: of recipes, the neuron and the data (`train`, with validation, `test`,
            `samples`, `timestep_s`), `topology`, and facts of the points in `rows`.
        remarks: sentences on what the numbers are.
    """

    printed: str
    source: str = ""
    instead: str = ""
    columns: tuple[str, ...] = ()
    rows: Mapping[str, PrintedRow] = Field(default_factory=dict)
    relative_to: str | None = None
    settings: Mapping[str, Selected] = Field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> PrintedQuestion:
        if bool(self.columns) != bool(self.rows) or not (self.rows or self.settings):
            raise ValueError("give columns and rows, or settings, or all three")
        if self.relative_to is not None and self.relative_to not in self.rows:
            raise ValueError(f"relative_to: is not a row{suggestion(self.relative_to, self.rows)}")
        return self


Question = (
    Annotated[ChooseQuestion, Tag("ChooseQuestion")]
    | Annotated[CompareQuestion, Tag("CompareQuestion")]
    | Annotated[ClaimQuestion, Tag("ClaimQuestion")]
    | Annotated[TargetQuestion, Tag("TargetQuestion")]
    | Annotated[PrintedQuestion, Tag("PrintedQuestion")]
)
_FORMS: Mapping[str, type[_Asked]] = {
    of.__name__.removesuffix("Question").lower(): of for of, _ in map(get_args, get_args(Question))
}
"""Forms by the key that names them."""


def form_of(content: object) -> type[_Asked] | None:
    """The form of a question or of its plain content; None if no key, or more than one, names a form."""
    if isinstance(content, _Asked):
        return type(content)
    given = [of for key, of in _FORMS.items() if isinstance(content, Mapping) and key in content]
    return given[0] if len(given) == 1 else None


AskedQuestion = Annotated[
    Question,
    Discriminator(
        lambda content: getattr(form_of(content), "__name__", None),
        custom_error_type="quantity",
        custom_error_message=f"must have exactly one of the keys {', '.join(_FORMS)}, which says what is asked",
    ),
]
"""A question as a field of a file."""


@cache
def _adapter() -> TypeAdapter[Question]:
    return TypeAdapter(AskedQuestion)


def question_of(content: Mapping[str, Any]) -> Question:
    """The inverse of `plain`. Raises ValueError."""
    return _adapter().validate_python(content)


def plain(question: Question) -> dict[str, Any]:
    """A question as plain content: what was given, constraints as they were written."""
    return question.model_dump(mode="json", exclude_unset=True)
