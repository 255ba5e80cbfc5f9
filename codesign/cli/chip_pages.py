"""What `codesign chips` prints: the list of all chips, and everything that the file of one says."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from codesign.hardware.comparison import STATIC_POWER, compared_numbers
from codesign.hardware.description import Chip
from codesign.hardware.missing import missing_parameters
from codesign.hardware.named_numbers import NamedNumber
from codesign.hardware.terms import ACTIONS
from codesign.hardware.validation import contradictions
from codesign.units import format_si

__all__ = ["print_chip", "print_list"]

_SHORT = {
    **{action.price: action.symbol for action in ACTIONS},
    "neurons_per_core": "capacity",
    "synapses_per_core": "capacity",
    "weight_bits": "bits",
    "can_flush": "flush",
    "can_end_sample": "early end",
    "times.chip_hop": "chip to chip",
}
"""Short words of the list for numbers that are not known; the rest are times, without which there is no latency."""
_LEGEND = (
    "e_so, e_access, e_upd, e_spike, e_msg, e_hop, e_bar: energy of a synaptic operation, a visit to a neuron, an "
    "update, a spike generated, a spike sent, a hop, a barrier message. Every number and its source: codesign chips "
    "show NAME. What the numbers give for published measurements: codesign chips validate NAME. For a "
    "chip of your own: codesign init --chip."
)
_LEAST_WIDTH = 80
"""Of the table of numbers: a narrower terminal breaks its lines, and never a key in it."""
_ROW = "{:<25}{:<8}{:>7}{:>6}{:>17}{:>13}"


def print_list(console: Console, chips: Iterable[Chip]) -> None:
    """A few lines a chip: its main numbers, what it is, and what is not known of it."""
    console.print(f"[bold]{_ROW.format('chip', 'sync', 'cores', 'lanes', 'e_so', 'static')}[/bold]")
    for chip in chips:
        console.print(escape(_row(chip)))
        time = "overload" if chip.synchronization.kind == "timer" else "latency"
        missing = dict.fromkeys(_SHORT.get(number, time) for number, _ in missing_parameters(chip))
        if chip.description:
            _print_indented(console, chip.description.strip().split(". ")[0].rstrip(".") + ".", 3)
        if chip.aliases:
            _print_indented(console, f"also called {', '.join(chip.aliases)}", 3)
        _print_indented(console, f"unknown: {', '.join(missing) or 'nothing'}", 3)
    console.print(f"\n{_LEGEND}")


def _row(chip: Chip) -> str:
    synaptic = chip.energies.synaptic_operation
    return _ROW.format(
        chip.name,
        {"asynchronous": "async", "neighbour": "neighb."}.get(chip.synchronization.kind, chip.synchronization.kind),
        f"{chip.cores.value:,}",
        "?" if chip.vector_width is None else str(chip.vector_width.value),
        "?" if synaptic is None else format_si(synaptic.value, "J") + (" all-in" if chip.all_in else ""),
        "in e_so" if chip.all_in else _static(chip),
    )


def _static(chip: Chip) -> str:
    """Static power of a whole chip, counting everything that is powered."""
    total = compared_numbers(chip).get(STATIC_POWER)
    return "?" if total is None else format_si(total.value, "W")


def print_chip(console: Console, chip: Chip) -> None:
    """Every number with its effect, confidence and source; what is not known; published measurements; sources."""
    console.print(f"[bold]{escape(chip.title)}[/bold]  ({chip.name}; {chip.synchronization.kind})")
    if chip.extends:
        console.print(f"Extends {chip.extends}: what its file leaves out is taken from that chip, except measurements.")
    if chip.description:
        console.print(escape(chip.description))
    _print_accounting(console, chip)
    _print_numbers(console, chip)
    console.print("\n[bold]Not known, and what that leaves unmodelled[/bold]")
    for line in [f"{name}: {consequence}" for name, consequence in missing_parameters(chip)] or ["nothing"]:
        _print_indented(console, line, 2)
    if chip.validation:
        _print_measurements(console, chip)
    if chip.model_error is not None:
        error = chip.model_error
        console.print("\n[bold]Typical error of the model[/bold]")
        _print_indented(console, f"a factor of {error.energy:g} in energy, {error.latency:g} in time ({error.note})", 2)
    console.print("\n[bold]Sources[/bold]")
    for key, source in chip.sources.items():
        address = f"https://doi.org/{source.doi}" if source.doi else source.url
        _print_indented(console, f"{key}: {source.citation}" + (f" <{address}>" if address else ""), 2)


def _print_accounting(console: Console, chip: Chip) -> None:
    synaptic = chip.energies.synaptic_operation
    if synaptic is None:
        energy = "not known for a synaptic operation"
    elif synaptic.all_in:
        words = str(synaptic.operation).replace("_", " ")
        energy = f"all-in: a synaptic operation includes everything that the chip spent, in {words} operation only"
    else:
        energy = "incremental: every event has its own energy, and static power comes on top"
    console.print(f"\n[bold]Operating point[/bold]: {escape(chip.operating_point)}")
    console.print(f"[bold]Energy[/bold]: {energy}")
    gating = chip.power_gating
    console.print(f"[bold]Power gating[/bold]: {_unused(chip)}; off between inputs: {gating.between_inputs}")
    if chip.energies.clock_cycle is not None:
        console.print(f"[bold]Clock gating[/bold]: clock stopped between inputs: {gating.clock}")


def _unused(chip: Chip) -> str:
    """What cores that are not in use draw."""
    off = chip.static_power.core_off
    return f"a core not in use draws {'an unknown power' if off is None else format_si(off.value, 'W')}"


def _print_numbers(console: Console, chip: Chip) -> None:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("number", "value", "changes", "how known", "source"):
        table.add_column(column, overflow="fold", no_wrap=column != "value")
    compared = compared_numbers(chip)
    for number in chip.numbers():
        value = "\n".join(filter(None, (number.text, compared[number.name].range_text)))
        table.add_row(number.name, escape(value), number.effect, number.confidence, escape(number.source))
    console.print()
    width, console.width = console.width, max(console.width, _LEAST_WIDTH)
    console.print(table)
    console.width = width
    console.print(
        "\nBelow a value is its range: the file's, or one assumed from how it is known.\n"
        "changes: spikes, what a network does; price, only what that costs; nothing that is computed."
    )
    remarks = [(number.name, _remark(number)) for number in chip.numbers()]
    if any(remark for _, remark in remarks):
        console.print("\n[bold]Remarks[/bold]")
    for name, remark in remarks:
        if remark:
            _print_indented(console, f"{name}: {remark}", 2)
    resets = " or ".join(chip.supports.reset) or "not stated"
    console.print(f"\nLeak: {chip.supports.leak}. Reset: {resets}. Queues can be flushed: {chip.can_flush}.")
    console.print(f"A sample can be ended early: {chip.can_end_sample}.")
    for noun, most in (("Thresholds", chip.supports.thresholds), ("Time constants", chip.supports.time_constants)):
        if most is not None:
            console.print(f"{noun}: " + ("one for each neuron." if most == "neuron" else f"{most} in a core."))
    if chip.supports.features:
        console.print(f"Neurons also have: {', '.join(chip.supports.features)}.")


def _remark(number: NamedNumber) -> str:
    """What the number is of, the remark of its file, and the words in which it was published."""
    quote = f"“{number.quote}”" if number.quote else ""
    return "; ".join(part for part in (number.basis, number.note, quote) if part)


def _print_measurements(console: Console, chip: Chip) -> None:
    console.print("\n[bold]Published measurements[/bold]")
    for measurement in chip.validation:
        quantities = ((measurement.energy, "J"), (measurement.latency, "s"), (measurement.power, "W"))
        values = [format_si(value, unit) for value, unit in quantities if value is not None]
        if measurement.accuracy is not None:
            values.append(f"accuracy {measurement.accuracy:.1%}")
        known = f"({measurement.confidence}, {measurement.source})"
        _print_indented(console, f"{measurement.name}: {', '.join(values)} {known}", 2)
        note = f"; {measurement.note}" if measurement.note else ""
        _print_indented(console, f"{measurement.workload}{note}", 4)
    for sentence in contradictions(chip):
        _print_indented(console, sentence, 2)
    _print_indented(console, f"What the numbers above give for them: codesign chips validate {chip.name}", 2)


def _print_indented(console: Console, text: str, indent: int) -> None:
    console.print(Padding(escape(text), (0, 0, 0, indent)))
