"""Sound from wav files: PCM of 8, 16, 24 or 32 bits and floats of 32 or 64, any number of channels, any rate.

Decoded by scipy, which accepts truncated files as shorter ones. So truncation is checked here: a damaged file is an
error that names it, and nothing is guessed.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Floats
from codesign.errors import DataError
from codesign.workload.datasets.reading import content_of, reading

_TYPES = ("u1", "<i2", "<i4", "<f4", "<f8")  # 24 bits are the upper ones of 32
_OR_CONVERT = ", or convert it to PCM of 8, 16, 24 or 32 bits or to floats of 32 or 64"


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A recording of one channel: (n,) float64 samples, with integers scaled to −1 … 1, and the sampling rate."""

    samples: Floats
    rate_hz: int


def read_wav(path: Path) -> Sound:
    """The sound of a file; the mean of its channels if there are several. Raises DataError, naming the file, if it is
    not a wav file, damaged, empty, or in an unsupported format."""
    from scipy.io import wavfile

    with reading(path, remedy="copy it again"):
        content = content_of(path)
    if content[:4] != b"RIFF" or len(content) < 12:
        raise DataError(f"{path}: is not a wav file (it starts with {content[:4].hex() or 'nothing'})")
    (size,) = struct.unpack("<I", content[4:8])
    if len(content) < 8 + size:
        raise DataError(f"{path}: must hold {8 + size:,} bytes, found {len(content):,}; copy it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # about chunks that it skips
            rate_hz, data = wavfile.read(io.BytesIO(content))
    except Exception as error:  # errors in a header end in a division by zero, a missing variable and the like
        raise DataError(f"{path}: cannot be read as a wav file ({error}); copy it again{_OR_CONVERT}") from None
    if data.dtype not in _TYPES or rate_hz < 1:
        raise DataError(
            f"{path}: holds samples of {8 * data.dtype.itemsize} bits, {rate_hz} a second; copy it again{_OR_CONVERT}"
        )
    if not len(data):
        raise DataError(f"{path}: holds no sound; remove it or copy it again")
    if not np.all(np.isfinite(data)):
        raise DataError(f"{path}: holds samples that are not numbers; copy it again")
    return Sound(samples=_mean_of_channels(_scaled(data)), rate_hz=rate_hz)


def _scaled(data: NDArray[np.generic]) -> Floats:
    samples = data.astype(np.float64)
    if data.dtype.kind == "u":  # 8 bits, centred on 128
        return (samples - 128) / 128
    return samples / 2.0 ** (8 * data.dtype.itemsize - 1) if data.dtype.kind == "i" else samples


def _mean_of_channels(samples: Floats) -> Floats:
    by_channel = samples.reshape(len(samples), -1)
    total = by_channel[:, 0].copy()
    for channel in by_channel.T[1:]:  # in a fixed order, so that rounding is the same everywhere
        total += channel
    mean: Floats = total / by_channel.shape[1]
    return mean
