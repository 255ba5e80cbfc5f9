"""Time series of the UEA archive that come with the package aeon, as events where they cross a level.

    basic_motions       BasicMotions: four activities by a smart watch's accelerometer and gyroscope, 6 series at 10 Hz
    japanese_vowels     JapaneseVowels: nine speakers by 12 coefficients of linear prediction, a frame every 6.4 ms
                        (Kudo et al. 1999, doi:10.1016/S0167-8655(99)00077-X)

Read from `<data root>/<name>/<Name>_{TRAIN,TEST}.ts`, or else from an installed aeon, which is not imported. A series
is expressed in standard deviations from its mean, both over the training part, and sends an event at each level that it
crosses (send-on-delta: Miskowicz 2006, doi:10.3390/s6010049):

    z = (x − mean) / deviation;   r ← 0 at first;   at each sample   n = trunc((z − r) / δ),   r ← r + n δ

|n| events leave over the input for rises or for falls: 2x1xseries inputs. δ is the workload's `contrast`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np

from codesign.arrays import Floats, Integers
from codesign.errors import DataError
from codesign.workload.binning import Events
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import reading
from codesign.workload.event_rows import MOST_EVENTS
from codesign.workload.spec import ResolvedSpec

_FIRST_ID = {"TRAIN": 0, "TEST": 1_000_000}
_LARGEST = 1e6


def level_crossings(z: Floats, delta: float) -> Integers:
    """(D, T) number of levels crossed at each sample of D series, positive upwards; levels are `delta` apart, the first
    is 0."""
    passed = np.zeros(z.shape, dtype=np.int64)
    level = np.zeros(len(z), dtype=np.int64)  # r / δ, an integer
    for t in range(z.shape[1]):
        passed[:, t] = np.trunc(z[:, t] / delta - level)
        level += passed[:, t]
    return passed


class _Series(Dataset):
    """The common part of both: files by their `stem`, and D `series`."""

    stem: ClassVar[str]
    series: ClassVar[int]
    things = "series"
    usual_contrast = 0.25

    def place(self, data_root: Path, chosen: str | None = None) -> Path:
        place, aeon = super().place(data_root, chosen), find_spec("aeon")
        if place.is_dir() or aeon is None or aeon.origin is None:
            return place
        return Path(aeon.origin).parent / "datasets" / "data" / self.stem

    def find(self, folder: Path) -> Recordings | None:
        paths = {part: folder / f"{self.stem}_{part}.ts" for part in _FIRST_ID}
        there = {part: path for part, path in paths.items() if path.is_file()}
        if "TRAIN" not in there:  # which says how large series usually are
            return None
        rows = {part: list(_rows(path, self.series)) for part, path in there.items()}
        names = sorted({label for _, label in rows["TRAIN"]})
        entries = [(part, number, *row) for part, own in rows.items() for number, row in enumerate(own)]
        for part, number, _, label in entries:
            if label not in names:
                raise DataError(f"{there[part]}: series {number} has the unknown label {label!r:.40}; copy it again")
        classes = np.array([names.index(label) for *_, label in entries], dtype=np.int64)
        numbers = np.array([_FIRST_ID[part] + number for part, number, *_ in entries], dtype=np.int64)

        def read(positions: Integers, spec: ResolvedSpec) -> Iterator[Events]:
            assert spec.contrast is not None
            training = np.concatenate([self._values(text, there["TRAIN"]) for text, _ in rows["TRAIN"]], axis=1)
            mean, deviation = training.mean(axis=1, keepdims=True), training.std(axis=1, keepdims=True)
            deviation[deviation == 0] = 1  # a series that never changes sends nothing
            for position in positions:
                part, _, text, _ = entries[position]
                z = (self._values(text, there[part]) - mean) / deviation
                levels = np.abs(np.diff(z, axis=1, prepend=0)).sum() / float(spec.contrast)
                if not levels < MOST_EVENTS:
                    raise DataError(f"{there[part]}: a sample passes {levels:.3g} levels; raise contrast")
                yield self._events(level_crossings(z, float(spec.contrast)))

        return Recordings(
            grid=(2, 1, self.series),
            classes=len(names),
            labels=classes,
            sample_ids=numbers,
            read=read,
            test_part=numbers >= _FIRST_ID["TEST"],
            files=list(there.values()),
        )

    def _values(self, text: str, path: Path) -> Floats:
        """(D, T) values of a row's text."""
        with reading(path, "as time series", remedy="copy it again"):
            values = np.array([[float(number) for number in series.split(",")] for series in text.split(":")])
        known = np.isfinite(values).all() and np.abs(values).max() < _LARGEST
        if not known or values.shape[1] > self.usual_timesteps:
            raise DataError(f"{path}: has a value that is not a number, or too many values; copy it again")
        return values

    def _events(self, passed: Integers) -> Events:
        series, times = np.nonzero(passed)
        counts = passed[series, times]
        inputs = np.where(counts > 0, 0, self.series) + series
        ns = np.rint(times * (self.usual_timestep_s * 1e9)).astype(np.int64)
        return np.repeat(ns, np.abs(counts)), np.repeat(inputs, np.abs(counts))


def _rows(path: Path, series: int) -> Iterator[tuple[str, str]]:
    """Values and label of each row of a file, as text."""
    with reading(path, "as time series", remedy="copy it again"):
        lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and line[0] not in "#@":
            text, _, label = line.rpartition(":")
            if text.count(":") != series - 1:
                raise DataError(f"{path}: a row has {text.count(':') + 1} series, not {series}; copy it again")
            yield text, label.strip()


class BasicMotions(_Series):
    """Standing, running, walking and badminton, 10 s each: 12 inputs."""

    name = "basic_motions"
    title = "BasicMotions, a smart watch's series"
    folder = "basic_motions"
    stem = "BasicMotions"
    expected = "BasicMotions_{TRAIN,TEST}.ts, which the package aeon has (`pip install --no-deps aeon`)"
    series = 6
    complete = (40, 40)
    usual_timestep_s = 0.1
    usual_timesteps = 100
    longest_s = 10.0


class JapaneseVowels(_Series):
    """Nine speakers of a vowel, up to 29 frames: 24 inputs."""

    name = "japanese_vowels"
    title = "JapaneseVowels, speakers by linear prediction"
    folder = "japanese_vowels"
    stem = "JapaneseVowels"
    expected = "JapaneseVowels_{TRAIN,TEST}.ts, which the package aeon has (`pip install --no-deps aeon`)"
    series = 12
    complete = (270, 370)
    usual_timestep_s = 6.4e-3
    usual_timesteps = 29
    longest_s = 29 * 6.4e-3
