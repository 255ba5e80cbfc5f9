"""`codesign chips`: list, show, compare, check and validate chip descriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codesign.cli.options import complete_chips, place_ending, place_here, written_to
from codesign.cli.streams import tell
from codesign.errors import InputError
from codesign.files import printable, write_atomically
from codesign.shell import shell_text

if TYPE_CHECKING:
    from codesign.hardware.chip.description import Chip

app = typer.Typer(help="List all chips, or show, check, compare and validate them.", invoke_without_command=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME", help="Names, aliases or paths of chips.", show_default="all", autocompletion=complete_chips
    ),
]


@app.callback()
def chips(context: typer.Context) -> None:
    """List all chips, one line each."""
    if context.invoked_subcommand is None:
        from codesign.cli.chip_pages import print_list
        from codesign.console import PrintableConsole
        from codesign.hardware.library import chip_file, load_chip

        found, broken = _all_chips(lambda name: load_chip(chip_file(name), with_error=False))
        print_list(PrintableConsole(highlight=False), found.values())
        _refuse(broken)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name, alias or path of a chip.", autocompletion=complete_chips)
    ],
) -> None:
    """Show what a chip can do, what is not known about it, and each number with its range and how it is known."""
    from codesign.cli.chip_pages import print_chip
    from codesign.console import PrintableConsole
    from codesign.hardware.library import chip_file, find_chip

    console = PrintableConsole(highlight=False)
    print_chip(console, find_chip(name))
    console.print(f"\nRemarks, sources and measurements: {chip_file(name)}", soft_wrap=True, markup=False)


@app.command()
def check(file: Annotated[Path, typer.Argument(parser=place_here, metavar="FILE", help="A chip file.")]) -> None:
    """Check a chip file: print OK, or every mistake with its line (exit code 2)."""
    from codesign.hardware.library import load_chip

    tell(f"OK: {file} describes {load_chip(file).title}")
    tell(f"What is estimated, and what is not modelled: codesign chips show {shell_text(str(file))}")


def _found(names: list[str] | None) -> tuple[list[Chip], list[str]]:
    """Chips that were named, or all and what is wrong with the files of others; those of several files of one name are
    told apart by what they were named."""
    from codesign.hardware.library import find_chip

    found, broken = ({name: find_chip(name) for name in names}, []) if names else _all_chips(find_chip)
    often = Counter(chip.name for chip in found.values())
    chips = [chip.model_copy(update={"name": name}) if often[chip.name] > 1 else chip for name, chip in found.items()]
    return chips, broken


def _all_chips(load: Callable[[str], Chip]) -> tuple[dict[str, Chip], list[str]]:
    """All chips by name, and the mistakes in the files of those that cannot be loaded."""
    from codesign.hardware.library import chip_names

    found, broken = {}, []
    for name in chip_names():
        try:
            found[name] = load(name)
        except InputError as error:
            broken.append(str(error))
    return found, broken


def _refuse(broken: list[str]) -> None:
    """End with these mistakes, if any, once the other chips are told."""
    if broken:
        raise InputError("\n".join(broken))


@app.command()
def compare(
    names: Names = None,
    output: Annotated[
        str | None,
        written_to("FILE", "Also plot the energy of an operation against area, in this file: .png, .svg or .pdf."),
    ] = None,
) -> None:
    """Show chips' numbers side by side, each with its range and how it is known: up to three chips in columns."""
    from codesign.cli.chip_comparing import plotted, print_comparison, unplotted
    from codesign.console import PrintableConsole

    chips, broken = _found(names)
    if output is not None:
        write_atomically(output, plotted(Path(output), chips))
    print_comparison(PrintableConsole(highlight=False), chips)
    if output is not None:
        tell(f"Comparison: {printable(output)}{unplotted(chips)}")
    _refuse(broken)


@app.command()
def validate(
    names: Names = None,
    as_json: Annotated[
        str | None,
        typer.Option(
            "--json",
            parser=place_ending(".json"),
            metavar="FILE",
            help="Also write every check to this file, as JSON in SI units.",
        ),
    ] = None,
) -> None:
    """Recompute the measurements of chips from their numbers, as far as their workloads are described."""
    from rich.markdown import Markdown

    from codesign.cli.chip_pages import validation_json, validation_markdown
    from codesign.console import PrintableConsole

    console, (chips, broken) = PrintableConsole(highlight=False), _found(names)
    if as_json is not None:
        write_atomically(as_json, validation_json(chips))
    for chip in chips:
        console.print(Markdown(validation_markdown(chip), hyperlinks=False))
        console.print()
    if as_json is not None:
        tell(f"Checks: {printable(as_json)}")
    _refuse(broken)
