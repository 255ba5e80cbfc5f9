"""Table 2, repeated: accuracy and spike density by training and inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from codesign.analysis.formatting import number, percent
from codesign.analysis.points import Point
from codesign.reporting.claims import Claim
from codesign.reporting.paper.cells import (
    apart,
    here,
    multiple,
    of_own,
    printed,
    quotient,
    remark_cell,
    row_names,
    seeds_cell,
)
from codesign.reporting.paper.judging import between, by_a_factor, statement
from codesign.reporting.paper.numbers import SPARSER_ABOUT, TABLE2, Pair, PrintedAnswer
from codesign.reporting.paper.part import Part
from codesign.reporting.paper.rows import Repeated, RepeatedRow
from codesign.reporting.tables import Cell, Heading, Table

__all__ = ["LAYERED", "LAYERED_MS", "LAYERED_RS", "PAIRS", "UNLAYERED_MS", "UNLAYERED_RS", "repeat_table2"]

PAIRS = tuple(TABLE2["N-MNIST"])
"""The rows of Tables 2 and 3."""
LAYERED, LAYERED_RS, UNLAYERED_RS, UNLAYERED_MS = PAIRS
LAYERED_MS = Pair(training=None, inference="momentum")
"""Not in the paper's tables: what unlayered training with momentum is held against under its own inference."""

_NEEDS = "The sweep lacks one of the trainings and inferences that this compares."


def repeat_table2(sweep: Repeated) -> Part:
    """The paper's Table 2 beside the sweep's rows."""
    found = sweep.find_all(PAIRS)
    answers = TABLE2.get(sweep.beside.dataset, {}) if sweep.beside.dataset else {}
    return Part(
        claims=tuple(_claims(sweep, answers)),
        table=_table(found, answers),
        brief=_brief(found, answers),
        remarks=(
            "Accuracies differ in percentage points, densities as a ratio. “Of layered” is a density as a multiple of "
            "that of layered training with layered inference, which compares where the data differ.",
        ),
        missing=sweep.missing(found),
    )


def _table(found: Sequence[RepeatedRow], answers: Mapping[Pair, PrintedAnswer]) -> Table:
    reference = found[0].point
    return Table(
        caption="Accuracy and spike density: the paper’s Table 2, and here with 95 % intervals over training seeds.",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="accuracy, paper", numeric=True),
            Heading(text="accuracy, here", numeric=True),
            Heading(text="here − paper", numeric=True, hint="percentage points"),
            Heading(text="density, paper", numeric=True, hint="spikes per hidden neuron per sample"),
            Heading(text="density, here", numeric=True, hint="spikes per hidden neuron per sample"),
            Heading(text="here / paper", numeric=True),
            Heading(text="of layered, paper", numeric=True, hint="density / density of Layered under Layered"),
            Heading(text="of layered, here", numeric=True, hint="likewise here, paired by seed"),
            Heading(text="seeds", numeric=True, hint="training seeds here"),
            Heading(text="not as printed", wide=True),
        ),
        rows=tuple(_row(one, answers.get(one.pair), reference, answers.get(LAYERED)) for one in found),
    )


def _row(
    one: RepeatedRow, answer: PrintedAnswer | None, reference: Point | None, layered: PrintedAnswer | None
) -> tuple[Cell, ...]:
    accuracy, density = (answer.accuracy, answer.spike_density) if answer else (None, None)
    return (
        *row_names(one),
        printed(accuracy, percent),
        here(one.point, "accuracy"),
        apart(one.point, accuracy),
        printed(density),
        here(one.point, "spike_density"),
        multiple(one.point, "spike_density", density),
        printed(quotient(density, layered.spike_density if layered else None)),
        of_own(one.point, reference, "spike_density"),
        seeds_cell(one.point),
        remark_cell(one),
    )


