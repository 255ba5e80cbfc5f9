"""What a chip's structure lets one expect, by hand, in general, and beside what is published."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from handmade_hardware import HEAD, chip_from, group, near, structured
from hypothesis import given
from hypothesis import strategies as st
from mistakes_found import mistakes_of
from scripts import script

from codesign.documents import parse_document
from codesign.errors import DocumentError
from codesign.hardware.chip.derivation import AREA_FACTOR, ENERGY_FACTOR, LEAKAGE_FACTOR, with_derived, without_derived
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.laws import memory
from codesign.hardware.chip.parameters import with_parameters
from codesign.hardware.chip.parts import Energies, Times
from codesign.hardware.chip.prices import Extent, Prices, number_at
from codesign.hardware.chip.scaling import UNEXPLAINED
from codesign.hardware.chip.structure import K_AREA, K_ENERGY, estimate
from codesign.hardware.library import find_chip, load_chip

CHIPS = Path(__file__).parents[2] / "chips"
FIT = script("docs/site/validation.py")
HOME = {
    "vector_width": 4,
    "neurons_per_core": 8192,
    "synapses_per_core": 8192,
    "weight_bits": 8,
    "technology_node": "28 nm",
    "supply_voltage": "1 V",
}
GIVEN = """
clock: 100 MHz
energies: {synaptic_operation: {value: 4 pJ, range: [3 pJ, 5 pJ]}, neuron_update: 2 pJ, neuron_access: 1 pJ,
  spike: 1 pJ, clock_cycle: 1 pJ}
