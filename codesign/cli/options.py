"""The common part of commands that run jobs: options, their meaning, and interruption."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from codesign.cli.streams import tell
from codesign.errors import InputError
from codesign.exploration.executors import ExecutorName, named_executor
from codesign.files import is_url, printable
from codesign.shell import shell_text
from codesign.signals import can_raise, handlers_kept

if TYPE_CHECKING:
    from codesign.exploration.definition.composition import Chosen
    from codesign.exploration.definition.spec import SweepSpec
    from codesign.exploration.executors.base import Executor
    from codesign.exploration.runs.progress import Progress
    from codesign.exploration.sweep import SweepOutcome


def complete_chips(incomplete: str) -> list[str]:
    """Names of shipped chips, without aliases."""
    from codesign.hardware.library import chip_names

    return _beginning_with(incomplete, chip_names())


def _beginning_with(incomplete: str, names: Iterable[str]) -> list[str]:
    from glob import escape, glob

    files = [path for path in sorted(glob(f"{escape(incomplete)}*")) if path.endswith((".yaml", ".yml"))]
    return [*(name for name in names if name.startswith(incomplete)), *files]


AskedExecutor = Literal["auto", ExecutorName]
ExecutorOption = Annotated[
    AskedExecutor, typer.Option(help="Where jobs run; auto uses Ray where that saves more time than starting it takes.")
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Number of jobs at once, with Ray on this machine.")]
RayAddressOption = Annotated[str | None, typer.Option(help="HOST:PORT of a running Ray cluster to use.")]


def place(text: str) -> str:
    """A path or URL as it was given, but with the home folder for `~`, which shells leave as it is in `--output=~/x`.
    An empty one is refused: it would mean the working folder or the default."""
    if not text.strip():
        raise typer.BadParameter("must be a path or a URL, found nothing")
    if text.startswith("memory:"):
        tell(f"{printable(text)}: is in the memory of this command, and gone when it ends", err=True)
    return os.path.expanduser(text)


def place_here(text: str) -> Path:
    """A path on this machine, like `place`."""
    if is_url(text):
        raise typer.BadParameter(f"must be a path of this machine, found the URL {printable(text)}")
    return Path(place(text))


def place_ending(suffix: str) -> Callable[[str], str]:
    """A parser of places to write to that must have a suffix, lest something else be overwritten by mistake."""

    def checked(text: str) -> str:
        given = place(text)
        if not given.partition("?")[0].lower().endswith(suffix):
            raise typer.BadParameter(f"must end with {suffix}, found '{printable(given)}'")
        return given

    return checked


def place_of(metavar: str, help: str, **more: Any) -> Any:
    """An argument with the location of something."""
    return typer.Argument(parser=place, metavar=metavar, help=help, show_default=False, **more)


def file_of(kind: Literal["sweep", "study", "price"], example: str) -> Any:
    """An argument with the file to run, completed with the names of shipped files of its kind."""

    def complete(incomplete: str) -> list[str]:
        from codesign.exploration.definition.library import sweep_names

        return _beginning_with(incomplete, sweep_names(kind))

    text = f"A {kind} file, or the name of a shipped one, such as {example}."
    return place_of("FILE", text, autocompletion=complete)


def written_to(metavar: str, help: str, usual: str | Literal[False] = False, *, ends: str = "") -> Any:
    """An option with the location to write to, and its default."""
    parser = place_ending(ends)
    return typer.Option("--output", "-o", parser=parser, metavar=metavar, help=help, show_default=usual)


def _part_of_file(help: str) -> Any:
    return typer.Option(metavar="NAME", help=help, show_default="its first, if it has any")


OutputOption = Annotated[
    str | None,
    written_to("LOCATION", "Folder for results and report, a path or a URL such as s3://bucket/name.", "reports/NAME"),
]
StoreOption = Annotated[
    str, typer.Option(parser=place, metavar="LOCATION", help="Folder for finished jobs, a path or a URL.")
]
DatasetOption = Annotated[str | None, _part_of_file("One of the file's `datasets`; an unknown name lists them.")]
ScaleOption = Annotated[
    str | None, _part_of_file("One of the file's `scales`, such as smoke; an unknown name lists them.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and run nothing.")]
ModelsOption = Annotated[
    bool, typer.Option("--models", help="Also write each trained model and its card into models/ in the output folder.")
]
AnswersOption = Annotated[
    bool, typer.Option("--json", help="Print the answers as JSON; everything else goes to standard error.")
]
DataRootOption = Annotated[
    Path | None,
    typer.Option(
        parser=place_here, metavar="PATH", help="Folder with datasets.", show_default="CODESIGN_DATA, or data"
    ),
]

_ONLY_WHERE = ("executor", "workers", "ray_address", "output", "store", "storage", "data_root", "models", "as_json")
"""Parameters that do not affect results: where things are stored and what runs the jobs. Reports leave them out of the
command that reproduces the results."""


def run_to_end(
    context: typer.Context, run: Callable[..., SweepOutcome], spec: SweepSpec, *, chosen: Chosen[Any] | None = None
) -> NoReturn:
    """Run a sweep or study with the command's options, and exit with its code; `chosen` is the file of `spec`."""
    from codesign.exploration.running import RunArguments
    from codesign.exploration.runs.shown import choose_progress

    given, options = context.params, {} if chosen is None else chosen.options
    progress = choose_progress()
    executor = None
    if "executor" in given:
        executor = _explicit_executor(given["executor"], given["workers"], given["ray_address"], progress)
    arguments = RunArguments.of(
        spec.name,
        store=given["store"],
        output=given["output"],
        data_root=given["data_root"],
        progress=progress,
        executor=executor,
        storage=given.get("storage"),
        models=given.get("models", False),
        again=command_line(context, options, but=_ONLY_WHERE),
        resume=command_line(context, options),
    )
    if chosen is not None and chosen.text:
        progress.note(f"{spec.name}: {chosen.text}")
    kept = f"finished jobs are kept in {arguments.store.root}; the same command continues from there"
    with interruptible(progress, kept):
        outcome = run(spec, arguments)
    raise typer.Exit(_show_outcome(outcome, as_json=given["as_json"]))


