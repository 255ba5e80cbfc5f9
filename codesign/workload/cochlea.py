"""A simulated cochlea that turns sound into spikes, with one input per place along the basilar membrane.

Places are evenly spaced on the scale of equivalent rectangular bandwidths (Glasberg and Moore 1990): with ERB(f) = 24.7
(4.37 f/kHz + 1) Hz there are E(f) = 21.4 log₁₀(4.37 f/kHz + 1) bandwidths below f. Each place is a gammatone
filter of 4th order (Patterson et al. 1992, Slaney 1993): four one-pole filters in a row with the pole
exp((−2π · 1.019 ERB(f) + 2πi f) / rate) and gain 1 at f. About every millisecond, its hair cell computes

    e ← |filter|                           the envelope, as rectifying and smoothing would find it
    c ← max(√e − θ, 0)                     compression, and a threshold of hearing
    s ← s + (1 − exp(−δ/τ))(c − s)         adaptation
    v ← v + R δ max(c − a s, 0)            integrated, without a leak
    spikes ← ⌊v⌋;  v ← v − ⌊v⌋

so that onsets give more spikes than sustained sound. Nothing is random. Neighbours do not fire in lockstep because
place i starts with v = frac(i φ), where φ is the golden ratio.

First, all sounds are made equally loud (`even_loudness`).

Sums have a fixed order, and coefficients are rounded to multiples of 2⁻³⁰, so that spikes depend neither on the number
of threads nor on the last digit of a machine's exponential function; everything else is IEEE 754 arithmetic and square
roots.

Sources: Glasberg and Moore, Hearing Research 47:103 (1990), doi:10.1016/0378-5955(90)90170-T; Patterson et al.,
Auditory Physiology and Perception (1992) 429, doi:10.1016/B978-0-08-041847-6.50054-X; Slaney, Apple Technical Report 35
(1993). The hair cell is simpler than that of Cramer et al., IEEE TNNLS 33:2744 (2022), doi:10.1109/TNNLS.2020.3044364,
who made the Spiking Heidelberg Digits; R, θ, a and τ are our choice, such that small networks like the paper's learn
from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Floats, Integers
from codesign.workload.binning import Events
from codesign.workload.wav import Sound

_ORDER = 4
_HIGHEST_OF_RATE = 0.45  # filters closer to half the rate are inaccurate
_QUIETEST = 1e-3  # recordings below −60 dB of full scale stay quieter than others: they are only noise
_ACTIVE = 1e-2  # frames within 20 dB of the loudest count as sound


def erb_hz(frequency_hz: Floats | float) -> Any:
    """Equivalent rectangular bandwidth of the filter at a frequency, in Hz."""
    return 24.7 * (4.37e-3 * frequency_hz + 1)


def erb_number(frequency_hz: Floats | float) -> Any:
    """Number of bandwidths below a frequency, which is the place on the basilar membrane."""
    return 21.4 * np.log10(4.37e-3 * frequency_hz + 1)


@dataclass(frozen=True, kw_only=True)
class Cochlea:
    """Places and hair cells.

    Attributes:
        channels: number of places, lowest frequency first.
        lowest_hz, highest_hz: centre frequencies of the first and the last place.
        threshold: θ; 1 is the square root of the envelope of a tone whose root mean square is 1/√2 of the level to
            which sounds are evened.
        adaptation: a, the share of a sustained level that is no longer heard.
        adaptation_s: τ, the time constant of adaptation, in seconds.
        spikes_per_s: R, spikes per second at a level of 1 above the threshold.
    """

    channels: int = 350
    lowest_hz: float = 50.0
    highest_hz: float = 3600.0
    threshold: float = 0.1
    adaptation: float = 0.8
    adaptation_s: float = 0.1
    spikes_per_s: float = 250.0

    @property
    def frequencies_hz(self) -> Floats:
        """(channels,) centre frequency of each place."""
        low, high = erb_number(self.lowest_hz), erb_number(self.highest_hz)
        frequencies: Floats = (10 ** (np.linspace(low, high, self.channels) / 21.4) - 1) / 4.37e-3
        return frequencies

    def counts(self, sound: Sound) -> tuple[Integers, NDArray[np.uint8]]:
        """Spikes of a sound, without changing its loudness.

        Places above 0.45 of the sound's sampling rate stay silent: the sound has nothing there.

        Returns:
            (K,) times in ns, the middles of K intervals of about a millisecond, and (K, channels) spikes in these
            intervals.
        """
        every = max(1, round(sound.rate_hz / 1000))
        interval_s = every / sound.rate_hz
        steps = len(sound.samples) // every
        pole, gain = self._filters(sound.rate_hz)
        counts = np.zeros((steps, self.channels), dtype=np.uint8)
        phase = np.modf(np.arange(self.channels) * ((1 + 5**0.5) / 2))[0]
        approach = _rounded(-np.expm1(-interval_s / self.adaptation_s))
        hair = np.array([self.threshold, approach, self.adaptation, self.spikes_per_s * interval_s])
        _kernel()(sound.samples, pole, gain, hair, phase, every, np.zeros((2 * _ORDER + 1, self.channels)), counts)
        instants = np.rint((np.arange(steps) + 0.5) * (interval_s * 1e9)).astype(np.int64)
        return instants, counts

    def events(self, sound: Sound, end_ns: int) -> Events:
        """The spikes of a sound made as loud as all others, up to about `end_ns`; input index = place."""
        lasting = round((end_ns * 1e-9 + 2e-3) * sound.rate_hz)  # a bit more, so that no interval is cut
        evened = even_loudness(sound)
        instants, counts = self.counts(Sound(samples=evened.samples[:lasting], rate_hz=evened.rate_hz))
        steps, places = np.nonzero(counts)
        spikes = counts[steps, places]
        return np.repeat(instants[steps], spikes), np.repeat(places, spikes)

    def _filters(self, rate_hz: int) -> tuple[NDArray[np.complex128], Floats]:
        """(channels,) poles, and gains that make each filter's amplitude 1 at its centre."""
        centres = self.frequencies_hz
        radius = _rounded(np.exp(-2 * np.pi * 1.019 * erb_hz(centres) / rate_hz))
        angle = 2 * np.pi * centres / rate_hz
        pole = radius * _rounded(np.cos(angle)) + 1j * (radius * _rounded(np.sin(angle)))
        squared = (1 - radius) * (1 - radius)
        gain = np.where(centres <= _HIGHEST_OF_RATE * rate_hz * (1 + 1e-9), 2 * squared * squared, 0.0)
        return pole, gain


