from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade_hardware import Builder

from codesign.exploration.jobs.summary import Reading, convergence_accuracy, histogram, summary_columns
from codesign.simulation.execution import NOT_REACHED, Execution


def by_hand(*, spiking_readout: bool = True) -> Execution:
    """Three samples, two timesteps, 4-2-2-2: one right, one undecided, one tied and wrong."""
    array = lambda values: np.array(values, dtype=np.int64)  # noqa: E731
    return replace(
        Builder("4-2-2-2", timesteps=2, samples=3).build(),
        labels=array([1, 0, 1]),
        scores=np.array([[0.0, 2.0], [0.0, 0.0], [1.0, 1.0]]),
        output_counts=array([[[0, 1], [0, 1]], [[0, 0]] * 2, [[1, 1], [0, 0]]]),
        spiking_readout=spiking_readout,
        input_events=array([3, 0, 6]),
        emitted=array([[2, 1, 2], [0, 0, 0], [3, 2, 2]]),
        synaptic_operations=array([[6, 4, 2], [0, 0, 0], [12, 6, 4]]),
        forward_steps=array([[4, 3], [0, 0], [5, 0]]),
        contended_steps=array([[2, 1], [0, 0], [3, 0]]),
        steps_to_first_output=array([[3, 3], [NOT_REACHED] * 2, [4, NOT_REACHED]]),
        spikes_to_first_output=array([[2, 1], [NOT_REACHED] * 2, [5, NOT_REACHED]]),
        spikes_to_stop=array([[2, 2], [0, 0], [5, 0]]),
        convergence=array([[[0, 1], [0, 2], [0, 2]], [[0, 0]] * 3, [[1, 0], [1, 1], [1, 2]]]),
        currents_before_firing=array([[0, 2, 3, 0, 0], [0, 0, 7, 0, 0]]),
    )


def test_summary_by_hand():
    columns = summary_columns(by_hand(), Reading())
    third = 1 / 3
    assert columns == {
        "samples": 3,
        "accuracy": pytest.approx(third),
        "right_answers": [1],  # the first sample
        "drained_accuracy": pytest.approx(third),
        "tied_fraction": pytest.approx(third),
        "undecided_fraction": pytest.approx(third),
        "spike_density": pytest.approx(8 / 4 / 3),  # 8 hidden spikes, 4 hidden neurons, 3 samples
        "spike_density_quartiles": pytest.approx([0.375, 0.75, 1.0]),  # of 0, 3/4 and 5/4
        "activation_sparsity": pytest.approx(1 - 12 / 36),  # 12 spikes of 6 neurons in 6 timesteps
        "input_events": 3.0,
        "input_macs": 0.0,
        "layer_spikes": pytest.approx([5 / 3, 1.0, 4 / 3]),
        "layer_operations": pytest.approx([6.0, 10 / 3, 2.0]),
        "dense_operations": 2.0 * 16,
        "forward_steps": 4.0,  # (7 + 0 + 5) / 3
        "contention": 0.5,  # 6 of 12 steps
        "latency_steps": pytest.approx(10 / 3),  # over the three passes that decided
        "latency_spikes": pytest.approx(8 / 3),
        "decided_pass_fraction": 0.5,
        "spikes_per_pass": 1.5,  # 9 spikes in 6 passes
        "decision_timesteps": 2.0,
        "decision_operations": 0.0,  # no messages are listed here
        "decision_spikes": 3.0,  # (4 + 0 + 5) / 3
        "latency_spikes_bins": [0, 1, 2, 3, 4, 5],
        "latency_spikes_counts": [0, 1, 1, 0, 0, 1],
        "convergence_accuracy": pytest.approx([third, third, 2 / 3]),
        "currents_first_layer": [0, 2, 3],
        "currents_other_layers": [0, 0, 7],
    }


def test_an_early_answer_is_read_from_the_execution_that_goes_on():
    early = summary_columns(by_hand(), Reading(decided_after=2))
    assert early["accuracy"] == pytest.approx(2 / 3)  # as in the convergence curve
    assert early["right_answers"] == [0b101]
    assert early["drained_accuracy"] == pytest.approx(1 / 3)
    assert early["decision_spikes"] is None
    assert early["spike_density"] == summary_columns(by_hand(), Reading())["spike_density"]
    assert summary_columns(by_hand(), Reading(last_step=1))["drained_accuracy"] is None


def test_a_margin_is_read_from_an_execution_that_goes_on_or_ended_there():
    """The first sample is one spike ahead after the first timestep; the others never are."""
    late = summary_columns(by_hand(), Reading(margin=1))
    assert late["accuracy"] == late["drained_accuracy"] == pytest.approx(1 / 3)
    assert late["decision_timesteps"] == pytest.approx(5 / 3)
    assert late["decision_spikes"] == pytest.approx(7 / 3)
    assert late["spikes_per_pass"] == 1.5
    counts, one, two = by_hand().output_counts.copy(), np.array([1, 2, 2]), by_hand().spikes_to_stop.copy()
    counts[0, 1] = two[0, 1] = 0
    steps = np.array([[3, NOT_REACHED], [NOT_REACHED] * 2, [4, NOT_REACHED]])
    ended = replace(
        by_hand(), output_counts=counts, timesteps_run=one, spikes_to_stop=two, steps_to_first_output=steps
    ).at_margin(1)
    assert ended.scores.tolist() == [[0, 1], [0, 0], [1, 1]]
    early = summary_columns(ended, Reading(margin=1, ends_samples=True))
    assert early["drained_accuracy"] is None
    for column in ("accuracy", "decision_timesteps", "decision_spikes"):
        assert early[column] == late[column]
    assert early["decided_pass_fraction"] == pytest.approx(2 / 5)  # of the passes run
    assert early["spikes_per_pass"] == pytest.approx(7 / 5)
    never = summary_columns(by_hand(), Reading(margin=3))
    assert (never["decision_timesteps"], never["decision_spikes"]) == (2.0, 3.0)


def test_no_output_spike_at_all_leaves_latencies_open():
    never, none = np.full((3, 2), NOT_REACHED), np.zeros((2, 5), dtype=np.int64)
    silent = replace(by_hand(), steps_to_first_output=never, spikes_to_first_output=never, currents_before_firing=none)
    columns = summary_columns(silent, Reading())
    assert columns["latency_steps"] is columns["latency_spikes"] is None
    assert columns["decided_pass_fraction"] == 0
    assert columns["latency_spikes_bins"] == columns["latency_spikes_counts"] == columns["currents_first_layer"] == []


def test_convergence_ends_with_the_steps_that_were_run():
    curve = convergence_accuracy(by_hand(), last_step=1)
    assert curve == pytest.approx([1 / 3, 1 / 3])
    assert convergence_accuracy(by_hand(spiking_readout=False), last_step=None) is None


@pytest.mark.parametrize(
    ("values", "bins", "counts"),
    [
        ([0, 127], [*range(128)], [1, *[0] * 126, 1]),
        ([1, 128], [*range(0, 130, 2)], [1, *[0] * 63, 1]),
        ([5, 1000], [*range(0, 1001, 8)], [1, *[0] * 124, 1]),
    ],
)
def test_bins_are_the_narrowest_powers_of_two(values, bins, counts):
    assert histogram(np.array(values)) == (bins, counts)
