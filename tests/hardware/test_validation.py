"""Published measurements against values worked out by hand from the chips' numbers."""

from __future__ import annotations

import re

import pytest
from handmade_hardware import ASYNCHRONOUS, HEAD, STATED, barrier, chip_from, group, near, number, timer
from mistakes_found import mistakes_of
from scripts import script

from codesign.cli.chip_pages import validation_markdown
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.library import chip_names, chip_variant, find_chip, load_chip
from codesign.hardware.validation.validation import Check, contradictions, validate, validation_summary
from codesign.relative_error import percent

BODY = f"""
cores: {number(4)}
neurons_per_core: {number(8)}
layers_share_core: false
vector_width: {number(2)}
clock: {number("1 MHz")}
"""

ENERGIES = group("energies", synaptic_operation=number("1 pJ", all_in="false"), neuron_access="10 pJ")
ENERGIES += f"static_power: {{chip: {number('1 uW')}}}\n"
CYCLES = {"synaptic_operation": 3, "message": 1, "neuron_update": 5, "output": 2}
TIMES = group("times", **{name: f"{{cycles: {cycles}, {STATED}}}" for name, cycles in CYCLES.items()})
CHIP = BODY + ASYNCHRONOUS + ENERGIES
BARRIER, TIMER = barrier("1: 10 us, 4: 40 us"), timer(4)


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


def test_a_time_does_not_depend_on_a_power_that_was_fitted() -> None:
    model = "{kind: steps, steps: 4, work: {messages: 1}, events: {message: 0}, fitted: [static_power.chip]}"
    time, energy = checks_of(BODY, BARRIER, ENERGIES, TIMES, measurement("latency: 200 us\n    energy: 1 nJ", model))
    assert {one.quantity: (one.status, one.fitted) for one in (time, energy)} == {
        "latency": ("recomputed", ()),
        "energy": ("fitted", ("static_power.chip",)),
    }


# published numbers ---------------------------------------------------------------------------------------------------


def odin_w(clock_hz: float) -> float:
    return 27.3e-6 + 1.78e-12 * clock_hz + 8.43e-12 * clock_hz / 2


