"""Trainings against schedules: what is lost where nothing waits, what gives it back, and what sparsity alone gives."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.formatting import percent, points_with_interval, quantity, with_interval
from codesign.analysis.mitigations import Gap, Mitigation, MitigationKind, find_gaps, worst_gaps
from codesign.analysis.naming import POLICY_WORDS, Names
from codesign.analysis.points import Point
from codesign.analysis.statistics import difference
from codesign.analysis.transfer import MOST_SHOWN, Setting, Transfer, find_transfer
from codesign.reporting.charts.training import labels_of, matrix_figure, on_same_terms, terms_figure
from codesign.reporting.section import Drawing, Section
from codesign.reporting.tables import Cell, Heading, Table, without_repeats

__all__ = ["training_section"]

_BRIEFLY: dict[MitigationKind, str] = {
    "policy": "another policy",
    "run": "larger groups or more steps",
    "policy and run": "another policy, with larger groups or more steps",
    "calibration": "calibrated thresholds",
    "retraining": "training through the schedule's policy",
    "other retraining": "training through another policy",
}


def training_section(points: Sequence[Point], names: Names) -> Section | None:
    """None where fewer than two trainings and two schedules are crossed."""
    found = find_transfer(points)
    if found is None:
        return None
    transfer = found.limited(MOST_SHOWN)
    labels = labels_of(transfer.settings, names)
    gaps = find_gaps(transfer)
    body: list[str | Table | Drawing] = [matrix_figure(transfer, names)]
    if len(transfer.models) < found.found[0] or len(transfer.settings) < found.found[1]:
        body.append(
            "Layered ones, those trained for each other and those that differ most; the others are in the table."
        )
    if (same := terms_figure(points, names)) is not None:
        body += [same, _terms_table(points, names)]
    if gaps:
        body.append(_gap_table(transfer, gaps, labels, names))
    body.append(_behaviour(transfer, labels, names))
    return Section(name="training", title="Trainings and schedules", body=tuple(body))


def _terms_table(points: Sequence[Point], names: Names) -> Table:
    rows = []
    for (terms, size), (layered, unlayered) in on_same_terms(points).items():
        gain = difference(unlayered.seeds("accuracy"), layered.seeds("accuracy"))
        rows.append(
            (
                Cell(text=terms),
                Cell(text=str(size), order=size),
                Cell(text=names.schedules[layered.schedule]),
                *(_interval(point, "accuracy") for point in (layered, unlayered)),
                Cell(text=points_with_interval(gain), order=gain.mean),
                *(_interval(point, "spike_density") for point in (layered, unlayered)),
            )
        )
    return without_repeats(
        Table(
            caption="The same in numbers: only the last accuracies of a row differ by how training waited.",
            headings=(
                Heading(text="terms"),
                Heading(text="F", numeric=True),
                Heading(text="schedule"),
                Heading(text="layered training", numeric=True),
                Heading(text="unlayered training", numeric=True),
                Heading(text="gain, points", numeric=True, hint="of unlayered training, paired by training seed"),
                Heading(text="density, layered", numeric=True, hint="spikes per neuron"),
                Heading(text="density, unlayered", numeric=True, hint="spikes per neuron"),
            ),
            rows=tuple(rows),
        )
    )


def _gap_table(transfer: Transfer, gaps: Sequence[Gap], labels: dict[Setting, str], names: Names) -> Table:
    """Of each training the schedule in which it loses most, and what gives it back at least cost."""
    models = labels_of(transfer.models, names)
    rows = []
    for model, gap in worst_gaps(gaps).items():
        remedy = gap.mitigation or gap.closest
        left = remedy.remaining.gain if remedy is not None else None
        rows.append(
            (
                Cell(text=models[model]),
                Cell(text=labels[gap.setting]),
                Cell(text=percent(gap.gap.worse_mean), order=gap.gap.worse_mean),
                Cell(text=points_with_interval(gap.gap.gain), order=gap.gap.gain.mean),
                Cell(text=_remedy(gap, remedy)),
                Cell(text="" if left is None else points_with_interval(left), order=left.mean if left else None),
            )
        )
    table = Table(
        caption="What is lost where nothing waits, against the same training with layers waiting; what gives it back.",
        headings=(
            Heading(text="training", wide=True),
            Heading(text="loses most under", wide=True),
            Heading(text="accuracy there", numeric=True),
            Heading(text="loss, points", numeric=True),
            Heading(text="cheapest remedy that was tried", wide=True),
            Heading(text="still missing, points", numeric=True, hint="to layered training where layers wait"),
        ),
        rows=tuple(rows),
    )
    return without_repeats(table)


def _remedy(gap: Gap, remedy: Mitigation | None) -> str:
    if not gap.shown and gap.gap.gain.half_width is not None:
        return "nothing is lost beyond the spread of the seeds"
    if remedy is None:
        return "nothing that was tried comes closer" if gap.mitigations else "nothing else was tried"
    run, before, what = remedy.setting.example, gap.setting.example, [_BRIEFLY[remedy.kind]]
    if run.policy != before.policy and run.policy:
        what.append(POLICY_WORDS.get(run.policy, run.policy))
    if run.group_size != before.group_size:
        what.append(f"F {run.group_size or 'all'}")
    if run.stop != before.stop or run.steps_after_output != before.steps_after_output:
        what.append(run.stop_label)
    return ("" if remedy is gap.mitigation else "closest: ") + ", ".join(what)


def _behaviour(transfer: Transfer, labels: dict[Setting, str], names: Names) -> Table:
    """How sparse, contended and alike the answers are: with little contention, the policy decides little."""
    models = labels_of(transfer.models, names)
    columns = ("accuracy", "spike_density", "contention", "agreement")
    rows = [
        (Cell(text=models[model]), Cell(text=labels[setting]), *(_interval(point, column) for column in columns))
        for model, setting in transfer.cells
        if (point := transfer.cell(model, setting)) is not None
    ]
    table = Table(
        caption="Where there is little contention, the policy decides little, and accuracy says little about waiting.",
        headings=(
            Heading(text="training", wide=True),
            Heading(text="run under", wide=True),
            Heading(text="accuracy", numeric=True),
            Heading(text="spike density", numeric=True, hint="spikes per neuron"),
            Heading(text="contention", numeric=True, hint="share of steps in which more neurons could fire than may"),
            Heading(text="agreement", numeric=True, hint="with the same model's answers where layers wait"),
        ),
        rows=tuple(rows),
    )
    return without_repeats(table)


def _interval(point: Point, column: str) -> Cell:
    value = point.value(column)
    text = with_interval(value, column) if column in ("accuracy", "spike_density") else quantity(value.mean, column)
    return Cell(text=text, order=value.mean)
