"""Spiking Heidelberg Digits: spoken digits through a model of the cochlea (Cramer et al. 2020,
doi:10.1109/TNNLS.2020.3044364).

Read from `<data root>/shd/SHD/shd_{train,test}.h5`, the published files, where tonic puts them, one sample at a time.
Of the 700 channels of the cochlea, each pair of neighbours is one input, as in the paper. Usual splits: the official
test part, and a sixth of the official training part for validation; `speaker` tests on speakers that are not used for
training, as far as a file names speakers. Copies with one of the two files are
accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from codesign.arrays import Integers
from codesign.deferred import h5py
from codesign.errors import DataError
from codesign.workload.binning import Events
from codesign.workload.datasets.array_file import HDF5Column, read_whole
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import as_data_error, checked_classes, reading
from codesign.workload.download import Download, RemoteFile
from codesign.workload.hdf5 import Chunks, is_own
from codesign.workload.raw_events import inputs_of, times_ns
from codesign.workload.spec import ResolvedSpec

_CHANNELS = 700
_INPUTS = 350
_CLASSES = 20
_FILES = {"shd_train.h5": "f3252aeb598ac776c1b526422d90eecb", "shd_test.h5": "1503a5064faa34311c398fb0a1ed0a6f"}
"""MD5 of each archive."""
_FIRST_ID = {"train": 0, "test": 1_000_000}
_WHAT = "as a file of SHD"
_SPIKES = ("spikes/times", "spikes/units")


class SHD(Dataset):
    """Twenty digits, ten English and ten German, of twelve speakers: 350 inputs; the first second of about 1.4 s."""

    name = "shd"
    title = "Spiking Heidelberg Digits"
    folder = "shd/SHD"
    expected = ", ".join(_FILES)
    things = "samples"
    complete = (8_156, 2_264)
    splits = ("official", "pooled", "speaker")
    usual_timesteps = 100
    longest_s = 1.4  # times are stored in 16 bits, steps of 0.5 ms at 1 s
    download = Download(
        page="https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
        folder="shd/SHD",
        files=tuple(
            RemoteFile(url=f"https://zenkelab.org/datasets/{name}.zip", name=f"{name}.zip", md5=md5, holds=name)
            for name, md5 in _FILES.items()
        ),
    )

    def find(self, folder: Path) -> Recordings | None:
        files = {part: path for part in _FIRST_ID if (path := folder / f"shd_{part}.h5").is_file()}
        if not files:
            return None
        parts = {part: _read_labels_and_speakers(path) for part, path in files.items()}
        labels = np.concatenate([labels for labels, _ in parts.values()])
        ids = np.concatenate([_FIRST_ID[part] + np.arange(len(own)) for part, (own, _) in parts.items()])
        speakers = [speakers for _, speakers in parts.values() if speakers is not None]

        def read(positions: Integers, spec: ResolvedSpec) -> Iterator[Events]:
            with ExitStack() as stack:
                opened = {part: stack.enter_context(_hdf5(path)) for part, path in files.items()}
                columns = {part: [_lists(files[part], file, name) for name in _SPIKES] for part, file in opened.items()}
                for number in ids[positions].tolist():
                    part = "test" if number >= _FIRST_ID["test"] else "train"
                    row = number - _FIRST_ID[part]
                    with reading(files[part], _WHAT):  # of the two open files, name the one at fault
                        times, units = (column.row(row) for column in columns[part])
                        events = _events(times, units, f"{files[part]}: sample {row}")
                    yield events

        return Recordings(
            grid=(1, 1, _INPUTS),
            classes=_CLASSES,
            labels=labels,
            sample_ids=ids,
            read=read,
            test_part=ids >= _FIRST_ID["test"],
            groups=np.concatenate(speakers) if len(speakers) == len(files) else None,
            files=list(files.values()),
            content=lambda: _digest(files),
        )


@contextmanager
def _hdf5(path: Path) -> Iterator[Any]:
    """The HDF5 file, to be read piece by piece. Raises DataError if it is damaged, now or on reading."""
    with reading(path, _WHAT), h5py.File(path, "r") as file:
        yield file


def _lists(path: Path, file: Any, name: str) -> Chunks:
    """A dataset with a list of numbers for each sample."""
    if not is_own(file, name) or len(file[name].shape) != 1:
        raise DataError(f"{path}: must itself hold {name}, a list for each sample; download it again")
    return Chunks(file[name])


def _read_labels_and_speakers(path: Path) -> tuple[Integers, Integers | None]:
    """(samples,) classes, and (samples,) speakers if the file has them."""
    with _hdf5(path) as file:
        labels = read_whole(path, "labels", HDF5Column(path, file, "labels"))
        name = "extra/speaker"
        speakers = read_whole(path, name, HDF5Column(path, file, name)) if name in file else None
    classes = checked_classes(path, labels, _CLASSES, SHD.title)
    return classes, None if speakers is None else speakers.astype(np.int64)


def _digest(files: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for part, path in files.items():
        digest.update(f"{part} ".encode())
        with reading(path), path.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()


def _events(times_s: Any, units: Any, where: str) -> Events:
    with as_data_error(where, "download it again"):
        times = times_ns(np.asarray(times_s, dtype=np.float64))
        channels = inputs_of({"unit": np.asarray(units)}, ("unit",), (1, 1, _CHANNELS))
    return times, channels // (_CHANNELS // _INPUTS)
