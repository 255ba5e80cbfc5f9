"""What is short where a network does not fit on a chip, in words, and what would make it fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from codesign.hardware.description import Chip
from codesign.hardware.filling import Budget, Shortage, fill_in_order
from codesign.network.topology import NetworkShape

__all__ = ["amount_texts", "load_text", "plural", "remedies", "shortage_text"]

_Kind = Literal["neurons", "synapses"]

_BITS_OF_KB = 8 * 1024


def shortage_text(shape: NetworkShape, chip: Chip, budget: Budget, shortage: Shortage) -> str:
    """The layer, what it needs and what there is, in the units of the chip's file."""
    layer, needed, limit = f"layer {shortage.layer + 1}", shortage.needed, shortage.limit
    if shortage.kind == "fan_in":
        return f"{layer} needs {needed:,} inputs per neuron, a neuron has {limit:,}"
    if shortage.core is None:
        size = shape.layers[shortage.layer]
        load = load_text(budget, size.neurons, budget.stored(size, size.neurons))
        there = f"the chip's {plural(chip.cores.value, 'core')}, and networks may not span several of its chips"
        if chip.multi_chip is not None:
            chips = plural(limit // chip.cores.value, "chip")
            there = f"{chips} of {plural(chip.cores.value, 'core')}, the most that may be joined"
        return f"{layer} needs {load}, more than what is left of {there}"
    amounts = [needed, limit, shortage.taken, shortage.largest]
    (need, there, taken, largest), kind = amount_texts(budget, shortage.kind, amounts)
    what = f"one neuron of {layer}" if budget.may_split else layer
    text = f"{what} needs {need} {kind}, core {shortage.core + 1} holds {there}"
    if shortage.taken:
        text += f", {taken} of them taken"
    if limit < shortage.largest < needed:
        text += f", the largest free core {largest}"
    return text


def amount_texts(budget: Budget, kind: str, amounts: list[int]) -> tuple[list[str], str]:
    """Amounts of neurons or synapses in the units of the chip's file, and the unit of the first."""
    if kind == "synapses" and budget.weight_bits is not None:
        return _memory_texts([amount * budget.weight_bits for amount in amounts]), "of weights"
    return [f"{amount:,}" for amount in amounts], kind if amounts[0] > 1 else kind.removesuffix("s")


def load_text(budget: Budget, neurons: int, synapses: int) -> str:
    if budget.weight_bits is None:
        return f"{plural(neurons, 'neuron')} and {plural(synapses, 'synapse')}"
    return f"{plural(neurons, 'neuron')} and {_memory_texts([synapses * budget.weight_bits])[0]} of weights"


def _memory_texts(bits: list[int]) -> list[str]:
    """Amounts in KB of 1,024 bytes; all in bits where one is less, or where different amounts would look alike."""
    texts = [f"{amount / _BITS_OF_KB:,.1f}".removesuffix(".0") + " KB" for amount in bits]
    small = any(0 < amount < _BITS_OF_KB for amount in bits)
    return [f"{amount:,} bits" for amount in bits] if small or len(set(texts)) < len(set(bits)) else texts


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def remedies(shape: NetworkShape, budget: Budget) -> list[str]:
    """Changes, each of which alone makes the network fit: more cores or chips, or larger cores; where neither does, one
    that is both. A fan-in that is short is part of all of them.
    """
    fan_in, needed = "", max(layer.fan_in for layer in shape.layers)
    if budget.fan_in is not None and needed > budget.fan_in:
        fan_in, budget = f"{needed:,} inputs per neuron", replace(budget, fan_in=needed)
        if _fits(shape, budget):
            return [fan_in]
    more, larger = _fewest_cores(shape, budget), _larger_cores(shape, budget)
    changes = [] if more is None else [_cores_text(shape, more)]
    if larger is not None:
        changes.append(f"{_sizes_text(budget, larger)} a core")
    if not changes:
        *_, most = _with_more_cores(shape, budget)
        both = _larger_cores(shape, most)
        assert both is not None  # as many cores as layers, each large enough, hold any network
        fewest = _fewest_cores(shape, replace(budget, neurons=both.neurons, synapses=both.synapses))
        assert fewest is not None  # `both` is one of those looked through
        changes = [f"{_cores_text(shape, fewest)} of {_sizes_text(budget, both)}"]
    return [f"{fan_in} and {remedy}" if fan_in else remedy for remedy in changes]


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
    total = shape.neurons if kind == "neurons" else sum(layer.synapses for layer in shape.layers) + len(shape.layers)
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
        sizes.append(plural(least, "synapse") if bits is None else f"{_memory_texts([least * bits])[0]} of weights")
    if after.neurons is not None and after.neurons != before.neurons:
        sizes.append(plural(min(after.neurons), "neuron"))
    return " and ".join(sizes)


def _cores_text(shape: NetworkShape, budget: Budget) -> str:
    cores = max(part.core for part in fill_in_order(shape, budget, lift=False).parts) + 1
    return plural(-(-cores // budget.cores), "chip") if budget.spans_chips else plural(cores, "core")
