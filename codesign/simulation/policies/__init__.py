"""Scheduling policies by name. One file each; a user's own is registered as an entry point `codesign.policies`.

A schedule also takes a `Policy` that is not registered. Sweeps and stores, whose keys name policies, refuse it.
"""

from __future__ import annotations

from codesign.errors import InputError
from codesign.plug_ins import load_plug_in, plug_in_names
from codesign.simulation.policies.arbiter import ARBITER
from codesign.simulation.policies.fifo import FIFO
from codesign.simulation.policies.momentum import MOMENTUM
from codesign.simulation.policies.policy import Policy, Waiting
from codesign.simulation.policies.random import RANDOM
from codesign.simulation.policies.round_robin import ROUND_ROBIN
from codesign.simulation.policies.shallow_inhibition_first import SHALLOW_INHIBITION_FIRST
from codesign.simulation.policies.timed import TIMED

__all__ = ["Policy", "Waiting", "get_policy", "is_built_in", "is_registered", "policy_names"]


_GROUP = "codesign.policies"
_ALL = (RANDOM, MOMENTUM, FIFO, TIMED, ROUND_ROBIN, ARBITER, SHALLOW_INHIBITION_FIRST)
_BUILT_IN = {policy.name: policy for policy in _ALL}


def policy_names() -> tuple[str, ...]:
    """Names of all registered policies, sorted; an entry point's name is that of its policy."""
    return tuple(sorted({*_BUILT_IN, *plug_in_names(_GROUP)}))


def get_policy(policy: str | Policy) -> Policy:
    """The policy with the given name; a `Policy` is returned as it is.

    Raises:
        InputError: there is no such policy, its entry point does not provide one, or it is neither name nor `Policy`.
    """
    if isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str):
        raise InputError(f"policy: must be a name or cd.Policy(name=…, priority=…), found {type(policy).__name__}")
    return _BUILT_IN.get(policy) or _from_entry_point(policy)


def _from_entry_point(name: str) -> Policy:
    policy, where = load_plug_in(_GROUP, name, "scheduling policy", policy_names())
    if not isinstance(policy, Policy):
        raise InputError(f"{where}: must be a codesign Policy, found {policy!r}")
    if policy.name != name:
        raise InputError(f"{where}: its policy is called '{policy.name}'; both names must be the same")
    return policy


def is_registered(policy: Policy) -> bool:
    """Whether the policy is registered under its name."""
    return policy.name in policy_names() and get_policy(policy.name) is policy


def is_built_in(policy: Policy) -> bool:
    """Whether the policy is one of this package's own."""
    return _BUILT_IN.get(policy.name) is policy