PUBLISHED = {
    ("odin", "power at 75 MHz", "power"): {"model_low": odin_w(75e6), "measured": 477e-6, "status": "recomputed"},
    ("odin", "power at 1.3 MHz", "power"): {
        "model_low": odin_w(1.3e6),
        "status": "recomputed",
        "overrides": ("clock = 1.3 MHz",),
    },
    # the all-in energy does not hold at the other point
    ("odin_allin", "power at 1.3 MHz", "power"): {"error": 12.7e-12 * 0.65e6 / 35e-6 - 1},
    ("truenorth", "fit's third point", "power"): {
        "model_low": near(64.43e-3 + 2.297e-12 * 20.07 * 2**20 * 128, rel=1e-5),  # so many Hz, 128 synapses each
        "status": "recomputed",
        "error": pytest.approx(70.62e-3 / 71e-3 - 1, abs=1e-4),
    },
    ("truenorth", "MNIST, large", "energy"): {"model_low": 1e-3 * 64.43e-3 * 1920 / 4096, "bound_holds": True},
    # ticks and the filter
    ("truenorth", "DVS gestures", "latency"): {"model_low": 16e-3 + 80e-3, "error": 96 / 105 - 1},
    ("loihi_davies2018", "nearest-neighbor query", "energy"): {
        "model_low": 51.2e6 * 23.6e-12 + 4.608e6 * 52e-12,
        "model_high": 57.6e6 * 23.6e-12 + 4.608e6 * 52e-12,
        "errors": pytest.approx((0.0887, 0.2022), abs=1e-4),
        "error": pytest.approx(0.2022, abs=1e-4),
    },
    # 14 cores are on 4 tiles, whose barrier takes 1.4 µs; 100 steps
    ("loihi_sanafe", "MNIST convolutional network", "latency"): {
        "model_low": 100 * 1.4e-6,
        "status": "bound",
        "bound": "lower",
        "bound_holds": True,
    },
    ("loihi_sanafe", "step of a million patterns", "latency"): {"model_low": 16.2e-6, "bound_holds": False},
    ("speck", "event through nine layers", "latency"): {"model_low": 1.58e-6 + 8 * 0.2225e-6},
    ("mubrain", "MNIST", "energy"): {
        "model_low": (6400 * 64 + 5100 * 10) * 0.185e-12 + 52.3e-6 * 4.2e-3,
        "model_high": (6400 * 64 + 5100 * 16) * 0.185e-12 + 52.3e-6 * 4.2e-3,
        "status": "fitted",
    },
    ("mubrain_layersync2024", "SHD projection", "energy"): {
        "model_low": near(13.21e-6, rel=1e-3),
        "status": "arithmetic",
    },
    ("spinnaker_stromatias2013", "MNIST deep belief network, benchmark", "power"): {
        "model_low": 5 * (0.559 / 17 + 34e-3) + 1.88e6 * 8e-9 + 1.01e6 * 26e-9
    },
    # all that is powered: chip, host, 72 cores in use and 56 off
    ("loihi_sanafe", "booted chip without work", "power"): {
        "model_low": 28.8e-3 + 23e-3 + 72 * 0.47e-3 + 56 * 0.347e-3
    },
    ("loihi2", "PilotNet, leaky neurons, time of a step", "latency"): {
        # operations, receptions, visits and updates, spikes and sending, the barrier
        "model_low": 2733.75 * 62.1388 * 0.76e-9 + 2733.75 * 5.1e-9 + 2424 * 4.85e-9 + 472.5 * 4.6e-9 + 0.2e-6,
        "measured": 152.85e-6,
        "status": "recomputed",
    },
}


@pytest.mark.parametrize("published", PUBLISHED, ids=" ".join)
def test_published_measurements_by_hand(published: tuple[str, str, str]) -> None:
    one = check(*published)
    for attribute, value in PUBLISHED[published].items():
        close = near(value) if isinstance(value, float) else value
        assert getattr(one, attribute) == close, attribute


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


def test_counts_charge_events_alone_or_over_a_duration_static_power_too() -> None:
    (one,) = checks_of(CHIP, measurement("energy: 1 nJ", "{kind: counts, events: {synaptic_operation: 500}}"))
    assert (one.model_low, one.not_modelled) == (near(500e-12), "static power is left out")
    model = "{kind: counts, events: {synaptic_operation: [500, 1000], neuron_access: 10}, duration: 1 ms}"
    energy, power = checks_of(CHIP, measurement("energy: 1 nJ\n    power: 2 uW", model))
    assert (energy.model_low, energy.model_high) == near((500e-12 + 100e-12 + 1e-9, 1000e-12 + 100e-12 + 1e-9))
    assert (power.model_low, power.model_high) == near((1.6e-6, 2.1e-6))


PARTS = "chip: {}, core_in_use: {}, core_off: {}, host: {}".format(*map(number, ("4 W", "3 W", "2 W", "50 W")))


@pytest.mark.parametrize(
    ("counted", "static", "clock"),
    [
        ("board", 4 + 3 + 3 * 2 + 50, 8),
        ("cores_in_use", 4 / 4 + 3, 8 / 4),
        ("[chip_share, core_in_use, host]", 4 / 4 + 3 + 50, 8 / 4),
        ("[chip, core_in_use]", 4 + 3, 8),
        ("[core_in_use]", 3, 8),
        ("[]", 0, 8),
    ],
)
def test_a_measurement_says_what_of_static_power_and_clock_is_in_it(counted: str, static: float, clock: float) -> None:
    """One of four cores in use for a second, beside operations of 1 W and a clock of 8 W, which counts whole where not
    a share of the chip does."""
    cycle = f"  clock_cycle: {number('8 uJ')}"
    whole, clock_alone = (re.sub("static_power: .*", of, CHIP) for of in (f"{cycle}\nstatic_power: {{{PARTS}}}", cycle))
    for chip, events, watts in ((whole, "synaptic_operation: 1.0e12", 1 + static + clock), (clock_alone, "", clock)):
        model = f"{{kind: counts, events: {{{events}}}, duration: 1 s, cores: 1}}"
        (one,) = checks_of(chip, measurement(f"power: 1 W\n    counted: {counted}", model))
        assert one.model_low == near(watts)
        assert chip is clock_alone or not one.not_modelled


