"""What an energy is divided by, whether static power is inside it, and at which voltage it holds.

Papers quote each other's energies under other names: an energy per spike becomes one per synaptic operation, and total
power divided by a rate becomes an increment.
"""

from __future__ import annotations

from collections.abc import Iterator

from codesign.documents import Mistake
from codesign.hardware.chip.numbers import SynapticEnergy
from codesign.hardware.chip.parts import Energies
from codesign.hardware.terms import ACTIONS
from codesign.units import format_si

_COUNTED = {action.price.removeprefix("energies."): action.per for action in ACTIONS if action.per}
"""What each energy of a chip file is multiplied by."""


def basis_mistakes(energies: Energies, *, static_power: bool) -> Iterator[Mistake]:
    """Energies whose `per` belongs under another key, or whose static power would be counted twice or not at all.

    Args:
        static_power: whether the chip gives a static power beside its energies.
    """
    for name, number in energies.given.items():
        if number.per is not None and number.per != _COUNTED[name]:
            home = next(key for key, per in _COUNTED.items() if per == number.per)
            energy = format_si(number.value, "J")
            yield ("energies", name, "per"), f"{energy} is per {number.per}, so it belongs under energies.{home}"
        place = ("energies", name, "static")
        if isinstance(number, SynapticEnergy):
            if number.all_in and number.static == "outside":
                yield place, "must be inside: an all-in energy contains static power"
            elif not number.all_in and number.static == "inside":
                yield place, "static power is inside, so all_in must be true"
        elif number.static == "inside" and static_power:
            yield place, "static power is inside, and also given as static_power; it would be counted twice"
