"""The two factors of the model of a structure, fitted over chips, and how well it predicts a chip that is left out.

A factor is the geometric mean of published / modelled. A chip that several files describe counts once, by a file with
static power apart if there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Literal

from codesign.hardware.derivation import without_derived
from codesign.hardware.description import Chip
from codesign.hardware.structure import K_AREA, K_ENERGY, estimate

StructureQuantity = Literal["energy", "area"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """An energy of an operation in joules, or an area in m², of a chip that the factor was not fitted on.

    Attributes:
        chip: name of its file.
        published: what the file gives.
        modelled: what the model gives with a factor of 1.
        predicted: the same with the factor fitted on all other chips.
        mean: geometric mean of what is published of the others, the guess without a model.
        all_in: whether the published energy contains static power.
    """

    chip: str
    published: float
    modelled: float
    predicted: float
    mean: float
    all_in: bool

    @property
    def ratio(self) -> float:
        """Predicted / published."""
        return self.predicted / self.published


def predictions(chips: Iterable[Chip], quantity: StructureQuantity) -> tuple[Prediction, ...]:
    """Each chip that states its structure and gives the quantity, left out of the fit; in the order of the chips."""
    known = _known(chips, quantity)
    found = []
    for name, (published, modelled, all_in) in known.items():
        others = [values for other, values in known.items() if other != name]
        if others:
            factor = geometric_mean([value / model for value, model, _ in others])
            found.append(
                Prediction(
                    chip=name,
                    published=published,
                    modelled=modelled,
                    predicted=factor * modelled,
                    mean=geometric_mean([value for value, _, _ in others]),
                    all_in=all_in,
                )
            )
    return tuple(found)


def fitted_factor(chips: Iterable[Chip], quantity: StructureQuantity) -> float:
    """The factor fitted on all of them."""
    return geometric_mean([published / modelled for published, modelled, _ in _known(chips, quantity).values()])


def typical_factor(guesses: Sequence[tuple[float, float]]) -> float:
    """Geometric mean of how many times too large or too small guesses are, from (guessed, true)."""
    return geometric_mean([max(guess / true, true / guess) for guess, true in guesses])


def _known(chips: Iterable[Chip], quantity: StructureQuantity) -> dict[str, tuple[float, float, bool]]:
    """By name, what is published of a chip, what the model gives with a factor of 1, and whether it is all-in."""
    found: dict[str, tuple[float, float, bool]] = {}
    seen = set()
    for chip in sorted(map(without_derived, chips), key=lambda chip: (chip.all_in, chip.name)):
        expected, operation = estimate(chip), chip.energies.synaptic_operation
        number = operation if quantity == "energy" else chip.area
        if expected is None or number is None or (silicon := _silicon(chip)) in seen:
            continue
        seen.add(silicon)
        modelled = expected.operation_j / K_ENERGY if quantity == "energy" else expected.area_m2 / K_AREA
        found[chip.name] = (number.value, modelled, quantity == "energy" and chip.all_in)
    return dict(sorted(found.items()))


def _silicon(chip: Chip) -> tuple[object, ...]:
    """What files of the same chip have in common."""
    assert chip.structure is not None
    capacities = (chip.cores, chip.neurons_per_core, chip.synapses_per_core, chip.weight_memory)
    sizes = tuple(None if number is None else number.value for number in (*capacities, chip.area, chip.technology_node))
    numbers = tuple(getattr(number, "value", number) for _, number in chip.structure)
    return (*sizes, *numbers)
