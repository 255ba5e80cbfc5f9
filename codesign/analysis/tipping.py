"""Which uncertain number would turn a comparison round, in words."""

from __future__ import annotations

from codesign.analysis.comparison import Comparison
from codesign.analysis.formatting import significant
from codesign.analysis.naming import Names
from codesign.analysis.robustness import Tip
from codesign.hardware.terms import ACTIONS
from codesign.units import format_si

__all__ = ["describe_tip", "number_subject", "tip_sentence", "unit_of"]

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


def number_subject(path: str) -> tuple[str, str]:
    """What a number of a chip is about, and its verb: `a synaptic operation`, `costs`."""
    return _VERBS.get(path, (path, "is"))


def unit_of(path: str) -> str:
    """The SI unit of a number of a chip."""
    if path.startswith("energies."):
        return "J"
    return "W" if path.startswith("static_power.") else "Hz" if path in ("clock", "network_on_chip.link_rate") else "s"


def describe_tip(tip: Tip, chip: str = "") -> str:
    """`a synaptic operation of Loihi costs less than 9 pJ`; without a name of the chip, by that of the sweep."""
    noun, verb = number_subject(tip.number.path)
    about = "" if tip.exact else "about "
    limit = format_si(tip.at, unit_of(tip.number.path), 3)
    return f"{noun} of {chip or tip.number.chip} {verb} {'more' if tip.above else 'less'} than {about}{limit}"


def tip_sentence(comparison: Comparison, names: Names) -> str:
    """What would turn a comparison round: the nearest number, or how far the model of both chips would have to be off.

    Empty where the chips' numbers are exact or nothing within their ranges does.
    """
    robustness = comparison.robustness
    if robustness is None or not robustness.influences:
        return ""
    if robustness.tips:
        tip = robustness.tips[0]
        return f"It turns round if {describe_tip(tip, names.chips[tip.number.chip])}."
    if robustness.models and not robustness.models[0].both and robustness.apart is not None:
        typical = max(model.number.high for model in robustness.models)
        return (
            f"No number of the chips within its range turns it round; the model would have to be off by a factor of "
            f"{significant(robustness.apart, 3)} between them, and is typically off by {significant(typical, 2)}."
        )
    return "No number of the chips within its range turns it round."
