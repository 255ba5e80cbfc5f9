"""`codesign data`."""

from __future__ import annotations

import typer

app = typer.Typer(help="List the datasets that are there.")
