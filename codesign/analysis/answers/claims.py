"""Claims of a sweep's file, judged on its points: differences between sides, and trends along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from codesign.analysis.answers.answers import Answer, Status
from codesign.analysis.answers.chance import few_on_one_side, left_to_samples, one_training
from codesign.analysis.answers.pairing import Pair, Values
from codesign.analysis.answers.remarks import without_draws
from codesign.analysis.answers.selecting import never_alike, points_in, why_without
from codesign.analysis.comparisons.comparability import Obstacle, common_terms, comparable
from codesign.analysis.comparisons.comparison import Comparison, compare_series, with_robustness
from codesign.analysis.comparisons.not_modelled import terms_left_out, too_low
from codesign.analysis.comparisons.robustness import SAME, drawn
from codesign.analysis.comparisons.wording import gain_in_words
from codesign.analysis.questions import ClaimQuestion, Selection
from codesign.analysis.results.columns import SIZES
from codesign.analysis.results.formatting import (
    column_label,
    in_points,
    is_share,
    like,
    listed,
    number,
    quantity,
    upper,
)
from codesign.analysis.results.measures import of_training
from codesign.analysis.results.naming import Names
from codesign.analysis.results.points import Point
from codesign.analysis.results.samples import counts_samples
from codesign.analysis.results.statistics import CONFIDENCE, Interval, difference, ratio

_ROUNDING = 1e-12
_SPELLED_OUT = 2
"""The most comparisons that get a sentence each; of more, only the largest that agrees does."""
_WEAKER: dict[Status, Status] = {"holds": "holds in part", "does not hold": "not shown"}
"""What a verdict becomes where a single training or two given models show it, or something may explain it."""
_UNDRAWN = "Claims about gains or two columns leave out the ranges of the chips' numbers, which may change the answer."
_UNSAMPLED = "Claims about gains or two columns leave out the choice of test samples, which may change the answer."


@dataclass(frozen=True, kw_only=True, eq=False)
class _Case:
    """A pair whose points compare, and what it says about the claim."""

    pair: Pair
    comparison: Comparison
    question: ClaimQuestion
    names: Names

    @cached_property
    def status(self) -> Status:
        """The verdict of the seeds, weakened if the choice of test samples or a time left out may explain it, or if
        fewer draws of the chips' numbers agree than an interval covers."""
        found, open_ = self.by_seeds, bool(self.by_samples or self.by_times)
        if found == "holds in part" and open_ and not self.comparison.gain.above_zero:
            return "not shown"
        return _WEAKER.get(found, found) if open_ or self.by_draws else found

    @cached_property
    def by_seeds(self) -> Status:
        """The verdict of the training seeds alone. A single one, and two given models, which have none, show less."""
        found = self._by_intervals
        return _WEAKER.get(found, found) if self.comparison.gain.half_width is None else found

    @property
    def _by_intervals(self) -> Status:
        gain, size, pair = self._known(self.comparison.gain), self.question.at_least, self.pair
        if size is not None:
            found = self._known(ratio(pair.high, pair.low)) if size.kind == "factor" else gain
            if found.low is None or found.high is None:
                return "not shown"
            least = size.value - _ROUNDING * abs(size.value)
            return "holds" if found.low >= least else "does not hold" if found.high < least else "not shown"
        if not gain.above_zero:
            within = self.question.or_equal_within
            if within is None or gain.low is None or gain.high is None:
                return "does not hold" if gain.below_zero else "not shown"
            if gain.low > -within.value:
                return "holds in part"
            return "does not hold" if gain.high < -within.value else "not shown"
        if self.question.about is None:
            return "holds"
        less_than_claimed = self._known(difference(pair.high / self.question.about.value, pair.low)).below_zero
        return "holds in part" if less_than_claimed else "holds"

    def _known(self, of: Interval) -> Interval:
        """An interval over training seeds, without width if there is a single one, between two given models, and of
        sizes."""
        no_spread = self.comparison.gain.half_width is None or self.comparison.column in SIZES
        return replace(of, half_width=0.0) if no_spread else of

    @cached_property
    def by_samples(self) -> str:
        """A sentence if the choice of test samples may explain what the seeds show; "" if not, or if nothing says
        so."""
        if _of_two_columns(self.question) or self.by_seeds == "not shown":
            return ""
        size, within = self.question.at_least, self.question.or_equal_within
        if size is not None and size.kind == "factor":
            return left_to_samples(self.comparison, times=size.value)
        if size is not None:
            return left_to_samples(self.comparison, least=size.value)
        least = 0.0 if within is None or self.comparison.gain.above_zero else -within.value
        return left_to_samples(self.comparison, least=least)

    @cached_property
    def by_times(self) -> str:
        """Which time is left out by the side that has less, or of what does not hold by the other one; "" if none. Of
        gains and two columns, either side counts."""
        pair, column = self.pair, self.question.column
        sides = [(pair.less, pair.more, self.question.column_of_less or column), (pair.more, pair.less, column)]
        if not _of_two_columns(self.question):
            sides = sides[1:] if self.by_seeds == "does not hold" else sides[:1]
        said = (too_low(one, [other], of, self.names) for one, other, of in sides if self.by_seeds != "not shown")
        return next(filter(None, said), "")

    @property
    def by_draws(self) -> bool:
        """Whether draws of the chips' numbers leave open what the seeds show."""
        agree = self._agreeing
        return agree is not None and (
            agree > 1 - CONFIDENCE if self.by_seeds == "does not hold" else agree < CONFIDENCE
        )

    @property
    def _agreeing(self) -> float | None:
        """The share of draws of the chips' numbers in which there is a difference, of at least the size asked for, or
        one against the claim that still counts; None without draws."""
        robustness, size, within = self.comparison.robustness, self.question.at_least, self.question.or_equal_within
        if robustness is None:
            return None
        less, more = robustness.better_draws, robustness.worse_draws
        if size is not None:
            beyond = more - less * size.value if size.kind == "factor" else more - less - size.value
        elif within is not None and self.by_seeds == "does not hold":
            beyond = more - less + within.value
        else:
            return robustness.probability
        return float((beyond >= -SAME * np.maximum(np.abs(more), np.abs(less))).mean())


