"""Augmentation: what it changes and by how much, from numbers worked out by hand, and that no sample sees its batch."""

from __future__ import annotations

import numpy as np
import pytest
from equality import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import batch_of, dense

from codesign.errors import InputError
from codesign.training.augmentation import Augmentation


def random_batch(grid, *, samples=4, timesteps=3, seed=0, currents=False):
    frames = np.random.default_rng(seed).poisson(0.6, (samples, timesteps, int(np.prod(grid))))
    values = frames * -0.25 if currents else frames
    ids = 7 + np.arange(samples)
    return batch_of(values, ids % 10, sample_ids=ids, currents=currents, grid=grid)


AUGMENTATIONS = st.builds(
    lambda shift, drop, jitter: Augmentation(shift=shift, event_drop=drop, time_jitter=f"{jitter} ms"),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.sampled_from([0, 4, 25]),
)


@settings(max_examples=30)
@given(AUGMENTATIONS, st.permutations(range(4)), st.integers(0, 3), st.integers(1, 3))
def test_no_sample_depends_on_its_batch(augmentation, order, seed, epoch):
    batch = random_batch((2, 3, 4))
    together = augmentation(batch, seed=seed, epoch=epoch)
    assert_same(augmentation(batch.select(order[:3]), seed=seed, epoch=epoch), together.select(order[:3]))


@pytest.mark.parametrize(("grid", "currents"), [((2, 3, 4), False), ((3, 4, 4), True), ((1, 1, 9), False)])
def test_a_sample_is_shifted_as_a_whole_by_every_distance_and_loses_what_leaves_the_grid(grid, currents):
    batch = random_batch(grid, samples=300, currents=currents)
    before = dense(batch).reshape(300, 3, *grid)
    after = dense(Augmentation(shift=2)(batch, seed=0, epoch=1)).reshape(before.shape)
    _, height, width = grid
    padded = np.pad(before, [(0, 0)] * 3 + [(2, 2)] * 2)
    seen = set()
    for sample in range(300):
        fits = {
            (down, across)
            for down in range(-2, 3)
            for across in range(-2, 3)
            if np.array_equal(
                after[sample], padded[sample, :, :, 2 - down : 2 - down + height, 2 - across : 2 - across + width]
            )
        }
        assert fits
        seen |= fits if len(fits) == 1 else set()
    distances = set(range(-2, 3))
    assert seen >= {(down, across) for down in distances if height > 1 or down == 0 for across in distances}


def test_each_sample_loses_a_share_of_its_events_between_none_and_the_most():
    frames = np.full((400, 1, 2), 5000)
    batch = batch_of(frames)
    shares = Augmentation(event_drop=0.6)(batch, seed=0, epoch=1).events / 10_000
    assert shares.min() > 0.4 - 0.02  # five standard deviations of 10,000 events are 0.025
    assert shares.mean() == pytest.approx(0.7, abs=4 * 0.6 / 12**0.5 / 20)
    assert shares.std() == pytest.approx(0.6 / 12**0.5, rel=0.15)


def test_events_move_in_time_by_a_uniform_jitter_and_what_leaves_the_sample_is_lost():
    """An event anywhere in its timestep and a jitter of up to half of one: it leaves it with probability 1/4."""
    frames = np.zeros((20, 3, 5))
    frames[:, 1, 2] = 2000
    batch = batch_of(frames)
    moved = dense(Augmentation(time_jitter="5 ms")(batch, seed=0, epoch=1))
    assert moved[:, :, 2].sum() == 20 * 2000
    share = moved[:, :, 2].mean(axis=0) / 2000
    assert share == pytest.approx([1 / 8, 3 / 4, 1 / 8], abs=0.01)
    # by up to three timesteps: one in six into each of the five nearest, of which three are there
    share = dense(Augmentation(time_jitter="30 ms")(batch, seed=0, epoch=1))[:, :, 2].mean(axis=0) / 2000
    assert share == pytest.approx([1 / 6] * 3, abs=0.01)


def test_draws_are_those_of_seed_and_epoch():
    batch = random_batch((2, 9, 9), samples=20)
    for augmentation in (Augmentation(shift=2), Augmentation(event_drop=0.5), Augmentation(time_jitter="9 ms")):
        first = augmentation(batch, seed=1, epoch=1)
        assert_same(first, augmentation(batch, seed=1, epoch=1))
        assert first != augmentation(batch, seed=2, epoch=1)
        assert first != augmentation(batch, seed=1, epoch=2)


@pytest.mark.parametrize(
    ("augmentation", "batch", "message"),
    [
        ({"shift": 3}, random_batch((1, 5, 3)), r"shift: needs inputs on a grid with longer sides"),
        ({"shift": 1}, random_batch((4, 1, 1)), r"shift: needs inputs on a grid .* found \(4, 1, 1\)"),
        ({"event_drop": 0.1}, random_batch((1, 2, 2), currents=True), "event_drop: is for events, found currents"),
    ],
)
def test_inputs_that_cannot_be_changed_like_that_are_refused(augmentation, batch, message):
    with pytest.raises(InputError, match=f"^augmentation.{message}"):
        Augmentation(**augmentation)(batch, seed=0, epoch=1)
