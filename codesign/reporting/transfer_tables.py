"""The report's section on models trained for one machine and run on another: a shaded matrix, and what closes gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codesign.analysis.counterparts import place_of
from codesign.analysis.formatting import UNKNOWN, column_label, listed, percent, points_with_interval, quantity
from codesign.analysis.mitigations import MITIGATIONS, Gap, Mitigation, MitigationKind, find_gaps, worst_gaps
from codesign.analysis.points import Point
from codesign.analysis.transfer import MOST_SHOWN, Loss, Transfer, find_transfer, losses
from codesign.reporting.claims import describe_gain
from codesign.reporting.tables import Cell, Heading, Table
from codesign.reporting.transfer_matrix import Matrix, Words, matrix_of

__all__ = ["TransferSection", "transfer_section"]

_MEASURED = ("latency_spikes", "spike_density", "energy_j")
_COSTS: dict[MitigationKind, str] = {
    "policy": "another policy on the chip",
    "run": "larger groups or more steps on the chip",
    "policy and run": "policy and groups or steps on the chip",
    "calibration": "other thresholds",
    "retraining": "a training for this policy",
    "other retraining": "a training for another policy",
}
_BRIEFLY: dict[MitigationKind, str] = {
    "policy": "another policy at inference",
    "run": "larger groups or more steps",
    "policy and run": "another policy with larger groups or more steps",
    "calibration": "calibrated thresholds",
    "retraining": "training through the schedule’s policy",
    "other retraining": "training through another policy",
}


@dataclass(frozen=True, kw_only=True)
class TransferSection:
    """The section: what it says in plain words, and the tables behind it."""

    sentences: tuple[str, ...]
    matrix: Matrix
    note: str
    gaps: Table | None
    mitigations: Table | None


def transfer_section(gathered: Sequence[Point]) -> TransferSection | None:
    """The section; None where fewer than two trainings and two schedules are crossed."""
    found = find_transfer(gathered)
    if found is None:
        return None
    transfer = found.limited(MOST_SHOWN)
    words = Words(transfer)
    gaps = find_gaps(transfer)
    return TransferSection(
        sentences=tuple(_sentences(transfer, gaps, words)),
        matrix=matrix_of(transfer, words),
        note=_note(transfer),
        gaps=_gap_table(gaps, words),
        mitigations=_mitigation_table(gaps, words),
    )


def _note(transfer: Transfer) -> str:
    models, settings = transfer.found
    if (models, settings) == (len(transfer.models), len(transfer.settings)):
        return ""
    return (
        f"{len(transfer.models)} of {models} trainings and {len(transfer.settings)} of {settings} ways to run them: "
        "layered ones first, then those trained for one of the others, then where accuracies differ most. Sentences "
        "and tables of this section look at these; all are under “All points”."
    )


def _sentences(transfer: Transfer, gaps: Sequence[Gap], words: Words) -> Iterator[str]:
    layered = [gap for gap in gaps if gap.model.layered and gap.model.calibration is None]
    if layered:
        yield _widest_sentence(layered, words)
        shown = [gap for gap in layered if gap.shown]
        if shown:
            yield _mitigation_sentence(shown, words)
    elif any(setting.free_running for setting in transfer.settings):
        yield (
            "The synchronization gap cannot be told: no model trained with layers waiting was run both with and "
            "without layers waiting at the same weight bits."
        )
    found = [loss for loss in losses(transfer) if loss.loss.mean is not None]
    if found:
        yield _knowledge_sentence(found)


def _widest_sentence(layered: Sequence[Gap], words: Words) -> str:
    """What layered training loses at worst."""
    worst = _widest(layered)
    model, setting = words.of_model(worst.model), words.of_setting(worst.setting)
    return (
        f"At worst, {model} is right on {percent(worst.gap.better_mean)} of the samples where layers wait, and on "
        f"{percent(worst.gap.worse_mean)} under {setting}: a synchronization gap of {describe_gain(worst.gap)}. "
        f"{_standing(layered)}"
    )


def _standing(layered: Sequence[Gap]) -> str:
    if all(gap.gap.gain.half_width is None for gap in layered):
        return "One training seed gives no interval: what is beyond chance cannot be told."
    if len(layered) == 1:
        return f"It is {'' if layered[0].shown else 'not '}beyond the spread of the seeds."
    shown = sum(gap.shown for gap in layered)
    share = f"all {shown} gaps are" if shown == len(layered) else f"{shown} of {len(layered)} gaps are"
    return f"Of layered training, {share} beyond the spread of the seeds."


def _widest(gaps: Sequence[Gap]) -> Gap:
    return max(gaps, key=lambda gap: gap.gap.gain.mean or 0.0)


def _mitigation_sentence(shown: Sequence[Gap], words: Words) -> str:
    """What gives it back at least cost, and what nothing gave back."""
    closed = [gap for gap in shown if gap.mitigation is not None]
    counts = Counter(gap.mitigation.kind for gap in closed if gap.mitigation is not None)
    sentences = []
    if closed:
        ways = listed([f"{_BRIEFLY[kind]} in {counts[kind]}" for kind in MITIGATIONS if counts[kind]])
        widest = _widest(closed)
        assert widest.mitigation is not None
        what, under = _what(widest.mitigation, widest, words), words.of_setting(widest.setting)
        sentences.append(
            f"What closes them at least cost is {ways}. At the widest of these, under {under}, it is {what}: "
            f"{points_with_interval(widest.mitigation.remaining.gain)} points are then missing."
        )
    if len(closed) < len(shown):
        hardest = _widest([gap for gap in shown if gap.mitigation is None])
        closest, under = hardest.closest, words.of_setting(hardest.setting)
        outcome = "nothing comes closer"
        if closest is not None:
            outcome = (
                f"{_what(closest, hardest, words)} comes closest, and "
                f"{points_with_interval(closest.remaining.gain)} of {points_with_interval(hardest.gap.gain)} points "
                "are then missing"
            )
        which = f"the other {len(shown) - len(closed)}" if closed else "any of them" if len(shown) > 1 else "it"
        sentences.append(f"Nothing that was tried closes {which}: at the widest, under {under}, {outcome}.")
    return " ".join(sentences)


def _knowledge_sentence(found: Sequence[Loss]) -> str:
    parts = []
    for one in found:
        remark = "" if one.loss.above_zero else " (it is higher)" if one.loss.below_zero else " (not shown)"
        parts.append(f"{points_with_interval(one.loss)} points with {one.difference}{remark}")
    return (
        "How much must training know of the schedule? Against the model trained through the very schedule that is run, "
        f"accuracy is lower on average by {listed(parts)}."
    )


def _gap_table(gaps: Sequence[Gap], words: Words) -> Table | None:
    """One row per model: its widest gap, and in how many schedules there is one."""
    if not gaps:
        return None
    rows = []
    for model, worst in worst_gaps(gaps).items():
        own = [gap for gap in gaps if gap.model is model]
        shown = sum(gap.shown for gap in own)
        training = worst.gap.worse.value("train_wall_s").mean
        rows.append(
            (
                Cell(text=words.of_model(model)),
                Cell(text=words.training(model)),
                _accuracy(worst.gap.better_mean),
                Cell(text=words.of_setting(worst.setting)),
                _accuracy(worst.gap.worse_mean),
                Cell(text=points_with_interval(worst.gap.gain), order=worst.gap.gain.mean),
                Cell(text=f"{shown} of {len(own)}", order=shown),
                Cell(text=quantity(training, "train_wall_s"), order=training),
            )
        )
    return Table(
        caption="Accuracy with layers waiting minus accuracy where nothing waits, at the same weight bits, paired by "
        "training seed.",
        headings=(
            Heading(text="model"),
            Heading(text="trained"),
            Heading(text="layers wait", numeric=True),
            Heading(text="widest gap under", wide=True),
            Heading(text="accuracy", numeric=True),
            Heading(text="gap, points", numeric=True),
            Heading(text="shown in", numeric=True, hint="schedules in which the interval lies wholly above zero"),
            Heading(text="training", numeric=True, hint="wall time of the training job"),
        ),
        rows=tuple(rows),
    )


def _mitigation_table(gaps: Sequence[Gap], words: Words) -> Table | None:
    """One row a gap of a model trained with layers waiting, and of others where there is one."""
    listed_gaps = [gap for gap in gaps if gap.shown or (gap.model.layered and gap.model.calibration is None)]
    if not listed_gaps:
        return None
    return Table(
        caption="The cheapest remedy of those that the sweep tried, in rising order of cost: another policy at "
        "inference; a larger F, more steps after the output or draining; both; calibrated thresholds; training through "
        "the schedule’s policy; training through another. It closes a gap if the interval of what is then missing to "
        "layered training with layered inference includes zero or lies below.",
        headings=(
            Heading(text="model"),
            Heading(text="run under"),
            Heading(text="accuracy", numeric=True),
            Heading(text="gap, points", numeric=True),
            Heading(text="closed by", wide=True),
            Heading(text="accuracy then", numeric=True),
            Heading(text="still missing, points", numeric=True, hint="below zero: more than layered inference has"),
            Heading(text="what it costs", hint="and what was measured without it → with it", wide=True),
        ),
        rows=tuple(_mitigation_row(gap, words) for gap in listed_gaps),
    )


def _mitigation_row(gap: Gap, words: Words) -> tuple[Cell, ...]:
    answer = gap.mitigation or gap.closest
    what, used = _closed_by(gap, answer, words)
    left = answer.remaining if used and answer is not None else None
    return (
        Cell(text=words.of_model(gap.model)),
        Cell(text=words.of_setting(gap.setting)),
        _accuracy(gap.gap.worse_mean),
        Cell(text=points_with_interval(gap.gap.gain), order=gap.gap.gain.mean),
        Cell(text=what),
        _accuracy(None if left is None else left.worse_mean),
        Cell(text=UNKNOWN) if left is None else Cell(text=points_with_interval(left.gain), order=left.gain.mean),
        Cell(text=_costs(answer) if used and answer is not None else UNKNOWN),
    )


def _closed_by(gap: Gap, answer: Mitigation | None, words: Words) -> tuple[str, bool]:
    """What stands in the table, and whether it is about `answer`."""
    one_seed = gap.gap.gain.half_width is None
    if not gap.shown and not one_seed:
        return "no gap beyond the spread of the seeds", False
    if gap.level and not one_seed:
        return "level with layered training and inference as it is", False
    if not gap.mitigations:
        return "nothing else was tried", False
    if answer is None:
        return f"none of {len(gap.mitigations)}, all of which are further off", False
    if gap.mitigation is not None:
        return _what(answer, gap, words), True
    why = "not told by one training seed" if one_seed else f"none of {len(gap.mitigations)}"
    return f"{why}; closest: {_what(answer, gap, words)}", True


def _what(mitigation: Mitigation, gap: Gap, words: Words) -> str:
    """A mitigation in words."""
    recipe, run, before = words.of_model(mitigation.model), mitigation.setting.example, gap.setting.example
    if mitigation.kind == "calibration":
        return f"calibrated thresholds ({recipe})"
    if mitigation.kind in ("retraining", "other retraining"):
        return f"training through {mitigation.model.policy}, F\u00a0=\u00a0{mitigation.model.group_size} ({recipe})"
    parts = [f"{run.policy} instead of {before.policy}"] if run.policy != before.policy else []
    if run.group_size != before.group_size:
        parts.append(f"F\u00a0=\u00a0{run.group_size or 'all'} instead of {before.group_size}")
    if run.stop != before.stop:
        parts.append("drained")
    elif run.steps_after_output != before.steps_after_output:
        parts.append(f"{run.steps_after_output} steps after the output instead of {before.steps_after_output}")
    return listed(parts)


def _costs(mitigation: Mitigation) -> str:
    """What a mitigation costs in words, and in those numbers of the results that compare."""
    before, after = mitigation.without, mitigation.remaining.worse
    parts = [_COSTS[mitigation.kind]]
    for column in _MEASURED:
        if column.startswith("energy") and (place_of(before), before.coverage) != (place_of(after), after.coverage):
            continue
        parts += _change(column_label(column), column, before, after)
    if mitigation.kind in ("calibration", "retraining", "other retraining"):
        parts += _change("training", "train_wall_s", before, after)
    return "; ".join(parts)


def _change(label: str, column: str, before: Point, after: Point) -> list[str]:
    old, new = before.value(column).mean, after.value(column).mean
    if old is None or new is None:
        return []
    return [f"{label} {quantity(old, column)} → {quantity(new, column)}"]


def _accuracy(mean: float | None) -> Cell:
    return Cell(text=percent(mean), order=mean)
