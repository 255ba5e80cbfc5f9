"""Published measurements against values worked out by hand from the chips' numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from handmade_hardware import HEAD, chip_from, number

from codesign.documents import parse_document
from codesign.errors import DocumentError, InputError
from codesign.hardware.description import Chip
from codesign.hardware.library import chip_names, find_chip, load_chip
from codesign.hardware.validation import (
    Check,
    percent,
    validate,
    validation_json,
    validation_summary,
)

CHIPS = Path(__file__).parents[2] / "chips"

BODY = f"""
cores: {number(4)}
neurons_per_core: {number(8)}
layers_share_core: false
vector_width: {number(2)}
clock: {number("1 MHz")}
"""

ENERGIES = f"""
energies:
  synaptic_operation: {number("1 pJ", all_in="false")}
  neuron_access: {number("10 pJ")}
static_power: {number("1 uW")}
"""

TIMES = """
times:
  synaptic_operation: {cycles: 3, confidence: stated, source: made_up}
  message: {cycles: 1, confidence: stated, source: made_up}
  neuron_update: {cycles: 5, confidence: stated, source: made_up}
  output: {cycles: 2, confidence: stated, source: made_up}
"""

ASYNCHRONOUS = "synchronization: {kind: asynchronous}\n"
BARRIER = """
synchronization:
  kind: barrier
  scope: timestep
  times: {by_tiles: {1: 10 us, 4: 40 us}, confidence: stated, source: made_up}
"""
TIMER = f"""
synchronization: {{kind: timer, tick: {number("1 ms")}, ticks_per_timestep: 4, overload: stretch}}
"""


def measurement(published: str, model: str) -> str:
    return f"""
validation:
  - name: a run
    workload: made up
    {published}
    confidence: measured
    source: made_up
    model: {model}
