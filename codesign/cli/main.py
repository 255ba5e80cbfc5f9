"""The `codesign` command: one file per command, heavy imports only inside the functions."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from codesign.cli import chips, data, importing, init, price, report, run, status, study, sweep
from codesign.cli.streams import UNSHOWN, replace_streams
from codesign.errors import CodesignError
from codesign.terminal_text import escaped

app = typer.Typer(
    name="codesign",
    help="How accurate, fast and hungry will this spiking network be on that chip, and how should both be shaped?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("init")(init.init)
app.command("sweep")(sweep.sweep)
app.command("study")(study.study)
app.command("status")(status.status)
app.command("price")(price.price)
app.command("report")(report.report)
app.command("run")(run.run)
app.command("import")(importing.import_model)
app.command("export")(importing.export_model)
app.add_typer(chips.app, name="chips")
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        from codesign.versions import version_of

        typer.echo(f"codesign {version_of('codesign')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 success, 1 some points failed, 2 bad input, 3 success but the answer could not be shown,
    130 interrupted.
    """
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    answer = replace_streams()
    code = _run(debug)
    sys.stdout.flush()
    if code == 0 and answer is not None and answer.lost is not None:
        if not isinstance(answer.lost, BrokenPipeError):  # a reader that stopped early needs no message
            reason = answer.lost.strerror
            typer.echo(f"error: standard output cannot be written: {reason}; files are kept", err=True)
        code = UNSHOWN
    sys.exit(code)


def _run(debug: bool) -> int:
    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except (CodesignError, OSError, MemoryError) as error:
        if debug:
            raise
        typer.echo(f"error: {escaped(str(error)) or 'out of memory'}", err=True)
        return 2
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        return 130
    return 0
