"""DVS128 Gesture: eleven gestures of hands and arms before an event camera (Amir et al. 2017,
doi:10.1109/CVPR.2017.781).

Read from `<data root>/dvsgesture/DVSGesture/ibmGesture{Train,Test}/userNN_<light>/<class>.npy`, one file per gesture,
as tonic downloads it: columns x, y, polarity and time in milliseconds. tonic cut the recordings by their annotations
into 1,077 and 264 samples; the paper counts 1,176 and 288 with another cut.

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

import numpy as np

from codesign.errors import DataError
from codesign.workload.binning import Events
from codesign.workload.datasets.base import Dataset, Recordings
from codesign.workload.datasets.reading import as_data_error, content_of, names_in, number_of, reading
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
        recordings = [entry for part in ("Train", "Test") for entry in _list_part(folder / "DVSGesture", part)]
        if not recordings:
            return None
        paths, labels, parts, users = zip(*recordings, strict=True)
        # The same for the same recording in every copy.
        ids = [number_of(path.relative_to(folder).as_posix()) >> 1 for path in paths]
        return Recordings(
            grid=_GRID,
            classes=_CLASSES,
            labels=np.array(labels, dtype=np.int64),
            sample_ids=np.array(ids, dtype=np.int64),
            read=lambda positions, spec: (_events(paths[position]) for position in positions),
            test_part=np.array(parts) == "Test",
            groups=np.array(users, dtype=np.int64),
            files=paths,
        )


def _list_part(folder: Path, part: str) -> Iterator[tuple[Path, int, str, int]]:
    """File, class, official part and person of each recording."""
    below = folder / f"ibmGesture{part}"
    for session in sorted(names_in(below, folders=True)):
        user = _USER.fullmatch(session)
        if user is None:
            continue
        for name in sorted(names_in(below / session, folders=False)):
            path = below / session / name
            if path.suffix != ".npy":
                continue
            if not (path.stem.isascii() and path.stem.isdigit() and int(path.stem) < _CLASSES):
                raise DataError(f"{path}: a recording's name must be its class, 0.npy … {_CLASSES - 1}.npy")
            yield path, int(path.stem), part, int(user[1])


def _events(path: Path) -> Events:
    with reading(path, "as a recording of x, y, p and t", remedy="copy it again"):
        table = np.load(io.BytesIO(content_of(path)), allow_pickle=False)
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind not in "iu":
        raise DataError(f"{path}: must hold a table of whole numbers x, y, p and t; download it again")
    events = dict(zip("xypt", table.T, strict=True))
    with as_data_error(path, "copy it again"):
        inputs = inputs_of(events, events, (2, _SENSOR, _SENSOR))
    p, y, x = np.unravel_index(inputs, (2, _SENSOR, _SENSOR))
    pooled = np.ravel_multi_index((p, y // _POOLED, x // _POOLED), _GRID)
    return from_first(events["t"].astype(np.int64) * 1_000_000), pooled
