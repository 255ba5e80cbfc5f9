from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np
import pytest

from codesign.workload.cochlea import Cochlea, erb_hz, erb_number, even_loudness
from codesign.workload.wav import Sound


def tone(frequency, *, amplitude=1.0, seconds=0.5, rate=16_000):
    return Sound(
        samples=amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate), rate_hz=rate
    )


def noise(seconds=0.3, rate=8000, seed=0):
    return Sound(samples=np.random.default_rng(seed).normal(size=round(seconds * rate)), rate_hz=rate)


def spikes(cochlea, sound):
    return cochlea.counts(sound)[1].sum(axis=0)


BARE = Cochlea(channels=2, lowest_hz=1000, highest_hz=2000, threshold=0, adaptation=0, spikes_per_s=20_000)
"""Cells that fire 20,000 · √envelope times a second: filters are seen through them."""


def steady(cochlea, sound):
    """(channels,) spikes a second in the second half of a sound."""
    _, counts = cochlea.counts(sound)
    return counts[len(counts) // 2 :].sum(axis=0, dtype=np.int64) / (len(sound.samples) / sound.rate_hz / 2)


def test_the_scale_of_bandwidths():
    # Glasberg and Moore's equations by hand: 24.7 (4.37 + 1) and 21.4 log10(5.37)
    assert erb_hz(1000.0) == pytest.approx(132.639)
    assert erb_number(1000.0) == pytest.approx(15.6214, abs=1e-4)
    # places are even on the scale: in the middle of three 4.37 f/kHz + 1 is the geometric mean, √(1.2185 · 16.732)
    assert Cochlea(channels=3).frequencies_hz == pytest.approx([50, 804.42, 3600], abs=0.01)
    gaps = np.diff(erb_number(Cochlea().frequencies_hz))
    assert gaps == pytest.approx(np.full(349, (erb_number(3600.0) - erb_number(50.0)) / 349))


def test_each_filter_lets_its_own_frequency_through_unchanged():
    assert steady(BARE, tone(1000))[0] == pytest.approx(20_000, rel=0.005)
    assert steady(BARE, tone(2000))[1] == pytest.approx(20_000, rel=0.005)
    assert steady(BARE, tone(1000, amplitude=0.25))[0] == pytest.approx(10_000, rel=0.005)


@pytest.mark.parametrize("frequency", [600, 1200])
def test_a_filters_skirts_are_those_of_four_resonators(frequency):
    bandwidth = 1.019 * 132.639
    magnitude = (1 + ((frequency - 1000) / bandwidth) ** 2) ** -2
    assert steady(BARE, tone(frequency))[0] == pytest.approx(20_000 * math.sqrt(magnitude), rel=0.02)


@pytest.mark.parametrize(("frequency", "rate"), [(120, 44_100), (3000, 16_000)])
def test_a_tone_excites_its_own_place_most_at_every_rate(frequency, rate):
    cochlea = Cochlea(threshold=0, adaptation=0, spikes_per_s=20_000)
    heard = steady(cochlea, tone(frequency, rate=rate))
    places = erb_number(cochlea.frequencies_hz) - erb_number(frequency)
    assert abs(places[heard.argmax()]) < 0.1
    assert heard[np.abs(places) < 0.5].min() > 3 * heard[np.abs(places) > 3].max()


def test_places_that_a_recording_cannot_reach_stay_silent():
    heard = spikes(Cochlea(), noise(rate=4000))
    reached = Cochlea().frequencies_hz <= 1800
    assert heard[reached].min() > 0
    assert heard[~reached].sum() == 0


def test_a_lasting_tone_fades_as_the_equation_says():
    cochlea = dataclasses.replace(BARE, adaptation=0.75, adaptation_s=0.05)
    counts = cochlea.counts(tone(2000, seconds=0.6))[1][:, 1].astype(np.int64)
    assert counts[-100:].sum() == pytest.approx(0.25 * 2000, rel=0.01)
    # ∫ 1 − a (1 − exp(−t/τ)) dt from 20 ms on, when the filter has settled
    expected = 20_000 * (0.25 * 0.1 + 0.75 * 0.05 * (math.exp(-0.02 / 0.05) - math.exp(-0.12 / 0.05)))
    assert counts[20:120].sum() == pytest.approx(expected, rel=0.05)


def test_what_is_below_the_threshold_of_hearing_is_not_heard():
    cochlea = Cochlea(threshold=0.1)
    assert spikes(cochlea, tone(1000, amplitude=0.0)).sum() == 0
    assert spikes(cochlea, tone(1000, amplitude=0.0095)).sum() == 0  # √0.0095 < 0.1
    assert spikes(cochlea, tone(1000, amplitude=0.02)).sum() > 0


def test_neighbours_do_not_fire_in_step():
    cochlea = Cochlea(channels=100, lowest_hz=999, highest_hz=1001, adaptation=0, spikes_per_s=100)
    _, counts = cochlea.counts(tone(1000, seconds=1))
    per_ms = counts[300:].sum(axis=1)
    # 100 cells that fire 90 times a second each: 9 a millisecond, spread evenly
    assert per_ms.mean() == pytest.approx(9, rel=0.03)
    assert 7 <= per_ms.min() <= per_ms.max() <= 11


def test_instants_are_the_middles_of_intervals():
    instants, counts = Cochlea(channels=2).counts(noise(seconds=0.0035))
    assert instants.tolist() == [500_000, 1_500_000, 2_500_000]
    assert counts.shape == (3, 2)
    # 22 samples at 22,050 a second
    assert Cochlea(channels=2).counts(noise(rate=22_050))[0][0] == round(0.5 * 22 / 22_050 * 1e9)


def test_loudness_is_evened():
    for amplitude in (0.01, 0.3):
        even = even_loudness(tone(500, amplitude=amplitude)).samples
        assert math.sqrt(np.mean(even**2)) == pytest.approx(1, rel=1e-6)
    offset = even_loudness(Sound(samples=tone(500).samples + 0.3, rate_hz=16_000)).samples
    assert np.allclose(offset, even_loudness(tone(500)).samples)


def test_silence_around_a_word_does_not_count_for_its_loudness():
    alone = tone(500, amplitude=0.1, seconds=0.2)
    silence = np.zeros(16_000)
    within = even_loudness(Sound(samples=np.concatenate([silence, alone.samples, silence]), rate_hz=16_000))
    assert np.allclose(within.samples[16_000:-16_000], even_loudness(alone).samples, rtol=1e-6)


def test_noise_of_an_empty_recording_is_not_made_loud():
    even = even_loudness(tone(500, amplitude=1e-5)).samples
    assert np.abs(even).max() == pytest.approx(1e-2, rel=1e-6)
    assert np.array_equal(even_loudness(Sound(samples=np.full(10, 0.5), rate_hz=8000)).samples, np.zeros(10))


def test_events_are_the_spikes_of_the_evened_sound():
    cochlea = Cochlea(channels=30)
    sound = noise(seconds=0.1)
    times, places = cochlea.events(sound, 200_000_000)
    instants, counts = cochlea.counts(even_loudness(sound))
    heard = np.zeros_like(counts, dtype=np.int64)
    np.add.at(heard, (np.searchsorted(instants, times), places), 1)
    assert np.array_equal(heard, counts)
    assert len(times) > 100
    early, _ = cochlea.events(sound, 30_000_000)  # what comes later is not computed, and what is the same
    assert np.array_equal(early[early < 30_000_000], times[times < 30_000_000])
    assert early.max() < 33_000_000


def test_spikes_stay_what_stores_know():
    """Stores hold models that were trained on these; where they have to change, raise `Audio.version`."""
    k = np.arange(4000)
    sound = Sound(samples=((k * k * 7919) % 2001 - 1000) / 1000, rate_hz=8000)
    counts = Cochlea().counts(sound)[1]
    assert hashlib.sha256(counts.tobytes()).hexdigest()[:20] == "daf9980a9a72e4d75a15"
