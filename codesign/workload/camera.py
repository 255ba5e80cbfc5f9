"""A simulated event camera that looks at a still image while making saccades, like the recording of N-MNIST.

The image is moved over the sensor along a triangle, one side per saccade of 100 ms: down and right, up and right, back
left. Along a side the displacement is s(τ) = 10τ³ − 15τ⁴ + 6τ⁵ (minimum jerk), so that the event rate rises and falls
within a saccade as in the recordings. Every millisecond, each pixel compares the logarithm of its intensity
with the level of its last event; it emits one ON or OFF event per threshold crossed and moves its level accordingly.

Pixels are ideal: no noise, no mismatch, no refractory time. Everything after the table of logarithms is integer
arithmetic (or float32 arithmetic on integers below 2²⁴, which is exact), so a recording depends neither on other images
nor on the machine.

Source of the geometry: Orchard et al., "Converting static image datasets to spiking neuromorphic datasets using
saccades", Frontiers in Neuroscience 9:437 (2015), doi:10.3389/fnins.2015.00437. The speed profile and the default
threshold are ours, chosen so that the number of events in the first 100 ms is that of N-MNIST recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Integers
from codesign.workload.binning import Events
from codesign.workload.raw_events import bin_edges_ns
from codesign.workload.spec import ResolvedSpec

CAMERA_VERSION = 1
"""Raise it whenever the same image gives different events; part of cache keys and fingerprints."""

SACCADES = 3
SACCADE_MS = 100

_SUBPIXELS = 64  # resolution of positions and interpolation weights: 255 · 64² < 2²⁴ keeps float32 exact
_LEVELS = 4080  # intensities in the table of logarithms: 255 · 16
_UNITS = 64  # levels of a pixel per threshold
_BACKGROUND = 0.1  # intensity of black relative to white, added to every pixel to keep the logarithm finite
_AT_ONCE = 64  # images processed at once


@dataclass(frozen=True, kw_only=True)
class SaccadeCamera:
    """Geometry and pixels of the camera.

    Attributes:
        height, width: size of the sensor, in pixels.
        magnification: sensor pixels per image pixel, at least 1.
        travel: sensor pixels that the image moves, horizontally and vertically; the triangle is centred on the sensor.
        contrast: threshold θ of a pixel, a change of ln(intensity).
    """

    height: int
    width: int
    magnification: float = 1.0
    travel: float = 7.0
    contrast: float = 0.55

    def reader(self, images: Callable[[], NDArray[np.uint8]]) -> Callable[[Integers, ResolvedSpec], Iterator[Events]]:
        """A function that records the images at given positions of an (N, h, w) uint8 array, which is read when needed,
        with the contrast and duration of a spec."""

        def read(positions: Integers, spec: ResolvedSpec) -> Iterator[Events]:
            assert spec.contrast is not None, "a dataset of this camera has a usual contrast"
            end_ns = int(bin_edges_ns(spec.timestep, spec.timesteps)[-1])
            return replace(self, contrast=spec.contrast).events(images()[positions], end_ns)

        return read

    def events(self, images: NDArray[np.uint8], end_ns: int) -> Iterator[Events]:
        """The events of each of (B, h, w) uint8 images (0 is black), up to `end_ns` or the end of the three saccades;
        input index = (channel · height + y) · width + x with channel 0 for OFF and 1 for ON."""
        for start in range(0, len(images), _AT_ONCE):
            seen = images[start : start + _AT_ONCE]
            sample, *events = self._events(seen, end_ns)
            for number in range(len(seen)):
                times_ns, inputs = (column[sample == number] for column in events)
                yield times_ns, inputs

    def _events(self, images: NDArray[np.uint8], end_ns: int) -> Integers:
        """(3, events) image, time in ns and input of each event."""
        _, rows, columns = images.shape
        table, light, pixels = self._table(), images.astype(np.float32), self.height * self.width
        views = self._views(rows, columns, end_ns)
        _, down, across = next(views)
        reference = self._see(light, down, across, table)
        events = [np.zeros((3, 0), dtype=np.int64)]
        for instant_ns, down, across in views:
            change = self._see(light, down, across, table) - reference
            passed = np.sign(change) * (np.abs(change) // _UNITS)
            reference += passed * _UNITS
            place = np.flatnonzero(passed)
            count = passed.ravel()[place]
            sample, pixel = np.divmod(np.repeat(place, np.abs(count)), pixels)
            inputs = pixel + pixels * np.repeat(count > 0, np.abs(count))
            events.append(np.stack([sample, np.full_like(sample, instant_ns), inputs]))
        return np.concatenate(events, axis=1)

    def _table(self) -> NDArray[np.int16]:
        """Level of each intensity 0 … _LEVELS, in units of θ / _UNITS."""
        intensity = np.arange(_LEVELS + 1, dtype=np.float64) / _LEVELS + _BACKGROUND
        levels = np.log(intensity / _BACKGROUND) / self.contrast * _UNITS
        table: NDArray[np.int16] = np.rint(levels).astype(np.int16)
        return table

    @staticmethod
    def _see(
        light: NDArray[np.float32], down: NDArray[np.float32], across: NDArray[np.float32], table: NDArray[np.int16]
    ) -> NDArray[np.int16]:
        """(B, height, width) levels of all pixels at one position of the image."""
        intensity = np.matmul(np.matmul(down, light), across.T)
        index = (intensity * np.float32(_LEVELS / 255 / _SUBPIXELS**2)).astype(np.intp)
        levels: NDArray[np.int16] = np.take(table, index)
        return levels

    def _views(
        self, rows: int, columns: int, end_ns: int
    ) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
        """Vertical (height, rows) and horizontal (width, columns) interpolation at 0, 1, 2 … ms, leaving out
        standstills. Each view comes with the middle of the millisecond in which the image got there."""
        seen: tuple[int, int] | None = None
        for millisecond in range(end_ns // 1_000_000 + 1):
            x, y = _position(millisecond)
            left = round(_SUBPIXELS * ((self.width - columns * self.magnification - self.travel) / 2 + x * self.travel))
            top = round(_SUBPIXELS * ((self.height - rows * self.magnification - self.travel) / 2 + y * self.travel))
            if (left, top) != seen:
                seen = (left, top)
                yield (
                    millisecond * 1_000_000 - 500_000,
                    _interpolation(self.height, rows, self.magnification, top / _SUBPIXELS),
                    _interpolation(self.width, columns, self.magnification, left / _SUBPIXELS),
                )


def _position(millisecond: int) -> tuple[float, float]:
    """(x, y) of the image in units of the travel."""
    corners = [(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.0, 0.0)]
    saccade, elapsed = divmod(millisecond, SACCADE_MS)
    if saccade >= SACCADES:
        return corners[-1]
    tau = elapsed / SACCADE_MS
    share = tau**3 * (10 - 15 * tau + 6 * tau**2)
    (x0, y0), (x1, y1) = corners[saccade], corners[saccade + 1]
    return x0 + share * (x1 - x0), y0 + share * (y1 - y0)


def _interpolation(pixels: int, image_pixels: int, magnification: float, start: float) -> NDArray[np.float32]:
    """(pixels, image_pixels) linear interpolation weights, integers out of _SUBPIXELS; black beyond the image."""
    coordinate = (np.arange(pixels) + 0.5 - start) / magnification - 0.5
    before = np.floor(coordinate)
    later = np.rint((coordinate - before) * _SUBPIXELS)
    weights = np.zeros((pixels, image_pixels), dtype=np.float32)
    for neighbour, weight in ((before, _SUBPIXELS - later), (before + 1, later)):
        inside = (neighbour >= 0) & (neighbour < image_pixels)
        weights[np.flatnonzero(inside), neighbour[inside].astype(np.intp)] += weight[inside]
    return weights