def test_numbers_of_an_operating_point_hold_together_whatever_their_order() -> None:
    """Energies follow the voltage of a chip with a structure, but not one that is given for the same run."""
    sizes = {"technology_node": "28 nm", "supply_voltage": "0.8 V", "weight_bits": 8, "potential_bits": 16}
    body = CHIP + "".join(f"{name}: {number(value)}\n" for name, value in (sizes | {"synapses_per_core": 64}).items())
    kind = "synchronization.handshake: 1 us, synchronization: neighbour"
    point = f"energies.synaptic_operation: 5 pJ, supply_voltage: 1 V, {kind}"
    model = f"{{kind: counts, events: {{synaptic_operation: 100}}, overrides: {{{point}}}}}"
    (one,) = checks_of(body, "structure: {memory: sram}\n", measurement("energy: 1 nJ", model))
    assert one.model_low == near(500e-12)


def test_an_asynchronous_event_passes_cores_one_after_another() -> None:
    """A message of 5 synapses on 2 lanes: 3 · 3 + 1 cycles; 3 updates: 2 · 5; one output: 2. Three cores at 1 MHz."""
    model = "{kind: steps, steps: 3, work: {messages: 1, synapses: 5, updates: 3, outputs: 1}, outside: 4 us}"
    (one,) = checks_of(CHIP, TIMES, measurement("latency: 70 us", model))
    assert one.model_low == near(3 * 22e-6 + 4e-6)
    assert one.error == pytest.approx(0, abs=1e-9)


def test_a_barrier_ends_every_step_and_static_power_lasts_as_long() -> None:
    """Two cores are two tiles: 20 µs, and 4 cycles of work."""
    model = "{kind: steps, steps: 10, cores: 2, work: {messages: 1, synapses: 1}, events: {synaptic_operation: 10}}"
    body = measurement("latency: 1 us\n    energy: 1 pJ\n    power: 1 uW", model)
    energy, latency, power = checks_of(BODY, BARRIER, ENERGIES, TIMES, body)
    assert latency.model_low == near(10 * 24e-6)
    assert energy.model_low == near(10e-12 + 240e-6 * 1e-6)
    assert power.model_low == near(energy.model_low / 240e-6)
    assert not energy.not_modelled
    energy, *_ = checks_of(BODY, BARRIER, ENERGIES, TIMES, body.replace("cores: 2, ", ""))
    assert energy.not_modelled == "without `cores`, all 4 count as in use"
    energy, *_ = checks_of(BODY, BARRIER, ENERGIES, TIMES, body.replace("operation: 10}", "operation: 0}"))
    assert energy.model_low == near(240e-6 * 1e-6)  # nothing happened, which is known


def test_ticks_are_counted_one_by_one_and_stretch() -> None:
    (one,) = checks_of(BODY, TIMER, ENERGIES, measurement("latency: 1 s", "{kind: steps, steps: 7}"))
    assert one.model_low == near(7e-3)
    work = "{kind: steps, steps: 7, work: {messages: 300, synapses: 2}}"  # 300 · 4 cycles: more than a tick
    (one,) = checks_of(BODY, TIMER, ENERGIES, TIMES, measurement("latency: 1 s", work))
    assert one.model_low == near(14e-3)


