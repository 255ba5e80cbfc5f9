"""Counter-based draws: SplitMix64's published output, and statistics that a bad hash would fail."""

from __future__ import annotations

import numpy as np
import torch

from codesign.simulation.random import Purpose, absorb, purpose_key, sample_key, uniform


def test_absorbing_counts_is_splitmix64():
    # the first outputs of SplitMix64 from state 1234567, as Java's SplittableRandom and Vigna's C code give them
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    key = torch.tensor(1234567, dtype=torch.int64)
    found = [int(absorb(key, i)) & ((1 << 64) - 1) for i in range(4)]
    assert found == published


def test_a_seed_of_numpy_is_the_number_that_it_is():
    for kind in (np.int64, np.int32, np.uint8):
        assert purpose_key(kind(3), kind(0), Purpose.PRIORITY) == purpose_key(3, 0, Purpose.PRIORITY)


def test_draws_are_uniform_and_uncorrelated_between_neighbours():
    ids = np.arange(200)
    keys = absorb(sample_key(0, 0, Purpose.PRIORITY, ids)[:, None], torch.arange(500))
    draws = uniform(keys).numpy()
    ordered, shares = np.sort(draws.ravel()), np.arange(draws.size + 1) / draws.size
    distance = max((shares[1:] - ordered).max(), (ordered - shares[:-1]).max())
    assert distance < 1.95 / draws.size**0.5  # Kolmogorov and Smirnov: more once in a thousand times
    for one, other in ((draws[:, :-1], draws[:, 1:]), (draws[:-1], draws[1:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.01
    assert draws.min() >= 0
    assert draws.max() < 1


def test_purposes_and_seeds_give_different_draws():
    ids = np.arange(100)
    streams = [uniform(sample_key(s, e, purpose, ids)) for s in (0, 1, -1) for e in (0, 1) for purpose in Purpose]
    for i, one in enumerate(streams):
        for other in streams[i + 1 :]:
            assert (one == other).float().mean() < 0.05
