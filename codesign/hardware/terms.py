"""The terms of an energy: which counts are multiplied with which numbers of a chip, and how results show them.

A new term is an entry of `COST_TERMS`, its number in a chip's description (`codesign.hardware.chip.parts`), and a test.
Energy, coverage, ranges of uncertain numbers, missing parameters, validation, the results' columns and the pages go
through this list. A term whose actions nobody counts yet also needs a field of
`codesign.hardware.cost.action_counts.ActionCounts`.

Nothing is imported here, so that everything may import it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

StaticBook = Literal["board", "cores_in_use"]
"""What of a chip's static power is charged to a network: see `BOOKS`."""

BOOKS: dict[StaticBook, tuple[str, ...]] = {
    "board": ("chip", "core_in_use", "core_off", "host"),
    "cores_in_use": ("chip_share", "core_in_use"),
}
"""Parts of the static power that each book counts: everything that is powered, or the part of the cores in use, where
`chip_share` is the part `chip` times their share of all cores."""


SYNCHRONIZATIONS: dict[str, str] = {
    "asynchronous": "no synchronization",
    "clocked": "a clock",
    "barrier": "a barrier",
    "timer": "a timer",
    "neighbour": "agreement of neighbours",
}
"""Kinds of a chip's synchronization, in words; their classes are in `codesign.hardware.chip.parts`."""

WAITING_KINDS = ("barrier", "timer", "neighbour")
"""Those under which a neuron waits for all that comes to it in a step."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that costs energy each time it happens, or for as long as a chip is on.

    Attributes:
        count: field of `ActionCounts`, or `on_s` for what is drawn while the chip is on.
        price: path of its number in a chip file; joules for what is counted, watts for what is drawn.
        subject: the action in a sentence: "a spike" costs so much.
        fallback: path of the number that holds where the file does not give `price`.
        factor: path of a number that the price is multiplied with.
        per: what a published energy of it is divided by, as `per` in a chip file says it.
        apart: whether it is charged even where the number of another term contains the rest of this one.
        follows: what its price changes with where a chip's structure does: an attribute of `StructureEstimate`, or ""
            for nothing.
    """

    count: str
    price: str
    subject: str
    fallback: str = ""
    factor: str = ""
    per: str = ""
    apart: bool = False
    follows: str = "logic"


@dataclass(frozen=True, kw_only=True)
class CostTerm:
    """One term of an energy: the sum over its actions of count · price, in joules.

    Attributes:
        name: as `energy_coverage` and `includes` say it.
        label: in words, several of them.
        column: of the results.
        meaning: of that column.
        missing: what cannot be modelled where a chip gives no price for it; empty for what few chips have and nobody
            misses.
        actions: what is counted and priced.
        drawn_by: of a power, what draws it: the `chips` that the network takes, their `cores_in_use`, or their
            `cores_off`. None for what is counted.
        part: of the static power, as `BOOKS` names it; what a chip draws while it runs belongs to `chip`.
        covers: the name under which `energy_coverage` lists it; its own unless several terms are one there.
        essential: whether there is no energy without it.
    """

    name: str
    label: str
    column: str
    meaning: str = "part of energy_j"
    missing: str = ""
    actions: tuple[Action, ...]
    drawn_by: Literal["chips", "cores_in_use", "cores_off"] | None = None
    part: str = ""
    covers: str = ""
    essential: bool = False

    @property
    def covered_as(self) -> str:
        return self.covers or self.name

    @property
    def is_static(self) -> bool:
        """Whether it is drawn although nothing happens."""
        return self.covered_as == "static"


def _event(name: str, subject: str, **more: Any) -> Action:
    given = {"per": name, **more}
    return Action(count=name, price=f"energies.{name}", subject=subject, **given)


def _counted(name: str, label: str, *actions: Action, missing: str, **more: Any) -> CostTerm:
    given = {"column": f"energy_{name}_j", **more}
    return CostTerm(name=name, label=label, actions=actions, missing=missing, **given)


def _static(part: str, whose: str, drawn_by: Any, drawn: str, *, follows: str, missing: str = "") -> CostTerm:
    label = f"static power of {whose}"
    return CostTerm(
        name=f"static_{part}",
        label=label,
        column=f"energy_static_{part}_j",
        meaning=f"part of energy_j: static power of {drawn}",
        missing=missing,
        actions=(Action(count="on_s", price=f"static_power.{part}", subject=label, follows=follows),),
        drawn_by=drawn_by,
        part=part,
        covers="static",
    )


