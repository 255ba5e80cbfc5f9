"""Whether two points' values of a column compare: as they are, on the energy terms that both have, or not, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from codesign.analysis.results.books import MADE_OF_ENERGY
from codesign.analysis.results.columns import COLUMNS
from codesign.analysis.results.formatting import BOOK_WORDS, column_label, coverage_words, like, listed
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.hardware.terms import COVERAGE, StaticBook

BY_TERM = frozenset({"energy_j", *MADE_OF_ENERGY})
"""Columns that depend on the book of the static power, and that can be compared on the energy terms of both points."""
ENERGIES = (*BY_TERM, "energy_cores_in_use_j")
"""Columns that can only be compared between points whose energies hold the same terms."""
_ENERGY_UNITS = ("J", "J·s", "W")
Terms = tuple[str, ...] | None
"""Energy terms on which values are compared; None for all."""


# as they are ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Group:
    """What points share if their values compare as they are; `str` gives it in words.

    Attributes:
        operation: None if nothing that is compared depends on it.
        coverage: terms of the energy; None if no energy is compared, or only terms that include no others.
        static_book: what of the static power that energy counts; None if it is not compared, or all-in.
        chip: the chip of an all-in figure, which compares with no other chip's.
    """

    workload: str
    operation: str | None = None
    coverage: tuple[str, ...] | None = None
    static_book: StaticBook | None = None
    chip: str | None = None

    def __str__(self) -> str:
        words = [self.workload]
        if self.operation is not None:
            words.append(self.operation.replace("_", " "))
        if self.coverage is not None:
            on_chip = "" if self.chip is None else f" on {self.chip}"
            words.append(f"energy of {coverage_words(self.coverage)}{on_chip}")
        if self.static_book is not None:
            words.append(f"of {BOOK_WORDS[self.static_book]}")
        return ", ".join(words)


def comparison_group(point: Point, columns: Collection[str]) -> Group:
    """Return what a point must share with another for these columns to compare.

    Energies compare only with equal coverage; energies and times only in the same operation. Single terms and the
    paper's book compare across coverages unless a term includes others, which static power never does. An all-in figure
    compares only within its chip.
    """
    energies = {column for column in columns if COLUMNS[column].unit in _ENERGY_UNITS}
    may_hold = energies - {term.column for term in COVERAGE["static"]}
    whole = not energies.isdisjoint(ENERGIES) or bool(may_hold and (not point.separable or point.included_terms))
    return Group(
        workload=point.workload,
        operation=point.operation if any(_depends_on_operation(column) for column in columns) else None,
        coverage=point.coverage if whole else None,
        static_book=point.static_book if energies & BY_TERM and point.separable else None,
        chip=point.chip if whole and not point.separable else None,
    )


def _depends_on_operation(column: str) -> bool:
    return COLUMNS[column].unit not in ("", "m**2")


def comparable(a: Point, b: Point, column: str) -> bool:
    """Whether two points' values of a column or measure compare as they are, even on different data."""
    one, other = (replace(comparison_group(point, (like(column),)), workload="") for point in (a, b))
    return one == other


# on common terms ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why values of two points cannot be compared and what would help, with `{0}` and `{1}` for the chips of the points
    that are responsible."""

    sentence: str
    points: tuple[Point, ...] = ()

    def in_words(self, names: Names) -> str:
        return self.sentence.format(*(names.chips[point.chip] for point in self.points))


def common_terms(a: Point, b: Point, column: str) -> Terms | Obstacle:
    """Return the energy terms on which two values of a column compare, None for all, or why they do not."""
    if column not in BY_TERM and comparison_group(a, (column,)) == comparison_group(b, (column,)):
        return None
    terms = matched_terms(a, b) if COLUMNS[column].unit in _ENERGY_UNITS else None
    if isinstance(terms, Obstacle):
        return terms
    if _depends_on_operation(column) and a.operation != b.operation:
        chips = " and ".join(f"{{{n}}} ({str(p.operation).replace('_', ' ')})" for n, p in enumerate((a, b)))
        return Obstacle(sentence=f"{chips} run differently; give both the same operation.", points=(a, b))
    if column not in BY_TERM:
        label = column_label(column)
        return Obstacle(sentence=f"Their {label} counts different terms; ask for energy_j, compared term by term.")
    return None if a.coverage == b.coverage else terms


def matched_terms(a: Point, b: Point) -> tuple[str, ...] | Obstacle:
    """Energy terms that both points' energies hold, in the order of summation; all terms for all-in figures, which can
    only be compared within a chip."""
    for point in (a, b):
        if not point.coverage or point.value("energy_j").mean is None:
            return Obstacle(sentence="No energy is modelled for {0}.", points=(point,))
    whole = tuple(point for point in (a, b) if not point.separable)
    if whole and a.chip != b.chip:
        chips = "{0} and {1}" if whole[1:] else "{0}"
        sentence = f"The energy of {chips} is an all-in figure; energies per operation could be compared."
        return Obstacle(sentence=sentence, points=whole)
    if a.coverage == b.coverage:
        return a.coverage
    common = tuple(term for term in COVERAGE if term in a.coverage and term in b.coverage)
    if not common:
        sentence = "The energies of {0} and {1} have no term in common; prices of the same operation could be compared."
        return Obstacle(sentence=sentence, points=(a, b))
    for point, other in ((a, b), (b, a)):
        # Which number holds an included term is not in the results: leaving out any but static power could lose it,
        # unless that number is never charged here, such as hops if a network occupies one core.
        left_out = set(point.charged) - set(common)
        if point.included_terms and (point.included_terms & left_out or left_out - {"static"}):
            hidden = point.included_terms & left_out
            lacking = sorted(hidden or left_out - {"static"})
            if other.own_chip:
                prices = listed([COVERAGE[name][0].actions[0].price for name in lacking])
                included = ", which the prices of {1} include in other terms" if hidden else ""
                then = f"with {'them' if lacking[1:] else 'it'}, {{0}} and {{1}} compare"
                sentence = f"The file of {{0}} gives no {prices}{included}; {then}."
                return Obstacle(sentence=sentence, points=(other, point))
            held = "" if hidden else f" {coverage_words(sorted(point.included_terms))}"
            lacks = f"The energy of {{1}} lacks {coverage_words(lacking)}, {'which' if hidden else 'and'}"
            sentence = f"{lacks} the prices of {{0}} include{held} in other terms; separate prices could be compared."
            return Obstacle(sentence=sentence, points=(point, other))
    return common
