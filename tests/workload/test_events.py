from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from equality import assert_same
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from networks import dense

from codesign.errors import InputError
from codesign.workload.event_rows import MOST_EVENTS
from codesign.workload.events import EventBatch

SHAPES = st.tuples(st.integers(0, 5), st.integers(1, 4), st.integers(1, 6))
COUNTS = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3)))


def batch_of(frames, **options):
    return EventBatch.from_dense(frames, np.arange(len(frames)) % 10, timestep_s=0.01, **options)


@pytest.fixture
def two_samples():
    """Sample 0: input 2 twice in timestep 0. Sample 1: inputs 0 and 1 once each in timestep 1."""
    frames = np.zeros((2, 2, 3))
    frames[0, 0, 2] = 2
    frames[1, 1, :2] = 1
    return EventBatch.from_dense(frames, np.array([7, 4]), timestep_s=0.01)


def test_compressed_rows_by_hand(two_samples):
    assert two_samples.offsets.tolist() == [0, 1, 1, 1, 3]
    assert two_samples.indices.tolist() == [2, 0, 1]
    assert two_samples.values.tolist() == [2, 1, 1]
    assert two_samples.events.tolist() == [2, 2]
    assert two_samples.frame(1).tolist() == [[0, 0, 0], [1, 1, 0]]
    for both in ([0, 1], range(2), torch.arange(2), np.array([True, True])):
        assert_same(two_samples.select(both), two_samples)
    assert two_samples.select(1).events.tolist() == two_samples[-1].events.tolist() == [2]
    assert [sample.labels.tolist() for sample in two_samples] == [[7], [4]]


@pytest.mark.parametrize(
    "made",
    [
        np.ndarray.tolist,
        torch.tensor,
        lambda frames: torch.tensor(frames).to_sparse(),
        lambda frames: torch.tensor(frames).bfloat16().requires_grad_(),
        np.asfortranarray,
    ],
)
def test_frames_of_any_form_are_the_same_batch(made, two_samples):
    labels = torch.tensor([7, 4])
    assert EventBatch.from_dense(made(dense(two_samples)), labels, timestep_s="10 ms") == two_samples


def test_batches_are_equal_where_all_numbers_are(two_samples):
    other = replace(two_samples, values=np.array([2, 1, 3], np.float32))
    assert two_samples == EventBatch.concatenate([two_samples[0], two_samples[1]]) != other


@given(COUNTS, st.data(), st.booleans())
def test_events_of_the_first_timesteps(frames, data, currents):
    timesteps = data.draw(arrays(np.int64, len(frames), elements=st.integers(0, frames.shape[1])))
    counts = frames != 0 if currents else frames
    expected = [sample[:first].sum() for sample, first in zip(counts, timesteps, strict=True)]
    assert batch_of(frames, currents=currents).events_in(timesteps).tolist() == expected


@given(COUNTS, st.data())
def test_select_is_numpy_indexing(frames, data):
    positions = data.draw(st.lists(st.integers(0, len(frames) - 1), max_size=6) if len(frames) else st.just([]))
    positions = np.array(positions, dtype=np.int64)
    chosen = batch_of(frames).select(positions)
    assert np.array_equal(dense(chosen), frames[positions])
    assert np.array_equal(chosen.sample_ids, positions)
    assert np.array_equal(chosen.labels, positions % 10)


