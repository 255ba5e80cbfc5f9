"""Spiking Heidelberg Digits: spoken digits through a model of the cochlea (Cramer et al. 2020,
doi:10.1109/TNNLS.2020.3044364).

Read from `<data root>/shd/SHD/shd_{train,test}.h5`, the files that are published and where tonic puts them, compressed
(`.h5.gz`) or not, a sample at a time. Of the 700 channels of the cochlea each two neighbours are one input, as in the
paper. Usual splits: the official test part, and a sixth of the official training part for validation; `speaker` tests
on speakers of whom nothing is trained, as far as a file says who speaks. Copies with one of the two files are
accepted.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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

__all__ = ["SHD"]

_COMPLETE = {"train": 8_156, "test": 2_264}
_CHANNELS = 700
_INPUTS = 350
_CLASSES = 20
_TEST_ID = 1_000_000  # ids of test samples start here
_PIECE = 1 << 22


class SHD(Dataset):
    """Twenty digits, ten English and ten German, of twelve speakers: 350 inputs; the first second of about 1.4 s."""

    name = "shd"
    title = "Spiking Heidelberg Digits"
    version = 1
    splits = ("official", "pooled", "speaker")
    usual_timesteps = 100
    download = Download(
        page="https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
        folder="shd/SHD",
        files=(
            RemoteFile(
                url="https://zenkelab.org/datasets/shd_train.h5.zip",
                name="shd_train.h5.zip",
                md5="f3252aeb598ac776c1b526422d90eecb",
                holds="shd_train.h5",
            ),
            RemoteFile(
                url="https://zenkelab.org/datasets/shd_test.h5.zip",
                name="shd_test.h5.zip",
                md5="1503a5064faa34311c398fb0a1ed0a6f",
                holds="shd_test.h5",
            ),
        ),
    )

    def status(self, data_root: Path) -> DatasetStatus:
        folder = _folder(data_root)
        found = _find(folder)
        if not found:
            return self.described("missing", f"expected in {folder}: shd_train.h5, shd_test.h5")
        try:
            counts = [len(_read_labels(found[part])) if part in found else 0 for part in _COMPLETE]
        except DataError as error:
            return self.described("damaged", str(error))
        coverage = coverage_of_two_parts(counts, _COMPLETE.values(), "samples")
        if coverage is None:
            return self.described("complete", f"10,420 samples in {folder}")
        return self.described("partial", f"{coverage} in {folder}")

    def open(self, spec: ResolvedSpec, data_root: Path, cache: Cache) -> Recordings:
        from codesign.workload.cache import file_states

        folder = _folder(data_root)
        found = _find(folder)
        if not found:
            raise DataError(f"SHD: neither shd_train.h5 nor shd_test.h5 in {folder.absolute()}. {self.how_to_get()}")
        labels = {part: _read_labels(path) for part, path in found.items()}
        speakers = {part: _read_speakers(path, len(labels[part])) for part, path in found.items()}
        first_id = {"train": 0, "test": _TEST_ID}
        known = [groups for groups in speakers.values() if groups is not None]
        digest = cache.digest(
            {"dataset": "shd", "folder": str(folder.resolve()), "files": file_states(folder, list(found.values()))},
            lambda: _digest(found),
        )
        all_labels = np.concatenate(list(labels.values()))
        ids = np.concatenate([first_id[part] + np.arange(len(labels[part])) for part in found]).astype(np.int64)

        def read(positions: NDArray[np.int64], spec: ResolvedSpec) -> EventBatch:
            return _read(found, all_labels, ids, positions, spec)

        return Recordings(
            grid=(1, 1, _INPUTS),
            classes=_CLASSES,
            labels=all_labels,
            sample_ids=ids,
            test_part=ids >= _TEST_ID,
            groups=np.concatenate(known) if len(known) == len(found) else None,
            digest=digest,
            coverage=coverage_of_two_parts(
                [len(labels.get(part, ())) for part in _COMPLETE], _COMPLETE.values(), "samples"
            ),
            read=read,
        )

    def usual_sizes(self, recordings: Recordings, split: SplitKind) -> tuple[int, int | None]:
        return sizes_of_two_parts(recordings, split)

    def check_timing(self, spec: ResolvedSpec) -> None:
        check_duration(spec, resolution_s=1e-3, longest_s=1.4)  # times are stored in 16 bits, steps of 0.5 ms at 1 s


def _folder(data_root: Path) -> Path:
    return data_root / "shd" / "SHD"


def _find(folder: Path) -> dict[str, Path]:
    """Files by part, training first; the uncompressed one where there are both."""
    found = {}
    for part in _COMPLETE:
        for path in (folder / f"shd_{part}.h5", folder / f"shd_{part}.h5.gz"):
            if part not in found and path.is_file():
                found[part] = path
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The HDF5 file, to be read piece by piece; a compressed one is unpacked to a temporary file, which has no name.

    Raises:
        DataError: it is damaged, now or where it is read.
    """
    import h5py

    try:
        with tempfile.TemporaryFile() as unpacked:
            if path.suffix == ".gz":
                with gzip.open(path) as stream:
                    shutil.copyfileobj(stream, unpacked, _PIECE)
            with h5py.File(unpacked if path.suffix == ".gz" else path, "r") as file:
                yield file
    except (KeyError, OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a file of SHD ({error}); download it again") from None


def _read_labels(path: Path) -> NDArray[np.int64]:
    with _opened(path) as file:
        labels = np.asarray(file["labels"][()])
        samples = {"spikes/times": len(file["spikes/times"]), "spikes/units": len(file["spikes/units"])}
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or not (labels.min() >= 0):
        raise DataError(f"{path}: labels must be whole numbers, one a sample, found {labels.dtype} {labels.shape}")
    if labels.max() >= _CLASSES:
        raise DataError(f"{path}: labels must lie in 0 … {_CLASSES - 1}, found {labels.max()}; is this SHD?")
    for name, count in samples.items():
        if count != len(labels):
            raise DataError(f"{path}: has {len(labels):,} labels and {count:,} entries of {name}; download it again")
    return labels.astype(np.int64)


def _read_speakers(path: Path, samples: int) -> NDArray[np.int64] | None:
    with _opened(path) as file:
        if "extra/speaker" not in file:
            return None
        speakers = np.asarray(file["extra/speaker"][()])
    if speakers.shape != (samples,) or speakers.dtype.kind not in "iu":
        raise DataError(f"{path}: extra/speaker must hold a whole number a sample; download it again")
    return speakers.astype(np.int64)


def _digest(found: dict[str, Path]) -> str:
    """Hash of what is in the files, the same whether they are compressed or not."""
    digest = hashlib.sha256()
    for part, path in found.items():
        digest.update(f"{part} ".encode())
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: cannot be read ({error}); download it again") from None
    return digest.hexdigest()


def _read(
    found: dict[str, Path],
    labels: NDArray[np.int64],
    ids: NDArray[np.int64],
    positions: NDArray[np.int64],
    spec: ResolvedSpec,
) -> EventBatch:
    edges = bin_edges_ns(spec.timestep, spec.timesteps)
    with ExitStack() as stack:
        files = {part: stack.enter_context(_opened(path)) for part, path in found.items()}
        spikes = {part: (file["spikes/times"], file["spikes/units"]) for part, file in files.items()}

        def cells_of(position: int) -> NDArray[np.int64]:
            part, row = "test" if ids[position] >= _TEST_ID else "train", int(ids[position] % _TEST_ID)
            times, units = spikes[part]
            return _cells(times[row], units[row], edges, f"{found[part]}: sample {row}")

        return bin_samples(cells_of, positions, labels=labels, sample_ids=ids, input_size=_INPUTS, spec=spec)


def _cells(times_s: Any, units: Any, edges_ns: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    seconds, channels = np.asarray(times_s, dtype=np.float64), np.asarray(units, dtype=np.int64)
    if seconds.shape != channels.shape:
        raise DataError(f"{where} has {len(seconds):,} times and {len(channels):,} units; download it again")
    if len(channels) and not (channels.min() >= 0 and channels.max() < _CHANNELS):
        raise DataError(f"{where} has a spike of a unit outside 0 … {_CHANNELS - 1}; download it again")
    if not (np.isfinite(seconds).all() and (seconds >= 0).all()):
        raise DataError(f"{where} has a spike at no time; download it again")
    times_ns = np.rint(seconds * 1e9).astype(np.int64)
    return cells_of_events(times_ns, channels // (_CHANNELS // _INPUTS), edges_ns, _INPUTS)
