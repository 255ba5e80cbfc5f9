"""How robust a comparison of energies or times is, in words."""

from __future__ import annotations

from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import listed, quantity, significant
from codesign.analysis.robustness import RangedNumber, Robustness
from codesign.analysis.tipping import describe_tip, number_subject, unit_of
from codesign.hardware.terms import MODEL
from codesign.units import format_si

__all__ = ["describe_range", "describe_robustness", "describe_tip", "model_in_words", "share", "tips_in_words"]


def _subject(number: RangedNumber) -> str:
    """What a number is about: `a synaptic operation of loihi`."""
    return f"{number_subject(number.path)[0]} of {number.chip}"


def describe_range(number: RangedNumber) -> str:
    """`a synaptic operation of loihi (20 pJ to 30 pJ)`."""
    if number.path.startswith(MODEL):
        return f"{_subject(number)} (typically a factor of {significant(number.high, 2)})"
    unit = unit_of(number.path)
    return f"{_subject(number)} ({format_si(number.low, unit, 3)} to {format_si(number.high, unit, 3)})"


def tips_in_words(robustness: Robustness) -> str:
    """`Holds unless …`, or that no number alone turns it round."""
    if all(influence.number.path.startswith(MODEL) for influence in robustness.influences):
        return "No number of the chips lies in a range"
    if not robustness.tips:
        return "Holds over the whole range of every number, one at a time"
    return f"Holds unless {listed([describe_tip(tip) for tip in robustness.tips], 'or')}"


def model_in_words(robustness: Robustness, *, ahead: bool) -> str:
    """What the model's own error on the chips comes to, in sentences; empty where the chips' files say nothing of it.

    Args:
        ahead: whether the better side is better, so that something could turn it round.
    """
    models = robustness.models
    if not models:
        return ""
    each = [
        f"{significant(one.number.high, 2)} on {one.number.chip} ({100 * one.share:.0f} % of its range)"
        for one in models
    ]
    said = f"The model's own error, from published measurements, is typically a factor of {listed(each)}"
    if models[0].both:
        said += ", the same on both sides"
    elif ahead and robustness.apart is not None:
        said += f"; between the two it would have to be {significant(robustness.apart, 3)} to turn this round"
    return f"{said}."


def share(value: float) -> str:
    """A share of draws as `98 %`; never rounded to all or none."""
    if value in (0.0, 1.0):
        return f"{100 * value:.0f} %"
    return f"{min(max(100 * value, 0.1), 99.9):.3g} %"


def describe_robustness(comparison: Comparison) -> str:
    """Sentences on how robust a comparison is; empty where it depends on no number that lies in a range."""
    robustness, column = comparison.robustness, comparison.column
    if robustness is None or not robustness.influences:
        return ""
    first, second = (
        f"{quantity(low, column)} to {quantity(high, column)}"
        for low, high in (robustness.better_range, robustness.worse_range)
    )
    better, worse = comparison.better, comparison.worse
    names = (better.place, worse.place) if better.place != worse.place else (better.schedule, worse.schedule)
    if names[0] == names[1]:
        names = (better.recipe, worse.recipe)
    verb = "takes" if column == "latency_s" else "needs"
    over = "the ranges of the chips' numbers" + (" and the model's own error" if robustness.models else "")
    said = (
        f"Over {over}, {names[0]} {verb} {first} and {names[1]} {second} (95 % of "
        f"{robustness.draws} joint draws); {names[0]} {verb} less in {share(robustness.probability)} of the draws"
    )
    if robustness.seeds > 1:
        said += f", and in {share(robustness.with_seeds)} of draws and training seeds together"
    said += "."
    if (comparison.gain.mean or 0.0) > 0:
        said += f" {tips_in_words(robustness)}."
    if model := model_in_words(robustness, ahead=(comparison.gain.mean or 0.0) > 0):
        said += f" {model}"
    most = robustness.influences[0]
    if most.spread > 0:
        said += f" What matters most is {describe_range(most.number)}."
    return said
