"""Scheduling policies: the contract that all keep, and what each prefers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codesign.errors import InputError
from codesign.simulation import policies
from codesign.simulation.policies import Policy, get_policy, policy_names


def arguments(size: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    return [torch.from_numpy(rng.random(size, dtype=np.float32)) for _ in range(8)]


@pytest.mark.parametrize("name", policy_names())
def test_tensors_and_scalars_agree(name: str):
    policy = get_policy(name)
    columns = arguments(50)
    together = policy.priority(*columns)
    one_by_one = [float(policy.priority(*(np.float32(column[i]) for column in columns))) for i in range(50)]
    assert together.tolist() == one_by_one


@pytest.mark.parametrize("name", policy_names())
def test_says_whether_it_draws(name: str):
    policy = get_policy(name)
    columns = arguments(50)
    columns[7] = torch.zeros(50)  # without noise, as in evaluation
    before = policy.priority(*columns)
    columns[6] = columns[6].flip(0)
    assert policy.uses_uniform == (before.tolist() != policy.priority(*columns).tolist())


def test_what_each_prefers():
    low, high = torch.tensor([0.3]), torch.tensor([0.9])
    zero = torch.zeros(1)
    rest = [zero] * 5
    assert get_policy("momentum").priority(high, *rest, low, zero) > get_policy("momentum").priority(
        low, *rest, high, zero
    )
    early, late = torch.tensor([1.0]), torch.tensor([2.0])
    fifo = get_policy("fifo").priority
    assert fifo(low, early, *[zero] * 6) > fifo(high, late, *[zero] * 6)
    noisy = get_policy("momentum").priority(low, *rest, high, torch.tensor([0.5]))
    assert noisy.item() == pytest.approx(0.3 + 0.5 * 0.9)


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
        entries = [_Entry(name, value) for name, value in plugins.items()]
        monkeypatch.setattr(policies, "entry_points", lambda group: entries * (group == "codesign.policies"))

    policies._from_entry_point.cache_clear()
    yield register
    policies._from_entry_point.cache_clear()


def test_a_users_policy_comes_in_by_entry_point(plug_in):
    mine = Policy(name="last_layer_first", priority=lambda p, e, layer, c, i, s, u, n: layer)
    plug_in(last_layer_first=mine, broken=ImportError("no module named nothing_here"))
    assert get_policy("last_layer_first") is mine
    assert policy_names() == ("broken", "fifo", "last_layer_first", "momentum", "random")
    assert get_policy("random").name == "random"  # what is broken elsewhere is nobody else's problem


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (lambda: 0, "must be a codesign Policy"),
        (Policy(name="other", priority=lambda *a: 0), "its policy is called 'other'"),
        (ImportError("no module named nothing_here"), "cannot be loaded: ImportError: no module named nothing_here"),
    ],
)
def test_a_wrong_entry_point_is_named(plug_in, plugin: object, message: str):
    plug_in(mine=plugin)
    with pytest.raises(InputError, match=message):
        get_policy("mine")
