"""How a layer is cut into parts: consecutive neurons in one of three orders.

In the order `channels`, a part holds whole feature maps or a piece of one, and sees the whole grid of its source. In
the orders `rows` and `columns`, it holds a strip of all maps, and sees a strip of the source's maps that is as wide as
its kernels require.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np

from codesign.arrays import Integers
from codesign.network.topology import LayerShape
from codesign.network.window import Grid, Window

Cut = Literal["channels", "rows", "columns"]
CUTS: tuple[Cut, ...] = get_args(Cut)

_AXES = {"channels": (0, 1, 2), "rows": (1, 2, 0), "columns": (2, 1, 0)}


@lru_cache(maxsize=64)
def cut_order(grid: Grid, cut: Cut) -> Integers:
    """(n,) neurons of a layer in the order of a cut: by channel, row and column, or place by place with all its
    channels, along rows or along columns."""
    numbers = np.arange(math.prod(grid)).reshape(grid)
    return np.ascontiguousarray(numbers.transpose(_AXES[cut]).ravel())


def runs_of(layer: LayerShape, cores: Sequence[int] | Integers) -> tuple[Cut, list[tuple[int, int]]]:
    """The first cut in which each core holds one run of consecutive neurons, given the (n,) cores of neurons, and the
    (core, length) of each run. If there is no such cut, the runs in the order `channels`, of which some core has
    several."""
    of_neurons = np.asarray(cores)
    count = len(np.unique(of_neurons))
    for cut in CUTS:
        runs = _runs(of_neurons[cut_order(layer.grid, cut)])
        if len(runs) == count:
            return cut, runs
    return CUTS[0], _runs(of_neurons)


def _runs(cores: Integers) -> list[tuple[int, int]]:
    ends = np.flatnonzero(np.append(cores[1:] != cores[:-1], True)) + 1
    starts = np.append(0, ends[:-1])
    return [(int(cores[start]), int(end - start)) for start, end in zip(starts, ends, strict=True)]


# what parts see ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def places_of_runs(window: Window, cut: Cut, runs: tuple[int, ...]) -> Any:
    """(S, groups · places) sparse array: neurons of each of S runs of the source, with the given lengths, in each
    place. Places are those of the source's grid after pooling; each group of channels has its own."""
    places = window.rows.places * window.columns.places
    held = window.held()[cut_order(window.source, cut)]
    run = np.repeat(np.arange(len(runs)), runs)[held >= 0]
    channel, place = np.divmod(held[held >= 0], places)
    return _counted(
        run, channel // (window.channels // window.groups) * places + place, len(runs), window.groups * places
    )


@lru_cache(maxsize=64)
def targets_of_runs(window: Window, cut: Cut, runs: tuple[int, ...]) -> Any:
    """(groups · places, P) sparse array: targets of a spike at each place in each of P runs of the layer, with the
    given lengths."""
    return _targets(window, cut, np.repeat(np.arange(len(runs)), runs), len(runs))


@lru_cache(maxsize=64)
def fullest_banks(window: Window, cut: Cut, runs: tuple[int, ...], lanes: int) -> Any:
    """(groups · places, P) the targets in the fullest bank of each run; neuron i of a run is in bank i mod lanes."""
    from scipy.sparse import csr_array

    bank = np.concatenate([run * lanes + np.arange(neurons) % lanes for run, neurons in enumerate(runs)])
    of_banks = _targets(window, cut, bank, len(runs) * lanes)
    of_banks.sort_indices()
    of_cells = of_banks.tocoo()
    place, bank = of_cells.row, of_cells.col
    first = np.flatnonzero(np.append(True, (np.diff(place) != 0) | (np.diff(bank // lanes) != 0))[: len(bank)])
    fullest = np.maximum.reduceat(of_banks.data, first) if len(first) else of_banks.data
    return csr_array((fullest, (place[first], bank[first] // lanes)), shape=(of_banks.shape[0], len(runs)))


def work_of_runs(window: Window, cut: Cut, runs: tuple[int, ...]) -> tuple[Integers, Integers]:
    """(P,) messages that each run receives if every neuron of the source sends one, and their synapses."""
    targets = targets_of_runs(window, cut, runs).tocsc()
    neurons = window.channels // window.groups * window.pool  # neurons of the source in each place
    return neurons * np.diff(targets.indptr).astype(np.int64), neurons * np.asarray(targets.sum(axis=0))


def _targets(window: Window, cut: Cut, cell: Integers, cells: int) -> Any:
    """(groups · places, cells) targets of a spike at each place, by cell; `cell` is that of each neuron in the order of
    the cut."""
    from scipy.sparse import kron

    place, _, out = window.ways()
    places, outs = window.rows.places * window.columns.places, window.rows.outputs * window.columns.outputs
    ways = _counted(place, out, places, outs)
    of_groups = ways if window.groups == 1 else kron(np.eye(window.groups, dtype=np.int64), ways, format="csr")
    channel, at = np.divmod(cut_order(window.grid, cut), outs)
    group = channel // (window.out_channels // window.groups)
    return of_groups @ _counted(group * outs + at, cell, window.groups * outs, cells)


def _counted(row: Integers, column: Integers, rows: int, columns: int) -> Any:
    """(rows, columns) sparse array: how often each pair occurs."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(row), dtype=np.int64), (row, column)), shape=(rows, columns))
