from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade_hardware import ASYNCHRONOUS, ENERGIES, MESH_CORES, STATED, TIMES, chip_from, group, near, number
from mistakes_found import mistakes_of

from codesign.errors import DocumentError, InputError
from codesign.hardware.chip.missing import missing_parameters
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.library import chip_names, find_chip

CHIPS = Path(__file__).parents[2] / "chips"


def test_barrier_times_between_listed_tiles_are_linear_or_steps_and_constant_beyond() -> None:
    steps = find_chip("loihi").synchronization.times
    assert [steps.of(tiles) for tiles in (1, 2, 3, 4, 29, 100)] == near(
        [0.6e-6, 1.0e-6, 1.0e-6, 1.4e-6, 1.8e-6, 1.8e-6]
    )
    assert [steps.of(1, chips) for chips in (2, 256, 768, 1000)] == near([14.3e-6, 14.3e-6, 16.2e-6, 16.2e-6])
    linear = find_chip("loihi_davies2018").synchronization.times
    assert [linear.of(tiles) for tiles in (1, 32, 33)] == near([113e-9, 465e-9, 465e-9])
    assert linear.of(2) == near(113e-9 + (465e-9 - 113e-9) / 31)
    assert [linear.of(1, chips) for chips in (256, 768)] == near([14.3e-6, 16.2e-6])


def test_all_mistakes_are_reported_at_once_with_their_lines() -> None:
    body = f"""cores: {number("eight")}
vector_width: {number(0)}
layers_share_core: false
synchronization: {{kind: asynchronous}}
energies:
  synaptic_operation: {{value: 26, all_in: false, confidence: guessed, source: made_up}}
  neuron_updates: {number("1 pJ")}
static_power: {{chip: {{value: 1 pJ, confidence: stated, source: made_upp}}}}
"""
    messages = mistakes_of(chip_from, body)
    # the head of the file has 8 lines and an empty first one
    expected = [
        (10, "cores.value"),
        (11, "vector_width.value"),
        (15, "energies.synaptic_operation.confidence"),
        (15, "needs a unit"),
        (16, "did you mean 'neuron_update'"),
        (17, "unknown source 'made_upp'; did you mean 'made_up'"),
        (17, "'1 pJ'"),
    ]
    assert len(messages) == len(expected)
    for line, text in expected:
        assert any(at == line and text in message for at, message in messages), text


def operation(**more: str) -> str:
    return group("energies", synaptic_operation=number("1 pJ", **more))


def spike(more: str) -> str:
    return f"energies: {{spike: {{value: 10 pJ, {more}, {STATED}}}}}\n"


def measured(result: str) -> str:
    return f"validation: [{{name: x, workload: y, {result}, {STATED}, model: {{kind: none, reason: z}}}}]"


ALL_IN_ENERGIES = ENERGIES.replace("all_in: false", "all_in: true, operation: real_time")


