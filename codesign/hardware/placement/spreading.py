"""A network on a given number of cores, possibly more than it needs, so that each has less to do."""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np

from codesign.arguments import whole
from codesign.errors import InfeasibleError, InputError
from codesign.hardware.placement.filling import Budget
from codesign.network.cuts import Cut
from codesign.network.topology import LayerShape, NetworkShape
from codesign.simulation.execution import Slice
from codesign.units import plural


def spread_over(budget: Budget, spread: int | Sequence[int]) -> tuple[Slice, ...]:
    """Parts of every layer on its own cores, in order, each layer evenly over its cores. Raises InputError if there is
    not one number for each layer, or one is not a number of cores, and InfeasibleError if the layers need more cores,
    there are fewer neurons, or the chip has fewer cores.

    Args:
        spread: number of cores of each layer, or of all layers. In the latter case each layer gets as many as it needs,
            and then each remaining core goes to the layer with the most synapses and neurons per core.
    """
    counts = _checked(budget.shape, spread) if isinstance(spread, Sized) else _shared_out(budget, spread)
    most = budget.most_cores
    if most is not None and sum(counts) > most:
        raise InfeasibleError(f"spread: needs {plural(sum(counts), 'core')}, the chip has {most:,}")
    parts: list[Slice] = []
    for layer, (size, count) in enumerate(zip(budget.shape.layers, counts, strict=True)):
        runs = tuple(size.neurons // count + (number < size.neurons % count) for number in range(count))
        cuts = [cut for cut in budget.cuts_of(size) if max(runs) <= _room(budget, size, cut)]
        ways = [
            tuple(Slice(layer=layer, core=len(parts) + i, neurons=run, cut=cut) for i, run in enumerate(runs))
            for cut in cuts or budget.cuts_of(size)[:1]
        ]
        parts += budget.least_busy(size, ways)
    return tuple(parts)


def _checked(shape: NetworkShape, spread: Sequence[int]) -> list[int]:
    if len(spread) != len(shape.layers):
        raise InputError(
            f"spread: must have the cores of each of {plural(len(shape.layers), 'layer')}, found {len(spread)}"
        )
    return [
        _at_most(f"spread[{layer}]", count, size.neurons)
        for layer, (count, size) in enumerate(zip(spread, shape.layers, strict=True))
    ]


def _at_most(name: str, cores: int, neurons: int) -> int:
    if whole(name, cores, least=1) > neurons:
        raise InfeasibleError(f"{name}: {plural(neurons, 'neuron')} cannot lie on {plural(cores, 'core')}")
    return cores


def _shared_out(budget: Budget, cores: int) -> list[int]:
    shape = budget.shape
    cores = _at_most("spread", cores, shape.neurons)
    rooms = [max(_room(budget, size, cut) for cut in budget.cuts_of(size)) for size in shape.layers]
    counts = np.array([-(-size.neurons // max(room, 1)) for size, room in zip(shape.layers, rooms, strict=True)])
    if counts.sum() > cores:
        raise InfeasibleError(f"spread: the layers need {plural(int(counts.sum()), 'core')}, found {cores:,}")
    sizes = np.array(shape.layer_sizes)
    work = np.array([size.all_synapses for size in shape.layers]) + sizes
    while counts.sum() < cores:
        counts[np.argmax(np.where(counts < sizes, work / counts, 0.0))] += 1
    return counts.tolist()  # type: ignore[no-any-return]


def _room(budget: Budget, size: LayerShape, cut: Cut) -> int:
    """Neurons of a layer that fit on the smallest core."""
    return min(budget.room(core, size, cut, (0, 0)) for core in range(budget.chip.cores_told_apart))
