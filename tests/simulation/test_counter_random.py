"""Counter-based draws: SplitMix64's published output. What is drawn for what: the machine of `test_reference.py`."""

from __future__ import annotations

import numpy as np
import torch

from codesign.simulation.random import absorb, purpose_keys


def test_absorbing_counts_is_splitmix64():
    # the first outputs of SplitMix64 from state 1234567, as Java's SplittableRandom and Vigna's C code give them
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    key = torch.tensor(1234567, dtype=torch.int64)
    found = [int(absorb(key, i)) & ((1 << 64) - 1) for i in range(4)]
    assert found == published


def test_a_seed_of_numpy_is_the_number_that_it_is():
    for kind in (np.int64, np.int32, np.uint8):
        assert purpose_keys.__wrapped__(kind(3), kind(0)).tolist() == purpose_keys(3, 0).tolist()