@given(COUNTS, st.integers(1, 4))
def test_batches_are_all_samples_in_their_order(frames, batch_size):
    batch = batch_of(frames)
    batches = list(batch.batches(batch_size))
    assert [len(one) for one in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert_same(EventBatch.concatenate([batch[:0], *batches]), batch)


def test_concatenate_refuses_batches_of_different_shape(two_samples):
    with pytest.raises(InputError, match="differ"):
        EventBatch.concatenate([two_samples, replace(two_samples, input_size=4, grid=None)])
    with pytest.raises(InputError, match=r"differ.*grid\): .*\(1, 1, 3\)"):
        EventBatch.concatenate([two_samples.with_grid(None), two_samples])
    listed = two_samples.with_grid([1, 1, two_samples.input_size])
    assert len(EventBatch.concatenate([listed, listed])) == 4
    with pytest.raises(InputError, match="at least one"):
        EventBatch.concatenate([])


GOOD = {
    "offsets": np.array([0, 1, 1, 1, 3]),
    "indices": np.array([2, 0, 1], np.int32),
    "values": np.array([2, 1, 1], np.float32),
    "labels": np.array([7, 4]),
    "sample_ids": np.array([0, 1]),
    "timesteps": 2,
    "input_size": 3,
    "timestep_s": 0.01,
}
NOT_A_NUMBER = float("nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": np.array([2, 0, 3], np.int32)}, "lie in 0 … 2"),
        ({"indices": np.array([2, 1, 0], np.int32)}, "ascend"),
        ({"indices": np.array([2, 1, 1], np.int32)}, "distinct within"),
        ({"offsets": np.array([0, 2, 1, 1, 3])}, "decrease"),
        ({"offsets": np.array([0, 3])}, "offsets must have 5 entries"),
        ({"offsets": np.array([0, 1, 1, 1, 2])}, "start at 0 and end"),
        ({"values": np.array([2, 1, np.nan], np.float32)}, "finite"),
        ({"values": np.array([2, 1, 0.5], np.float32)}, "whole numbers"),
        ({"values": np.array([2, 1, 1e9], np.float32)}, f"up to {MOST_EVENTS} events"),
        ({"labels": np.array([7, -1])}, "labels"),
        ({"grid": (1, 1, 4)}, r"grid must be \(channels, height, width\) of 3 inputs, found"),
    ],
)
def test_a_batch_is_checked_when_it_is_made(change, message):
    EventBatch(**GOOD)
    with pytest.raises(InputError, match=message):
        EventBatch(**{**GOOD, **change})


@pytest.mark.parametrize("name", ["offsets", "indices", "values", "labels", "sample_ids"])
def test_an_array_of_a_batch_has_one_type_and_length(name):
    array = GOOD[name]
    other = "float64" if name != "values" else "int64"
    forms = [array.astype(other), array.astype(np.uint64), array.astype(object), array[:, None]]
    for wrong in (*forms, array[:-1], np.append(array, array[-1:]), array.tolist(), torch.from_numpy(array), None):
        with pytest.raises(InputError, match=r"^events: "):
            EventBatch(**{**GOOD, name: wrong})


NOT_WHOLE = [0, -1, 1.5, 2.0, NOT_A_NUMBER, "2", None, True, 1 << 40]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("timesteps", NOT_WHOLE),
        ("input_size", NOT_WHOLE),
        ("timestep_s", [-0.01, NOT_A_NUMBER, float("inf"), None, True]),
        ("currents", [1, None, "no"]),
    ],
)
def test_a_number_of_a_batch_is_checked(name, values):
    for wrong in values:
        with pytest.raises(InputError, match=f"^events: {name}: must be"):
            EventBatch(**{**GOOD, name: wrong})


def test_currents_are_any_finite_number():
    EventBatch(**{**GOOD, "values": np.array([-0.5, 1e30, 3], np.float32), "currents": True})
    with pytest.raises(InputError, match="finite"):
        EventBatch(**{**GOOD, "values": np.array([-0.5, np.inf, 3], np.float32), "currents": True})


@pytest.mark.parametrize(
    ("frames", "options"),
    [
        (np.ones((2, 3)), {}),
        (np.full((1, 1, 1), 1e300), {}),
        (np.full((1, 1, 1), "a"), {}),
        (np.ones((1, 1, 1)), {"sample_ids": [0.5]}),
    ],
)
def test_frames_that_make_no_batch_are_refused(frames, options):
    with pytest.raises(InputError):
        batch_of(frames, **options)


@pytest.mark.parametrize("make", [EventBatch.from_dense, EventBatch.from_torch])
def test_frames_whose_encoder_would_not_learn_are_refused(make):
    encoder, given = torch.nn.Linear(3, 3), {"timestep_s": 0.01, "currents": True}
    with pytest.raises(InputError, match=r"^frames: events pass no gradient on, .* give \.detach\(\)"):
        make(encoder(torch.ones(2, 2, 3)), torch.arange(2), **given)
    with torch.no_grad():
        assert len(make(encoder(torch.ones(2, 2, 3)), torch.arange(2), **given)) == 2


def test_entries_of_a_batch_cannot_be_written(two_samples):
    for batch in (two_samples, two_samples.select([1]), EventBatch.concatenate([two_samples, two_samples])):
        with pytest.raises(ValueError, match="read-only"):
            batch.indices[0] = 5
