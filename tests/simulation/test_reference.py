"""The reference engine against the independent machine, by hand, and against its promises."""

from __future__ import annotations

import numpy as np
import pytest
from machine_oracle import run_sample
from random_cases import Case, random_case

from codesign.simulation.engine import simulate
from codesign.simulation.execution import Execution
from codesign.simulation.recording import CONVERGENCE_STEPS, CURRENT_BINS


def run(case: Case) -> Execution:
    execution = simulate(
        case.network,
        case.events,
        case.schedule,
        regularization=case.regularization,
        seed=case.seed,
        epoch=case.epoch,
    ).execution
    assert execution is not None
    return execution


def assert_equals_oracle(case: Case) -> None:
    execution = run(case)
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
        assert execution.forward_steps[b].tolist() == expected.forward_steps
        assert execution.emitted[b].tolist() == expected.emitted
        assert execution.evaluations[b].tolist() == expected.evaluations
        assert execution.propagated[b].tolist() == expected.propagated
        assert execution.barrier_messages[b].tolist() == expected.barriers
        assert execution.synaptic_operations[b].tolist() == expected.operations
        assert execution.steps_to_first_output[b].tolist() == expected.steps_to_first
        assert execution.spikes_to_first_output[b].tolist() == expected.spikes_to_first
        assert execution.spikes_to_stop[b].tolist() == expected.spikes_to_stop
        outputs = case.network.layer_slices[-1]
        if case.network.neuron.readout == "spikes":
            counts = np.sum([spikes[outputs] for spikes in expected.spikes], axis=0)
        else:
            counts = np.array(expected.potentials[outputs], dtype=np.float64)
        assert execution.scores[b].tolist() == counts.tolist()
        for m in range(CONVERGENCE_STEPS):
            total = np.zeros_like(execution.convergence[b, m])
            for first, history in zip(expected.steps_to_first, expected.histories, strict=True):
                if first > 0:
                    total += history[min(first - 1 + m, len(history) - 1)]
            assert execution.convergence[b, m].tolist() == total.tolist()
        for row, count in expected.currents:
            histogram[row, min(count, CURRENT_BINS - 1)] += 1
    assert execution.currents_before_firing.tolist() == histogram.tolist()


@pytest.mark.parametrize("seed", range(300))
def test_fully_connected_networks_do_what_the_machine_does(seed: int):
    assert_equals_oracle(random_case(seed))


@pytest.mark.parametrize("seed", range(40))
def test_convolutional_networks_do_what_the_machine_does(seed: int):
    assert_equals_oracle(random_case(10_000 + seed, convolutional=True, batch=2))


@pytest.mark.parametrize("seed", range(30))
def test_potential_readout_does_what_the_machine_does(seed: int):
    assert_equals_oracle(random_case(20_000 + seed, readout="potential"))
