"""Placing neurons on cores: in layer order, within capacity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from codesign.errors import InfeasibleError, InputError
from codesign.hardware.description import Chip
from codesign.network.topology import LayerShape, NetworkShape
from codesign.simulation.execution import Slice

__all__ = ["Capacity", "Mapping", "Placement", "map_network"]

Capacity = Literal["published", "scaled"]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A run of `neurons` neurons of layer `layer` (0 is the first layer of neurons) on core `core`."""

    layer: int
    core: int
    neurons: int


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A network on the cores of a chip.

    Attributes:
        chip: name of the chip.
        capacity: `published`, or `scaled`: circuits kept, counts lifted where the network needs it.
        shape: the network.
        placements: runs of neurons in neuron order; each layer's runs are on different cores.
        cores_used: cores with neurons.
        neuron_utilization, synapse_utilization: share of the used cores' capacity that is filled, above 1 where counts
            were lifted; None where the capacity is not known.
        assumptions: what was assumed that the chip does not have.
    """

    chip: str
    capacity: Capacity
    shape: NetworkShape
    placements: tuple[Placement, ...]
    cores_used: int
    neuron_utilization: float | None
    synapse_utilization: float | None
    assumptions: tuple[str, ...]

    @property
    def cores_of_neurons(self) -> tuple[int, ...]:
        """(N,) core of each neuron."""
        return tuple(part.core for part in self.placements for _ in range(part.neurons))

    @property
    def splits_layers(self) -> bool:
        """Whether a layer lies on more than one core."""
        return len(self.placements) > len(self.shape.layers)

    def schedule_cores(self, *, core_aware: bool = False) -> tuple[int, ...] | None:
        """`Schedule.cores` for this mapping.

        None where every layer lies on one core and the policy does not look at cores, so that one execution serves
        every chip that schedules alike.
        """
        return self.cores_of_neurons if self.splits_layers or core_aware else None

    def slices(self, *, core_aware: bool = False) -> tuple[Slice, ...]:
        """The slices that an execution under `schedule_cores` has."""
        by_layer = self.schedule_cores(core_aware=core_aware) is None
        return tuple(
            Slice(layer=part.layer, core=part.layer if by_layer else part.core, neurons=part.neurons)
            for part in self.placements
        )


@dataclass(frozen=True, kw_only=True)
class _Limits:
    """What one core holds; None where that is not known."""

    neurons: int | None
    synapses: int | None


def map_network(shape: NetworkShape, chip: Chip, capacity: Capacity, weight_bits: int | None = None) -> Mapping:
    """Place `shape` on `chip`, layer by layer, core by core.

    A capacity that the chip's file does not give does not limit. Under `scaled`, a chip of several cores gets as many
    cores as the network needs, and a core only grows where a single neuron does not fit; a chip with one core keeps
    one, which grows.

    Args:
        weight_bits: bits of the evaluated weights; None evaluates floats, and memory is counted in the chip's own bits.

    Raises:
        InfeasibleError: under `published`, with the layer, what it needs and what there is.
    """
    if capacity not in ("published", "scaled"):
        raise InputError(f"capacity: must be 'published' or 'scaled', found {capacity!r}")
    placer = _Placer(shape, chip, capacity)
    for layer in range(len(shape.layers)):
        placer.place(layer)
    placer.finish()
    return Mapping(
        chip=chip.name,
        capacity=capacity,
        shape=shape,
        placements=tuple(placer.placements),
        cores_used=len({part.core for part in placer.placements}),
        neuron_utilization=placer.utilization("neurons"),
        synapse_utilization=placer.utilization("synapses"),
        assumptions=(*placer.assumptions, *_weight_assumptions(chip, weight_bits)),
    )


def _weight_assumptions(chip: Chip, weight_bits: int | None) -> tuple[str, ...]:
    if chip.weight_bits is None or weight_bits == chip.weight_bits.value:
        return ()
    found = "32-bit floating-point weights" if weight_bits is None else f"{weight_bits}-bit weights"
    if weight_bits is not None and 1 < weight_bits < chip.weight_bits.value:
        return ()
    return (f"{chip.name}: evaluated with {found}, the chip holds {chip.weight_bits.value}-bit weights",)


class _Placer:
    """Fills cores from core 0 on and remembers what is left of the current one."""

    def __init__(self, shape: NetworkShape, chip: Chip, capacity: Capacity) -> None:
        self.shape, self.chip, self.capacity = shape, chip, capacity
        self.placements: list[Placement] = []
        self.assumptions: list[str] = []
        self.lifted: set[int] = set()  # layers for which a core was lifted
        self.used: dict[int, tuple[int, int]] = {}  # core: neurons and synapses on it

    def place(self, layer: int) -> None:
        size = self.shape.layers[layer]
        self._check_fan_in(layer, size)
        per_neuron = self._synapses_per_neuron(size)
        left, first = size.neurons, True
        core = self._first_core(size.neurons, per_neuron)
        while left:
            room = self._room(core, left, per_neuron, size)
            if first and not room and self.chip.layers_share_core and self.used.get(core) and self.chip.cores.value > 1:
                core, room = core + 1, self._room(core + 1, left, per_neuron, size)
            if core >= self.chip.cores.value and self.capacity == "published":
                raise InfeasibleError(self._no_core(layer, size))
            if not room or (room < left and not self._may_split):
                self._lift_core(layer, size, core, left, per_neuron)
                room = left if not self._may_split else max(room, 1)
            self._put(layer, core, room, per_neuron, size)
            left, first = left - room, False
            if left:
                core += 1

    def finish(self) -> None:
        """Note cores that the chip does not have."""
        needed, there = max(part.core for part in self.placements) + 1, self.chip.cores.value
        if needed > there:
            self._assume(f"the network needs {needed:,} cores, the chip has {there:,}; cores added")

    @property
    def _may_split(self) -> bool:
        return self.chip.splits_layers and self.chip.cores.value > 1

    def utilization(self, what: Literal["neurons", "synapses"]) -> float | None:
        column = 0 if what == "neurons" else 1
        filled = capacity = 0
        for core, counts in self.used.items():
            limit: int | None = getattr(self._limits(core), what)
            if limit is None:
                return None
            filled, capacity = filled + counts[column], capacity + limit
        return filled / capacity

    # capacity ----------------------------------------------------------------------------------------------------

    def _limits(self, core: int) -> _Limits:
        chip = self.chip
        synapses = None
        if chip.synapses_per_core is not None:
            synapses = chip.synapses_per_core.of_core(core)
        elif chip.weight_memory is not None and chip.weight_bits is not None:
            synapses = chip.weight_memory.of_core(core) // chip.weight_bits.value
        return _Limits(
            neurons=None if chip.neurons_per_core is None else chip.neurons_per_core.of_core(core), synapses=synapses
        )

    def _synapses_per_neuron(self, size: LayerShape) -> float:
        """Stored synapses that one more neuron takes; kernels that are stored once are counted by `_fixed` instead."""
        return 0.0 if self._shares_kernel(size) else size.synapses / size.neurons

    def _shares_kernel(self, size: LayerShape) -> bool:
        return self.chip.stores_kernels and size.weights < size.synapses

    def _fixed(self, size: LayerShape) -> int:
        return size.weights if self._shares_kernel(size) else 0

    def _room(self, core: int, wanted: int, per_neuron: float, size: LayerShape) -> int:
        """Neurons of the layer, at most `wanted`, that still fit on `core`."""
        limits, (neurons, synapses) = self._limits(core), self.used.get(core, (0, 0))
        room = wanted
        if limits.neurons is not None:
            room = min(room, limits.neurons - neurons)
        if limits.synapses is not None:
            free = limits.synapses - synapses - self._fixed(size)
            if free < 0:
                return 0
            if per_neuron:
                room = min(room, math.floor(free / per_neuron))
        return max(room, 0)

    def _first_core(self, wanted: int, per_neuron: float) -> int:
        last = max(self.used, default=-1)
        if self.chip.layers_share_core:
            return max(last, 0)
        if self.chip.splits_layers:
            return last + 1
        size = self.shape.layers[len({part.layer for part in self.placements})]
        free = [core for core in range(self.chip.cores.value) if core not in self.used]
        fitting = [core for core in free if self._room(core, wanted, per_neuron, size) == wanted]
        return next(iter(fitting), next(iter(free), max(last + 1, self.chip.cores.value)))

    def _put(self, layer: int, core: int, neurons: int, per_neuron: float, size: LayerShape) -> None:
        before = self.used.get(core, (0, 0))
        synapses = math.ceil(neurons * per_neuron) + self._fixed(size)
        self.used[core] = (before[0] + neurons, before[1] + synapses)
        self.placements.append(Placement(layer=layer, core=core, neurons=neurons))

    # what does not fit -------------------------------------------------------------------------------------------

    def _check_fan_in(self, layer: int, size: LayerShape) -> None:
        limit = self.chip.fan_in
        if limit is None or size.fan_in <= limit.value:
            return
        message = f"layer {layer + 1} needs {size.fan_in:,} inputs per neuron, a neuron has {limit.value:,}"
        if self.capacity == "published":
            raise InfeasibleError(f"{self.chip.name}: {message}")
        self._assume(f"{message}; lifted")

    def _lift_core(self, layer: int, size: LayerShape, core: int, left: int, per_neuron: float) -> None:
        """Under `scaled` let a core hold what it must; under `published` say why it cannot."""
        message = self._shortage(layer, size, core, left, per_neuron)
        if self.capacity == "published":
            raise InfeasibleError(f"{self.chip.name}: {message}")
        if self.chip.cores.value > 1 and layer not in self.lifted:
            self._assume(f"{message}; lifted")
        elif not self.lifted:
            total = f"{self.shape.neurons:,} neurons and {sum(one.synapses for one in self.shape.layers):,} synapses"
            self._assume(f"the network needs {total}, {message}; counts lifted")
        self.lifted.add(layer)

    def _shortage(self, layer: int, size: LayerShape, core: int, left: int, per_neuron: float) -> str:
        limits, (neurons, synapses) = self._limits(core), self.used.get(core, (0, 0))
        number = left if not self._may_split else 1
        needed = math.ceil(number * per_neuron) + self._fixed(size)
        if limits.synapses is not None and synapses + needed > limits.synapses:
            kind, need, limit, taken = "synapses", needed, limits.synapses, synapses
        else:
            assert limits.neurons is not None  # nothing else can be short
            kind, need, limit, taken = "neurons", number, limits.neurons, neurons
        already = f", {taken:,} of them taken" if taken else ""
        what = "one neuron of layer" if self._may_split else "layer"
        return f"{what} {layer + 1} needs {need:,} {kind}, core {core + 1} holds {limit:,}{already}"

    def _no_core(self, layer: int, size: LayerShape) -> str:
        return (
            f"{self.chip.name}: layer {layer + 1} needs {size.neurons:,} neurons and {size.synapses:,} synapses, "
            f"more than what is left of the chip's {self.chip.cores.value:,} cores"
        )

    def _assume(self, text: str) -> None:
        self.assumptions.append(f"{self.chip.name} scaled: {text}")
