"""How far to trust the numbers of the chips that an answer names, and what contradicts them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from codesign.analysis.answers import Answer
from codesign.analysis.metadata import ChipFacts, ResultMetadata, ValidationFacts
from codesign.analysis.naming import Names

__all__ = ["trust_line"]

_MOST = 3
_FITTED = "fitted on this point"


def trust_line(metadata: ResultMetadata, answers: Sequence[Answer], names: Names) -> str:
    """A sentence for each chip that the first answer with options ranks first."""
    chips = list(dict.fromkeys(_ranked(answers)))[:_MOST] or sorted(metadata.chips)[:_MOST]
    known = {names.chips.get(chip, chip): metadata.chips[chip] for chip in chips if chip in metadata.chips}
    contradicted = [sentence for chip in known.values() for sentence in chip.contradictions]
    return " ".join((*(_sentence(title, chip) for title, chip in known.items()), *contradicted[:1]))


def _ranked(answers: Sequence[Answer]) -> Iterable[str]:
    first = next((answer for answer in answers if answer.options), None)
    return (option.point.chip for option in (first.options if first else ()) if option.point is not None)


def _sentence(title: str, chip: ChipFacts) -> str:
    factors = [error for facts in chip.validation if (error := _factor(facts)) is not None]
    if factors:
        count = f"{len(factors)} published measurement{'s' * (len(factors) != 1)}"
        return f"{title}: off by {100 * (median(factors) - 1):.0f} % at the median of {count}."
    fitted = any(facts.standing == _FITTED for facts in chip.validation)
    if fitted:
        return f"{title}: fitted to its published measurements, with none left to check it."
    return f"{title}: no published measurement to check it."


def _factor(facts: ValidationFacts) -> float | None:
    """How far model and measurement lie apart, at least 1; None where the model was fitted there or says nothing."""
    if facts.standing != "recomputed" or not facts.modelled_si or facts.measured_si <= 0 or facts.modelled_si <= 0:
        return None
    return math.exp(abs(math.log(facts.modelled_si / facts.measured_si)))
