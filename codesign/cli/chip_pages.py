"""Output of `codesign chips`: the list of all chips, everything in the file of one chip, and its validation."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.kinds import in_words
from codesign.hardware.chip.missing import missing_parameters, times_in_others
from codesign.hardware.chip.parameters import effect_on
from codesign.hardware.comparison import STATIC_POWER, compared_numbers
from codesign.hardware.terms import AGREEMENT, UNTIMED
from codesign.hardware.validation.validation import Check, validate, validation_summary
from codesign.relative_error import percent
from codesign.units import format_si, plural

_LEGEND = (
    "energy: of a synaptic operation; if static is all-in, it includes everything that the chip spent. static: power "
    "with all cores in use; a network pays for those that it uses, and for others what core_off says. time: whether "
    "latency is modelled in full. unknown: how many numbers are not known; codesign chips show NAME lists them and "
    "what they leave unmodelled. Error of the model: codesign chips validate NAME. "
    "For a chip of your own: codesign init --chip."
)
_NAME, _LEAST_WIDTH = 25, 80
"""Widths in the table of numbers: a narrower terminal breaks its lines, but never a key."""
_ROW = "{:<25}{:<13}{:>5}{:>6}{:>9}{:>9}{:>5}{:>8}"
_LEAST_ROOM = 30
"""Least width for a chip's title next to its numbers."""


def print_list(console: Console, chips: Iterable[Chip]) -> None:
    """One line per chip: names, main numbers, how many are unknown and, on wide terminals, its title."""
    headings = ("chip", "sync", "cores", "lanes", "energy", "static", "time", "unknown")
    room = console.width - _LEAST_WIDTH - 2
    console.print(f"[bold]{_ROW.format(*headings)}[/bold]")
    for chip in chips:
        what = chip.description.partition(". ")[0].rstrip(".") or chip.title
        beside = f"  {textwrap.shorten(what, room, placeholder='…')}" if room >= _LEAST_ROOM else ""
        console.print(escape(_row(chip) + beside))
    console.print(f"\n{_LEGEND}")


def _row(chip: Chip) -> str:
    synaptic = chip.energies.synaptic_operation
    called = f"{chip.name} ({', '.join(chip.aliases)})" if chip.aliases else chip.name
    missing, static = missing_parameters(chip), compared_numbers(chip).get(STATIC_POWER)
    return _ROW.format(
        called if len(called) < _NAME else chip.name,
        chip.synchronization.kind,
        f"{chip.cores.value:,}",
        "?" if chip.vector_width is None else str(chip.vector_width.value),
        "?" if synaptic is None else format_si(synaptic.value, "J"),
        "all-in" if chip.all_in else "?" if static is None else format_si(static.value, "W"),
        "no" if any("latency" in consequence or AGREEMENT in consequence for _, consequence in missing) else "yes",
        len(missing),
    )


def print_chip(console: Console, chip: Chip) -> None:
    """Print what a chip is, what is unknown about it, what it can do, and its numbers."""
    console.print(f"[bold]{escape(chip.title)}[/bold]  ({chip.name}; {chip.synchronization.kind})")
    if chip.description:
        console.print(escape(chip.description))
    if chip.extends:
        left_out = "what its file leaves out is taken from that chip, except its operating point and measurements"
        console.print(f"Extends {chip.extends}: {left_out}.")
    _print_accounting(console, chip)
    unmodelled = [f"{name}: {consequence}" for name, consequence in missing_parameters(chip)]
    if chip.times.given:
        in_others = [path for path in times_in_others(chip) if path not in UNTIMED.get(chip.synchronization.kind, ())]
        unmodelled += [f"{path}: nothing, if its other times contain it" for path in in_others]
    _print_section(console, "Not known, and what that leaves unmodelled", unmodelled or ["nothing"])
    _print_section(console, "How it is built", _built(chip))
    _print_section(console, "What it can do", _abilities(chip))
    _print_numbers(console, chip)
    if (error := chip.model_error) is not None:
        typical = f"a factor of {error.energy:g} in energy, {error.latency:g} in time: {error.note}"
        _print_section(console, "Typical error of the model", [typical])


def _print_accounting(console: Console, chip: Chip) -> None:
    synaptic = chip.energies.synaptic_operation
    if synaptic is None:
        energy = "not known for a synaptic operation"
    elif synaptic.all_in:
        words = str(synaptic.operation).replace("_", " ")
        energy = f"all-in: a synaptic operation includes everything that the chip spent, in {words} operation only"
    else:
        static = "comes on top" if chip.static_power.given else "is not known"
        energy = f"incremental: events have energies, and static power {static}"
    console.print(f"\n[bold]Operating point[/bold]: {escape(chip.operating_point)}")
    console.print(f"[bold]Energy[/bold]: {energy}")
    gating = chip.power_gating
    off = chip.static_power.core_off
    unused = f"a core not in use draws {'an unknown power' if off is None else format_si(off.value, 'W')}"
    console.print(f"[bold]Power gating[/bold]: {unused}; off between inputs: {gating.between_inputs}")
    if chip.energies.clock_cycle is not None:
        console.print(f"[bold]Clock gating[/bold]: clock stopped between inputs: {gating.clock}")