@pytest.mark.parametrize(
    ("more", "published", "model", "reason"),
    [
        (
            *(ENERGIES, "latency: 1 s", "{kind: steps, steps: 1}"),
            "latency: tiny gives no times.synaptic_operation, times.neuron_update, times.output",
        ),
        (ENERGIES, "energy: 1 J", "{kind: counts, events: {message: 3}}", "tiny gives no energies.message"),
        ("", "power: 1 W", "{kind: counts, duration: 1 s}", "tiny gives no static_power"),
        (
            f"static_power: {{chip: {number('1 W', includes='[spike]')}}}\n",
            *("energy: 1 J", "{kind: counts, events: {spike: 3}}", "tiny gives no energy of these events alone"),
        ),
        ("", "energy: 1 J", "{kind: none, reason: nobody counted}", "nobody counted"),
        ("", "accuracy: 0.9", "{kind: none, reason: no energy}", "no energy"),
    ],
)
def test_what_the_chip_does_not_say_is_a_reason(more: str, published: str, model: str, reason: str) -> None:
    (one,) = checks_of(BODY, ASYNCHRONOUS, more, measurement(published, model))
    assert (one.status, one.reason) == ("not_recomputed", reason)
    if "accuracy" in published:
        assert (one.quantity, one.measured) == (None, None)


def test_an_all_in_energy_holds_everything_and_only_in_its_operation() -> None:
    all_in = f"energies: {{synaptic_operation: {number('1 nJ', all_in='true', operation='real_time')}}}\n"
    model = "{kind: counts, events: {synaptic_operation: 5, message: 9}, duration: 1 s, operation: real_time}"
    (one,) = checks_of(BODY, ASYNCHRONOUS, all_in, measurement("power: 5 nW", model))
    assert one.model_low == near(5e-9)
    model = "{kind: counts, duration: 1 s, operation: real_time}"
    (idle,) = checks_of(BODY, ASYNCHRONOUS, all_in, measurement("power: 5 nW", model))
    assert idle.reason == "the chip's energy is all-in, and synaptic operations are not published"
    with pytest.raises(InputError, match="measured in real_time"):
        checks_of(BODY, ASYNCHRONOUS, all_in, measurement("power: 5 nW", model.replace("real_time", "accelerated")))


# summaries and JSON --------------------------------------------------------------------------------------------------


def several(*published: tuple[str, str]) -> Chip:
    entries = "".join(
        measurement(value, model).replace("\nvalidation:\n", "").replace("a run", f"run {position}") + "\n"
        for position, (value, model) in enumerate(published)
    )
    return chip_from(f"{CHIP}\nvalidation:\n{entries}")


COUNT = "{kind: counts, events: {synaptic_operation: 1000}%s}"  # 1 nJ


def test_summaries_leave_fits_and_bounds_out_of_their_errors() -> None:
    chip = several(
        ("energy: 1 nJ", COUNT % ""),  # exact
        ("energy: 2 nJ", COUNT % ""),  # −50 %
        ("energy: 0.8 nJ", COUNT % ""),  # +25 %
        ("energy: 4 nJ", COUNT % ", fitted: [energies.synaptic_operation]"),
        ("energy: 0.5 nJ", COUNT % ", bound: lower, not_modelled: a | b"),  # contradicted
        ("energy: 0.5 nJ", COUNT % ", bound: upper"),
        ("energy: 1 J", "{kind: none, reason: nobody counted}"),
        ("accuracy: 0.9", "{kind: none, reason: no energy}"),
    )
    assert validation_summary(chip) == (
        "7 published measurements: 4 recomputed, 2 bounded, 1 not recomputed; errors −50 % to +25 %, median 25 % "
        "(3 quantities); 1 quantity left out, fitted on the same point; 1 of 2 bounded quantities contradicted"
    )
    assert script("docs/site/validation.py").summary_markdown([chip]).splitlines() == [
        "| | quantities | median error | worst |",
        "|---|--:|--:|---|",
        "| recomputed | 3 | 25 % | −50 %, *run 1* (`tiny`) |",
        "| fitted on this point | 1 | 75 % | −75 %, *run 3* (`tiny`) |",
        "",
        "1 of 2 bounds contradicted (reasons below); 1 quantities are not recomputed, or are calculations themselves.",
        "",
        "- +100 %, *run 4* (`tiny`)",
    ]
    assert "- *run 4*: a \\| b; static power is left out" in validation_markdown(chip)
    own = chip_from(CHIP + measurement("energy: 1 nJ", COUNT % "").replace("source: made_up", ""))
    assert validation_summary(own) == "1 measurement: 1 recomputed; error 0.0 % (1 quantity)"  # published nowhere


