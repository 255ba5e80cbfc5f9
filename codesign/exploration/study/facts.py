"""What a study's results say of its search: the space, every trial, the front, hypervolumes and importances."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from codesign.analysis.metadata import ParameterFacts, Scalar, StudyFacts, TrialFacts
from codesign.exploration.study.domains import Choices, SameAs, in_si
from codesign.exploration.study.evaluation import Outcome, constraint_text, volume
from codesign.exploration.study.space import SearchSpace
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.exploration.study.trials import TrialRecord, front_numbers, told_trials
from codesign.units import si_unit

if TYPE_CHECKING:
    from optuna.study import Study

__all__ = ["describe_study"]

_FEWEST_TRIALS = 10
"""Importances of fewer complete trials would be noise."""


def describe_study(spec: StudySpec, study: Study, *, baseline: Outcome) -> StudyFacts:
    """Everything that the report says of a search."""
    records = told_trials(study)
    front, space = set(front_numbers(spec, records)), spec.search_space
    trials: list[TrialFacts] = []
    complete: list[Sequence[float]] = []
    for number, record in records.items():
        if record.state == "complete":
            complete.append(record.objectives)
        parameters: dict[str, Scalar] = {
            path: in_si(space.drawn(path)[1], value) for path, value in record.values.items()
        }
        facts = _trial_facts(spec, record, parameters, volume(spec, complete))
        trials.append(dataclasses.replace(facts, number=number, on_front=number in front))
    as_it_stands = TrialRecord.ended({}, len(spec.levels) - 1, baseline)
    volume_of_baseline = volume(spec, [baseline.values] if baseline.state == "complete" else [])
    options = "".join(f", {name} {value}" for name, value in sorted(spec.sampler.options.items()))
    return StudyFacts(
        sampler=f"{spec.sampler.name}{options}; {spec.in_flight} in flight",
        seed=spec.sampler.seed,
        parameters=tuple(_parameter_facts(space, path) for path in space.parameters),
        constraints=tuple(constraint_text(constraint) for constraint in spec.constraints),
        levels=tuple(_level_text(level) for level in spec.levels),
        baseline=_trial_facts(spec, as_it_stands, space.baseline_values(), volume_of_baseline),
        trials=tuple(trials),
        importances=_importances(spec, study, records),
        importance_method=(
            "fANOVA (Hutter et al. 2014) over complete trials, as Optuna computes it, "
            "for parameters that take part in every one of them"
        ),
    )


def _trial_facts(spec: StudySpec, record: TrialRecord, parameters: dict[str, Scalar], hypervolume: float) -> TrialFacts:
    """Facts of the baseline, or of a trial without its number and whether it is on the front."""
    unknown = (None,) * len(spec.objectives)
    return TrialFacts(
        number=None,
        state=record.state,
        parameters=parameters,
        values=tuple(record.objectives) or unknown,
        spreads=tuple(record.spreads) or unknown,
        level=record.level,
        violations=dict(record.violations),
        reason=record.reason,
        hypervolume=hypervolume,
    )


def _parameter_facts(space: SearchSpace, path: str) -> ParameterFacts:
    parameter = space.parameters[path]
    if isinstance(parameter.domain, SameAs):
        other = parameter.domain.same_as
        return dataclasses.replace(_parameter_facts(space, other), name=path, condition=f"always that of {other}")
    condition = " and ".join(
        f"{name} is {' or '.join(map(str, allowed))}" for name, allowed in parameter.conditions.items()
    )
    domain, unit = parameter.domain, si_unit(parameter.domain.unit)
    if isinstance(domain, Choices):
        choices = tuple(map(str, domain.choices))
        return ParameterFacts(name=path, unit=unit, kind="categorical", choices=choices, condition=condition)
    low, high = (float(in_si(domain, end)) for end in (domain.from_, domain.to))
    return ParameterFacts(
        name=path,
        unit=unit,
        kind="integer" if domain.integer and parameter.whole else "float",
        low=low,
        high=high,
        log=domain.scale == "log",
        condition=condition,
    )


def _level_text(level: FidelityLevel | None) -> str:
    if level is None:
        return "as the file says"
    counts = {
        "epochs": level.epochs,
        "training samples": level.samples,
        "validation samples": level.evaluation_samples,
        "training seeds": level.seeds,
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count is not None)


def _importances(spec: StudySpec, study: Study, records: Mapping[int, TrialRecord]) -> dict[str, dict[str, float]]:
    """By objective, the share of each parameter, largest first; of complete trials only."""
    import optuna

    # Trials that are infeasible or were dropped have values of another kind, so they are left out.
    numbers = [number for number, record in records.items() if record.state == "complete"]
    if len(numbers) < _FEWEST_TRIALS:
        return {}
    every = study.get_trials(deepcopy=False)
    complete = optuna.create_study(directions=spec.directions)
    complete.add_trials([every[number] for number in numbers])
    importances: dict[str, dict[str, float]] = {}
    for position, objective in enumerate(spec.objectives):
        if len({records[number].objectives[position] for number in numbers}) == 1:
            continue  # nothing varies, so nothing is important
        shares = optuna.importance.get_param_importances(
            complete,
            evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
            target=lambda trial, position=position: trial.values[position],  # type: ignore[misc]
        )
        ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        importances[objective.column] = {name: float(share) for name, share in ranked}
    return importances
