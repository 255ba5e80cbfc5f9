"""`codesign chips`: list, show, compare, check and validate chip descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codesign.cli.options import complete_chips, place_here
from codesign.cli.streams import tell
from codesign.files import write_atomically

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
        from codesign.hardware.library import chip_file, chip_names, load_chip

        found = [load_chip(chip_file(name), with_error=False) for name in chip_names()]
        print_list(PrintableConsole(highlight=False), found)


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
    console.print(f"\nRemarks, sources and published measurements: {chip_file(name)}", soft_wrap=True, markup=False)


@app.command()
def check(file: Annotated[Path, typer.Argument(parser=place_here, metavar="FILE", help="A chip file.")]) -> None:
    """Check a chip file: print OK and what it leaves out, or every mistake with its line (exit code 2)."""
    from codesign.hardware.chip.missing import unpriced
    from codesign.hardware.chip.provenance import STRUCTURE
    from codesign.hardware.library import load_chip

    chip = load_chip(file)
    tell(f"OK: {file} describes {chip.title}")
    estimated = [path for path, number in chip.numbers().items() if number.source == STRUCTURE]
    if estimated:
        tell(f"Estimated from its structure: {', '.join(estimated)}")
    if left_out := unpriced(chip):
        tell(f"Not modelled: {left_out}")


@app.command()
def compare(
    names: Names = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=place_here,
            metavar="FILE",
            help="Also write this file: .csv (all numbers, in SI units), or .png, .svg or .pdf (a plot: energy of an "
            "operation against area).",
        ),
    ] = None,
) -> None:
    """Show chips' numbers side by side, each with its range and how it is known: up to three chips in columns."""
    from codesign.cli.chip_comparing import comparison_file, print_comparison
    from codesign.console import PrintableConsole
    from codesign.hardware.library import chip_names, find_chip

    chips = [find_chip(name) for name in names or chip_names()]
    content = None if output is None else comparison_file(output, chips)
    console = PrintableConsole(highlight=False)
    print_comparison(console, chips)
    if output is not None and content is not None:
        write_atomically(output, content)
        console.print(f"Comparison: {output}", soft_wrap=True)


@app.command()
def validate(names: Names = None) -> None:
    """Recompute every published measurement of chips from their numbers, as far as its workload is described."""
    from rich.markdown import Markdown

    from codesign.cli.chip_pages import validation_markdown
    from codesign.console import PrintableConsole
    from codesign.hardware.library import chip_names, find_chip

    console = PrintableConsole(highlight=False)
    for chip in [find_chip(name) for name in names or chip_names()]:
        console.print(Markdown(validation_markdown(chip), hyperlinks=False))
        console.print()
