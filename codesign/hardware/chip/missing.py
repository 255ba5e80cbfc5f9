"""Parameters that a chip file does not give, and what therefore is not modelled."""

from __future__ import annotations

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Neighbour, Timer
from codesign.hardware.chip.prices import Extent, Prices, number_at
from codesign.hardware.terms import AGREEMENT, COST_TERMS

_OF_COSTS = ("energies.", "times.", "static_power.", "synchronization.", "network_on_chip", "vector_width")


def missing_parameters(chip: Chip) -> tuple[tuple[str, str], ...]:
    """(path of an unknown number, what cannot be modelled without it), for every number that a price would use."""
    several = chip.multi_chip is not None
    no_energy = several and chip.energies.chip_hop is None and "hop" not in _contained(chip)
    no_time = several and chip.times.chip_hop is None and "hop" not in chip.times.included
    no_time = no_time and not isinstance(chip.synchronization, Timer)
    lacking = {
        ("neurons_per_core", "capacity"): chip.neurons_per_core is None,
        ("weight_bits", "quantization"): chip.weight_bits is None,
        ("synapses_per_core", "capacity"): chip.synapses_per_core is None and chip.weight_memory is None,
        ("energies.chip_hop", "energy between chips"): no_energy,
        ("times.chip_hop", "time between chips"): no_time,
        ("can_flush", "whether a decision saves the energy of what still waits"): chip.can_flush == "unknown",
        ("can_end_sample", "whether a clear answer saves the later timesteps"): chip.can_end_sample == "unknown",
    }
    missing = ([] if chip.all_in else _missing_prices(chip)) + _missing_times(chip)
    return (*missing, *(what for what, lacks in lacking.items() if lacks))


def unpriced(chip: Chip) -> str:
    """What energies and times leave out on a chip, and for lack of which numbers, such as `latency (no times.hop)`; or
    ""."""
    lacking: dict[str, list[str]] = {}
    for path, consequence in missing_parameters(chip):
        if path.startswith(_OF_COSTS):
            lacking.setdefault(consequence, []).append(path)
    return "; ".join(f"{consequence} (no {', '.join(paths)})" for consequence, paths in lacking.items())


def times_in_others(chip: Chip) -> tuple[str, ...]:
    """Paths of times of work that the chip's file leaves out, and that therefore count as part of its other times.
    Those in `UNTIMED` change no latency under some kinds of synchronization."""
    whole_messages = chip.vector_width is not None and chip.vector_width.value == "all"
    lacking = (name for name in ("message", "neuron_access", "spike") if getattr(chip.times, name) is None)
    return tuple(
        f"times.{name}"
        for name in lacking
        if name not in chip.times.included and not (name == "message" and whole_messages)
    )


def _contained(chip: Chip) -> set[str]:
    return chip.energies.included | chip.static_power.included


def _on_one_tile(chip: Chip) -> bool:
    """Whether no message between a chip's cores takes a hop."""
    return chip.cores.value <= (1 if chip.network_on_chip is None else chip.network_on_chip.cores_per_tile)


def _missing_prices(chip: Chip) -> list[tuple[str, str]]:
    never = _contained(chip) | {"barrier_message"}  # cores that settle barriers among themselves send no messages
    if chip.synchronization.kind == "asynchronous":
        never.add("neuron_access")
    if _on_one_tile(chip):
        never.add("hop")
    known = chip.static_power.given
    missing = [
        (term.actions[0].price, term.missing + " of chips" * (term.is_static and bool(known)))
        for term in COST_TERMS.values()
        if term.missing and term.name not in never and number_at(chip, term.actions[0].price) is None
    ]
    if "core_in_use" in known and "core_off" not in known and chip.cores.value > 1:
        missing.append(("static_power.core_off", "what cores draw that are not in use"))
    return missing


def _missing_times(chip: Chip) -> list[tuple[str, str]]:
    included, one_tile = chip.times.included, _on_one_tile(chip)
    timer = isinstance(chip.synchronization, Timer)  # routes take no time under a timer
    consequence = "whether ticks overload" if timer else "latency"
    if chip.static_power.given and not timer:
        consequence = "latency, and so static energy"
    least = Prices(chip=chip, extent=Extent(cores=1, chips=1, tiles=1))
    missing = [(path, consequence) for path in least.missing_times()]
    if chip.times.hop is None and "hop" not in included and not one_tile and not timer:
        missing.append(("times.hop", consequence))
    if isinstance(chip.synchronization, Neighbour) and chip.synchronization.handshake is None:
        missing.append(("synchronization.handshake", f"the {AGREEMENT}"))
    if chip.network_on_chip is None and not one_tile and "hop" not in included:
        missing.append(("network_on_chip", "hops" if timer else "hops, and so latency across cores"))
    return missing
