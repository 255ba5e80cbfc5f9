"""Placing neurons on cores and chips: in layer order, within capacity, and what is missing where they do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from codesign.errors import InfeasibleError, InputError
from codesign.hardware.description import Chip
from codesign.hardware.placement import (
    Budget,
    CoreLoad,
    Filling,
    Placement,
    Shortage,
    core_loads,
    fill_in_order,
    spread_evenly,
)
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice

__all__ = ["Capacity", "CoreLoad", "Mapping", "Placement", "Strategy", "map_network"]

Capacity = Literal["published", "scaled"]
Strategy = Literal["in_order", "balanced"]
_Kind = Literal["neurons", "synapses"]

_BITS_OF_KB = 8 * 1024


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A network on the cores of a chip, or of several.

    Attributes:
        chip: name of the chip.
        capacity: `published`, or `scaled`: circuits kept, counts lifted where the network needs it.
        strategy: `in_order` or `balanced`, see `map_network`.
        shape: the network.
        placements: runs of neurons in neuron order; each layer's runs are on different cores. Core c of chip k has
            the number k · cores + c.
        core_loads: what lies on each core in use, and what it holds.
        cores_used: cores with neurons.
        chips_used: chips with neurons.
        assumptions: what was assumed that the chip does not have or state.
    """

    chip: str
    capacity: Capacity
    strategy: Strategy
    shape: NetworkShape
    placements: tuple[Placement, ...]
    core_loads: tuple[CoreLoad, ...]
    cores_used: int
    chips_used: int
    assumptions: tuple[str, ...]

    @property
    def neuron_utilization(self) -> float | None:
        """Share of the used cores' neurons that is filled, above 1 where counts were lifted; None if not known."""
        return _share([(load.neurons, load.neuron_capacity) for load in self.core_loads])

    @property
    def synapse_utilization(self) -> float | None:
        """Share of the used cores' synapses that is filled, above 1 where counts were lifted; None if not known."""
        return _share([(load.synapses, load.synapse_capacity) for load in self.core_loads])

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


def _share(loads: list[tuple[int, int | None]]) -> float | None:
    capacities = [capacity for _, capacity in loads if capacity is not None]
    return sum(filled for filled, _ in loads) / sum(capacities) if len(capacities) == len(loads) else None