@pytest.mark.parametrize(
    ("body", "location", "reason"),
    [
        (ALL_IN_ENERGIES, "static_power", "already contains static power"),
        (ALL_IN_ENERGIES, "energies.hop", "all-in"),
        (ENERGIES.replace("all_in: false", "all_in: false, includes: [spike]"), "includes", "counted twice"),
        (f"times: {{hop: {number('1 s', includes='[hop]')}}}", "times.hop.includes", "counted twice"),
        (f"neurons_per_core: {number('[1, 2]')}", "neurons_per_core.value", "8 cores"),
        (f"weight_memory: {number(64)}\nsynapses_per_core: {number(64)}", "weight_memory", "together"),
        (f"energies: {{spike: {number('20 J')}}}", "energies.spike", "at most 1 mJ, found 20 J"),
        (
            f"energies: {{spike: {number('1 pJ', range='[1 pJ, 20 J]')}}}",
            "energies.spike",
            "must be at most 1 mJ, found 20 J",
        ),
        (f"clock: {number('1 MHz', range='[200 mHz, 1 MHz]')}", "clock", "must be at least 1 Hz, found 200 mHz"),
        (f"clock: {number('0 Hz')}", "clock.value", "greater than 0"),
        (f"neurons_per_core: {number(10**30)}", "neurons_per_core.value", "below 1e+15"),
        (measured("accuracy: 32"), "validation.0.accuracy", "a percentage such as '85 %' up to 100 %, found 32"),
        (f"static_power: {{chip: {number('1 W', range='[1 W]')}}}", "static_power.chip.range", "range"),
        (f"times: {{output: {{cycles: 2, {STATED}}}}}", "times.output.cycles", "needs the chip's clock"),
        (f"times: {{output: {{{STATED}}}}}", "times.output", "either a 'value'"),
        (f"energies: {{clock_cycle: {number('1 pJ')}}}", "energies.clock_cycle", "needs the chip's clock"),
        (operation(all_in="true"), "energies.synaptic_operation", "accelerated or real_time"),
        (
            operation(all_in="false", operation="real_time"),
            "energies.synaptic_operation",
            "for energies that are all_in",
        ),
        (f"static_power: {{core_off: {number('1 W')}}}", "static_power.core_off", "needs static_power.core_in_use"),
        (f"energies: {{chip_hop: {number('1 pJ')}}}", "energies.chip_hop", "needs multi_chip"),
        (f"times: {{hop_vertical: {number('1 s')}}}", "times.hop_vertical", "needs times.hop"),
        (operation(all_in="false", per="spike"), "synaptic_operation", "per spike, so it belongs under energies.spike"),
        (operation(all_in="false", static="inside"), "synaptic_operation", "static power is inside, so all_in must be"),
        (spike("static: inside") + "static_power: {chip: 1 mW}", "", "it would be counted twice"),
        (spike("voltage: 1.1 A"), "energies.spike.voltage", "must be a quantity in V"),
        ("times: {synaptic_operation: 0 s, neuron_update: 0 s, output: 0 s, hop: 0 s}", "times", "are all 0, so no"),
        ("crossbar: true", "crossbar", "needs neurons_per_core"),
        (
            f"layer_work: {{neuron_access: {{hidden: 1, output: 1, presynaptic: 1}}, {STATED}}}",
            "layer_work.neuron_access.presynaptic",
            "takes no time on an asynchronous chip",
        ),
        (f"potential_bits: {number(3)}\nweight_bits: {number(4)}", "potential_bits", "hold at least one weight"),
        (f"potential_fraction_bits: {number(6)}", "potential_fraction_bits", "needs weight_bits"),
        (f"group_size: {number(8)}\nsynchronization: {{kind: barrier, scope: layer}}", "", "a barrier chip has none"),
    ],
)
def test_what_no_chip_can_be_is_refused(body: str, location: str, reason: str) -> None:
    synchronization = "" if "synchronization" in body else ASYNCHRONOUS
    found = mistakes_of(chip_from, MESH_CORES + synchronization + body)
    assert any(location in message and reason in message for _, message in found)
    assert all(line > 8 for line, _ in found)


def test_more_cores_than_places_and_hops_without_a_network_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"place for 4 cores"):
        chip_from(MESH_CORES.replace("columns: 4", "columns: 2") + ASYNCHRONOUS)
    alone = f"cores: {number(1)}\nlayers_share_core: true\n{ASYNCHRONOUS}{TIMES}"
    with pytest.raises(DocumentError, match="needs network_on_chip"):
        chip_from(alone)


