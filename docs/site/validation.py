"""Writes the tables of docs/validation.md anew, from the chips that come with the program.

    python docs/site/validation.py

Beside what `codesign chips validate` prints these are the errors of all chips together, and how well the model of a
core's structure predicts a chip that its two factors were not fitted on. A factor is the geometric mean of published /
modelled. A chip that several files describe counts once, by a file with static power apart if there is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Literal

from codesign.cli.chip_pages import cell, validation_markdown
from codesign.hardware.chip.derivation import without_derived
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.structure import K_AREA, K_ENERGY, estimate
from codesign.hardware.library import chip_names, find_chip
from codesign.hardware.validation.validation import Check, validate
from codesign.relative_error import percent, typical_error
from codesign.units import format_si

PAGE = Path(__file__).parents[1] / "validation.md"
Quantity = Literal["energy", "area"]


def page(text: str, chips: Sequence[Chip]) -> str:
    """The page's text with what is worked out between its marks."""
    table = "\n".join([*map(validation_markdown, chips), structure_markdown(chips)])
    for name, inside in (("validation summary", summary_markdown(chips)), ("validation table", table)):
        above, begins, rest = text.partition(f"<!-- {name} -->")
        _, ends, below = rest.partition(f"<!-- end of {name} -->")
        text = f"{above}{begins}\n\n{inside}\n{ends}{below}"
    return text


def summary_markdown(chips: Iterable[Chip]) -> str:
    """Errors of all chips together, fitted points apart, and the bounds that measurements contradict."""
    checks = [check for chip in chips for check in validate(chip) if check.quantity is not None]
    rows = ["| | quantities | median error | worst |", "|---|--:|--:|---|"]
    for status, words in (("recomputed", "recomputed"), ("fitted", "fitted on this point")):
        errors = {check: abs(check.error) for check in checks if check.status == status and check.error is not None}
        if errors:
            middle = typical_error(errors.values())
            rows.append(f"| {words} | {len(errors)} | {middle} | {_named(max(errors, key=errors.__getitem__))} |")
    bounds = [check for check in checks if check.status == "bound"]
    missed = [check for check in bounds if check.bound_holds is False]
    rest = sum(check.status in ("arithmetic", "not_recomputed") for check in checks)
    parts = ["\n".join(rows) + "\n"]
    reasons = " (reasons below)" if missed else ""
    parts.append(
        f"{len(missed)} of {len(bounds)} bounds contradicted{reasons}; {rest} quantities are not recomputed, or are "
        "calculations themselves.\n"
    )
    if missed:
        parts.append("\n".join(f"- {_named(check)}" for check in missed) + "\n")
    return "\n".join(parts)


def _named(check: Check) -> str:
    assert check.error is not None
    return f"{percent(check.error)}, *{cell(check.measurement)}* (`{check.chip}`)"


# the model of a core's structure -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """An energy of an operation in joules, or an area in m², of a chip that the factor was not fitted on.

    Attributes:
        chip: name of its file.
        published: what the file gives.
        predicted: what the model gives with the factor fitted on all other chips.
        mean: geometric mean of what is published of the others, the guess without a model.
        all_in: whether the published energy contains static power.
    """

    chip: str
    published: float
    predicted: float
    mean: float
    all_in: bool

    @property
    def ratio(self) -> float:
        """Predicted / published."""
        return self.predicted / self.published


def predictions(chips: Iterable[Chip], quantity: Quantity) -> list[Prediction]:
    """Each chip that states its structure and gives the quantity, left out of the fit."""
    known = _known(chips, quantity)
    found = []
    for name, (published, modelled, all_in) in known.items():
        values, models, _ = zip(*(of for other, of in known.items() if other != name), strict=True)
        mean = geometric_mean(values)
        predicted = mean / geometric_mean(models) * modelled
        found.append(Prediction(chip=name, published=published, predicted=predicted, mean=mean, all_in=all_in))
    return found


def fitted_factor(chips: Iterable[Chip], quantity: Quantity) -> float:
    """The factor fitted on all of them."""
    return geometric_mean([published / modelled for published, modelled, _ in _known(chips, quantity).values()])


def typical_factor(guesses: Iterable[tuple[float, float]]) -> float:
    """Geometric mean of how many times too large or too small guesses are, from (guessed, true)."""
    return geometric_mean([max(guess / true, true / guess) for guess, true in guesses])


def _known(chips: Iterable[Chip], quantity: Quantity) -> dict[str, tuple[float, float, bool]]:
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


def structure_markdown(chips: Iterable[Chip]) -> str:
    """Energy of an operation and area of each chip, predicted with the factor that all others give."""
    parts = ["### Structure: predicted beside published, left out one at a time\n"]
    quantities: tuple[tuple[Quantity, str], ...] = (("energy", "energy of an operation"), ("area", "area"))
    for quantity, label in quantities:
        found = predictions(chips, quantity)
        rows = [f"| {label} | published | predicted | ratio |", "|---|--:|--:|--:|"]
        for one in found:
            name = f"`{one.chip}`{', all-in' if one.all_in else ''}"
            values = (_amount(value, quantity) for value in (one.published, one.predicted))
            rows.append(f"| {name} | {' | '.join(values)} | {one.ratio:.2f} |")
        worst = max(found, key=lambda one: abs(math.log(one.ratio)))
        typical = typical_factor((one.predicted, one.published) for one in found)
        without = typical_factor((one.mean, one.published) for one in found)
        parts.append("\n".join(rows) + "\n")
        parts.append(
            f"{label.capitalize()} of {len(found)} chips: off by a factor of {typical:.2f} in the geometric mean, most "
            f"for `{worst.chip}`, by {max(worst.ratio, 1 / worst.ratio):.2g}. Without a model, guessing the mean of "
            f"the others: {without:.2g}.\n"
        )
    return "\n".join(parts)


def _amount(value: float, quantity: Quantity) -> str:
    return f"{value * 1e6:.3g} mm²" if quantity == "area" else format_si(value, "J", 3)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), [*map(find_chip, chip_names())]), encoding="utf-8")
