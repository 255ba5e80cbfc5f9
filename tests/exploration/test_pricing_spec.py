from __future__ import annotations

from pathlib import Path

import pytest
from handmade_hardware import near
from mistakes_found import mistakes_of
from priced_sweeps import changed_sweep, price_file, problem_of, read_prices, space_of, spec_of
from tiny_sweeps import keys, plan_of

from codesign.errors import DocumentError, InputError
from codesign.exploration.definition.library import load_sweep
from codesign.exploration.pricing.space import axis_of
from codesign.exploration.pricing.spec import PricingSpec, narrowed_sweep
from codesign.hardware.chip.parameters import with_parameter
from codesign.hardware.library import find_chip


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("cores: [1, 2]", "changes spikes or where neurons are placed, so the stored executions do not hold for it"),
        ("synchronization.kind: [timer]", "is not a number; vary it in a sweep"),
        ('power_gating.between_inputs: ["yes"]', "is not a number; vary it in a sweep"),
        ("supply_voltage: [1 V]", "no result depends on it"),
        ("energies.synaptic_operatoin: [1 pJ]", "did you mean 'energies.synaptic_operation'"),
        ("energies.hop: [1 ns]", "must be a quantity in J"),
        ("energies.hop: [1 pJ, 1000 fJ]", "values must differ, found 1 pJ, 1000 fJ"),
        ("energies.hop: {from: 1 pJ, tos: 2 pJ, points: 3}", "unknown key 'axes.energies.hop.tos'; did you mean 'to'?"),
        ("energies.hop: {from: 2 pJ, to: 1 pJ, points: 3}", "'from' must be below 'to', found '2 pJ' and '1 pJ'"),
        ("energies.hop: {from: 1 pJ, to: 2 pJ}", "axes.energies.hop.points' is missing"),
        ("energies.hop: {from: 0 pJ, to: 2 pJ, points: 3, scale: log}", "a log scale needs ends above 0"),
        ("energies.hop: {from: 1, to: 2, points: 3}", "needs a unit, found 1"),
        ("times.hop: {from: 1, to: 2 ns, points: 3}", "must be numbers of the same form"),
        ("vector_width: {from: 1.5, to: 4, points: 3}", "must be a whole number, or 'all'"),
        ("vector_width: [0]", "must be greater than 0, or 'all'"),
        ("synchronization.times: [x-1]", "must be a factor such as 'x0.5'"),
    ],
)
def test_a_wrong_axis_is_told_with_its_line(axis: str, message: str, priced: Path):
    found = mistakes_of(spec_of, priced, "barrier_accelerated", f"axes:\n  {axis}\n")
    assert any(message in told for _, told in found)
    assert {line for line, _ in found} == {6}


def test_bits_of_a_synapse_are_no_price_where_a_memory_has_room_for_fewer_of_them():
    axis_of(find_chip("odin"), "structure.synapse_bits", (4, 8))  # states how many synapses a core holds
    with pytest.raises(InputError, match="changes spikes or where neurons are placed"):
        axis_of(find_chip("loihi_davies2018"), "structure.synapse_bits", (9, 18))


def test_a_sweep_is_priced_at_one_of_its_scales(priced: Path):
    sweep = priced / "scaled.yaml"
    sweep.write_text(f"extends: {priced}/priced.yaml\nscales: {{a: {{}}, b: {{seeds: {{training: [5]}}}}}}\n")
    body = "axes:\n  vector_width: [1, 2]\n"

    def read(more: str) -> PricingSpec:
        return spec_of(sweep, "barrier_accelerated", body, more=more)

    for more, seeds in {"": (0, 1), "scale: a\n": (0, 1), "scale: b\n": (5,)}.items():
        assert narrowed_sweep(read(more)).seeds.training == seeds
    with pytest.raises(DocumentError, match=r"^prices.yaml:2: sweep: .*scaled.yaml: has no scale 'c'; allowed: a, b$"):
        read("scale: c\n")
    with pytest.raises(DocumentError, match=r"^prices.yaml:5: scale: must be a text, found 3$"):
        read("scale: 3\n")


def test_a_model_that_was_trained_for_another_chip_is_the_sweeps(priced: Path):
    trained = "{method: layered, chip: structured_accelerated, quantization: chip}"
    sweep = changed_sweep(priced, "{method: layered}", trained)
    spec = narrowed_sweep(spec_of(sweep, "barrier_accelerated", "axes:\n  vector_width: [1, 2]\n"))
    assert keys(spec)["train"] == keys(load_sweep(sweep))["train"]
    assert {point.columns["chip"] for point in plan_of(spec).points} == {"barrier_accelerated"}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("chip: barrier_accelerated", "chip: barier_accelerated", 3, "did you mean 'barrier_accelerated'"),
        ("chip: barrier_accelerated", "chip: x\nobjectives: [{column: enrgy_j}]", 4, "did you mean 'energy_j'"),
        (
            "chip: b",
            "objectives: [{column: latency_s}, {column: latency_s}]\nchip: b",
            3,
            "'latency_s' is an objective already",
        ),
        ("schedule: chip", "schedule: layered", 4, "has no 'layered'"),
        ("name: prices", "name: prices\nrecipes: [layred]", 2, "did you mean 'layered'"),
        ("name: prices", "name: prices\ntraining_seeds: [7]", 2, "has no 7"),
        ("name: prices", "name: prices\nevaluation_seed: 7", 2, "has no 7"),
        ("priced.yaml", "missing.yaml", 2, "there is no sweep file"),
        ("axes:", "linked: {a: {energies.hop: [1 pJ]}}\naxes:", 5, "is also varied by axes.energies.hop"),
        (
            "axes:",
            "linked: {a: {clock: [1 MHz], static_power.chip: [1 W, 2 W]}}\naxes:",
            5,
            "equally many values, found 1, 2",
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_told_with_its_line(old: str, new: str, line: int, message: str, priced: Path):
    text = price_file(priced, "barrier_accelerated", "axes:\n  energies.hop: [1 pJ]\n")
    assert old in text
    found = mistakes_of(read_prices, text.replace(old, new))
    assert [at for at, told in found if message in told] == [line], found


def test_nothing_to_vary_is_a_mistake(priced: Path):
    with pytest.raises(DocumentError, match="there is nothing to vary"):
        spec_of(priced, "barrier_accelerated", "")


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("chip.barrier_accelerated.vector_width", "several values of vector_width"),
        ("neuron.threshold", "has an axis neuron.threshold, but prices are for one network on one workload"),
    ],
)
def test_an_axis_of_the_sweep_itself_must_be_settled(axis: str, message: str, priced: Path):
    sweep = changed_sweep(priced, "seeds:", f"axes: {{{axis}: [1, 2]}}\nseeds:")
    with pytest.raises(DocumentError, match=message):
        spec_of(sweep, "barrier_accelerated", "axes: {clock: [1 MHz]}\n")


