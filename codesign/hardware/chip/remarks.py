"""What in a chip's file can be meant, and is more often a slip."""

from __future__ import annotations

from collections.abc import Iterator

from codesign.hardware.chip.description import Chip


def remarks(chip: Chip) -> tuple[str, ...]:
    """What deserves a second look, each beginning with the path of its number."""
    return tuple(_remarks(chip))


def potentials_never_saturate(chip: Chip) -> bool:
    """Whether the width of a state changes what it costs, and no spike."""
    return chip.structure is not None and chip.structure.state_bits is not None and chip.potential_bits is None


def _remarks(chip: Chip) -> Iterator[str]:
    width, neurons = chip.vector_width, chip.neurons_per_core
    if width is not None and neurons is not None and width.value != "all" and width.value > max(neurons.value):
        yield f"vector_width: of {width.value:,} lanes, the {max(neurons.value):,} neurons of a core use one each"
    off, on = chip.static_power.core_off, chip.static_power.core_in_use
    if off is not None and on is not None and off.value > on.value:
        yield f"static_power.core_off: {off.text} of a core that is not in use, {on.text} of one in use"
    if potentials_never_saturate(chip):
        yield (
            "structure.state_bits: changes what a state costs, and no spike: potentials saturate only where "
            "potential_bits are given"
        )
