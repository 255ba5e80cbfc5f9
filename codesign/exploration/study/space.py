"""The search space of a study: what each parameter may be, and when it takes part.

recipe.group_size:     {from: 1, to: 64, scale: log}
recipe.learning_rate:  {from: 1.0e-4, to: 1.0e-2, scale: log}
recipe.policy:         [random, momentum]
recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log, when: {recipe.policy: momentum}}
schedule.group_size:   {same_as: recipe.group_size}
neuron.time_constant:  {from: 1 ms, to: 100 ms, scale: log}
chip.vector_width:     [1, 2, 4, 8]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from codesign.documents import Spec
from codesign.units import parse_quantity, si_unit

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

__all__ = ["Choices", "Domain", "Link", "Range", "Value", "applies", "ordered"]

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

    from_: Annotated[int | float | str, Field(alias="from")]
    to: int | float | str
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
        return all(isinstance(end, int) for end in (self.from_, self.to))

    @property
    def examples(self) -> tuple[Value, ...]:
        """The ends, as they are written: if the parameter takes these, it takes what lies between."""
        return (self.from_, self.to)

    def ends(self) -> tuple[float, float]:
        """Both as numbers, in `unit`."""
        texts = [isinstance(end, str) for end in (self.from_, self.to)]
        if any(texts) != all(texts):
            raise ValueError(f"'from' and 'to' must both have a unit or neither, found {self.from_} and {self.to}")
        if not any(texts):
            return float(self.from_), float(self.to)
        si_unit(self.unit)
        return parse_quantity(self.from_, self.unit), parse_quantity(self.to, self.unit)

    def suggest(self, trial: BaseTrial, path: str, *, integer: bool) -> Value:
        """A value as the parameter takes it: with its unit.

        Args:
            integer: whether whole numbers stay whole.
        """
        low, high = self.ends()
        log = self.scale == "log"
        if integer and self.integer:
            return trial.suggest_int(path, int(low), int(high), step=int(self.step or 1), log=log)
        drawn = trial.suggest_float(path, low, high, step=None if self.step is None else float(self.step), log=log)
        return f"{drawn:.{_DIGITS}g} {self.unit}" if self.unit else drawn

    def si(self, value: Value) -> Value:
        """A written value in SI units."""
        return parse_quantity(value, si_unit(self.unit)) if self.unit else value


class Choices(Spec):
    """One of some values, in no order.

    Attributes:
        choices: the values.
        when: as in `Range`.
    """

    choices: Annotated[tuple[Value, ...], Field(min_length=1, max_length=1000)]
    when: Conditions = Field(default_factory=dict)

    @property
    def examples(self) -> tuple[Value, ...]:
        """All of them, as they are written."""
        return self.choices

    @model_validator(mode="after")
    def _check(self) -> Choices:
        if len({(type(value), value) for value in self.choices}) < len(self.choices):
            raise ValueError(f"choices must differ, found {', '.join(map(str, self.choices))}")
        return self

    def suggest(self, trial: BaseTrial, path: str, *, integer: bool) -> Value:
        """One of the values as written, whatever they are."""
        return cast("Value", trial.suggest_categorical(path, self.choices))


class Link(Spec):
    """The value of a parameter before it, where that takes part; drawn with it, not by itself."""

    same_as: str

    @property
    def when(self) -> Conditions:
        return {}


def _choices(value: Any) -> Any:
    """A bare list is a choice."""
    return {"choices": value} if isinstance(value, list | tuple) else value


def _kind(value: Any) -> str:
    """The form that the keys of a mapping ask for, so that mistakes are told of that one only."""
    if isinstance(value, Spec):
        return type(value).__name__
    keys = value if isinstance(value, Mapping) else {}
    return "Link" if "same_as" in keys else "Choices" if "choices" in keys else "Range"


Domain = Annotated[
    Annotated[
        Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")] | Annotated[Link, Tag("Link")],
        Discriminator(_kind),
    ],
    BeforeValidator(_choices),
]
"""A list of choices, `{choices, when}`, `{from, to, scale, step, when}` or `{same_as}`."""


def applies(conditions: Conditions, values: Mapping[str, Value]) -> bool:
    """Whether a parameter with these conditions takes part, given the values of those before it."""
    for name, allowed in conditions.items():
        accepted = allowed if isinstance(allowed, tuple) else (allowed,)
        if name not in values or not any(_same(values[name], one) for one in accepted):
            return False
    return True


def _same(a: Value, b: Value) -> bool:
    """Equal and of one kind: `true` is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


_NAMES = ("recipe", "chip", "schedule")


def ordered(space: Mapping[str, Domain]) -> dict[str, Range | Choices | Link]:
    """The parameters in the order in which they are drawn: which recipe, chip and schedule first, then as written."""
    first = {name: space[name] for name in _NAMES if name in space}
    return {**first, **{name: domain for name, domain in space.items() if name not in first}}
