from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from handmade_hardware import (
    ASYNCHRONOUS,
    MESH_CORES,
    STATED,
    TIMES,
    barrier,
    chip_from,
    mesh,
    near,
    number,
    shape_of,
    timer,
)

import codesign as cd
from codesign.hardware.chip.parts import Supports
from codesign.hardware.cost.assumptions import connection_assumptions, learned_assumptions, neuron_assumptions
from codesign.hardware.cost.scheduling import chip_schedule, schedule_assumptions, service_model
from codesign.simulation.policies import get_policy

SHAPE = shape_of("64-32-32-10")


def schedule_of(name: str, topology=SHAPE, capacity="scaled", **options):
    chip = cd.find_chip(name)
    return chip_schedule(cd.place(topology, chip, capacity, chip.weight_bits.value), **options)


def test_an_asynchronous_chip_without_a_group_size_gets_8_as_an_assumption() -> None:
    result = schedule_of("mubrain_layersync2024")
    assert result.schedule == cd.Schedule(group_size=8, stop="read_early")
    assert any("F = 8" in text for text in result.assumptions)
    assert any("not known to be able to drop" in text for text in result.assumptions)
    assert not schedule_of("mubrain_layersync2024", group_size=4, stop="drained").assumptions


def test_table_5_on_an_asynchronous_chip_gives_the_spikes_of_layered_inference_and_says_so() -> None:
    result = schedule_of("mubrain_layersync2024", group_size=32, stop="drained")
    assert result.schedule.group_size == 32
    assert result.schedule.equivalent_to_layered(SHAPE)
    assert not result.schedule.waits
    assert [text for text in result.assumptions if "layer" in text] == [
        "mubrain_layersync2024: F = 32 holds whole layers, so that spikes are those of layers that wait"
    ]


def test_cores_are_named_where_layers_are_split_or_the_policy_looks_at_them() -> None:
    assert schedule_of("loihi").schedule.cores is None
    for policy in ("round_robin", "arbiter"):
        assert schedule_of("loihi", policy=policy).schedule.cores == (0,) * 32 + (1,) * 32 + (2,) * 10
    assert schedule_of("mubrain").schedule.cores is None
    assert schedule_of("mubrain", policy="timed").schedule.cores == (0,) * 74  # one core
    assert len(set(schedule_of("loihi", shape_of("2312-64-10")).schedule.cores)) == 3


def test_max_pools_are_assumptions_of_a_chip_that_is_not_stated_to_have_them() -> None:
    convolution = {"kind": "conv2d", "channels": 2, "kernel": 1}
    layers = [convolution, {"kind": "max_pool", "kernel": 2}, {"kind": "linear", "neurons": 3}]
    pooled = cd.network_shape(cd.TopologySpec(input=(1, 4, 4), layers=layers))
    (said,) = schedule_of("loihi", pooled, stop="drained").assumptions
    assert said.endswith(
        "is not stated to have max pools; of a window's spikes the first of a timestep is taken, at no cost"
    )
    chip = cd.find_chip("loihi")
    having = chip.model_copy(update={"supports": chip.supports.model_copy(update={"features": ("max_pool",)})})
    assert not chip_schedule(cd.place(pooled, having, "scaled", 8), stop="drained").assumptions


def test_schedules_that_a_chip_does_not_have_are_assumptions() -> None:
    assert [*schedule_assumptions(cd.find_chip("mubrain_layersync2024"), cd.LAYERED, SHAPE)]
    assert not [*schedule_assumptions(cd.find_chip("mubrain_layersync2024"), cd.Schedule(stop="drained"), SHAPE)]
    assert [*schedule_assumptions(cd.find_chip("loihi"), cd.Schedule(stop="drained"), SHAPE)]
    assert not [*schedule_assumptions(cd.find_chip("loihi"), cd.LAYERED, SHAPE)]  # the spikes are those of its barriers
    for chip, said in (
        ("mubrain", "this schedule waits for 3 messages anyway"),
        ("loihi", "waits for 3 messages instead"),
    ):
        gated = cd.Schedule(stop="drained", synchronization_threshold=3, barrier_messages=True)
        (told,) = schedule_assumptions(cd.find_chip(chip), gated, SHAPE)
        assert told.endswith(said)


