"""Energy of an execution on a chip: the sum of the terms of `codesign.hardware.terms`.

A term is a count · unit energy, or a time · power. Terms hold what everything that is powered draws; `total_in` sums
them for the board, or for the cores in use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from codesign.arguments import one_of
from codesign.arrays import Floats, OfArrays
from codesign.errors import InputError
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.prices import Price, Prices
from codesign.hardware.cost.action_counts import ActionCounts
from codesign.hardware.placement.placement import Placement
from codesign.hardware.terms import BOOKS, COST_TERMS, COVERAGE, ENLARGED, CostTerm, Operation, StaticBook, weight
from codesign.network.topology import NetworkShape

Accounting = Literal["incremental", "all_in"]
"""`incremental`: each event has its energy, and static power is added. `all_in`: one number per operation contains
everything that a chip spent in some measurement; it cannot be compared with others."""

Terms = Mapping[str, Floats | None]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class EnergyBreakdown(OfArrays):
    """Energies of B samples, or one mean, in joules; None if a number is unknown or another term contains it.

    Attributes:
        accounting: whether static power and everything else are separate terms or part of the synaptic operation's.
        total_j: sum of the known terms, for everything that is powered; None if an essential one is unknown.
        cores_in_use_j: the same with the share of the cores in use, without a host.
        terms_j: by name, as in `COST_TERMS`.
        coverage: names, as in `COVERAGE`, of the terms that `total_j` contains, separately or within another; only
            totals of equal coverage can be compared. `all_in` totals cannot be compared with others.
        not_modelled, assumptions: what is missing and what was assumed.
    """

    accounting: Accounting
    total_j: Floats | None
    cores_in_use_j: Floats | None
    terms_j: Terms
    coverage: tuple[str, ...]
    not_modelled: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def paper_synaptic_operations(spike_density: float, shape: NetworkShape) -> float:
    """Synaptic operations as the paper's Table 3 counts them; N-MNIST, layered: 3.987 · 192 · 46 = 3.521e4."""
    return spike_density * shape.hidden_neurons * shape.mean_hidden_fan_out


def check_operation(chip: Chip, operation: Operation) -> None:
    """Raise InputError if a chip's energies are not valid in an operation."""
    one_of("operation", operation, get_args(Operation))
    synaptic = chip.energies.synaptic_operation
    if synaptic is not None and synaptic.all_in and synaptic.operation != operation:
        raise InputError(
            f"{chip.name}: its all-in energy was measured in {synaptic.operation} operation and contains the static "
            f"energy of that one; it cannot be used for operation '{operation}'"
        )


def term_energies(
    counts: ActionCounts, prices: Prices, on_s: Floats | None, working_s: Floats | None
) -> dict[str, Floats | None]:
    """Energy of each term in joules, with the broadcast shape of counts and prices; None if unknown.

    If a price is unknown but its action never happened, the term is 0 and known. An all-in energy contains everything,
    so no other term is charged.

    Args:
        on_s: time that samples take, shaped like the counts or the prices; None if unknown.
        working_s: likewise, time until the stop, after which gated power is not drawn and a gated clock does not run.
    """
    gating = prices.chip.power_gating
    static_s = working_s if gating.between_inputs == "yes" else on_s
    clocked_s = working_s if gating.clock == "yes" else static_s
    charged = ("synaptic_operation",) if prices.chip.all_in else COST_TERMS
    return {
        name: _energy(term, counts, prices, clocked_s if name == "clock" else static_s) if name in charged else None
        for name, term in COST_TERMS.items()
    }


def _energy(term: CostTerm, counts: ActionCounts, prices: Prices, on_s: Floats | None) -> Floats | None:
    if term.drawn_by is not None:
        power = prices.unit_energy(term.actions[0])
        return None if power is None or on_s is None else np.asarray(on_s * (power * prices.drawn(term)))
    actions = term.actions
    if term.name in prices.included:
        # A number that contains hops also contains those between chips, unless these have their own.
        actions = tuple(action for action in actions if action.apart and prices.value(action.price) is not None)
        if not actions:
            return None
    parts = [_charge(getattr(counts, action.count), prices.unit_energy(action)) for action in actions]
    return None if any(part is None for part in parts) else _sum(parts)


def _charge(count: Floats | None, price: Price) -> Floats | None:
    if count is None:
        return None
    if price is None:
        return None if count.any() else np.zeros_like(count)
    return np.asarray(count * price)


