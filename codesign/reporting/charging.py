"""How chips were charged and how busy they were: what an energy or a time of the report rests on, chip by chip."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.comparison import Comparison, representatives
from codesign.analysis.formatting import (
    BOOK_WORDS,
    UNKNOWN,
    column_label,
    coverage_words,
    number,
    percent,
    points_with_interval,
    quantity,
    with_interval,
)
from codesign.analysis.metadata import ResultMetadata
from codesign.analysis.points import Point, is_known
from codesign.analysis.statistics import difference, interval
from codesign.analysis.table import ResultTable
from codesign.hardware.terms import COVERAGE
from codesign.reporting.robustness import describe_range, model_in_words, share, tips_in_words
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["charging_table", "pace_warnings", "quantization_table", "robustness_table", "utilization_table"]

_CORES = 16
"""Cores whose utilization is written out."""


def charging_table(gathered: Sequence[Point], results: ResultTable) -> Table | None:
    """One row per chip, operation and coverage: in which book it is charged and for how long it is on.

    Energies stand in both books of the static power, whichever the points count.
    """
    metadata = results.metadata
    groups: dict[tuple[str, str | None, str | None, str], list[Point]] = {}
    for point in gathered:
        if point.value("energy_j").mean is not None:
            key = (point.chip, point.operation, point.accounting, coverage_words(point.coverage))
            groups.setdefault(key, []).append(point)
    if not groups:
        return None
    rows = []
    for (chip, operation, accounting, coverage), members in groups.items():
        times = [mean for point in members if (mean := point.value("on_s").mean) is not None]
        rows_of = [results.frame.loc[point.rows.index] for point in members]
        board, cores_in_use = (
            [float(mean) for own in rows_of if (mean := own[column].mean()) == mean]
            for column in ("energy_j", "energy_cores_in_use_j")
        )
        rows.append(
            (
                Cell(text=chip),
                Cell(text=(accounting or UNKNOWN).replace("_", "-")),
                Cell(text=(operation or UNKNOWN).replace("_", " ")),
                Cell(text=_static_power(chip, accounting, metadata)),
                Cell(text=metadata.chips[chip].gating or UNKNOWN if chip in metadata.chips else UNKNOWN),
                Cell(text=_span(times, "on_s"), order=max(times, default=None)),
                Cell(text=_span(board, "energy_j"), order=max(board, default=None)),
                Cell(text=_span(cores_in_use, "energy_j"), order=max(cores_in_use, default=None)),
                Cell(text=coverage),
                Cell(text=str(len(members)), order=len(members)),
            )
        )
    return Table(
        caption="How each chip was charged. Comparisons and fronts count the energy of "
        f"{BOOK_WORDS[metadata.static_book]}. An all-in figure holds all that was spent in some measurement and "
        "compares with no other; incremental energies compare on terms that both hold.",
        headings=(
            Heading(text="chip"),
            Heading(text="accounting"),
            Heading(text="operation", hint="accelerated: on until the stop. Real time: on while the stimulus lasts."),
            Heading(text="static power"),
            Heading(text="switched off when not needed", wide=True),
            Heading(text="time on", numeric=True, hint="per sample, least to most over the points"),
            Heading(text="energy of the whole board", numeric=True, hint="all that is powered, least to most"),
            Heading(
                text="of the cores in use",
                numeric=True,
                hint="their share of the chips' static power and clock, and no host; least to most",
            ),
            Heading(text="energy covers", wide=True),
            Heading(text="points", numeric=True),
        ),
        rows=tuple(rows),
    )


def _static_power(chip: str, accounting: str | None, metadata: ResultMetadata) -> str:
    if accounting == "all_in":
        return "within the figure"
    facts = metadata.chips.get(chip)
    known = {one.name: one.text for one in facts.numbers} if facts else {}
    parts = {term.part: known.get(term.actions[0].price) for term in COVERAGE["static"]}
    texts = [f"{part.replace('_', ' ')} {text}" for part, text in parts.items() if text is not None]
    return ", ".join(texts) or "not known"


def _span(values: Sequence[float], column: str) -> str:
    if not values:
        return "not known"
    low, high = quantity(min(values), column), quantity(max(values), column)
    return low if low == high else f"{low} to {high}"


def utilization_table(gathered: Sequence[Point]) -> Table | None:
    """How busy the cores are at each chip's most accurate point, and the busiest link where it is known."""
    rows, shown = [], []
    for point in representatives(gathered):
        busy = point.means("core_utilization")
        load = point.value("peak_link_load").mean
        if not busy and load is None:
            continue
        shown.append(point.number)
        written = " ".join(number(100 * share, 2) for share in busy[:_CORES])
        more = f" and {len(busy) - _CORES} more" if len(busy) > _CORES else ""
        links = [str(link) for link in point.rows["peak_link"] if is_known(link)]
        rows.append(
            (
                Cell(text=point.place),
                Cell(text=f"{point.recipe} under {point.schedule}"),
                Cell(text=str(len(busy)) if busy else UNKNOWN, order=len(busy)),
                Cell(text=percent(max(busy)) if busy else UNKNOWN, order=max(busy, default=None)),
                Cell(
                    text=percent(sum(busy) / len(busy)) if busy else UNKNOWN,
                    order=sum(busy) / len(busy) if busy else None,
                ),
                Cell(text=f"{written}{more}" if busy else UNKNOWN),
                Cell(text=number(load), order=load),
                Cell(text=links[0] if links else UNKNOWN),
            )
        )
    if not rows:
        return None
    return Table(
        caption="How busy the cores are, at each chip's most accurate point: time at work of the time that the chip is "
        "on. What a core does not use, others of its network wait in.",
        headings=(
            Heading(text="chip"),
            Heading(text="model and schedule"),
            Heading(text="cores in use", numeric=True),
            Heading(text="busiest core", numeric=True),
            Heading(text="mean core", numeric=True),
            Heading(text="each core, %", wide=True),
            Heading(text="messages over the busiest link", numeric=True, hint="per sample"),
            Heading(text="which link"),
        ),
        rows=tuple(rows),
        points=tuple(shown),
    )


