"""Scheduling policies: the contract that all keep, and what each prefers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import plug_ins
import pytest
import torch
from engine_comparison import ENGINES, assert_equals_reference, loss_of, run
from equality import assert_same
from networks import batch_of, network_of
from random_cases import Case, a_case

from codesign.analysis.results.naming import _POLICY_WORDS
from codesign.errors import InputError
from codesign.network.spiking_network import SpikingNetwork
from codesign.simulation.engine import simulate
from codesign.simulation.policies import Policy, Waiting, get_policy, policy_names
from codesign.simulation.priorities import select
from codesign.simulation.schedule import LAYERED, Regularization, Schedule


def waiting_of(size: int) -> Waiting:
    rng = np.random.default_rng(0)
    return Waiting(*(torch.from_numpy(rng.random(size, dtype=np.float32)) for _ in Waiting._fields))


def test_every_built_in_policy_has_words_for_pages():
    assert set(policy_names()) <= set(_POLICY_WORDS)


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
    assert (policy.score is not None) == looks_at(policy, "score")
    assert policy.uses_noise == (name == "momentum")
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


def test_turns_come_before_age_and_are_exact_on_large_chips():
    """4096 cores after 4095 steps: (core − 4095) mod 4096 turns, each of 4096 steps."""
    ranks = [
        priority("round_robin", core=core, enqueue_step=age, step=4095, cores=4096)
        for core in (4095, 0, 1, 4094)
        for age in (0, 1, 4095)
    ]
    assert ranks == [-0, -1, -4095, -4096, -4097, -8191, -8192, -8193, -12287, -16773120, -16773121, -16777215]


def test_shallow_inhibition_first_by_hand():
    network = network_of("2-4-3-2")
    with torch.no_grad():
        network.weights()[1].copy_(torch.tensor([[1.0, -2, 0, 0.5], [0, 0, 0, 0], [-0.5, 1, 0, 0]]))
        network.weights()[2].copy_(torch.tensor([[1.0, -1, 1], [1, -1, 1]]))
    # sums 0.5, -1, 0, 0.5; 2, -2, 2; none: equal ones by index
    policy = get_policy("shallow_inhibition_first")
    assert policy.scores(network).tolist() == [3, 1, 2, 4, 6, 5, 7, 8, 9]
    assert priority(policy.name) > priority(policy.name, score=1) > priority(policy.name, score=2)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # layers are cores 0, 1 and 2, and what fires in a step waits from it on:
        # step 0, core 0's turn: a first neuron, which makes both of the second layer fire in step 1, core 1's turn: one
        # of them; the output fires in step 2, its own turn; step 3: core 0 again
        ("round_robin", [(0, 1), (1, 2), (2, 3), (3, 1), (4, 2)]),
        # the lowest address: the first layer drains before the second
        ("arbiter", [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)]),
    ],
)
def test_without_a_chip_layers_are_cores(engine: str, policy: str, expected: list[tuple[int, int]]):
    """Step and source of all that leave behind the event that makes both neurons of the first layer fire."""
    network = network_of("1-2-2-1", 1.0, 1.0, 1.0, threshold=0.5)
    schedule = Schedule(policy=policy, group_size=1, stop="drained")
    table = simulate(network, batch_of([1]), schedule, engine=engine).execution.messages
    assert list(zip(table.step.tolist(), table.source.tolist(), strict=True))[1:] == expected


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch):
    """Registers objects as entry points `codesign.policies`, by name."""
    return partial(plug_ins.register, monkeypatch, "codesign.policies")


def test_a_users_policy_comes_in_by_entry_point(plug_in):
    mine, built_in = Policy(name="last_layer_first", priority=lambda waiting: waiting.layer), policy_names()
    plug_in(last_layer_first=mine, broken=ImportError("no module named nothing_here"))
    assert get_policy("last_layer_first") is mine
    assert policy_names() == tuple(sorted(("broken", "last_layer_first", *built_in)))
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


@pytest.mark.parametrize(
    ("priority", "flag"),
    [
        (lambda waiting: waiting.uniform, "uses_uniform"),
        (lambda waiting: -((waiting.core * 3) % 5), "uses_cores"),
        (lambda waiting: waiting.index % waiting.cores, "uses_cores"),
        (lambda waiting: -waiting.delivery, "uses_service"),
    ],
)
def test_a_policy_that_does_not_say_what_it_looks_at_is_refused(priority: Any, flag: str):
    with pytest.raises(InputError, match=f"policy 'mine': its priority looks at `.*`, so it needs {flag}=True"):
        Policy(name="mine", priority=priority)
    Policy(name="mine", priority=priority, **{flag: True})


def chosen_by(priority: Any, **options: Any) -> Case:
    """A case whose neurons leave one by one, as a user's policy has it."""
    mine = Policy(name="mine", priority=priority, **options)
    return a_case(schedule=Schedule(policy=mine, group_size=1, stop="drained"), regularization=Regularization())


def test_a_priority_that_fails_is_named_with_the_reason():
    with pytest.raises(InputError, match=r"scheduling policy 'mine'.* attribute 'potentail'"):
        run(chosen_by(lambda waiting: waiting.potentail), "event")


def test_a_priority_without_return_is_named_with_its_line():
    for priority in (lambda waiting: None, lambda waiting: waiting.potential if waiting.layer > 1 else None):
        line = priority.__code__.co_firstlineno
        with pytest.raises(InputError, match=rf"'mine' .*test_policies\.py:{line}: it does not always return a number"):
            run(chosen_by(priority), "event")


