"""What a chip file does not say, and what that leaves unmodelled."""

from __future__ import annotations

from codesign.hardware.description import Barrier, Chip

__all__ = ["unknowns"]

_ENERGIES = {
    "synaptic_operation": "energy, in both books",
    "neuron_access": "energy of visiting neurons",
    "neuron_update": "energy of neuron updates",
    "spike": "energy of generating spikes",
    "message": "energy of sending spikes",
    "hop": "energy of the network",
    "barrier_message": "energy of barrier messages",
}


def unknowns(chip: Chip) -> tuple[tuple[str, str], ...]:
    """(number that is not known, what cannot be modelled without it), for everything that a price would use."""
    missing: list[tuple[str, str]] = []
    synaptic = chip.energies.synaptic_operation
    numbers = [getattr(chip.energies, name) for name in _ENERGIES]
    included = {term for number in (*numbers, chip.static_power) if number is not None for term in number.includes}
    one_core = chip.cores.value == 1
    if synaptic is None or not synaptic.all_in:
        for name, consequence in _ENERGIES.items():
            idle = name == "neuron_access" and chip.synchronization.kind == "asynchronous"
            never = idle or (name == "hop" and one_core) or name in included
            if getattr(chip.energies, name) is None and not never:
                missing.append((f"energies.{name}", consequence))
        if chip.static_power is None:
            missing.append(("static_power", "static energy"))
    times = [getattr(chip.times, name) for name in type(chip.times).model_fields]
    contained = {term for number in times if number is not None for term in number.includes}
    consequence = "whether ticks overload" if chip.synchronization.kind == "timer" else "latency"
    if chip.vector_width is None:
        missing.append(("vector_width", consequence))
    for name in ("synaptic_operation", "neuron_update", "output", "hop"):
        absent = getattr(chip.times, name) is None and name not in contained
        if absent and not (name == "hop" and one_core):
            missing.append((f"times.{name}", consequence))
    if isinstance(chip.synchronization, Barrier) and chip.synchronization.times is None:
        missing.append(("synchronization.times", "latency"))
    if chip.network_on_chip is None and not one_core and "hop" not in contained:
        missing.append(("network_on_chip", "hops, and so latency across cores"))
    for name in ("neurons_per_core", "weight_bits"):
        if getattr(chip, name) is None:
            missing.append((name, "capacity" if name == "neurons_per_core" else "quantization"))
    if chip.synapses_per_core is None and chip.weight_memory is None:
        missing.append(("synapses_per_core", "capacity"))
    if chip.multi_chip is not None:
        if chip.energies.chip_hop is None and "hop" not in included:
            missing.append(("energies.chip_hop", "energy between chips"))
        if chip.times.chip_hop is None and "hop" not in contained:
            missing.append(("times.chip_hop", "time between chips"))
    if chip.can_flush == "unknown":
        missing.append(("can_flush", "whether a decision saves the energy of what still waits"))
    return tuple(missing)
