"""What a parameter of a search space may be, as a study file writes it.

recipe.group_size:     {from: 1, to: 64, scale: log}
recipe.policy:         [random, momentum]
recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log, when: {recipe.policy: momentum}}
schedule.group_size:   {same_as: recipe.group_size}
neuron.time_constant:  {from: 1 ms, to: 100 ms, scale: log}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from codesign.documents import Spec, suggestion
from codesign.units import Written, parse_quantity, si_unit

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

__all__ = ["Choices", "Domain", "Range", "SameAs", "Value", "applies", "in_si", "same"]

Value = str | int | float | bool
Conditions = dict[str, Value | tuple[Value, ...]]

_DIGITS = 6
"""Significant digits of a number with a unit: it is written into the chip's or neuron's parameter as text."""


class Range(Spec):
    """Numbers between two ends, both included.

    Attributes:
        from_, to: the ends, whole numbers for an integer parameter; with a unit where the parameter has one.
        scale: `linear` or `log`.
        step: of whole numbers, or of others on a linear scale, counted from `from`.
        when: values of parameters before it, under which it takes part.
    """

    from_: Annotated[Written, Field(alias="from")]
    to: Written
    scale: Literal["linear", "log"] = "linear"
    step: Annotated[int | float, Field(gt=0)] | None = None
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Range:
        low, high = self.ends()
        if not low < high:
            raise ValueError(f"'from' must be below 'to', found {self.from_} and {self.to}")
        if self.scale == "log" and low <= 0:
            raise ValueError(f"a log scale needs ends above 0, found from: {self.from_}")
        if self.scale == "log" and self.step is not None:
            raise ValueError("a log scale has no step; remove one of the two")
        if self.step is not None and self.step > high - low:
            raise ValueError(f"step must not be larger than the range, found {self.step}")
        if self.integer and isinstance(self.step, float):
            raise ValueError(f"between whole numbers, step must be one too, found {self.step}")
        return self

    @property
    def unit(self) -> str:
        """The unit in which values are drawn and written, "" for none."""
        return self.from_.strip().partition(" ")[2] if isinstance(self.from_, str) else ""

    @property
    def integer(self) -> bool:
        """Whether both ends are whole numbers without a unit."""
        return isinstance(self.from_, int) and isinstance(self.to, int)

    def ends(self) -> tuple[float, float]:
        """Both as numbers, in `unit`."""
        texts = [isinstance(end, str) for end in (self.from_, self.to)]
        if any(texts) != all(texts):
            raise ValueError(f"'from' and 'to' must both have a unit or neither, found {self.from_} and {self.to}")
        if not any(texts):
            return float(self.from_), float(self.to)
        if not self.unit:
            raise ValueError(f"must be a number, or one with a unit such as '10 ms', found {self.from_!r}")
        si_unit(self.unit)
        return parse_quantity(self.from_, self.unit), parse_quantity(self.to, self.unit)

    def suggest(self, trial: BaseTrial, path: str, *, whole: bool) -> Value:
        """A value as the parameter takes it: with its unit.

        Args:
            whole: whether whole numbers stay whole.
        """
        low, high = self.ends()
        log = self.scale == "log"
        if whole and self.integer:
            return trial.suggest_int(path, int(low), int(high), step=int(self.step or 1), log=log)
        drawn = trial.suggest_float(path, low, high, step=None if self.step is None else float(self.step), log=log)
        return self._written(drawn)

    def examples(self, *, whole: bool) -> tuple[Value, ...]:
        """Values as `suggest` gives them: a parameter that takes these takes the others. The ends, and for one that is
        not whole where whole numbers are asked for."""
        low, high = self.ends()
        if whole and self.integer:
            return int(low), int(high - (high - low) % (self.step or 1))
        between = () if self.step else (low + (high - low) / 3.7,)
        return tuple(map(self._written, (low, high, *between)))

    def never(self, value: Value, *, whole: bool) -> str | None:
        """Why a parameter with this domain never has a value; None where it may."""
        if not (whole and self.integer) and self.step is None:
            return (
                f"is drawn between {self.from_} and {self.to}, where no single value is met; give it a step or choices"
            )
        low, high = self.ends()
        number = self._number(value)
        steps = (number - low) / float(self.step or 1)
        if low <= number <= high and abs(steps - round(steps)) < 1e-6:
            return None
        in_steps = f" in steps of {self.step}" if self.step is not None else ""
        return f"is never {_shown(value)}; allowed: {self.from_} to {self.to}{in_steps}"

    def _number(self, value: Value) -> float:
        """A value in `unit`; NaN for one that is not written as `suggest` writes it."""
        if isinstance(value, bool) or isinstance(value, str) != bool(self.unit):
            return math.nan
        try:
            number = parse_quantity(value, self.unit) if self.unit else float(value)
        except ValueError:
            return math.nan
        return number if not self.unit or self._written(number) == value else math.nan

    def _written(self, drawn: float) -> Value:
        return f"{drawn:.{_DIGITS}g} {self.unit}" if self.unit else drawn


class Choices(Spec):
    """One of some values, in no order.

    Attributes:
        choices: the values.
        when: as in `Range`.
    """

    choices: Annotated[tuple[Value, ...], Field(min_length=1, max_length=1000)]
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Choices:
        if len({(type(value), value) for value in self.choices}) < len(self.choices):
            raise ValueError(f"choices must differ, found {', '.join(map(str, self.choices))}")
        return self

    @property
    def unit(self) -> str:
        """The unit of the first choice, where all are quantities of its kind; "" otherwise."""
        if not all(isinstance(choice, str) for choice in self.choices):
            return ""
        unit = str(self.choices[0]).strip().partition(" ")[2]
        try:
            for choice in self.choices:
                parse_quantity(choice, si_unit(unit))
        except ValueError:
            return ""
        return unit

    def suggest(self, trial: BaseTrial, path: str, *, whole: bool) -> Value:
        """One of the values as written, whatever they are."""
        return cast("Value", trial.suggest_categorical(path, self.choices))

    def examples(self, *, whole: bool) -> tuple[Value, ...]:
        """All of them, as they are written."""
        return self.choices

    def never(self, value: Value, *, whole: bool) -> str | None:
        """As in `Range`."""
        if any(same(value, choice) for choice in self.choices):
            return None
        words = [choice for choice in self.choices if isinstance(choice, str)]
        if isinstance(value, str) and len(words) == len(self.choices):
            return f"is never '{value}'{suggestion(value, words)}"
        return f"is never {_shown(value)}; allowed: {', '.join(map(_shown, self.choices))}"


class SameAs(Spec):
    """The value of a parameter before it, where that takes part; drawn with it, not by itself."""

    same_as: str


def _listed(value: Any) -> Any:
    """A bare list is a choice."""
    if isinstance(value, list | tuple):
        return {"choices": value}
    if isinstance(value, Mapping | Spec):
        return value
    hint = f"; for one value write [{value}]" if isinstance(value, str | int | float) else ""
    raise ValueError(f"must be a list of choices, {{from, to}} or {{same_as}}, found {value!r}{hint}")


def _kind(value: Any) -> str:
    """The form that the keys of a mapping ask for, so that mistakes are told of that one only."""
    if isinstance(value, Spec):
        return type(value).__name__
    keys = value if isinstance(value, Mapping) else {}
    return "SameAs" if "same_as" in keys else "Choices" if "choices" in keys else "Range"


Domain = Annotated[
    Annotated[
        Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")] | Annotated[SameAs, Tag("SameAs")],
        Discriminator(_kind),
    ],
    BeforeValidator(_listed),
]
"""A list of choices, `{choices, when}`, `{from, to, scale, step, when}` or `{same_as}`."""


def in_si(domain: Range | Choices, value: Value) -> Value:
    """A written value of a domain in SI units."""
    return parse_quantity(value, si_unit(domain.unit)) if domain.unit else value


def applies(conditions: Conditions, values: Mapping[str, Value]) -> bool:
    """Whether a parameter with these conditions takes part, given the values of those before it."""
    for name, allowed in conditions.items():
        accepted = allowed if isinstance(allowed, tuple) else (allowed,)
        if name not in values or not any(same(values[name], value) for value in accepted):
            return False
    return True


def same(a: Value, b: Value) -> bool:
    """Equal and of one kind: `true` is not 1. The rounding of steps such as 3 · 0.1 makes no difference."""
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return math.isclose(a, b, rel_tol=1e-9)


def _shown(value: Value) -> str:
    """A value as the file has it, text in quotes: `true` is not 'true'."""
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)
