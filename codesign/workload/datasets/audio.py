"""Recordings of sound, heard by a simulated cochlea: any folder of labelled wav files.

Two layouts are read, below the data root in `audio` or else in `fsdd/recordings`, or in the workload's `folder`:

    <label>/*.wav                       speaker from names such as <speaker>_<take>.wav or <speaker>_nohash_<take>.wav,
                                        as the Speech Commands have them (doi:10.48550/arXiv.1804.03209)
    <label>_<speaker>_<take>.wav        as the Free Spoken Digit Dataset has them
                                        (https://github.com/Jakobovski/free-spoken-digit-dataset)

Classes are the labels in order: whole numbers by value, then words. Usual timing: one second in 100 frames, as for the
Spiking Heidelberg Digits; 99 % of the Free Spoken Digits are shorter. Silence before a word is kept. Usual splits: a
seventh of all for test, a sixth of the rest for validation; with `split: speaker` test is as many whole speakers as
make up a seventh.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError, InputError
from codesign.workload.datasets.base import Dataset, DatasetState, DatasetStatus, Recordings, sizes_of_two_parts
from codesign.workload.spec import ResolvedSpec, SplitKind, WorkloadSpec
from codesign.workload.timing import check_duration

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["Audio"]

_FOLDERS = ("audio", "fsdd/recordings")
_CHANNELS = 350
_LOWEST_HZ, _USUAL_HIGHEST_HZ = 50.0, 3600.0
_RATES_HZ = (2_000, 1_000_000)
_LABEL_FIRST = re.compile(r"(?P<label>[^_]+)_(?P<speaker>[^_]+)_[0-9]+")
_SPEAKER_FIRST = re.compile(r"(?P<speaker>[^_]+)(_.+)?_[0-9]+")


@dataclass(frozen=True, kw_only=True, order=True)
class _Take:
    """One file: its name below the folder, its label, and its speaker where the name says who it is."""

    name: str
    label: str
    speaker: str | None


class Audio(Dataset):
    """350 places of the cochlea, from 50 Hz to 3.6 kHz unless a workload gives another `highest_frequency`."""

    name = "audio"
    title = "recordings of sound, simulated cochlea"
    version = 1
    splits = ("pooled", "speaker")
    usual_timesteps = 100
    options = ("folder", "highest_frequency")

    def status(self, data_root: Path) -> DatasetStatus:
        folder = _find(data_root, None)
        state: DatasetState = "complete"
        try:
            takes = _list(folder)
            detail = f"{_coverage(takes)} in {folder}"
            if not takes:
                state, detail = "missing", f"expected in {folder}: <label>/*.wav or <label>_<speaker>_<take>.wav"
        except (DataError, OSError) as error:
            state, detail = "damaged", str(error)
        return self.described(state, detail)

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import file_states

        folder = _find(data_root, spec.folder)
        takes = _list(folder)
        if not takes:
            raise DataError(
                f"audio: no recordings in {folder.absolute()}. Put wav files there, as <label>/*.wav or "
                "<label>_<speaker>_<take>.wav, or https://github.com/Jakobovski/free-spoken-digit-dataset into fsdd "
                f"below the data root, or name another 'folder' of it. {self.how_to_get()}"
            )
        labels = sorted({take.label for take in takes}, key=_label_order)
        if len(labels) < 2:
            raise DataError(f"audio: all recordings in {folder} have the label '{labels[0]}'; at least 2 are needed")
        paths = [folder / take.name for take in takes]
        classes = np.array([labels.index(take.label) for take in takes], dtype=np.int64)
        ids = np.array([_number(take.name) for take in takes], dtype=np.int64)
        speakers = [take.speaker for take in takes if take.speaker is not None]

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            return _read(paths, classes, ids, positions, spec)

        return Recordings(
            grid=(1, 1, _CHANNELS),
            classes=len(labels),
            labels=classes,
            sample_ids=ids,
            test_part=None,
            digest=cache.digest(
                {"dataset": self.name, "folder": str(folder.resolve()), "files": file_states(folder, paths)},
                lambda: _digest(takes, paths),
            ),
            coverage=_coverage(takes),
            read=read,
            groups=np.array([_number(name) for name in speakers]) if len(speakers) == len(takes) else None,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return sizes_of_two_parts(recordings, split)

    def check_timing(self, spec: ResolvedSpec) -> None:
        check_duration(spec, resolution_s=1e-3, longest_s=math.inf)  # silence follows what ends before

    def resolve(self, spec: WorkloadSpec) -> ResolvedSpec:
        highest_hz = spec.highest_frequency or _USUAL_HIGHEST_HZ
        if not 2 * _LOWEST_HZ <= highest_hz <= _RATES_HZ[1] / 2:
            raise InputError(
                f"workload '{self.name}': highest_frequency must be between 100 Hz and 500 kHz, found {highest_hz:g} Hz"
            )
        return super().resolve(spec).model_copy(update={"highest_frequency": highest_hz})


def _find(data_root: Path, chosen: str | None) -> Path:
    """The folder that the workload names, or the first of the usual ones that is there."""
    if chosen is not None:
        return data_root / chosen
    return next((data_root / name for name in _FOLDERS if (data_root / name).is_dir()), data_root / _FOLDERS[0])


def _list(folder: Path) -> list[_Take]:
    """Every recording, ordered by name; what begins with a dot or an underscore is not looked at."""
    takes = []
    for name in _wav_names(folder):
        match = _LABEL_FIRST.fullmatch(Path(name).stem)
        if match is None:
            raise DataError(
                f"{folder / name}: its name must be <label>_<speaker>_<take>.wav, such as 0_george_0.wav, "
                "or it must lie in a folder named after its label"
            )
        takes.append(_Take(name=name, label=match["label"], speaker=match["speaker"]))
    for below in _names(folder, folders=True):
        for name in _wav_names(folder / below):
            takes.append(_Take(name=f"{below}/{name}", label=below, speaker=_speaker(below, Path(name).stem)))
    return sorted(takes)


def _speaker(label: str, stem: str) -> str | None:
    """Who speaks in a file that lies in its label's folder, if its name says so."""
    match = _LABEL_FIRST.fullmatch(stem)
    if match is None or match["label"] != label:
        match = _SPEAKER_FIRST.fullmatch(stem)
    return None if match is None else match["speaker"]