def _brief(found: Sequence[RepeatedRow], answers: Mapping[Pair, PrintedAnswer]) -> Table:
    return Table(
        caption="Table 2: the paper and here",
        headings=(
            Heading(text="training"),
            Heading(text="inference"),
            Heading(text="accuracy paper", numeric=True),
            Heading(text="here", numeric=True),
            Heading(text="density paper", numeric=True),
            Heading(text="here", numeric=True),
        ),
        rows=tuple(
            (
                *row_names(one),
                printed(answer.accuracy if answer else None, percent),
                here(one.point, "accuracy"),
                printed(answer.spike_density if answer else None),
                here(one.point, "spike_density"),
            )
            for one, answer in ((one, answers.get(one.pair)) for one in found)
        ),
    )


def _claims(sweep: Repeated, answers: Mapping[Pair, PrintedAnswer]) -> list[Claim]:
    return [*_accuracy_claims(sweep, answers), *_density_claims(sweep, answers)]


def _accuracy_claims(sweep: Repeated, answers: Mapping[Pair, PrintedAnswer]) -> list[Claim]:
    layered, layered_rs, unlayered_rs, unlayered_ms = (one.point for one in sweep.find_all(PAIRS))
    layered_ms = sweep.find(LAYERED_MS).point

    def accuracies(*pairs: Pair) -> str:
        return _printed(sweep, answers, pairs, lambda answer: percent(answer.accuracy))

    return [
        statement(
            "hurts",
            "Doing without layer synchronization costs models trained with it accuracy",
            "section 4.3",
            [between("accuracy", layered, layered_rs, more_is_better=True)],
            nothing=_NEEDS,
            remark=accuracies(LAYERED, LAYERED_RS),
        ),
        statement(
            "recovers",
            "Training through the asynchronous execution makes up for the loss",
            "section 4.3",
            [
                between("accuracy", unlayered_rs, layered_rs, more_is_better=True),
                between("accuracy", unlayered_ms, layered_ms, more_is_better=True),
            ],
            nothing=_NEEDS,
            remark=accuracies(UNLAYERED_RS, LAYERED_RS),
        ),
        statement(
            "as good as layered",
            "Trained and run asynchronously, models are as accurate as layered ones with layers waiting, or more",
            "abstract and section 4.3",
            [between("accuracy", point, layered, more_is_better=True) for point in (unlayered_rs, unlayered_ms)],
            nothing=_NEEDS,
            equal_is_enough=True,
            remark=accuracies(UNLAYERED_RS, UNLAYERED_MS, LAYERED),
        ),
        statement(
            "momentum beats random",
            "Momentum scheduling is more accurate than random scheduling",
            "Table 2, section 4.3",
            [between("accuracy", unlayered_ms, unlayered_rs, more_is_better=True)],
            nothing=_NEEDS,
            remark=accuracies(UNLAYERED_MS, UNLAYERED_RS),
        ),
    ]


def _density_claims(sweep: Repeated, answers: Mapping[Pair, PrintedAnswer]) -> list[Claim]:
    layered, layered_rs, unlayered_rs, unlayered_ms = (one.point for one in sweep.find_all(PAIRS))

    def densities(*pairs: Pair) -> str:
        return _printed(sweep, answers, pairs, lambda answer: number(answer.spike_density))

    return [
        by_a_factor(
            "sparser",
            "Unlayered training makes activity sparser by about 2×",
            "section 4.3",
            "spike_density",
            [(unlayered_rs, layered), (unlayered_ms, layered)],
            SPARSER_ABOUT,
            nothing=_NEEDS,
            remark=densities(UNLAYERED_RS, UNLAYERED_MS, LAYERED),
        ),
        statement(
            "sparser on output",
            "Stopped on output, asynchronous inference is sparser even if training was layered",
            "Table 2, section 4.2",
            [between("spike_density", layered_rs, layered, more_is_better=False)],
            nothing=_NEEDS,
            remark=densities(LAYERED_RS, LAYERED),
        ),
    ]


def _printed(
    sweep: Repeated, answers: Mapping[Pair, PrintedAnswer], pairs: Sequence[Pair], write: Callable[[PrintedAnswer], str]
) -> str:
    """The paper's numbers for the same comparison, as a sentence; "" where it prints none."""
    known = [write(answers[pair]) for pair in pairs if pair in answers]
    if len(known) < len(pairs):
        return ""
    *first, last = known
    return f"In the paper, on {sweep.beside.dataset}: {' and '.join(first)} against {last}."
