"""A network on the cores of a chip: placed in layer order within capacity, close together, or by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from codesign.arguments import instance, one_of, whole
from codesign.errors import InfeasibleError, InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.prices import Extent, Prices
from codesign.hardware.placement.by_hand import check_cores, check_rules, overfull, parts_by_hand
from codesign.hardware.placement.filling import Assumed, Budget, CoreLoad, core_loads, fill_in_order, spread_evenly
from codesign.hardware.placement.geometry import Geometry, geometry_of
from codesign.hardware.placement.shortage import lifted, shortage_text
from codesign.hardware.placement.spreading import spread_over
from codesign.hardware.placement.traffic import moved_near
from codesign.hardware.terms import CHIPS_ADDED, CORES_ADDED, HELD, LIFTED, Capacity, CutChoice, Strategy
from codesign.network.cuts import CUTS
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice, slice_of_neurons, slices_on
from codesign.units import plural

_CHOICES = {"capacity": get_args(Capacity), "strategy": get_args(Strategy), "cut": get_args(CutChoice)}


@dataclass(frozen=True, kw_only=True, repr=False)
class Placement:
    """A network on the cores of a chip, or of several: what is scheduled, executed and priced together.

    Attributes:
        chip: the chip.
        shape: the network.
        capacity: `published`, or `scaled`: the same circuits, with counts raised if the network needs it.
        strategy: how it was placed, see `place`; `by_hand` if the cores were given.
        parts: runs of neurons, layer by layer, in the order of the layer's cut; a layer's runs are on different cores.
            Core c of chip k has the number k · cores + c.
        core_loads: load and capacity of each core in use.
        assumptions: assumptions about what the chip does not have or state.
    """

    chip: Chip
    shape: NetworkShape
    capacity: Capacity
    strategy: Strategy | Literal["by_hand"]
    parts: tuple[Slice, ...]
    core_loads: tuple[CoreLoad, ...]
    assumptions: tuple[str, ...]

    @property
    def cores_used(self) -> int:
        """Number of cores with neurons."""
        return len(self.core_loads)

    @cached_property
    def chips_used(self) -> int:
        """Number of chips with neurons."""
        if self.chip.multi_chip is None:
            return 1
        return len({load.core // self.chip.cores.value for load in self.core_loads})

    @property
    def area_m2(self) -> float | None:
        """Area of the chips in use; None if unknown, because the chip gives none or had to be scaled."""
        added = self.cores_used > self.chip.cores.value * self.chips_used
        published = Budget(shape=self.shape, chip=self.chip, scaled=False)
        if self.chip.area is None or added or any(overfull(published, self.parts)):
            return None
        return self.chip.area.value * self.chips_used

    @property
    def cores_of_neurons(self) -> tuple[int, ...]:
        """(N,) core of each neuron."""
        return _cores_of_neurons(self.shape, self.parts)

    @property
    def splits_layers(self) -> bool:
        """Whether some layer occupies more than one core."""
        return len(self.parts) > len(self.shape.layers)

    def schedule_cores(self, *, core_aware: bool = False) -> tuple[int, ...] | None:
        """`Schedule.cores` for this placement.

        None if every layer is on one core and the policy does not use cores, so that one execution serves every chip
        with the same schedule.
        """
        return self.cores_of_neurons if self.splits_layers or core_aware else None

    @cached_property
    def geometry(self) -> Geometry:
        """Positions of the parts, and the routes between them."""
        return geometry_of(self.chip, self.shape, self.parts)

    @property
    def extent(self) -> Extent:
        """How much of the chip is in use."""
        return Extent(cores=self.cores_used, chips=self.chips_used, tiles=self.geometry.tiles)

    @property
    def prices(self) -> Prices:
        """The chip's prices, for the part of it that is in use."""
        return Prices(chip=self.chip, extent=self.extent)

    def on(self, chip: Chip) -> Placement:
        """The same parts on a chip with the same cores, such as one with other prices."""
        return replace(self, chip=chip)

    def __getstate__(self) -> dict[str, Any]:
        """Without the geometry, which is faster to recompute than to send."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __repr__(self) -> str:
        chips = f" of {plural(self.chips_used, 'chip')}" if self.chips_used > 1 else ""
        sizes = "-".join(map(str, (self.shape.input_size, *self.shape.layer_sizes)))
        return (
            f"Placement({sizes} on {plural(self.cores_used, 'core')}{chips}: {self.chip.name}, {self.capacity}, "
            f"{self.strategy})"
        )


def place(
    shape: NetworkShape,
    chip: Chip,
    capacity: Capacity = "published",
    weight_bits: int | Literal["chip"] | None = None,
    strategy: Strategy = "in_order",
    *,
    cut: CutChoice = "auto",
    spread: int | Sequence[int] | None = None,
    cores: Sequence[int] | None = None,
) -> Placement:
    """Place `shape` on `chip`, layer by layer, core by core, and on further chips if the chip's file allows it.

    A capacity that the chip's file does not give is unlimited. Under `scaled`, a network gets as many cores as it
    needs: those of further chips if chips may be joined, otherwise added ones. A core is only enlarged if a single
    neuron, or a layer that may not be split, does not fit; a single-core chip that cannot be joined keeps its one core,
    enlarged.

    Args:
        weight_bits: bits of the evaluated weights, `chip` for the chip's; None evaluates floats, which costs mention.
            Memory is counted in the chip's own bits.
        strategy: `in_order` fills each core before the next. `balanced` uses the same cores and spreads each layer
            evenly over its own: parts differ by at most 1 neuron, unless layers share a core or one core has less room.
            `near` and `balanced_near` have the same parts as these two, but choose the core of each such that messages
            travel fewer hops, never more; see `codesign.hardware.placement.traffic`.
        cut: how convolutions are split, see `codesign.network.cuts`; `auto` takes for each the cut with the fewest
            cores and, among these, the fewest messages and synapses on its busiest core.
        spread: number of cores over which all layers, or each layer, are spread evenly, each on its own cores; see
            `codesign.hardware.placement.spreading`.
        cores: by hand: the core of each of N neurons, or of each part that `in_order` or `balanced` gives, numbered
            from 0 as in `Placement.parts`. A layer's neurons on one core must be a run in one of the cuts.

    Raises:
        InputError: a choice is unknown, a number of the chip or of bits is invalid, or the chip lacks a core.
        InfeasibleError: the network does not fit under `published` (names the layer, what it needs and what there is),
            or cores violate the chip's rules.
    """
    instance("shape", shape, NetworkShape)
    instance("chip", chip, Chip)
    for name, choice in (("capacity", capacity), ("strategy", strategy), ("cut", cut)):
        one_of(name, choice, _CHOICES[name])
    if weight_bits not in (None, "chip"):
        whole("weight_bits", weight_bits, least=1, most=33)
    budget = Budget(shape=shape, chip=chip, scaled=capacity == "scaled", cuts=CUTS if cut == "auto" else (cut,))
    if cores is not None and (spread is not None or strategy.endswith("near")):
        raise InputError("cores: are chosen by hand, so leave out a spread and a strategy that chooses them")
    if cores is None:
        parts, assumed = _by_strategy(budget, strategy, spread)
    else:
        parts, assumed = _by_hand(budget, strategy, cores)
    return Placement(
        chip=chip,
        shape=shape,
        capacity=capacity,
        strategy=strategy if cores is None else "by_hand",
        parts=parts,
        core_loads=core_loads(budget, parts),
        assumptions=(*assumed, *_added(budget, parts), *_shared(chip, parts), *_other_weights(chip, weight_bits)),
    )


def _by_strategy(budget: Budget, strategy: Strategy, spread: int | Sequence[int] | None) -> Assumed:
    if spread is None:
        parts, assumptions = _filled(budget)
        if strategy.startswith("balanced"):
            parts = spread_evenly(budget, parts)
    else:
        parts, assumptions = _checked(budget, spread_over(budget, spread))
    if any(part.cut != CUTS[0] for part in parts):  # strips that are also runs of channels count as such
        parts = slices_on(budget.shape, _cores_of_neurons(budget.shape, parts))
    if strategy.endswith("near"):
        parts, unmoved = moved_near(budget, parts, strategy)
        assumptions = (*assumptions, *unmoved)
    return parts, assumptions


def _filled(budget: Budget) -> Assumed:
    """Parts that fit the chip as described are placed in the same way under `scaled`."""
    filling = fill_in_order(replace(budget, scaled=False))
    if filling.shortages and not budget.scaled:
        raise _infeasible(budget, shortage_text(budget, filling.shortages[0]))
    if filling.shortages:
        filling = fill_in_order(budget)
    return filling.parts, tuple(lifted(budget, filling.shortages))


def _by_hand(budget: Budget, strategy: Strategy, cores: Sequence[int]) -> Assumed:
    filled = None
    if not hasattr(cores, "__len__"):
        raise InputError(f"cores: must be a list of cores, found {cores!r}; spread is how many of them to use")
    if len(cores) != budget.shape.neurons:
        filled, _ = _by_strategy(budget, strategy, None)
    return _checked(budget, parts_by_hand(budget.shape, cores, filled))


def _checked(budget: Budget, parts: tuple[Slice, ...]) -> Assumed:
    check_cores(budget, parts)
    check_rules(budget.chip, parts)
    lacking = list(overfull(budget, parts))
    if lacking and not budget.scaled:
        raise _infeasible(budget, lacking[0])
    return parts, tuple(f"{budget.chip.name} scaled: {text}; {LIFTED}" for text in lacking)


def _infeasible(budget: Budget, lack: str) -> InfeasibleError:
    return InfeasibleError(f"{budget.chip.name}: {lack} (capacity 'scaled' assumes what is missing)")


def _cores_of_neurons(shape: NetworkShape, parts: tuple[Slice, ...]) -> tuple[int, ...]:
    cores = np.array([part.core for part in parts])
    return tuple(cores[slice_of_neurons(shape, parts)].tolist())


# what was assumed ----------------------------------------------------------------------------------------------------


def _added(budget: Budget, parts: tuple[Slice, ...]) -> Iterator[str]:
    chip, cores, there = budget.chip, max(part.core for part in parts) + 1, budget.cores
    if cores <= there:
        return
    if chip.multi_chip is None:
        yield f"{chip.name} scaled: the network needs {cores:,} cores, the chip has {there:,}; {CORES_ADDED}"
        return
    chips, most = -(-cores // there), chip.multi_chip.most
    spans = f"the network spans {chips:,} chips of {plural(there, 'core')}"
    if most is not None and chips > most.value:
        yield f"{chip.name} scaled: {spans}, but at most {most.value:,} may be joined; {CHIPS_ADDED}"
    elif most is None:
        label = " scaled" if budget.scaled else ""
        yield f"{chip.name}{label}: {spans}; how many may be joined is not stated"
    elif budget.scaled:
        yield f"{chip.name} scaled: {spans}; nothing else is added"


def _shared(chip: Chip, parts: tuple[Slice, ...]) -> Iterator[str]:
    """Assumption about cores with several layers if the chip does not say whether these are possible."""
    if chip.layers_share_core is None and len({part.core for part in parts}) < len(parts):
        yield f"{chip.name} does not state whether two layers may share a core; here they do"


def _other_weights(chip: Chip, weight_bits: int | Literal["chip"] | None) -> Iterator[str]:
    """Assumption about weights that the chip's bits cannot hold; two levels of one bit are no levels of several."""
    if chip.weight_bits is None or weight_bits == "chip":
        return
    held = chip.weight_bits.value
    if weight_bits is None or weight_bits > held or weight_bits == 1 < held:
        weights = "32-bit floating-point" if weight_bits is None else f"{weight_bits}-bit"
        yield f"{chip.name}: evaluated with {weights}{HELD}{held}-bit weights"
