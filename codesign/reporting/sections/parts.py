"""Energy and time by part, how each chip is charged, and how busy its cores are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.answers.savings import WORTH, halved_numbers
from codesign.analysis.results.formatting import UNKNOWN, coverage_words, in_points, percent, quantity, unit_of
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.statistics import interval
from codesign.analysis.results.table import ResultTable
from codesign.reporting.charts.sweeps import parts_figure
from codesign.reporting.pieces import Cell, Heading, Section, Table, numeric, table_of, with_rows, without_repeats
from codesign.units import ordinal

_MOST_HALVED = 5
"""Most numbers of a chip that are listed as worth lowering."""
_BUSY = "share of the time of a sample in which it works"
_ALL_IN = "an all-in figure holds all that one measurement spent"
_IN_REAL_TIME = "real time: a sample takes as long as its stimulus"


def parts_section(table: AnsweredTable) -> Section:
    """The section about the variant of each chip in the answer that chooses a chip."""
    points = (option.point for option in table.chips.options if option.point is not None)
    shown, names = sorted(points, key=lambda point: point.number), table.names
    figures = [figure for column in ("energy_j", "latency_s") if (figure := parts_figure(shown, names, column))]
    tables = (_halved(shown, names), _layers(shown, names), _charged(table, shown, names))
    chosen = f"Each chip is as it answers the question: {table.chips.question}"
    return Section(
        name="parts",
        title="Energy and time by part",
        summary="each chip at its best",
        body=(chosen, *figures, *with_rows(*tables)) if shown else (),
    )


def _halved(points: Sequence[Point], names: Names) -> Table:
    rows = [
        {
            Heading("chip"): Cell(names.chips[point.chip]),
            Heading("change", wide=True): Cell(number.change),
            numeric("energy"): _change(number.energy),
            numeric("latency"): _change(number.latency),
        }
        for point in points
        for number in halved_numbers(point)[:_MOST_HALVED]
        if number.saving >= WORTH
    ]
    return table_of("What would lower them most, one number of a chip at a time.", rows, "halved")


def _change(factor: float) -> Cell:
    return Cell(UNKNOWN) if math.isnan(factor) else Cell(f"{in_points(factor - 1)} %", order=factor - 1)


def _layers(points: Sequence[Point], names: Names) -> Table:
    rows = []
    for point in points:
        spikes, operations = point.means("layer_spikes"), point.means("layer_operations")
        known = len(spikes) == len(operations)
        for place, (sent, received) in enumerate(zip(spikes, operations, strict=True) if known else (), start=1):
            share = received / sum(operations) if received else 0.0
            layer = Cell(f"{ordinal(place)}{', output' if place == len(spikes) else ''}", place)
            rows.append(
                {
                    Heading("chip"): Cell(names.chips[point.chip]),
                    numeric("layer", "the first receives the input"): layer,
                    numeric("spikes", "emitted by the layer"): Cell(f"{sent:,.1f}", sent),
                    numeric("synaptic operations", "into the layer"): Cell(f"{received:,.0f}", received),
                    numeric("share", "of all synaptic operations"): Cell(percent(share), share),
                }
            )
    return table_of("Where in the network the work is, per sample.", rows, "layers")


def _charged(table: ResultTable, points: Sequence[Point], names: Names) -> Table:
    rows = []
    for point in points:
        own = table.frame.loc[point.rows.index]
        board, in_use = (interval(own[column].dropna()).mean for column in ("energy_j", "energy_cores_in_use_j"))
        busy, on_s, cores = point.means("core_utilization"), point.value("on_s").mean, point.value("cores_used").mean
        power = board / on_s if on_s and board is not None else None
        busiest = percent(max(busy)) if busy else UNKNOWN
        gating = table.metadata.chips[point.chip].gating if point.chip in table.metadata.chips else None
        costs = (
            ("energy of the whole board", "per sample: all that is powered", "energy_j", board),
            ("of the cores in use", "their share of static power, and no host", "energy_cores_in_use_j", in_use),
            ("time of a sample", "in real time at least that of its stimulus", "on_s", on_s),
            ("power", "of the whole board, mean over the time of a sample", "power_w", power),
            ("cores in use", "", "cores_used", cores),
        )
        rows.append(
            {
                Heading("point", wide=True): Cell(names.point(point)),
                **{
                    numeric(text, hint, unit=unit_of(column)): Cell(quantity(value, column), value)
                    for text, hint, column, value in costs
                },
                numeric("busiest core", _BUSY): Cell(busiest, max(busy, default=None)),
                Heading("accounting", hint=_ALL_IN): Cell((point.accounting or UNKNOWN).replace("_", "-")),
                Heading("energy of", wide=True): Cell(coverage_words(point.charged)),
                Heading("operation", hint=_IN_REAL_TIME): Cell((point.operation or UNKNOWN).replace("_", " ")),
                Heading("switched off when not needed", wide=True): Cell(gating or UNKNOWN),
            }
        )
    return without_repeats(table_of("How each chip is charged.", rows, "charged"))
