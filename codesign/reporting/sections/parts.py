"""Energy and time by part, in which book each chip is charged, and how busy its cores are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.comparisons.variants import best_variant, by_option
from codesign.analysis.results.formatting import (
    BOOK_WORDS,
    UNKNOWN,
    coverage_words,
    percent,
    points_with_interval,
    quantity,
    with_interval,
)
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import difference, interval
from codesign.analysis.results.table import ResultTable
from codesign.reporting.charts.sweeps import parts_figure
from codesign.reporting.section import Section
from codesign.reporting.tables import Cell, Heading, Table, without_repeats
from codesign.units import format_si


def parts_section(table: AnsweredTable) -> Section | None:
    """Each chip's variant in the answer that chooses one, or its most accurate one where the answer has none."""
    shown, names = _best_of_each(table), table.names
    figures = [figure for column in ("energy_j", "latency_s") if (figure := parts_figure(shown, names, column))]
    charged = _charged(table, shown, names)
    quantized = _quantized(shown, names)
    if not figures and charged is None:
        return None
    chosen = f"Each chip is as it answers the question: {table.chips.question}"
    book = f"Energies count the static power of {BOOK_WORDS[table.metadata.static_book]}."
    return Section(
        name="parts",
        title="Energy and time by part",
        summary="each chip at its best",
        body=(chosen, *figures, book, *(one for one in (charged, quantized) if one is not None)),
    )


def _best_of_each(table: AnsweredTable) -> list[Point]:
    able = by_option([p for p in table.points if not p.beyond_chip and not p.drops_spikes], lambda p: p.chip)
    best = {chip: best_variant(variants, "accuracy", more=True) for chip, variants in able.items()}
    best |= {option.point.chip: option.point for option in table.chips.options if option.point is not None}
    return sorted((point for point in best.values() if point is not None), key=lambda point: point.number)


def _charged(table: ResultTable, points: Sequence[Point], names: Names) -> Table | None:
    """How long each chip is on, what its energy is in both books and holds, and how busy its cores are."""
    rows = []
    for point in points:
        own = table.frame.loc[point.rows.index]
        board, in_use = (float(own[column].mean()) for column in ("energy_j", "energy_cores_in_use_j"))
        busy, on_s, cores = point.means("core_utilization"), point.value("on_s").mean, point.value("cores_used").mean
        power = board / on_s if on_s and not math.isnan(board) else None
        gating = table.metadata.chips[point.chip].gating if point.chip in table.metadata.chips else None
        rows.append(
            (
                Cell(text=names.point(point)),
                _value(board, "energy_j"),
                _value(in_use, "energy_j"),
                _value(on_s, "on_s"),
                Cell(text=UNKNOWN if power is None else format_si(power, "W"), order=power),
                _value(cores, "cores_used"),
                Cell(text=percent(max(busy)) if busy else UNKNOWN, order=max(busy, default=None)),
                Cell(text=(point.accounting or UNKNOWN).replace("_", "-")),
                Cell(text=coverage_words(point.charged)),
                Cell(text=(point.operation or UNKNOWN).replace("_", " ")),
                Cell(text=gating or UNKNOWN),
            )
        )
    if not rows:
        return None
    return without_repeats(
        Table(
            caption="How each chip is charged.",
            headings=(
                Heading(text="point", wide=True),
                Heading(text="energy of the whole board", numeric=True, hint="per sample: all that is powered"),
                Heading(text="of the cores in use", numeric=True, hint="their share of static power, and no host"),
                Heading(text="time on", numeric=True, hint="per sample, that static power is drawn"),
                Heading(text="power", numeric=True, hint="of the whole board, mean of the time on"),
                Heading(text="cores in use", numeric=True),
                Heading(text="busiest core", numeric=True, hint="time at work of the time that the chip is on"),
                Heading(text="accounting", hint="an all-in figure holds all that one measurement spent"),
                Heading(text="energy of", wide=True),
                Heading(text="operation", hint="real time: on while the stimulus lasts"),
                Heading(text="switched off when not needed", wide=True),
            ),
            rows=tuple(rows),
            name="charged",
        )
    )


def _quantized(points: Sequence[Point], names: Names) -> Table | None:
    """Accuracy of the same model and schedule with 32-bit weights and as the chip holds them."""
    rows = []
    for point in points:
        before, after = point.seeds("float_accuracy"), point.seeds("accuracy")
        if not before.empty:
            loss, whole = difference(before, after), interval(before)
            rows.append(
                (
                    Cell(text=names.point(point)),
                    Cell(text=str(point.weight_bits or "float"), order=point.weight_bits),
                    Cell(text=with_interval(whole, "accuracy"), order=whole.mean),
                    Cell(text=with_interval(point.value("accuracy"), "accuracy"), order=point.value("accuracy").mean),
                    Cell(text=points_with_interval(loss), order=loss.mean),
                )
            )
    if not rows:
        return None
    headings = ("bits", "32-bit weights", "on the chip", "loss, points")
    table = Table(
        caption="Accuracy before and after quantization.",
        headings=(Heading(text="point", wide=True), *(Heading(text=text, numeric=True) for text in headings)),
        rows=tuple(rows),
        name="quantized",
    )
    return without_repeats(table)


def _value(value: float | None, column: str) -> Cell:
    return Cell(text=quantity(value, column), order=value)