def test_a_schedule_names_a_policy_that_is_registered_and_holds_any_other(plug_in):
    mine, other = (Policy(name="mine", priority=lambda waiting: waiting.layer) for _ in range(2))
    plug_in(mine=mine)
    assert Schedule(policy=mine) == Schedule(policy="mine") != Schedule(policy=other)
    assert Schedule(policy=other).policy is other
    assert Schedule(policy=Policy(name="fifo", priority=mine.priority)) != Schedule(policy="fifo")
    with pytest.raises(InputError, match=r"policy: must be a name or cd\.Policy\(name=…, priority=…\), found function"):
        Schedule(policy=mine.priority)


# a user's, on both engines --------------------------------------------------------------------------------------------


def everything(w):
    return (w.potential - w.enqueue_step) * (w.layer + w.core) + w.uniform * w.step - w.noise * w.index + w.score


TINY = 1e-10


def with_numbers(of_closure: float) -> Callable[[Waiting], Any]:
    """Literals, a global, a default and one of a closure; beside 1, float32 keeps nothing of any, as float64 would."""

    def priority(w, by_default=1e-10):
        index, near = w.index, 1 + 1e-10 * w.index - 1
        near += (1 + TINY * index - 1) + (1 + by_default * index - 1) + (1 + of_closure * index - 1)
        return 1e10 * near - 2 * w.enqueue_step

    return priority


def with_closure(share: float, limit: int) -> Callable[[Waiting], Any]:
    return lambda waiting: share * waiting.potential + limit * waiting.enqueue_step


def all_equal(waiting):
    return 0


def not_a_number(waiting):
    return (waiting.potential - waiting.potential) / (waiting.potential - waiting.potential)


@dataclass
class FanIn:
    """A score that has parameters, and no hash."""

    share: float

    def __call__(self, network: SpikingNetwork) -> Any:
        return network.fan_in() * self.share


@pytest.mark.parametrize("priority", [everything, with_numbers(1e-10), with_numbers(np.float64(1e-10))])
def test_a_users_policy_equals_the_reference(plug_in, priority: Any):
    flags = {"uses_uniform": True, "uses_cores": True, "score": FanIn(share=1 / 8)}
    plug_in(mine=Policy(name="mine", priority=priority, **flags))
    for convolutional, mode in ((True, "frame"), (False, "queued")):
        case = a_case(convolutional=convolutional, batch=2, timesteps=2, regularization=Regularization())
        cores = tuple(n % 3 for n in range(case.network.shape.neurons))
        assert_equals_reference(
            replace(case, schedule=replace(case.schedule, policy="mine", cores=cores, input_mode=mode))
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_score_is_a_finite_number_for_each_neuron(engine: str):
    for score in (lambda network: [1, 2], lambda network: network.decay / 0):
        with pytest.raises(InputError, match="'mine': its score must be a finite number for each of 71 neurons"):
            run(chosen_by(lambda waiting: waiting.score, score=score), engine)


def test_policies_of_the_same_name_are_told_apart():
    """None of them is registered."""
    case = a_case(batch=1, timesteps=2, regularization=Regularization())
    for priority in (all_equal, with_closure(0.3, 5), with_closure(-1.7, 2)):
        schedule = replace(case.schedule, policy=Policy(name="fifo", priority=priority), group_size=3)
        found, expected = (run(replace(case, schedule=schedule), engine).execution for engine in ENGINES)
        assert_same(found, expected)


def test_infinite_priorities_are_ordered():
    priority, waiting = torch.tensor([[-torch.inf, 3.0, torch.inf]]), torch.ones((1, 3), dtype=torch.bool)
    assert select(priority, waiting, 1).tolist() == [[False, False, True]]
    assert select(priority, waiting, 2).tolist() == [[False, True, True]]


def raising(waiting):
    if waiting.potential > 0:
        raise ValueError("above 0")
    return 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_priority_that_raises_as_it_runs_is_an_error():
    for function in (run, loss_of):
        with pytest.raises(InputError, match="'mine': its priority raised an exception"):
            function(chosen_by(raising), "event")


def branching(waiting):
    return waiting.potential if waiting.layer > 1 else 0


def misspelled(waiting):
    return waiting.potentail


def two_numbers(waiting):
    return waiting.potential, waiting.index


@pytest.mark.parametrize("priority", [branching, misspelled, two_numbers])
def test_a_priority_that_tensors_cannot_follow_is_an_error(priority: Any):
    place = (
        r"'mine' cannot be computed on tensors: .*test_policies\.py:\d+: .*; a priority is arithmetic .* without branch"
    )
    with pytest.raises(InputError, match=place):
        run(chosen_by(priority), "reference")


TOO_LARGE = 10**400


def test_numbers_that_are_no_float32_matter_only_where_they_are_used():
    def empty(waiting):
        return unknown * waiting.potential

    def importing(waiting):
        import math

        return math.pi * waiting.potential

    def with_options(waiting, **options):
        return waiting.potential

    for priority in (lambda waiting: waiting.potential * TOO_LARGE, empty, importing, with_options):
        with pytest.raises(InputError, match=r"'mine' cannot be compiled: .*test_policies\.py"):
            run(chosen_by(priority), "event")
    run(chosen_by(all_equal), "event")
    if TOO_LARGE is None:
        unknown = 1.0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_priority_that_is_not_a_number_is_an_error(engine: str):
    case = chosen_by(not_a_number)
    for function in (run, loss_of):
        with pytest.raises(InputError, match="gave a priority that is not a number"):
            function(case, engine)
    # nobody is asked where all may leave
    all_leave = replace(case, schedule=replace(case.schedule, group_size=None))
    assert_same(run(all_leave, engine).execution, run(replace(case, schedule=LAYERED), engine).execution)
