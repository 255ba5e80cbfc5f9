"""Losses of recipes by name, with their parameters: the built-in ones and those that plug-ins register."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
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
    """The factory of the named losses. Raises InputError if there is none."""
    return _BUILT_IN.get(name) or load_plug_in(_GROUP, name, "loss", loss_names())[0]


def make_loss(choice: str | dict[str, Any]) -> LossFunction:
    """The loss that a recipe chooses by name, or by `name` and parameters. Raises InputError if there is no such loss,
    or if it does not accept the parameters."""
    parameters = {} if isinstance(choice, str) else {key: value for key, value in choice.items() if key != "name"}
    name = choice if isinstance(choice, str) else choice["name"]
    factory = _factory(name)
    known = signature(factory).parameters
    for unknown in parameters.keys() - known.keys():
        raise InputError(f"loss '{name}' has no parameter '{unknown}'{suggestion(unknown, known)}")
    try:
        return factory(**parameters)  # type: ignore[no-any-return]
    except Exception as error:
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"loss '{name}': {reason}") from error


def loss_version(choice: str | dict[str, Any]) -> int | None:
    """The version of a user's loss; None for a built-in one, whose version is that of trainings."""
    name = choice if isinstance(choice, str) else choice["name"]
    return None if name in _BUILT_IN else getattr(_factory(name), "version", 1)


def _checked(choice: Any) -> Any:
    """A choice in the form that a recipe stores: only a name if there are no parameters."""
    name = choice.get("name") if isinstance(choice, dict) else choice
    if not isinstance(name, str):
        raise ValueError(f"must be the name of a loss, or {{name: …}} with its parameters, found {choice!r:.80}")
    make_loss(choice)
    return name if choice == {"name": name} else choice


LossChoice = Annotated[str | dict[str, bool | int | float | str], BeforeValidator(_checked)]
"""The field of a recipe that chooses its loss."""