def _names(folder: Path, *, folders: bool) -> Iterator[str]:
    """Names of the folders, or of the files, in a folder; none if there is no such folder."""
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from (e.name for e in entries if e.is_dir() == folders and not e.name.startswith((".", "_")))


def _wav_names(folder: Path) -> Iterator[str]:
    return (name for name in _names(folder, folders=False) if name.lower().endswith(".wav"))


def _label_order(label: str) -> tuple[bool, int, str]:
    number = label.isascii() and label.isdigit()
    return not number, int(label) if number else 0, label


def _number(name: str) -> int:
    """63 bits of a hash: says who or what it is, whatever else is there."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8], "big") >> 1


def _digest(takes: list[_Take], paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for take, path in zip(takes, paths, strict=True):
        content = path.read_bytes()
        digest.update(os.fsencode(take.name) + b" %d " % len(content))
        digest.update(content)
    return digest.hexdigest()


def _coverage(takes: list[_Take]) -> str:
    text = f"{len(takes):,} recordings of {len({take.label for take in takes})} labels"
    if any(take.speaker is None for take in takes):
        return text
    return f"{text} by {len({take.speaker for take in takes})} speakers"


def _read(
    paths: list[Path],
    classes: NDArray[np.int64],
    ids: NDArray[np.int64],
    positions: NDArray[np.int64],
    spec: ResolvedSpec,
) -> EventBatch:
    from codesign.workload.cochlea import Cochlea
    from codesign.workload.wav import Sound, read_wav

    def hear(path: Path) -> Sound:
        sound = read_wav(path)
        if not _RATES_HZ[0] <= sound.rate_hz <= _RATES_HZ[1]:
            raise DataError(f"{path}: has {sound.rate_hz:,} samples a second, allowed are 2,000 to 1,000,000")
        return sound

    assert spec.highest_frequency is not None
    cochlea = Cochlea(channels=_CHANNELS, lowest_hz=_LOWEST_HZ, highest_hz=spec.highest_frequency)
    return cochlea.record(
        (hear(paths[position]) for position in positions),
        classes[positions],
        sample_ids=ids[positions],
        timestep_s=spec.timestep,
        timesteps=spec.timesteps,
    )
