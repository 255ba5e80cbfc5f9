"""The reference engine against the independent machine, by hand, and against its promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_comparison import run
from hypothesis import given
from machine_oracle import OF_LAYERS, OF_TIMESTEPS, run_sample
from random_cases import Case, cases, examples
from service_oracle import slice_of_neurons

from codesign.simulation.recording import CONVERGENCE_STEPS, CURRENT_BINS


@torch.no_grad()
def assert_equals_oracle(case: Case) -> None:
    execution = run(case, "reference").execution
    layer_of = np.repeat(np.arange(len(execution.shape.layers)), execution.shape.layer_sizes).tolist()
    core_of = layer_of if case.schedule.cores is None else list(case.schedule.cores)
    slice_of = np.array(slice_of_neurons(execution.slices, layer_of, core_of))

    def by_slice(neurons) -> list[int]:
        return np.bincount(slice_of[list(neurons)], minlength=len(execution.slices)).tolist()

    histogram = np.zeros((2, CURRENT_BINS), dtype=np.int64)
    for b in range(len(case.events)):
        expected = run_sample(
            case.network,
            case.frames[b],
            int(case.events.sample_ids[b]),
            case.schedule,
            case.regularization,
            case.seed,
            case.epoch,
        )
        for name in (*OF_LAYERS, *OF_TIMESTEPS):
            assert getattr(execution, name)[b].tolist() == getattr(expected, name), name
        outputs = case.network.layer_slices[-1]
        if case.network.neuron.readout == "spikes":
            counts = np.sum([spikes[outputs] for spikes in expected.spikes], axis=0)
        else:
            counts = np.array(expected.potentials[outputs], dtype=np.float64)
        assert execution.scores[b].tolist() == counts.tolist()
        assert execution.output_counts[b].tolist() == [spikes[outputs] for spikes in expected.spikes]
        assert execution.timesteps_run[b] == expected.timesteps_run
        assert execution.input_events[b] == expected.input_events
        for m in range(CONVERGENCE_STEPS):
            total = np.zeros_like(execution.convergence[b, m])
            for first, history in zip(expected.steps_to_first_output, expected.histories, strict=True):
                if first > 0:
                    total += history[min(first - 1 + m, len(history) - 1)]
            assert execution.convergence[b, m].tolist() == total.tolist()
        for t, active in enumerate(expected.active):
            assert execution.active[b, t].tolist() == by_slice(active)
        assert execution.residual[b].tolist() == by_slice(np.flatnonzero(expected.potentials))
        for row, count in expected.currents:
            histogram[row, min(count, CURRENT_BINS - 1)] += 1
    assert execution.currents_before_firing.tolist() == histogram.tolist()


@examples(150)
@given(cases("tiny"))
def test_networks_do_what_the_machine_does(case: Case):
    assert_equals_oracle(case)


@pytest.mark.thorough
@examples(1000, fresh=True)
@given(cases("tiny"))
def test_more_networks_do_what_the_machine_does(case: Case):
    """Fresh cases catch a rule that means something else in a corner that none of the same 150 has."""
    assert_equals_oracle(case)
