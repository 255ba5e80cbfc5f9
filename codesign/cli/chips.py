"""`codesign chips`."""

from __future__ import annotations

import typer

app = typer.Typer(help="List, show and check chip descriptions.")
