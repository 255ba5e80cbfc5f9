"""The error of a model relative to measurements, as a number and in words."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median


def farther_off(measured: float | None, *modelled: float | None) -> float | None:
    """The relative error (model − measured) / measured at the end of the model's range that is farther off."""
    ends = [end / measured - 1.0 for end in modelled if measured and end is not None]
    return max(ends, key=abs, default=None)


def typical_error(errors: Iterable[float]) -> str:
    """Median of the absolute relative errors, in percent."""
    return percent(median(map(abs, errors)), sign=False)


def percent(share: float, *, sign: bool = True) -> str:
    """A share as text such as "−0.5 %" or "+72 %": two digits below 10 %, whole percents above."""
    size = abs(share) * 100
    text = f"{size:.1f}" if size < 9.95 else f"{size:,.0f}"
    if float(text.replace(",", "")) == 0:
        return f"{text} %"
    return f"{('−' if share < 0 else '+') if sign else ''}{text} %"
