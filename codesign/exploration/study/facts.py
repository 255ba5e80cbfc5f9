"""Facts about a study's search in its results: the space, all trials, the front, hypervolumes and importances."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.study import Study

from codesign.analysis.results.metadata import ParameterFacts, Scalar, StudyFacts, TrialFacts
from codesign.analysis.results.table import parquet_bytes
from codesign.deferred import pa
from codesign.exploration.provenance import scalars
from codesign.exploration.study.domains import Choices, Range, in_si
from codesign.exploration.study.outcomes import Outcome, front_of, reported_trials, volume
from codesign.exploration.study.space import SearchSpace
from codesign.exploration.study.spec import FidelityLevel, StudySpec
from codesign.files import Location, write_atomically
from codesign.units import si_unit

_KINDS = {
    "number": "int64",
    "state": "string",
    "level": "int64",
    "on_front": "bool",
    "hypervolume": "float64",
    "reason": "string",
}
_FEWEST_TRIALS = 10
"""Fewest complete trials for importances; with fewer, they would be noise."""
_MOST_TRIALS = 400
"""Most trials from which importances are estimated, in six seconds per objective: the time grows with their square."""


def describe_study(spec: StudySpec, study: Study, *, baseline: Outcome) -> StudyFacts:
    told, space = reported_trials(study), spec.search_space
    front, outcomes = front_of(spec, told), list(told.values())
    options = "".join(f", {name} {value}" for name, value in sorted(spec.sampler.options.items()))
    full = dataclasses.replace(baseline, level=len(spec.levels) - 1)
    return StudyFacts(
        sampler=f"{spec.sampler.name}{options}; {spec.in_flight} in flight",
        seed=spec.sampler.seed,
        samples=spec.evaluation.samples,
        parameters=tuple(_parameter_facts(space, path) for path in space.parameters),
        constraints=tuple(constraint.summary for constraint in spec.constraints),
        levels=tuple(_level_text(level) for level in spec.levels),
        baseline=_trial_facts(spec, [full], None, scalars(space.baseline_values())),
        trials=tuple(
            _trial_facts(
                spec,
                outcomes[:count],
                number,
                {path: in_si(space.parameters[path].domain, value) for path, value in trial.values.items()},
                on_front=number in front,
            )
            for count, (number, trial) in enumerate(told.items(), start=1)
        ),
        importances=importances(spec, study, told),
        importance_method=(
            f"fANOVA (Hutter et al. 2014), as Optuna computes it, over complete trials ({_MOST_TRIALS} evenly spaced "
            "ones if there are more), for parameters that take part in every one of them and differ between them"
        ),
    )


def _trial_facts(
    spec: StudySpec, so_far: list[Outcome], number: int | None, parameters: dict[str, Scalar], *, on_front: bool = False
) -> TrialFacts:
    """Facts about the last of the trials so far."""
    outcome, unknown = so_far[-1], (None,) * len(spec.objectives)
    return TrialFacts(
        number=number,
        state=outcome.state,
        parameters=parameters,
        values=tuple(outcome.objectives) or unknown,
        spreads=tuple(outcome.spreads) or unknown,
        level=outcome.level,
        violations=dict(outcome.violations),
        reason=outcome.reason,
        on_front=on_front,
        hypervolume=volume(spec, so_far),
    )


def _parameter_facts(space: SearchSpace, path: str) -> ParameterFacts:
    parameter = space.parameters[path]
    domain, same_as = parameter.domain, parameter.same_as
    if same_as is not None:
        return dataclasses.replace(_parameter_facts(space, same_as), name=path, condition=f"always that of {same_as}")
    conditions = parameter.conditions.items()
    told = " and ".join(f"{name} is {' or '.join(map(str, allowed))}" for name, allowed in conditions)
    facts: dict[str, Any] = {"name": path, "unit": si_unit(domain.unit), "condition": told}
    if isinstance(domain, Choices):
        return ParameterFacts(**facts, kind="categorical", choices=domain.shown)
    low, high = (float(in_si(domain, end)) for end in (domain.from_, domain.to))
    step = None if domain.step is None else float(in_si(domain, f"{domain.step} {domain.unit}".strip()))
    facts |= {"kind": "integer" if domain.integers else "float", "log": domain.scale == "log"}
    return ParameterFacts(**facts, low=low, high=high, step=step)


def _level_text(level: FidelityLevel | None) -> str:
    if level is None:
        return "as the file says"
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in level if count is not None)


def importances(spec: StudySpec, study: Study, trials: Mapping[int, Outcome]) -> dict[str, dict[str, float]]:
    """The share of each parameter, largest first, by objective; from complete trials only."""
    # Trials that are infeasible or were dropped have values that cannot be compared with others.
    every = study.get_trials(deepcopy=False)
    complete = [number for number, of in trials.items() if of.state == "complete"]
    if len(complete) < _FEWEST_TRIALS:
        return {}
    if len(complete) > _MOST_TRIALS:
        complete = [complete[place] for place in np.linspace(0, len(complete) - 1, _MOST_TRIALS).round().astype(int)]
    alone = optuna.create_study(directions=spec.directions)
    alone.add_trials([every[number] for number in complete])
    found: dict[str, dict[str, float]] = {}
    for position, objective in enumerate(spec.objectives):
        values = [trials[number].objectives[position] for number in complete]
        spread = max(values) - min(values)
        if spread == 0:
            continue  # the objective does not vary, so no parameter is important
        # scikit-learn's regression trees treat a variance below 1e-16 as zero, and nanojoules are below that.
        shares = optuna.importance.get_param_importances(
            alone,
            evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
            target=lambda trial, position=position, spread=spread: trial.values[position] / spread,  # type: ignore[misc]
        )
        # Of a value that all have, as where the others are infeasible, a share of 0 would say that it has no effect.
        varied = [item for item in shares.items() if len({every[number].params[item[0]] for number in complete}) > 1]
        ranked = sorted(varied, key=lambda item: (-item[1], item[0]))
        found[objective.column] = {name: float(share) for name, share in ranked}
    return found


def write_trials(location: Location, spec: StudySpec, facts: StudyFacts) -> None:
    """Write the table of trials (docs/studies.md) atomically. Its types depend only on the file, so tables of several
    runs can be joined. A parameter is null in trials in which it takes no part, a violation where there is none."""
    trials = facts.trials
    columns = {name: pa.array([getattr(trial, name) for trial in trials], kind) for name, kind in _KINDS.items()}
    for ending, several in (("", "values"), ("_spread", "spreads")):
        for place, objective in enumerate(spec.objectives):
            values = [getattr(trial, several)[place] for trial in trials]
            columns[f"{objective.column}{ending}"] = pa.array(values, "float64")
    for path, parameter in spec.search_space.parameters.items():
        drawn = [trial.parameters.get(path) for trial in trials]
        columns[f"parameter.{path}"] = _column(parameter.domain, drawn)
    for constraint in facts.constraints:
        by = [trial.violations.get(constraint) for trial in trials]
        columns[f"violation.{constraint}"] = pa.array(by, "float64")
    write_atomically(location, parquet_bytes(pa.table(columns)))


def _column(domain: Range | Choices, values: Sequence[Scalar | None]) -> Any:
    """A column of drawn values: choices of several types as text, others as they are."""
    if isinstance(domain, Range):
        return pa.array(values, "int64" if domain.integers else "float64")
    try:
        return pa.array(values, pa.array([in_si(domain, choice) for choice in domain.choices]).type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values], "string")
