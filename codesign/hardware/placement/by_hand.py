"""A network on cores chosen by the caller, checked as thoroughly as an automatic placement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from codesign.arguments import whole
from codesign.errors import InfeasibleError, InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.placement.filling import Budget, core_loads
from codesign.hardware.placement.shortage import amount_texts
from codesign.network.topology import NetworkShape
from codesign.simulation.execution import Slice, slices_on
from codesign.units import ordinal, plural


def parts_by_hand(shape: NetworkShape, cores: Sequence[Any], filled: tuple[Slice, ...] | None) -> tuple[Slice, ...]:
    """Parts of neurons on the given cores: one core per neuron, or per part of `filled`. Raises InputError if `cores`
    has another length, if an entry is not an integer or not a core of the chip, or if a layer returns to a core that it
    has left."""
    numbers = [whole(f"cores[{place}]", core) for place, core in enumerate(cores)]
    if len(numbers) == shape.neurons:
        return slices_on(shape, numbers)
    if filled is not None and len(numbers) == len(filled):
        return tuple(replace(part, core=core) for part, core in zip(filled, numbers, strict=True))
    of_parts = "" if filled is None else f", or for each of {plural(len(filled), 'part')},"
    raise InputError(
        f"cores: must have one for each of {plural(shape.neurons, 'neuron')}{of_parts} found {len(numbers):,}"
    )


def check_cores(budget: Budget, parts: Sequence[Slice]) -> None:
    """Raises InputError for a core that the chip does not have, or to which a layer returns."""
    most = budget.most_cores
    seen: set[tuple[int, int]] = set()
    for part in parts:
        where = f"cores: {ordinal(part.layer + 1)} layer, core {part.core}"
        if most is not None and part.core >= most:
            raise InputError(f"{where}: there is none; {budget.chip.name} has cores 0 to {most - 1:,}")
        if (part.layer, part.core) in seen:
            raise InputError(
                f"{where}: the layer returns to a core; it may be cut into runs of channels, rows or columns"
            )
        seen.add((part.layer, part.core))


def check_rules(chip: Chip, parts: Sequence[Slice]) -> None:
    """Raises InfeasibleError for a split layer or a shared core if the chip does not allow it."""
    layers: dict[str, int] = {}
    cores: dict[int, str] = {}
    for part in parts:
        layer, core = ordinal(part.layer + 1), part.core
        if not chip.splits_layers and layers.setdefault(layer, core) != core:
            raise InfeasibleError(
                f"{chip.name}: the {layer} layer lies on cores {layers[layer]} and {core}, and a layer may not be split"
            )
        if chip.layers_share_core is False and cores.setdefault(core, layer) != layer:
            raise InfeasibleError(
                f"{chip.name}: core {core} has neurons of the {cores[core]} and the {layer} layer, which may not "
                "share one"
            )


def overfull(budget: Budget, parts: Sequence[Slice]) -> Iterator[str]:
    """What exceeds the capacity of cores and the fan-in of neurons, by layer and core; cores are numbered from 0, as
    given."""
    for number, layer in enumerate(budget.shape.layers, start=1):
        most = budget.chip.fan_in
        if most is not None and layer.fan_in > most.value:
            yield f"the {ordinal(number)} layer needs {layer.fan_in:,} inputs per neuron, a neuron has {most.value:,}"
    for load in core_loads(budget, parts):
        layers = [ordinal(part.layer + 1) for part in parts if part.core == load.core]
        whose = f"the {' and '.join(layers)} layer"
        for kind, amount, limit in load.exceeding:
            (needed, there), unit = amount_texts(budget, kind, [amount, limit])
            yield f"{whose} on core {load.core}: {needed} {unit}, the core holds {there}"
