"""Scheduling policies: the contract that all keep, and what each prefers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codesign.errors import InputError
from codesign.simulation import policies
from codesign.simulation.policies import Policy, Waiting, get_policy, policy_names

BUILT_IN = ("arbiter", "fifo", "momentum", "random", "round_robin", "timed")


def waiting_of(size: int) -> Waiting:
    rng = np.random.default_rng(0)
    return Waiting(*(torch.from_numpy(rng.random(size, dtype=np.float32)) for _ in Waiting._fields))


@pytest.mark.parametrize("name", policy_names())
def test_tensors_and_scalars_agree(name: str):
    policy, waiting = get_policy(name), waiting_of(50)
    together = policy.priority(waiting)
    one_by_one = [float(policy.priority(Waiting(*(np.float32(column[i]) for column in waiting)))) for i in range(50)]
    assert together.tolist() == one_by_one


def looks_at(policy: Policy, field: str) -> bool:
    """Whether its priorities change with a field; without noise, as in evaluation."""
    waiting = waiting_of(50)._replace(noise=torch.zeros(50))
    changed = waiting._replace(**{field: getattr(waiting, field).flip(0)})
    return policy.priority(waiting).tolist() != policy.priority(changed).tolist()


@pytest.mark.parametrize("name", policy_names())
def test_says_what_it_looks_at(name: str):
    policy = get_policy(name)
    assert policy.uses_uniform == looks_at(policy, "uniform")
    assert policy.uses_service == looks_at(policy, "delivery")
    assert policy.uses_cores == (looks_at(policy, "core") or looks_at(policy, "cores"))


def priority(name: str, **given: float) -> float:
    """The policy's priority; what is not given is 0."""
    return float(get_policy(name).priority(Waiting(*(torch.tensor([given.get(f, 0.0)]) for f in Waiting._fields))))


def test_what_each_prefers():
    assert priority("momentum", potential=0.9, uniform=0.3) > priority("momentum", potential=0.3, uniform=0.9)
    assert priority("momentum", potential=0.3, uniform=0.9, noise=0.5) == pytest.approx(0.3 + 0.5 * 0.9)
    assert priority("fifo", potential=0.3, enqueue_step=1) > priority("fifo", potential=0.9, enqueue_step=2)
    assert priority("random", uniform=0.9) > priority("random", potential=1, uniform=0.3)
    assert priority("timed", enqueue_step=2, delivery=1e-9) > priority("timed", enqueue_step=1, delivery=2e-9)


class _Entry:
    def __init__(self, name: str, value: object) -> None:
        self.name, self.value, self._object = name, f"plugin:{name}", value

    def load(self) -> object:
        if isinstance(self._object, Exception):
            raise self._object
        return self._object


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch):
    """Registers objects as entry points `codesign.policies`, by name."""

    def register(**plugins: object) -> None:
        policies.policy_names.cache_clear()
        entries = [_Entry(name, value) for name, value in plugins.items()]
        monkeypatch.setattr(policies, "entry_points", lambda group: entries * (group == "codesign.policies"))

    policies._from_entry_point.cache_clear()
    yield register
    policies.policy_names.cache_clear()
    policies._from_entry_point.cache_clear()


def test_a_users_policy_comes_in_by_entry_point(plug_in):
    mine = Policy(name="last_layer_first", priority=lambda waiting: waiting.layer)
    plug_in(last_layer_first=mine, broken=ImportError("no module named nothing_here"))
    assert get_policy("last_layer_first") is mine
    assert policy_names() == tuple(sorted(("broken", "last_layer_first", *BUILT_IN)))
    assert get_policy("random").name == "random"  # what is broken elsewhere is nobody else's problem


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (lambda: 0, "must be a codesign Policy"),
        (Policy(name="other", priority=lambda *a: 0), "its policy is called 'other'"),
        (
            Policy(name="mine", priority=lambda potential, layer: potential),
            "priority must be a function of one argument",
        ),
        (ImportError("no module named nothing_here"), "cannot be loaded: ImportError: no module named nothing_here"),
    ],
)
def test_a_wrong_entry_point_is_named(plug_in, plugin: object, message: str):
    plug_in(mine=plugin)
    with pytest.raises(InputError, match=message):
        get_policy("mine")
