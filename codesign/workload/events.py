"""Sparse event batches: the one form in which inputs travel from datasets to engines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

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

    @property
    def events(self) -> NDArray[np.int64]:
        """(B,) events of each sample; for currents, entries."""
        per_entry = np.ones(len(self.values)) if self.currents else self.values.astype(np.float64)
        cumulative = np.concatenate([[0.0], np.cumsum(per_entry)])
        starts = self.offsets[np.arange(len(self) + 1) * self.timesteps]
        return (cumulative[starts[1:]] - cumulative[starts[:-1]]).astype(np.int64)
