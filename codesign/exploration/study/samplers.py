"""What proposes trials: Optuna's samplers by name, made anew for each trial from the study's seed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from codesign.documents import suggestion

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["make_sampler", "option_problem", "options_problem", "sampler_names", "sampler_problem"]

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
_WITHOUT_CONSTRAINTS = ("CmaEsSampler",)
"""Samplers that learn from trials and take no notice of constraints."""
_USUAL: Mapping[str, Mapping[str, Any]] = {
    # Parameters are drawn together, also those that take part in some trials only.
    "TPESampler": {"multivariate": True, "group": True},
    "NSGAIISampler": {"population_size": 20},
    "NSGAIIISampler": {"population_size": 20},
    "QMCSampler": {"scramble": True},
}
_PACKAGES = {"CmaEsSampler": "cmaes"}
"""Packages that Optuna does not bring."""
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
"""Types of arguments that a study file can set; others are no plain values."""
_ENOUGH: Mapping[str, int] = {
    "n_startup_trials": 2,
    "population_size": 3,
    "dividing_parameter": 3,
    "n_ei_candidates": 24,
}
"""Options that would keep a trial of the sampler from being quick, and how much of them is enough for it."""
_SLOW = ("GPSampler",)
"""Samplers whose proposals take too long to try one when a file is read."""


def sampler_names() -> tuple[str, ...]:
    """Short names, and the classes of `optuna.samplers` that can be made from plain options."""
    import optuna

    classes = [name for name in optuna.samplers.__all__ if name.endswith("Sampler") and not name.startswith("Base")]
    unfit = ("GridSampler", "BruteForceSampler", "PartialFixedSampler")  # need more than options, or no seed
    return (*_NAMES, *(name for name in classes if name not in unfit))


def sampler_problem(name: str, *, objectives: int, constrained: bool = False) -> str | None:
    """Why a sampler cannot be used; None where it can.

    Args:
        objectives: of the study, how many.
        constrained: whether the study has constraints or fidelity levels.
    """
    names = sampler_names()
    if name not in names:
        return f"unknown sampler '{name}'{suggestion(name, names)}"
    if objectives > 1 and _class_name(name) in _SINGLE_OBJECTIVE:
        return f"'{name}' takes one objective, the study has {objectives}"
    if constrained and _class_name(name) in _WITHOUT_CONSTRAINTS:
        return (
            f"'{name}' takes no notice of constraints, by which it would also be told which trials were dropped at a "
            "fidelity level; take another sampler, or remove constraints and fidelity"
        )
    package = _PACKAGES.get(_class_name(name))
    if package is not None and importlib.util.find_spec(package) is None:
        return f"'{name}' needs the package {package}: python -m pip install {package}"
    return None


def option_problem(name: str, option: str, value: Any) -> str | None:
    """Why a sampler has no such option, or none with a value of this type; None where it has."""
    allowed = _options(name)
    if option not in allowed:
        return f"'{name}' has no such option{suggestion(option, allowed)}"
    types = [one for kind in allowed[option] for one in _PLAIN[kind]]
    if (isinstance(value, bool) and bool not in types) or not isinstance(value, tuple(types)):
        return f"must be {' or '.join(allowed[option])}, found {value!r}"
    return None


def _options(name: str) -> dict[str, list[str]]:
    """Options that a study file can set, each with the names of the types that it may have."""
    parameters = inspect.signature(_class(name)).parameters.values()
    kinds = {one.name: str(one.annotation).split(" | ") for one in parameters if one.name != "seed"}
    return {option: names for option, names in kinds.items() if all(kind in _PLAIN for kind in names)}


def options_problems(name: str, options: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with options, each as the option, or () for all together, and a message."""
    known = [(option, option_problem(name, str(option), value)) for option, value in options.items()]
    mistakes = [((option,), message) for option, message in known if message is not None]
    yield from mistakes
    if options and not mistakes and (message := options_problem(name, options)) is not None:
        yield (), message


def options_problem(name: str, options: Mapping[str, Any]) -> str | None:
    """Why a sampler does not work with options that `option_problem` has nothing against; None where it does.

    Lets it propose a few trials, the later ones from what the earlier gave.
    """
    import warnings

    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make_sampler(name, seed=0, number=0, options=options)
            if _class_name(name) not in _SLOW:
                _propose(name, options)
    except Exception as error:  # whatever a sampler makes of a value that it does not expect
        return f"'{name}' does not take them: {str(error).strip() or type(error).__name__}"
    finally:
        optuna.logging.set_verbosity(verbosity)
    return None


def _propose(name: str, options: Mapping[str, Any]) -> None:
    import optuna

    quick = {
        option: min(options.get(option, most), most) for option, most in _ENOUGH.items() if option in _options(name)
    }
    study = optuna.create_study(directions=["maximize"] * (1 if _class_name(name) in _SINGLE_OBJECTIVE else 2))
    for number in range(2 * max(_ENOUGH["n_startup_trials"], _ENOUGH["population_size"])):
        study.sampler = make_sampler(name, seed=0, number=number, options={**options, **quick})
        trial = study.ask()
        values = [trial.suggest_float("x", 0.0, 1.0), float(trial.suggest_int("n", 1, 8))]
        study.tell(trial, values[: len(study.directions)])


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
