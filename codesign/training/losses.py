"""Losses of recipes by name, with their parameters. Register your own as an entry point in `codesign.losses`.

The entry point names a factory: called with the parameters from a recipe, it returns a `LossFunction`. Raise its
attribute `version` (1 if missing) when the loss changes: stored models of other versions are not used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from typing import Annotated, Any, get_args

from pydantic import BeforeValidator

from codesign.errors import InputError
from codesign.mistakes import suggestion
from codesign.plug_ins import load_plug_in, plug_in_names
from codesign.simulation.loss import CrossEntropy, Loss, LossFunction

_GROUP = "codesign.losses"


_BUILT_IN: dict[str, Callable[..., LossFunction]] = {name: partial(CrossEntropy, of=name) for name in get_args(Loss)}


def loss_names() -> tuple[str, ...]:
    return tuple(sorted({*_BUILT_IN, *plug_in_names(_GROUP)}))


def _factory(name: str) -> Callable[..., Any]:
    """The factory of the named losses. Raises InputError if there is none, or if its entry point is not a factory."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    factory, where = load_plug_in(_GROUP, name, "loss", loss_names())
    if not callable(factory):
        raise InputError(f"{where}: must be a function or class that makes a loss, found {factory!r}")
    version = getattr(factory, "version", 1)
    if type(version) is not int:
        raise InputError(f"{where}: its version must be a whole number, found {version!r}")
    return factory  # type: ignore[no-any-return]


def make_loss(choice: str | dict[str, Any]) -> LossFunction:
    """The loss that a recipe chooses by name, or by `name` and parameters. Raises InputError if there is no such loss,
    or if it does not accept the parameters."""
    parameters = {} if isinstance(choice, str) else {key: value for key, value in choice.items() if key != "name"}
    name = choice if isinstance(choice, str) else choice["name"]
    factory = _factory(name)
    known = signature(factory).parameters.values()
    if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known):
        names = [parameter.name for parameter in known if name not in _BUILT_IN or parameter.name != "of"]
        for unknown in (key for key in parameters if key not in names):
            raise InputError(f"loss '{name}' has no parameter '{unknown}'{suggestion(unknown, names)}")
    try:
        loss = factory(**parameters)
    except Exception as error:
        told = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"loss '{name}': {told}") from error
    if not callable(loss):
        raise InputError(f"loss '{name}': must be a function of a simulation and labels, found {loss!r}")
    return loss  # type: ignore[no-any-return]


def loss_version(choice: str | dict[str, Any]) -> int | None:
    """The version of a user's loss; None for a built-in one, whose version is that of trainings."""
    name = choice if isinstance(choice, str) else choice["name"]
    return None if name in _BUILT_IN else getattr(_factory(name), "version", 1)


def _checked(choice: Any) -> Any:
    """A choice in the form that a recipe stores: only a name if there are no parameters."""
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        if wrong := [key for key, value in choice.items() if not isinstance(value, bool | int | float | str)]:
            raise ValueError(f"{wrong[0]}: must be a number, a text or true or false, found {choice[wrong[0]]!r}")
        choice = choice["name"] if len(choice) == 1 else choice
    elif not isinstance(choice, str):
        raise ValueError(f"must be the name of a loss, or {{name: …}} with its parameters, found {choice!r:.80}")
    make_loss(choice)
    return choice


LossChoice = Annotated[str | dict[str, bool | int | float | str], BeforeValidator(_checked)]
"""The field of a recipe that chooses its loss."""
