"""Counter-based randomness: a draw is a hash of its purpose, so no sample depends on its batch, thread or engine.

The hash absorbs one number after another with the finalizer of SplitMix64 (Steele, Lea and Flood 2014,
doi:10.1145/2660193.2660195): h ← mix(h + (value + 1) · γ). Order: seed, epoch, purpose, sample id, timestep, forward
step, neuron and, if a neuron draws several times, event. A uniform number is the top 24 bits of the hash over 2²⁴.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from codesign.arrays import Integers
from codesign.deferred import torch


class Purpose(Enum):
    """What a draw decides. The values are part of what a seed means and never change."""

    PRIORITY = 1
    INPUT_DROPOUT = 2
    NETWORK_DROPOUT = 3
    REFRACTORY_DROPOUT = 4
    INPUT_PRIORITY = 5
    INPUT_LOSS = 6
    SHIFT = 7
    EVENT_DROP = 8
    TIME_JITTER = 9
    MIXTURE = 10


def _signed(value: int) -> int:
    """A 64-bit pattern as the signed integer stored by torch."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


_GAMMA = _signed(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = _signed(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = _signed(0x94D049BB133111EB)


def _shift_right(value: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical right shift; torch's operator copies the sign bit."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def absorb(key: torch.Tensor, value: torch.Tensor | int) -> torch.Tensor:
    """The key with one more number mixed in. Both are int64; shapes broadcast."""
    if isinstance(value, int):
        value = torch.tensor(value, dtype=torch.int64, device=key.device)
    mixed = key + (value + 1) * _GAMMA
    mixed = (mixed ^ _shift_right(mixed, 30)) * _MULTIPLIER_1
    mixed = (mixed ^ _shift_right(mixed, 27)) * _MULTIPLIER_2
    return mixed ^ _shift_right(mixed, 31)


@lru_cache(maxsize=4)
def purpose_keys(seed: int, epoch: int) -> torch.Tensor:
    """(purposes,) int64 key of all draws for each `Purpose`: everything absorbed before the sample's id. The same for
    all batches of an epoch."""
    start = absorb(absorb(torch.zeros((), dtype=torch.int64, device="cpu"), int(seed)), int(epoch))
    return absorb(start, torch.tensor([purpose.value for purpose in Purpose], device="cpu"))


def sample_key(seed: int, epoch: int, purpose: Purpose, sample_ids: Integers) -> torch.Tensor:
    """(B,) key of each sample's draws for one purpose."""
    place = list(Purpose).index(purpose)
    return absorb(purpose_keys(seed, epoch)[place], torch.from_numpy(sample_ids.copy()))


def uniform(key: torch.Tensor) -> torch.Tensor:
    """float32 uniform numbers in [0, 1), one per key."""
    return _shift_right(key, 40).to(torch.float32) * 2.0**-24


def thin(counts: torch.Tensor, key: torch.Tensor, probability: float | torch.Tensor) -> torch.Tensor:
    """Counts after each event is lost with the given probability, one for all or one per count.

    Each event has its own draw.
    """
    kept = torch.zeros_like(counts)
    present = counts > 0
    number = counts[present].long()
    place = torch.arange(len(number), device=counts.device).repeat_interleave(number)
    event = torch.arange(len(place), device=counts.device) - (number.cumsum(0) - number)[place]
    lost = probability[present][place] if isinstance(probability, torch.Tensor) else probability
    survives = uniform(absorb(key[present][place], event)) >= lost
    kept[present] = torch.zeros_like(counts[present]).index_add_(0, place, survives.to(counts.dtype))
    return kept
