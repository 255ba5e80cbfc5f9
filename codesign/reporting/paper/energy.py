"""Table 3, repeated: synaptic operations and energy, in the paper's book and in that of all synapses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codesign.analysis.columns import COLUMNS
from codesign.analysis.formatting import coverage_words, listed, number
from codesign.analysis.points import Point
from codesign.reporting.claims import Claim
from codesign.reporting.paper.accuracy import LAYERED, PAIRS
from codesign.reporting.paper.cells import (
    multiple,
    of_own,
    printed,
    quotient,
    remark_cell,
    row_names,
    scaled,
    seeds_cell,
)
from codesign.reporting.paper.judging import between, by_a_factor, statement
from codesign.reporting.paper.numbers import FEWER_SPIKES_UP_TO, SYNAPTIC_OPERATION_J, TABLE3, Effort, Pair
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, RepeatedRow
from codesign.reporting.tables import Cell, Heading, Table
from codesign.units import format_si

__all__ = ["repeat_table3"]

_NEEDS = "The sweep lacks one of the trainings and inferences that this compares, or their energy."


def repeat_table3(sweep: Repeated) -> Part:
    """The paper's Table 3 beside the sweep's rows."""
    found = sweep.find_all(PAIRS)
    efforts = TABLE3.get(sweep.beside.dataset, {}) if sweep.beside.dataset else {}
    return Part(
        claims=tuple(_claims(found)),
        table=_table(found, efforts),
        brief=_brief(found, efforts),
        remarks=tuple(_remarks([one.point for one in found if one.point is not None])),
        missing=sweep.missing(found),
    )


def _remarks(points: Sequence[Point]) -> list[str]:
    remarks = [
        "The paper’s book counts emitted spikes of the hidden layers times their mean fan-out and leaves the input "
        "layer out; the other book counts every weight that was added. “Of layered” is a multiple of layered training "
        "with layered inference, which compares where data and network differ.",
    ]
    prices = sorted({round(price, 18) for point in points if (price := _price(point)) is not None})
    others = [price for price in prices if abs(price - SYNAPTIC_OPERATION_J) > 1e-3 * SYNAPTIC_OPERATION_J]
    if others:
        written = listed([format_si(price, "J", 3) for price in others])
        remarks.append(f"An operation costs {written} here and {format_si(SYNAPTIC_OPERATION_J, 'J')} in the paper.")
    elif prices:
        remarks.append(f"An operation costs {format_si(SYNAPTIC_OPERATION_J, 'J')}, µBrain’s, as in the paper.")
    covered = sorted({coverage_words(point.coverage) for point in points})
    if covered:
        remarks.append(f"Energy of all synapses holds {'; or '.join(covered)}.")
    return remarks


def _price(point: Point) -> float | None:
    """Joules of one operation in the paper's book."""
    energy, operations = point.value("paper_energy_j").mean, point.value("paper_synaptic_operations").mean
    return energy / operations if energy is not None and operations else None


def _table(found: Sequence[RepeatedRow], efforts: Mapping[Pair, Effort]) -> Table:
    reference = found[0].point
    return Table(
        caption="Synaptic operations (SOs, ×10⁴) and energy (µJ) a sample: the paper’s Table 3, and here.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="SOs, paper", numeric=True),
            Heading(text="SOs, here", numeric=True, hint=COLUMNS["paper_synaptic_operations"].meaning),
            Heading(text="energy, paper", numeric=True),
            Heading(text="energy, here", numeric=True, hint=COLUMNS["paper_energy_j"].meaning),
            Heading(text="here / paper", numeric=True),
            Heading(text="of layered, paper", numeric=True, hint="energy / energy of Layered under Layered"),
            Heading(text="of layered, here", numeric=True, hint="likewise here, paired by seed"),
            Heading(text="SOs, all synapses", numeric=True, hint=COLUMNS["synaptic_operations"].meaning),
            Heading(text="energy, all synapses", numeric=True, hint=COLUMNS["energy_j"].meaning),
            Heading(text="of layered", numeric=True, hint="energy of all synapses, likewise"),
            Heading(text="seeds", numeric=True, hint="training seeds here"),
            Heading(text="not as printed", wide=True),
        ),
        rows=tuple(_row(one, efforts.get(one.pair), reference, efforts.get(LAYERED)) for one in found),
    )


def _row(one: RepeatedRow, effort: Effort | None, reference: Point | None, layered: Effort | None) -> tuple[Cell, ...]:
    operations, energy = (effort.synaptic_operations, effort.energy_j) if effort else (None, None)
    return (
        *row_names(one),
        printed(operations, lambda value: number(value / 1e4)),
        scaled(one.point, "paper_synaptic_operations", 1e-4),
        printed(energy, lambda value: number(value * 1e6)),
        scaled(one.point, "paper_energy_j", 1e6),
        multiple(one.point, "paper_energy_j", energy),
        printed(quotient(energy, layered.energy_j if layered else None)),
        of_own(one.point, reference, "paper_energy_j"),
        scaled(one.point, "synaptic_operations", 1e-4),
        scaled(one.point, "energy_j", 1e6),
        of_own(one.point if _same_book(one.point, reference) else None, reference, "energy_j"),
        seeds_cell(one.point, "paper_synaptic_operations"),
        remark_cell(one),
    )


def _same_book(point: Point | None, other: Point | None) -> bool:
    """Whether two energies of all synapses compare: they hold the same terms."""
    if point is None or other is None:
        return False
    return (point.coverage, point.accounting, point.operation) == (other.coverage, other.accounting, other.operation)


def _brief(found: Sequence[RepeatedRow], efforts: Mapping[Pair, Effort]) -> Table:
    return Table(
        caption="Table 3, energy in µJ: the paper, here in its book, and of all synapses",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="paper", numeric=True),
            Heading(text="here", numeric=True),
            Heading(text="all synapses", numeric=True),
        ),
        rows=tuple(
            (
                *row_names(one),
                printed(effort.energy_j if effort else None, lambda value: number(value * 1e6)),
                scaled(one.point, "paper_energy_j", 1e6),
                scaled(one.point, "energy_j", 1e6),
            )
            for one, effort in ((one, efforts.get(one.pair)) for one in found)
        ),
    )


def _claims(found: Sequence[RepeatedRow]) -> list[Claim]:
    layered, layered_rs, unlayered_rs, unlayered_ms = (one.point for one in found)
    trained = [(unlayered_rs, layered), (unlayered_ms, layered)]
    return [
        by_a_factor(
            "fewer spikes",
            "Asynchronous training uses fewer spikes, by up to 50 %, and so less energy in the paper’s book",
            "abstract, section 4.4",
            "paper_energy_j",
            trained,
            1 / (1 - FEWER_SPIKES_UP_TO),
            nothing=_NEEDS,
            remark="The paper’s own Table 3 has factors of 1.7 to 2.8.",
        ),
        statement(
            "less energy of all synapses",
            "That saving is there, too, if every synapse is counted",
            "not in the paper, whose Table 3 leaves the input layer out",
            [between("energy_j", less, more, more_is_better=False) for less, more in trained if _same_book(less, more)],
            nothing=_NEEDS,
        ),
        statement(
            "layered saves little",
            "Run asynchronously, a model trained with layers waiting needs less energy, too",
            "Table 3",
            [between("paper_energy_j", layered_rs, layered, more_is_better=False)],
            nothing=_NEEDS,
        ),
    ]
