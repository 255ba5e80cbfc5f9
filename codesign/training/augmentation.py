"""Random changes of training samples that preserve their class.

tonic's transforms of the same names apply to recordings before binning, draw from numpy's global generator and do not
depend on the epoch. Here events are already binned: an event's time within its timestep is unknown, and `time_jitter`
draws it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from codesign.arguments import instance
from codesign.arrays import Integers
from codesign.deferred import torch
from codesign.documents import Spec
from codesign.errors import InputError
from codesign.simulation.input import entry_keys
from codesign.simulation.random import Purpose, absorb, sample_key, thin, uniform
from codesign.units import Real, Time, format_si
from codesign.workload.events import EventBatch


class Augmentation(Spec):
    """How training samples are changed, anew in each epoch. Validation and test samples are not changed.

    Called with a batch, a seed and an epoch, it returns the changed batch.

    Attributes:
        shift: all events of a sample move by the same integer number of places between −shift and shift, drawn
            separately for each dimension of the grid: vertically and horizontally, or along the channels of a cochlea.
            Events that leave the grid are lost.
        event_drop: each sample loses a random share of its events, between 0 and this; the lost events are random, too.
            (`input_dropout` has the same probability for every sample.)
        time_jitter: each event moves in time by up to this, in either direction; stored in seconds. Events that leave
            the sample are lost.
    """

    shift: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 0
    event_drop: Annotated[Real, Field(ge=0, le=1)] = 0.0
    time_jitter: Time = 0.0

    @property
    def summary(self) -> str:
        """All settings in one line, for results and model cards."""
        settings = {name: f"{value:g}" for name, value in self if value}
        if self.time_jitter:
            settings["time_jitter"] = format_si(self.time_jitter, "s")
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in settings.items()) or "none"

    def check(self, grid: tuple[int, int, int] | None, timestep_s: float, *, currents: bool) -> None:
        """Raises InputError, naming the parameter, if inputs of this kind cannot be changed in this way."""
        if self.shift and (grid is None or self.shift >= min((size for size in grid[1:] if size > 1), default=0)):
            raise InputError(f"augmentation.shift: needs inputs on a grid with longer sides, found {grid}")
        if self.time_jitter and timestep_s == 0:
            raise InputError("augmentation.time_jitter: needs timesteps longer than 0 s")
        for name in ("event_drop", "time_jitter"):
            if getattr(self, name) and currents:
                raise InputError(f"augmentation.{name}: is for events, found currents")

    def __call__(self, events: EventBatch, *, seed: int, epoch: int) -> EventBatch:
        """The batch with its samples changed.

        Raises:
            InputError: as `check`.
        """
        instance("events", events, EventBatch)
        self.check(events.grid, events.timestep_s, currents=events.currents)
        if self.event_drop:
            events = _dropped(events, self.event_drop, seed, epoch)
        if self.time_jitter:
            events = _jittered(events, self.time_jitter / events.timestep_s, seed, epoch)
        if self.shift:
            events = _shifted(events, self.shift, seed, epoch)
        return events


def _rows(events: EventBatch) -> Integers:
    """(E,) row of each entry: sample · T + timestep."""
    return np.repeat(np.arange(len(events) * events.timesteps), np.diff(events.offsets))


def _shifted(events: EventBatch, most: int, seed: int, epoch: int) -> EventBatch:
    assert events.grid is not None
    _, height, width = events.grid
    keys = sample_key(seed, epoch, Purpose.SHIFT, events.sample_ids)
    sample = _rows(events) // events.timesteps
    plane, x = np.divmod(events.indices, width)
    channel, y = np.divmod(plane, height)
    inside = np.ones(len(sample), dtype=np.bool_)
    moved = []
    for side, (place, size) in enumerate(((y, height), (x, width))):
        drawn = uniform(absorb(keys, side)).double().numpy()
        by = np.floor(drawn * (2 * most + 1)).astype(np.int32) - most if size > 1 else np.zeros(len(events), np.int32)
        moved.append(place + by[sample])
        inside &= (moved[-1] >= 0) & (moved[-1] < size)
    indices = (channel * height + moved[0]) * width + moved[1]
    offsets = np.concatenate([[0], np.cumsum(inside)])[events.offsets]
    return replace(events, offsets=offsets, indices=indices[inside], values=events.values[inside])


def _dropped(events: EventBatch, most: float, seed: int, epoch: int) -> EventBatch:
    keys = sample_key(seed, epoch, Purpose.EVENT_DROP, events.sample_ids)
    share = most * uniform(keys)[_rows(events) // events.timesteps]
    return events.thinned(thin(torch.from_numpy(events.values.copy()), entry_keys(events, keys), share).numpy())


def _jittered(events: EventBatch, most_timesteps: float, seed: int, epoch: int) -> EventBatch:
    keys = entry_keys(events, sample_key(seed, epoch, Purpose.TIME_JITTER, events.sample_ids))
    number = events.values.astype(np.int64)
    entry = np.repeat(np.arange(len(number)), number)
    of_entry = np.arange(len(entry)) - (np.cumsum(number) - number)[entry]
    key = absorb(keys[entry], torch.from_numpy(of_entry))
    within, by = uniform(key).double().numpy(), uniform(key << 24).double().numpy()  # from different bits
    sample, timestep = np.divmod(_rows(events)[entry], events.timesteps)
    moved = np.floor(timestep + within + (2 * by - 1) * most_timesteps).astype(np.int64)
    inside = (moved >= 0) & (moved < events.timesteps)
    return EventBatch.from_cells(
        ((sample * events.timesteps + moved) * events.input_size + events.indices[entry])[inside],
        events.labels,
        sample_ids=events.sample_ids,
        timesteps=events.timesteps,
        input_size=events.input_size,
        timestep_s=events.timestep_s,
    ).with_grid(events.grid)