def pace_warnings(gathered: Sequence[Point]) -> list[str]:
    """Where a chip falls behind its input, or a tick has no room for its work; one sentence per chip and trouble."""
    warnings = []
    for column, applies, trouble in (
        (
            "late_fraction",
            lambda point: point.operation == "real_time",
            "falls behind its input in real time: steps take longer than a timestep",
        ),
        ("overloaded_ticks", lambda point: True, "has ticks in which a core has more work than fits"),
    ):
        by_chip: dict[str, list[Point]] = {}
        for point in gathered:
            if applies(point) and point.value(column).mean is not None:
                by_chip.setdefault(point.chip, []).append(point)
        for chip, members in by_chip.items():
            slow = [point for point in members if (point.value(column).mean or 0.0) > 0]
            if slow:
                worst = max(slow, key=lambda point: point.value(column).mean or 0.0)
                amount = quantity(worst.value(column).mean, column)
                unit = "of its steps" if column == "late_fraction" else "ticks a sample"
                warnings.append(
                    f"{chip} {trouble}, at {len(slow)} of {len(members)} points. Worst: {worst.recipe} under "
                    f"{worst.schedule} on {worst.place}, {amount} {unit}."
                )
    return warnings


def quantization_table(gathered: Sequence[Point]) -> Table | None:
    """Accuracy of the same model and schedule with 32-bit weights and as the chip holds them."""
    rows, shown = [], []
    seen: set[tuple[object, ...]] = set()
    for point in gathered:
        before, after = point.seeds("float_accuracy"), point.seeds("accuracy")
        key = (point.recipe, point.schedule, point.weight_bits, tuple(before.items()), tuple(after.items()))
        if before.empty or key in seen:
            continue
        seen.add(key)
        loss = difference(before, after)
        shown.append(point.number)
        rows.append(
            (
                Cell(text=point.place),
                Cell(text=point.recipe),
                Cell(text=point.schedule),
                Cell(text=str(point.weight_bits or "float"), order=point.weight_bits),
                Cell(text=with_interval(interval(before), "float_accuracy"), order=interval(before).mean),
                Cell(text=with_interval(interval(after), "accuracy"), order=interval(after).mean),
                Cell(text=points_with_interval(loss), order=loss.mean),
            )
        )
    if not rows:
        return None
    return Table(
        caption="Accuracy before and after quantization: the same model under the same schedule, with 32-bit weights "
        "and with weights as the chip holds them.",
        headings=(
            Heading(text="chip"),
            Heading(text="recipe"),
            Heading(text="schedule"),
            Heading(text="bits", numeric=True),
            Heading(text="32-bit weights", numeric=True),
            Heading(text="on the chip", numeric=True),
            Heading(text="loss, points", numeric=True, hint="paired by training seed, ± 95 % interval"),
        ),
        rows=tuple(rows),
        points=tuple(shown),
    )


def robustness_table(comparisons: Sequence[Comparison]) -> Table | None:
    """What the ranges of the chips' numbers do to each comparison of energies or times."""
    rows = []
    for comparison in comparisons:
        found = comparison.robustness
        if found is None or not found.influences:
            continue
        column = comparison.column
        most = found.influences[0]
        ends = f"{quantity(most.at_low, column)} to {quantity(most.at_high, column)}".replace("-", "−")
        sides = []
        for point, mean, (low, high) in (
            (comparison.better, comparison.better_mean, found.better_range),
            (comparison.worse, comparison.worse_mean, found.worse_range),
        ):
            sides += [
                Cell(text=f"{point.place}: {point.recipe} under {point.schedule}"),
                Cell(text=f"{quantity(mean, column)} ({quantity(low, column)} to {quantity(high, column)})"),
            ]
        ahead = (comparison.gain.mean or 0.0) > 0
        said = [tips_in_words(found) if ahead else "", model_in_words(found, ahead=ahead)]
        rows.append(
            (
                Cell(text=column_label(column)),
                *sides,
                Cell(text=share(found.probability), order=found.probability),
                Cell(text=share(found.with_seeds), order=found.with_seeds),
                Cell(text=". ".join(filter(None, said)) or UNKNOWN),
                Cell(text=f"{describe_range(most.number)}: the difference is {ends}" if most.spread else UNKNOWN),
            )
        )
    if not rows:
        return None
    side = Heading(text="mean (95 % of draws)")
    return Table(
        caption="How sure the comparisons of energy and time are, over the ranges of the chips' numbers.",
        headings=(
            Heading(text="of"),
            Heading(text="less", wide=True),
            side,
            Heading(text="more", wide=True),
            side,
            Heading(
                text="draws that agree", numeric=True, hint="joint draws of all numbers, means over training seeds"
            ),
            Heading(text="with seeds", numeric=True, hint="pairs of a draw and a training seed"),
            Heading(text="until when", wide=True),
            Heading(text="what matters most", wide=True),
        ),
        rows=tuple(rows),
    )