def counted_terms(counted: Collection[str], terms: Terms, core_share: float) -> dict[str, Floats]:
    """The known terms in joules, with the parts of the static power in `counted`, an entry of
    `codesign.hardware.terms.BOOKS`. `core_share` is the cores in use over all cores of the chips that the network
    occupies."""
    weights = {name: weight(COST_TERMS[name], counted, core_share) for name in terms}
    return {
        name: energy if weights[name] == 1.0 else energy * weights[name]
        for name, energy in terms.items()
        if energy is not None
    }


def total_in(book: StaticBook, terms: Terms, core_share: float) -> Floats | None:
    """Energy of the terms in a book of the static power; None if an essential one is unknown."""
    if any(terms[name] is None for name, term in COST_TERMS.items() if term.essential):
        return None
    return _sum(counted_terms(BOOKS[book], terms, core_share).values())


def _sum(terms: Iterable[Floats | None]) -> Floats | None:
    """Sum of the known terms, one after another; None if none is known."""
    energy: Floats | None = None
    for term in terms:
        if term is not None:
            energy = term if energy is None else np.asarray(energy + term)
    return energy


def energy_of(
    placement: Placement, counts: ActionCounts, on_s: Floats | None, working_s: Floats | None
) -> EnergyBreakdown:
    """The energy of each sample, or of the mean one, given its counts; times as in `term_energies`, shaped like the
    counts."""
    chip, prices = placement.chip, placement.prices
    terms = term_energies(counts, prices, on_s, working_s)
    coverage: tuple[str, ...] = ("all_in",)
    missing: dict[str, None] = {}
    assumptions = []
    if chip.all_in:
        assumptions.append(
            f"{chip.name}: all-in energy per synaptic operation, valid at the load where it was measured"
        )
    if chip.crossbar:
        assumptions.append(f"{chip.name}: a message occupies every neuron of a core")
    if chip.structure is not None and chip.structure.state_bits is not None and chip.potential_bits is None:
        assumptions.append(f"{chip.name} gives no potential_bits: potentials never saturate, whatever their state_bits")
    if not chip.all_in:
        covered = {COST_TERMS[name].covered_as for name, term in terms.items() if term is not None}
        covered |= {term for term, holder in prices.included.items() if terms[holder] is not None}
        coverage = tuple(name for name in COVERAGE if name in covered)
        missing = dict.fromkeys(text for name in COST_TERMS for text in _missing(name, terms, prices))
        assumptions += _static_assumptions(placement)
    board, cores_in_use = (total_in(book, terms, prices.core_share) for book in BOOKS)
    return EnergyBreakdown(
        accounting="all_in" if chip.all_in else "incremental",
        total_j=board,
        cores_in_use_j=cores_in_use,
        terms_j=terms,
        coverage=coverage,
        not_modelled=tuple(missing),
        assumptions=tuple(assumptions),
    )


def _missing(name: str, terms: Terms, prices: Prices) -> Iterable[str]:
    if terms[name] is not None:
        return
    term, chip = COST_TERMS[name], prices.chip
    holder = prices.included.get(name)
    if holder is not None:
        if terms[holder] is None:
            inside = COST_TERMS[holder].covered_as.replace("_", " ")
            yield f"energy of {term.label}: inside {inside}, which is not known"
        return
    lacking = [action.price for action in term.actions if prices.unit_energy(action) is None]
    if term.drawn_by is not None:
        if term.missing or not lacking:
            lacks = lacking[0] if lacking else "latency, so the time it is on is not known"
            rest = any(other.is_static and terms[other.name] is not None for other in COST_TERMS.values())
            whose = " of chips" * (term.is_static and rest)  # and that of cores is known
            yield f"{term.covered_as.replace('_', ' ')} energy{whose}: {chip.name} gives no {lacks}"
    elif term.essential:
        yield f"energy: {chip.name} gives no {lacking[0]}"
    elif term.missing:
        yield f"energy of {term.label}: {chip.name} gives no {(lacking or [term.actions[0].price])[0]}"


def _static_assumptions(placement: Placement) -> Iterable[str]:
    """Remarks about the static power of cores that are not in use, or that the chip does not have."""
    chip, known = placement.chip, placement.chip.static_power.given
    if not known:
        return
    there, used = chip.cores.value * placement.chips_used, placement.cores_used
    if "core_off" not in known and used < there:
        which = f"the {there - used:,} of {there:,} cores that are not in use"
        if "chip" in known:
            yield f"{chip.name}: the static power of {which} is taken to be within static_power.chip"
        else:
            yield f"{chip.name}: no static power is known for {which}"
    elif any(text.endswith(ENLARGED) for text in placement.assumptions):
        yield f"{chip.name}: static power of a chip and of a core is the published one's, whatever was added to it"
