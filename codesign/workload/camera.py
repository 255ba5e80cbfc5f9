"""A simulated event camera that looks at a still image while it makes saccades, as N-MNIST was recorded.

The image is moved over the sensor along a triangle, one side per saccade of 100 ms: down and right, up and right, back
left. Along a side the displacement is s(τ) = 10τ³ − 15τ⁴ + 6τ⁵ (minimum jerk), so that the event rate rises and falls
within a saccade as it does in the recordings. Every millisecond each pixel compares the logarithm of its intensity with
the level of its last event; it emits one ON or OFF event per threshold passed and moves its level by as much.

Pixels are ideal: no noise, no mismatch, no refractory time. Everything after the table of logarithms is integer
arithmetic (or float32 arithmetic on integers below 2²⁴, which is exact), so a recording depends neither on the images
beside it nor on the machine.

Source of the geometry: Orchard et al., "Converting static image datasets to spiking neuromorphic datasets using
saccades", Frontiers in Neuroscience 9:437 (2015), doi:10.3389/fnins.2015.00437. The speed profile and the default
threshold are ours, chosen so that the number of events in the first 100 ms is that of N-MNIST recordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Integers
from codesign.workload.events import EventBatch
from codesign.workload.raw_events import bin_edges_ns
from codesign.workload.spec import ResolvedSpec

CAMERA_VERSION = 1
"""Raised whenever the same image would give other events; part of cache keys and fingerprints."""

SACCADES = 3
SACCADE_MS = 100

_SUBPIXELS = 64  # resolution of positions and interpolation weights: 255 · 64² < 2²⁴ keeps float32 exact
_LEVELS = 4080  # intensities that the table of logarithms tells apart: 255 · 16
_UNITS = 64  # levels of a pixel per threshold
_CHUNK_CELLS = 1 << 21  # cells of dense counts held at a time


@dataclass(frozen=True, kw_only=True)
class SaccadeCamera:
    """Geometry and pixels of the camera.

    Attributes:
        height, width: of the sensor, in pixels.
        magnification: sensor pixels per image pixel, at least 1.
        travel: sensor pixels that the image moves, both across and down; the triangle is centred on the sensor.
        contrast: threshold θ of a pixel, a change of ln(intensity).
        background: intensity of black relative to white, added to every pixel: what makes the logarithm finite.
    """

    height: int
    width: int
    magnification: float = 1.0
    travel: float = 7.0
    contrast: float = 0.55
    background: float = 0.1

    def __post_init__(self) -> None:
        if self.magnification < 1:
            raise ValueError(f"magnification must be at least 1, found {self.magnification}")
        if self.contrast * 500 < math.log((1 + self.background) / self.background):
            raise ValueError(f"contrast is too small to be resolved: {self.contrast}")

    @property
    def input_size(self) -> int:
        """Inputs of a network behind this sensor: ON and OFF channels times pixels."""
        return 2 * self.height * self.width

    def record(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        *,
        sample_ids: NDArray[np.integer],
        timestep_s: float,
        timesteps: int,
    ) -> EventBatch:
        """Look at each image for `timesteps` bins of `timestep_s` seconds.

        Args:
            images: (B, h, w) uint8, 0 black.
            labels, sample_ids: (B,), kept.
            timestep_s, timesteps: at least 1 ms each bin and at most three saccades in all; see `timing`.

        Returns:
            B samples; input index = (channel · height + y) · width + x with channel 0 for OFF and 1 for ON.
        """
        chunk = max(1, min(64, _CHUNK_CELLS // (timesteps * self.input_size)))
        edges = bin_edges_ns(timestep_s, timesteps)
        batches = []
        for start in range(0, max(len(images), 1), chunk):
            part = slice(start, start + chunk)
            frames = self._counts(images[part], edges)
            batches.append(
                EventBatch.from_dense(frames, labels[part], timestep_s=timestep_s, sample_ids=sample_ids[part])
            )
        return EventBatch.concatenate(batches)

    def reader(
        self, images: Callable[[], NDArray[np.uint8]], labels: Integers, sample_ids: Integers
    ) -> Callable[[Integers, ResolvedSpec], EventBatch]:
        """A function that records images at some positions, of (N, h, w) uint8 that are read when they are needed, with
        (N,) labels and ids and a spec's contrast and timing."""

        def read(positions: Integers, spec: ResolvedSpec) -> EventBatch:
            assert spec.contrast is not None, "a dataset of this camera has a usual contrast"
            return replace(self, contrast=spec.contrast).record(
                images()[positions],
                labels[positions],
                sample_ids=sample_ids[positions],
                timestep_s=spec.timestep,
                timesteps=spec.timesteps,
            )

        return read

    def _counts(self, images: NDArray[np.uint8], edges_ns: Integers) -> NDArray[np.uint16]:
        """(B, T, 2, height, width) events of each pixel in each bin."""
        batch, rows, columns = images.shape
        table = self._table()
        light = images.astype(np.float32)
        counts = np.zeros((batch, len(edges_ns) - 1, 2, self.height, self.width), dtype=np.uint16)
        views = self._views(rows, columns, int(edges_ns[-1]))
        _, down, across = next(views)
        reference = self._see(light, down, across, table)
        for instant_ns, down, across in views:
            bin_ = int(np.searchsorted(edges_ns, instant_ns, side="right")) - 1
            change = self._see(light, down, across, table) - reference
            events = np.sign(change) * (np.abs(change) // _UNITS)
            reference += events * _UNITS
            counts[:, bin_, 0] += np.maximum(-events, 0).astype(np.uint16)
            counts[:, bin_, 1] += np.maximum(events, 0).astype(np.uint16)
        return counts

    def _table(self) -> NDArray[np.int16]:
        """Level of each intensity 0 … _LEVELS, in units of θ / _UNITS."""
        intensity = np.arange(_LEVELS + 1, dtype=np.float64) / _LEVELS + self.background
        levels = np.log(intensity / self.background) / self.contrast * _UNITS
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
        """Interpolation down (height, rows) and across (width, columns) at 0, 1, 2 … ms, leaving out standstills. The
        instant that comes with a view is the middle of the millisecond in which the image got there."""
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
    """(pixels, image_pixels) linear interpolation, whole numbers out of _SUBPIXELS; black beyond the image."""
    coordinate = (np.arange(pixels) + 0.5 - start) / magnification - 0.5
    before = np.floor(coordinate)
    later = np.rint((coordinate - before) * _SUBPIXELS)
    weights = np.zeros((pixels, image_pixels), dtype=np.float32)
    for neighbour, weight in ((before, _SUBPIXELS - later), (before + 1, later)):
        inside = (neighbour >= 0) & (neighbour < image_pixels)
        weights[np.flatnonzero(inside), neighbour[inside].astype(np.intp)] += weight[inside]
    return weights