static_power: {chip: 1 mW, core_in_use: 0.2 mW, core_off: 0.1 mW, host: 1 W}
times: {synaptic_operation: {cycles: 1}, neuron_update: 20 ns, output: 20 ns}
area: 1 mm**2
"""


def built(**changes: object) -> str:
    return structured(**{**HOME, "potential_bits": 8, "structure": "{memory: sram}", **changes})


BODY = built()
BARRIER = built(synchronization="{kind: barrier, scope: timestep, times: 2 us, least_step: 3 us}")


def test_one_estimate_by_hand() -> None:
    """Both memories have 65,536 bits in words of 32, so all powers of sizes are 1, and V is 1."""
    expected = estimate(chip_from(BODY))
    lane = 8 * (2 * 6.6e-15 + 9e-15) * 28 / 40 / 0.9**2
    word = (2.68 + 2.68 + 2.70) * 1e-12
    assert expected.operation_j == near(K_ENERGY * (word / 4 + lane))
    assert expected.word_share == near(word / (word + 4 * lane))
    assert expected.update_j == near(K_ENERGY * ((2.68 + 2.70) * 1e-12 / 4 + lane))
    lanes_m2 = 4 * 8 * (5.98e-12 + 2 * 8.69e-12) * (28 / 40) ** 2
    assert expected.area_m2 == near(2 * K_AREA * (2 * 0.0113e-6 + lanes_m2))
    assert expected.core_leakage_w == near(2 * 65536 * 0.085e-9 * (1 / 0.8) ** 3)
    assert expected.leakage_w == near(2 * expected.core_leakage_w)
    nominal = 0.8 + 0.2 * 6 / 10  # at 28 nm, between those of 22 and 32 nm
    slower = 1 / 0.7**2.9 / (nominal / (nominal - 0.3) ** 2.9)
    assert expected.access_s == near(0.82e-9 * slower)
    assert (expected.word_s, expected.update_s) == (2 * expected.access_s, 2 * expected.access_s)


def test_cores_of_different_sizes_are_estimated_one_by_one_and_averaged() -> None:
    """One of 8,192 neurons and one of 2, which fill half of its lanes."""
    sizes = (8192, 2, [8192, 2])
    large, small, both = (estimate(chip_from(built(neurons_per_core=neurons))) for neurons in sizes)
    for name in ("operation_j", "update_j", "area_m2", "leakage_w", "core_leakage_w", "word_s", "access_s"):
        assert getattr(both, name) == near((getattr(large, name) + getattr(small, name)) / 2), name
    words = large.word_share * large.operation_j + small.word_share * small.operation_j
    assert (both.lanes, both.word_share * both.operation_j) == (4, near(words / 2))


def test_words_that_several_operations_share() -> None:
    """Of a word of 8 weights, read once for 8 operations, and a state kept for 2, with an adder of its own width."""
    base = chip_from(BODY)
    one = with_parameters(base, {"vector_width": 1, "structure.weight_word": 64, "structure.state_bits": 32})
    expected = estimate(with_parameters(one, {"structure.weights_used": 8, "structure.state_reuse": 2}))
    states = 4  # 8,192 neurons of 32 bits in words of 32
    word = 2.68e-12 * 2**0.41 / 8 + (2.68e-12 * states**0.60 + 2.70e-12 * states**0.45) / 2
    lane = 8 * (2 * 6.6e-15 + 9e-15) * 28 / 40 / 0.9**2
    assert expected.operation_j == near(K_ENERGY * (word + lane))


def test_flip_flops_in_place_cost_no_reading() -> None:
    kinds = ("{memory: flip_flops}", "{memory: flip_flops, shared_memory: true}")
    expected, shared = (estimate(chip_from(built(vector_width="all", structure=kind))) for kind in kinds)
    logic = 28 / 40 / 0.9**2
    # Weights and states are one word each, so nothing is selected, and states are the registers of the adders.
    assert expected.lanes == 8192
    assert expected.operation_j == near(K_ENERGY * 8 * logic * (2 * 6.6e-15 + 9e-15))
    # There are no registers in a memory that both share.
    assert shared.operation_j == near(K_ENERGY * 8 * logic * (2 * 6.6e-15 + 2 * 9e-15))


def test_words_of_flip_flops_are_selected_level_by_level() -> None:
    """One of 512 words of 32 bits through 9 levels, at a node below those of the fits and its nominal voltage."""
    found = memory("flip_flops", bits=16_384, word=32, node_m=14e-9, voltage_v=0.8)
    logic = 22 / 40 * math.sqrt(14 / 22) * (0.8 / 0.9) ** 2
    assert (found.read_j, found.write_j) == near((logic * 9 * 32 * 0.57e-15, logic * 32 * 9e-15))
    assert (found.area_m2, found.access_s) == near((16_384 * 5.98e-12 * (22 / 40) ** 2 * 14 / 22, 10 * 0.36e-3 * 14e-9))
    for kind in ("sram", "flip_flops"):  # a memory that is smaller than a word is one word
        one, other = (memory(kind, bits=8, word=word, node_m=14e-9, voltage_v=0.8) for word in (8, 32))
        assert one == other


@pytest.mark.parametrize("missing", ["technology_node", "supply_voltage", "weight_bits", "potential_bits"])
def test_what_the_model_needs_is_asked_for_where_the_structure_is_stated(missing: str) -> None:
    body = built(**{missing: None})
    line = HEAD.count("\n") + body.splitlines().index("structure: {memory: sram}") + 1
    ((at, told),) = mistakes_of(chip_from, body)
    assert at == line
    assert f"needs {missing}" in told


def test_reserved_sources_are_refused() -> None:
    with pytest.raises(DocumentError, match="'structure' is reserved for numbers that the program derives"):
        parse_document(HEAD.replace("{made_up:", "{structure: {citation: mine}, made_up:") + BODY, "tiny.yaml", Chip)


# derived numbers ----------------------------------------------------------------------------------------------------


def test_a_file_without_prices_gets_those_of_its_structure() -> None:
    """Where events are served whole an operation holds the comparison; where neurons are visited it is apart."""
    chip = with_derived(chip_from(BODY + "clock: 100 MHz\n"))
    expected = estimate(chip)
    operation, power, time = chip.energies.synaptic_operation, chip.static_power.chip, chip.times.synaptic_operation
    assert (operation.value, operation.includes) == (near(expected.operation_j), ("neuron_update",))
    assert (operation.static, operation.voltage) == ("outside", "1 V")
    assert operation.range == (near(expected.operation_j / 5), near(expected.operation_j * 5))
    assert (power.value, chip.area and chip.area.value) == (near(expected.leakage_w), near(expected.area_m2))
    assert (time.value, time.range, time.includes) == (near(10e-9), (near(10e-9), near(100e-9)), ("neuron_update",))
    assert chip.times.output.includes == ("hop",)
    network = "network_on_chip: {shape: mesh, rows: 1, columns: 2, cores_per_tile: 1}\n"
    assert with_derived(chip_from(BODY + network)).times.output.includes == ()
    assert chip.energies.neuron_update is chip.times.neuron_update is None
    assert {number.source for number in chip.numbers().values() if number.source != "own"} == {"structure"}
    assert Prices(chip=chip, extent=Extent(cores=2, chips=1, tiles=2)).missing_times() == ()
    stepped = with_derived(chip_from(BARRIER))
    assert (stepped.energies.neuron_update.value, stepped.energies.neuron_update.counted) == (
        near(expected.update_j),
        "active_neurons",
    )
    assert stepped.times.neuron_update.value == near(expected.update_s)
    assert without_derived(stepped) == chip_from(BARRIER)


def test_what_a_file_gives_is_left_and_not_counted_twice() -> None:
    given_ = chip_from(BARRIER + GIVEN)
    assert with_derived(given_) == given_
    all_in = "energies: {synaptic_operation: {value: 4 pJ, all_in: true, operation: accelerated}}\n"
    assert with_derived(chip_from(BODY + all_in)) == chip_from(BODY + all_in)
    # Of an operation that is given it is not known whether it holds the update, so none is added.
    operation = with_derived(chip_from(BARRIER + "energies: {synaptic_operation: 4 pJ}\n"))
    assert operation.energies.neuron_update is None
    assert operation.times.neuron_update is not None
    within = chip_from(BARRIER + "times: {neuron_update: {value: 1 ns, includes: [output]}}\n")
    assert with_derived(within).times.output is None
    inside = with_derived(chip_from(BODY + "energies: {spike: {value: 4 pJ, static: inside}}\n"))
    varied = with_parameters(inside, {"energies.spike": "6 pJ"})
    assert inside.static_power.given == varied.static_power.given == {}
    assert varied.energies.spike.static == "inside"
    # A host draws its power beside the cores, whose memories leak as before; what a core draws may be their leakage.
    leaking = with_derived(chip_from(BODY))
    assert with_derived(chip_from(BODY + "static_power: {host: 1 W}\n")).static_power.chip == leaking.static_power.chip
    assert with_derived(chip_from(BODY + "static_power: {core_in_use: 1 W}\n")).static_power.chip is None
    for part in ("host", "core_in_use"):
        varied = with_parameters(leaking, {f"static_power.{part}": "1 W"})
        assert varied.static_power.chip == leaking.static_power.chip


def test_derived_numbers_follow_a_change_and_a_set_one_stays() -> None:
    chip = with_derived(chip_from(BODY))
    other = with_parameters(chip, {"vector_width": 16, "static_power.chip": "5 mW"})
    expected = estimate(other)
    assert other.e_synaptic_operation_j == near(expected.operation_j)
    assert other.energies.synaptic_operation.range == (near(expected.operation_j / 5), near(5 * expected.operation_j))
    assert other.static_power.chip.value == 5e-3
    assert with_parameters(chip, {"vector_width": 4}).energies == chip.energies


def test_a_set_number_takes_the_place_of_what_was_derived_and_leaves_the_rest() -> None:
    """Operations of an event-driven chip are derived with their updates, until an axis sets the updates apart."""
    chip = with_derived(chip_from(BODY))
    assert chip.times.synaptic_operation.includes == ("neuron_update",)
    apart = with_parameters(chip, {"times.neuron_update": "1 ns", "energies.neuron_update": "1 pJ"})
    assert apart.times.synaptic_operation == chip.times.synaptic_operation.model_copy(update={"includes": ()})
    assert apart.energies.synaptic_operation.includes == ()
    waits = with_derived(chip_from(BARRIER))
    quick = with_parameters(waits, {"times.synaptic_operation": "1 ns", "energies.synaptic_operation": "1 pJ"})
    assert (quick.times.output, quick.times.neuron_update) == (waits.times.output, waits.times.neuron_update)
    assert quick.energies.neuron_update == waits.energies.neuron_update
    slow = {"supply_voltage": "0.8 V"}
    assert with_parameters(quick, slow).times.output == with_parameters(waits, slow).times.output


# scaled numbers -----------------------------------------------------------------------------------------------------


def test_each_price_follows_its_part_of_the_model() -> None:
    chip = chip_from(BARRIER + GIVEN)
    other = with_parameters(chip, {"supply_voltage": "0.7 V", "neurons_per_core": 16384, "cores": 4})
    before, after = estimate(chip), estimate(other)

    def value(path: str) -> float:
        number: Any = number_at(other, path)
        return float(number.value)

    ratio = after.operation_j / before.operation_j
    assert ratio < 0.7  # V² is 0.49, and the states are twice as many
    assert value("energies.synaptic_operation") == near(4e-12 * ratio)
    assert value("energies.neuron_update") == near(2e-12 * after.update_j / before.update_j)
    assert value("energies.neuron_access") == near(1e-12 * after.update_j / before.update_j)
    assert value("energies.spike") == near(1e-12 * 0.49)
    assert value("energies.clock_cycle") == near(1e-12 * 0.49 * 2)
    assert value("static_power.chip") == near(1e-3 * 0.7**3 * 2 * 1.5)  # four cores of 3 · 65,536 bits, not two of 2
    assert value("static_power.core_in_use") == near(0.2e-3 * 0.7**3 * 1.5)
    assert value("static_power.core_off") == near(0.1e-3 * 0.7**3 * 1.5)
    assert value("static_power.host") == 1
    assert value("area") == near(1e-6 * after.area_m2 / before.area_m2)
    slower = 0.7 / 0.4**2.9 / (1 / 0.7**2.9)
    assert value("clock") == near(100e6 / slower)
    assert value("times.output") == near(20e-9 * slower)
    assert value("times.neuron_update") == near(20e-9 * slower)  # far above its bound
    assert other.times.synaptic_operation == chip.times.synaptic_operation  # one cycle, of the slower clock
    assert other.synchronization.times.of(1) == near(2e-6 * slower)
    assert value("synchronization.least_step") == near(3e-6 * slower)
    operation = other.energies.synaptic_operation
    assert operation.range == (near(3e-12 * ratio * ratio**UNEXPLAINED), near(5e-12 * ratio / ratio**UNEXPLAINED))
    spike = other.energies.spike.range  # of a number without one, half to twice the number
    assert spike == (near(0.5e-12 * 0.49 * 0.49**UNEXPLAINED), near(2e-12 * 0.49 / 0.49**UNEXPLAINED))
    assert (operation.confidence, operation.source) == ("estimated", "scaled")
    assert operation.note.startswith("4 pJ (own) times 0.6")


def test_messages_and_waits_follow_logic_and_pads_have_a_supply_of_their_own() -> None:
    apart = {"synaptic_operation", "neuron_update"}
    energies = dict.fromkeys(Energies.model_fields.keys() - apart - {"neuron_access"}, "1 pJ")
    times = dict.fromkeys(Times.model_fields.keys() - apart, "1 ns")
    rest = "clock: 1 MHz\nmulti_chip: {}\n"
    rest += "network_on_chip: {shape: mesh, rows: 1, columns: 2, cores_per_tile: 1, link_rate: 1 MHz}\n"
    body = built(synchronization="{kind: neighbour, handshake: 1 ns}")
    chip = chip_from(body + rest + group("energies", **energies) + group("times", **times))
    moved = with_parameters(chip, {"supply_voltage": "0.7 V"})
    slower = 0.7 / 0.4**2.9 / (1 / 0.7**2.9)
    ratios = {**{f"energies.{name}": 0.49 for name in energies}, **{f"times.{name}": slower for name in times}}
    ratios |= {"synchronization.handshake": slower, "network_on_chip.link_rate": 1 / slower}
    ratios |= {"energies.chip_hop": 1, "times.chip_hop": 1}
    for path, ratio in ratios.items():
        assert number_at(moved, path).value == near(ratio * number_at(chip, path).value), path


def test_no_time_falls_below_the_bound_of_its_memories() -> None:
    """A word takes two accesses of the states; 64 times the states make these 64^0.23 as long."""
    chip = chip_from(BARRIER + GIVEN.replace("{cycles: 1}", "2 ns").replace("20 ns, output", "{cycles: 1}, output"))
    bound = estimate(chip)
    assert 1e-9 < bound.word_s < 2e-9
    other = with_parameters(chip, {"neurons_per_core": 64 * 8192})
    assert other.seconds(other.times.synaptic_operation) == near(bound.word_s * 64**0.23)
    assert other.times.neuron_update == chip.times.neuron_update  # 10 ns
    fast = with_parameters(other, {"clock": "1 GHz", "neurons_per_core": 64 * 64 * 8192})
    assert fast.times.neuron_update.cycles == math.ceil(bound.update_s * 1e9 * 64**0.46)
    at_home = with_parameters(chip, {"clock": "1 GHz"})  # the clock alone changes
    assert at_home.times.neuron_update.cycles == math.ceil(bound.update_s * 1e9) > 1
    assert with_parameters(chip, {"neurons_per_core": 64}).times == chip.times


def test_an_all_in_energy_is_scaled_with_all_that_static_power_may_be_of_it() -> None:
    all_in = "{value: 4 pJ, all_in: true, operation: accelerated, confidence: measured, source: made_up}"
    chip = chip_from(BODY + f"energies: {{synaptic_operation: {all_in}}}\n")
    other = with_parameters(chip, {"supply_voltage": "0.6 V"}).energies.synaptic_operation
    slower = 0.6 / 0.3**2.9 / (1 / 0.7**2.9)
    assert other.value == near(4e-12 * 0.36)
    assert other.range == (near(4e-12 * 0.36 * 0.36**UNEXPLAINED), near(4e-12 * 0.6**3 * slower / 0.36**UNEXPLAINED))
    reused = with_parameters(chip, {"structure.state_reuse": 2})  # leaks as before, and as long
    ratio = estimate(reused).operation_j / estimate(chip).operation_j
    found = reused.energies.synaptic_operation
    assert (found.value, found.range[1]) == near((4e-12 * ratio, 4e-12 / ratio**UNEXPLAINED))


def test_a_chip_that_extends_another_has_its_numbers_at_its_own_structure(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(f"{HEAD}{BARRIER}{GIVEN}")
    (tmp_path / "low.yaml").write_text("extends: tiny\nname: low\nsupply_voltage: 0.8 V\nclock: 90 MHz\n")
    wide = "extends: low\nname: wide\nvector_width: 16\n"
    wide += "energies: {spike: 3 pJ, synaptic_operation: {note: a remark sets nothing}}\n"
    (tmp_path / "wide.yaml").write_text(wide)
    low = with_parameters(load_chip(tmp_path / "tiny.yaml"), {"supply_voltage": "0.8 V", "clock": "90 MHz"})
    same = with_parameters(low, {"vector_width": 16, "energies.spike": "3 pJ"})
    chip = load_chip(tmp_path / "wide.yaml")
    numbers = chip.numbers()
    assert set(same.numbers()) <= set(numbers)
    for path, number in same.numbers().items():
        assert numbers[path] == number or number.source == "axis", path
    assert (chip.energies.spike.value, chip.clock and chip.clock.value) == (3e-12, 90e6)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "vector_width": st.integers(0, 7).map(lambda power: 2**power),
        "neurons_per_core": st.sampled_from([64, 1024, 8192, 10**5]),
        "synapses_per_core": st.sampled_from([4096, 10**6]),
        "weight_bits": st.integers(1, 8),
        "technology_node": st.sampled_from(["14 nm", "65 nm"]),
        "supply_voltage": st.sampled_from(["0.5 V", "0.9 V"]),
        "structure.state_reuse": st.sampled_from([1, 16]),
        "energies.spike": st.sampled_from(["3 pJ", "7 pJ"]),
        "clock": st.sampled_from(["20 MHz", "50 MHz"]),
    },
)
PRICED = ("area", "clock", "energies", "static_power", "times", "synchronization")


@given(SETTINGS, SETTINGS)
def test_scaling_composes_and_leads_back_to_what_was_given(first: dict[str, Any], second: dict[str, Any]) -> None:
    chip = chip_from(BARRIER + GIVEN)
    prices = [path for path in ("energies.spike", "clock") if path in first]
    steps = with_parameters(with_parameters(chip, first), second)
    if not prices:  # a price that the first step sets holds at the structure of that step, and not of both
        once = with_parameters(chip, {**first, **second})
        assert [getattr(steps, name) for name in PRICED] == [getattr(once, name) for name in PRICED]
    home = {**HOME, "structure.state_reuse": 1}
    back = with_parameters(steps, home)
    given = {"energies.spike": "energies", "clock": "times"}  # a clock that is scaled may need more cycles
    moved = {"clock", *(of for path, of in given.items() if path in {*first, *second})}
    for name in {*PRICED} - moved:
        assert getattr(back, name) == getattr(chip, name), name
    unmoved = with_parameters(chip, home)
    assert [getattr(unmoved, name) for name in PRICED] == [getattr(chip, name) for name in PRICED]


# beside what is published -------------------------------------------------------------------------------------------


def test_factors_are_those_of_the_chips_that_come_with_the_program() -> None:
    chips = [load_chip(path) for path in sorted(CHIPS.glob("*.yaml")) if path.stem != "template"]
    assert float(f"{FIT.fitted_factor(chips, 'energy'):.3g}") == K_ENERGY
    assert float(f"{FIT.fitted_factor(chips, 'area'):.3g}") == K_AREA
    energies = FIT.predictions(chips, "energy")
    typical = FIT.typical_factor([(one.predicted, one.published) for one in energies])
    without = FIT.typical_factor([(one.mean, one.published) for one in energies])
    assert float(f"{math.log(typical) / math.log(without):.2g}") == UNEXPLAINED


def test_every_published_chip_lies_within_the_range_of_a_derived_number() -> None:
    """Energies and areas as they are predicted for a chip that is left out, and leakage, to which nothing is fitted."""
    chips = [load_chip(path) for path in sorted(CHIPS.glob("*.yaml")) if path.stem != "template"]
    leakage = {"odin": 27.3e-6, "mubrain": 52.3e-6, "seneca_barrier": 18e-6, "truenorth": 64.43e-3, "loihi": 28.8e-3}
    expected = {name: estimate(find_chip(name)).leakage_w for name in leakage}
    worst = {
        ENERGY_FACTOR: max(abs(math.log(one.ratio)) for one in FIT.predictions(chips, "energy")),
        AREA_FACTOR: max(abs(math.log(one.ratio)) for one in FIT.predictions(chips, "area")),
    }
    assert all(error <= math.log(factor) for factor, error in worst.items())
    assert max(abs(math.log(watt / expected[name])) for name, watt in leakage.items()) <= math.log(LEAKAGE_FACTOR)


def test_a_chip_that_is_left_out_does_not_tell_of_itself() -> None:
    """Two chips of equal structure: each is predicted as the other one is published, and counts once in many files."""
    chips = [
        chip_from(BODY + f"energies: {{synaptic_operation: {energy} pJ}}\narea: {area} mm**2\n").model_copy(
            update={"name": name}
        )
        for name, energy, area in (("one", 2, 1), ("two", 8, 2), ("two_again", 9, 2))
    ]
    first, second = FIT.predictions(chips, "energy")
    assert (first.predicted, second.predicted) == (near(8e-12), near(2e-12))
    assert (first.mean, first.ratio, second.ratio) == (near(8e-12), near(4), near(0.25))
    assert FIT.typical_factor([(one.predicted, one.published) for one in (first, second)]) == near(4)
    assert FIT.fitted_factor(chips, "energy") == near(4e-12 / estimate(chips[0]).operation_j * K_ENERGY)


def test_published_pairs_of_voltages() -> None:
    """TrueNorth at rest at three voltages; clocks of ReckOn and MorphIC, and MorphIC's energy, at two."""

    def at(name: str, volt: str, path: str) -> float:
        number: Any = number_at(with_parameters(load_chip(CHIPS / f"{name}.yaml"), {"supply_voltage": volt}), path)
        return float(number.value)

    assert at("truenorth", "1.0 V", "static_power.chip") == near(126e-3, rel=0.03)
    assert at("truenorth", "0.70 V", "static_power.chip") == near(42e-3, rel=0.03)
    assert at("reckon", "0.8 V", "clock") == near(115e6, rel=0.05)
    assert at("morphic", "1.2 V", "clock") == near(210e6, rel=0.05)
    assert at("morphic", "1.2 V", "energies.synaptic_operation") == near(65e-12, rel=0.05)
