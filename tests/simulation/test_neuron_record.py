"""What each neuron did in each timestep: by hand, and against the machine written a second time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from machine_oracle import run_sample
from networks import batch_of, network_of
from random_cases import Case, cases, examples

import codesign as cd
from codesign.simulation.schedule import LAYERED, Regularization, Schedule

ONE_BY_ONE = Schedule(policy="fifo", group_size=1, stop="drained")
NAN = math.nan


@pytest.mark.parametrize(
    ("schedule", "highest"), [(LAYERED, -0.125), (ONE_BY_ONE, 0.125), (replace(ONE_BY_ONE, stop="read_early"), 0.125)]
)
def test_a_record_by_hand(schedule: Schedule, highest: float):
    """Two neurons fire at one that keeps half of its potential: over 1/8, then −1/4, unless both arrive at once."""
    network = network_of("2-2-1", [[1.0, 0.0], [0.0, 1.0]], [[0.125, -0.25]], time_constant=f"{0.01 / math.log(2)!r} s")
    found = cd.record(network, batch_of([[[1, 1], [0, 0]]]), schedule)
    assert found.spikes.tolist() == [[[1, 1, 0], [0, 0, 0]]]
    np.testing.assert_array_equal(found.highest, [[[1, 1, highest], [NAN, NAN, NAN]]])
    assert found.potentials.tolist() == [[[0, 0, -0.125], [0, 0, -0.0625]]]


@examples(40)
@given(cases("tiny"))
@torch.no_grad()
def test_a_record_is_what_the_machine_did(case: Case):
    found = cd.record(case.network, case.events, case.schedule, seed=case.seed)
    for b, frames in enumerate(case.frames):
        for t in range(found.spikes.shape[1]):
            so_far = frames[: t + 1], int(case.events.sample_ids[b]), case.schedule, Regularization(), case.seed, 0
            expected = run_sample(case.network, *so_far)
            assert found.spikes[b, t].tolist() == expected.spikes[t]
            assert found.potentials[b, t].tolist() == [float(potential) for potential in expected.potentials]
