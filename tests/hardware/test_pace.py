"""How late a chip is that does not keep pace: passes of 2, 2, 1 and 2 ms for frames of 1.5 ms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade_hardware import ASYNCHRONOUS, Builder, barrier, cost_of, group, near, number, timer

from codesign.simulation.execution import NOT_REACHED, Execution

CORE = f"""
cores: {number(1)}
layers_share_core: true
vector_width: {number("all")}
"""
TIMES = group("times", synaptic_operation=number("1 ms", includes="[neuron_update, neuron_access, spike, output]"))
TIMER = timer(2)


@pytest.fixture
def frames() -> Execution:
    """An input spike in each of four frames, answered in all but the third: an operation in each of the two layers."""
    builder = Builder("1-1-1", timesteps=4, timestep_s=1.5e-3)
    for timestep in range(4):
        answered = timestep != 2
        builder.message(-1, 0, 1, timestep=timestep).update(0, 0, 1, int(answered), timestep=timestep)
        if answered:
            builder.message(0, 1, 1, enqueued=0, timestep=timestep).update(1, 1, 1, 1, timestep=timestep)
    return builder.build()


@pytest.mark.parametrize(
    ("body", "late", "decision", "behind"),
    [
        # the last frame waits max(0, max(0, max(0, 2 − 1.5) + 2 − 1.5) + 1 − 1.5)
        (CORE + TIMES + ASYNCHRONOUS, 3 / 4, 2e-3, 0.5e-3),
        # a core does both layers in a step: 1, 2, 2, 1 and 1 ms; the last frame's answer takes the last two
        (CORE + TIMES + barrier("1: 0 s"), 2 / 5, 2e-3, 1e-3),
        # passes of one barrier a layer take as long as without synchronization
        (CORE + TIMES + barrier("1: 0 s", "layer"), 3 / 4, 2e-3, 0.5e-3),
        # two ticks a frame, 0.5 ms more than it lasts
        (CORE + TIMES + TIMER, 1.0, 2e-3, 1.5e-3),
        (CORE + TIMER, 1.0, 2e-3, 1.5e-3),
    ],
    ids=["asynchronous", "barrier", "by layer", "timer", "timer without times"],
)
def test_a_decision_in_real_time_waits_for_the_frames_before_it(frames, body, late, decision, behind):
    accelerated, real_time = (cost_of(frames, body, operation=of).latency for of in ("accelerated", "real_time"))
    assert real_time.late == near([late])
    assert accelerated.decision_s == near([decision])
    assert real_time.behind_s == near([behind])
    assert real_time.decision_s == near([decision + behind])
    never = np.full_like(frames.steps_to_first_output, NOT_REACHED)
    potentials = replace(frames, spiking_readout=False, steps_to_first_output=never)
    assert cost_of(potentials, body, operation="real_time").latency.decision_s == near([decision + behind])
