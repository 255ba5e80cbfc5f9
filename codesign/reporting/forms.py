"""File formats of charts and tables; imports nothing heavy."""

from __future__ import annotations

from typing import Literal

Form = Literal["svg", "png", "pdf"]
FORMS: tuple[Form, ...] = ("svg", "png", "pdf")
TableForm = Literal["csv", "latex"]
