"""What an energy is divided by, what is in it, and at which voltage: optional for a chip of one's own, not for ours."""

from __future__ import annotations

import pytest
from handmade_hardware import chip_from

from codesign.errors import DocumentError

BODY = """cores: {{value: 1, confidence: stated, source: made_up}}
layers_share_core: true
synchronization: {{kind: asynchronous}}
energies:
  {energies}
static_power: {{chip: {{value: 1 mW, confidence: stated, source: made_up}}}}
"""
KNOWN = "confidence: stated, source: made_up"

MISTAKES = {
    f"synaptic_operation: {{value: 26 pJ, all_in: false, per: spike, {KNOWN}}}": (
        "26 pJ is per spike, so it belongs under energies.spike"
    ),
    f"hop_vertical: {{value: 3 pJ, per: barrier_message, {KNOWN}}}": (
        "3 pJ is per barrier_message, so it belongs under energies.barrier_message"
    ),
    f"synaptic_operation: {{value: 26 pJ, all_in: false, static: inside, {KNOWN}}}": (
        "static power is inside, so all_in must be true"
    ),
    f"synaptic_operation: {{value: 1 pJ, all_in: true, operation: accelerated, static: outside, {KNOWN}}}": (
        "must be inside: an all-in energy contains static power"
    ),
    f"spike: {{value: 26 pJ, static: inside, {KNOWN}}}": "it would be counted twice",
    f"spike: {{value: 26 pJ, voltage: 1.1, {KNOWN}}}": "voltage",
    f"spike: {{value: 26 pJ, voltage: 1.1 A, {KNOWN}}}": "or 'not stated'",
}


@pytest.mark.parametrize("energy", MISTAKES)
def test_an_energy_that_is_of_something_else_is_refused(energy: str) -> None:
    with pytest.raises(DocumentError) as raised:
        chip_from(BODY.format(energies=energy))
    assert MISTAKES[energy] in str(raised.value)


@pytest.mark.parametrize("voltage", ["", ", voltage: 0.75 V", ", voltage: not stated"])
def test_a_chip_of_ones_own_may_leave_it_out(voltage: str) -> None:
    chip = chip_from(BODY.format(energies=f"spike: {{value: 26 pJ{voltage}, {KNOWN}}}"))
    assert chip.energies.spike.per is None
