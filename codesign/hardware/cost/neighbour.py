"""Times of cores that wait only for their neighbours, instead of a barrier of all cores.

    start[c, h]  = max(finish[c, h − 1],
                       finish[p, h − 1] + way(p, c) over cores p that feed c,
                       finish[s, h − 1] over cores s that c feeds)
    finish[c, h] = start[c, h] + handshake + busy[c, h]

A route counts in the steps for which messages were sent along it. Input is sent as soon as there is room for it, from
finish[c, h − 2] on, and in real time not before its frame arrives. Nothing else is shared: links never delay messages.
docs/design.md (Neighbours) has the reasons and sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from codesign.arrays import Floats
from codesign.hardware.cost.steps import Feed, StepWork
from codesign.hardware.cost.work import PlacedExecution

_CHUNK = 1 << 20  # numbers of an array over samples, cores and scenarios: 8 MB


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Times of B samples in n scenarios, in seconds.

    Attributes:
        total_s: (B, n) until the last core has finished the last step.
        lengths_s: (B, H, n) from when the last core has finished a step until the last core has finished the next.
        arrival_s: (B, n) when all cores of the first layer can start the last frame: when they have finished the frame
            before, and the cores that they feed have room.
    """

    total_s: Floats
    lengths_s: Floats
    arrival_s: Floats


def feeds_of(work: PlacedExecution) -> tuple[Feed, ...]:
    """Which core sends to which on a placement."""
    geometry, sources = work.geometry, dict[tuple[int, int, tuple[int, ...]], list[int]]()
    for source, (start, layer) in enumerate(zip(geometry.starts.tolist(), work.reach.layer.tolist(), strict=True)):
        if reached := tuple(work.places(source).tolist()):
            sources.setdefault((start, layer, reached), []).append(source)
    feeds = []
    for (start, layer, reached), columns in sources.items():
        targets = np.array(reached)
        feeds.append(
            Feed(
                core=start - 1 if start else None,
                sources=np.array(columns, dtype=np.int64),
                targets=targets,
                hops=geometry.ways[start, targets],
                layer=layer,
            )
        )
    return tuple(feeds)


def walk(
    steps: StepWork,
    times_s: Floats,
    hop_s: Floats,
    handshake_s: float | Floats,
    *,
    last_frame: int | None = None,
    frames_s: Floats | None = None,
) -> Walk:
    """Go through all steps, in chunks of samples that fit in little memory.

    Args:
        times_s: (6, n) times of the kinds of work.
        hop_s: (3, n) times of a hop along the row, along the column and between chips.
        handshake_s: time in which a core agrees with its neighbours, () or (n,).
        last_frame: step in which the first layer works on the last frame; without it, only `total_s` is computed.
        frames_s: (H,) when the input of each step arrives, relative to the last; None if all of it is there from the
            start.
    """
    samples, count = steps.which.shape
    cores, scenarios = steps.work.shape[1], times_s.shape[1]
    total = np.zeros((samples, scenarios))
    ends = np.zeros((samples, 0 if last_frame is None else count, scenarios))
    arrival = np.zeros_like(total)
    chunk = max(1, _CHUNK // (cores * scenarios))
    for first in range(0, samples, chunk):
        these = slice(first, first + chunk)
        for step, finish in enumerate(_finishes(steps, these, times_s, hop_s, handshake_s, frames_s)):
            total[these] = finish.max(axis=1)
            if last_frame is None:
                continue
            ends[these, step] = total[these]
            if step == last_frame - 1:
                arrival[these] = _ready(finish, steps.feeds)
    return Walk(total_s=total, lengths_s=np.diff(ends, axis=1, prepend=0.0), arrival_s=arrival)


def _ready(finish: Floats, feeds: tuple[Feed, ...]) -> Floats:
    """(samples, n) when all cores of the first layer may start the next step, as far as room is concerned."""
    ready = finish.copy()
    for feed in feeds:
        if feed.core is not None:
            np.maximum(ready[:, feed.core], finish[:, feed.targets].max(axis=1), out=ready[:, feed.core])
    entrances = next((feed.targets for feed in feeds if feed.core is None), slice(None))
    return np.asarray(ready[:, entrances].max(axis=1))


def _finishes(
    steps: StepWork, these: slice, times_s: Floats, hop_s: Floats, handshake_s: float | Floats, frames_s: Floats | None
) -> Iterator[Floats]:
    """Yield, after each step, the (samples, K, n) times at which cores have finished it."""
    which = steps.which[these]
    ways = [feed.hops @ hop_s for feed in steps.feeds]
    used = np.flatnonzero(steps.work.any(axis=(0, 1)) & times_s.any(axis=1))
    earlier = before = np.zeros((len(which), steps.work.shape[1], times_s.shape[1]))
    if frames_s is not None:  # nothing happens before a sample's first frame
        earlier = before = before + frames_s[steps.real[these].argmax(axis=1), None, None]
    for step, rows in enumerate(which.T):
        finish = before.copy()  # at first, when each core may start
        sent = steps.sent[rows] > 0
        for feed, way in zip(steps.feeds, ways, strict=True):
            if feed.core is None:
                left = earlier[:, feed.targets]
                if frames_s is not None:
                    left = np.maximum(left, frames_s[max(step - feed.layer, 0)])
            else:
                left = before[:, [feed.core]]
                room = before[:, feed.targets].max(axis=1)
                np.maximum(finish[:, feed.core], room, out=finish[:, feed.core])
            under_way = sent[:, feed.sources].any(axis=1)[:, None, None]
            finish[:, feed.targets] = np.maximum(finish[:, feed.targets], left + np.where(under_way, way, 0.0))
        finish += np.where((rows > 0)[:, None, None], handshake_s, 0.0)
        for kind in used:  # one by one, so that no sample's time depends on the others in the batch
            finish += steps.work[rows, :, kind, None] * times_s[kind]
        earlier, before = before, finish
        yield finish