def test_ranges_hold_both_ends_and_are_even(priced: Path):
    body = (
        "axes:\n  static_power.chip: {from: 1 mW, to: 3 mW, points: 3}\n"
        "  energies.hop: {from: 1 pJ, to: 100 pJ, points: 3, scale: log}\n"
        "  times.message: {from: 2, to: 32, points: 5, scale: log}\n"
        "  vector_width: {from: 1, to: 64, points: 13, scale: log}\n"
        "  synchronization.times: {from: x0.5, to: x2, points: 3, scale: log}\n"
    )
    space = space_of(spec_of(priced, "barrier_accelerated", body))
    power, hop, message, lanes, barrier = (axis.shown for axis in space.axes)
    assert power == pytest.approx([1e-3, 2e-3, 3e-3])
    assert hop == near([1e-12, 1e-11, 1e-10])
    assert message == pytest.approx([2, 4, 8, 16, 32])
    assert lanes == (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)  # of 1 and 1.4 one
    assert barrier == pytest.approx([0.5, 1, 2])
    assert [axis.unit for axis in space.axes] == ["W", "J", "", "", ""]
    assert space.size == 3 * 3 * 5 * 12 * 3


@pytest.mark.parametrize(
    ("chip", "axes", "objective", "line", "message"),
    [
        ("barrier", "{vector_width: [1, all]}", "vector_width", 7, "has values that are not numbers of one kind"),
        ("barrier", "{clock: [1 Hz, 1 MHz], times.hop: [1, 20000]}", "energy_j", 5, "at most 1 s"),
        (
            "timer",
            "{clock: {from: 1 MHz, to: 9 MHz, points: 5000}, static_power.chip: {from: 0 W, to: 1 W, points: 5000}}",
            "energy_j",
            5,
            r"^prices.yaml:5: axes: 25,000,000 design points are more than most_points allows, 20,000,000; "
            r"the dimensions have 5,000 \(clock\), 5,000 \(static_power.chip\)$",
        ),
        (
            "structured",
            "{vector_width: {from: 1, to: 500, points: 101}, supply_voltage: {from: 0.8 V, to: 1 V, points: 100}}",
            "energy_j",
            5,
            "axes: 10,100 combinations of lanes, memories, node, voltage and clock are more than the 10,000",
        ),
    ],
)
def test_what_fits_only_alone_is_told_before_anything_runs(chip, axes, objective, line, message, priced, tmp_path):
    body = f"axes: {axes}\nobjectives:\n  - {{column: {objective}}}\n"
    spec = spec_of(priced, f"{chip}_accelerated", body)
    with pytest.raises(DocumentError, match=message) as caught:
        problem_of(spec, tmp_path, tmp_path)
    assert [problem.line for problem in caught.value.problems] == [line]
    assert not list(tmp_path.rglob("*.bin"))


@pytest.mark.parametrize("body", ["axes: {}\n", "linked: {{power: {}}}\n"])
def test_prices_that_need_each_other_are_set_together(body: str, priced: Path):
    prices = "{static_power.core_off: [1 uW, 2 uW], static_power.core_in_use: [5 uW, 6 uW]}"
    space = space_of(spec_of(priced, "timer_accelerated", body.format(prices)))
    static = space.chip_at([1] * len(space.shape)).static_power
    assert (static.core_off.value, static.core_in_use.value) == near((2e-6, 6e-6))


def test_times_of_barriers_take_a_factor_or_one_time():
    chip = find_chip("loihi")
    before = chip.synchronization.times
    half = with_parameter(chip, "synchronization.times", "x0.5").synchronization.times
    assert half.by_tiles == {tiles: time * 0.5 for tiles, time in before.by_tiles.items()}
    assert half.by_chips == {chips: time * 0.5 for chips, time in before.by_chips.items()}
    one = with_parameter(chip, "synchronization.times", "1 us").synchronization.times
    assert [one.of(tiles, chips) for tiles in (1, 5, 900) for chips in (1, 3)] == [1e-6] * 6
    assert one.text == "1 µs"
    for wrong in ("x", "xnan", "x-2", "3 pJ", 4):
        with pytest.raises(InputError, match=r"synchronization\.times"):
            with_parameter(chip, "synchronization.times", wrong)
