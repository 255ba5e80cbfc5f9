"""`codesign report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    results: Annotated[Path, typer.Argument(help="Parquet file that `codesign sweep` wrote.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file to write.  [default: beside the results]", show_default=False),
    ] = None,
) -> None:
    """Draw the report of a results file again, without running anything."""
    from rich.console import Console

    from codesign.errors import InputError
    from codesign.reporting.html import write_report
    from codesign.reporting.terminal import print_summary
    from codesign.results import read_results

    target = output or results.with_suffix(".html")
    if target == results:
        raise InputError(f"--output: {target} is the results file itself")
    table = read_results(results)
    write_report(table, target)
    print_summary(table, target, results, Console())