def answer_claim(name: str, question: ClaimQuestion, points: Sequence[Point], names: Names) -> Answer:
    """Judge a claim. It holds if every comparison's interval lies on its side of zero, does not hold if one lies on the
    other side and none on its own, and is not shown if seeds, test samples, or draws of the chips' numbers, cannot
    tell."""
    source = f" ({question.source})" if question.source else ""
    answer = partial(Answer, name=name, form="claim", question=question.ask or question.claim + source)
    pairs = Values(question=question, points=points).pairs()
    compared = ((pair, _compared(pair, question)) for pair in pairs)
    cases = [_Case(pair=pair, comparison=of, question=question, names=names) for pair, of in compared if of is not None]
    if not cases:
        return answer(standing="cannot be asked", sentence=_why_not(question, points, pairs, names))
    everyone = [point for pair in pairs for point in (pair.more, pair.less)]
    say = names.training if of_training(question.column) else names.told_apart(everyone)
    sentence = _sentence(cases, partial(_means, say=say, names=names))
    if question.about is not None or (question.at_least is not None and question.at_least.kind == "factor"):
        sentence += _factors_in_words([case.pair for case in cases])
    undrawn = _undrawn(cases)
    shown = [case.comparison.gain for case in cases if case.status in ("holds", "holds in part")]
    refuted = [case.comparison.gain for case in cases if case.status == "does not hold"]
    few = "" if question.or_equal_within else few_on_one_side(shown or refuted, len(cases))
    of_chips = {point.chip: point for point in everyone}.values()
    lacking = dict.fromkeys(case.by_times for case in cases)
    lacking |= dict.fromkeys(terms_left_out(point, question.column, names) for point in of_chips)
    ranges = undrawn or _left_to_draws(cases)
    remarks = (
        _of_one_training(cases),
        _refuted(cases),
        few,
        ranges,
        *lacking,
        _left_to_samples(cases),
        question.remark,
    )
    standing = _overall([case.status for case in cases])
    return answer(
        standing=_WEAKER.get(standing, standing) if undrawn else standing,
        sentence=sentence,
        comparisons=tuple(case.comparison for case in cases),
        remarks=tuple(filter(None, remarks)),
    )


