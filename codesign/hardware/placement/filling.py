"""Neurons on cores: how many fit, in which order cores are filled, and how layers are spread evenly.

Synapses are counted as stored: if the chip stores kernels, the part of a kernel that a core needs counts once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import CoreCounts
from codesign.network.cuts import CUTS, Cut, work_of_runs
from codesign.network.topology import LayerShape, NetworkShape
from codesign.simulation.execution import Slice

Assumed = tuple[tuple[Slice, ...], tuple[str, ...]]
"""Parts of a network on cores, and what was assumed for them."""


@dataclass(frozen=True, kw_only=True)
class CoreLoad:
    """The neurons and stored synapses on a core in use, and its capacity, None if unknown; cores of the second chip
    follow those of the first."""

    core: int
    neurons: int
    synapses: int
    neuron_capacity: int | None
    synapse_capacity: int | None

    @property
    def exceeding(self) -> list[tuple[str, int, int]]:
        """What exceeds the core's capacity: its kind, the amount, and the capacity."""
        of = (("neurons", self.neurons, self.neuron_capacity), ("synapses", self.synapses, self.synapse_capacity))
        return [(kind, amount, limit) for kind, amount, limit in of if limit is not None and amount > limit]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A network, and what it can be placed on: the cores of one or several chips and, if `scaled`, as many as it needs.
    `cuts` are the orders in which layers may be cut."""

    shape: NetworkShape
    chip: Chip
    scaled: bool
    cuts: tuple[Cut, ...] = CUTS

    @property
    def cores(self) -> int:
        """Number of cores of one chip."""
        return self.chip.cores.value

    @property
    def spans_chips(self) -> bool:
        """Whether cores beyond those of a chip belong to further chips. If not, added cores are like the last one."""
        return self.chip.multi_chip is not None

    @property
    def most_cores(self) -> int | None:
        """Number of cores of all chips that may be joined; None if not stated or irrelevant."""
        if self.scaled:
            return None
        if self.chip.multi_chip is None:
            return self.cores
        most = self.chip.multi_chip.most
        return None if most is None else most.value * self.cores

    @property
    def several_cores(self) -> bool:
        return self.cores > 1 or self.spans_chips

    @property
    def may_split(self) -> bool:
        """Whether a layer may occupy several cores."""
        return self.chip.splits_layers and self.several_cores

    @property
    def shares_cores(self) -> bool:
        """Whether two layers may share a core; assumed if the chip does not say."""
        return self.chip.layers_share_core is not False

    @property
    def synapse_bits(self) -> int | None:
        """Bits of one synapse if the capacity is stated as memory; None if it is stated as synapses."""
        in_bits = self.chip.synapses_per_core is None and self.chip.weight_memory is not None
        return self.chip.synapse_bits if in_bits else None

    def neurons_of(self, core: int) -> int | None:
        """Neurons that a core holds; None for no limit."""
        return self._of(self.chip.neurons_per_core, core)

    def synapses_of(self, core: int) -> int | None:
        """Stored synapses that a core holds, likewise."""
        if self.synapse_bits is None:
            return self._of(self.chip.synapses_per_core, core)
        bits = self._of(self.chip.weight_memory, core)
        return None if bits is None else bits // self.synapse_bits

    def _of(self, counts: CoreCounts | None, core: int) -> int | None:
        return None if counts is None else counts.of_core(core % self.cores if self.spans_chips else core)

    def stored(self, size: LayerShape, neurons: int, cut: Cut) -> int:
        """Synapses that `neurons` neurons of a layer take on one core: the layer's mean, rounded up. If kernels are
        stored, a strip needs those of all channels, and a run of channels only its own; of a direct connection that
        shares no weights, each neuron needs its own."""
        late = neurons * size.delayed_fan_in
        if not self._stores_kernel(size):
            return late - (-neurons * (size.synapses + size.direct_synapses) // size.neurons)
        channels = size.channels if cut != "channels" else -(-neurons * size.channels // size.neurons)
        into = (one for one in self.shape.direct if self.shape.layers[one.target] is size)
        own = sum(one.weights for one in into if one.weights == one.synapses)
        return late + neurons * own // size.neurons + channels * (_kernels(size) - own) // size.channels

    def add(self, used: dict[int, tuple[int, int]], part: Slice, sign: int = 1) -> None:
        """Add the neurons and synapses of a part to those on its core, or subtract them with a sign of −1."""
        neurons, synapses = used.get(part.core, (0, 0))
        stored = self.stored(self.shape.layers[part.layer], part.neurons, part.cut)
        used[part.core] = neurons + sign * part.neurons, synapses + sign * stored

    def room(self, core: int, size: LayerShape, cut: Cut, taken: tuple[int, int]) -> int:
        """Neurons of a layer that fit on a core on which `taken` neurons and synapses are in use."""
        neurons, synapses = self.neurons_of(core), self.synapses_of(core)
        most = size.neurons if neurons is None else min(size.neurons, max(neurons - taken[0], 0))
        if synapses is None:
            return most
        return bisect_right(range(1, most + 1), synapses - taken[1], key=lambda some: self.stored(size, some, cut))

    def cuts_of(self, size: LayerShape) -> tuple[Cut, ...]:
        """Orders in which a layer may be cut."""
        return self.cuts if size.height * size.width > 1 else CUTS[:1]

    def least_busy(self, size: LayerShape, ways: Sequence[tuple[Slice, ...]]) -> tuple[Slice, ...]:
        """Of several ways to cut a layer into parts, the first of those with the fewest cores and, among these, the
        least work on the busiest core.

        Work is the messages that it receives and their synapses if every neuron of the source sends one; on a crossbar
        only the messages, since each occupies the whole core.
        """

        def load(parts: tuple[Slice, ...]) -> tuple[int, int]:
            if size.window is None or len(ways) == 1:
                return len(parts), 0
            messages, synapses = work_of_runs(size.window, parts[0].cut, tuple(part.neurons for part in parts))
            return len(parts), int((messages if self.chip.crossbar else messages + synapses).max())

        return min(ways, key=load)

    def _stores_kernel(self, size: LayerShape) -> bool:
        return self.chip.stores_kernels and _kernels(size) < size.synapses + size.direct_synapses


def _kernels(size: LayerShape) -> int:
    """Weights of a layer that are stored once if kernels are stored."""
    return size.weights + size.direct_weights


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """Where a network did not fit.

    Attributes:
        kind: what is missing: `fan_in`, `neurons` or `synapses` of a core, or `cores`.
        layer: 0 is the first layer of neurons.
        needed: amount of `kind` needed by one neuron of the layer if it may be split, otherwise by the layer; for
            cores, the neurons not placed.
        limit: amount that there is.
        taken: amount of it that other layers have taken.
        core: the core that is too small; None for fan-in and cores.
        largest: the most that a free core holds; 0 if the layer may be split, and for fan-in and cores.
    """

    kind: str
    layer: int
    needed: int
    limit: int
    taken: int = 0
    core: int | None = None
    largest: int = 0


@dataclass(frozen=True, kw_only=True)
class Filling:
    """Parts layer by layer, and the shortages on the way."""

    parts: tuple[Slice, ...]
    shortages: tuple[Shortage, ...]


def fill_in_order(budget: Budget) -> Filling:
    """Place layer by layer, core by core, filling each core before the next.

    A layer that may not be split takes the first free core that holds it. The first shortage ends the filling, but a
    scaled chip continues with cores that hold as little as they must: one neuron, or a layer that may not be split.
    """
    filler = _Filler(budget)
    complete = all(filler.place(layer) for layer in range(len(budget.shape.layers)))
    assert complete or filler.shortages
    return Filling(parts=tuple(filler.parts), shortages=tuple(filler.shortages))


def spread_evenly(budget: Budget, given: tuple[Slice, ...]) -> tuple[Slice, ...]:
    """The same layers on the same cores, each layer's neurons spread evenly over its cores.

    The sizes of a layer's parts differ by at most 1. If a core has less room, because other layers use it or its
    capacity is smaller, it takes what it can and the others share the rest. What fits as given always fits.
    """
    used: dict[int, tuple[int, int]] = {}  # use of each core by all other layers, spread or not
    for part in given:
        budget.add(used, part)
    spread: list[Slice] = []
    for layer, size in enumerate(budget.shape.layers):
        parts = [part for part in given if part.layer == layer]
        for part in parts:
            budget.add(used, part, -1)
        ways: list[tuple[Slice, ...]] = []
        for cut in budget.cuts_of(size):
            rooms = []
            for part in parts:
                room = budget.room(part.core, size, cut, used[part.core])
                # an enlarged core holds at least what it was enlarged for
                rooms.append(max(room, part.neurons) if cut == part.cut else room)
            if sum(rooms) >= size.neurons:
                runs = _even(size.neurons, rooms)
                ways.append(tuple(replace(part, neurons=run, cut=cut) for part, run in zip(parts, runs, strict=True)))
        for part in budget.least_busy(size, ways):
            spread.append(part)
            budget.add(used, part)
    return tuple(spread)


def core_loads(budget: Budget, parts: Sequence[Slice]) -> tuple[CoreLoad, ...]:
    """The load of each core in use, by core."""
    used: dict[int, tuple[int, int]] = {}
    for part in parts:
        budget.add(used, part)
    return tuple(
        CoreLoad(
            core=core,
            neurons=neurons,
            synapses=synapses,
            neuron_capacity=budget.neurons_of(core),
            synapse_capacity=budget.synapses_of(core),
        )
        for core, (neurons, synapses) in sorted(used.items())
    )


def _even(total: int, rooms: list[int]) -> list[int]:
    """`total` distributed as evenly over `rooms` as they allow; among equal rooms, the first get the larger parts."""
    parts = [0] * len(rooms)
    order = sorted(range(len(rooms)), key=lambda position: (rooms[position], -position))
    for done, position in enumerate(order):
        parts[position] = min(rooms[position], total // (len(rooms) - done))
        total -= parts[position]
    return parts


class _Filler:
    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.parts: list[Slice] = []
        self.shortages: list[Shortage] = []
        self.used: dict[int, tuple[int, int]] = {}  # by core, neurons and synapses on it

    def place(self, layer: int) -> bool:
        """Place a layer; return whether it fits completely."""
        budget, size = self.budget, self.budget.shape.layers[layer]
        fan_in = budget.chip.fan_in
        if fan_in is not None and size.fan_in > fan_in.value:
            self.shortages.append(Shortage(kind="fan_in", layer=layer, needed=size.fan_in, limit=fan_in.value))
            if not budget.scaled:
                return False
        first, *others = budget.cuts_of(size)
        attempts = [self._attempt(layer, first)]
        if others and (len(attempts[0].parts) > 1 or attempts[0].shortages):
            attempts += [self._attempt(layer, cut) for cut in others]
        if complete := [attempt.parts for attempt in attempts if not attempt.shortages]:
            parts = budget.least_busy(size, complete)
        else:
            parts = attempts[0].parts
            self.shortages += attempts[0].shortages
        for part in parts:
            budget.add(self.used, part)
        self.parts += parts
        return sum(part.neurons for part in parts) == size.neurons

    def _attempt(self, layer: int, cut: Cut) -> Filling:
        """Parts of a layer in a cut, as far as there is room, and the shortages."""
        budget, size = self.budget, self.budget.shape.layers[layer]
        parts: list[Slice] = []
        short: list[Shortage] = []
        left, core, lifted = size.neurons, self._first_core(size, cut), False
        while left:
            if budget.most_cores is not None and core >= budget.most_cores:
                short.append(Shortage(kind="cores", layer=layer, needed=left, limit=budget.most_cores))
                break
            here = min(left, self._room(core, size, cut))
            if not here or (here < left and not budget.may_split):
                if not lifted:
                    short.append(self._shortage(layer, size, core, cut))
                if not budget.scaled:
                    break
                here, lifted = (1 if budget.may_split else left), True
            parts.append(Slice(layer=layer, core=core, neurons=here, cut=cut))
            left, core = left - here, core + 1
        return Filling(parts=tuple(parts), shortages=tuple(short))

    def _room(self, core: int, size: LayerShape, cut: Cut) -> int:
        return self.budget.room(core, size, cut, self.used.get(core, (0, 0)))

    def _first_core(self, size: LayerShape, cut: Cut) -> int:
        budget, last = self.budget, max(self.used, default=-1)
        if not budget.chip.splits_layers:
            return self._core_for_whole_layer(size, cut, last)
        if not budget.shares_cores:
            return last + 1
        core = max(last, 0)
        return core + 1 if core in self.used and not self._room(core, size, cut) and budget.several_cores else core

    def _core_for_whole_layer(self, size: LayerShape, cut: Cut, last: int) -> int:
        """The first core that holds the layer; otherwise the first free one, or one beyond the existing cores."""
        budget = self.budget
        if budget.shares_cores and not budget.several_cores:
            return 0
        there = self._cores_there()
        free = [core for core in range(there) if core not in self.used]
        candidates = range(max(last, 0), max(there, last + 1)) if budget.shares_cores else free
        fitting = (core for core in candidates if self._room(core, size, cut) == size.neurons)
        return next(fitting, next(iter(free), max(last + 1, there)))

    def _cores_there(self) -> int:
        """Cores to choose from: a chip's, or those of the chips in use and one chip more."""
        budget, last = self.budget, max(self.used, default=-1)
        there = budget.cores * (last // budget.cores + 2) if budget.spans_chips else budget.cores
        return there if budget.most_cores is None else min(there, budget.most_cores)

    def _shortage(self, layer: int, size: LayerShape, core: int, cut: Cut) -> Shortage:
        budget = self.budget
        taken = self.used.get(core, (0, 0))
        number = 1 if budget.may_split else size.neurons
        kind, needed, taken_here = "synapses", budget.stored(size, number, cut), taken[1]
        limit = budget.synapses_of(core)
        if limit is None or taken_here + needed <= limit:
            kind, needed, taken_here, limit = "neurons", number, taken[0], budget.neurons_of(core)
        assert limit is not None  # nothing else can be short
        of_core = budget.synapses_of if kind == "synapses" else budget.neurons_of
        free = [] if budget.may_split else [other for other in range(self._cores_there()) if other not in self.used]
        largest = max((of_core(other) or 0 for other in free), default=0)
        return Shortage(
            kind=kind, layer=layer, needed=needed, limit=limit, taken=taken_here, core=core, largest=largest
        )
