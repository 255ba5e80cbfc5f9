"""`codesign chips`: list, show, check and validate chip descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codesign.hardware.terms import ACTIONS

if TYPE_CHECKING:
    from rich.console import Console

    from codesign.hardware.description import Chip

_SHORT = {
    **{action.price: action.symbol for action in ACTIONS},
    "neurons_per_core": "capacity",
    "synapses_per_core": "capacity",
    "weight_bits": "bits",
    "can_flush": "flush",
    "times.chip_hop": "chip to chip",
}
"""Short words of the list for numbers that are not known; the rest are times, without which there is no latency."""

app = typer.Typer(help="List, show, check and validate chip descriptions.", invoke_without_command=True)


@app.callback()
def chips(context: typer.Context) -> None:
    """List every chip that can be found, with what matters most and what is unknown."""
    if context.invoked_subcommand is None:
        _list()


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name, alias or path of a chip.")]) -> None:
    """Show every number of a chip with its confidence and source, and what is not known."""
    from rich.markup import escape

    from codesign.cli.console import PrintableConsole
    from codesign.hardware.library import find_chip

    chip = find_chip(name)
    console = PrintableConsole(highlight=False)
    console.print(f"[bold]{escape(chip.title)}[/bold]  ({chip.name}; {chip.synchronization.kind})")
    console.print(escape(chip.description))
    _print_accounting(console, chip)
    _print_numbers(console, chip)
    _print_unknowns(console, chip)
    _print_measurements(console, chip)
    console.print("\n[bold]Sources[/bold]")
    for key, source in chip.sources.items():
        address = f"https://doi.org/{source.doi}" if source.doi else source.url
        console.print(
            f"  {escape(key)}: {escape(source.citation)}" + (f" <{address}>" if address else ""), soft_wrap=False
        )


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A chip file.")]) -> None:
    """Check a chip file: print OK, or every mistake with its line, and end with exit code 2."""
    from codesign.hardware.library import load_chip

    chip = load_chip(file)
    typer.echo(f"OK: {file} describes {chip.title}")


@app.command()
def validate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Names, aliases or paths of chips.  [default: all]", show_default=False
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write every check to this file, in SI units.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the table to this file, between its marks if it has any.")
    ] = None,
) -> None:
    """Recompute every published measurement of chips from their numbers, as far as its workload is described."""
    from codesign.cli.chips_validation import print_validation, with_table, write_json
    from codesign.cli.console import PrintableConsole
    from codesign.files import write_atomically
    from codesign.hardware.library import chip_names, find_chip
    from codesign.hardware.validation import validate as checks_of

    chips = [find_chip(name) for name in names or chip_names()]
    console = PrintableConsole(highlight=False)
    for chip in chips:
        print_validation(console, chip)
    if json is not None:
        write_json(json, [check for chip in chips for check in checks_of(chip)])
        console.print(f"Checks: {json}", soft_wrap=True)
    if markdown is not None:
        write_atomically(markdown, with_table(markdown, chips).encode())
        console.print(f"Table: {markdown}", soft_wrap=True)


_LEGEND = (
    "e_so, e_access, e_upd, e_spike, e_msg, e_hop, e_bar: energy of a synaptic operation, a visit of a neuron, an "
    "update, a spike generated, a spike sent, a hop, a barrier message. Every number and its source: codesign chips "
    "show NAME. What the numbers give for published measurements: codesign chips validate NAME. To describe a chip of "
    "your own, start from chips/template.yaml."
)
_ROW = "{:<25}{:<8}{:>7}{:>6}{:>17}{:>13}"


def _list() -> None:
    from rich.markup import escape
    from rich.padding import Padding

    from codesign.cli.console import PrintableConsole
    from codesign.hardware.library import chip_names, find_chip
    from codesign.hardware.unknowns import unknowns

    console = PrintableConsole(highlight=False)
    console.print(f"[bold]{_ROW.format('chip', 'sync', 'cores', 'lanes', 'e_so', 'static')}[/bold]")
    for name in chip_names():
        chip = find_chip(name)
        console.print(escape(_row(chip)))
        time = "overload" if chip.synchronization.kind == "timer" else "latency"
        lacking = dict.fromkeys(_SHORT.get(number, time) for number, _ in unknowns(chip))
        lines = [_first_sentence(chip.description)]
        if chip.aliases:
            lines.append(f"also called {', '.join(chip.aliases)}")
        lines.append(f"unknown: {', '.join(lacking) or 'nothing'}")
        for line in lines:
            console.print(Padding(escape(line), (0, 0, 0, 3)))
    console.print(f"\n{_LEGEND}")


def _row(chip: Chip) -> str:
    from codesign.units import format_si

    synaptic = chip.energies.synaptic_operation
    static = "?" if chip.static_power is None else format_si(chip.static_power.value, "W")
    if chip.static_power is not None and chip.static_power.per == "core":
        static += "/core"
    return _ROW.format(
        chip.name,
        {"asynchronous": "async"}.get(chip.synchronization.kind, chip.synchronization.kind),
        f"{chip.cores.value:,}",
        "?" if chip.vector_width is None else str(chip.vector_width.value),
        "?" if synaptic is None else format_si(synaptic.value, "J") + (" all-in" if chip.all_in else ""),
        "in e_so" if chip.all_in else static,
    )


def _first_sentence(text: str) -> str:
    """Up to the first period that a blank or the end follows; figures such as 0.75 V have none."""
    return text.strip().split(". ")[0].rstrip(".") + "."


def _print_accounting(console: Console, chip: Chip) -> None:
    from rich.markup import escape

    synaptic = chip.energies.synaptic_operation
    if synaptic is None:
        energy = "not known for a synaptic operation"
    elif synaptic.all_in:
        words = str(synaptic.operation).replace("_", " ")
        energy = f"all-in: a synaptic operation holds all that the chip spent, in {words} operation only"
    else:
        energy = "incremental: every event has its own energy, and static power comes on top"
    console.print(f"\n[bold]Operating point[/bold]: {escape(chip.operating_point)}")
    console.print(f"[bold]Energy[/bold]: {energy}")
    gating = chip.power_gating
    console.print(
        f"[bold]Power gating[/bold]: unused cores off: {gating.unused_cores}; "
        f"off between inputs: {gating.between_inputs}"
    )


def _print_numbers(console: Console, chip: Chip) -> None:
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("number", "value", "changes", "how known", "source"):
        table.add_column(column, overflow="fold")
    for number in chip.numbers():
        table.add_row(number.name, escape(number.text), number.effect, number.confidence, escape(number.source))
    console.print()
    console.print(table)
    console.print("\nchanges: spikes, what a network does; price, only what that costs; nothing that is computed.")
    notes = [number for number in chip.numbers() if number.note]
    if notes:
        console.print("\n[bold]Remarks[/bold]")
        for number in notes:
            console.print(Padding(f"{number.name}: {escape(number.note)}", (0, 0, 0, 2)))
    supports = chip.supports
    resets = " or ".join(supports.reset) or "not stated"
    console.print(f"\nLeak: {supports.leak}. Reset: {resets}. Queues can be flushed: {chip.can_flush}.")


def _print_unknowns(console: Console, chip: Chip) -> None:
    from codesign.hardware.unknowns import unknowns

    missing = unknowns(chip)
    console.print("\n[bold]Not known, and what that leaves unmodelled[/bold]")
    for name, consequence in missing:
        console.print(f"  {name}: {consequence}")
    if not missing:
        console.print("  nothing")


def _print_measurements(console: Console, chip: Chip) -> None:
    from rich.markup import escape
    from rich.padding import Padding

    from codesign.units import format_si

    if not chip.validation:
        return
    console.print("\n[bold]Published measurements[/bold]")
    for one in chip.validation:
        values = [
            format_si(value, unit)
            for value, unit in ((one.energy, "J"), (one.latency, "s"), (one.power, "W"))
            if value is not None
        ]
        if one.accuracy is not None:
            values.append(f"accuracy {one.accuracy:.1%}")
        console.print(f"  {escape(one.name)}: {', '.join(values)} ({one.confidence}, {escape(one.source)})")
        told = escape(one.workload) + (f"; {escape(one.note)}" if one.note else "")
        console.print(Padding(told, (0, 0, 0, 4)))
    console.print(f"  What the numbers above give for them: codesign chips validate {chip.name}")
