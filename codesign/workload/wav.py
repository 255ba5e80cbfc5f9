"""Sound from wav files: PCM of 8, 16, 24 or 32 bits and floats of 32 or 64, any number of channels, any rate.

A damaged file is an error that names it; nothing is guessed. Chunks other than format and samples are skipped.

Source of the format: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991), and
"Multiple Channel Audio Data and WAVE Files" (Microsoft, 2007) for the extensible header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codesign.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Sound", "parse_wav", "read_wav"]

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_NAMES = {0x0002: "ADPCM", 0x0006: "A-law", 0x0007: "µ-law", 0x0055: "MP3"}


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A recording of one channel.

    Attributes:
        samples: (n,) float64; whole numbers of a file are scaled to −1 … 1.
        rate_hz: samples a second.
    """

    samples: NDArray[np.float64]
    rate_hz: int


def read_wav(path: Path) -> Sound:
    """The sound of a file; the mean of its channels if there are several.

    Raises:
        DataError: not a wav file, damaged, empty, or of a format that is not read; names the file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    return parse_wav(content, str(path))


def parse_wav(content: bytes, name: str) -> Sound:
    """The sound in the bytes of a wav file; `name` is for messages. Raises DataError as `read_wav` does."""
    chunks = _chunks(content, name)
    header = chunks[b"fmt "]
    if len(header) < 16:
        raise DataError(f"{name}: its format has {len(header)} bytes, at least 16 are needed; copy it again")
    code, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", header[:16])
    if code == _EXTENSIBLE and len(header) >= 26:
        code = struct.unpack("<H", header[24:26])[0]
    if channels < 1 or rate < 1 or frame_bytes != channels * (bits // 8):
        raise DataError(
            f"{name}: its header makes no sense ({channels} channels of {bits} bits in {frame_bytes} bytes, "
            f"{rate} Hz); copy it again"
        )
    data = chunks[b"data"]
    if len(data) % frame_bytes:
        raise DataError(f"{name}: ends within a sample; copy it again")
    if not data:
        raise DataError(f"{name}: holds no sound; remove it or copy it again")
    return Sound(samples=_decode(data, code, bits, channels, name), rate_hz=rate)


def _chunks(content: bytes, name: str) -> dict[bytes, bytes]:
    """Format and samples."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DataError(f"{name}: is not a wav file (it starts with {content[:4].hex() or 'nothing'})")
    found: dict[bytes, bytes] = {}
    place = 12
    while place + 8 <= len(content) and b"data" not in found:
        kind, size = struct.unpack("<4sI", content[place : place + 8])
        body = content[place + 8 : place + 8 + size]
        if kind in (b"fmt ", b"data"):
            if len(body) < size:
                raise DataError(f"{name}: must hold {size:,} bytes more, found {len(body):,}; copy it again")
            found[kind] = body
        place += 8 + size + size % 2  # chunks begin at even places
    for kind, what in ((b"fmt ", "format"), (b"data", "samples")):
        if kind not in found:
            raise DataError(f"{name}: has no {what}; copy it again")
    return found


def _decode(data: bytes, code: int, bits: int, channels: int, name: str) -> NDArray[np.float64]:
    import numpy as np

    if code == _PCM and bits == 8:
        flat = np.frombuffer(data, np.uint8).astype(np.float64) - 128
    elif code == _PCM and bits in (16, 32):
        flat = np.frombuffer(data, f"<i{bits // 8}").astype(np.float64)
    elif code == _PCM and bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        flat = padded.view("<i4")[:, 0].astype(np.float64) / 256
    elif code == _FLOAT and bits in (32, 64):
        flat = np.frombuffer(data, f"<f{bits // 8}").astype(np.float64)
        if not np.all(np.isfinite(flat)):
            raise DataError(f"{name}: holds samples that are not numbers; copy it again")
    else:
        raise DataError(
            f"{name}: {_NAMES.get(code, f'format {code:#06x}')} of {bits} bits is not read; convert it to PCM of "
            "8, 16, 24 or 32 bits or to floats of 32 or 64"
        )
    if code == _PCM:
        flat /= 1 << (bits - 1)
    mixed = flat.reshape(-1, channels)
    total = mixed[:, 0].copy()
    for channel in range(1, channels):  # one after the other, so that rounding is the same everywhere
        total += mixed[:, channel]
    return total / channels
