"""How far the model is off from measurements on a chip: a typical factor in either direction, for energy and for time.

From n measurements to which the chip's numbers were not fitted:

    (ln S)² = (Σ ln²(model / measured) + (ln S_library)²) / (n + 1)

S_library is the factor over all chips that come with the program, one more point in addition to the few of one chip.
docs/design.md (Robustness) says which measurements count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import ModelError
from codesign.hardware.validation.validation import Check, validate
from codesign.units import plural

LIBRARY = ModelError(energy=1.7, latency=1.7, note="the typical error over all chips that come with the program")
"""`library_error` of the chips that come with the program; a test recomputes it."""


def measured_error(chip: Chip) -> ModelError:
    """The error on a chip, from its published measurements and the library's typical one. Raises InputError as
    `validate`."""
    checks = validate(chip)
    energies, times = _logarithms(checks, "energy"), _logarithms(checks, "latency")
    if not energies and not times:
        note = f"{LIBRARY.note}, as no measurement of this chip tests the model"
    else:
        measured = f"{plural(len(energies), 'measurement')} of energy and {len(times)} of time on this chip"
        both = f"{LIBRARY.energy:g} and {LIBRARY.latency:g}"
        note = f"from {measured}; {LIBRARY.note}, {both}, counts as one more of each"
    return ModelError(
        energy=_typical([*energies, math.log(LIBRARY.energy)]),
        latency=_typical([*times, math.log(LIBRARY.latency)]),
        note=note,
    )


def library_error(chips: Iterable[Chip]) -> tuple[float, float]:
    """The typical factors of energy and of time over all measurements of these chips. So few measurements give a time
    alone that its factor is at least that of energies."""
    checks = [check for chip in chips for check in validate(chip)]
    energy = _typical(_logarithms(checks, "energy"))
    return energy, max(energy, _typical(_logarithms(checks, "latency")))


def _typical(logarithms: list[float]) -> float:
    """A factor with three digits from the root mean square of logarithms."""
    return float(f"{math.exp(math.sqrt(sum(value**2 for value in logarithms) / len(logarithms))):.3g}")


def _logarithms(checks: Iterable[Check], quantity: Literal["energy", "latency"]) -> list[float]:
    """ln(model / measured) of the measurements that test the model, each at the end of its range that is farther
    off."""
    tests = [check for check in checks if check.status == "recomputed" and check.measured]
    energies = {check.run for check in tests if check.quantity == "energy"}
    found = []
    for check in tests:
        stands = check.quantity == "power" and check.worked and quantity == "energy"
        if check.quantity == quantity or (stands and check.run not in energies):
            ends = (end / check.measured for end in (check.model_low, check.model_high) if end)  # type: ignore[operator]
            found += sorted(map(math.log, ends), key=abs)[-1:]
    return found
