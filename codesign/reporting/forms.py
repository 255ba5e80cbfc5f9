"""The forms of files that charts and tables are written in; nothing heavy is imported here."""

from __future__ import annotations

from typing import Literal

Form = Literal["svg", "png", "pdf"]
FORMS: tuple[Form, ...] = ("svg", "png", "pdf")
TableForm = Literal["csv", "latex"]
