from __future__ import annotations

import struct

import numpy as np
import pytest
from small_sounds import wav

from codesign.errors import DataError
from codesign.workload.wav import read_wav


@pytest.fixture
def parse(tmp_path):
    def parse(content):
        (tmp_path / "x.wav").write_bytes(content)
        return read_wav(tmp_path / "x.wav")

    return parse


def chunk(kind, body):
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def header(code, bits, channels=1, rate=11_025, more=b""):
    frame = channels * (bits // 8)
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits) + more)


def extensible(code, bits):
    """The longer header: valid bits, speakers, and the format in the first two bytes of an identifier."""
    identifier = struct.pack("<H", code) + bytes.fromhex("000000001000800000aa00389b71")
    return header(0xFFFE, bits, more=struct.pack("<HHI", 22, bits, 4) + identifier)


@pytest.mark.parametrize(
    ("head", "data", "samples"),
    [
        (header(1, 8), bytes([0, 128, 192, 255]), [-1, 0, 0.5, 127 / 128]),
        (header(1, 16), struct.pack("<3h", -32768, 16384, 1), [-1, 0.5, 2**-15]),
        (header(1, 24), bytes.fromhex("000080 000040 010000 ffffff"), [-1, 0.5, 2**-23, -(2**-23)]),
        (header(3, 32), struct.pack("<2f", 0.25, -3), [0.25, -3]),
        (extensible(1, 16), struct.pack("<2h", 8192, -8192), [0.25, -0.25]),
        (header(1, 16, channels=2), struct.pack("<4h", 16384, 0, 8192, -8192), [0.25, 0]),
    ],
)
def test_known_bytes_become_known_samples(parse, head, data, samples):
    sound = parse(riff(head, chunk(b"data", data)))
    assert sound.samples.tolist() == samples
    assert sound.samples.dtype == np.float64
    assert sound.rate_hz == 11_025


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"x\.wav: is not a wav file \(it starts with nothing\)"),
        (riff(chunk(b"data", b"12")), r"x\.wav: cannot be read as a wav file \(No fmt chunk before data\)"),
        (riff(header(1, 16), chunk(b"data", b"")), r"x\.wav: holds no sound"),
        (riff(header(1, 16, rate=0), chunk(b"data", b"12")), r"x\.wav: .* 0 a second"),
        (riff(header(7, 8), chunk(b"data", b"12")), r"x\.wav: .*Unknown wave file format: MULAW.* convert it to PCM"),
        (riff(header(3, 32), chunk(b"data", struct.pack("<f", np.nan))), "samples that are not numbers"),
    ],
)
def test_what_cannot_be_read_is_named(parse, content, message):
    with pytest.raises(DataError, match=message):
        parse(content)


def test_a_file_that_ends_early_is_damaged_wherever_it_ends(parse):
    whole = wav(np.linspace(-1, 1, 20))
    assert len(parse(whole).samples) == 20
    for length in range(len(whole)):
        with pytest.raises(DataError, match=r"x\.wav: "):
            parse(whole[:length])
