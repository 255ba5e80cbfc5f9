"""Scheduling policies by name. One file each; a user's own is registered as an entry point `codesign.policies`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from codesign.documents import suggestion
from codesign.errors import InputError
from codesign.simulation.policies.fifo import FIFO
from codesign.simulation.policies.momentum import MOMENTUM
from codesign.simulation.policies.policy import Policy
from codesign.simulation.policies.random import RANDOM

__all__ = ["Policy", "get_policy", "policy_names"]


@cache
def _policies() -> dict[str, Policy]:
    policies = {policy.name: policy for policy in (RANDOM, MOMENTUM, FIFO)}
    for entry in entry_points(group="codesign.policies"):
        policy = entry.load()
        if not isinstance(policy, Policy):
            raise InputError(f"entry point {entry.name} = {entry.value}: must be a codesign Policy, found {policy!r}")
        if policy.name in policies:
            raise InputError(f"entry point {entry.name} = {entry.value}: policy '{policy.name}' exists already")
        policies[policy.name] = policy
    return policies


def policy_names() -> tuple[str, ...]:
    """Names of all registered policies, sorted."""
    return tuple(sorted(_policies()))


def get_policy(name: str) -> Policy:
    """The policy of that name. Raises InputError with a suggestion where there is none."""
    policies = _policies()
    if name not in policies:
        raise InputError(f"unknown scheduling policy '{name}'{suggestion(name, policies)}")
    return policies[name]
