"""`codesign chips`: list, show and check chip descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from codesign.hardware.description import Chip

_SHORT = {
    "energies.synaptic_operation": "e_so",
    "energies.neuron_access": "e_access",
    "energies.neuron_update": "e_upd",
    "energies.spike": "e_spike",
    "energies.hop": "e_hop",
    "energies.barrier_message": "e_bar",
    "static_power": "static",
    "neurons_per_core": "capacity",
    "synapses_per_core": "capacity",
    "weight_bits": "bits",
    "can_flush": "flush",
}
"""Short words of the list for numbers that are not known; the rest are times, without which there is no latency."""

app = typer.Typer(help="List, show and check chip descriptions.", invoke_without_command=True)


@app.callback()
def chips(context: typer.Context) -> None:
    """List every chip that can be found, with what matters most and what is unknown."""
    if context.invoked_subcommand is None:
        _list()


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name, alias or path of a chip.")]) -> None:
    """Show every number of a chip with its confidence and source, and what is not known."""
    from rich.console import Console
    from rich.markup import escape

    from codesign.hardware.library import find_chip

    chip = find_chip(name)
    console = Console(highlight=False)
    console.print(f"[bold]{escape(chip.title)}[/bold]  ({chip.name}; {chip.synchronization.kind})")
    console.print(escape(chip.description))
    _print_numbers(console, chip)
    _print_unknowns(console, chip)
    _print_measurements(console, chip)
    console.print("\n[bold]Sources[/bold]")
    for key, source in chip.sources.items():
        address = f"https://doi.org/{source.doi}" if source.doi else source.url
        console.print(f"  {key}: {escape(source.citation)}" + (f" <{address}>" if address else ""), soft_wrap=False)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A chip file.")]) -> None:
    """Check a chip file: print OK, or every mistake with its line, and end with exit code 2."""
    from codesign.hardware.library import load_chip

    chip = load_chip(file)
    typer.echo(f"OK: {file} describes {chip.title}")


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

    from codesign.hardware.library import chip_names, find_chip
    from codesign.hardware.unknowns import unknowns
    from codesign.units import format_si

    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("chip", "sync", "cores", "lanes", "e_so", "static"):
        left = column in ("chip", "sync")
        table.add_column(column, justify="left" if left else "right", no_wrap=column != "e_so")
    table.add_column("unknown", overflow="fold")
    for name in chip_names():
        chip = find_chip(name)
        synaptic = chip.energies.synaptic_operation
        all_in = synaptic is not None and synaptic.all_in
        time = "overload" if chip.synchronization.kind == "timer" else "latency"
        lacking = dict.fromkeys(_SHORT.get(number, time) for number, _ in unknowns(chip))
        table.add_row(
            name,
            {"asynchronous": "async"}.get(chip.synchronization.kind, chip.synchronization.kind),
            f"{chip.cores.value:,}",
            "?" if chip.vector_width is None else str(chip.vector_width.value),
            "?" if synaptic is None else format_si(synaptic.value, "J") + (" all-in" if all_in else ""),
            "in e_so" if all_in else "?" if chip.static_power is None else format_si(chip.static_power.value, "W"),
            ", ".join(lacking) or "-",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print("\ne_so, e_upd, e_spike, e_hop, e_bar: energy of a synaptic operation, an update, a")
    console.print("spike, a hop, a barrier. Every number and source: codesign chips show NAME")


def _print_numbers(console: Console, chip: Chip) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("number", "value", "how known", "source"):
        table.add_column(column, overflow="fold")
    for number in chip.numbers():
        table.add_row(number.name, escape(number.text), number.confidence, number.source)
    console.print()
    console.print(table)
    notes = [number for number in chip.numbers() if number.note]
    if notes:
        console.print("\n[bold]Remarks[/bold]")
        for number in notes:
            console.print(f"  {number.name}: {escape(number.note)}")
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
        console.print(f"  {escape(one.name)}: {', '.join(values)} ({one.confidence}, {one.source})")
        console.print(f"    {escape(one.workload)}" + (f"; {escape(one.note)}" if one.note else ""))