def test_neurons_that_a_chip_does_not_have_are_assumptions() -> None:
    chip = cd.find_chip("mubrain_layersync2024")
    leaky = cd.NeuronSpec(time_constant=1e-3)
    texts = [*neuron_assumptions(chip, leaky, refractory=True)]
    for words in ("no leak", "reset 'zero'", "refractory"):
        assert any(words in text for text in texts), words
    full = chip_from(f"cores: {number(1)}\nlayers_share_core: true\n{ASYNCHRONOUS}")
    assert not [*neuron_assumptions(full, leaky.model_copy(update={"reset": "subtract"}))]
    assert not [text for text in neuron_assumptions(chip, cd.NeuronSpec()) if "leak" in text]
    bursting = cd.NeuronSpec(time_constant=1e-3, reset="subtract", most_spikes=(1, 3), comparison=">=")
    (text,) = neuron_assumptions(full, bursting)
    assert text.endswith("is not stated to have most_spikes; evaluated with 1, 3")
    partly = [*neuron_assumptions(chip, cd.NeuronSpec(), own={"time_constant": "1 ms to infinite"})]
    assert any(text.endswith("evaluated with τ_m = 1 ms to infinite") for text in partly)
    biased = bursting.model_copy(update={"bias": True, "readout": "potential"})
    _, bias, read = neuron_assumptions(full, biased)
    assert bias.endswith("is not stated to have a bias; evaluated with those of the network, in float32")
    assert read.endswith("is not stated to let potentials be read; the answer is read from them, at no cost")
    stated = full.supports.model_copy(update={"features": ("most_spikes", "bias", "readout")})
    assert not [*neuron_assumptions(full.model_copy(update={"supports": stated}), biased)]


def test_more_thresholds_and_time_constants_than_a_core_has_are_assumptions() -> None:
    wide = shape_of("512-40-30-20-10-10")

    def texts(weights: str = "", held: Supports | None = None, **learned: Literal["layer", "neuron"]) -> list[str]:
        chip = chip_from(f"cores: {number(1)}\nlayers_share_core: true\n{ASYNCHRONOUS}\n{weights}")
        placement = cd.place(wide, chip.model_copy(update={"supports": held or Supports()}))
        return [*learned_assumptions(placement, learned)]

    assert not texts()
    assert [text.split(" is not ")[1] for text in texts(threshold="neuron", time_constant="layer")] == [
        "stated to have a threshold for each neuron; evaluated with its own",
        "stated to have a time constant for each layer; evaluated with its own",
    ]
    many = Supports(thresholds="neuron", time_constants=5)
    assert not texts(held=many, threshold="neuron", time_constant="layer")
    (few,) = texts(held=Supports(time_constants=4), threshold="layer", time_constant="layer")
    assert few.endswith("has 4 time constants a core; evaluated with one for each layer, 5 on a core")
    # thresholds of layers are scales of their weights, unless these have one scale in common
    one_scale = f"weight_bits: {number(4)}\nweights: {{scale: network, {STATED}}}"
    assert not texts(threshold="layer")
    assert "threshold for each layer" in texts(one_scale, threshold="layer")[0]


