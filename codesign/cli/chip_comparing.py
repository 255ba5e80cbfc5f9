"""`codesign chips compare`: several chips in one table, on a terminal and in files, and on one plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from codesign.deferred import pd
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.comparison import STATIC_POWER, ComparedNumber, compared_numbers, comparison_rows, in_file_order
from codesign.reporting.charts.base import picture
from codesign.reporting.charts.chips import ChipMark, chips_figure
from codesign.reporting.forms import FORMS
from codesign.reporting.pieces import Cell, Heading, Section, inert, text_table
from codesign.reporting.pieces import Table as PageTable
from codesign.reporting.templates import plain_page
from codesign.units import format_si

FORMATS = ("html", "csv", *FORMS)

_FEW = 3
"""Up to so many chips have a column each, with all their numbers; more have a row each, with the main ones."""
_LONGEST = 40
_ENERGY, _AREA, _NODE = "energies.synaptic_operation", "area", "technology_node"
_WIDE = {
    _NODE: "node",
    "supply_voltage": "supply",
    _AREA: "area",
    "cores": "cores",
    "weight_bits": "weight bits",
    "vector_width": "lanes",
    "clock": "clock",
    _ENERGY: "energy of an operation",
    "energies.neuron_update": "energy of an update",
    STATIC_POWER: "static power, all cores in use",
    "times.synaptic_operation": "time of an operation",
}
_NARROW = {path: _WIDE[path] for path in (_NODE, _AREA, _ENERGY, STATIC_POWER, "times.synaptic_operation")}
"""Main numbers, in files and on a terminal."""
_MARKS = {
    "measured": "m",
    "stated": "s",
    "derived": "d",
    "fitted": "f",
    "secondary": "2",
    "estimated": "e",
    "structure": "x",
}
_HOLDING = (
    "Energies that include different things cannot be compared: an all-in energy includes everything that a chip spent "
    "in one measurement, and 'with' names other terms that are included."
)
_LEGEND = (
    "m measured, s stated by the makers, d derived from such numbers, f fitted to measurements, 2 known from someone "
    "else's text, e estimated, x from the model of the chip's structure. Below a value is its range: the file's, or "
    f"one assumed from how it is known. static_power is with all cores in use. {_HOLDING} Sources and "
    "remarks: codesign chips show NAME."
)
_EXPLANATION = (
    "Every number with how it is known, and its range where it has one: the file's, or one assumed from how it is "
    f"known. {_HOLDING}"
)

Numbers = dict[str, ComparedNumber]


def print_comparison(console: Console, chips: Sequence[Chip]) -> None:
    """A column a chip with all its numbers, or a row a chip with the main ones."""
    headings, rows = _table(chips, _marked if len(chips) <= _FEW else _brief, _NARROW)
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(escape(heading), overflow="fold", no_wrap=heading in ("chip", "number"))
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(f"\n{_LEGEND}")


def comparison_file(path: Path, chips: Sequence[Chip]) -> bytes:
    """The content of a file whose ending is one of `FORMATS`. Raises InputError for another, or where nothing can be
    drawn."""
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise InputError(f"--output: must end with .{', .'.join(FORMATS[:-1])} or .{FORMATS[-1]}, found {path.name!r}")
    if form in FORMS:
        marks = chip_marks(chips)
        if not marks:
            raise InputError("--output: none of these chips gives both an energy of an operation and an area to plot")
        return picture(chips_figure(marks), form)
    if form == "csv":
        rows = pd.DataFrame(comparison_rows(chips))
        return rows.map(lambda cell: inert(cell) if isinstance(cell, str) else cell).to_csv(index=False).encode()
    return _page(chips).encode()


def _table(
    chips: Sequence[Chip], cell: Callable[[ComparedNumber], str], main: dict[str, str]
) -> tuple[list[str], list[list[str]]]:
    numbers = [compared_numbers(chip) for chip in chips]

    def text(of_chip: Numbers, path: str) -> str:
        return cell(of_chip[path]) if path in of_chip else "–"

    if len(chips) <= _FEW:
        rows = [["synchronization", *(chip.synchronization.kind for chip in chips)]]
        rows += [[path, *(text(of_chip, path) for of_chip in numbers)] for path in in_file_order(numbers)]
        return ["number", *(chip.name for chip in chips)], rows
    rows = [[chip.name, *(text(of_chip, path) for path in main)] for chip, of_chip in zip(chips, numbers, strict=True)]
    return ["chip", *main.values()], rows


def _marked(number: ComparedNumber) -> str:
    """A cell of a terminal: value and a letter for how it is known, then the range, then what else it holds."""
    lines = [f"{_value(number)} {_MARKS[number.known]}", number.range_text, _inside(number)]
    return "\n".join(line for line in lines if line)


def _brief(number: ComparedNumber) -> str:
    """The same in fewer letters."""
    value = number.text or format_si(number.value, number.unit)
    if number.unit == "s":
        value = format_si(number.value, "s")
    inside = "with others" if number.holds not in ("", "all-in") else number.holds
    return "\n".join(line for line in (f"{value} {_MARKS[number.known]}", number.range_text, inside) if line)


def _worded(number: ComparedNumber) -> str:
    ends = number.range_text
    value = f"{_value(number)} ({ends})" if ends else _value(number)
    return ", ".join(part for part in (value, _inside(number), number.known) if part)


def _value(number: ComparedNumber) -> str:
    text = number.text or format_si(number.value, number.unit)
    if number.unit == "s" and number.text.endswith(("cycle", "cycles")):
        text = f"{format_si(number.value, 's')}, {text}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _inside(number: ComparedNumber) -> str:
    """What else an energy or a power holds."""
    return f"with {number.holds}" if number.holds not in ("", "all-in") else number.holds


def _remarks(chips: Sequence[Chip]) -> list[str]:
    found = []
    for chip in chips:
        numbers = compared_numbers(chip)
        for path in (_ENERGY, _AREA):
            if path in numbers and (said := "; ".join(filter(None, (numbers[path].basis, numbers[path].note)))):
                found.append(f"{chip.name}, {_WIDE[path]}: {' '.join(said.split())}")
    return found


def _page(chips: Sequence[Chip]) -> str:
    marks = chip_marks(chips)
    drawn = {mark.name for mark in marks}
    left_out = ", ".join(chip.name for chip in chips if chip.name not in drawn)
    return plain_page(
        "Chips side by side",
        (_EXPLANATION,),
        (
            *([chips_figure(marks)] if marks else []),
            *([f"Not drawn because energy or area is not known: {left_out}."] if left_out else []),
            _page_table(chips),
        ),
        (Section(name="remarks", title="Remarks on energies and areas", body=tuple(_remarks(chips))),),
    )


def _page_table(chips: Sequence[Chip]) -> PageTable:
    """The table of a page; a row a chip can be sorted by its numbers."""
    headings, rows = _table(chips, _worded, _WIDE)
    if len(chips) <= _FEW:
        return text_table("All numbers of these chips.", headings, rows)
    cells = []
    for chip, row in zip(chips, rows, strict=True):
        numbers = compared_numbers(chip)
        values = [numbers[path].value if path in numbers else None for path in _WIDE]
        cells.append((Cell(text=row[0]), *(Cell(text=t, order=v) for t, v in zip(row[1:], values, strict=True))))
    return PageTable(
        caption="The main numbers; click a heading to sort.",
        headings=(Heading(text="chip"), *(Heading(text=text, numeric=True, wide=True) for text in headings[1:])),
        rows=tuple(cells),
    )


def chip_marks(chips: Sequence[Chip]) -> list[ChipMark]:
    """The chips that give both numbers."""
    marks = []
    for chip in chips:
        numbers = compared_numbers(chip)
        energy, area = numbers.get(_ENERGY), numbers.get(_AREA)
        if energy is None or area is None or not energy.value or not area.value:
            continue
        node: Any = numbers.get(_NODE)
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
