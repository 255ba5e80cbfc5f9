"""What is missing if a network does not fit on a chip, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codesign.hardware.placement.filling import Budget, Shortage, fill_in_order
from codesign.hardware.terms import LIFTED
from codesign.network.cuts import CUTS
from codesign.units import ordinal, plural

_BITS_OF_KB = 8 * 1024


def shortage_text(budget: Budget, shortage: Shortage) -> str:
    """The layer, what it needs and what there is, in the units of the chip's file; if cores are missing, how many the
    network takes."""
    layer, needed, limit = f"the {ordinal(shortage.layer + 1)} layer", shortage.needed, shortage.limit
    if shortage.kind == "fan_in":
        return f"{layer} needs {needed:,} inputs per neuron, a neuron has {limit:,}"
    if shortage.core is None:
        size = budget.shape.layers[shortage.layer]
        load = load_text(budget, size.neurons, budget.stored(size, size.neurons, "channels"))
        there = f"the chip's {plural(budget.cores, 'core')}, and networks may not span several of its chips"
        if budget.spans_chips:
            chips = plural(limit // budget.cores, "chip")
            there = f"{chips} of {plural(budget.cores, 'core')}, the most that may be joined"
        return f"{layer} needs {load}, more than what is left of {there}; the network takes {_taken(budget)}"
    amounts = [needed, limit, shortage.taken, shortage.largest]
    (need, there, taken, largest), kind = amount_texts(budget, shortage.kind, amounts)
    what = f"one neuron of {layer}" if budget.may_split else layer
    text = f"{what} needs {need} {kind}, core {shortage.core} holds {there}"
    if shortage.taken:
        text += f", {taken} of them taken"
    if limit < shortage.largest < needed:
        text += f", the largest free core {largest}"
    return text


def lifted(budget: Budget, shortages: Sequence[Shortage]) -> Iterator[str]:
    """Fan-in and cores that were enlarged on a scaled chip, in words; for a chip with one core, once for all layers."""
    grown, name, shape = False, budget.chip.name, budget.shape
    for shortage in shortages:
        text = shortage_text(budget, shortage)
        if shortage.kind == "fan_in" or budget.several_cores:
            yield f"{name} scaled: {text}; {LIFTED}"
        elif not grown:
            synapses = sum(budget.stored(layer, layer.neurons, CUTS[0]) for layer in shape.layers)
            total = load_text(budget, shape.neurons, synapses)
            yield f"{name} scaled: the network needs {total}, {text}; counts {LIFTED}"
            grown = True


def _taken(budget: Budget) -> str:
    """Number of cores or chips that a network takes if there are enough of them."""
    parts = fill_in_order(replace(budget, scaled=True)).parts
    cores = max(part.core for part in parts) + 1
    return plural(-(-cores // budget.cores), "chip") if budget.spans_chips else plural(cores, "core")


def amount_texts(budget: Budget, kind: str, amounts: list[int]) -> tuple[list[str], str]:
    """Amounts of neurons or synapses in the units of the chip's file, and the unit of the first."""
    if kind == "synapses" and budget.synapse_bits is not None:
        return _memory_texts([amount * budget.synapse_bits for amount in amounts]), "of weights"
    return [f"{amount:,}" for amount in amounts], kind if amounts[0] > 1 else kind.removesuffix("s")


def load_text(budget: Budget, neurons: int, synapses: int) -> str:
    if budget.synapse_bits is None:
        return f"{plural(neurons, 'neuron')} and {plural(synapses, 'synapse')}"
    return f"{plural(neurons, 'neuron')} and {_memory_texts([synapses * budget.synapse_bits])[0]} of weights"


def _memory_texts(bits: list[int]) -> list[str]:
    """Amounts in KB of 1,024 bytes; all in bits if one is less, or if different amounts would look the same."""
    texts = [f"{amount / _BITS_OF_KB:,.1f}".removesuffix(".0") + " KB" for amount in bits]
    small = any(0 < amount < _BITS_OF_KB for amount in bits)
    return [f"{amount:,} bits" for amount in bits] if small or len(set(texts)) < len(set(bits)) else texts
