"""The content of a batch of events, and its invariants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codesign.arguments import flag, seconds, whole
from codesign.arrays import Integers, OfArrays
from codesign.errors import InputError

MOST_EVENTS = 1 << 24
"""Most events of one frame (a sample in a timestep): as many as float32 counts exactly, far below any overflow."""

DTYPES = {"offsets": np.int64, "indices": np.int32, "values": np.float32, "labels": np.int64, "sample_ids": np.int64}
"""The arrays of a batch."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EventRows(OfArrays):
    """The content of an `EventBatch`, which documents each part. Raises InputError for invalid content."""

    offsets: Integers
    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    labels: Integers
    sample_ids: Integers
    timesteps: int
    input_size: int
    timestep_s: float
    currents: bool = False
    grid: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        self._check_form()
        self._check_rows()
        self._check_values()
        self._protect()

    def _check_form(self) -> None:
        for name, dtype in DTYPES.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray):
                raise InputError(f"events: {name} must be a numpy array, found {type(array).__name__}")
            if array.dtype != dtype or array.ndim != 1:
                found = f"{array.ndim}-d {array.dtype}"
                raise InputError(f"events: {name} must be one-dimensional {np.dtype(dtype)}, found {found}")
        for name in ("timesteps", "input_size"):  # numpy's integers overflow
            object.__setattr__(self, name, whole(f"events: {name}", getattr(self, name), least=1))
        object.__setattr__(self, "timestep_s", seconds("events: timestep_s", self.timestep_s))
        object.__setattr__(self, "currents", flag("events: currents", self.currents))
        object.__setattr__(self, "grid", checked_grid(self.grid, self.input_size))
        rows = len(self.labels) * self.timesteps
        if len(self.offsets) != rows + 1 or len(self.sample_ids) != len(self.labels):
            raise InputError(f"events: offsets must have {rows + 1} entries and sample_ids {len(self.labels)}")
        if len(self.values) != len(self.indices):
            raise InputError(f"events: values must have {len(self.indices)} entries as indices, not {len(self.values)}")
        if len(self.labels) and self.labels.min() < 0:
            raise InputError(f"events: labels must not be negative, found {self.labels.min()}")

    def _check_rows(self) -> None:
        """Check that offsets partition the entries, and that the indices of each row are inputs in ascending order."""
        offsets, indices = self.offsets, self.indices
        if offsets[0] != 0 or offsets[-1] != len(indices):
            raise InputError(f"events: offsets must start at 0 and end at the number of entries, {len(indices)}")
        if np.any(offsets[1:] < offsets[:-1]):
            raise InputError("events: offsets must not decrease")
        if not len(indices):
            return
        if indices.min() < 0 or indices.max() >= self.input_size:
            raise InputError(f"events: indices must lie in 0 … {self.input_size - 1}")
        rises = indices[1:] > indices[:-1]
        starts = offsets[1:-1]
        rises[starts[(starts > 0) & (starts < len(indices))] - 1] = True  # at the start of another row
        if not rises.all():
            raise InputError("events: indices must ascend and be distinct within a row")

    def _check_values(self) -> None:
        if not len(self.values):
            return
        if not np.isfinite(self.values).all():
            raise InputError("events: values must be finite")
        if self.currents:
            return
        if self.values.min() < 1 or np.any(self.values != np.floor(self.values)):
            raise InputError("events: values must be whole numbers of at least 1, or currents")
        cumulative = np.concatenate([[0.0], np.cumsum(self.values, dtype=np.float64)])
        most = float((cumulative[self.offsets[1:]] - cumulative[self.offsets[:-1]]).max(initial=0))
        if most > MOST_EVENTS:
            raise InputError(f"events: a sample may have up to {MOST_EVENTS} events in a timestep, found {most:.0f}")

    def _protect(self) -> None:
        """Make entries read-only: kernels index with them, and they are not checked again."""
        for name in ("offsets", "indices", "values"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)


def checked_grid(grid: Sequence[int] | None, input_size: int) -> tuple[int, int, int] | None:
    """The grid as a tuple. Raises InputError if it is not one of so many inputs."""
    if grid is None:
        return None
    if len(grid) != 3 or min(grid) < 1 or math.prod(grid) != input_size:
        raise InputError(f"events: grid must be (channels, height, width) of {input_size} inputs, found {grid!r}")
    return int(grid[0]), int(grid[1]), int(grid[2])
