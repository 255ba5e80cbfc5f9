"""The `codesign` command: one file per command, heavy imports only inside the functions."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from codesign.cli import chips, data, price, report, status, study, sweep
from codesign.errors import CodesignError
from codesign.terminal_text import escaped

app = typer.Typer(
    name="codesign",
    help="How accurate, fast and hungry will this spiking network be on that chip, and how should both be shaped?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("sweep")(sweep.sweep)
app.command("study")(study.study)
app.command("status")(status.status)
app.command("price")(price.price)
app.command("report")(report.report)
app.add_typer(chips.app, name="chips")
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"codesign {version('codesign')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line. Exit codes: 0 all well, 1 some points failed, 2 bad input, 130 interrupted."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show µ shows \xb5
    try:
        app()
    except (CodesignError, OSError, MemoryError) as error:
        if debug:
            raise
        typer.echo(f"error: {escaped(str(error)) or 'out of memory'}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