def test_times_in_cycles_follow_the_clock() -> None:
    body = f"clock: {number('100 MHz')}\ntimes: {{output: {{cycles: 3, {STATED}}}}}\n"
    chip = chip_from(MESH_CORES + ASYNCHRONOUS + body)
    assert chip.seconds(chip.times.output) == near(30e-9)
    faster = with_parameter(chip, "clock", "300 MHz")
    assert faster.seconds(faster.times.output) == near(10e-9)
    longer = with_parameter(chip, "times.output", np.int64(6))
    assert longer.seconds(longer.times.output) == near(60e-9)
    assert chip.numbers()["times.output"].text == "3 cycles"


def test_unknowns_name_what_cannot_be_modelled() -> None:
    event_driven = dict(missing_parameters(find_chip("mubrain_layersync2024")))
    assert event_driven["static_power.chip"] == "static energy"
    assert dict(missing_parameters(find_chip("seneca")))["static_power.chip"] == "static energy of chips"
    assert {"energies.hop", "energies.neuron_access"}.isdisjoint(event_driven)  # one core, whose neurons nobody visits
    assert dict(missing_parameters(find_chip("loihi_davies2018")))["times.output"] == "latency, and so static energy"
    assert not [name for name, what in missing_parameters(find_chip("loihi")) if "latency" in what]
    assert "static_power.chip" not in dict(missing_parameters(find_chip("truenorth_allin")))
    assert dict(missing_parameters(find_chip("tianjic")))["network_on_chip"] == "hops"
    known = with_parameter(find_chip("loihi2"), "static_power.core_in_use", "1 mW")
    assert dict(missing_parameters(known))["static_power.core_off"] == "what cores draw that are not in use"
    cores = f"cores: {number(2)}\nlayers_share_core: false\n{ASYNCHRONOUS}"
    for more, hops in (({}, {"times.hop", "network_on_chip"}), ({"includes": "[hop]"}, set())):
        within = chip_from(cores + group("times", output=number("1 ns", **more)))
        assert {name for name, _ in missing_parameters(within)} & {"times.hop", "network_on_chip"} == hops
    for tile, hops in ((1, {"times.hop", "energies.hop"}), (2, set())):  # cores on one tile take no hops
        within = chip_from(f"{cores}network_on_chip: {{shape: mesh, cores_per_tile: {tile}, {STATED}}}\n")
        assert {name for name, _ in missing_parameters(within)} & {"times.hop", "energies.hop"} == hops


def test_names_aliases_and_paths_find_chips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_chip("loihi").name == "loihi_sanafe"
    assert find_chip("µBrain").name == "mubrain"
    assert find_chip(CHIPS / "speck.yaml").name == "speck"
    assert list(chip_names()) == sorted(path.stem for path in CHIPS.glob("*.yaml") if path.stem != "template")
    (tmp_path / "chips").mkdir()
    own = (CHIPS / "speck.yaml").read_text().replace("name: speck", "name: mine").replace("[dynapcnn]", "[]")
    (tmp_path / "chips" / "mine.yaml").write_text(own)
    monkeypatch.chdir(tmp_path)
    assert find_chip("mine").name == "mine"
    assert "mine" in chip_names()
    with pytest.raises(InputError, match="did you mean 'truenorth'"):
        find_chip("truenort")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("static_power", "1 W", "no axis can set it; name one of its own: chip, "),
        ("static_power.chip", "1 pJ", "quantity in W"),
        ("title", "x", "no axis can set it"),
        ("supports.leak", True, "must be one of yes, no, unknown, found True"),
        ("cores", 1000, "place for 128 cores"),
        ("vector_widht", 4, "no parameter 'vector_widht'; did you mean 'vector_width'?"),
        ("synchronization", "barier", "did you mean 'barrier'"),
        ("synchronization", "neighbour 3 us", "must be a kind in words"),
        ("synchronization", "timer", "'tick' is missing; write for example 'timer 100 us'"),
        ("synchronization", "timer 3", "needs a unit"),
        ("synchronization", "timer 0 s", "must be above 0"),
    ],
)
def test_axes_refuse_what_a_file_could_not_say(path: str, value: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        with_parameter(find_chip("loihi"), path, value)