def test_what_is_sent_back_sooner_than_a_pipeline_has_it_is_an_assumption() -> None:
    """The fourth layer works on a timestep two steps after the second, each of a barrier or of half a timestep."""
    for kind, late in ((barrier("1: 1 us"), [1, 2]), (timer(2), [1]), (ASYNCHRONOUS, [])):
        chip, told = chip_from(f"cores: {number(1)}\nlayers_share_core: true\n{kind}"), []
        for delay in (1, 2, 3):
            layers, back = [{"kind": "linear", "neurons": 1}] * 4, {"from": 3, "to": 1, "delay": delay}
            spec = cd.TopologySpec.model_validate({"input": 1, "layers": layers, "delayed": [back]})
            texts = connection_assumptions(cd.place(cd.network_shape(spec), chip))
            told += [delay] * any("what the fourth layer sends back to the second" in text for text in texts)
        assert told == late


def test_a_service_model_by_hand() -> None:
    """3-4-4 with two neurons a core: both layers on two cores each, in two rows.

    t_so 1 µs for two synapses, t_message 10 µs, t_update 100 µs, t_spike 7 µs, t_output 1 ms, t_hop 10 ms along a row,
    0.1 s across.
    """
    cores = f"cores: {number(4)}\nneurons_per_core: {number(2)}\nlayers_share_core: false\n{mesh(2, 2)}"
    times = TIMES + f"  hop_vertical: {number('100 ms')}\n  spike: {number('7 us')}\n"
    chip = chip_from(f"vector_width: {number(2)}\n" + cores + times + ASYNCHRONOUS)
    placement = cd.place(shape_of("3-4-4"), chip)
    model = service_model(placement)
    assert model.message_s == near((11e-6,) * 4)  # two synapses in one lane operation
    assert (model.lanes, model.update_s, model.spike_s) == (2, near(100e-6), near(7e-6))
    assert model.output_s == near((2e-3, 2e-3, 0, 0))  # each hidden neuron to two cores, outputs to none
    assert model.route_s[0][:2] == near((0, 10e-3))  # inputs enter at core 0
    assert model.route_s[1][2:] == near((100e-3, 110e-3))
    assert model.route_s[2][2:] == near((110e-3, 100e-3))
    assert service_model(placement.on(cd.with_parameter(chip, "vector_width", "all"))).lanes is None


def test_on_a_crossbar_a_message_takes_every_neuron_of_its_core() -> None:
    chip = chip_from(MESH_CORES + TIMES + ASYNCHRONOUS + f"neurons_per_core: {number(8)}\ncrossbar: true")
    shape = shape_of("3-4-2")
    model = service_model(cd.place(shape, chip))
    assert model.message_s == near((14e-6, 14e-6))  # 8 neurons, 2 lanes


def test_a_policy_that_looks_at_times_needs_all_of_them() -> None:
    with pytest.raises(
        cd.InputError,
        match=r"mubrain_layersync2024: a policy that looks at .* gives no times.synaptic_operation, times",
    ):
        schedule_of("mubrain_layersync2024", policy="timed")
    assert schedule_of("mubrain_layersync2024", policy="momentum").schedule.service is None


@pytest.mark.parametrize(("core", "service"), [(True, False), (False, True)])
def test_a_policy_of_ones_own_gets_what_it_looks_at(core: bool, service: bool) -> None:
    own = replace(get_policy("fifo"), name="own", uses_cores=core, uses_service=service)
    schedule = schedule_of("mubrain", policy=own).schedule
    assert (schedule.service is not None) == service
    assert (schedule.cores is not None) == (core or service)


@pytest.mark.parametrize(
    ("more", "unseen"),
    [
        ("synchronization: {kind: clocked}", ["the time of a visit to all neurons"]),
        ("synchronization: {kind: asynchronous}\nskips_zero_weights: 'yes'", ["that weights of 0 take no time"]),
    ],
)
def test_what_the_policy_does_not_see_is_an_assumption(more: str, unseen: list[str]) -> None:
    chip = chip_from(MESH_CORES + TIMES + f"  neuron_access: {number('1 us')}\n{more}")
    found = chip_schedule(cd.place(shape_of("3-4-2"), chip), policy="timed", stop="drained")
    told = [text.partition("does not see ")[2] for text in found.assumptions if "does not see" in text]
    assert told == unseen
