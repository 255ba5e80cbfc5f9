"""What proposes trials: Optuna's samplers by name, made anew for each trial from the study's seed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codesign.documents import suggestion

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["make_sampler", "option_problem", "sampler_names", "sampler_problem"]

_NAMES = {
    "tpe": "TPESampler",
    "nsga2": "NSGAIISampler",
    "nsga3": "NSGAIIISampler",
    "random": "RandomSampler",
    "qmc": "QMCSampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
}
_SINGLE_OBJECTIVE = ("CmaEsSampler",)
_USUAL: Mapping[str, Mapping[str, Any]] = {
    # Parameters are drawn together, also those that take part in some trials only.
    "TPESampler": {"multivariate": True, "group": True},
    "NSGAIISampler": {"population_size": 20},
    "NSGAIIISampler": {"population_size": 20},
    "QMCSampler": {"scramble": True},
}
_PACKAGES = {"CmaEsSampler": "cmaes"}
"""Packages that Optuna does not bring."""
_OURS = ("seed", "constraints_func", "search_space", "base_sampler", "independent_sampler", "fixed_params")
"""Arguments that a study file cannot set: the study does, or they are no plain values."""


def sampler_names() -> tuple[str, ...]:
    """Short names, and the classes of `optuna.samplers` that can be made from plain options."""
    import optuna

    classes = [name for name in optuna.samplers.__all__ if name.endswith("Sampler") and not name.startswith("Base")]
    unfit = ("GridSampler", "BruteForceSampler", "PartialFixedSampler")  # need more than options, or no seed
    return (*_NAMES, *(name for name in classes if name not in unfit))


def sampler_problem(name: str, *, objectives: int) -> str | None:
    """Why a sampler cannot be used; None where it can."""
    names = sampler_names()
    if name not in names:
        return f"unknown sampler '{name}'{suggestion(name, names)}"
    if objectives > 1 and _class_name(name) in _SINGLE_OBJECTIVE:
        return f"'{name}' takes one objective, the study has {objectives}"
    package = _PACKAGES.get(_class_name(name))
    if package is not None and importlib.util.find_spec(package) is None:
        return f"'{name}' needs the package {package}: python -m pip install {package}"
    return None


def option_problem(name: str, option: str) -> str | None:
    """Why a sampler has no such option; None where it has."""
    allowed = [parameter for parameter in inspect.signature(_class(name)).parameters if parameter not in _OURS]
    return None if option in allowed else f"'{name}' has no such option{suggestion(option, allowed)}"


def make_sampler(name: str, *, seed: int, number: int, options: Mapping[str, Any], parameter: str = "") -> BaseSampler:
    """A sampler for one trial, or for one `parameter` of it that is drawn alone.

    Made anew for each, so that what is drawn depends on the study's seed, the trial's number, the parameter and the
    trials that have ended, and not on what this process did before: a study that was interrupted, even in the middle of
    a draw, proposes what it would have proposed.

    Raises:
        ValueError, TypeError: an option has a value that the sampler does not take.
    """
    import warnings

    import optuna

    cls = _class(name)
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {number} {parameter}".strip().encode()).digest()[:4], "big")
    arguments: dict[str, Any] = {"seed": drawn}
    if cls.__name__ == "QMCSampler":  # its points are one sequence, whose seed must stay
        arguments = {"seed": seed, "independent_sampler": optuna.samplers.RandomSampler(seed=drawn)}
    arguments = {**arguments, **_USUAL.get(cls.__name__, {}), **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler: BaseSampler = cls(**arguments)
    return sampler


def _class_name(name: str) -> str:
    return _NAMES.get(name, name)


def _class(name: str) -> Any:
    import optuna

    return getattr(optuna.samplers, _class_name(name))
