"""What a chip file must not say: sources that are not listed, numbers counted twice, combinations no chip can have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from codesign.documents import suggestion

if TYPE_CHECKING:
    from codesign.hardware.description import Chip

__all__ = ["Mistake", "consistency_mistakes", "source_mistakes"]

Mistake = tuple[tuple[str | int, ...], str]
"""Where in the file, and what is wrong."""


def source_mistakes(data: dict[Any, Any]) -> Iterator[Mistake]:
    """Every `source` and the `citation` of raw file content that names no entry of `sources`."""
    sources = data.get("sources")
    if not isinstance(sources, dict):
        return
    if isinstance(data.get("citation"), str) and data["citation"] not in sources:
        yield ("citation",), f"unknown source '{data['citation']}'{suggestion(data['citation'], map(str, sources))}"
    for location, key in _named_sources({name: part for name, part in data.items() if name != "sources"}, ()):
        if key not in sources:
            yield location, f"unknown source '{key}'{suggestion(key, map(str, sources))}"


def _named_sources(part: Any, location: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(part, dict):
        for name, child in part.items():
            if name == "source" and isinstance(child, str):
                yield (*location, name), child
            else:
                yield from _named_sources(child, (*location, name))
    elif isinstance(part, (list, tuple)):
        for position, child in enumerate(part):
            yield from _named_sources(child, (*location, position))


def consistency_mistakes(chip: Chip) -> Iterator[Mistake]:
    """Combinations that cannot be: see the messages."""
    yield from _energy_mistakes(chip)
    yield from _time_mistakes(chip)
    yield from _capacity_mistakes(chip)
    yield from _network_mistakes(chip)


def _energy_mistakes(chip: Chip) -> Iterator[Mistake]:
    energies = chip.energies
    synaptic = energies.synaptic_operation
    names = [name for name in type(energies).model_fields if name != "synaptic_operation"]
    given = [name for name in names if getattr(energies, name) is not None]
    if energies.clock_cycle is not None and chip.clock is None:
        yield ("energies", "clock_cycle"), "needs the chip's clock"
    if synaptic is not None and synaptic.all_in:
        for name in ("static_power", "active_core_power"):
            if getattr(chip, name) is not None:
                yield (
                    (name,),
                    "must be left out: energies.synaptic_operation is all-in and already contains static power",
                )
        for name in given:
            yield (
                ("energies", name),
                "must be left out: energies.synaptic_operation is all-in and already contains it",
            )
        return
    holders = [("energies.synaptic_operation", synaptic), ("static_power", chip.static_power)]
    holders += [(f"energies.{name}", getattr(energies, name)) for name in given]
    owners: dict[str, str] = {}
    for holder, number in holders:
        for term in number.includes if number is not None else ():
            location = (*holder.split("."), "includes")
            if getattr(energies, term) is not None:
                yield location, f"'{term}' is also given as energies.{term}; it would be counted twice"
            if term in owners:
                yield location, f"'{term}' is already included in {owners[term]}"
            owners[term] = holder


def _time_mistakes(chip: Chip) -> Iterator[Mistake]:
    times = chip.times
    owners: dict[str, str] = {}
    for name in type(times).model_fields:
        number = getattr(times, name)
        if number is not None and number.cycles is not None and chip.clock is None:
            yield ("times", name, "cycles"), "needs the chip's clock"
        for term in number.includes if number is not None else ():
            if getattr(times, term) is not None:
                yield (
                    ("times", name, "includes"),
                    f"'{term}' is also given as times.{term}; it would be counted twice",
                )
            if term in owners:
                yield ("times", name, "includes"), f"'{term}' is already included in times.{owners[term]}"
            owners[term] = name
    synchronization = chip.synchronization
    steps = {"timer": "tick", "barrier": "least_step"}
    name = steps.get(synchronization.kind, "")
    number = getattr(synchronization, name, None)
    if number is not None:
        if number.cycles is not None and chip.clock is None:
            yield ("synchronization", name, "cycles"), "needs the chip's clock"
        elif number.value == 0 or number.cycles == 0:
            yield ("synchronization", name), "must be above 0"
        elif name == "tick" and number.range is not None and number.range[0] == 0:
            yield ("synchronization", name, "range"), "must begin above 0"


def _capacity_mistakes(chip: Chip) -> Iterator[Mistake]:
    for name in ("neurons_per_core", "synapses_per_core", "weight_memory"):
        counts = getattr(chip, name)
        if counts is not None and len(counts.value) not in (1, chip.cores.value):
            yield (
                (name, "value"),
                f"must be one number or one for each of the {chip.cores.value} cores, found {len(counts.value)}",
            )
    if chip.weight_memory is not None and chip.synapses_per_core is not None:
        yield ("weight_memory",), "is given together with synapses_per_core; keep the one that is known"
    if chip.weight_memory is not None and chip.weight_bits is None:
        yield ("weight_memory",), "needs weight_bits to say how many synapses fit"
    if chip.crossbar and chip.neurons_per_core is None:
        yield ("crossbar",), "needs neurons_per_core, since a message occupies all of them"
    if chip.weights is not None and chip.weight_bits is None:
        yield ("weights",), "needs weight_bits"
    potential, weight = chip.potential_bits, chip.weight_bits
    if potential is not None and weight is not None and potential.value < weight.value:
        found = f"{potential.value} bits of potential and {weight.value} of weights"
        yield ("potential_bits",), f"a potential must hold at least one weight, found {found}"
    group = chip.group_size
    if group is not None and chip.neurons_per_core is not None:
        total = sum(chip.neurons_per_core.of_core(core) for core in range(chip.cores.value))
        if group.value > total:
            yield ("group_size",), f"is larger than the chip's {total} neurons, found {group.value}"
    if group is not None and chip.synchronized:
        yield ("group_size",), f"a {chip.synchronization.kind} chip has none; its synchronization decides what waits"


def _network_mistakes(chip: Chip) -> Iterator[Mistake]:
    network = chip.network_on_chip
    for part, group in (("energies", chip.energies), ("times", chip.times)):
        if getattr(group, "hop_vertical") is not None and getattr(group, "hop") is None:  # noqa: B009
            yield (part, "hop_vertical"), f"needs {part}.hop"
        if getattr(group, "hop") is not None and network is None:  # noqa: B009
            yield (part, "hop"), "needs network_on_chip to say how many hops there are"
        if getattr(group, "chip_hop") is not None and chip.multi_chip is None:  # noqa: B009
            yield (part, "chip_hop"), "needs multi_chip, without which nothing leaves the chip"
    if network is not None:
        places = network.rows * network.columns * network.cores_per_tile
        if places < chip.cores.value:
            yield (
                ("network_on_chip",),
                f"has place for {places} cores ({network.rows}×{network.columns} tiles of {network.cores_per_tile}), "
                f"the chip has {chip.cores.value}",
            )
