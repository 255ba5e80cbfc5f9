"""How far to trust the numbers of the chips that an answer names, and what contradicts them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median

from codesign.analysis.answers import Answer
from codesign.analysis.formatting import listed
from codesign.analysis.metadata import ChipFacts, ResultMetadata, ValidationFacts
from codesign.analysis.naming import Names

__all__ = ["trust_line"]

_MOST = 3
FITTED = "fitted on this point"


def trust_line(metadata: ResultMetadata, answers: Sequence[Answer], names: Names) -> str:
    """How well measurements bear out the chips that the first answer with options ranks first, in few words."""
    chips = list(dict.fromkeys(_ranked(answers)))[:_MOST] or sorted(metadata.chips)[:_MOST]
    known = {names.chips.get(chip, chip): metadata.chips[chip] for chip in chips if chip in metadata.chips}
    errors = {title: found for title, chip in known.items() if (found := _errors(chip))}
    fitted = [title for title, chip in known.items() if title not in errors and _fitted(chip)]
    unknown = [title for title in known if title not in errors and title not in fitted]
    said = []
    if errors:
        off = [f"{title} by {100 * (median(each) - 1):.0f} % (median of {len(each)})" for title, each in errors.items()]
        said.append(f"Off from published measurements: {listed(off)}.")
    if fitted:
        said.append(f"Fitted to all that was published, so that nothing is left to check it: {listed(fitted)}.")
    if unknown:
        said.append(f"Without a published measurement: {listed(unknown)}.")
    contradicted = [title for title, chip in known.items() if chip.contradictions]
    if contradicted:
        said.append(f"Contradicted by a measurement: {listed(contradicted)}.")
    return " ".join(said)


def _ranked(answers: Sequence[Answer]) -> Iterable[str]:
    first = next((answer for answer in answers if answer.options), None)
    return (option.point.chip for option in (first.options if first else ()) if option.point is not None)


def _errors(chip: ChipFacts) -> list[float]:
    return [error for facts in chip.validation if (error := _factor(facts)) is not None]


def _fitted(chip: ChipFacts) -> bool:
    return any(facts.standing == FITTED for facts in chip.validation)


def _factor(facts: ValidationFacts) -> float | None:
    """How far model and measurement lie apart, at least 1; None where the model was fitted there or says nothing."""
    if facts.standing != "recomputed" or not facts.modelled_si or facts.measured_si <= 0 or facts.modelled_si <= 0:
        return None
    return math.exp(abs(math.log(facts.modelled_si / facts.measured_si)))
