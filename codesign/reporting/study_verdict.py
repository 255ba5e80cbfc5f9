"""What a study found: the best trials of its front against the baseline, on a split that chose none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from codesign.analysis.comparison import Comparison, Status, compare
from codesign.analysis.formatting import column_label, listed, number, points, quantity, significant
from codesign.analysis.metadata import Objective, ResultMetadata, TrialFacts
from codesign.analysis.pareto import hypervolume
from codesign.analysis.statistics import CONFIDENCE
from codesign.reporting.claims import Claim, describe_gain, standing
from codesign.reporting.robustness import describe_robustness
from codesign.reporting.study_trials import Study, trial_title

__all__ = ["baseline_hypervolume", "reached_hypervolume", "study_summary", "study_verdict"]

_LOSS = 0.01
"""Accuracy that a trial may lose and still count as no worse: one percentage point."""
_NAMED = 6


def study_verdict(study: Study) -> list[Claim]:
    """One claim an objective, about the front's best trial in it, and one about accuracy kept.

    Claims about layers are not made: trials differ in many things at once, and none has a twin that differs in one.
    """
    claims = [_objective_claim(study, index) for index in range(len(study.objectives))]
    return [*claims, _accuracy_kept(study)]


def study_summary(study: Study, metadata: ResultMetadata) -> list[str]:
    """How much was searched, on which samples, what was tested, and the hypervolume reached."""
    facts = study.facts
    states = Counter(trial.state for trial in facts.trials)
    total = len(facts.trials)
    seeds = sorted({int(seed) for point in study.tested.values() for seed in point.rows["training_seed"]})
    tested = sum(study.point(trial) is not None for trial in study.front)
    beside = " and the baseline" if facts.baseline is not None else ""
    return [
        f"{total:,} trial{'s' * (total != 1)} (sampler: {facts.sampler}; seed {facts.seed}): "
        f"{states['complete']:,} complete, {states['dropped']:,} dropped at a low level, "
        f"{states['infeasible']:,} infeasible, {states['failed']:,} failed. {len(study.front):,} on the front.",
        f"All choices were made on {metadata.workload.validation:,} validation samples. The front’s trials{beside} "
        f"were then run on {metadata.workload.test:,} test samples, which chose nothing and were used for these rows "
        f"only: {tested:,} of {len(study.front):,} trials have a result there. Training seeds of the tested rows: "
        f"{', '.join(map(str, seeds)) or 'none'}.",
        *_hypervolume_sentence(study),
    ]


def reached_hypervolume(study: Study) -> float | None:
    """Hypervolume of all complete trials; None without one, with one objective, or where one has no reference."""
    if len(study.objectives) < 2:
        return None
    complete = [trial for trial in study.facts.trials if trial.state == "complete"]
    return max((trial.hypervolume for trial in complete if trial.hypervolume is not None), default=None)


def baseline_hypervolume(study: Study) -> float | None:
    """Hypervolume of the baseline alone, on validation, likewise; None where it is not complete."""
    baseline = study.facts.baseline
    references = [o.reference for o in study.objectives if o.reference is not None]
    if baseline is None or baseline.state != "complete" or len(references) < max(len(study.objectives), 2):
        return None
    return hypervolume([list(baseline.values)], [o.direction for o in study.objectives], references)


def _hypervolume_sentence(study: Study) -> list[str]:
    missing = [column_label(o.column) for o in study.objectives if o.reference is None]
    if len(study.objectives) < 2:
        return []
    if missing:
        return [f"No hypervolume: {listed(missing)} {'has' if len(missing) == 1 else 'have'} no reference."]
    reached, alone = reached_hypervolume(study), baseline_hypervolume(study)
    if reached is None:
        return ["No hypervolume: no trial is complete."]
    corner = listed([f"{column_label(o.column)} {quantity(o.reference, o.column)}" for o in study.objectives])
    text = f"Hypervolume on validation, up to {corner}: {number(reached)}"
    if alone is None:
        return [f"{text}."]
    if alone == 0:
        return [f"{text}; the baseline alone has none, as it is beyond a reference."]
    return [f"{text}, {significant(reached / alone, 3)} times the {number(alone)} of the baseline alone."]


# the best in each objective ------------------------------------------------------------------------------------------


def _objective_claim(study: Study, index: int) -> Claim:
    objective, best = study.objectives[index], study.best(index)
    label = column_label(objective.column)
    side = "higher" if objective.direction == "maximize" else "lower"
    name = f"study {objective.column}"
    if best is None:
        return Claim(
            name=name,
            title=f"A trial has a {side} {label} than the baseline",
            status="cannot be asked",
            sentence="The front is empty: no complete trial is better than all references.",
        )
    title = f"Trial {best.number} has a {side} {label} than the baseline"
    chosen = f"On the front, it is the best in {label} on validation: {_validated(study, best, index)}."
    found = study.against_baseline(best, objective)
    if isinstance(found, str):
        return Claim(name=name, title=title, status="cannot be asked", sentence=f"{chosen} On test, {found}.")
    others = [_in_other(study, best, other) for other in study.objectives if other is not objective]
    return Claim(
        name=name,
        title=title,
        status=found.status,
        sentence=f"{chosen} On test it has {_means(found)}: {_kind(objective)} of {describe_gain(found)}; "
        f"{standing([found])}." + (f" Elsewhere on test: {'; '.join(others)}." if others else ""),
        comparisons=(found,),
        robustness=describe_robustness(found),
    )


def _validated(study: Study, trial: TrialFacts, index: int) -> str:
    column = study.objectives[index].column
    text = quantity(trial.values[index], column)
    baseline = study.facts.baseline
    if baseline is None or baseline.values[index] is None:
        return text
    return f"{text}, where the baseline has {quantity(baseline.values[index], column)}"


def _means(found: Comparison) -> str:
    return f"{quantity(found.better_mean, found.column)}, the baseline {quantity(found.worse_mean, found.column)}"


def _kind(objective: Objective) -> str:
    return "a gain" if objective.direction == "maximize" else "a saving"


def _in_other(study: Study, trial: TrialFacts, objective: Objective) -> str:
    """What being best in one objective costs, or brings, in another."""
    label = column_label(objective.column)
    found = study.against_baseline(trial, objective)
    if isinstance(found, str):
        return f"{label}: {found}"
    gain = found.gain.mean or 0.0
    if gain == 0:
        return f"{label} equal in the mean, {quantity(found.better_mean, found.column)}"
    if gain < 0:
        flipped = compare(objective.column, found.worse, found.better, more_is_better=objective.direction == "maximize")
        assert flipped is not None, "the same seeds are common to both sides the other way round"
        words, shown = "worse", flipped
    else:
        words, shown = "better", found
    beyond = "" if shown.gain.above_zero or shown.gain.low is None else ", within the spread of the seeds"
    return f"{label} {words} by {describe_gain(shown)}{beyond}, {_means(found)}"


# accuracy kept -------------------------------------------------------------------------------------------------------


def _accuracy_kept(study: Study) -> Claim:
    title = "A trial of the front gains on the baseline and loses at most one percentage point of accuracy"
    accuracy = Objective(column="accuracy", direction="maximize")
    reasons: list[str] = []
    kept: list[tuple[TrialFacts, Comparison]] = []
    for trial in study.front:
        found = study.against_baseline(trial, accuracy)
        if isinstance(found, str):
            reasons.append(found)
        elif (found.gain.mean or 0.0) >= -_LOSS - 1e-12:
            kept.append((trial, found))
    if len(reasons) == len(study.front):
        why = (
            f"On test, {reasons[0]}."
            if reasons
            else "The front is empty: no complete trial is better than all references."
        )
        return Claim(name="study accuracy kept", title=title, status="cannot be asked", sentence=why)
    gains = [(trial, kept_by, gained) for trial, kept_by in kept if (gained := _gains(study, trial))]
    sure = [(t, a, [g for g in gained if g.gain.above_zero]) for t, a, gained in gains]
    sure = [one for one in sure if one[2]]
    mean_only = [t for t, _, _ in gains if t not in [s for s, _, _ in sure]]
    asked = len(study.front) - len(reasons)
    return Claim(
        name="study accuracy kept",
        title=title,
        status=_status(sure),
        sentence=f"{_kept_sentence(sure, asked)}{_mean_sentence(mean_only)}{_by_chance(study, asked)}",
        comparisons=tuple(gain for _, _, gained in sure for gain in gained),
    )


def _gains(study: Study, trial: TrialFacts) -> list[Comparison]:
    """Objectives in which the trial is better than the baseline in the mean."""
    found = [study.against_baseline(trial, objective) for objective in study.objectives]
    return [one for one in found if not isinstance(one, str) and (one.gain.mean or 0.0) > 0]


def _status(sure: Sequence[tuple[TrialFacts, Comparison, list[Comparison]]]) -> Status:
    if not sure:
        return "not shown"
    return "holds" if any(one.status == "holds" for _, _, gained in sure for one in gained) else "holds in part"


def _kept_sentence(sure: Sequence[tuple[TrialFacts, Comparison, list[Comparison]]], asked: int) -> str:
    tried = f"Of {asked} tested trial{'s' * (asked != 1)} of the front"
    if not sure:
        return f"{tried}, none does so beyond the spread of the seeds."
    told = [
        f"{trial_title(trial)} ({', '.join(f'{column_label(g.column)} by {describe_gain(g)}' for g in gained)}"
        + ("" if any(g.column == "accuracy" for g in gained) else f"; accuracy {_signed_points(accuracy)}")
        + ")"
        for trial, accuracy, gained in sure[:_NAMED]
    ]
    if len(sure) > _NAMED:
        told.append(f"{len(sure) - _NAMED} more")
    return (
        f"{tried}, {len(sure)} {'does' if len(sure) == 1 else 'do'} so beyond the spread of the seeds: {listed(told)}."
    )


def _signed_points(accuracy: Comparison) -> str:
    mean = accuracy.gain.mean or 0.0
    return f"{'+' if mean > 0 else ''}{points(mean)} points"


def _mean_sentence(trials: Sequence[TrialFacts]) -> str:
    if not trials:
        return ""
    names = [str(trial.number) for trial in trials[:_NAMED]]
    if len(trials) > _NAMED:
        names.append(f"{len(trials) - _NAMED} more")
    return f" In the mean only: trial{'s' * (len(trials) != 1)} {listed(names)}."


def _by_chance(study: Study, asked: int) -> str:
    """A front gives many comparisons, and each interval is one for itself."""
    count = asked * len(study.objectives)
    if count < 2:
        return ""
    expected = number((1 - CONFIDENCE) / 2 * count, 2)
    return f" Of {count} such comparisons, {expected} would show a gain by chance if there were none."
