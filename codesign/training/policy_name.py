"""Fields of files that name a scheduling policy."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from codesign.simulation.policies import Policy, get_policy


def _refuse_objects(name: object) -> object:
    if isinstance(name, Policy):
        raise ValueError("must be a name; give a Policy of your own in the `schedule` of `train`")
    return name


def _known(name: str) -> str:
    get_policy(name)
    return name


def _timeless(name: str) -> str:
    if get_policy(name).uses_service:
        raise ValueError(f"policy '{name}' looks at a chip's service times, and this is for no chip")
    return name


PolicyName = Annotated[str, BeforeValidator(_refuse_objects), AfterValidator(_known)]
"""The name of any policy."""
TimelessPolicyName = Annotated[str, BeforeValidator(_refuse_objects), AfterValidator(_timeless)]
"""The name of a policy that needs no service times."""
