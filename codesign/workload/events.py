"""Sparse event batches: the form in which inputs get from datasets to engines."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codesign.arguments import seconds, whole
from codesign.arrays import Floats, Integers
from codesign.deferred import pd, torch
from codesign.errors import InputError
from codesign.units import plural
from codesign.workload.event_rows import DTYPES, EventRows, checked_grid
from codesign.workload.raw_events import (
    LONGEST_S,
    T_COUNTS,
    bin_edges_ns,
    check_frames,
    columns_of,
    empty_end,
    frames_of,
    grid_of,
    inputs_of,
    late_events,
    times_ns,
    whole_numbers,
)


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EventBatch(EventRows):
    """Binned input of B samples over T timesteps, as compressed rows: one row per (sample, timestep).

    Everything stated here is checked once, when a batch is made; entries are read-only from then on. Results of
    `select` and `concatenate` are not checked again.

    Attributes:
        offsets: (B · T + 1,) int64; row `b · T + t` holds entries `offsets[row] : offsets[row + 1]`.
        indices: (E,) int32 input index of each entry, ascending and distinct within a row.
        values: (E,) float32 number of events at that index in that bin (integers ≥ 1, at most `MOST_EVENTS` per row in
            total), or a current.
        labels: (B,) int64 class of each sample, at least 0.
        sample_ids: (B,) int64 id of each sample in its dataset split; all randomness of a sample is drawn from it.
        timesteps: T.
        input_size: number of inputs.
        timestep_s: Δt, length of a bin in seconds; 0 for a static input.
        currents: whether `values` are currents (any finite numbers) instead of event counts.
        grid: (channels, height, width) of the inputs, whose product is `input_size`: input index = (channel · height +
            y) · width + x. None if unknown or if there is none.

    Raises:
        InputError: names the first condition that is violated.
    """

    def __repr__(self) -> str:
        """One line about the content, without entries."""
        return (
            f"EventBatch({plural(len(self), 'sample')}, {plural(self.timesteps, 'timestep')} of {self.timestep_s:g} s, "
            f"{self.input_size} inputs, {len(self.indices)} entries of {'currents' if self.currents else 'events'})"
        )

    def __len__(self) -> int:
        """B, the number of samples."""
        return len(self.labels)

    def __getitem__(self, positions: ArrayLike | slice | torch.Tensor) -> EventBatch:
        """`select`; a single position gives a batch of one sample."""
        return self.select(positions)

    def __iter__(self) -> Iterator[EventBatch]:
        """Iterate over the samples in order, each as a batch of one."""
        return self.batches(1)

    def _part(self, **changes: Any) -> EventBatch:
        """The batch with changes that are known to be valid and are not checked."""
        part = object.__new__(EventBatch)
        vars(part).update(vars(self), **changes)
        part._protect()
        return part

    def select(self, positions: ArrayLike | slice | torch.Tensor) -> EventBatch:
        """The samples at `positions`, in that order, or the one there, with their ids. Raises InputError if there are
        none."""
        try:
            chosen = np.atleast_1d(np.arange(len(self))[positions])  # type: ignore[index]
        except IndexError as error:
            raise InputError(f"positions: must be of {len(self)} samples: {error}") from None
        if chosen.ndim != 1:
            raise InputError(f"positions: must be one or a list, found an index of {chosen.ndim} dimensions")
        return self._frames(chosen, self.timesteps, labels=self.labels[chosen], sample_ids=self.sample_ids[chosen])

    def batches(self, batch_size: int) -> Iterator[EventBatch]:
        """All samples in order, `batch_size` at a time; the batch itself if it is not larger."""
        size = whole("batch_size", batch_size, least=1)
        if len(self) <= size:
            return iter([self] if len(self) else [])
        return (self.select(slice(first, first + size)) for first in range(0, len(self), size))

    def first_timesteps(self, timesteps: int) -> EventBatch:
        """The same samples, cut off after `timesteps` timesteps.

        Raises:
            InputError: there are fewer.
        """
        if (timesteps := whole("timesteps", timesteps)) not in range(1, self.timesteps + 1):
            raise InputError(f"timesteps: must be between 1 and the events' {self.timesteps}, found {timesteps}")
        return self._frames(np.arange(len(self)), timesteps, timesteps=timesteps)

    def _frames(self, samples: NDArray[np.integer], count: int, **changed: Any) -> EventBatch:
        """The first `count` frames of some samples."""
        edges = self.offsets[samples[:, None] * self.timesteps + np.arange(count + 1)]
        offsets = np.zeros(len(samples) * count + 1, dtype=np.int64)
        (edges[:, 1:] - edges[:, :-1]).cumsum(out=offsets[1:])
        pieces = list(map(slice, edges[:, 0].tolist(), edges[:, -1].tolist()))  # a sample's frames are adjacent
        indices, values = (
            np.concatenate([column[piece] for piece in pieces]) if pieces else column[:0]
            for column in (self.indices, self.values)
        )
        return self._part(offsets=offsets, indices=indices, values=values, **changed)

    def thinned(self, values: NDArray[np.float32]) -> EventBatch:
        """The same entries with other (E,) `values`, none larger than before; entries of 0 are left out."""
        kept = values != 0
        offsets = np.concatenate([[0], np.cumsum(kept)])[self.offsets]
        return self._part(offsets=offsets, indices=self.indices[kept], values=values[kept])

    def with_grid(self, grid: tuple[int, int, int] | None) -> EventBatch:
        """The same events on the given grid.

        Raises:
            InputError: it does not have `input_size` places.
        """
        return self._part(grid=checked_grid(grid, self.input_size))

    def frame(self, timestep: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Dense (B, input_size) float32 frame of one timestep. Raises InputError if there is no such timestep."""
        rows = np.arange(len(self)) * self.timesteps + whole("timestep", timestep, most=self.timesteps)
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        entries = np.repeat(self.offsets[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        frame = np.zeros((len(self), self.input_size), dtype=np.float32)
        frame[np.repeat(np.arange(len(self)), lengths), self.indices[entries]] = self.values[entries]
        return torch.from_numpy(frame).to(device)

    @staticmethod
    def from_dense(
        frames: ArrayLike | torch.Tensor,
        labels: ArrayLike | torch.Tensor,
        *,
        timestep_s: float | str,
        sample_ids: ArrayLike | torch.Tensor | None = None,
        currents: bool = False,
    ) -> EventBatch:
        """Compress dense frames of counts or currents; their shape determines the grid.

        Args:
            frames: (samples, timesteps, inputs), (samples, timesteps, height, width) or (samples, timesteps, channels,
                height, width).
            labels: (samples,) classes.
            timestep_s: Δt, in seconds or as a time such as `1 ms`.

        Raises:
            InputError: wrong shape or number of labels, a tensor whose gradient would end here, or a number that is not
                finite or, as a count, not an integer ≥ 0; the first one is named.
        """
        array = frames_of(frames)
        check_frames(array, currents=currents)
        batch, timesteps, *sizes = array.shape
        input_size, classes = math.prod(sizes), whole_numbers("labels", labels)
        if len(classes) != batch:
            order = "; samples come first, then timesteps; from_torch takes time_first=True"
            swapped = order if len(classes) == timesteps else ""
            raise InputError(f"events: {batch} samples in the frames and {len(classes)} labels{swapped}")
        places = np.flatnonzero(array != 0)  # several times faster than `nonzero` on numbers in two dimensions
        rows, indices = np.divmod(places, input_size)
        with np.errstate(over="ignore"):  # numbers that overflow are refused below
            values = array.ravel()[places].astype(np.float32)
        return EventBatch(
            offsets=np.searchsorted(rows, np.arange(batch * timesteps + 1)).astype(np.int64),
            indices=indices.astype(np.int32),
            values=values,
            labels=classes,
            sample_ids=np.arange(batch) if sample_ids is None else whole_numbers("sample_ids", sample_ids),
            timesteps=timesteps,
            input_size=input_size,
            timestep_s=seconds("timestep_s", timestep_s),
            currents=currents,
            grid=grid_of(sizes),
        )

    @staticmethod
    def from_torch(
        frames: torch.Tensor | Iterable[Sequence[torch.Tensor]],
        labels: ArrayLike | torch.Tensor | None = None,
        *,
        timestep_s: float | str,
        time_first: bool = False,
        currents: bool = False,
    ) -> EventBatch:
        """Like `from_dense`, from a tensor and its labels, or from batches of both, as a `DataLoader` gives them, which
        are read one after another: only their events need to fit into memory.

        Args:
            frames: a tensor with a shape that `from_dense` takes, or pairs of such a tensor and its labels.
            labels: (samples,) classes for a tensor; None for pairs.
            timestep_s: Δt, in seconds or as a time such as `1 ms`.
            time_first: whether timesteps are the first axis and samples the second, as in snnTorch and norse.
        """
        given: Iterable[Any] = frames if labels is None else [(frames, labels)]
        batches = []
        for pair in given:
            if not isinstance(pair, list | tuple) or len(pair) != 2 or not np.ndim(pair[1]):
                raise InputError("frames: must be a tensor with labels, or batches of both, as a DataLoader gives them")
            array = frames_of(pair[0])
            array = array.swapaxes(0, 1) if time_first and array.ndim > 1 else array
            batches.append(EventBatch.from_dense(array, pair[1], timestep_s=timestep_s, currents=currents))
        joined = EventBatch.concatenate(batches)
        return joined._part(sample_ids=np.arange(len(joined)))

    @staticmethod
    def from_events(
        events: Mapping[str, Any] | NDArray[np.void] | pd.DataFrame,
        labels: ArrayLike | torch.Tensor,
        *,
        offsets: ArrayLike | torch.Tensor,
        grid: Sequence[int],
        timestep_s: float | str,
        timesteps: int,
        sample_ids: ArrayLike | torch.Tensor | None = None,
    ) -> EventBatch:
        """Count events of N samples by timestep and input, leaving out events after the last timestep, with a warning
        if there are many, or if all events come in the first timesteps.

        Args:
            events: (E,) columns by name, or a structured array with them: `t`, in integer µs or floating-point seconds
                from the beginning of the sample, and either `unit` or `x`, with `y` if the grid has several rows and
                `p` if it has several channels. The events of a sample are consecutive, in any order of time.
            labels: (N,) classes.
            offsets: (N + 1,) where each sample's events begin, and where the last sample's end.
            grid: (inputs,), (height, width) or (channels, height, width).
            timestep_s: Δt, in seconds or as a time such as `1 ms`.
            timesteps: T of each sample.

        Raises:
            InputError: an event, which is named with its column, is outside the grid or has an invalid time; or, of
                several samples, no event falls into the timesteps of its sample.
        """
        columns, sizes, samples = columns_of(events), grid_of(grid), len(whole_numbers("labels", labels))
        starts, timesteps = whole_numbers("offsets", offsets), whole("timesteps", timesteps, least=1)
        times, inputs = times_ns(columns["t"]), inputs_of(columns, columns, sizes)
        counts = np.diff(starts)
        rising = len(starts) == samples + 1 and (counts >= 0).all() and starts[0] == 0
        if not rising or starts[-1] != len(times) or len(inputs) != len(times):
            raise InputError(
                f"events: offsets must be {samples + 1} numbers that rise from 0 to the {len(times)} events, "
                f"found {len(starts)} from {starts[:1]} to {starts[-1:]}, and {len(inputs)} inputs"
            )
        timestep_s = seconds("timestep_s", timestep_s)
        if not 1e-9 <= timestep_s <= LONGEST_S / timesteps:
            raise InputError(f"timestep_s: must be 1 ns to 100 years in {timesteps} timesteps, found {timestep_s} s")
        bins = np.searchsorted(bin_edges_ns(timestep_s, timesteps), times, side="right") - 1
        cells = (np.repeat(np.arange(samples), counts) * timesteps + bins) * math.prod(sizes) + inputs
        batch = EventBatch.from_cells(
            cells[bins < timesteps],
            labels,
            sample_ids=np.arange(samples) if sample_ids is None else sample_ids,
            timesteps=timesteps,
            input_size=math.prod(sizes),
            timestep_s=timestep_s,
        )
        _check_times(batch, len(times))
        return batch.with_grid(sizes)

    @staticmethod
    def from_tonic(
        dataset: Iterable[tuple[Any, Any]],
        *,
        timestep_s: float | str,
        timesteps: int,
        grid: tuple[int, ...] | None = None,
    ) -> EventBatch:
        """Count the events of all samples of a tonic dataset, whose targets are classes, one sample after another.

        Args:
            dataset: pairs of a structured array with `t`, `x`, `y` and `p`, as in tonic, and a class.
            grid: by default the dataset's `sensor_size`, which is (width, height, channels) in tonic.

        Raises:
            InputError: as for `from_events`; or the grid is unknown.
        """
        size = getattr(dataset, "sensor_size", None)
        if grid is None and (size is None or None in size):
            raise InputError("grid: this dataset has no sensor_size; give (channels, height, width)")
        batches, events_given = [], 0
        for number, (events, target) in enumerate(dataset):
            try:
                batch = EventBatch.from_events(
                    events,
                    np.asarray([target]),
                    offsets=np.array([0, len(events)]),
                    grid=tuple(size[::-1]) if grid is None else grid,  # type: ignore[index]
                    timestep_s=timestep_s,
                    timesteps=timesteps,
                    sample_ids=np.array([number]),
                )
            except InputError as error:
                raise InputError(f"sample {number}: {error}") from None
            batches.append(batch)
            events_given += len(events)
        joined = EventBatch.concatenate(batches)
        _check_times(joined, events_given)
        return joined

    @staticmethod
    def from_cells(
        cells: NDArray[np.integer],
        labels: ArrayLike | torch.Tensor,
        *,
        sample_ids: ArrayLike | torch.Tensor,
        timesteps: int,
        input_size: int,
        timestep_s: float,
    ) -> EventBatch:
        """Count events, in any order, without ever holding dense frames.

        Args:
            cells: (events,) cell of each event, `(sample · timesteps + timestep) · input_size + input index`.
        """
        distinct, counts = np.unique(cells, return_counts=True)
        classes = whole_numbers("labels", labels)
        rows, indices = np.divmod(distinct, input_size)
        return EventBatch(
            offsets=np.searchsorted(rows, np.arange(len(classes) * timesteps + 1)).astype(np.int64),
            indices=indices.astype(np.int32),
            values=counts.astype(np.float32),
            labels=classes,
            sample_ids=whole_numbers("sample_ids", sample_ids),
            timesteps=timesteps,
            input_size=input_size,
            timestep_s=timestep_s,
        )

    @staticmethod
    def concatenate(batches: Iterable[EventBatch]) -> EventBatch:
        """The samples of all `batches`, one batch after another; timesteps and inputs must match.

        Raises:
            InputError: there is no batch, or batches differ in shape or kind.
        """
        batches = list(batches)
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
            **{name: np.concatenate([getattr(b, name) for b in batches]) for name in DTYPES if name != "offsets"},
        )

    def events_of_inputs(self) -> Floats:
        """(inputs,) number of events of each input in all samples; for currents, of entries."""
        events = np.ones(len(self.values)) if self.currents else self.values.astype(np.float64)
        return np.bincount(self.indices, weights=events, minlength=self.input_size).astype(np.float64)

    @property
    def events(self) -> Integers:
        """(B,) number of events of each sample; for currents, of entries."""
        return self.events_in(np.full(len(self), self.timesteps))

    def events_in(self, timesteps: Integers) -> Integers:
        """(B,) number of events of each sample in its first (B,) `timesteps`."""
        first = np.arange(len(self)) * self.timesteps
        events = np.ones_like(self.values) if self.currents else self.values
        before = np.concatenate([[0.0], np.cumsum(events, dtype=np.float64)])  # each entry
        return np.asarray(before[self.offsets[first + timesteps]] - before[self.offsets[first]], dtype=np.int64)


def _check_times(batch: EventBatch, given: int) -> None:
    """Warn if many of the `given` events come too late, or all very early; raises InputError if all come too late. A
    single sample may start late."""
    kept = float(batch.values.sum(dtype=np.float64))
    late = late_events(kept, given, batch.timesteps, batch.timestep_s) if len(batch) > 1 else ""
    if late and not kept:
        raise InputError(f"t: {late}")
    filled = np.logical_or.reduce(np.diff(batch.offsets).reshape(-1, batch.timesteps) > 0)
    early = empty_end(filled, batch.timestep_s, most=0.75) if len(batch) > 1 and kept else ""
    if late or early:
        warnings.warn(f"t: {late or early}; {T_COUNTS}", stacklevel=3)