def map_network(
    shape: NetworkShape,
    chip: Chip,
    capacity: Capacity,
    weight_bits: int | None = None,
    strategy: Strategy = "in_order",
) -> Mapping:
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
        InputError: `capacity` or `strategy` is unknown.
        InfeasibleError: under `published`, with the layer, what it needs, what there is and what would make it fit.
    """
    _check_choice("capacity", capacity, ("published", "scaled"))
    _check_choice("strategy", strategy, ("in_order", "balanced"))
    budget = _budget(chip, capacity)
    filling = fill_in_order(shape, budget, lift=capacity == "scaled")
    if capacity == "published" and filling.shortages:
        shortage = _shortage_text(shape, chip, budget, filling.shortages[0])
        remedies = " or ".join(f"with {remedy}" for remedy in _remedies(shape, budget))
        raise InfeasibleError(
            f"{chip.name}: {shortage}; it would fit {remedies} (capacity 'scaled' assumes what is missing)"
        )
    placements = filling.placements
    if strategy == "balanced":
        placements = spread_evenly(shape, budget, placements)
    cores = {part.core for part in placements}
    return Mapping(
        chip=chip.name,
        capacity=capacity,
        strategy=strategy,
        shape=shape,
        placements=placements,
        core_loads=core_loads(shape, budget, placements),
        cores_used=len(cores),
        chips_used=len({core // budget.cores for core in cores}) if budget.spans_chips else 1,
        assumptions=(
            *_lifted(shape, chip, budget, filling),
            *_added(chip, capacity, filling),
            *_weight_assumptions(chip, weight_bits),
        ),
    )


def _check_choice(name: str, found: str, allowed: tuple[str, str]) -> None:
    if found not in allowed:
        raise InputError(f"{name}: must be '{allowed[0]}' or '{allowed[1]}', found {found!r}")


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
        shares_cores=chip.layers_share_core,
        splits_layers=chip.splits_layers,
        stores_kernels=chip.stores_kernels,
    )


# what was assumed ----------------------------------------------------------------------------------------------------


def _lifted(shape: NetworkShape, chip: Chip, budget: Budget, filling: Filling) -> Iterator[str]:
    """Fan-in and cores that had to grow; of a chip with one core, once for all layers."""
    grown = False
    for shortage in filling.shortages:
        text = _shortage_text(shape, chip, budget, shortage)
        if shortage.kind == "fan_in" or budget.several_cores:
            yield f"{chip.name} scaled: {text}; lifted"
        elif not grown:
            total = _load_text(budget, shape.neurons, sum(budget.stored(one, one.neurons) for one in shape.layers))
            yield f"{chip.name} scaled: the network needs {total}, {text}; counts lifted"
            grown = True


def _added(chip: Chip, capacity: Capacity, filling: Filling) -> Iterator[str]:
    """Cores that a chip does not have, and chips joined."""
    cores, there = max(part.core for part in filling.placements) + 1, chip.cores.value
    if cores <= there:
        return
    if chip.multi_chip is None:
        yield f"{chip.name} scaled: the network needs {cores:,} cores, the chip has {there:,}; cores added"
        return
    chips, most = -(-cores // there), chip.multi_chip.most
    spans = f"the network spans {chips:,} chips of {_plural(there, 'core')}"
    if most is not None and chips > most.value:
        yield f"{chip.name} scaled: {spans}, at most {most.value:,} may be joined; chips added"
    elif most is None:
        label = " scaled" if capacity == "scaled" else ""
        yield f"{chip.name}{label}: {spans}; how many may be joined is not stated"
    elif capacity == "scaled":
        yield f"{chip.name} scaled: {spans}; nothing else is added"


def _weight_assumptions(chip: Chip, weight_bits: int | None) -> tuple[str, ...]:
    if chip.weight_bits is None or weight_bits == chip.weight_bits.value:
        return ()
    found = "32-bit floating-point weights" if weight_bits is None else f"{weight_bits}-bit weights"
    if weight_bits is not None and 1 < weight_bits < chip.weight_bits.value:
        return ()
    return (f"{chip.name}: evaluated with {found}, the chip holds {chip.weight_bits.value}-bit weights",)


# what does not fit ---------------------------------------------------------------------------------------------------


def _shortage_text(shape: NetworkShape, chip: Chip, budget: Budget, shortage: Shortage) -> str:
    """The layer, what it needs and what there is, in the units of the chip's file."""
    layer, needed, limit = f"layer {shortage.layer + 1}", shortage.needed, shortage.limit
    if shortage.kind == "fan_in":
        return f"{layer} needs {needed:,} inputs per neuron, a neuron has {limit:,}"
    if shortage.core is None:
        size = shape.layers[shortage.layer]
        load = _load_text(budget, size.neurons, budget.stored(size, size.neurons))
        there = f"the chip's {_plural(chip.cores.value, 'core')}, and networks may not span several of its chips"
        if chip.multi_chip is not None:
            chips = _plural(limit // chip.cores.value, "chip")
            there = f"{chips} of {_plural(chip.cores.value, 'core')}, the most that may be joined"
        return f"{layer} needs {load}, more than what is left of {there}"
    amounts = [needed, limit, shortage.taken, shortage.largest]
    kind = shortage.kind if needed > 1 else shortage.kind.removesuffix("s")
    if shortage.kind == "synapses" and budget.weight_bits is not None:
        need, there, taken, largest = _memory_texts([amount * budget.weight_bits for amount in amounts])
        kind = "of weights"
    else:
        need, there, taken, largest = (f"{amount:,}" for amount in amounts)
    what = f"one neuron of {layer}" if budget.may_split else layer
    text = f"{what} needs {need} {kind}, core {shortage.core + 1} holds {there}"
    if shortage.taken:
        text += f", {taken} of them taken"
    if limit < shortage.largest < needed:
        text += f", the largest free core {largest}"
    return text


def _load_text(budget: Budget, neurons: int, synapses: int) -> str:
    if budget.weight_bits is None:
        return f"{_plural(neurons, 'neuron')} and {_plural(synapses, 'synapse')}"
    return f"{_plural(neurons, 'neuron')} and {_memory_texts([synapses * budget.weight_bits])[0]} of weights"


def _memory_texts(bits: list[int]) -> list[str]:
    """Amounts in KB of 1,024 bytes; all in bits where one is less, or where different amounts would look alike."""
    texts = [f"{amount / _BITS_OF_KB:,.1f}".removesuffix(".0") + " KB" for amount in bits]
    small = any(0 < amount < _BITS_OF_KB for amount in bits)
    return [f"{amount:,} bits" for amount in bits] if small or len(set(texts)) < len(set(bits)) else texts


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _remedies(shape: NetworkShape, budget: Budget) -> list[str]:
    """Changes, each of which alone makes the network fit: more cores or chips, or larger cores; where neither does, one
    that is both. A fan-in that is short is part of all of them.
    """
    fan_in, needed = "", max(layer.fan_in for layer in shape.layers)
    if budget.fan_in is not None and needed > budget.fan_in:
        fan_in, budget = f"{needed:,} inputs per neuron", replace(budget, fan_in=needed)
        if _fits(shape, budget):
            return [fan_in]
    more, larger = _fewest_cores(shape, budget), _larger_cores(shape, budget)
    remedies = [] if more is None else [_cores_text(shape, more)]
    if larger is not None:
        remedies.append(f"{_sizes_text(budget, larger)} a core")
    if not remedies:
        *_, most = _with_more_cores(shape, budget)
        both = _larger_cores(shape, most)
        assert both is not None  # as many cores as layers, each large enough, hold any network
        fewest = _fewest_cores(shape, replace(budget, neurons=both.neurons, synapses=both.synapses))
        assert fewest is not None  # `both` is one of those looked through
        remedies = [f"{_cores_text(shape, fewest)} of {_sizes_text(budget, both)}"]
    return [f"{fan_in} and {remedy}" if fan_in else remedy for remedy in remedies]


def _fewest_cores(shape: NetworkShape, budget: Budget) -> Budget | None:
    """`budget` with as few more cores, or chips, as the network needs; None where no number is enough."""
    return next((more for more in _with_more_cores(shape, budget) if _fits(shape, more)), None)


def _with_more_cores(shape: NetworkShape, budget: Budget) -> Iterator[Budget]:
    """`budget` with more and more cores, or chips, up to what is enough if any number is.

    A layer that may be split takes core after core, so no limit at all ends at the fewest. One that may not is put on
    the first core that holds it, among those that there are: a core for each layer is then enough.
    """
    if budget.splits_layers:
        cores = budget.cores if budget.spans_chips else max(budget.cores, 2)
        yield replace(budget, cores=cores, most_cores=None)
        return
    unit = budget.cores if budget.spans_chips else 1
    there = budget.cores if budget.most_cores is None else budget.most_cores
    for count in range(there // unit + 1, there // unit + 1 + len(shape.layers)):
        yield replace(budget, cores=budget.cores if budget.spans_chips else count, most_cores=count * unit)


def _fits(shape: NetworkShape, budget: Budget) -> bool:
    return not fill_in_order(shape, budget, lift=False).shortages


def _larger_cores(shape: NetworkShape, budget: Budget) -> Budget | None:
    """`budget` with each core at least as large as it must be for the network to fit; None if no size is enough."""
    if _fits(shape, replace(budget, neurons=None)):
        return _with_least(shape, budget, "neurons")
    if _fits(shape, replace(budget, synapses=None)):
        return _with_least(shape, budget, "synapses")
    if not _fits(shape, replace(budget, neurons=None, synapses=None)):
        return None
    enough = _with_least(shape, replace(budget, neurons=None), "synapses")
    return _with_least(shape, replace(enough, neurons=budget.neurons), "neurons")


def _with_least(shape: NetworkShape, budget: Budget, kind: _Kind) -> Budget:
    """The least capacity of `kind` with which the network fits, by bisection; it fits with enough of it."""
    counts = budget.neurons if kind == "neurons" else budget.synapses
    assert counts is not None  # what does not limit is never short
    # a part of a layer is rounded up to whole synapses, and a core has at most one part of each layer
    total = shape.neurons if kind == "neurons" else sum(one.synapses for one in shape.layers) + len(shape.layers)
    low, high = min(counts), total
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(shape, _grown(budget, kind, middle)) else (middle, high)
    return _grown(budget, kind, high)


def _grown(budget: Budget, kind: _Kind, least: int) -> Budget:
    """`budget` with at least `least` of `kind` on every core."""
    if kind == "neurons":
        return replace(budget, neurons=tuple(max(count, least) for count in budget.neurons or ()))
    return replace(budget, synapses=tuple(max(count, least) for count in budget.synapses or ()))


def _sizes_text(before: Budget, after: Budget) -> str:
    sizes = []
    if after.synapses is not None and after.synapses != before.synapses:
        least = min(after.synapses)
        bits = before.weight_bits
        sizes.append(_plural(least, "synapse") if bits is None else f"{_memory_texts([least * bits])[0]} of weights")
    if after.neurons is not None and after.neurons != before.neurons:
        sizes.append(_plural(min(after.neurons), "neuron"))
    return " and ".join(sizes)


def _cores_text(shape: NetworkShape, budget: Budget) -> str:
    cores = max(part.core for part in fill_in_order(shape, budget, lift=False).placements) + 1
    return _plural(-(-cores // budget.cores), "chip") if budget.spans_chips else _plural(cores, "core")
