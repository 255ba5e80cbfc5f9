"""Energy and time by part, in which book each chip is charged, and how busy its cores are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.savings import WORTH, halved_numbers
from codesign.analysis.comparisons.constraints import best_variant, by_option
from codesign.analysis.results.formatting import (
    BOOK_WORDS,
    UNKNOWN,
    coverage_words,
    listed,
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
from codesign.reporting.pieces import Cell, Heading, Section, Table, shortened, with_rows, without_repeats
from codesign.units import format_si

_MOST_HALVED = 5
"""Numbers of a chip that are named as those to work on."""
_MOST_LAYERS = 60


def parts_section(table: AnsweredTable) -> Section | None:
    """Each chip's variant in the answer that chooses one, or its most accurate one where the answer has none."""
    shown, names = _best_of_each(table), table.names
    figures = [figure for column in ("energy_j", "latency_s") if (figure := parts_figure(shown, names, column))]
    if not shown:
        return None
    tables = (_halved(shown, names), _layers(shown, names), _charged(table, shown, names), _quantized(shown, names))
    answering = {option.point.chip for option in table.chips.options if option.point is not None}
    others = [*dict.fromkeys(names.chips[point.chip] for point in shown if point.chip not in answering)]
    variants = "variant is" if len(others) == 1 else "variants are"
    chosen = f"Each chip is as it answers the question: {table.chips.question}"
    chosen += f" It leaves out {listed(others)}, whose most accurate {variants} shown." if others else ""
    book = f"Energies count the static power of {BOOK_WORDS[table.metadata.static_book]}."
    return Section(
        name="parts",
        title="Energy and time by part",
        summary="each chip at its best",
        body=(chosen, *figures, book, *with_rows(*tables)),
    )


def _best_of_each(table: AnsweredTable) -> list[Point]:
    able = by_option([p for p in table.points if not p.beyond_chip and not p.drops_spikes], lambda p: p.chip)
    best = {chip: best_variant(variants, "accuracy", more=True) for chip, variants in able.items()}
    best |= {option.point.chip: option.point for option in table.chips.options if option.point is not None}
    return sorted((point for point in best.values() if point is not None), key=lambda point: point.number)


def _halved(points: Sequence[Point], names: Names) -> Table:
    rows = [
        (Cell(text=names.chips[point.chip]), Cell(text=number.change), _change(number.energy), _change(number.latency))
        for point in points
        for number in halved_numbers(point)[:_MOST_HALVED]
        if number.saving >= WORTH
    ]
    return Table(
        caption="What would lower them most, one number of a chip at a time.",
        headings=(
            Heading(text="chip"),
            Heading(text="change", wide=True),
            Heading(text="energy", numeric=True),
            Heading(text="latency", numeric=True),
        ),
        rows=tuple(rows),
        name="halved",
    )


def _change(factor: float) -> Cell:
    if math.isnan(factor):
        return Cell(text=UNKNOWN)
    change = f"{100 * (factor - 1):+.1f} %".replace("-", "−")
    return Cell(text="" if factor == 1 else change, order=factor - 1)


def _layers(points: Sequence[Point], names: Names) -> Table:
    rows, chips = [], len({point.chip for point in points})
    for point in points:
        spikes, operations = point.means("layer_spikes"), point.means("layer_operations")
        label = names.chips[point.chip] if chips == len(points) else names.point(point)
        known = len(spikes) == len(operations)
        for place, (sent, received) in enumerate(zip(spikes, operations, strict=True) if known else (), start=1):
            share = received / sum(operations) if received else 0.0
            rows.append(
                (
                    Cell(text=label),
                    Cell(text=f"{place}, output" if place == len(spikes) else str(place), order=place),
                    Cell(text=f"{sent:,.1f}", order=sent),
                    Cell(text=f"{received:,.0f}", order=received),
                    Cell(text=percent(share), order=share),
                )
            )
    table = Table(
        caption="Where in the network the work is, per sample.",
        headings=(
            Heading(text="chip"),
            Heading(text="layer", numeric=True, hint="1 receives the input"),
            Heading(text="spikes", numeric=True, hint="emitted by the layer"),
            Heading(text="synaptic operations", numeric=True, hint="into the layer"),
            Heading(text="share", numeric=True, hint="of all synaptic operations"),
        ),
        rows=tuple(rows),
        name="layers",
    )
    return shortened(table, _MOST_LAYERS)


def _charged(table: ResultTable, points: Sequence[Point], names: Names) -> Table:
    rows = []
    for point in points:
        own = table.frame.loc[point.rows.index]
        board, in_use = (interval(own[column].dropna()).mean for column in ("energy_j", "energy_cores_in_use_j"))
        busy, on_s, cores = point.means("core_utilization"), point.value("on_s").mean, point.value("cores_used").mean
        power = board / on_s if on_s and board is not None else None
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


def _quantized(points: Sequence[Point], names: Names) -> Table:
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
