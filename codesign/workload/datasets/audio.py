"""Recordings of sound, heard by a simulated cochlea: any folder of labelled wav files.

Two layouts are read, below the data root in `audio` or else in `fsdd/recordings`, or in the workload's `folder`:

    <label>/*.wav                       speaker from names such as <speaker>_<take>.wav or <speaker>_nohash_<take>.wav,
                                        as in the Speech Commands (doi:10.48550/arXiv.1804.03209);
                                        before them, the label may stand again
    <label>_<speaker>_<take>.wav        as in the Free Spoken Digit Dataset
                                        (https://github.com/Jakobovski/free-spoken-digit-dataset)

Classes are the labels in order: integers by value, then words. Usual timing: one second in 100 frames, as for the
Spiking Heidelberg Digits; 99 % of the Free Spoken Digits are shorter. Silence before a word is kept. Usual splits: a
seventh of all for test, a sixth of the rest for validation; with `split: speaker` test is as many whole speakers as
make up a seventh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from codesign.arrays import Integers
from codesign.errors import DataError
from codesign.workload.binning import Events
from codesign.workload.cochlea import Cochlea
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import classes_of, names_in, number_of
from codesign.workload.raw_events import bin_edges_ns
from codesign.workload.spec import ResolvedSpec, WorkloadSpec
from codesign.workload.wav import read_wav

_FOLDERS = ("audio", "fsdd/recordings")
_LABEL_FIRST = re.compile(r"(?P<label>[^_]+)_(?P<speaker>[^_]+)_[0-9]+")
_SPEAKER_FIRST = re.compile(r"(?P<speaker>[^_]+)(_.+)?_[0-9]+")


class Audio(Dataset):
    """350 places of the cochlea, from 50 Hz to 3.6 kHz unless a workload gives another `highest_frequency`."""

    name = "audio"
    title = "recordings of sound, simulated cochlea"
    folder = _FOLDERS[0]
    expected = (
        "<label>/*.wav or <label>_<speaker>_<take>.wav, such as "
        "https://github.com/Jakobovski/free-spoken-digit-dataset cloned into fsdd below the data root"
    )
    splits = ("pooled", "speaker")
    usual_timesteps = 100
    options = ("folder", "highest_frequency")

    def place(self, data_root: Path, chosen: str | None = None) -> Path:
        there = (name for name in _FOLDERS if (data_root / name).is_dir())
        return super().place(data_root, chosen or next(there, None))

    def find(self, folder: Path) -> Recordings | None:
        takes = sorted(_list(folder))
        if not takes:
            return None
        names, words, speakers = zip(*takes, strict=True)
        labels, classes = classes_of(folder, words)
        paths = [folder / name for name in names]
        ids = np.array([number_of(name) for name in names], dtype=np.int64)
        known = [number_of(speaker) for speaker in speakers if speaker is not None]

        def read(positions: Integers, spec: ResolvedSpec) -> Iterator[Events]:
            assert spec.highest_frequency is not None
            cochlea = Cochlea(highest_hz=spec.highest_frequency)
            end_ns = int(bin_edges_ns(spec.timestep, spec.timesteps)[-1])
            for position in positions:
                yield cochlea.events(read_wav(paths[position]), end_ns)

        return Recordings(
            grid=(1, 1, Cochlea.channels),
            classes=classes,
            labels=labels,
            sample_ids=ids,
            read=read,
            groups=np.array(known) if len(known) == len(takes) else None,
            files=paths,
        )

    def coverage(self, recordings: Recordings) -> str:
        text = f"{len(recordings.labels):,} recordings of {recordings.classes} labels"
        if recordings.groups is None:
            return text
        return f"{text} by {len(np.unique(recordings.groups))} speakers"

    def completed(self, spec: WorkloadSpec) -> ResolvedSpec:
        highest_hz = spec.highest_frequency or Cochlea.highest_hz
        return super().completed(spec).model_copy(update={"highest_frequency": highest_hz})


def _list(folder: Path) -> Iterator[tuple[str, str, str | None]]:
    """Name below the folder, label and, if the name tells it, speaker of every recording; names that begin with a dot
    or an underscore are ignored."""
    for name in _wav_names(folder):
        match = _LABEL_FIRST.fullmatch(Path(name).stem)
        if match is None:
            what = "must be named <label>_<speaker>_<take>.wav, or be in a folder named after its label"
            raise DataError(f"{folder / name}: {what}")
        yield name, match["label"], match["speaker"]
    for below in names_in(folder, folders=True):
        for name in _wav_names(folder / below):
            yield f"{below}/{name}", below, _speaker(below, Path(name).stem)


def _speaker(label: str, stem: str) -> str | None:
    """The speaker of a file in its label's folder, if the name tells it; the name may repeat the label first."""
    match = _SPEAKER_FIRST.fullmatch(stem.removeprefix(f"{label}_"))
    return None if match is None else match["speaker"]


def _wav_names(folder: Path) -> Iterator[str]:
    return (name for name in names_in(folder, folders=False) if name.lower().endswith(".wav"))
