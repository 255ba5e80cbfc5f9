from __future__ import annotations

import math

import pytest
from handmade_hardware import chip_from, number

from codesign.hardware.library import find_chip
from codesign.hardware.mapping import map_network
from codesign.hardware.scheduling import chip_schedule, neuron_assumptions, paper_table5, schedule_assumptions
from codesign.network.topology import network_shape, parse_topology
from codesign.simulation.schedule import LAYERED, Schedule

SHAPE = network_shape(parse_topology("64-32-32-10"))


def schedule_of(name: str, topology=SHAPE, build=chip_schedule, capacity="scaled", **options):
    chip = find_chip(name)
    return build(chip, topology, map_network(topology, chip, capacity, chip.weight_bits.value), **options)


def test_a_barrier_makes_every_neuron_wait_for_its_fan_in() -> None:
    result = schedule_of("loihi", stop="drained")
    assert result.schedule.synchronization_threshold == "layer"
    assert result.schedule.barrier_messages
    assert result.schedule.group_size is None
    assert result.schedule.equivalent_to_layered(SHAPE.layer_sizes)
    assert not result.assumptions


def test_a_timer_makes_every_neuron_wait_for_its_core_or_its_fan_in() -> None:
    schedule = schedule_of("truenorth", stop="drained").schedule
    # 32, 32 and 10 neurons on three cores; fan-in 64, 32 and 32
    assert schedule.synchronization_threshold == (32,) * 64 + (10,) * 10
    assert schedule.barrier_messages
    assert schedule.group_size == 256
    wide = network_shape(parse_topology("8-32-10"))
    assert schedule_of("truenorth", wide).schedule.synchronization_threshold == (8,) * 32 + (10,) * 10


def test_an_asynchronous_chip_without_a_group_size_gets_8_as_an_assumption() -> None:
    result = schedule_of("mubrain")
    assert result.schedule == Schedule(group_size=8)
    assert any("F = 8" in text for text in result.assumptions)
    assert any("not known to be able to drop" in text for text in result.assumptions)
    assert not schedule_of("mubrain", group_size=4, stop="drained").assumptions


def test_a_chip_with_a_group_size_uses_it() -> None:
    chip = chip_from(
        f"cores: {number(1)}\nlayers_share_core: true\ngroup_size: {number(3)}\nsynchronization: {{kind: clocked}}"
    )
    result = chip_schedule(chip, SHAPE, map_network(SHAPE, chip, "published"))
    assert result.schedule.group_size == 3
    assert not result.assumptions


def test_table_5_on_an_asynchronous_chip_is_layered_inference_and_says_so() -> None:
    result = schedule_of("mubrain", build=paper_table5, stop="drained")
    assert result.schedule.group_size == 32
    assert result.schedule.equivalent_to_layered(SHAPE.layer_sizes)
    assert any("no layer synchronization" in text for text in result.assumptions)
    assert schedule_of("loihi", build=paper_table5).schedule.group_size == 32
    assert schedule_of("truenorth", build=paper_table5).schedule.group_size == 256


def test_cores_are_named_where_layers_are_split_or_the_policy_looks_at_them() -> None:
    assert schedule_of("loihi").schedule.cores is None
    assert schedule_of("loihi", core_aware=True).schedule.cores == (0,) * 32 + (1,) * 32 + (2,) * 10
    assert len(set(schedule_of("loihi", network_shape(parse_topology("2312-64-10"))).schedule.cores)) == 3


def test_schedules_that_a_chip_does_not_have_are_assumptions() -> None:
    assert schedule_assumptions(find_chip("mubrain"), LAYERED, SHAPE.layer_sizes)
    assert not schedule_assumptions(find_chip("mubrain"), Schedule(stop="drained"), SHAPE.layer_sizes)
    assert schedule_assumptions(find_chip("loihi"), Schedule(stop="drained"), SHAPE.layer_sizes)


def test_neurons_that_a_chip_does_not_have_are_assumptions() -> None:
    chip = find_chip("mubrain")
    texts = neuron_assumptions(chip, time_constant_s=1e-3, reset="zero", refractory=True)
    assert [word for word in ("no leak", "reset 'zero'", "refractory") if any(word in text for text in texts)] == [
        "no leak",
        "reset 'zero'",
        "refractory",
    ]
    full = chip_from(f"cores: {number(1)}\nlayers_share_core: true\nsynchronization: {{kind: asynchronous}}")
    assert not neuron_assumptions(full, time_constant_s=1e-3, reset="subtract")
    assert not [text for text in neuron_assumptions(chip, time_constant_s=math.inf, reset="zero") if "leak" in text]


@pytest.mark.parametrize("name", ["mubrain", "loihi", "truenorth"])
def test_input_mode_and_stop_are_passed_on(name: str) -> None:
    schedule = schedule_of(name, input_mode="queued", prioritize_input=True, steps_after_output=3).schedule
    assert (schedule.input_mode, schedule.prioritize_input, schedule.steps_after_output) == ("queued", True, 3)
