"""DVS128 Gesture: eleven gestures of hands and arms before an event camera (Amir et al. 2017,
doi:10.1109/CVPR.2017.781).

Two layouts, sought in this order, below `<data root>/dvsgesture`:

- `DVSGesture/ibmGesture{Train,Test}/userNN_<light>/<class>.npy`, one file a gesture, as tonic downloads it: columns
  x, y, polarity and time in milliseconds. tonic cut the recordings by their annotations into 1,077 and 264 samples; the
  paper counts 1,176 and 288 of another cut.
- `*.npz`, loose clips of arrays x, y, p, t (µs) and label. They belong to no official part: use `split: pooled`.

Pixels of 4x4 of the camera are one input a polarity, and their events are counted, as the paper has it. Time begins
with a recording's first event. The paper prints 20 ms a timestep but not how many: the usual 75 are the first 1.5 s, as
Shrestha and Orchard 2018 (SLAYER, NeurIPS) and others after them take; a gesture is repeated several times in 6 s. Bins
after the end of a shorter recording are empty.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import DataError
from codesign.workload.binning import bin_samples, cells_of_events
from codesign.workload.datasets.base import (
    Dataset,
    DatasetStatus,
    Recordings,
    coverage_of_two_parts,
    sizes_of_two_parts,
)
from codesign.workload.download.files import Download, RemoteFile
from codesign.workload.spec import ResolvedSpec, SplitKind
from codesign.workload.timing import bin_edges_ns, check_duration

if TYPE_CHECKING:
    from codesign.workload.cache import Cache
    from codesign.workload.events import EventBatch

__all__ = ["DVSGesture"]

_COMPLETE = {"Train": 1_077, "Test": 264}
_CLASSES = 11
_SENSOR = 128
_POOLED = 4
_GRID = (2, _SENSOR // _POOLED, _SENSOR // _POOLED)
_SIZE = 2 * (_SENSOR // _POOLED) ** 2
_USER = re.compile(r"user([0-9]{1,4})_.+")


class DVSGesture(Dataset):
    """Recordings of 128x128 pixels and two polarities, reduced to 32x32: 2,048 inputs."""

    name = "dvsgesture"
    title = "DVS128 Gesture recordings"
    version = 1
    splits = ("official", "pooled", "speaker")
    usual_timestep_s = 20e-3
    usual_timesteps = 75
    download = Download(
        page="https://research.ibm.com/interactive/dvsgesture/ (cut into samples: the two archives below)",
        folder="dvsgesture/DVSGesture",
        files=(
            RemoteFile(
                url="https://figshare.com/ndownloader/files/38022171",
                name="ibmGestureTrain.tar.gz",
                md5="3a8f0d4120a166bac7591f77409cb105",
                holds="ibmGestureTrain",
            ),
            RemoteFile(
                url="https://figshare.com/ndownloader/files/38020584",
                name="ibmGestureTest.tar.gz",
                md5="56070e45dadaa85fff82e0fbfbc06de5",
                holds="ibmGestureTest",
            ),
        ),
    )

    def status(self, data_root: Path) -> DatasetStatus:
        folder = _folder(data_root)
        try:
            found = _list(folder)
        except (DataError, OSError) as error:
            return self.described("damaged", str(error))
        if not found:
            expected = f"expected in {folder}: DVSGesture/ibmGesture{{Train,Test}}/userNN_<light>/<class>.npy"
            return self.described("missing", expected)
        coverage = _coverage(found)
        if coverage is None:
            return self.described("complete", f"{len(found):,} recordings in {folder}")
        return self.described("partial", f"{coverage} in {folder}")

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import content_digest, file_states

        folder = _folder(data_root)
        found = _list(folder)
        if not found:
            raise DataError(f"DVS Gesture: no recordings in {folder.absolute()}. {self.how_to_get()}")
        paths = [clip.path for clip in found]
        digest = cache.digest(
            {"dataset": "dvsgesture", "folder": str(folder.resolve()), "files": file_states(folder, paths)},
            lambda: content_digest(folder, paths),
        )
        labels = np.array([clip.label for clip in found], dtype=np.int64)
        ids = np.array([_sample_id(clip.path.relative_to(folder)) for clip in found], dtype=np.int64)
        users = [clip.user for clip in found if clip.user is not None]

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            edges = bin_edges_ns(spec.timestep, spec.timesteps)
            return bin_samples(
                lambda position: _cells(paths[position], edges),
                positions,
                labels=labels,
                sample_ids=ids,
                input_size=_SIZE,
                spec=spec,
            )

        return Recordings(
            grid=_GRID,
            classes=_CLASSES,
            labels=labels,
            sample_ids=ids,
            test_part=np.array([clip.part == "Test" for clip in found]),
            groups=np.array(users, dtype=np.int64) if len(users) == len(found) else None,
            digest=digest,
            coverage=_coverage(found),
            read=read,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return sizes_of_two_parts(recordings, split)

    def check_timing(self, spec: ResolvedSpec) -> None:
        check_duration(spec, resolution_s=1e-3, longest_s=20.0)


@dataclass(frozen=True, kw_only=True)
class _Clip:
    """A recording: its file, official part and person, None where it has none, and class."""

    path: Path
    part: str | None
    user: int | None
    label: int


def _folder(data_root: Path) -> Path:
    return data_root / "dvsgesture"


def _list(folder: Path) -> list[_Clip]:
    """All recordings of the first layout that is there, by the names of their files."""
    official = [clip for part in _COMPLETE for clip in _list_part(folder / "DVSGesture", part)]
    return official or [
        _Clip(path=path, part=None, user=None, label=_label_in(path)) for path in _files(folder, ".npz")
    ]


def _list_part(folder: Path, part: str) -> Iterator[_Clip]:
    below = folder / f"ibmGesture{part}"
    for session in sorted(below.iterdir()) if below.is_dir() else ():
        user = _USER.fullmatch(session.name)
        if user is None or not session.is_dir():
            continue
        for path in _files(session, ".npy"):
            if not (path.stem.isascii() and path.stem.isdigit() and int(path.stem) < _CLASSES):
                raise DataError(f"{path}: a recording's name must be its class, 0.npy … {_CLASSES - 1}.npy")
            yield _Clip(path=path, part=part, user=int(user[1]), label=int(path.stem))


def _files(folder: Path, ending: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix == ending and not path.name.startswith("."))


def _sample_id(path: Path) -> int:
    """A number of 62 bits that is the same for the same recording in every copy."""
    return int.from_bytes(hashlib.sha256(path.as_posix().encode()).digest()[:8], "big") >> 2


def _coverage(found: list[_Clip]) -> str | None:
    counts = [sum(clip.part == part for clip in found) for part in _COMPLETE]
    coverage = coverage_of_two_parts(counts, _COMPLETE.values(), "recordings")
    clips = len(found) - sum(counts)
    if not clips:
        return coverage
    classes = len({clip.label for clip in found})
    return f"{clips:,} loose clips of {classes} of {_CLASSES} classes, outside the official parts; {coverage}"


def _label_in(path: Path) -> int:
    label = _arrays(path, ("label",))["label"]
    if label.shape != () or label.dtype.kind not in "iu" or not 0 <= int(label) < _CLASSES:
        raise DataError(f"{path}: label must be one class, 0 … {_CLASSES - 1}")
    return int(label)


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (OSError, EOFError, KeyError, ValueError, zlib.error, zipfile.BadZipFile, AttributeError) as error:
        raise DataError(f"{path}: cannot be read as a clip of x, y, p, t and label ({error}); copy it again") from None


def _events(path: Path) -> tuple[NDArray[np.int64], ...]:
    """x, y, polarity and time in ns of each event."""
    if path.suffix == ".npz":
        columns, to_ns = [_arrays(path, ("x", "y", "p", "t"))[name] for name in ("x", "y", "p", "t")], 1_000
    else:
        columns, to_ns = list(_table(path).T), 1_000_000
    shapes = {column.shape for column in columns}
    if len(shapes) > 1 or columns[0].ndim != 1 or any(column.dtype.kind not in "iub" for column in columns):
        raise DataError(f"{path}: must hold whole numbers x, y, p and t of each event; copy it again")
    x, y, p, t = (column.astype(np.int64) for column in columns)
    for what, values, limit in (("x", x, _SENSOR), ("y", y, _SENSOR), ("polarity", p, 2)):
        if len(values) and not (values.min() >= 0 and values.max() < limit):
            raise DataError(f"{path}: has an event with {what} outside 0 … {limit - 1}; copy it again")
    return x, y, p, t * to_ns


def _table(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as stream:
            table = np.load(stream, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); download it again") from None
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != 4:
        raise DataError(f"{path}: must hold a table of the columns x, y, p and t; download it again")
    return table


def _cells(path: Path, edges_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    x, y, p, t = _events(path)
    _, height, width = _GRID
    inputs = (p * height + y // _POOLED) * width + x // _POOLED
    return cells_of_events(t - t.min(initial=np.iinfo(np.int64).max), inputs, edges_ns, _SIZE)
