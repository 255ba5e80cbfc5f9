"""The `codesign` command: one file per command, heavy imports only inside the functions."""

from __future__ import annotations

import gc
import inspect
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from codesign.cli import chips, data, importing, init, price, report, run, status, study, sweep
from codesign.cli.streams import UNSHOWN, replace_streams, tell
from codesign.errors import CodesignError, InputError
from codesign.garbage import collect_rarely

app = typer.Typer(
    name="codesign",
    help="How accurate, fast and hungry will this spiking network be on that chip, and how should both be shaped?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "init": init.init,
    "sweep": sweep.sweep,
    "study": study.study,
    "status": status.status,
    "price": price.price,
    "report": report.report,
    "run": run.run,
    "import": importing.import_model,
    "export": importing.export_model,
}


for _name, _command in _COMMANDS.items():
    _paragraphs = str(inspect.getdoc(_command)).split("\n\n")
    _help = "\n\n".join(" ".join(paragraph.split()) for paragraph in _paragraphs)
    app.command(_name, help=_help)(_command)
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
    debug: Annotated[
        bool, typer.Option("--debug", help="Print a traceback if an error ends the program; may stand anywhere.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 success, 1 some points failed or recorded spikes differ, 2 bad input, 3 success but the answer could
    not be shown, 130 interrupted.
    """
    collect_rarely()
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
    gc.freeze()  # otherwise the interpreter would scan all objects once more at its end
    sys.exit(code)


def _run(debug: bool) -> int:
    try:
        if sys.flags.optimize > 1:
            raise InputError("`python -OO` removes docstrings, which Altair needs to draw charts; use `python -O`")
        app(prog_name="codesign")  # also for `python -m codesign`, whose completion would otherwise be that of `python`
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except UnicodeEncodeError as error:
        if sys.getfilesystemencoding() == "utf-8":
            raise
        encoding = f"{sys.getfilesystemencoding()}, the encoding of this locale; set PYTHONUTF8=1"
        return _refused(f"{error.object}: names of files can have only characters of {encoding}", debug)
    except (CodesignError, OSError, MemoryError) as error:
        return _refused(str(error) or "out of memory", debug)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        return 130
    return 0


def _refused(reason: str, debug: bool) -> int:
    """Tell of the error that is being handled; the exit code for bad input."""
    if debug:
        traceback.print_exc()
    tell(f"error: {reason}", err=True)
    return 2
