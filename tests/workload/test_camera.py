from __future__ import annotations

import hashlib
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import dense

from codesign.workload.binning import binned
from codesign.workload.camera import CAMERA_VERSION, SaccadeCamera
from codesign.workload.spec import ResolvedSpec


def record(camera, images, *, timestep_s=0.01, timesteps=10):
    ids = np.arange(len(images))
    seen = camera.events(images, round(timesteps * timestep_s * 1e9))
    spec = ResolvedSpec.model_construct(name="seen", timestep=timestep_s, timesteps=timesteps)
    return binned(seen, ids % 10, sample_ids=ids, input_size=2 * camera.height * camera.width, spec=spec)


def frames(batch, camera):
    """(B, T, 2, height, width)."""
    return dense(batch).reshape(len(batch), batch.timesteps, 2, camera.height, camera.width)


def random_images(seed, count=3, size=6):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.uint8)


def images_by_formula():
    """(2, 8, 8) grey images that need no random numbers."""
    y, x = np.mgrid[:8, :8]
    return np.stack([(37 * x * y + 11 * x) % 256, 255 * ((x + y) % 3 == 0)]).astype(np.uint8)


def test_one_white_pixel_by_hand():
    """A threshold of exactly black to white: a pixel fires when the image's only pixel covers it fully, or no more.

    The triangle is centred: (9 − 1 − 4) / 2 = 2, so the pixel goes from x = 2, y = 2 to x = 4, y = 6, and is halfway
    (x = 3, y = 4) at 50 ms. It has left (2, 2) once s(τ) · 4 ≥ 1, in the first half, and (4, 3) in the second.
    At half of the threshold, the whole way is seen twice.
    """
    image, of_full = np.full((1, 1, 1), 255, np.uint8), math.log(11)
    camera = SaccadeCamera(height=9, width=9, travel=4, contrast=of_full)
    seen = frames(record(camera, image, timestep_s=0.05, timesteps=2), camera)[0]
    off, on = 0, 1
    expected = np.zeros_like(seen)
    expected[0, off, 2, 2] = 1
    expected[0, on, 4, 3] = 1
    expected[1, off, 4, 3] = 1
    expected[1, on, 6, 4] = 1
    assert np.array_equal(seen, expected)
    camera = SaccadeCamera(height=9, width=9, travel=4, contrast=of_full / 2)
    seen = frames(record(camera, image, timestep_s=0.1, timesteps=1), camera)[0, 0]
    assert [seen[off, 2, 2], seen[on, 6, 4], seen[on, 4, 3], seen[off, 4, 3]] == [2] * 4


@settings(max_examples=3)
@given(st.integers(0, 1000))
def test_an_image_is_seen_the_same_whatever_is_beside_it(seed):
    camera = SaccadeCamera(height=12, width=12, travel=3, contrast=0.3)
    images = random_images(seed, count=70)  # more than one chunk
    together = frames(record(camera, images), camera)
    for n in (0, 63, 64, 69):
        assert np.array_equal(frames(record(camera, images[n : n + 1]), camera)[0], together[n])


def test_the_version_is_raised_whenever_events_change():
    """Caches and fingerprints rely on it. After a wanted change: raise CAMERA_VERSION and write the hash anew."""
    batch = record(SaccadeCamera(height=16, width=16, magnification=1.5, travel=4), images_by_formula(), timesteps=30)
    content = b"".join(array.tobytes() for array in (batch.offsets, batch.indices, batch.values))
    golden = {1: "b43d25b87c99b1cc1e78854a944dc740f6fa2727aace81b3e5a2a64a6f3c7994"}
    assert hashlib.sha256(content).hexdigest() == golden[CAMERA_VERSION]
