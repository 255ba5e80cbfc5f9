"""DVS128 Gesture: eleven gestures of hands and arms before an event camera (Amir et al. 2017,
doi:10.1109/CVPR.2017.781).

Two layouts, sought in this order, below `<data root>/dvsgesture`:

- `DVSGesture/ibmGesture{Train,Test}/userNN_<light>/<class>.npy`, one file per gesture, as tonic downloads it: columns
  x, y, polarity and time in milliseconds. tonic cut the recordings by their annotations into 1,077 and 264 samples; the
  paper counts 1,176 and 288 with another cut.
- `*.npz`, loose clips of arrays x, y, p, t (µs) and label. They belong to no official part: use `split: pooled`.

Each 4x4 pixels of the camera are one input per polarity, and their events are counted, as in the paper. Time starts
with a recording's first event. The paper prints 20 ms per timestep but not how many: the usual 75 are the first 1.5
s, as in Shrestha and Orchard 2018 (SLAYER, NeurIPS) and later work; a gesture is repeated several times in 6
s. Bins after the end of a shorter recording are empty.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.binning import Events
from codesign.workload.datasets.array_file import open_arrays, read_whole
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import as_data_error, content_of, number_of, reading
from codesign.workload.download import Download, RemoteFile
from codesign.workload.raw_events import from_first, inputs_of

_CLASSES = 11
_SENSOR = 128
_POOLED = 4
_GRID = (2, _SENSOR // _POOLED, _SENSOR // _POOLED)
_ARCHIVES = "https://figshare.com/ndownloader/files/"
_FILES = {
    "ibmGestureTrain": (38022171, "3a8f0d4120a166bac7591f77409cb105"),
    "ibmGestureTest": (38020584, "56070e45dadaa85fff82e0fbfbc06de5"),
}
"""Number and MD5 of the archive of each part."""
_USER = re.compile(r"user([0-9]{1,4})_.+")


class DVSGesture(Dataset):
    """Recordings of 128x128 pixels and two polarities, reduced to 32x32: 2,048 inputs."""

    name = "dvsgesture"
    title = "DVS128 Gesture recordings"
    folder = "dvsgesture"
    expected = "DVSGesture/ibmGesture{Train,Test}/userNN_<light>/<class>.npy"
    complete = (1_077, 264)
    splits = ("official", "pooled", "speaker")
    usual_timestep_s = 20e-3
    usual_timesteps = 75
    longest_s = 20.0
    download = Download(
        page=f"{' and '.join(f'{_ARCHIVES}{number}' for number, _ in _FILES.values())} (those of "
        "https://research.ibm.com/interactive/dvsgesture/, cut into samples)",
        folder="dvsgesture/DVSGesture",
        files=tuple(
            RemoteFile(url=f"{_ARCHIVES}{number}", name=f"{name}.tar.gz", md5=md5, holds=name)
            for name, (number, md5) in _FILES.items()
        ),
    )

    def find(self, folder: Path) -> Recordings | None:
        official = [clip for part in ("Train", "Test") for clip in _list_part(folder / "DVSGesture", part)]
        clips = official or [(path, _label_in(path), "", 0) for path in _files(folder, ".npz")]
        if not clips:
            return None
        paths, labels, parts, users = zip(*clips, strict=True)
        # The same for the same recording in every copy.
        ids = [number_of(path.relative_to(folder).as_posix()) >> 1 for path in paths]
        return Recordings(
            grid=_GRID,
            classes=_CLASSES,
            labels=np.array(labels, dtype=np.int64),
            sample_ids=np.array(ids, dtype=np.int64),
            read=lambda positions, spec: (_events(paths[position]) for position in positions),
            test_part=np.array(parts) == "Test",
            groups=np.array(users, dtype=np.int64) if official else None,
            files=paths,
        )

    def coverage(self, recordings: Recordings) -> str | None:
        if recordings.groups is not None:
            return super().coverage(recordings)
        classes = len(np.unique(recordings.labels))
        return (
            f"{len(recordings.labels):,} loose clips of {classes} of {_CLASSES} classes, outside the official parts; "
            "0 of 1,077 training and 0 of 264 test recordings"
        )


def _list_part(folder: Path, part: str) -> Iterator[tuple[Path, int, str, int]]:
    """File, class, official part and person of each recording."""
    below = folder / f"ibmGesture{part}"
    for session in sorted(below.iterdir()) if below.is_dir() else ():
        user = _USER.fullmatch(session.name)
        if user is None or not session.is_dir():
            continue
        for path in _files(session, ".npy"):
            if not (path.stem.isascii() and path.stem.isdigit() and int(path.stem) < _CLASSES):
                raise DataError(f"{path}: a recording's name must be its class, 0.npy … {_CLASSES - 1}.npy")
            yield path, int(path.stem), part, int(user[1])


def _files(folder: Path, ending: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == ending and not path.name.startswith(".") and path.is_file()  # no pipe, which has no end
    )


def _label_in(path: Path) -> int:
    label = _arrays(path, "label")["label"]
    if label.shape != () or label.dtype.kind not in "iu" or not 0 <= int(label) < _CLASSES:
        raise DataError(f"{path}: label must be one class, 0 … {_CLASSES - 1}")
    return int(label)


def _arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    with open_arrays(path, names, others=True) as file:
        return {name: read_whole(path, name, file[name]) for name in names}


def _events(path: Path) -> Events:
    if path.suffix == ".npz":
        events, to_ns = _arrays(path, "x", "y", "p", "t"), 1_000
    else:
        with reading(path, "as a recording of x, y, p and t", remedy="copy it again"):
            table = np.load(io.BytesIO(content_of(path)), allow_pickle=False)
        if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != 4:
            raise DataError(f"{path}: must hold a table of the columns x, y, p and t; download it again")
        events, to_ns = dict(zip("xypt", table.T, strict=True)), 1_000_000
    with as_data_error(path, "copy it again"):
        inputs = inputs_of(events, events, (2, _SENSOR, _SENSOR))
    if events["t"].shape != inputs.shape or events["t"].dtype.kind not in "iu":
        raise DataError(f"{path}: must hold a whole number t of each event; copy it again")
    p, y, x = np.unravel_index(inputs, (2, _SENSOR, _SENSOR))
    pooled = np.ravel_multi_index((p, y // _POOLED, x // _POOLED), _GRID)
    return from_first(events["t"].astype(np.int64) * to_ns), pooled