def _of_two_columns(question: ClaimQuestion) -> bool:
    """Whether values combine more than one column or point, so that the draws of a column do not apply."""
    return question.relative_to is not None or question.column_of_less is not None


def _compared(pair: Pair, question: ClaimQuestion) -> Comparison | None:
    """Compare the side with less to the other, or the side with more if more is better; None if they have no common
    seed or do not compare."""
    column = question.column
    if not comparable(pair.more, pair.less, column):
        return None
    if like(column).endswith("accuracy"):
        return compare_series(column, pair.more, pair.less, pair.high, pair.low, more_is_better=True)
    comparison = compare_series(column, pair.less, pair.more, pair.low, pair.high, more_is_better=False)
    return comparison if comparison is None or _of_two_columns(question) else with_robustness(comparison)


def _overall(statuses: Sequence[Status]) -> Status:
    distinct = set(statuses)
    if len(distinct) == 1:
        return distinct.pop()
    if distinct & {"holds", "holds in part"}:
        return "holds in part"
    return "does not hold" if "does not hold" in distinct else "not shown"


# words ---------------------------------------------------------------------------------------------------------------


def _sentence(cases: Sequence[_Case], means: Callable[[_Case], str]) -> str:
    """Say each comparison in a sentence; of many, how many agree, and of these the one with the largest difference."""
    if len(cases) == 1:
        return f"{means(cases[0])} The difference is {gain_in_words(cases[0].comparison)}."
    if len(cases) <= _SPELLED_OUT:
        return " ".join(map(means, cases))
    agree = [case for case in cases if case.status in ("holds", "holds in part")]
    largest = max(agree or cases, key=lambda case: case.comparison.gain.mean or 0.0)
    return f"Shown in {len(agree)} of {len(cases)} comparisons. {means(largest)}"


def _means(case: _Case, *, say: Callable[[Point], str], names: Names) -> str:
    """Say both means of a comparison; gains of shares are in points.

    `Layers wait (layered training): 94.6 % against 85.7 % for random order (unlayered training).`"""
    comparison = case.comparison
    column, means = comparison.column, (comparison.better_mean, comparison.worse_mean)
    if case.question.relative_to is not None and is_share(column):
        better, worse = (f"{in_points(mean)} points" for mean in means)
    else:
        better, worse = (quantity(mean, column).replace("-", "−") for mean in means)
    one, other = say(comparison.better), say(comparison.worse)
    return f"{names.upper(one)}: {better} against {worse}{f' for {other}' if other != one else ''}."


def _factors_in_words(pairs: Sequence[Pair]) -> str:
    quotients = [ratio(pair.high, pair.low).mean for pair in pairs if pair.low.all()]
    factors = [value for value in quotients if value is not None]
    if not factors:
        return ""
    if len(factors) <= _SPELLED_OUT:
        return f" By a factor of {listed([number(value, 3) for value in factors])}."
    return f" By factors of {number(min(factors), 3)} to {number(max(factors), 3)}."


def _of_one_training(cases: Sequence[_Case]) -> str:
    """Say in how many comparisons a single training, or two given models, leave open what others would show; "" if in
    none."""
    once = [case for case in cases if case.comparison.gain.half_width is None]
    said = one_training(given=not any(case.comparison.of_one_training for case in once)) if once else ""
    return said if len(once) == len(cases) else f"In {len(once)} of {len(cases)} comparisons: {said}" if said else ""


