"""A network on the cores of a chip: placed in layer order, within capacity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

from codesign.arguments import instance, whole
from codesign.errors import InfeasibleError, InputError
from codesign.hardware.description import Chip
from codesign.hardware.filling import (
    Budget,
    CoreLoad,
    Filling,
    PlacedPart,
    core_loads,
    fill_in_order,
    spread_evenly,
)
from codesign.hardware.geometry import Extent, Geometry, geometry_of
from codesign.hardware.named_numbers import check_numbers
from codesign.hardware.shortage import load_text, plural, remedies, shortage_text
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice

__all__ = ["Capacity", "CoreLoad", "PlacedPart", "Placement", "Strategy", "place"]

Capacity = Literal["published", "scaled"]
Strategy = Literal["in_order", "balanced"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Placement:
    """A network on the cores of a chip, or of several: what is scheduled, executed and priced together.

    Attributes:
        chip: the chip.
        shape: the network.
        capacity: `published`, or `scaled`: circuits kept, counts lifted where the network needs it.
        strategy: `in_order` or `balanced`, see `place`.
        parts: runs of neurons in neuron order; each layer's runs are on different cores. Core c of chip k has the
            number k · cores + c.
        core_loads: what lies on each core in use, and what it holds.
        assumptions: what was assumed that the chip does not have or state.
    """

    chip: Chip
    shape: NetworkShape
    capacity: Capacity
    strategy: Strategy
    parts: tuple[PlacedPart, ...]
    core_loads: tuple[CoreLoad, ...]
    assumptions: tuple[str, ...]

    @property
    def cores_used(self) -> int:
        """Cores with neurons."""
        return len(self.core_loads)

    @cached_property
    def chips_used(self) -> int:
        """Chips with neurons."""
        if self.chip.multi_chip is None:
            return 1
        return len({load.core // self.chip.cores.value for load in self.core_loads})

    @property
    def neuron_utilization(self) -> float | None:
        """Share of the used cores' neurons that is filled, above 1 where counts were lifted; None if not known."""
        return _share([(load.neurons, load.neuron_capacity) for load in self.core_loads])

    @property
    def synapse_utilization(self) -> float | None:
        """Share of the used cores' synapses that is filled, above 1 where counts were lifted; None if not known."""
        return _share([(load.synapses, load.synapse_capacity) for load in self.core_loads])

    @property
    def area_m2(self) -> float | None:
        """Area of the chips in use; None where it is not known, since the chip gives none or had to be scaled."""
        held = [(load.neurons, load.neuron_capacity) for load in self.core_loads]
        held += [(load.synapses, load.synapse_capacity) for load in self.core_loads]
        lifted = any(capacity is not None and filled > capacity for filled, capacity in held)
        if self.chip.area is None or lifted or self.cores_used > self.chip.cores.value * self.chips_used:
            return None
        return self.chip.area.value * self.chips_used

    @property
    def cores_of_neurons(self) -> tuple[int, ...]:
        """(N,) core of each neuron."""
        return tuple(part.core for part in self.parts for _ in range(part.neurons))

    @property
    def splits_layers(self) -> bool:
        """Whether a layer lies on more than one core."""
        return len(self.parts) > len(self.shape.layers)

    def schedule_cores(self, *, core_aware: bool = False) -> tuple[int, ...] | None:
        """`Schedule.cores` for this placement.

        None where every layer lies on one core and the policy does not look at cores, so that one execution serves
        every chip that schedules alike.
        """
        return self.cores_of_neurons if self.splits_layers or core_aware else None

    def slices(self, *, core_aware: bool = False) -> tuple[Slice, ...]:
        """The slices that an execution under `schedule_cores` has."""
        by_layer = self.schedule_cores(core_aware=core_aware) is None
        return tuple(
            Slice(layer=part.layer, core=part.layer if by_layer else part.core, neurons=part.neurons)
            for part in self.parts
        )

    @cached_property
    def geometry(self) -> Geometry:
        """Where the parts lie, and the ways between them."""
        return geometry_of(self.chip, self.parts)

    @property
    def extent(self) -> Extent:
        """How much of the chip is in use."""
        return Extent(cores=self.cores_used, chips=self.chips_used, tiles=self.geometry.tiles)

    def on(self, chip: Chip) -> Placement:
        """The same parts on a chip of the same cores, such as one with other prices."""
        return replace(self, chip=chip)

    def __getstate__(self) -> dict[str, Any]:
        """Without the geometry, which is worked out again faster than sent."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __repr__(self) -> str:
        chips = f" of {plural(self.chips_used, 'chip')}" if self.chips_used > 1 else ""
        sizes = "-".join(map(str, (self.shape.input_size, *self.shape.layer_sizes)))
        return (
            f"Placement({sizes} on {plural(self.cores_used, 'core')}{chips}: {self.chip.name}, {self.capacity}, "
            f"{self.strategy})"
        )


def _share(loads: list[tuple[int, int | None]]) -> float | None:
    capacities = [capacity for _, capacity in loads if capacity is not None]
    return sum(filled for filled, _ in loads) / sum(capacities) if len(capacities) == len(loads) else None


def place(
    shape: NetworkShape,
    chip: Chip,
    capacity: Capacity = "published",
    weight_bits: int | None = None,
    strategy: Strategy = "in_order",
) -> Placement:
    """Place `shape` on `chip`, layer by layer, core by core, and on further chips where the chip's file allows it.

    A capacity that the chip's file does not give does not limit. Under `scaled`, a network gets as many cores as it
    needs: those of further chips where the chip may be joined with others, else added ones. A core only grows where a
    single neuron does not fit, or a layer that may not be split; a chip with one core that stands alone keeps one,
    which grows.

    Args:
        weight_bits: bits of the evaluated weights; None evaluates floats, and memory is counted in the chip's own bits.
        strategy: `in_order` fills each core before the next. `balanced` takes the same cores and spreads each layer
            evenly over its own: parts differ by at most 1 neuron, unless layers share a core or cores differ in size
            and one of them has less room.

    Raises:
        InputError: `capacity` or `strategy` is unknown, or a number of the chip or of bits is none.
        InfeasibleError: under `published`, with the layer, what it needs, what there is and what would make it fit.
    """
    instance("shape", shape, NetworkShape)
    instance("chip", chip, Chip)
    _check_choice("capacity", capacity, ("published", "scaled"))
    _check_choice("strategy", strategy, ("in_order", "balanced"))
    if weight_bits is not None:
        whole("weight_bits", weight_bits, least=1, most=33)
    check_numbers(chip)
    budget = _budget(chip, capacity)
    filling = fill_in_order(shape, budget, lift=capacity == "scaled")
    if capacity == "published" and filling.shortages:
        shortage = shortage_text(shape, chip, budget, filling.shortages[0])
        enough = " or ".join(f"with {remedy}" for remedy in remedies(shape, budget))
        raise InfeasibleError(
            f"{chip.name}: {shortage}; it would fit {enough} (capacity 'scaled' assumes what is missing)"
        )
    parts = filling.parts
    if strategy == "balanced":
        parts = spread_evenly(shape, budget, parts)
    return Placement(
        chip=chip,
        shape=shape,
        capacity=capacity,
        strategy=strategy,
        parts=parts,
        core_loads=core_loads(shape, budget, parts),
        assumptions=(
            *_lifted(shape, chip, budget, filling),
            *_added(chip, capacity, filling),
            *_shared(chip, parts),
            *_weight_assumptions(chip, weight_bits),
        ),
    )


def _check_choice(name: str, choice: str, allowed: tuple[str, str]) -> None:
    if choice not in allowed:
        raise InputError(f"{name}: must be '{allowed[0]}' or '{allowed[1]}', found {choice!r}")


def _budget(chip: Chip, capacity: Capacity) -> Budget:
    neurons, synapses, memory, fan_in = chip.neurons_per_core, chip.synapses_per_core, chip.weight_memory, chip.fan_in
    most_cores: int | None = chip.cores.value
    if capacity == "scaled":
        most_cores = None
    elif chip.multi_chip is not None:
        most = chip.multi_chip.most
        most_cores = None if most is None else most.value * chip.cores.value
    weight_bits = None
    counts = None if synapses is None else synapses.value
    if counts is None and memory is not None and chip.weight_bits is not None:
        weight_bits = chip.weight_bits.value
        counts = tuple(bits // weight_bits for bits in memory.value)
    return Budget(
        cores=chip.cores.value,
        most_cores=most_cores,
        spans_chips=chip.multi_chip is not None,
        neurons=None if neurons is None else neurons.value,
        synapses=counts,
        weight_bits=weight_bits,
        fan_in=None if fan_in is None else fan_in.value,
        shares_cores=chip.layers_share_core is not False,
        splits_layers=chip.splits_layers,
        stores_kernels=chip.stores_kernels,
    )


# what was assumed ----------------------------------------------------------------------------------------------------


def _lifted(shape: NetworkShape, chip: Chip, budget: Budget, filling: Filling) -> Iterator[str]:
    """Fan-in and cores that had to grow; of a chip with one core, once for all layers."""
    grown = False
    for shortage in filling.shortages:
        text = shortage_text(shape, chip, budget, shortage)
        if shortage.kind == "fan_in" or budget.several_cores:
            yield f"{chip.name} scaled: {text}; lifted"
        elif not grown:
            total = load_text(budget, shape.neurons, sum(budget.stored(layer, layer.neurons) for layer in shape.layers))
            yield f"{chip.name} scaled: the network needs {total}, {text}; counts lifted"
            grown = True


def _added(chip: Chip, capacity: Capacity, filling: Filling) -> Iterator[str]:
    """Cores that a chip does not have, and chips joined."""
    cores, there = max(part.core for part in filling.parts) + 1, chip.cores.value
    if cores <= there:
        return
    if chip.multi_chip is None:
        yield f"{chip.name} scaled: the network needs {cores:,} cores, the chip has {there:,}; cores added"
        return
    chips, most = -(-cores // there), chip.multi_chip.most
    spans = f"the network spans {chips:,} chips of {plural(there, 'core')}"
    if most is not None and chips > most.value:
        yield f"{chip.name} scaled: {spans}, at most {most.value:,} may be joined; chips added"
    elif most is None:
        label = " scaled" if capacity == "scaled" else ""
        yield f"{chip.name}{label}: {spans}; how many may be joined is not stated"
    elif capacity == "scaled":
        yield f"{chip.name} scaled: {spans}; nothing else is added"


def _shared(chip: Chip, parts: tuple[PlacedPart, ...]) -> Iterator[str]:
    """Cores with several layers where the chip does not say whether there may be such."""
    if chip.layers_share_core is None and len({part.core for part in parts}) < len(parts):
        yield f"{chip.name} does not state whether two layers may lie on one core; here they do"


def _weight_assumptions(chip: Chip, weight_bits: int | None) -> tuple[str, ...]:
    if chip.weight_bits is None or weight_bits == chip.weight_bits.value:
        return ()
    weights = "32-bit floating-point weights" if weight_bits is None else f"{weight_bits}-bit weights"
    if weight_bits is not None and 1 < weight_bits < chip.weight_bits.value:
        return ()
    return (f"{chip.name}: evaluated with {weights}, the chip holds {chip.weight_bits.value}-bit weights",)
