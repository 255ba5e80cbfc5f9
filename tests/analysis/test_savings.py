from __future__ import annotations

from typing import Any

import pytest
from made_up_answers import gathered, row

from codesign.analysis.answers.answers import Option
from codesign.analysis.answers.savings import first_taking_part, halved_numbers, what_limits
from codesign.analysis.comparisons.wording import named_number
from codesign.analysis.results.naming import names_of
from codesign.analysis.results.points import Point

OPERATION, CLOCK = "energies.synaptic_operation", "clock"
QUARTER = "a: half the energy of a synaptic operation saves 25 % of energy."


def point_of(*seeds: dict[str, Any]) -> Point:
    (point,) = gathered([row("a", 1.0, seed, **{"not_modelled": [], **changes}) for seed, changes in enumerate(seeds)])
    return point


def said(point: Point) -> str:
    return what_limits(point, names_of([point]))


def test_the_most_saving_numbers_come_first_as_means_over_seeds():
    halves = {"halved_numbers": ["static_power.chip", OPERATION]}
    first = halves | {"energy_at_half": [0.9, 0.6], "latency_at_half": [1.0, 1.0]}
    second = {  # with one that the first lacks, since it would drop spikes
        "halved_numbers": [halves["halved_numbers"][0], CLOCK, OPERATION],
        "energy_at_half": [0.8, 0.1, 0.5],
        "latency_at_half": [1.0, 0.1, 1.0],
    }
    assert [named_number(path) for path in ("synchronization.least_step", CLOCK)] == [
        "time of the shortest step",
        CLOCK,
    ]
    found = halved_numbers(point_of(first, second))
    assert [(one.change, one.energy, one.saving) for one in found] == [
        ("half the energy of a synaptic operation", pytest.approx(0.55), pytest.approx(0.45)),
        ("half the static power of chips", pytest.approx(0.85), pytest.approx(0.15)),
    ]


@pytest.mark.parametrize(
    ("energy", "latency", "expected"),
    [
        ([0.75, 0.9], [1.0, 0.5], f"{QUARTER} Twice the clock saves 50 % of latency."),
        ([0.9, 0.75], [1.0, 0.5], "a: twice the clock saves 25 % of energy and 50 % of latency."),
        ([0.75, 1.0], None, QUARTER),
        ([0.995, 1.0], [1.0, 1.0], ""),  # too little to be told
        (None, None, ""),
    ],
)
def test_what_saves_most_is_said_of_energy_and_of_latency(energy, latency, expected):
    halves = {"halved_numbers": [OPERATION, CLOCK], "energy_at_half": energy, "latency_at_half": latency}
    assert said(point_of(halves)) == expected


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([75.0, 25.0], "a: the first layer has 75 % of the synaptic operations."),
        ([1.0, 1.0, 1.0, 7.0], "a: the fourth layer has 70 % of the synaptic operations."),
        ([10.0], ""),
        ([0.0, 0.0], ""),
    ],
)
def test_the_layer_with_most_of_the_work_is_named(operations, expected):
    layers = {"layer_operations": operations, "layer_spikes": [0.0] * len(operations)}
    assert said(point_of(layers)) == expected


def test_of_an_energy_only_what_is_modelled_and_told_apart_is_said():
    halves = {"halved_numbers": [OPERATION, CLOCK], "energy_at_half": [0.5, 1.0], "latency_at_half": [1.0, 0.5]}
    lacking = halves | {"not_modelled": ["static energy: a gives no static_power.chip"]}
    latency = "wice the clock saves 50 % of latency."
    assert said(point_of(lacking)) == (
        f"a: half the energy of a synaptic operation saves 50 % of the modelled energy. T{latency}"
    )
    assert said(point_of(halves | {"energy_accounting": "all_in"})) == f"a: t{latency}"


def test_results_that_do_not_say_it_and_options_that_take_no_part_give_nothing():
    point = point_of({})
    assert said(point) == ""
    layers = point_of({"layer_operations": [3.0, 1.0], "layer_spikes": [0.0, 0.0]})
    idle = Option(label="a", point=layers, values={}, takes_part=False)
    assert first_taking_part([idle, Option(label="b", point=None, values={})]) is None
    assert first_taking_part([idle, Option(label="b", point=point, values={})]) is point
