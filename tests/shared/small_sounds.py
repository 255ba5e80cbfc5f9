"""Small wav files, and a folder of words that are made of tones."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

_RATE_HZ = 8000


def wav(samples: np.ndarray) -> bytes:
    """A wav file of 16-bit numbers, of (n,) or (n, channels) samples within −1 … 1."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1 if samples.ndim == 1 else samples.shape[1], 2, _RATE_HZ, 0, "NONE", ""))
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return content.getvalue()


WORDS = {"ah": (300, 300), "ee": (1500, 1500), "oo": (700, 700), "up": (300, 1500), "down": (1500, 300)}
"""Frequencies in Hz from which and to which a word of the small audio copy goes."""


def word(label: str, speaker: int, take: int) -> np.ndarray:
    """(n,) samples of a fifth of a second, a little higher for each speaker and a little louder with each take."""
    first, last = WORDS[label]
    frequency = (1 + speaker / 10) * np.linspace(first, last, _RATE_HZ // 5)
    return (0.2 + 0.02 * take) * np.sin(2 * np.pi * np.cumsum(frequency) / _RATE_HZ)


def write_audio(root: Path, *, takes: int = 4, reverse: bool = False) -> Path:
    """A small folder of words of three speakers, with the label in the file's name."""
    work = [(label, speaker, take) for label in WORDS for speaker in range(3) for take in range(takes)]
    for label, speaker, take in reversed(work) if reverse else work:
        path = root / "audio" / f"{label}_s{speaker}_{take}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wav(word(label, speaker, take)))
    return root