def _refuted(cases: Sequence[_Case]) -> str:
    """Say in how many comparisons the seeds speak against the claim; "" if in none."""
    refuted = [case.comparison.gain for case in cases if case.status == "does not hold"]
    opposite = sum(gain.below_zero for gain in refuted)
    counts = {"is the other way round": opposite, "is smaller than claimed": len(refuted) - opposite}
    told = {words: n for words, n in counts.items() if n}
    if len(cases) == 1:
        return " ".join(f"It {words}." for words in told)
    return " ".join(f"In {n} of {len(cases)} comparisons it {words}." for words, n in told.items())


def _undrawn(cases: Sequence[_Case]) -> str:
    """Say that the ranges of the chips' numbers do not count although values depend on them; "" if they do, or cancel
    as in the paper's energies on one chip."""
    question, pairs = cases[0].question, [case.pair for case in cases]
    columns = {like(of) for of in (question.column, question.column_of_less or question.column)}
    if columns == {"paper_energy_j"} and all(pair.more.silicon == pair.less.silicon for pair in pairs):
        return ""
    without = without_draws(*columns)
    if not _of_two_columns(question):
        return without
    ranged = any(drawn(point, of) for pair in pairs for point in (pair.more, pair.less) for of in columns)
    return _UNDRAWN if without or ranged else ""


def _left_to_draws(cases: Sequence[_Case]) -> str:
    """Say in how many comparisons the ranges of the chips' numbers leave open what the seeds show; "" if in none."""
    said = []
    fewer = f"fewer than {100 * CONFIDENCE:.0f} % of the draws of the chips' numbers"
    for shown, words in (("holds", f"{fewer} agree"), ("does not hold", f"seeds speak against it, but {fewer} do")):
        if count := sum(case.by_draws for case in cases if case.by_seeds == shown):
            said.append(f"In {count} of {len(cases)} comparisons, {words}." if len(cases) > 1 else f"{upper(words)}.")
    return " ".join(said)


def _left_to_samples(cases: Sequence[_Case]) -> str:
    """Say in how many comparisons the choice of test samples may explain what the seeds show, or that it is left out;
    "" if in none."""
    question = cases[0].question
    if _of_two_columns(question):
        shown = counts_samples(question.column) and any(case.by_seeds != "not shown" for case in cases)
        return _UNSAMPLED if shown else ""
    said = [case.by_samples for case in cases if case.by_samples]
    if not said or len(cases) == 1:
        return "".join(said)
    return f"In {len(said)} of {len(cases)} comparisons, such a difference may be due to the choice of samples."


def _why_not(question: ClaimQuestion, points: Sequence[Point], pairs: Sequence[Pair], names: Names) -> str:
    """Say why none of the pairs compares and what would help, or which points there would have to be."""
    if not pairs:
        return _no_values(question, points)
    more, less, column = pairs[0].more, pairs[0].less, like(question.column)
    said = f"The results have no {column_label(question.column)} of points that can be compared."
    if comparable(more, less, column):  # but they have no training seed in common
        return said
    if isinstance(obstacle := common_terms(more, less, column), Obstacle):
        return f"{said} {obstacle.in_words(names)}"
    return f"{said} Their energies hold different terms; a question with `compare` is answered on those that both have."


def _no_values(question: ClaimQuestion, points: Sequence[Point]) -> str:
    sides = [{**question.select, **side} for side in (question.more, question.less) if side]
    for side in (question.select, question.relative_to, *sides):
        if side and not points_in(points, side):
            return f"The results have no point with {_written(side)}{why_without(points, side)}"
    if question.along is not None:
        name = question.along.replace("_", " ")
        return f"The results have no two points that differ in {name} alone, which must be a number."
    apart = never_alike(points_in(points, question.select), question.more or {}, question.less or {})
    why = f": they differ in {listed(apart)}, which neither side names" if apart else ""
    return f"The results have no {column_label(question.column)} of points that can be compared{why}."


def _written(selection: Selection) -> str:
    """`recipe layered, schedule async_random`."""
    names = ((name, [*wanted] if isinstance(wanted, list | tuple) else [wanted]) for name, wanted in selection.items())
    return ", ".join(
        f"{name} {listed(['none' if value is None else str(value) for value in wanted], 'or')}"
        for name, wanted in names
    )
