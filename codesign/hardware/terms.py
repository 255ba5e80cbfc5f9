"""The terms of an energy: which counts are multiplied by which numbers of a chip, and how results show them.

A new term is an entry of `COST_TERMS`, its number in a chip's description (`codesign.hardware.chip.parts`), and a test.
Energy, coverage, ranges of uncertain numbers, missing parameters, validation, the columns of results and the pages read
this list. A term whose actions are not counted yet also needs a field of
`codesign.hardware.cost.action_counts.ActionCounts`.

Nothing is imported here, so that everything may import it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

StaticBook = Literal["board", "cores_in_use"]
"""Which part of a chip's static power is charged to a network; see `BOOKS`."""

StaticPart = Literal["chip", "chip_share", "core_in_use", "core_off", "host"]

BOOKS: dict[StaticBook, tuple[StaticPart, ...]] = {
    "board": ("chip", "core_in_use", "core_off", "host"),
    "cores_in_use": ("chip_share", "core_in_use"),
}
"""Parts of the static power that each book counts: everything that is powered, or the part of the cores in use, where
`chip_share` is the part `chip` times their share of all cores."""

Operation = Literal["accelerated", "real_time"]
"""`accelerated`: the chip runs as fast as it can, and is on for that long. `real_time`: it is on while the stimulus
lasts, or longer if it does not keep up."""

Capacity = Literal["published", "scaled"]
Strategy = Literal["in_order", "balanced", "near", "balanced_near"]
"""How neurons are assigned to cores; see `codesign.hardware.placement.placement.place`."""
CutChoice = Literal["auto", "channels", "rows", "columns"]

WAITING_KINDS = {"barrier": "a barrier", "timer": "a timer", "neighbour": "agreement of neighbours"}
"""Kinds of synchronization under which a neuron waits for everything that reaches it in a step, in words."""

SYNCHRONIZATIONS = {"asynchronous": "asynchronous execution", "clocked": "a clock", **WAITING_KINDS}
"""All kinds of a chip's synchronization, in words; their classes are in `codesign.hardware.chip.parts`."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that costs energy each time it happens, or for as long as a chip is on.

    Attributes:
        count: field of `ActionCounts`, or `on_s` for power drawn while the chip is on.
        price: path of its number in a chip file; joules if it is counted, watts if it is drawn.
        subject: the action as the subject of a sentence, such as "a spike".
        fallback: path of the number used if the file does not give `price`.
        factor: path of a number by which the price is multiplied.
        per: what a published energy is divided by, as in `per` of a chip file.
        apart: whether it is charged even if the number of another term contains the rest of this term.
        follows: the attribute of `StructureEstimate` with which its price changes when the chip's structure changes, or
            "" for none.
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
        name: as in `energy_coverage` and `includes`.
        label: in words, plural.
        column: column of the results.
        meaning: meaning of that column.
        missing: what cannot be modelled if a chip gives no price for it; empty for terms that only few chips have.
        actions: what is counted and priced.
        drawn_by: for a power, what draws it: the `chips` that the network occupies, their `cores_in_use`, or their
            `cores_off`. None if it is counted.
        part: part of the static power, as in `BOOKS`; what a chip draws while it runs belongs to `chip`.
        covers: its name in `energy_coverage`; its own unless several terms share one.
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
        """Whether it is drawn even if nothing happens."""
        return self.covered_as == "static"


def _event(name: str, subject: str, **more: Any) -> Action:
    given = {"count": name, "per": name, **more}
    return Action(price=f"energies.{name}", subject=subject, **given)


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
        _event("chip_hop", "a hop between chips", apart=True, follows=""),  # pads have their own supply
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
        actions=(_event("clock_cycle", "a clock cycle", count="on_s", factor="clock", follows="chip_logic"),),
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
"""Terms by their name in `energy_coverage`. Chips divide their static power differently, so its parts share one
name."""

ACTIONS: tuple[Action, ...] = tuple(action for term in _TERMS for action in term.actions)
"""All actions."""

INCLUDABLE_TERMS: tuple[str, ...] = tuple(term.name for term in _TERMS if term.drawn_by is None and not term.essential)
"""Terms that the number of another term may contain."""

WORK_TIMES: tuple[str, ...] = tuple(
    f"times.{kind}" for kind in ("synaptic_operation", "message", "neuron_access", "neuron_update", "spike", "output")
)
"""Times of the kinds of work that a core does in a step: a lane operation, a message received, a neuron accessed, a
lane update, a spike generated and a message sent."""

UNTIMED: dict[str, Collection[str]] = {"timer": WORK_TIMES, "asynchronous": ("times.neuron_access",)}
"""Times that change no latency, by the kind of synchronization: ticks are as long whatever is done in them, and where
nothing waits nothing visits all neurons."""

HOP_TIMES: tuple[tuple[str, str], ...] = (
    ("times.hop", ""),
    ("times.hop_vertical", "times.hop"),
    ("times.chip_hop", ""),
)
"""Times of a hop along a row, along a column and between chips, each with the number used if it is not given."""

RATES: tuple[str, ...] = ("clock", "network_on_chip.link_rate")
"""Numbers of a chip that are frequencies: the higher, the shorter the times."""

AGREEMENT = "time in which neighbours agree"
"""Without `synchronization.handshake` a time assumes 0 for it, and lists it as left out under this name."""

DROPPED = "spikes dropped in overloaded ticks"
"""Spikes for which a timer's cores have no time; they count as if they arrived, and are listed under this name as not
modelled."""

UNCHECKED = "overload: "
"""The beginning of the assumption that a timer's cores keep its ticks, made where their times are not known."""

GATED = "static power is off between inputs"
"""Assumption about a chip whose power is gated, in real time."""

HELD = " weights; the chip holds "
"""Part of the assumption about a network that is evaluated with other weights than the chip's."""

SATURATE = "potentials saturate at "
"""Part of the assumption about a chip with `potential_bits`."""

ENLARGED = LIFTED, CORES_ADDED, CHIPS_ADDED = "lifted", "cores added", "chips added"
"""Ends of assumptions about a chip that is larger than its file says."""

CURRENTS = "input multiply-accumulates a sample"
"""No chip has an energy for these; results list them under this name as not modelled."""

MODEL = "model."
"""Prefix of the paths of the model's own factors on energy and time, `model.energy` and `model.latency`, which are
treated as uncertain numbers of a chip."""

OWN_CITATION = "the chip's own file"
"""Citation of numbers whose file does not give a source."""

STRUCTURE_CITATION = "the model of a core's structure, fitted over the chips that come with the program"
"""Citation, in results, of numbers that a chip's file leaves out and that follow from its structure."""


def weight(term: CostTerm, counted: Collection[str], share: Any) -> Any:
    """The factor with which a term is counted according to an entry of `BOOKS`: an energy is the sum of its terms times
    these.

    Terms hold what everything that is powered draws. A clock runs on the whole chip, so its factor is `share`: the
    cores in use over all cores of the chips that the network occupies; a number or an array.
    """
    if f"{term.part}_share" in counted:
        return share
    return 0.0 if term.is_static and term.part not in counted else 1.0
