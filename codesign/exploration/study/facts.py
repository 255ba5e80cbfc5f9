"""What a study's results say of its search: the space, every trial, the front, hypervolumes and importances."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from codesign.analysis.metadata import ParameterFacts, Scalar, StudyFacts, TrialFacts
from codesign.analysis.pareto import hypervolume
from codesign.exploration.study.domains import Choices, SameAs, Value, in_si
from codesign.exploration.study.evaluation import Outcome, constraint_text, front_of
from codesign.exploration.study.found import TRIAL
from codesign.exploration.study.space import SearchSpace
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.units import si_unit

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["describe_study", "front_numbers", "told_states", "trial_values"]

_FEWEST_TRIALS = 10
"""Importances of fewer complete trials would be noise."""


def trial_values(study: Study) -> dict[int, dict[str, Value]]:
    """Values of the parameters of every trial that has been told, as the file would write them."""
    return {trial.number: trial.user_attrs[TRIAL]["values"] for trial in _told(study)}


def told_states(study: Study) -> dict[str, int]:
    """How many trials have been told, by how they ended."""
    return dict(Counter(trial.user_attrs[TRIAL]["state"] for trial in _told(study)))


def front_numbers(spec: StudySpec, study: Study) -> list[int]:
    """Numbers of the complete trials that are better than the references and that no other one beats.

    Of equal ones the first.
    """
    complete = [trial for trial in _told(study) if trial.user_attrs[TRIAL]["state"] == "complete"]
    values = [trial.user_attrs[TRIAL]["objectives"] for trial in complete]
    front = front_of(spec, values)
    distinct: dict[tuple[float, ...], int] = {}
    for trial, chosen, found in zip(complete, front, values, strict=True):
        if chosen:
            distinct.setdefault(tuple(found), trial.number)
    return sorted(distinct.values())


def describe_study(spec: StudySpec, study: Study, *, baseline: Outcome) -> StudyFacts:
    """Everything that the report says of a search."""
    front = set(front_numbers(spec, study))
    trials, so_far = [], []
    for trial in _told(study):
        facts = trial.user_attrs[TRIAL]
        if facts["state"] == "complete":
            so_far.append(facts["objectives"])
        trials.append(_trial_facts(spec, trial.number, facts, trial.number in front, _volume(spec, so_far)))
    options = "".join(f", {name} {value}" for name, value in sorted(spec.sampler.options.items()))
    return StudyFacts(
        sampler=f"{spec.sampler.name}{options}; {spec.in_flight} in flight",
        seed=spec.sampler.seed,
        parameters=tuple(_parameter_facts(spec.search_space, path) for path in spec.search_space.parameters),
        constraints=tuple(constraint_text(constraint) for constraint in spec.constraints),
        levels=_level_texts(spec),
        baseline=_baseline_facts(spec, baseline),
        trials=tuple(trials),
        importances=_importances(spec, study),
        importance_method=(
            "fANOVA (Hutter et al. 2014) over complete trials, as Optuna computes it, "
            "for parameters that take part in every one of them"
        ),
    )


def _told(study: Study) -> list[FrozenTrial]:
    return [
        trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished() and TRIAL in trial.user_attrs
    ]


def _volume(spec: StudySpec, values: Sequence[Sequence[float]]) -> float:
    return hypervolume(
        values,
        [objective.direction for objective in spec.objectives],
        [objective.reference for objective in spec.objectives],
    )


def _trial_facts(spec: StudySpec, number: int, facts: Mapping[str, Any], on_front: bool, volume: float) -> TrialFacts:
    return TrialFacts(
        number=number,
        state=facts["state"],
        parameters=_in_si(spec, facts["values"]),
        values=_padded(spec, facts["objectives"]),
        spreads=_padded(spec, facts["spreads"]),
        level=facts["level"],
        violations=facts["violations"],
        reason=facts["reason"],
        on_front=on_front,
        hypervolume=volume,
    )


def _baseline_facts(spec: StudySpec, outcome: Outcome) -> TrialFacts:
    return TrialFacts(
        number=None,
        state=outcome.state,
        parameters=spec.search_space.baseline_values(),
        values=_padded(spec, outcome.values),
        spreads=_padded(spec, outcome.spreads),
        level=len(spec.levels) - 1,
        violations={text: by for text, by in outcome.violations.items() if by > 0},
        reason=outcome.reason,
        hypervolume=_volume(spec, [outcome.values] if outcome.state == "complete" else []),
    )


def _padded(spec: StudySpec, values: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(values) if values else (None,) * len(spec.objectives)


def _in_si(spec: StudySpec, values: Mapping[str, Value]) -> dict[str, Scalar]:
    space = spec.search_space
    return {path: in_si(space.drawn(path)[1], value) for path, value in values.items()}


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
    whole = domain.integer and parameter.whole
    return ParameterFacts(
        name=path,
        unit=unit,
        kind="integer" if whole else "float",
        low=low,
        high=high,
        log=domain.scale == "log",
        condition=condition,
    )


def _level_texts(spec: StudySpec) -> tuple[str, ...]:
    return tuple(_level_text(level) for level in spec.levels)


def _level_text(level: FidelityLevel | None) -> str:
    if level is None:
        return "as the file says"
    words = {
        "epochs": "epochs",
        "samples": "training samples",
        "evaluation_samples": "validation samples",
        "seeds": "training seeds",
    }
    given = {text: getattr(level, name) for name, text in words.items()}
    return ", ".join(f"{count} {text}" for text, count in given.items() if count is not None)


def _importances(spec: StudySpec, study: Study) -> dict[str, dict[str, float]]:
    """By objective, the share of each parameter, largest first; of complete trials only."""
    import optuna

    complete = [trial for trial in _told(study) if trial.user_attrs[TRIAL]["state"] == "complete"]
    if len(complete) < _FEWEST_TRIALS:
        return {}
    # Trials that are infeasible or were dropped have values of another kind, so they are left out.
    alone = optuna.create_study(directions=[objective.direction for objective in spec.objectives])
    alone.add_trials(complete)
    found: dict[str, dict[str, float]] = {}
    for position, objective in enumerate(spec.objectives):
        values = [trial.values[position] for trial in complete]
        if max(values) == min(values):
            continue  # nothing varies, so nothing is important
        shares = optuna.importance.get_param_importances(
            alone,
            evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
            target=lambda trial, position=position: trial.values[position],  # type: ignore[misc]
        )
        ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        found[objective.column] = {name: float(share) for name, share in ranked}
    return found
