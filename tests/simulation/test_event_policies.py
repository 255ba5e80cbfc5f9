"""A user's scheduling policies on the event engine, against the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from engine_comparison import (
    ENGINE,
    assert_equals_reference,
    assert_same,
    run,
)
from random_cases import wide_case

from codesign.errors import InputError
from codesign.simulation import policies
from codesign.simulation.engine import classification_loss
from codesign.simulation.policies import Policy
from codesign.simulation.schedule import LAYERED, Regularization, Schedule

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Registers a policy as an entry point `codesign.policies`."""

    class Entry:
        def __init__(self, policy: Policy) -> None:
            self.name, self.value, self.load = policy.name, f"plugin:{policy.name}", lambda: policy

    def register(policy: Policy) -> None:
        policies.policy_names.cache_clear()
        policies._from_entry_point.cache_clear()
        monkeypatch.setattr(policies, "entry_points", lambda group: [Entry(policy)] * (group == "codesign.policies"))

    yield register
    policies.policy_names.cache_clear()
    policies._from_entry_point.cache_clear()


def deep_first(waiting):
    return waiting.layer


def everything(w):
    return (w.potential - w.enqueue_step) * (w.layer + w.core) + w.uniform * w.step - w.noise * w.index


def with_literals(waiting):
    """Numbers that are not exact in float32, and an integer."""
    return 0.3 * waiting.potential + waiting.uniform / 3 - 2 * waiting.enqueue_step - 1e-3 * waiting.index


def of_the_core(waiting):
    return -waiting.core


def all_equal(waiting):
    return 0


def not_a_number(waiting):
    return (waiting.potential - waiting.potential) / (waiting.potential - waiting.potential)


@pytest.mark.parametrize("priority", [deep_first, everything, with_literals, of_the_core, all_equal])
@pytest.mark.parametrize("seed", range(2))
def test_a_users_policy_equals_the_reference(plug_in: Any, priority: Any, seed: int):
    plug_in(Policy(name="mine", priority=priority, uses_uniform=True, uses_cores=True))
    case = wide_case(5000 + seed, convolutional=seed % 2 == 1)
    for options in ({"input_mode": "frame"}, {"input_mode": "queued"}, {"stop": "drained", "cores": None}):
        schedule = replace(case.schedule, policy="mine", group_size=3, prioritize_input=False, **options)
        assert_equals_reference(replace(case, schedule=schedule))


def test_policies_of_the_same_name_are_told_apart(plug_in: Any):
    case = wide_case(5001)
    case = replace(case, schedule=replace(case.schedule, policy="mine", group_size=3))
    for priority in (deep_first, all_equal):
        plug_in(Policy(name="mine", priority=priority))
        assert_equals_reference(case)


@pytest.mark.parametrize("engine", [ENGINE, "reference"])
def test_a_priority_that_is_not_a_number_is_an_error(plug_in: Any, engine: str):
    plug_in(Policy(name="mine", priority=not_a_number))
    case = replace(wide_case(3, batch=20, plain=True), regularization=Regularization())
    with pytest.raises(InputError, match="gave a priority that is not a number"):
        run(replace(case, schedule=Schedule(policy="mine", group_size=1, stop="drained")), engine)
    with pytest.raises(InputError, match="gave a priority that is not a number"):
        classification_loss(
            case.network, case.events, Schedule(policy="mine", group_size=1, stop="drained"), engine=engine
        )
    unasked = Schedule(policy="mine", group_size=None, stop="drained")  # nobody is asked where all may leave
    assert_same(
        run(replace(case, schedule=unasked), engine).execution, run(replace(case, schedule=LAYERED), engine).execution
    )


# corners -------------------------------------------------------------------------------------------------------------