def _explicit_executor(
    name: AskedExecutor, workers: int | None, address: str | None, progress: Progress
) -> Executor | None:
    """The requested executor; None leaves the choice to the run."""
    wants_ray = workers is not None or address is not None
    if name not in ("auto", "ray") and wants_ray:
        raise InputError("--workers and --ray-address need --executor ray")
    if name == "auto" and not wants_ray:
        return None
    chosen = "ray" if name == "auto" else name
    return named_executor(chosen, workers=workers, address=address, on_note=progress.note)


def command_line(context: typer.Context, chosen: Mapping[str, str], *, but: Collection[str] = ()) -> str:
    """The given command in a form for a shell, without passwords in URLs and some parameters, but with options that
    were `chosen` automatically and may be chosen differently another time."""
    words = ["codesign", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        given = name in chosen or (source is not None and source.name == "COMMANDLINE")
        if not given or name in but:
            continue
        values = chosen.get(name, context.params[name])
        for value in values if isinstance(values, list | tuple) else (values,):
            if parameter.param_type_name == "option":
                words.append(parameter.opts[0])
            if not isinstance(value, bool):
                words.append(printable(str(value)))
    return shell_text(*words)


def _show_outcome(outcome: SweepOutcome, *, as_json: bool) -> int:
    """Print the outcome, as a summary or as JSON only; exit code 0, or 1 if something failed."""
    from codesign.analysis.answers.asking import json_of
    from codesign.console import PrintableConsole
    from codesign.reporting.terminal import print_summary

    console, models = PrintableConsole(stderr=as_json), outcome.models
    if as_json:
        typer.echo(json_of(outcome.table))
    else:
        print_summary(outcome.table, printable(outcome.report), printable(outcome.results), console)
    if models is not None:
        text = f"models   {printable(models.folder)} ({models.written:,})"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    if outcome.failed:
        tell(outcome.failures, err=True)
    return 1 if outcome.failed else 0


_IMPATIENCE_S = 3.0
"""Further signals within this time after the first do not disturb the shutdown."""
_SOON_S = 0.05
"""After this time, a signal that arrived where no exception can be raised is sent again."""


@contextmanager
def interruptible(progress: Progress, kept: str) -> Iterator[None]:
    """Exit with code 130, saying what is `kept`, if the block is interrupted or told to terminate, or if its terminal
    hangs up."""
    first = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not can_raise(frame):
            threading.Timer(_SOON_S, again, [number]).start()
        elif time.monotonic() - first > _IMPATIENCE_S:
            first = time.monotonic()
            raise KeyboardInterrupt

    def again(number: int) -> None:
        if signal.getsignal(number) is not interrupt:
            return  # the block has ended in the meantime
        if os.name == "nt":  # where `os.kill` ends the process at once
            signal.raise_signal(number)
        else:
            os.kill(os.getpid(), number)

    numbers = {signal.SIGINT, signal.SIGTERM}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup
        numbers.add(signal.SIGHUP)
    with handlers_kept(numbers):
        for number in numbers:
            signal.signal(number, interrupt)
        try:
            try:
                yield
            finally:
                progress.close()  # once, before any message, because it has a last line
        except KeyboardInterrupt:
            tell(f"interrupted: {kept}", err=True)
            raise typer.Exit(130) from None
