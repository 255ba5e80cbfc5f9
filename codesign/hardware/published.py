"""What a publication says about an energy besides its value."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from codesign.units import parse_quantity

__all__ = ["Per", "Static", "VoltageText"]

Per = Literal["operation", "access", "update", "spike", "message", "hop", "chip_hop", "barrier_message", "clock_cycle"]
"""What the published sentence divides an energy by."""

Static = Literal["inside", "outside", "unknown"]
"""Where static power is."""


def _voltage(text: str) -> str:
    if text not in ("", "not stated"):
        try:
            parse_quantity(text, "V")
        except ValueError as error:
            raise PydanticCustomError("quantity", "{reason}", {"reason": f"{error}, or 'not stated'"}) from None
    return text


VoltageText = Annotated[str, AfterValidator(_voltage)]
"""A voltage with its unit, `not stated`, or empty."""
