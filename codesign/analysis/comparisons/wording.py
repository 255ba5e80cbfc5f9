"""The size and certainty of a comparison, and the uncertain number that would reverse it, in words."""

from __future__ import annotations

import math

from codesign.analysis.comparisons.comparison import Comparison
from codesign.analysis.comparisons.robustness import RangedNumber, Tip
from codesign.analysis.results.formatting import is_share, points_with_interval, significant, with_interval
from codesign.analysis.results.naming import Names
from codesign.hardware.terms import ACTIONS, MODEL, RATES
from codesign.units import format_si

_EVENTS = {each.price.partition(".")[2]: each.subject for each in ACTIONS if each.price.startswith("energies.")}
_VERBS = {
    **{action.price: (action.subject, "is") for action in ACTIONS},
    **{f"energies.{event}": (subject, "costs") for event, subject in _EVENTS.items()},
    **{f"times.{event}": (subject, "takes") for event, subject in _EVENTS.items()},
    "area": ("the area", "is"),
    "clock": ("the clock", "runs at"),
    "synchronization.tick": ("a tick", "lasts"),
    "synchronization.times": ("a barrier", "takes"),
    "synchronization.handshake": ("an agreement of neighbours", "takes"),
    "synchronization.least_step": ("the shortest step", "takes"),
    "times.message": ("receiving a message", "takes"),
    "times.output": ("sending a message", "takes"),
    "model.energy": ("the model's error in the energy", "is"),
    "model.latency": ("the model's error in the time", "is"),
}

_UNITS = {"energies.": "J", "times.": "s", "synchronization.": "s", "static_power.": "W", "area": "m**2"}
_UNITS |= dict.fromkeys(RATES, "Hz")


def gain_in_words(comparison: Comparison) -> str:
    """Say the difference with its interval over training seeds: `32.4 ± 0.9 points`, `1.2 ± 0.1 µJ`."""
    column, gain = comparison.column, comparison.gain
    assert gain.mean is not None, "compare_series() makes no comparison without a difference"
    if is_share(column):
        return f"{points_with_interval(gain)} points"
    return with_interval(gain, column).replace("-", "−")


def named_number(path: str) -> str:
    """Name a number of a chip: `energy of a synaptic operation`, `time of a barrier`, `static power of chips`."""
    noun = subject_and_verb(path)[0]
    return {"J": f"energy of {noun}", "s": f"time of {noun}"}.get(_unit_of(path), noun.removeprefix("the "))


def describe_range(number: RangedNumber, names: Names) -> str:
    """`a synaptic operation of Loihi (20 pJ to 30 pJ)`, `the time of a hop of Loihi (1 ns to 2 ns)`."""
    time = "the time of " if _unit_of(number.path) == "s" else ""
    subject = f"{time}{subject_and_verb(number.path)[0]} of {names.chips[number.chip]}"
    if number.path.startswith(MODEL):
        return f"{subject} (typically a factor of {significant(number.high, 2)})"
    ends = (format_si(end, _unit_of(number.path), 3) for end in (number.low, number.high))
    return f"{subject} ({' to '.join(ends)})"


def subject_and_verb(path: str) -> tuple[str, str]:
    """Return what a number of a chip is about, and its verb: `a synaptic operation`, `costs`."""
    return _VERBS.get(path) or (path.rpartition(".")[2].replace("_", " "), "is")


def _unit_of(path: str) -> str:
    return next((unit for part, unit in _UNITS.items() if path.startswith(part)), "")


def describe_tip(tip: Tip, names: Names) -> str:
    """Say where one number reverses a comparison: `a synaptic operation of Loihi costs less than 9 pJ instead of 20
    pJ`; `of both` if variants of a chip share the number."""
    noun, verb = subject_and_verb(tip.number.path)
    whose = "both" if tip.shared else names.chips[tip.number.chip]
    more, about = "more" if tip.above else "less", "" if tip.exact else "about "
    unit, value = _unit_of(tip.number.path), tip.number.value
    digits = next((n for n in range(3, 9) if format_si(tip.at, unit, n) != format_si(value, unit, n)), 9)
    at, now = format_si(tip.at, unit, digits), format_si(value, unit, 3)
    return f"{noun} of {whose} {verb} {more} than {about}{at} instead of {now}"


def tip_sentence(comparison: Comparison, names: Names) -> str:
    """Say what would reverse a comparison: the nearest number, or how far the model of both chips would have to be off;
    "" if the chips' numbers are exact or nothing within their ranges reverses it."""
    robustness = comparison.robustness
    if robustness is None:
        return ""
    if robustness.tips:
        return f"This reverses if {describe_tip(robustness.tips[0], names)}."
    if robustness.models and comparison.ratio is not None:
        factor = significant(comparison.ratio, 3)
        typical = significant(math.exp(math.hypot(*(math.log(model.high) for model in robustness.models))), 2)
        said = f"a model off by a factor of {factor} between them would (typically {typical})"
        return f"No chip number alone reverses this within its range; {said}."
    return ""
