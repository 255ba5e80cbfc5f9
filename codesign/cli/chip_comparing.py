"""`codesign chips compare`: several chips in one table on a terminal, and on one plot in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codesign.analysis.results.formatting import shortened
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.comparison import STATIC_POWER, ComparedNumber, compared_numbers, in_order
from codesign.reporting.charts.base import picture
from codesign.reporting.charts.chips import ChipMark, chips_figure
from codesign.reporting.forms import FORMS
from codesign.units import format_si

_FEW = 3
"""Up to this many chips have one column each, with all numbers; more have one row each, with the main numbers."""
_LONGEST = 40
_ENERGY, _AREA = "energies.synaptic_operation", "area"
_MAIN = {
    "technology_node": "node",
    _AREA: "area",
    _ENERGY: "energy of an operation",
    STATIC_POWER: "static power, all cores in use",
    "times.synaptic_operation": "time of an operation",
}
_MARKS = {
    "measured": "m",
    "stated": "s",
    "derived": "d",
    "fitted": "f",
    "secondary": "2",
    "estimated": "e",
    "structure": "x",
}
_LEGEND = (
    "m measured, s stated by the makers, d derived from such numbers, f fitted to measurements, 2 known from someone "
    "else's text, e estimated, x from the model of the chip's structure. Below a value is its range: the file's, that "
    "of the model, or one assumed from how it is known. static_power is with all cores in use. Energies that include "
    "different things cannot be compared: an all-in energy includes everything that a chip spent in one measurement, "
    "and 'with' names other terms that are included. Sources and remarks: codesign chips show NAME."
)


def print_comparison(console: Console, chips: Sequence[Chip]) -> None:
    """Print one column per chip with all its numbers, or one row per chip with the main ones."""
    headings, rows = _table(chips)
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(escape(heading), overflow="fold", no_wrap=heading in ("chip", "number"))
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(f"\n{_LEGEND}")


def plotted(path: Path, chips: Sequence[Chip]) -> bytes:
    """The plot, in the one of `FORMS` that the file's ending names."""
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise InputError(f"--output: must end with .{', .'.join(FORMS[:-1])} or .{FORMS[-1]}, found {path.name!r}")
    marks = chip_marks(chips)
    if not marks:
        raise InputError("--output: none of these chips gives both an energy of an operation and an area to plot")
    return picture(chips_figure(marks), form)


def unplotted(chips: Sequence[Chip]) -> str:
    """Which chips a plot leaves out; "" for none."""
    names = ", ".join(chip.name for chip in chips if not chip_marks([chip]))
    return names and f"\nNot in the plot, because their energy of an operation or area is not known, or 0: {names}"


def _table(chips: Sequence[Chip]) -> tuple[list[str], list[list[str]]]:
    numbers = [compared_numbers(chip) for chip in chips]
    few = len(chips) <= _FEW

    def text(of_chip: dict[str, ComparedNumber], path: str) -> str:
        return _marked(of_chip[path], brief=not few) if path in of_chip else "–"

    if few:
        rows = [["synchronization", *(chip.synchronization.kind for chip in chips)]]
        rows += [[path, *(text(of_chip, path) for of_chip in numbers)] for path in in_order(numbers)]
        return ["number", *(chip.name for chip in chips)], rows
    rows = [[chip.name, *(text(of_chip, path) for path in _MAIN)] for chip, of_chip in zip(chips, numbers, strict=True)]
    return ["chip", *_MAIN.values()], rows


def _marked(number: ComparedNumber, *, brief: bool) -> str:
    """Value and a letter for how it is known, then the range, then what else an energy or a power includes."""
    holds = number.holds if number.holds in ("", "all-in") else f"with {'others' if brief else number.holds}"
    value = f"{_value(number, brief=brief)} {_MARKS[number.known]}"
    return "\n".join(filter(None, (value, number.range_text, holds)))


def _value(number: ComparedNumber, *, brief: bool) -> str:
    text, is_time = number.text or format_si(number.value, number.unit), number.unit == "s"
    if is_time and (brief or text.endswith(("cycle", "cycles"))):
        text = format_si(number.value, "s") + ("" if brief else f", {text}")
    return shortened(text, _LONGEST)


def chip_marks(chips: Sequence[Chip]) -> list[ChipMark]:
    """Marks of the chips that give both numbers."""
    marks = []
    for chip in chips:
        numbers = compared_numbers(chip)
        energy, area = numbers.get(_ENERGY), numbers.get(_AREA)
        if energy is None or area is None or not energy.value or not area.value:
            continue
        node: Any = numbers.get("technology_node")
        marks.append(
            ChipMark(
                name=chip.name,
                area_m2=_ends(area),
                energy_j=_ends(energy),
                node="node not stated" if node is None else node.text,
                hollow=bool({energy.known, area.known} & {"estimated", "structure"}),
                kind=2 if energy.holds == "all-in" else 1 if energy.holds else 0,
            )
        )
    return marks


def _ends(number: ComparedNumber) -> tuple[float, float, float]:
    assert number.value is not None
    low = number.value if number.low is None else number.low
    return low or number.value, number.value, number.value if number.high is None else number.high
