"""What a network needs that its chip lacks or is not stated to have: assumptions under which it runs there anyway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from codesign.hardware.chip.description import Chip
from codesign.hardware.placement.placement import Placement
from codesign.network.neuron import FEATURES, NeuronSpec, in_words
from codesign.units import ordinal, plural


def neuron_assumptions(
    chip: Chip, neuron: NeuronSpec, *, own: Mapping[str, str] = MappingProxyType({}), refractory: bool = False
) -> Iterator[str]:
    """About a network's neurons. No chip file states whether a neuron fires at most once per timestep (`refractory`).
    `own` are parameters in which neurons differ from `neuron`, as text, from `SpikingNetwork.own_numbers`."""
    constants = [in_words("time_constant", seconds) for seconds in neuron.each("time_constant")]
    if "time_constant" in own:
        constants = [own["time_constant"]]
    finite = [words for words in constants if words != "infinite"]
    if finite and chip.supports.leak != "yes":
        known = "has no leak" if chip.supports.leak == "no" else "is not stated to have a leak"
        yield f"{chip.name} {known}; evaluated with τ_m = {' and '.join(finite)}"
    for reset in neuron.each("reset"):
        if reset not in chip.supports.reset:
            resets = " or ".join(chip.supports.reset)
            known = f"resets by {resets}" if resets else "does not state how neurons reset"
            yield f"{chip.name} {known}; evaluated with reset '{reset}'"
    features = neuron.features
    for name in FEATURES:
        if (name in own or name in features) and name not in chip.supports.features:
            values = own.get(name) or ", ".join(in_words(name, of) for of in neuron.each(name))
            yield f"{chip.name} is not stated to have {name}; evaluated with {values}"
    if neuron.bias and "bias" not in chip.supports.features:
        yield f"{chip.name} is not stated to have a bias; evaluated with those of the network, in float32"
    if neuron.readout == "potential" and "readout" not in chip.supports.features:
        yield f"{chip.name} is not stated to let potentials be read; the answer is read from them, at no cost"
    if refractory:
        yield (f"{chip.name} does not state a refractory period; evaluated with at most one spike per timestep")


def connection_assumptions(placement: Placement) -> Iterator[str]:
    """About a network's delayed and direct connections, which the steps of the chip may also rule out.

    If layers are pipelined, a layer works on a timestep as many steps later as there are layers before it. Messages
    back to an earlier layer may then be needed before they exist.
    """
    chip, delayed, direct = placement.chip, placement.shape.delayed, placement.shape.direct
    if delayed and "delayed" not in chip.supports.features:
        yield f"{chip.name} is not stated to have delayed connections; evaluated with {len(delayed)}"
    if chip.pipelined:
        for connection in delayed:
            if connection.delay * chip.ticks_per_timestep <= connection.source - connection.target:
                back = f"the {ordinal(connection.source + 1)} layer sends back to the {ordinal(connection.target + 1)}"
                yield (
                    f"{chip.name} works on several timesteps at once; what {back} is taken to be there in time, though "
                    "it is not in a pipeline of one step a layer"
                )
    skips = [connection for connection in direct if not connection.leads_back]
    for name, count in (("skips", len(skips)), ("within_pass", len(direct) - len(skips))):
        if count and name not in chip.supports.features:
            what = "skips over layers" if name == "skips" else "recurrent connections within a timestep"
            yield f"{chip.name} is not stated to have {what}; evaluated with {count}"
    if chip.pipelined and skips:
        yield f"{chip.name} works on several timesteps at once; spikes over skips are taken to wait"
    if chip.synchronized and len(skips) < len(direct):
        yield f"{chip.name} takes each layer once a timestep; what comes back in it is taken to count"


def learned_assumptions(placement: Placement, learned: Mapping[str, Literal["layer", "neuron"]]) -> Iterator[str]:
    """About a network whose layers, or neurons, as `learned` says, have a `threshold` or `time_constant` of their own.

    Thresholds that differ only between layers are equivalent to scales of the layers' weights, and need no assumption
    if each layer has its own scale.
    """
    chip = placement.chip
    of_layer = chip.weights is None or chip.weights.scale == "layer"
    held = {"threshold": chip.supports.thresholds, "time_constant": chip.supports.time_constants}
    for name, sharing in learned.items():
        scaled = name == "threshold" and sharing == "layer" and of_layer
        most, noun, needed = held[name], name.replace("_", " "), _most_on_a_core(placement, sharing)
        if scaled or most == "neuron":
            continue
        if most is None:
            yield f"{chip.name} is not stated to have a {noun} for each {sharing}; evaluated with its own"
        elif needed > most:
            few = f"{chip.name} has {plural(most, noun)} a core"
            yield f"{few}; evaluated with one for each {sharing}, {needed} on a core"


def _most_on_a_core(placement: Placement, sharing: Literal["layer", "neuron"]) -> int:
    if sharing == "neuron":
        return max(load.neurons for load in placement.core_loads)
    return max(Counter(core for core, _ in {(part.core, part.layer) for part in placement.parts}).values())
