"""What proposes trials: Optuna's samplers by name, made afresh for each trial from the study's seed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codesign.documents import suggestion

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["make_sampler", "option_problems", "sampler_names", "sampler_problem"]

_NAMES = {
    "tpe": "TPESampler",
    "nsga2": "NSGAIISampler",
    "nsga3": "NSGAIIISampler",
    "random": "RandomSampler",
    "qmc": "QMCSampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
}
_UNFIT = ("GridSampler", "BruteForceSampler", "PartialFixedSampler")
"""Samplers that need more than options, or take no seed."""
_USUAL: Mapping[str, Mapping[str, Any]] = {
    # Parameters are drawn together, also those that take part in some trials only.
    "TPESampler": {"multivariate": True, "group": True},
    "NSGAIISampler": {"population_size": 20},
    "NSGAIIISampler": {"population_size": 20},
    "QMCSampler": {"scramble": True},
}
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
"""Types of arguments that a study file can set; others are not plain values."""


def sampler_names() -> tuple[str, ...]:
    """Short names, and the classes of `optuna.samplers` that can be made from plain options."""
    import optuna

    classes = [name for name in optuna.samplers.__all__ if name.endswith("Sampler") and not name.startswith("Base")]
    return (*_NAMES, *(name for name in classes if name not in _UNFIT))


def sampler_problem(name: str, *, objectives: int, constrained: bool = False) -> str | None:
    """Why a sampler cannot be used; None where it can.

    Args:
        objectives: of the study, how many.
        constrained: whether the study has constraints or fidelity levels.
    """
    names = sampler_names()
    if name not in names:
        return f"unknown sampler '{name}'{suggestion(name, names)}"
    if _NAMES.get(name, name) != "CmaEsSampler":
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
    arguments = inspect.signature(_class(name)).parameters.values()
    kinds = {argument.name: str(argument.annotation).split(" | ") for argument in arguments}
    allowed = {
        option: names for option, names in kinds.items() if option != "seed" and all(kind in _PLAIN for kind in names)
    }
    mistakes: list[tuple[str | None, str]] = []
    for option, value in options.items():
        if option not in allowed:
            mistakes.append((option, f"'{name}' has no such option{suggestion(option, allowed)}"))
        elif not any(type(value) in _PLAIN[kind] for kind in allowed[option]):
            mistakes.append((option, f"must be {' or '.join(allowed[option])}, found {value!r}"))
    if not mistakes:
        try:
            make_sampler(name, seed=0, number=0, options=options)
        except (TypeError, ValueError) as error:
            mistakes.append((None, f"'{name}' does not take them: {error}"))
    return mistakes


def make_sampler(name: str, *, seed: int, number: int, options: Mapping[str, Any], parameter: str = "") -> BaseSampler:
    """A sampler for one trial, or for one `parameter` of it that is drawn alone.

    Made afresh for each, so that what is drawn depends on the study's seed, the trial's number, the parameter and the
    trials that have ended, and not on what this process did before: a study that was interrupted, even in the middle of
    a draw, proposes what it would have proposed.

    Raises:
        ValueError, TypeError: an option has a value that the sampler does not take.
    """
    import optuna

    cls = _class(name)
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {number} {parameter}".strip().encode()).digest()[:4], "big")
    arguments: dict[str, Any] = {"seed": drawn}
    if cls.__name__ == "QMCSampler":  # its points are one sequence, whose seed must stay
        arguments = {"seed": seed, "independent_sampler": optuna.samplers.RandomSampler(seed=drawn)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of samplers and options that are experimental or on their way out
        sampler: BaseSampler = cls(**{**arguments, **_USUAL.get(cls.__name__, {}), **options})
    return sampler


def _class(name: str) -> Any:
    import optuna

    return getattr(optuna.samplers, _NAMES.get(name, name))