def test_contradictions_are_told_with_both_numbers() -> None:
    contradicted = several(("energy: 0.9 nJ", COUNT % ", bound: lower"), ("energy: 1.1 nJ", COUNT % ", bound: upper"))
    assert contradictions(contradicted) == tuple(
        f"A chip for tests contradicts a measurement: for 'run {run}' its numbers give {at} 1 nJ, and {was} were "
        "measured."
        for run, at, was in ((0, "at least", "900 pJ"), (1, "at most", "1.1 nJ"))
    )
    nothing = chip_from(f"{BODY}{ASYNCHRONOUS}")
    assert validation_summary(nothing) == "its file has no end-to-end measurement"
    other = chip_variant("mubrain", {"can_flush": "yes"})
    assert validation_summary(other) == "its file has no end-to-end measurement; those of mubrain do not count"


def test_percents_have_two_digits() -> None:
    shares = {0.0044: "+0.4 %", -0.0049: "−0.5 %", 0.72: "+72 %", -1.0: "−100 %", 27.03: "+2,703 %"}
    shares |= {0.0001: "0.0 %", -0.0003: "0.0 %", 0.0996: "+10 %"}
    assert {share: percent(share) for share in shares} == shares


# mistakes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("{kind: counts, events: {synaptic_operations: 1}}", "did you mean 'synaptic_operation'"),
        ("{kind: counts, events: {synaptic_operation: [2, 1]}}", "a list [low, high], found [2, 1]"),
        ("{kind: steps}", "steps' is missing"),
        ("{kind: steps, steps: 1, work: {message: 1}}", "'validation.0.model.work.message'; did you mean 'messages'"),
        ("{kind: counts}\n    counted: [cores]", "validation.0.counted.0: must be 'chip', "),
        ("{kind: counts}\n    counted: boards", "validation.0.counted: must be a list"),
    ],
)
def test_mistakes_in_a_measurement_have_a_line(model: str, reason: str) -> None:
    found = mistakes_of(chip_from, BODY + ASYNCHRONOUS + measurement("energy: 1 J", model))
    assert any(reason in told and line >= 17 for line, told in found), found


@pytest.mark.parametrize(
    ("model", "line", "reason"),
    [
        ("overrides: {clock: 1 s}", 3, "quantity in Hz"),
        ("chips: 2", 3, "no multi_chip, found 2"),
        ("cores: 5", 3, "must be at most 4, all cores of 1 chip"),
        ("overrides: {cores: 2}\n      cores: 3", 4, "must be at most 2"),
    ],
)
def test_what_the_chip_does_not_have_is_a_mistake_with_a_line(tmp_path, model, line, reason):
    steps = f"\n      kind: steps\n      steps: 1\n      {model}"
    text = HEAD + CHIP + measurement("energy: 1 J", steps)
    path = tmp_path / "tiny.yaml"
    path.write_text(text)
    ((at, told),) = mistakes_of(load_chip, path)
    start = next(number for number, one in enumerate(text.splitlines(), 1) if one.strip() == "model:")
    assert at == start + line
    assert reason in told