_TERMS = (
    _counted(
        "synaptic_operation",
        "synaptic operations",
        _event("synaptic_operation", "a synaptic operation", per="operation", follows="operation_j"),
        missing="energy, in both books",
        essential=True,
    ),
    _counted(
        "neuron_access",
        "neuron accesses",
        _event("neuron_access", "visiting a neuron", per="access", follows="update_j"),
        missing="energy of visiting neurons",
    ),
    _counted(
        "neuron_update",
        "neuron updates",
        _event("neuron_update", "a neuron update", per="update", follows="update_j"),
        missing="energy of neuron updates",
    ),
    _counted(
        "spike",
        "spikes generated",
        _event("spike", "generating a spike"),
        missing="energy of generating spikes",
        meaning="part of energy_j: spikes generated by neurons",
    ),
    _counted(
        "message",
        "messages",
        _event("message", "sending a message"),
        missing="energy of sending spikes",
        meaning="part of energy_j: spikes sent, one for each destination core, input spikes too",
    ),
    _counted(
        "hop",
        "hops",
        _event("hop", "a hop"),
        _event("hop_vertical", "a vertical hop", fallback="energies.hop", per="hop"),
        _event("chip_hop", "a hop between chips", apart=True, follows=""),  # pads have a supply of their own
        missing="energy of the network",
    ),
    _counted(
        "barrier_message",
        "barrier messages",
        _event("barrier_message", "a barrier message"),
        missing="energy of barrier messages",
        column="energy_barrier_j",
        meaning="part of energy_j: messages of neurons that stay silent, one for each destination core in a timestep",
    ),
    CostTerm(
        name="clock",
        label="clock",
        column="energy_clock_j",
        meaning="part of energy_j: cycles of the clock while the chip is on",
        actions=(
            Action(
                count="on_s", price="energies.clock_cycle", per="clock_cycle", factor="clock", subject="a clock cycle"
            ),
        ),
        drawn_by="chips",
        part="chip",
    ),
    _static("chip", "chips", "chips", "each chip, whatever runs on it", follows="leakage_w", missing="static energy"),
    _static("core_in_use", "cores in use", "cores_in_use", "the cores in use, on top", follows="core_leakage_w"),
    _static("core_off", "cores not in use", "cores_off", "the cores not in use", follows="core_leakage_w"),
    _static("host", "hosts", "chips", "a host processor beside the cores", follows=""),
)

COST_TERMS: dict[str, CostTerm] = {term.name: term for term in _TERMS}
"""By name, in the order in which terms are added up and stacked."""

ENERGY_COLUMNS: dict[str, str] = {term.name: term.column for term in _TERMS}
"""Column of the results for each term."""

COVERAGE: dict[str, tuple[CostTerm, ...]] = {
    name: tuple(term for term in _TERMS if term.covered_as == name)
    for name in dict.fromkeys(term.covered_as for term in _TERMS)
}
"""Terms by their name in `energy_coverage`. Chips divide their static power differently, so its parts are one there."""

ACTIONS: tuple[Action, ...] = tuple(action for term in _TERMS for action in term.actions)
"""All actions."""

INCLUDABLE_TERMS: tuple[str, ...] = tuple(term.name for term in _TERMS if term.drawn_by is None and not term.essential)
"""Terms that the number of another may contain."""

WORK_TIMES: tuple[str, ...] = tuple(
    f"times.{kind}" for kind in ("synaptic_operation", "message", "neuron_access", "neuron_update", "spike", "output")
)
"""Times of the kinds of work that a core does in a step: a lane operation, a message received, a neuron accessed, a
lane update, a spike generated and a message sent."""

HOP_TIMES: tuple[tuple[str, str], ...] = (
    ("times.hop", ""),
    ("times.hop_vertical", "times.hop"),
    ("times.chip_hop", ""),
)
"""Times of a hop along a row, along a column and between chips, each with the one that holds where it is not given."""

RATES: tuple[str, ...] = ("clock", "network_on_chip.link_rate")
"""Numbers of a chip that are frequencies: the more, the less time things take."""

AGREEMENT = "time in which neighbours agree"
"""Without `synchronization.handshake` a time is as if it were none, and says under this name that it leaves it out."""

DROPPED = "spikes dropped in overloaded ticks"
"""What a timer's cores have no time for; it counts as if it arrived, under this name among what is not modelled."""

GATED = "static power is off between inputs"
"""What is assumed under this name of a chip whose power is gated, in real time."""

CURRENTS = "input multiply-accumulates a sample"
"""What no chip has an energy for; results count them under this name among what is not modelled."""

MODEL = "model."
"""What the paths of the model's own factors on energy and time begin with, `model.energy` and `model.latency`, so that
they lie among a chip's uncertain numbers."""

OWN_CITATION = "the chip's own file"
"""Of numbers whose file does not say where they are from."""

STRUCTURE_CITATION = "the model of a core's structure, fitted over the chips that come with the program"
"""Under which results name what a chip's file leaves out and follows from its structure."""


def weight(term: CostTerm, counted: Collection[str], share: Any) -> Any:
    """What of a term is counted, as an entry of `BOOKS` says, so that an energy is the sum of its terms times their
    weights.

    Terms hold what all that is powered draws. A clock runs on the whole chip, so it follows its share: cores in use, of
    all cores of the chips that the network takes; a number or an array.
    """
    if not term.part or (term.part in counted and f"{term.part}_share" not in counted):
        return 1.0
    if f"{term.part}_share" in counted:
        return share
    return 0.0 if term.is_static else 1.0