"""


def checks_of(*parts: str) -> tuple[Check, ...]:
    return validate(chip_from("".join(parts)))


def check(name: str, measurement: str, quantity: str) -> Check:
    found = [one for one in validate(find_chip(name)) if one.measurement == measurement and one.quantity == quantity]
    assert len(found) == 1
    return found[0]


# published numbers ---------------------------------------------------------------------------------------------------


def test_power_of_odin_at_both_points() -> None:
    """27.3 µW + 1.78 pJ · f + 8.43 pJ · r."""
    fast = check("odin", "power at 75 MHz", "power")
    assert fast.model_low == pytest.approx(27.3e-6 + 1.78e-12 * 75e6 + 8.43e-12 * 37.5e6)
    assert fast.model_low == pytest.approx(476.9e-6, rel=1e-4)
    assert fast.measured == pytest.approx(477e-6)
    slow = check("odin", "power at 1.3 MHz", "power")
    assert slow.model_low == pytest.approx(27.3e-6 + 1.78e-12 * 1.3e6 + 8.43e-12 * 0.65e6)
    assert slow.model_low == pytest.approx(35.09e-6, rel=1e-4)
    assert slow.overrides == ("clock = 1.3 MHz",)
    assert {fast.status, slow.status} == {"recomputed"}


def test_the_all_in_energy_of_odin_does_not_hold_at_the_other_point() -> None:
    slow = check("odin_allin", "power at 1.3 MHz", "power")
    assert slow.model_low == pytest.approx(12.7e-12 * 0.65e6)
    assert slow.error == pytest.approx(12.7e-12 * 0.65e6 / 35e-6 - 1)
    assert check("odin_allin", "power at 75 MHz", "power").status == "fitted"


def test_power_of_truenorth_at_three_points() -> None:
    """Two points were fitted; the third is predicted."""
    for point, rate in (("first", 11.58), ("second", 95.93), ("third", 20.07)):
        one = check("truenorth", f"fit's {point} point", "power")
        assert one.model_low == pytest.approx(64.43e-3 + 2.297e-12 * rate * 2**20 * 128, rel=1e-5)
        assert one.status == ("recomputed" if point == "third" else "fitted")
    third = check("truenorth", "fit's third point", "power")
    assert third.model_low == pytest.approx(70.6e-3, rel=1e-3)
    assert third.error == pytest.approx(70.62e-3 / 71e-3 - 1, abs=1e-4)


def test_power_of_truenorth_in_proportion_to_cores() -> None:
    """204.4 mW on 4,042 cores is 50.57 µW a core; with it, 423 cores draw 21.4 mW of the 26.1 mW measured."""
    assert check("truenorth", "CIFAR-10", "power").status == "fitted"
    few = check("truenorth", "voice activity", "power")
    assert few.model_low == pytest.approx(423 * 204.4e-3 / 4042, rel=1e-3)
    assert few.error == pytest.approx(423 * 204.4e-3 / 4042 / 26.1e-3 - 1, abs=1e-3)
    assert few.status == "recomputed"


def test_latency_of_truenorth_is_ticks_and_the_filter() -> None:
    one = check("truenorth", "DVS gestures", "latency")
    assert one.model_low == pytest.approx(16e-3 + 80e-3)
    assert one.error == pytest.approx(96 / 105 - 1)


def test_a_query_on_loihi_with_both_sets_of_numbers() -> None:
    """51.2 to 57.6 million operations and 4.608 million visits; 1.33 mJ was measured."""
    one = check("loihi_davies2018", "nearest-neighbor query", "energy")
    assert one.model_low == pytest.approx(51.2e6 * 23.6e-12 + 4.608e6 * 52e-12)
    assert one.model_low == pytest.approx(1.448e-3, rel=1e-4)
    assert one.model_high == pytest.approx(57.6e6 * 23.6e-12 + 4.608e6 * 52e-12)
    assert one.errors == pytest.approx((0.0887, 0.2022), abs=1e-4)
    assert one.error == one.errors[1]
    fitted = check("loihi_sanafe", "nearest-neighbor query", "energy")
    assert fitted.model_low == pytest.approx(51.2e6 * 35.5e-12 + 4.608e6 * 51.2e-12)


def test_steps_of_loihi_are_at_least_its_barriers() -> None:
    """14 cores are on 4 tiles, whose barrier takes 1.4 µs; 100 steps."""
    one = check("loihi_sanafe", "MNIST convolutional network", "latency")
    assert one.model_low == pytest.approx(100 * 1.4e-6)
    assert (one.status, one.bound, one.bound_holds) == ("bound", "lower", True)
    across = check("loihi_sanafe", "step of a million patterns", "latency")
    assert across.model_low == pytest.approx(16.2e-6)
    assert across.bound_holds is False


def test_an_event_through_speck_and_its_energy_a_spike() -> None:
    assert check("speck", "event through nine layers", "latency").model_low == pytest.approx(1.58e-6 + 8 * 0.2225e-6)
    assert check("speck", "event through one layer", "latency").status == "fitted"
    day = check("speck", "gait by day, vanilla", "power")
    assert day.model_low == pytest.approx(0.42e-3 + 2.9e6 * 4.9e-9 / 0.54)
    assert day.status == "recomputed"
    assert "gesture, vanilla" in day.fitted_on


def test_runs_of_mubrain() -> None:
    run = check("mubrain_fitted", "MNIST", "energy")
    assert run.model_low == pytest.approx(3980 * 26e-12 + 48.7e-6 * 34 * 123e-6)
    assert run.status == "fitted"
    table = check("mubrain", "SHD projection", "energy")
    assert table.model_low == pytest.approx(13.21e-6, rel=1e-3)
    assert table.status == "arithmetic"


def test_power_of_spinnaker() -> None:
    chip = check("spinnaker_stromatias2013", "power of a chip", "power")
    assert chip.model_low == pytest.approx(0.35 + 18 * 34e-3)
    network = check("spinnaker_stromatias2013", "MNIST deep belief network, benchmark", "power")
    assert network.model_low == pytest.approx(0.35 + 1.88e6 * 8e-9 + 1.01e6 * 26e-9)


def test_a_run_of_spinnaker2_holds_static_power_and_visits() -> None:
    """7,859 neurons in 600 ticks of 1 ms."""
    run = check("spinnaker2", "DVS gesture", "energy")
    assert run.model_low == pytest.approx(0.6 * 0.25 + 600 * 7859 * 2.19e-9)
    assert run.bound_holds is True


@pytest.mark.parametrize("name", chip_names())
def test_every_published_quantity_is_recomputed_or_has_a_reason(name: str) -> None:
    chip = find_chip(name)
    checks = validate(chip)
    published = {
        (one.name, one.workload, quantity)
        for one in chip.validation
        for quantity in ("energy", "latency", "power")
        if getattr(one, quantity) is not None
    }
    assert {(one.measurement, one.workload, one.quantity) for one in checks if one.quantity} == published
    for one in checks:
        assert (one.model_low is None) == bool(one.reason)
        assert "no model of it" not in one.reason


# the model -----------------------------------------------------------------------------------------------------------


def test_counts_without_a_duration_charge_events_alone() -> None:
    (one,) = checks_of(
        BODY, ASYNCHRONOUS, ENERGIES, measurement("energy: 1 nJ", "{kind: counts, events: {synaptic_operation: 500}}")
    )
    assert one.model_low == pytest.approx(500e-12)
    assert one.not_modelled == "static power is left out"


def test_counts_with_a_duration_hold_static_power_and_give_a_power() -> None:
    model = "{kind: counts, events: {synaptic_operation: [500, 1000], neuron_access: 10}, duration: 1 ms}"
    energy, power = checks_of(BODY, ASYNCHRONOUS, ENERGIES, measurement("energy: 1 nJ\n    power: 2 uW", model))
    assert (energy.model_low, energy.model_high) == pytest.approx((500e-12 + 100e-12 + 1e-9, 1000e-12 + 100e-12 + 1e-9))
    assert (power.model_low, power.model_high) == pytest.approx((1.6e-6, 2.1e-6))


def test_static_power_follows_the_cores_where_unused_ones_are_off() -> None:
    model = '{kind: counts, duration: 1 s, cores: 1, overrides: {power_gating.unused_cores: "yes"}}'
    (one,) = checks_of(BODY, ASYNCHRONOUS, ENERGIES, measurement("power: 1 uW", model))
    assert one.model_low == pytest.approx(0.25e-6)


def test_an_asynchronous_event_passes_cores_one_after_another() -> None:
    """A message of 5 synapses on 2 lanes: 3 · 3 + 1 cycles; 3 updates: 2 · 5; one output: 2. Three cores at 1 MHz."""
    model = "{kind: steps, steps: 3, work: {messages: 1, synapses: 5, updates: 3, outputs: 1}, outside: 4 us}"
    (one,) = checks_of(BODY, ASYNCHRONOUS, ENERGIES, TIMES, measurement("latency: 70 us", model))
    assert one.model_low == pytest.approx(3 * 22e-6 + 4e-6)
    assert one.error == pytest.approx(0, abs=1e-9)


def test_a_barrier_ends_every_step_and_static_power_lasts_as_long() -> None:
    """Two cores are two tiles: 20 µs, and 4 cycles of work."""
    model = "{kind: steps, steps: 10, cores: 2, work: {messages: 1, synapses: 1}, events: {synaptic_operation: 10}}"
    body = measurement("latency: 1 us\n    energy: 1 pJ\n    power: 1 uW", model)
    energy, latency, power = checks_of(BODY, BARRIER, ENERGIES, TIMES, body)
    assert latency.model_low == pytest.approx(10 * 24e-6)
    assert energy.model_low == pytest.approx(10e-12 + 240e-6 * 1e-6)
    assert power.model_low == pytest.approx(energy.model_low / 240e-6)


def test_ticks_are_counted_one_by_one_and_stretch() -> None:
    (one,) = checks_of(BODY, TIMER, ENERGIES, measurement("latency: 1 s", "{kind: steps, steps: 7}"))
    assert one.model_low == pytest.approx(7e-3)
    work = "{kind: steps, steps: 7, work: {messages: 300, synapses: 2}}"  # 300 · 4 cycles: more than a tick
    (one,) = checks_of(BODY, TIMER, ENERGIES, TIMES, measurement("latency: 1 s", work))
    assert one.model_low == pytest.approx(14e-3)


def test_what_the_chip_does_not_say_is_a_reason() -> None:
    (one,) = checks_of(BODY, ASYNCHRONOUS, ENERGIES, measurement("latency: 1 s", "{kind: steps, steps: 1}"))
    assert one.status == "not_recomputed"
    assert one.reason == "latency: tiny gives no times.synaptic_operation, times.neuron_update, times.output"
    (one,) = checks_of(BODY, ASYNCHRONOUS, ENERGIES, measurement("energy: 1 J", "{kind: counts, events: {message: 3}}"))
    assert one.reason == "tiny gives no energies.message"
    (one,) = checks_of(BODY, ASYNCHRONOUS, measurement("power: 1 W", "{kind: counts, duration: 1 s}"))
    assert one.reason == "tiny gives no static_power"
    inside = f"static_power: {number('1 W', includes='[spike]')}\n"
    model = "{kind: counts, events: {spike: 3}}"
    (one,) = checks_of(BODY, ASYNCHRONOUS, inside, measurement("energy: 1 J", model))
    assert one.reason == "tiny gives no energy of these events alone"
    (one,) = checks_of(BODY, ASYNCHRONOUS, measurement("energy: 1 J", "{kind: none, reason: nobody counted}"))
    assert one.reason == "nobody counted"
    (one,) = checks_of(BODY, ASYNCHRONOUS, measurement("accuracy: 0.9", "{kind: none, reason: no energy}"))
    assert (one.quantity, one.measured, one.reason) == (None, None, "no energy")


def test_an_all_in_energy_holds_everything_and_only_in_its_operation() -> None:
    all_in = f"energies: {{synaptic_operation: {number('1 nJ', all_in='true', operation='real_time')}}}\n"
    model = "{kind: counts, events: {synaptic_operation: 5, message: 9}, duration: 1 s, operation: real_time}"
    (one,) = checks_of(BODY, ASYNCHRONOUS, all_in, measurement("power: 5 nW", model))
    assert one.model_low == pytest.approx(5e-9)
    model = "{kind: counts, duration: 1 s, operation: real_time}"
    (idle,) = checks_of(BODY, ASYNCHRONOUS, all_in, measurement("power: 5 nW", model))
    assert idle.reason == "the chip's energy is all-in, and synaptic operations are not published"
    with pytest.raises(InputError, match="must be real_time"):
        checks_of(BODY, ASYNCHRONOUS, all_in, measurement("power: 5 nW", model.replace("real_time", "accelerated")))


@pytest.mark.parametrize(
    ("bound", "measured", "holds"),
    [("lower", 2, True), ("lower", 0.5, False), ("upper", 2, False), ("upper", 0.5, True)],
)
def test_bounds_hold_on_one_side(bound: str, measured: float, holds: bool) -> None:
    model = f"{{kind: counts, events: {{synaptic_operation: 1000}}, bound: {bound}}}"
    (one,) = checks_of(BODY, ASYNCHRONOUS, ENERGIES, measurement(f"energy: {measured} nJ", model))
    assert (one.status, one.bound_holds) == ("bound", holds)


# summaries and JSON --------------------------------------------------------------------------------------------------


def several(*published: tuple[str, str]) -> Chip:
    entries = "".join(
        measurement(value, model).replace("\nvalidation:\n", "").replace("a run", f"run {position}") + "\n"
        for position, (value, model) in enumerate(published)
    )
    return chip_from(f"{BODY}{ASYNCHRONOUS}{ENERGIES}\nvalidation:\n{entries}")


def test_a_summary_leaves_fits_and_bounds_out_of_its_errors() -> None:
    count = "{kind: counts, events: {synaptic_operation: 1000}%s}"
    summary = validation_summary(
        several(
            ("energy: 1 nJ", count % ""),  # exact
            ("energy: 2 nJ", count % ""),  # −50 %
            ("energy: 0.5 nJ", count % ""),  # +100 %
            ("energy: 4 nJ", count % ", fitted: [energies.synaptic_operation]"),
            ("energy: 0.9 nJ", count % ", bound: lower"),  # contradicted
            ("energy: 1 J", "{kind: none, reason: nobody counted}"),
            ("accuracy: 0.9", "{kind: none, reason: no energy}"),
        )
    )
    assert summary == (
        "4 of 6 published measurements recomputed; errors −50 % to +100 %, median 50 % "
        "(1 fitted on the same point left out); 1 more bounded; 1 of 1 bounds contradicted"
    )
    nothing = chip_from(f"{BODY}{ASYNCHRONOUS}")
    assert validation_summary(nothing) == "no end-to-end measurement is published"


def test_percents_have_two_digits() -> None:
    assert [percent(share) for share in (0.0044, -0.0049, 0.72, -1.0, 27.03, 0.0001, -0.0003, 0.0996)] == [
        "+0.4 %",
        "−0.5 %",
        "+72 %",
        "−100 %",
        "+2,703 %",
        "0.0 %",
        "0.0 %",
        "+10 %",
    ]


def test_json_holds_every_field_and_the_errors() -> None:
    rows = json.loads(json.dumps(validation_json(validate(find_chip("odin")))))
    first = rows[0]
    assert set(first) == {*Check.__dataclass_fields__, "error_low", "error_high", "bound_holds"}
    assert first["error_low"] == first["model_low"] / first["measured"] - 1
    assert [row["bound_holds"] for row in rows] == [None, None, True]


# mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("{kind: count, events: {synaptic_operation: 1}}", "kind"),
        ("{kind: counts}", "needs 'events', a 'duration', or both"),
        ("{kind: counts, duration: 0 s}", "must be above 0"),
        ("{kind: counts, events: {synaptic_operations: 1}}", "did you mean 'synaptic_operation'"),
        ("{kind: counts, events: {synaptic_operation: [2, 1]}}", "in this order"),
        ("{kind: counts, events: {synaptic_operation: many}}", "a list [low, high], found 'many'"),
        ("{kind: counts, events: {synaptic_operation: -1}}", "greater than or equal to 0"),
        ("{kind: counts, duration: 1 mJ}", "quantity in s"),
        ("{kind: steps}", "steps' is missing"),
        ("{kind: none}", "reason' is missing"),
    ],
)
def test_mistakes_in_a_model_have_a_line(model: str, reason: str) -> None:
    with pytest.raises(DocumentError) as raised:
        chip_from(BODY + ASYNCHRONOUS + measurement("energy: 1 J", model))
    assert any(reason in problem.message and problem.line >= 17 for problem in raised.value.problems), raised.value


@pytest.mark.parametrize(
    ("model", "line", "reason"),
    [
        ("\n      kind: steps\n      steps: 1\n      overrides:\n        tim.hop: 1 s", 4, "no parameter 'tim.hop'"),
        ("\n      kind: steps\n      steps: 1\n      overrides:\n        clock: 1 s", 4, "quantity in Hz"),
        ("\n      kind: steps\n      steps: 1\n      fitted: [static_power, static]", 3, "no number 'static'"),
        ("\n      kind: steps\n      steps: 1\n      chips: 2", 3, "no multi_chip, found 2"),
        ("\n      kind: steps\n      steps: 1\n      cores: 5", 3, "must be at most 4"),
    ],
)
def test_what_the_chip_does_not_have_is_a_mistake_with_a_line(
    tmp_path: Path, model: str, line: int, reason: str
) -> None:
    text = HEAD.format(name="tiny") + BODY + ASYNCHRONOUS + ENERGIES + measurement("energy: 1 J", model)
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as raised:
        load_chip(path)
    (problem,) = raised.value.problems
    start = next(number for number, one in enumerate(text.splitlines(), 1) if one.strip() == "model:")
    assert problem.line == start + line
    assert reason in problem.message
    with pytest.raises(InputError, match="measurement 'a run'"):
        validate(parse_document(text, "tiny.yaml", Chip))
