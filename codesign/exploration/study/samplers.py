"""What proposes trials: Optuna's samplers by name, made afresh for each trial from the study's seed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from optuna import samplers
from optuna.samplers import BaseSampler

from codesign.documents import suggestion

__all__ = ["SAMPLERS", "SeededSampler", "option_problems", "sampler_problem"]

SAMPLERS: Mapping[str, type[BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "nsga2": samplers.NSGAIISampler,
    "nsga3": samplers.NSGAIIISampler,
    "random": samplers.RandomSampler,
    "qmc": samplers.QMCSampler,
    "gp": samplers.GPSampler,
    "cmaes": samplers.CmaEsSampler,
}
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "tpe": {"multivariate": True, "group": True},  # drawn together, also those that take part in some trials only
    "nsga2": {"population_size": 20},
    "nsga3": {"population_size": 20},
    "qmc": {"scramble": True},
}
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
"""Types of arguments that a study file can set; others are not plain values."""


class SeededSampler(BaseSampler):
    """A sampler that is created anew for each trial, and for each of its parameters that is drawn alone.

    So what is drawn depends on the study's seed, the trial's number, the parameter and the trials that have ended, and
    not on what this process did before: a study that was interrupted, even in the middle of a draw, proposes what it
    would have proposed.

    Args:
        name, seed, options: as in the study's file.

    Raises:
        ValueError, TypeError: an option has a value that the sampler does not take.
    """

    def __init__(self, name: str, *, seed: int, options: Mapping[str, Any]) -> None:
        self._name, self._seed, self._options = name, seed, options
        self._together = self._made("0")

    def _made(self, purpose: str) -> Any:
        drawn = int.from_bytes(hashlib.sha256(f"{self._seed} {purpose}".encode()).digest()[:4], "big")
        arguments: dict[str, Any] = {"seed": drawn}
        if self._name == "qmc":  # its points are one sequence, whose seed must stay
            arguments = {"seed": self._seed, "independent_sampler": samplers.RandomSampler(seed=drawn)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of samplers and options that are experimental or deprecated
            return SAMPLERS[self._name](**{**arguments, **_USUAL.get(self._name, {}), **self._options})

    def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
        self._together = self._made(str(trial.number))  # it remembers the groups until the next call
        return self._together.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
        return self._together.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        alone = self._made(f"{trial.number} {param_name}")
        return alone.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        self._made(str(trial.number)).after_trial(study, trial, state, values)


def sampler_problem(name: str, *, objectives: int, constrained: bool = False) -> str | None:
    """Why a sampler cannot be used; None where it can.

    Args:
        objectives: of the study, how many.
        constrained: whether the study has constraints or fidelity levels.
    """
    if name not in SAMPLERS:
        return f"unknown sampler '{name}'{suggestion(name, SAMPLERS)}"
    if name != "cmaes":
        return None
    if objectives > 1:
        return f"'{name}' takes one objective, the study has {objectives}"
    if constrained:
        return (
            f"'{name}' takes no notice of constraints, by which it would also be told which trials were dropped at a "
            "fidelity level; take another sampler, or remove constraints and fidelity"
        )
    if importlib.util.find_spec("cmaes") is None:  # Optuna does not bring it
        return f"'{name}' needs the package cmaes: python -m pip install cmaes"
    return None


def option_problems(name: str, options: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """What is wrong with a sampler's options, each as the option, or None for all together, and a message."""
    arguments = inspect.signature(SAMPLERS[name]).parameters.values()
    kinds = {argument.name: str(argument.annotation).split(" | ") for argument in arguments if argument.name != "seed"}
    allowed = {option: names for option, names in kinds.items() if all(kind in _PLAIN for kind in names)}
    mistakes: list[tuple[str | None, str]] = []
    for option, value in options.items():
        if option not in allowed:
            mistakes.append((option, f"'{name}' has no such option{suggestion(option, allowed)}"))
        elif not any(type(value) in _PLAIN[kind] for kind in allowed[option]):
            mistakes.append((option, f"must be {' or '.join(allowed[option])}, found {value!r}"))
    if not mistakes:
        try:
            SeededSampler(name, seed=0, options=options)
        except (TypeError, ValueError) as error:
            mistakes.append((None, f"'{name}' does not take them: {error}"))
    return mistakes