def even_loudness(sound: Sound) -> Sound:
    """Remove a sound's constant offset and scale it such that its active frames have a root mean square of 1.

    Frames last 10 ms; those within 20 dB of the loudest are active, so that silence before and after a word does not
    count. Sounds below −60 dB of full scale are amplified by 60 dB only; silence stays silent.
    """
    total = np.cumsum(sound.samples)  # cumulative sums have the same order on every machine
    centred = sound.samples - total[-1] / len(total)
    length = min(max(round(sound.rate_hz / 100), 1), len(centred))
    energy = np.diff(np.cumsum(centred * centred)[length - 1 :: length], prepend=0.0)
    active = energy[energy >= _ACTIVE * energy.max()]
    level = float(np.sqrt(np.cumsum(active)[-1] / (len(active) * length)))
    return Sound(samples=centred / max(level, _QUIETEST), rate_hz=sound.rate_hz)


def _rounded(value: Any) -> Any:
    return np.rint(np.asarray(value) * 2.0**30) / 2.0**30


@cache
def _kernel() -> Any:
    """`_listen`, compiled at the first sound, so that listing data does not need the compiler."""
    from numba import complex128, float64, int64, njit, uint8, void

    line, table = float64[::1], float64[:, ::1]
    signature = void(line, complex128[::1], line, line, line, int64, table, uint8[:, ::1])
    return njit(signature, nogil=True, error_model="numpy")(_listen)


def _listen(
    samples: Floats,
    pole: NDArray[np.complex128],
    gain: Floats,
    hair: Floats,
    phase: Floats,
    every: int,
    memory: Floats,
    counts: NDArray[np.uint8],
) -> None:
    """Fill `counts` (K, channels) from the first K · `every` samples.

    Args:
        hair: θ, 1 − exp(−δ/τ), a, R δ.
        phase: (channels,) initial v.
        memory: scratch memory: real and imaginary part of each stage, and s.
    """
    threshold, approach, adaptation, charge = hair
    steps, places = counts.shape
    real, imaginary, potential = pole.real.copy(), pole.imag.copy(), phase.copy()
    for step in range(steps):
        for sample in samples[step * every : (step + 1) * every]:
            for i in range(places):
                x, y = gain[i] * sample, 0.0
                for stage in range(_ORDER):
                    u, w = memory[2 * stage, i], memory[2 * stage + 1, i]
                    x, y = x + (real[i] * u - imaginary[i] * w), y + (real[i] * w + imaginary[i] * u)
                    memory[2 * stage, i], memory[2 * stage + 1, i] = x, y
        for i in range(places):
            x, y = memory[2 * _ORDER - 2, i], memory[2 * _ORDER - 1, i]
            level = max(np.sqrt(np.sqrt(x * x + y * y)) - threshold, 0.0)
            memory[2 * _ORDER, i] += approach * (level - memory[2 * _ORDER, i])
            potential[i] += charge * max(level - adaptation * memory[2 * _ORDER, i], 0.0)
            spikes = np.floor(potential[i])
            potential[i] -= spikes
            counts[step, i] = min(spikes, 255.0)
