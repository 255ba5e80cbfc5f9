"""How robust a comparison of energies or times is, in words."""

from __future__ import annotations

from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import listed, quantity, significant
from codesign.analysis.robustness import RangedNumber, Robustness, Tip
from codesign.hardware.terms import ACTIONS, MODEL
from codesign.units import format_si

__all__ = ["describe_range", "describe_robustness", "describe_tip", "model_in_words", "share", "tips_in_words"]

_VERBS = {
    **{action.price: (action.subject, "costs" if action.price.startswith("energies.") else "is") for action in ACTIONS},
    "clock": ("the clock", "runs at"),
    "synchronization.tick": ("a tick", "lasts"),
    "synchronization.times": ("a barrier", "takes"),
    "synchronization.handshake": ("an agreement of neighbours", "takes"),
    "synchronization.least_step": ("the shortest step", "takes"),
    "times.synaptic_operation": ("a synaptic operation", "takes"),
    "times.message": ("receiving a message", "takes"),
    "times.neuron_access": ("visiting a neuron", "takes"),
    "times.neuron_update": ("a neuron update", "takes"),
    "times.spike": ("generating a spike", "takes"),
    "times.output": ("sending a message", "takes"),
    "times.hop": ("a hop", "takes"),
    "times.hop_vertical": ("a vertical hop", "takes"),
    "times.chip_hop": ("a hop between chips", "takes"),
    "model.energy": ("the model's error in the energy", "is"),
    "model.latency": ("the model's error in the time", "is"),
}


def _subject(number: RangedNumber) -> tuple[str, str]:
    """What a number is about, and its verb: `a synaptic operation of loihi`, `costs`."""
    noun, verb = _VERBS.get(number.path, (number.path, "is"))
    return f"{noun} of {number.chip}", verb


def _unit(path: str) -> str:
    if path.startswith("energies."):
        return "J"
    return "W" if path.startswith("static_power.") else "Hz" if path in ("clock", "network_on_chip.link_rate") else "s"


def describe_tip(tip: Tip) -> str:
    """`a synaptic operation of loihi costs less than 9 pJ`."""
    subject, verb = _subject(tip.number)
    about = "" if tip.exact else "about "
    limit = format_si(tip.at, _unit(tip.number.path), 3)
    return f"{subject} {verb} {'more' if tip.above else 'less'} than {about}{limit}"


def describe_range(number: RangedNumber) -> str:
    """`a synaptic operation of loihi (20 pJ to 30 pJ)`."""
    if number.path.startswith(MODEL):
        return f"{_subject(number)[0]} (typically a factor of {significant(number.high, 2)})"
    unit = _unit(number.path)
    return f"{_subject(number)[0]} ({format_si(number.low, unit, 3)} to {format_si(number.high, unit, 3)})"


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