def _built(chip: Chip) -> Iterator[str]:
    """Synchronization, the network between cores, and their memories."""
    own = chip.synchronization
    overload = f", overload: {own.overload}" if own.kind == "timer" else ""
    yield f"synchronization: {in_words(own)}{overload}"
    mesh = chip.mesh
    if mesh is not None:
        cores = plural(mesh.cores_per_tile, "core")
        yield f"network: a mesh of {mesh.rows} × {mesh.columns} tiles of {cores}, numbered along its {mesh.numbering}"
    if chip.structure is not None:
        weights = chip.structure.memory
        where = f"states in {chip.structure.state_memory or weights}"
        yield f"memories: weights in {weights}, {'states among them' if chip.structure.shared_memory else where}"


def _print_numbers(console: Console, chip: Chip) -> None:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("number", "value", "range", "how known", "changes", "source"):
        table.add_column(column, overflow="fold", no_wrap=column not in ("value", "range"))
    compared = compared_numbers(chip)
    for path, number in chip.numbers().items():
        known = (number.confidence, effect_on(chip, path, type(number)), escape(number.source))
        table.add_row(path, escape(number.text), compared[path].range_text, *known)
    console.print()
    width, console.width = console.width, max(console.width, _LEAST_WIDTH)
    console.print(table)
    console.width = width
    console.print(
        "\nA range is stated in the file, given by the model of the structure, or assumed from how the number is "
        "known.\n"
        "changes: what depends on the number: spikes or where neurons are placed, or only the price of a run."
    )


def _abilities(chip: Chip) -> Iterator[str]:
    yield f"leak: {chip.supports.leak}; reset: {' or '.join(chip.supports.reset) or 'not stated'}"
    yield f"synapses of weight 0 are skipped: {chip.skips_zero_weights}"
    yield f"queues can be flushed: {chip.can_flush}; a sample can be ended early: {chip.can_end_sample}"
    for noun, most in (("thresholds", chip.supports.thresholds), ("time constants", chip.supports.time_constants)):
        if most is not None:
            yield f"{noun}: " + ("one for each neuron" if most == "neuron" else f"{most} in a core")
    if chip.supports.features:
        yield f"neurons also have: {', '.join(chip.supports.features)}"


def _print_section(console: Console, title: str, lines: Iterable[str]) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    for line in lines:
        console.print(Padding(escape(line), (0, 0, 0, 2)))


def validation_markdown(chip: Chip) -> str:
    """One chip: a summary in one line, what was recomputed and with what, and what was not, and why."""
    checks = validate(chip)
    summary = validation_summary(chip)
    parts = [f"### {chip.title} (`{chip.name}`)\n\n{summary[0].upper()}{summary[1:]}.\n"]
    recomputed = [check for check in checks if check.errors is not None]
    if recomputed:
        rows = ["| measurement | model | measured | error | known | remark |", "|---|--:|--:|--:|---|---|"]
        rows += ["| " + " | ".join(map(cell, _cells(check))) + " |" for check in recomputed]
        parts.append("\n".join(rows) + "\n")
        if notes := _listed((_note(check), check.measurement) for check in recomputed):
            parts.append(notes)
    lacking = [check for check in checks if check.status == "not_recomputed"]
    names = (check.measurement + (f" ({check.quantity})" if check.quantity else "") for check in lacking)
    if reasons := _listed(zip((check.reason for check in lacking), names, strict=True)):
        parts.append(f"Not recomputed:\n\n{reasons}")
    return "\n".join(parts)


def validation_json(chips: Iterable[Chip]) -> bytes:
    """All checks of chips: their fields, and the relative errors that follow."""
    checks = [check for chip in chips for check in validate(chip)]
    derived = ("errors", "error", "bound_holds")
    rows = [{**asdict(check), **{name: getattr(check, name) for name in derived}} for check in checks]
    return json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False).encode()


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def _cells(check: Check) -> tuple[str, ...]:
    assert check.errors is not None
    model = _range(format_si(check.model_low, check.unit), format_si(check.model_high, check.unit))
    error = _range(*map(percent, check.errors))
    return check.measurement, model, format_si(check.measured, check.unit), error, check.confidence, _remark(check)


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _remark(check: Check) -> str:
    if check.status == "fitted":
        return "fitted on this point"
    if check.status == "arithmetic":
        return "not a measurement, published as arithmetic"
    if check.status == "bound":
        return f"{check.bound} bound: {'holds' if check.bound_holds else 'contradicted'}"
    return ""


def _note(check: Check) -> str:
    """Overrides, fits and what is left out."""
    overrides = f"with {', '.join(check.overrides)}" if check.overrides else ""
    fitted = f"{', '.join(check.fitted)} fitted on this point" if check.fitted else ""
    return "; ".join(filter(None, (overrides, fitted, check.fitted_on, check.not_modelled)))


def _listed(texts: Iterable[tuple[str, str]]) -> str:
    """A list of texts, each once, with the names of the measurements that it is about."""
    names: dict[str, dict[str, None]] = {}
    for text, name in texts:
        names.setdefault(text, {})[name] = None
    return "".join(cell(f"- *{' · '.join(about)}*: {text}\n") for text, about in names.items() if text)
