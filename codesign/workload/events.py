"""Sparse event batches: the one form in which inputs travel from datasets to engines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codesign.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["MOST_EVENTS", "EventBatch"]

MOST_EVENTS = 1 << 24
"""Events that one frame (a sample in a timestep) may have: what float32 counts exactly, far below what overflows."""

_DTYPES = {
    "offsets": np.int64,
    "indices": np.int32,
    "values": np.float32,
    "labels": np.int64,
    "sample_ids": np.int64,
}


@dataclass(frozen=True, kw_only=True, repr=False)
class EventBatch:
    """Binned input of B samples over T timesteps, as compressed rows: one row a (sample, timestep).

    Everything said here is checked once, when a batch is made; entries are then seen read-only. What `select` and
    `concatenate` make of checked batches is not checked again.

    Attributes:
        offsets: (B · T + 1,) int64; row `b · T + t` holds entries `offsets[row] : offsets[row + 1]`.
        indices: (E,) int32 input index of each entry, ascending and distinct within a row.
        values: (E,) float32 events counted at that index in that bin (whole numbers ≥ 1, at most `MOST_EVENTS` in a
            row all together), or a current.
        labels: (B,) int64 class of each sample, at least 0.
        sample_ids: (B,) int64 id of each sample in its dataset split; all randomness of a sample is drawn from it.
        timesteps: T.
        input_size: number of inputs.
        timestep_s: Δt, length of a bin in seconds; 0 for a static input.
        currents: whether `values` are currents (any finite number) and not event counts.
        grid: (channels, height, width) of the inputs, whose product is `input_size`: input index = (channel · height +
            y) · width + x. None where it is not known or there is none.

    Raises:
        InputError: naming the first promise that is broken.
    """

    offsets: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    sample_ids: NDArray[np.int64]
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

    def __repr__(self) -> str:
        """What it holds, in a line, without its entries."""
        kind = "currents" if self.currents else "events"
        inputs = self.input_size if self.grid is None else "×".join(map(str, self.grid))
        return (
            f"EventBatch({len(self)} samples, {self.timesteps} timesteps of {self.timestep_s:g} s, "
            f"{inputs} inputs, {len(self.indices)} entries of {kind})"
        )

    def __len__(self) -> int:
        """B, the number of samples."""
        return len(self.labels)

    def _check_form(self) -> None:
        """Types, shapes and lengths."""
        for name, dtype in _DTYPES.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray):
                raise InputError(f"events: {name} must be a numpy array, found {type(array).__name__}")
            if array.dtype != dtype or array.ndim != 1:
                raise InputError(
                    f"events: {name} must be one-dimensional {np.dtype(dtype)}, found {array.ndim}-d {array.dtype}"
                )
        for name in ("timesteps", "input_size"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or not 1 <= value < 1 << 31:
                raise InputError(f"events: {name} must be a whole number of at least 1, found {value!r}")
        real_number = isinstance(self.timestep_s, float | int | np.floating) and not isinstance(self.timestep_s, bool)
        if not real_number or not 0 <= self.timestep_s < np.inf:
            raise InputError(f"events: timestep_s must be finite and not negative, found {self.timestep_s!r}")
        if not isinstance(self.currents, bool | np.bool_):
            raise InputError(f"events: currents must be True or False, found {self.currents!r}")
        _check_grid(self.grid, self.input_size)
        rows = len(self.labels) * self.timesteps
        if len(self.offsets) != rows + 1 or len(self.sample_ids) != len(self.labels):
            raise InputError(f"events: offsets must have {rows + 1} entries and sample_ids {len(self.labels)}")
        if len(self.values) != len(self.indices):
            raise InputError(f"events: values must have {len(self.indices)} entries as indices, not {len(self.values)}")
        if len(self.labels) and self.labels.min() < 0:
            raise InputError(f"events: labels must not be negative, found {self.labels.min()}")

    def _check_rows(self) -> None:
        """That offsets part the entries, and that each row's indices ascend among the inputs."""
        offsets, indices = self.offsets, self.indices
        if offsets[0] != 0 or offsets[-1] != len(indices):
            raise InputError(f"events: offsets must start at 0 and end at the number of entries, {len(indices)}")
        if np.any(offsets[1:] < offsets[:-1]):
            raise InputError("events: offsets must not decrease")
        if not len(indices):
            return
        if indices.min() < 0 or indices.max() >= self.input_size:
            raise InputError(
                f"events: indices must lie in 0 … {self.input_size - 1}, found {indices.min()} … {indices.max()}"
            )
        rises = indices[1:] > indices[:-1]
        starts = offsets[1:-1]
        rises[starts[(starts > 0) & (starts < len(indices))] - 1] = True  # into another row
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
        """Show entries that cannot be written by accident: kernels go where they point, and nobody looks again."""
        for name in ("offsets", "indices", "values"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def _part(self, **changes: Any) -> EventBatch:
        """The same batch with changes that are known to be valid, and so not checked."""
        part = object.__new__(EventBatch)
        for field in fields(self):
            object.__setattr__(part, field.name, changes.get(field.name, getattr(self, field.name)))
        part._protect()
        return part

    def select(self, positions: NDArray[np.integer] | list[int] | slice) -> EventBatch:
        """The samples at `positions`, in that order; their ids go with them."""
        chosen = np.arange(len(self))[positions]
        return self._frames(chosen, self.timesteps, labels=self.labels[chosen], sample_ids=self.sample_ids[chosen])

    def first_timesteps(self, timesteps: int) -> EventBatch:
        """The same samples, cut off after so many timesteps.

        Raises:
            InputError: there are fewer.
        """
        if not 1 <= timesteps <= self.timesteps:
            raise InputError(f"timesteps: must be between 1 and the events' {self.timesteps}, found {timesteps}")
        return self._frames(np.arange(len(self)), timesteps, timesteps=timesteps)

    def _frames(self, samples: NDArray[np.integer], count: int, **changed: Any) -> EventBatch:
        """The first `count` frames of some samples."""
        rows = (samples[:, None] * self.timesteps + np.arange(count)).ravel()
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entries = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return self._part(offsets=offsets, indices=self.indices[entries], values=self.values[entries], **changed)

    def thinned(self, values: NDArray[np.float32]) -> EventBatch:
        """The same entries with other (E,) `values`, none above what it was; entries of 0 are left out."""
        kept = values != 0
        offsets = np.concatenate([[0], np.cumsum(kept)])[self.offsets]
        return self._part(offsets=offsets, indices=self.indices[kept], values=values[kept])

    def with_grid(self, grid: tuple[int, int, int] | None) -> EventBatch:
        """The same events on that grid.

        Raises:
            InputError: it does not have `input_size` places.
        """
        _check_grid(grid, self.input_size)
        return self._part(grid=grid)

    def frame(self, timestep: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Dense (B, input_size) float32 frame of one timestep."""
        import torch  # here, so that listing and binning data need no torch

        rows = np.arange(len(self)) * self.timesteps + timestep
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        entries = np.repeat(self.offsets[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        frame = np.zeros((len(self), self.input_size), dtype=np.float32)
        frame[np.repeat(np.arange(len(self)), lengths), self.indices[entries]] = self.values[entries]
        return torch.from_numpy(frame).to(device)

    @staticmethod
    def from_frames(
        frames: NDArray[np.generic],
        labels: NDArray[np.integer],
        *,
        timestep_s: float,
        sample_ids: NDArray[np.integer] | None = None,
        currents: bool = False,
        grid: tuple[int, int, int] | None = None,
    ) -> EventBatch:
        """Compress dense (B, T, input_size) frames.

        Raises:
            InputError: they have another shape, or numbers that an `EventBatch` may not hold.
        """
        frames = np.asarray(frames)
        if frames.ndim != 3 or frames.dtype.kind not in "biuf":
            found = f"{frames.dtype} of shape {frames.shape}"
            raise InputError(f"events: frames must be numbers of shape (samples, timesteps, inputs), found {found}")
        batch, timesteps, input_size = frames.shape
        rows, indices = np.nonzero(frames.reshape(batch * timesteps, input_size))
        with np.errstate(over="ignore"):  # what is no longer finite is refused
            values = frames.reshape(batch * timesteps, input_size)[rows, indices].astype(np.float32)
        return EventBatch(
            offsets=np.searchsorted(rows, np.arange(batch * timesteps + 1)).astype(np.int64),
            indices=indices.astype(np.int32),
            values=values,
            labels=_whole("labels", labels),
            sample_ids=np.arange(batch) if sample_ids is None else _whole("sample_ids", sample_ids),
            timesteps=timesteps,
            input_size=input_size,
            timestep_s=timestep_s,
            currents=currents,
            grid=grid,
        )

    @staticmethod
    def from_cells(
        cells: NDArray[np.integer],
        labels: NDArray[np.integer],
        *,
        sample_ids: NDArray[np.integer],
        timesteps: int,
        input_size: int,
        timestep_s: float,
    ) -> EventBatch:
        """Count events, in any order, without ever holding dense frames.

        Args:
            cells: (events,) cell of each event, `(sample · timesteps + timestep) · input_size + input index`.
        """
        distinct, counts = np.unique(cells, return_counts=True)
        rows, indices = np.divmod(distinct, input_size)
        return EventBatch(
            offsets=np.searchsorted(rows, np.arange(len(labels) * timesteps + 1)).astype(np.int64),
            indices=indices.astype(np.int32),
            values=counts.astype(np.float32),
            labels=_whole("labels", labels),
            sample_ids=_whole("sample_ids", sample_ids),
            timesteps=timesteps,
            input_size=input_size,
            timestep_s=timestep_s,
        )

    @staticmethod
    def concatenate(batches: Sequence[EventBatch]) -> EventBatch:
        """The samples of all `batches`, one batch after the other; timesteps and inputs must be alike.

        Raises:
            InputError: no batch at all, or batches of different shape or kind.
        """
        if not batches:
            raise InputError("events: needs at least one batch")
        kinds = {(b.timesteps, b.input_size, b.timestep_s, b.currents, b.grid) for b in batches}
        if len(kinds) > 1:
            kind = "(timesteps, input_size, timestep_s, currents, grid)"
            raise InputError(f"events: batches differ in {kind}: {sorted(kinds, key=repr)}")
        starts = np.cumsum([0, *(len(b.indices) for b in batches)])
        return batches[0]._part(
            offsets=np.concatenate(
                [np.zeros(1, np.int64), *(b.offsets[1:] + start for b, start in zip(batches, starts, strict=False))]
            ),
            **{name: np.concatenate([getattr(b, name) for b in batches]) for name in _DTYPES if name != "offsets"},
        )

    def events_of_inputs(self) -> NDArray[np.float64]:
        """(inputs,) events of each input in all samples; for currents, entries."""
        counts = np.bincount(self.indices, weights=self._events_of_entries(), minlength=self.input_size)
        return counts.astype(np.float64)

    def _events_of_entries(self) -> NDArray[np.float64]:
        return np.ones(len(self.values)) if self.currents else self.values.astype(np.float64)

    @property
    def events(self) -> NDArray[np.int64]:
        """(B,) events of each sample; for currents, entries."""
        return self.events_in(np.full(len(self), self.timesteps))

    def events_in(self, timesteps: NDArray[np.int64]) -> NDArray[np.int64]:
        """(B,) events of each sample in its first timesteps, whose numbers `timesteps` gives as (B,)."""
        per_entry = self._events_of_entries()
        cumulative = np.concatenate([[0.0], np.cumsum(per_entry)])
        first = np.arange(len(self)) * self.timesteps
        before, after = self.offsets[first], self.offsets[first + timesteps]
        per_sample: NDArray[np.int64] = (cumulative[after] - cumulative[before]).astype(np.int64)
        return per_sample


def _check_grid(grid: tuple[int, ...] | None, input_size: int) -> None:
    if grid is None:
        return
    whole = isinstance(grid, tuple) and all(isinstance(size, int) and not isinstance(size, bool) for size in grid)
    if not whole or len(grid) != 3 or min(grid) < 1 or math.prod(grid) != input_size:
        raise InputError(
            f"events: grid must be (channels, height, width) of {input_size} inputs in all, or None, found {grid!r}"
        )


def _whole(name: str, numbers: object) -> NDArray[np.int64]:
    """Labels or ids as an `EventBatch` holds them; numbers that are not whole are not rounded."""
    array = np.asarray(numbers)
    if array.size and array.dtype.kind not in "iu":
        raise InputError(f"events: {name} must be whole numbers, found {array.dtype}")
    return array.astype(np.int64)
