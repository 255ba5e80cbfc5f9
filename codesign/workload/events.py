"""Sparse event batches: the one form in which inputs travel from datasets to engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

__all__ = ["EventBatch"]


@dataclass(frozen=True, kw_only=True)
class EventBatch:
    """Binned input of B samples over T timesteps, as compressed rows: one row a (sample, timestep).

    Attributes:
        offsets: (B · T + 1,) int64; row `b · T + t` holds entries `offsets[row] : offsets[row + 1]`.
        indices: (E,) int32 input index of each entry, ascending and distinct within a row.
        values: (E,) float32 events counted at that index in that bin (whole numbers ≥ 1), or a current.
        labels: (B,) int64 class of each sample.
        sample_ids: (B,) int64 id of each sample in its dataset split; all randomness of a sample is drawn from it.
        timesteps: T.
        input_size: number of inputs.
        timestep_s: Δt, length of a bin in seconds; 0 for a static input.
        currents: whether `values` are currents (any number) and not event counts.
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

    def __post_init__(self) -> None:
        rows = len(self.labels) * self.timesteps
        if len(self.offsets) != rows + 1 or len(self.sample_ids) != len(self.labels):
            raise ValueError(f"offsets must have {rows + 1} entries and sample_ids {len(self.labels)}")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.indices) or len(self.values) != len(self.indices):
            raise ValueError("offsets must start at 0 and end at the number of entries")

    def __len__(self) -> int:
        """B, the number of samples."""
        return len(self.labels)

    def validate(self) -> None:
        """Check everything that the description of the attributes promises; costs a pass over all entries.

        Raises:
            ValueError: naming the first promise that is broken.
        """
        dtypes = {"offsets": np.int64, "indices": np.int32, "values": np.float32, "labels": np.int64}
        for name, dtype in (*dtypes.items(), ("sample_ids", np.int64)):
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 1:
                raise ValueError(
                    f"{name} must be one-dimensional {np.dtype(dtype)}, found {array.ndim}-d {array.dtype}"
                )
        if self.timesteps < 1 or self.input_size < 1 or not 0 <= self.timestep_s < np.inf:
            raise ValueError("timesteps and input_size must be at least 1, timestep_s finite and not negative")
        lengths = np.diff(self.offsets)
        if np.any(lengths < 0):
            raise ValueError("offsets must not decrease")
        if len(self.indices) and (self.indices.min() < 0 or self.indices.max() >= self.input_size):
            raise ValueError(f"indices must lie in 0 … {self.input_size - 1}")
        if len(self.indices) > 1:
            same_row = np.ones(len(self.indices) - 1, dtype=bool)
            starts = self.offsets[1:-1]
            same_row[starts[(starts > 0) & (starts < len(self.indices))] - 1] = False
            if np.any(same_row & (self.indices[1:] <= self.indices[:-1])):
                raise ValueError("indices must ascend and be distinct within a row")
        if not np.all(np.isfinite(self.values)):
            raise ValueError("values must be finite")
        if not self.currents and np.any((self.values < 1) | (self.values != np.floor(self.values))):
            raise ValueError("values must be whole numbers of at least 1, or currents")
        if np.any(self.labels < 0):
            raise ValueError("labels must not be negative")
        if len(np.unique(self.sample_ids)) != len(self.sample_ids):
            raise ValueError("sample_ids must be distinct")

    def select(self, positions: NDArray[np.integer] | list[int] | slice) -> EventBatch:
        """The samples at `positions`, in that order; their ids go with them."""
        chosen = np.arange(len(self))[positions]
        rows = (chosen[:, None] * self.timesteps + np.arange(self.timesteps)).ravel()
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entries = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return EventBatch(
            offsets=offsets,
            indices=self.indices[entries],
            values=self.values[entries],
            labels=self.labels[chosen],
            sample_ids=self.sample_ids[chosen],
            timesteps=self.timesteps,
            input_size=self.input_size,
            timestep_s=self.timestep_s,
            currents=self.currents,
        )

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
    ) -> EventBatch:
        """Compress dense (B, T, input_size) frames."""
        batch, timesteps, input_size = frames.shape
        rows, indices = np.nonzero(frames.reshape(batch * timesteps, input_size))
        values = frames.reshape(batch * timesteps, input_size)[rows, indices]
        return EventBatch(
            offsets=np.searchsorted(rows, np.arange(batch * timesteps + 1)).astype(np.int64),
            indices=indices.astype(np.int32),
            values=values.astype(np.float32),
            labels=np.asarray(labels, dtype=np.int64),
            sample_ids=np.arange(batch, dtype=np.int64) if sample_ids is None else np.asarray(sample_ids, np.int64),
            timesteps=timesteps,
            input_size=input_size,
            timestep_s=timestep_s,
            currents=currents,
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
            labels=np.asarray(labels, dtype=np.int64),
            sample_ids=np.asarray(sample_ids, dtype=np.int64),
            timesteps=timesteps,
            input_size=input_size,
            timestep_s=timestep_s,
        )

    @staticmethod
    def concatenate(batches: Sequence[EventBatch]) -> EventBatch:
        """The samples of all `batches`, one batch after the other; timesteps and inputs must be alike.

        Raises:
            ValueError: no batch at all, or batches of different shape or kind.
        """
        if not batches:
            raise ValueError("needs at least one batch")
        kinds = {(b.timesteps, b.input_size, b.timestep_s, b.currents) for b in batches}
        if len(kinds) > 1:
            raise ValueError(f"batches differ in (timesteps, input_size, timestep_s, currents): {sorted(kinds)}")
        starts = np.cumsum([0, *(len(b.indices) for b in batches)])
        first = batches[0]
        return EventBatch(
            offsets=np.concatenate(
                [np.zeros(1, np.int64), *(b.offsets[1:] + start for b, start in zip(batches, starts, strict=False))]
            ),
            indices=np.concatenate([b.indices for b in batches]),
            values=np.concatenate([b.values for b in batches]),
            labels=np.concatenate([b.labels for b in batches]),
            sample_ids=np.concatenate([b.sample_ids for b in batches]),
            timesteps=first.timesteps,
            input_size=first.input_size,
            timestep_s=first.timestep_s,
            currents=first.currents,
        )

    @property
    def events(self) -> NDArray[np.int64]:
        """(B,) events of each sample; for currents, entries."""
        per_entry = np.ones(len(self.values)) if self.currents else self.values.astype(np.float64)
        cumulative = np.concatenate([[0.0], np.cumsum(per_entry)])
        starts = self.offsets[np.arange(len(self) + 1) * self.timesteps]
        per_sample: NDArray[np.int64] = (cumulative[starts[1:]] - cumulative[starts[:-1]]).astype(np.int64)
        return per_sample
