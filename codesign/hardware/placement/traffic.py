"""Assigning loads to the cores of a chip such that messages travel few hops.

    traffic = Σ over sources a and parts b of messages(a → b) · hops(core of a → core of b)

Between chips, messages pass tile 0 of both, so each chip is a separate problem, with everything that comes from or goes
elsewhere at one fixed place: a quadratic assignment, solved by scipy's FAQ (Vogelstein et al. 2015,
doi:10.1371/journal.pone.0121002), followed by exchanges.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codesign.arrays import Flags, Floats, Integers
from codesign.hardware.chip.parts import Mesh
from codesign.hardware.placement.filling import Assumed, Budget, CoreLoad, core_loads
from codesign.hardware.placement.reach import reach_of
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice

MOST_CORES = 256
"""Most cores in use of one chip that are rearranged; the time grows with their third power, to some seconds here."""

_LEAST_PLACES = 64


def messages_between(shape: NetworkShape, parts: tuple[Slice, ...]) -> Floats:
    """(P + 1, P) messages from the input (row 0) and each part to each part, if every input and neuron sends one."""
    sources = np.array([shape.input_size, *(part.neurons for part in parts)], dtype=np.float64)
    reach, messages = reach_of(shape, parts, parts), np.zeros((len(sources), len(parts)))
    np.add.at(messages, 1 + reach.origin, sources[1 + reach.origin, None] * reach.share)
    return messages


def moved_near(budget: Budget, parts: tuple[Slice, ...], strategy: str) -> Assumed:
    """The same parts, with the cores of each chip exchanged among themselves and with free ones if that saves hops; and
    the reasons why some cannot be moved."""
    chip, network, size = budget.chip, budget.chip.mesh, budget.cores
    stays = f"'{strategy}' leaves parts on the cores in order"
    if network is None:
        lacks = ": the network between its cores is not described" if budget.several_cores else " has one core"
        return parts, (f"{chip.name}{lacks}, so {stays}",)
    of_core = {load.core: load for load in core_loads(budget, parts)}
    cores = np.array(sorted(of_core))
    at = np.searchsorted(cores, [part.core for part in parts])
    flow = np.zeros((len(cores) + 1, len(cores)))
    np.add.at(flow, (np.append(0, 1 + at)[:, None], at[None, :]), messages_between(budget.shape, parts))
    on_chip = cores // size if budget.spans_chips else np.zeros_like(cores)
    moved, unmoved = cores.copy(), set[str]()
    for number in np.unique(on_chip).tolist():
        own = np.flatnonzero(on_chip == number)
        if len(own) > MOST_CORES:
            unmoved.add(f"{chip.name}: more than {MOST_CORES} cores of a chip are in use, so {stays} there")
            continue
        first = number * size if budget.spans_chips else 0
        there = size if budget.spans_chips else max(size, int(cores[-1]) + 1)
        places = _places(network, cores[own] - first, there)
        room = _room(budget, [of_core[int(core)] for core in cores[own]], first + places)
        order = _arranged(_flow_on_chip(flow, own, len(places)), _distances(network, places), room)
        moved[own] = first + places[order[1 : 1 + len(own)] - 1]
    parts = tuple(replace(part, core=int(moved[place])) for part, place in zip(parts, at, strict=True))
    return parts, tuple(unmoved)


def _places(network: Mesh, used: Integers, there: int) -> Integers:
    """Cores of a chip to choose from, those in use first: all of a small chip, otherwise the nearest to tile 0."""
    row, column = network.place(np.arange(there) // network.cores_per_tile)
    nearest = np.argsort(row + column, kind="stable")[: max(_LEAST_PLACES, 2 * len(used))]
    return np.concatenate([used, np.setdiff1d(nearest, used)])


def _flow_on_chip(flow: Floats, own: Integers, places: int) -> Floats:
    """(places + 1, places + 1) messages in both directions between the loads of places; row 0 is what passes tile 0."""
    within = flow[1 + own][:, own]
    gate = flow[:, own].sum(axis=0) - within.sum(axis=0) + flow[1 + own].sum(axis=1) - within.sum(axis=1)
    both = np.zeros((places + 1, places + 1))
    inner = slice(1, 1 + len(own))
    both[inner, inner] = within + within.T
    both[0, inner] = both[inner, 0] = gate
    np.fill_diagonal(both, 0.0)
    return both


def _distances(network: Mesh, places: Integers) -> Floats:
    """(places + 1, places + 1) hops; row 0 is tile 0."""
    row, column = network.place(np.append(0, places // network.cores_per_tile))
    return np.asarray(np.abs(row[:, None] - row) + np.abs(column[:, None] - column), dtype=np.float64)


def _room(budget: Budget, loads: list[CoreLoad], cores: Integers) -> Flags:
    """(places + 1, places + 1) whether the load of one place fits on another; tile 0 is fixed. A core enlarged beyond
    its capacity fits where the same load is held."""
    room = np.ones((len(cores) + 1, len(cores) + 1), dtype=np.bool_)
    amounts = np.zeros((2, len(cores)))
    amounts[:, : len(loads)] = np.array([(load.neurons, load.synapses) for load in loads]).T
    for amount, limit_of in zip(amounts, (budget.neurons_of, budget.synapses_of), strict=True):
        limits = [limit_of(core) for core in cores.tolist()]
        if None not in limits:
            held = np.array(limits, dtype=np.float64)
            room[1:, 1:] &= (amount[:, None] <= held) | (held[:, None] <= held)
    room[0, 1:] = room[1:, 0] = False
    return room


def _arranged(flow: Floats, distance: Floats, room: Flags) -> Integers:
    """(places + 1,) new place of the load of each place."""
    from scipy.optimize import quadratic_assignment

    given = np.arange(len(flow))
    options = {"partial_match": np.array([[0, 0]]), "rng": np.random.default_rng(0)}  # FAQ does not draw numbers
    found = np.asarray(quadratic_assignment(flow, distance, method="faq", options=options).col_ind)
    starts = [given, found] if room[given, found].all() else [given]
    ends = [_exchanged(flow, distance, room, start) for start in starts]
    return min(ends, key=lambda order: float((flow * distance[np.ix_(order, order)]).sum()))


def _exchanged(flow: Floats, distance: Floats, room: Flags, order: Integers) -> Integers:
    """`order` after exchanging pairs of places, always the best pair, until no exchange reduces flow · distance.

    With S the flow and D the distances as placed, both symmetric, and G = S D, exchanging u and v changes half of Σ S D
    by G_uv + G_vu − G_uu − G_vv + 2 S_uv D_uv.
    """
    order, least = order.copy(), -1e-9 * max(float(flow.sum()), 1.0)
    while True:
        placed = distance[np.ix_(order, order)]
        gain = flow @ placed
        alone = np.diag(gain)
        change = gain + gain.T - alone[:, None] - alone[None, :] + 2 * flow * placed
        may = room[:, order]
        change[~(may & may.T)] = np.inf
        u, v = np.unravel_index(np.argmin(change), change.shape)
        if not change[u, v] < least:
            return order
        order[[u, v]] = order[[v, u]]
