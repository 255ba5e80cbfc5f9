"""`codesign report`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from codesign.cli.options import place
from codesign.hardware.terms import StaticBook

__all__ = ["report"]


def report(
    results: Annotated[
        str,
        typer.Argument(
            parser=place,
            metavar="PARQUET",
            help="File that `codesign sweep` wrote: a path or a URL.",
            show_default=False,
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            parser=place,
            metavar="LOCATION",
            help="HTML file to write, a path or a URL.  [default: beside the results]",
            show_default=False,
        ),
    ] = None,
    static_book: Annotated[
        StaticBook | None,
        typer.Option(
            help="What energies count of the static power: the whole board, or what falls to the cores in use.  "
            "[default: as the sweep says]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Draw the report of a results file again, without running anything."""
    from codesign.analysis.table import read_results
    from codesign.cli.console import PrintableConsole
    from codesign.errors import InputError
    from codesign.files import printable, with_suffix
    from codesign.reporting.html import write_report
    from codesign.reporting.terminal import print_summary

    target = output or with_suffix(results, ".html")
    if str(target) == results:
        raise InputError(f"--output: {printable(target)} is the results file itself")
    table = read_results(results)
    if static_book is not None:
        table = replace(table, metadata=replace(table.metadata, static_book=static_book))
    write_report(table, target)
    print_summary(table, printable(target), printable(results), PrintableConsole())
