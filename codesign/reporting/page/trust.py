"""How far to trust the numbers of the chips that an answer names, and what contradicts them."""

from __future__ import annotations

from collections.abc import Sequence

from codesign.analysis.answers.answers import Option
from codesign.analysis.results.formatting import listed
from codesign.analysis.results.metadata import ChipFacts, ResultMetadata
from codesign.analysis.results.naming import Names, without_citation
from codesign.relative_error import farther_off, typical_error

_MOST = 3
FITTED = "fitted on this point"


def trust_line(metadata: ResultMetadata, options: Sequence[Option], names: Names) -> str:
    """How well measurements bear out the chips that the first answer with options ranks first, in few words."""
    ranked = dict.fromkeys(option.point.chip for option in options if option.point is not None)
    chips = list(ranked)[:_MOST] or sorted(metadata.chips)[:_MOST]
    known = {names.chips.get(chip, chip): metadata.chips[chip] for chip in chips if chip in metadata.chips}
    errors = {title: found for title, chip in known.items() if (found := _errors(chip))}
    others = {title: chip for title, chip in known.items() if title not in errors}
    fitted = [title for title, chip in others.items() if any(facts.standing == FITTED for facts in chip.validation)]
    off = [
        f"{title}{_fitted_to(known[title], title)} by {typical_error(each)} (median of {len(each)})"
        for title, each in errors.items()
    ]
    said = (
        ("Error against published measurements:", off),
        ("Fitted to everything published:", fitted),
        ("Without a published measurement:", [title for title in others if title not in fitted]),
        ("Contradicted by a measurement:", [title for title, chip in known.items() if chip.contradictions]),
        ("Scaled along axes by a model of cores: the numbers of", [title for title, c in known.items() if c.scaled]),
    )
    return " ".join(f"{what} {listed(titles)}." for what, titles in said if titles)


def _fitted_to(chip: ChipFacts, title: str) -> str:
    """What else a chip's own title says, such as ` (fitted to a board)`."""
    more = without_citation(chip.title).partition(", ")[2]
    return f" ({more})" if more and more not in title else ""


def _errors(chip: ChipFacts) -> list[float]:
    """Those that the chip's own summary counts."""
    known = (fact for fact in chip.validation if fact.standing == "recomputed")
    errors = (farther_off(fact.measured_si, fact.modelled_si, fact.modelled_high_si) for fact in known)
    return [error for error in errors if error is not None]
