"""A folder of recordings of an event camera, one file a sample, in folders named after their labels:

[train|validation|test/]<label>/<name>.npy        a structured array with t, x, y and p, as in tonic
[train|validation|test/]<label>/<name>.aedat4     of cameras by iniVation; needs the package aedat
arrays.yaml                                       grid: [2, 128, 128], timestep: 1 ms, timesteps: 100

Times are integer µs or floating-point seconds, relative to a recording's first event. Classes are the labels in order:
integers by value, then words.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.arrays import Integers
from codesign.documents import Spec, load_document
from codesign.errors import DataError
from codesign.units import Positive, Time
from codesign.workload.binning import Events
from codesign.workload.datasets.base import Recordings
from codesign.workload.datasets.reading import as_data_error, classes_of, content_of, names_in, number_of, reading
from codesign.workload.event_rows import MOST_EVENTS
from codesign.workload.raw_events import from_first, grid_of, inputs_of, times_ns

PARTS = ("train", "validation", "test")
_SETTINGS = "arrays.yaml"
_ENDINGS = (".npy", ".aedat4")


class _Settings(Spec):
    """What the recordings do not state themselves."""

    grid: tuple[Positive, ...]
    timestep: Time | None = None
    timesteps: Positive | None = None


def recordings_in(folder: Path) -> Recordings | None:
    """The recordings below a folder, not yet read; None where there are none. Raises DataError where all have one
    label, or there is no file of settings, or one with mistakes."""
    parts = [part for part in PARTS if (folder / part).is_dir()]
    names = sorted(name for part in parts or [""] for name in _list(folder, part))
    if not names:
        return None
    labels, classes = classes_of(folder, [Path(name).parent.name for name in names])
    if not (file := folder / _SETTINGS).is_file():
        raise DataError(f"{file}: is missing; it must say, for example, 'grid: [2, 128, 128]' and 'timestep: 1 ms'")
    settings = load_document(file, _Settings)
    with as_data_error(file):
        grid = grid_of(settings.grid)
    ids = np.array([number_of(name) for name in names], dtype=np.int64)
    part_of = np.array([Path(name).parts[0] for name in names])

    def count(positions: Integers) -> Integers:
        """Count by the headers of readable files."""
        return np.array([_count(folder / names[position]) for position in positions], dtype=np.int64)

    return Recordings(
        grid=grid,
        classes=classes,
        labels=labels,
        sample_ids=ids,
        read=lambda positions, spec: (_events(folder / names[position], grid) for position in positions),
        test_part=part_of == "test" if parts else None,
        validation_part=part_of == "validation" if "validation" in parts else None,
        files=[file, *(folder / name for name in names)],
        timesteps=settings.timesteps,
        timestep_s=settings.timestep,
        events=count if all(name.lower().endswith(".npy") for name in names) else None,
    )


def _list(folder: Path, part: str) -> Iterator[str]:
    """Recordings of a part, as paths below the folder."""
    for label in names_in(folder / part, folders=True):
        for name in names_in(folder / part / label, folders=False):
            if name.lower().endswith(_ENDINGS):
                yield (Path(part) / label / name).as_posix()


def _count(path: Path) -> int:
    with reading(path, "as a recording of events", remedy="copy it again"):
        return int(np.load(path, mmap_mode="r", allow_pickle=False).size)


def _events(path: Path, grid: tuple[int, int, int]) -> Events:
    camera = path.suffix.lower() == ".aedat4"
    if camera and find_spec("aedat") is None:
        raise DataError(f"{path}: needs the package aedat; run `pip install aedat`")
    with reading(path, "as a recording of events", remedy="copy it again"):
        content = io.BytesIO(content_of(path))
        events = _aedat4(path) if camera else np.load(content, allow_pickle=False)
    fields = events.dtype.fields if isinstance(events, np.ndarray) else None
    if not fields or "t" not in fields:
        raise DataError(f"{path}: must be a structured array with t, x, y and p")
    with as_data_error(path):
        return from_first(times_ns(events["t"])), inputs_of(events, fields, grid)


def _aedat4(path: Path) -> NDArray[Any]:
    """Events of the first camera in a file, which may hold several cameras, frames and more."""
    try:
        packets = list(_packets(path))
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(str(error)) from None  # of Rust, for damaged bytes; it is no Exception
    if not packets:
        raise ValueError("it has none")
    return np.concatenate(packets)


def _packets(path: Path) -> Iterator[NDArray[Any]]:
    from aedat import Decoder

    decoder, count = Decoder(str(path)), 0
    camera = min((stream for stream, of in decoder.id_to_stream().items() if of["type"] == "events"), default=None)
    for packet in decoder:
        if packet["stream_id"] == camera:
            yield packet["events"]
            count += len(packet["events"])
            if count > MOST_EVENTS:  # compressed, they take little of the file
                raise ValueError(f"it has more than {MOST_EVENTS:,} events")
