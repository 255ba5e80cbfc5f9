"""Domains of the parameters of a search space, as in a study file.

recipe.group_size:     {from: 1, to: 64, scale: log}
recipe.policy:         [random, momentum]
recipe.momentum_noise: {from: 1.0e-6, to: 1.0, scale: log, when: {recipe.policy: momentum}}
schedule.group_size:   {same_as: recipe.group_size}
neuron.time_constant:  {from: 1 ms, to: 100 ms, scale: log}
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from optuna.trial import BaseTrial
from pydantic import BeforeValidator, Discriminator, Field, StrictFloat, StrictInt, Tag, model_validator

from codesign.documents import Spec
from codesign.exploration.definition.entries import distinct
from codesign.exploration.definition.network import AxisValue as Value
from codesign.exploration.definition.network import column_values
from codesign.mistakes import suggestion
from codesign.units import Written, common_unit, parse_quantity, si_unit

_DIGITS = 6
"""Significant digits of a number with a unit, which is set as text in the parameter of the chip or neuron."""


def _values(written: Any) -> Any:
    return written if isinstance(written, list | tuple) else (written,)


Conditions = dict[str, Annotated[tuple[Value, ...], BeforeValidator(_values)]]


class Range(Spec):
    """Numbers between two ends, both included, except that steps may miss `to`.

    Attributes:
        from_, to: the ends, whole numbers for an integer parameter; with a unit if the parameter has one.
        scale: `linear` or `log`.
        step: step from `from`, of whole numbers, or of other numbers on a linear scale.
        when: values of earlier parameters with which this one takes part in a trial.
    """

    from_: Annotated[Written, Field(alias="from")]
    to: Written
    scale: Literal["linear", "log"] = "linear"
    step: Annotated[StrictInt | StrictFloat, Field(gt=0)] | None = None
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
        if isinstance(self.from_, int) and isinstance(self.to, int) and isinstance(self.step, float):
            raise ValueError(f"between whole numbers, step must be one as well, found {self.step}")
        if self.step is not None and self.step > (high - low) * (1 + 1e-9):
            raise ValueError(f"step must reach another value up to 'to', found {self.step}")
        return self

    @property
    def unit(self) -> str:
        """The unit in which values are drawn and written; "" for none."""
        return self.from_.strip().partition(" ")[2] if isinstance(self.from_, str) else ""

    @property
    def integers(self) -> range:
        """Its numbers if both ends are whole and without a unit; otherwise empty."""
        if not isinstance(self.from_, int) or not isinstance(self.to, int):
            return range(0)
        return range(self.from_, self.to + 1, int(self.step or 1))

    def ends(self) -> tuple[float, float]:
        """Both ends as numbers, in `unit`."""
        if not isinstance(self.from_, str) and not isinstance(self.to, str):
            return float(self.from_), float(self.to)
        if not self.unit:
            found = f"found {self.from_!r} and {self.to!r}"
            raise ValueError(f"both ends must be numbers, or have a unit such as '10 ms', {found}")
        si_unit(self.unit)
        return parse_quantity(self.from_, self.unit), parse_quantity(self.to, self.unit)

    def suggest(self, trial: BaseTrial, path: str) -> Value:
        """Draw a value in the form that the parameter takes, with its unit."""
        log, numbers = self.scale == "log", self.integers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a `to` that no step reaches
            if numbers:
                return int(trial.suggest_int(path, numbers[0], numbers[-1], step=numbers.step, log=log))
            low, high = self.ends()
            step = None if self.step is None else float(self.step)
            return self._written(trial.suggest_float(path, low, high, step=step, log=log))

    @property
    def examples(self) -> tuple[Value, ...]:
        """The ends in the form that `suggest` returns, and a number between them that is not whole, if any."""
        if numbers := self.integers:
            return numbers[0], numbers[-1]
        low, high = self.ends()
        return tuple(map(self._written, (low, high, *(() if self.step else (low + (high - low) / 3.7,)))))

    def condition_mistake(self, value: Value) -> str | None:
        """Why a condition cannot ask for a value; None if it can."""
        if not self.integers:
            return f"is drawn between {self.from_} and {self.to}; a condition needs choices or whole numbers"
        if value in self.integers:
            return None
        in_steps = f" in steps of {self.step}" if self.step is not None else ""
        return f"is never {value!r}; allowed: {self.from_} to {self.to}{in_steps}"

    def _written(self, drawn: float) -> Value:
        return f"{drawn:.{_DIGITS}g} {self.unit}" if self.unit else drawn


class Choices(Spec):
    """One of several values, which have no order.

    Attributes:
        choices: the values.
        when: as in `Range`.
    """

    choices: Annotated[tuple[Value, ...], Field(min_length=1, max_length=1000), distinct("choices", column_values)]
    when: Conditions = Field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The unit of the first choice if all are quantities of the same kind; "" otherwise."""
        return common_unit(self.choices)

    def suggest(self, trial: BaseTrial, path: str) -> Value:
        """Draw one of the values, as written."""
        return trial.suggest_categorical(path, self.choices)  # type: ignore[return-value]  # none is None

    @property
    def examples(self) -> tuple[Value, ...]:
        """All values, as written."""
        return self.choices

    def condition_mistake(self, value: object) -> str | None:
        return None if value in self.choices else f"is never {value!r}{suggestion(str(value), self.shown)}"

    @property
    def shown(self) -> tuple[str, ...]:
        return tuple(map(str, self.choices))


class SameAs(Spec):
    """The value of an earlier parameter, in trials in which that one takes part; not drawn on its own."""

    same_as: str


def _listed(value: Any) -> Any:
    """Read a bare list as choices."""
    if isinstance(value, list | tuple):
        return {"choices": value}
    if isinstance(value, Mapping | Spec):
        return value
    hint = f"; for one value write [{value}]" if isinstance(value, str | int | float) else ""
    raise ValueError(f"must be a list of choices, {{from, to}} or {{same_as}}, found {value!r}{hint}")


def _kind(value: Any) -> str:
    """The form that the keys of a mapping indicate, so that mistakes are reported for that one only."""
    if isinstance(value, Spec):
        return type(value).__name__
    keys = value if isinstance(value, Mapping) else {}
    return "SameAs" if "same_as" in keys else "Choices" if "choices" in keys else "Range"


Domain = Annotated[
    Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")] | Annotated[SameAs, Tag("SameAs")],
    Discriminator(_kind),
    BeforeValidator(_listed),
]
"""A list of choices, `{choices, when}`, `{from, to, scale, step, when}` or `{same_as}`."""


def in_si(domain: Range | Choices, value: Value) -> Value:
    """Convert a written value of a domain to SI units."""
    return parse_quantity(value, si_unit(domain.unit)) if domain.unit else value
