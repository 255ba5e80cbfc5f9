"""Samplers, which propose trials: Optuna's by name, created anew for each trial from the study's seed."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from typing import Any, Literal

from optuna import samplers
from optuna.samplers import BaseSampler

from codesign.devices import on_threads

SamplerName = Literal["tpe", "nsga2", "nsga3", "random", "qmc", "gp"]

SAMPLERS: Mapping[str, type[BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "nsga2": samplers.NSGAIISampler,
    "nsga3": samplers.NSGAIIISampler,
    "random": samplers.RandomSampler,
    "qmc": samplers.QMCSampler,
    "gp": samplers.GPSampler,
}
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "tpe": {"multivariate": True, "group": True},  # drawn together, even parameters that take part in some trials only
    "nsga2": {"population_size": 20},
    "nsga3": {"population_size": 20},
    "qmc": {"scramble": True},
}


class SeededSampler(BaseSampler):
    """A sampler by name that is created anew for each trial, and for each of its parameters that is drawn alone.

    So draws depend on the study's seed, the trial's number, the parameter and the trials that have ended, but not on
    what this process did before: a study that was interrupted, even in the middle of a draw, proposes the same trials.
    """

    def __init__(self, name: str, *, seed: int, options: Mapping[str, Any]) -> None:
        self._name, self._seed, self._options = name, seed, options
        self._together = self._made("0")

    def _made(self, purpose: str) -> Any:
        drawn = int.from_bytes(hashlib.sha256(f"{self._seed} {purpose}".encode()).digest()[:4], "big")
        arguments: dict[str, Any] = {"seed": drawn}
        if self._name == "qmc":  # its points are one sequence, whose seed must not change
            arguments = {"seed": self._seed, "independent_sampler": samplers.RandomSampler(seed=drawn)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about experimental or deprecated samplers and options
            return SAMPLERS[self._name](**{**arguments, **_USUAL.get(self._name, {}), **self._options})

    def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
        self._together = self._made(str(trial.number))  # it keeps the groups until the next call
        return self._together.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
        # Gaussian processes are fitted in torch, whose threads would wait long for cores that workers keep busy. With
        # one thread, sums do not depend on the number of cores either.
        with on_threads(1):
            return self._together.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        alone = self._made(f"{trial.number} {param_name}")
        return alone.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        self._made(str(trial.number)).after_trial(study, trial, state, values)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    if "seed" in options:
        raise ValueError("seed: belongs to the sampler; write it next to the options")
    try:
        SeededSampler(name, seed=0, options=options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"'{name}' does not take them: {error}") from None
