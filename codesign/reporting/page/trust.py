"""How far to trust the numbers of the chips that an answer names, and what contradicts them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codesign.analysis.answers.answers import Answer
from codesign.analysis.results.formatting import listed
from codesign.analysis.results.metadata import ChipFacts, ResultMetadata
from codesign.analysis.results.naming import Names, without_citation
from codesign.relative_error import farther_off, typical_error

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
        off = [
            f"{title}{_fitted_to(known[title], title)} by {typical_error(each)} (median of {len(each)})"
            for title, each in errors.items()
        ]
        said.append(f"Error against published measurements: {listed(off)}.")
    if fitted:
        said.append(f"Fitted to everything published: {listed(fitted)}.")
    if unknown:
        said.append(f"Without a published measurement: {listed(unknown)}.")
    contradicted = [title for title, chip in known.items() if chip.contradictions]
    if contradicted:
        said.append(f"Contradicted by a measurement: {listed(contradicted)}.")
    scaled = [title for title, chip in known.items() if chip.scaled]
    if scaled:
        said.append(f"Scaled along axes by a model of cores: the numbers of {listed(scaled)}.")
    return " ".join(said)


def _fitted_to(chip: ChipFacts, title: str) -> str:
    """What else a chip's own title says, such as ` (fitted to a board)`."""
    more = without_citation(chip.title).partition(", ")[2]
    return f" ({more})" if more and more not in title else ""


def _ranked(answers: Sequence[Answer]) -> Iterable[str]:
    first = next((answer for answer in answers if answer.options), None)
    return (option.point.chip for option in (first.options if first else ()) if option.point is not None)


def _errors(chip: ChipFacts) -> list[float]:
    """Those that the chip's own summary counts."""
    known = (fact for fact in chip.validation if fact.standing == "recomputed")
    errors = (farther_off(fact.measured_si, fact.modelled_si, fact.modelled_high_si) for fact in known)
    return [error for error in errors if error is not None]


def _fitted(chip: ChipFacts) -> bool:
    return any(facts.standing == FITTED for facts in chip.validation)
