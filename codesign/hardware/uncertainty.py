"""How far energy and latency move when a chip's numbers move within their ranges.

Every price of a chip that is not measured lies in a range: the `range` of its file, or else value / factor to
value · factor with the factor of its confidence (`ASSUMED_FACTORS`, an assumption). Within a range numbers are
log-uniform, or uniform where the range begins at 0. The times of a barrier's table move together. Numbers that an axis
of a sweep sets are what the sweep asks about, so they do not move; neither do lanes and what changes spikes.

Energies and the times of chips with barriers or timers are exact in every draw. Chips without synchronization are
replayed once, and the replay scales with its stepwise bound: that is exact where one time matters, or all in one
proportion, and close to it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, reduce
from hashlib import shake_256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.hardware.cost import Cost, price
from codesign.hardware.description import Barrier, Chip, Timer
from codesign.hardware.energy import ENERGY_TERMS, Operation, on_time
from codesign.hardware.mapping import Mapping as Placement
from codesign.hardware.numbers import BarrierTimes, Confidence, Number, QuantityNumber, TimeNumber
from codesign.hardware.parameters import AXIS_SOURCE
from codesign.hardware.steps import StepWork
from codesign.hardware.tariff import charges, tariff_of, total
from codesign.hardware.usage import Usage
from codesign.hardware.work import Layout
from codesign.simulation.execution import Execution

__all__ = ["ASSUMED_FACTORS", "DRAWS", "UncertainNumber", "draws_of", "uncertain_numbers", "uncertainty_columns"]

DRAWS = 128
"""Joint draws of a chip's numbers."""

ASSUMED_FACTORS: Mapping[Confidence, float] = {
    "measured": 1.0,
    "stated": 1.1,
    "derived": 1.25,
    "fitted": 1.25,
    "secondary": 1.5,
    "estimated": 2.0,
}
"""Factor by which a number without a `range` may be off either way. An assumption; for `fitted` the errors that SANA-FE
states for whole workloads, 11.7 % in energy and 24.3 % in time (DOI 10.1109/TCAD.2025.3537971), speak for it."""

_KINDS = ("synaptic_operation", "message", "neuron_access", "neuron_update", "spike", "output")
_CHUNK = 1 << 17  # numbers of a chunk of steps: what a core's cache holds
_DIGITS = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class UncertainNumber:
    """A number and where it may lie, in SI units; times in cycles are in seconds at the file's clock.

    Attributes:
        path: as in the file, such as `energies.synaptic_operation`.
        low, value, high: the range and the number in it; of a barrier's table, the time for the most tiles.
        unit: SI unit.
        assumed: whether the range is assumed from the confidence, not stated.
    """

    path: str
    low: float
    value: float
    high: float
    unit: str
    assumed: bool

    def at(self, place: Floats) -> Floats:
        """The number at places from 0 (`low`) to 1 (`high`)."""
        if self.low > 0:
            found = self.low * (self.high / self.low) ** place
        else:
            found = self.low + (self.high - self.low) * place
        return np.asarray(np.clip(found, self.low, self.high))


def uncertain_numbers(chip: Chip) -> tuple[UncertainNumber, ...]:
    """The prices of a chip that lie in a range, in file order."""
    found = []
    for item in chip.numbers():
        number: Number = reduce(getattr, item.name.split("."), chip)  # type: ignore[assignment]
        ends = getattr(number, "range", None)
        value = _value(chip, number)
        if number.source == AXIS_SOURCE or value is None:
            continue
        factor = ASSUMED_FACTORS[number.confidence]
        low, high = ends if ends is not None else (value / factor, value * factor)
        if low < high:
            found.append(
                UncertainNumber(path=item.name, low=low, value=value, high=high, unit=number.unit, assumed=ends is None)
            )
    return tuple(found)


def _value(chip: Chip, number: Number) -> float | None:
    if isinstance(number, BarrierTimes):
        return number.of_tiles(max(number.by_tiles))
    if isinstance(number, TimeNumber):
        return chip.seconds(number)
    return number.value if isinstance(number, QuantityNumber) else None  # type: ignore[attr-defined]


@cache
def draws_of(chip: str, path: str) -> Floats:
    """(DRAWS,) places in (0, 1) of a number in its range, one in each of DRAWS equal parts, in random order.

    They depend on the names of chip and number only, so that whatever is priced on a chip shares its draws.
    """
    words = np.frombuffer(shake_256(f"{chip}\0{path}".encode()).digest(16 * DRAWS), dtype="<u8")
    order = np.argsort(np.argsort(words[:DRAWS], kind="stable"), kind="stable")
    inside = (words[DRAWS:] >> np.uint64(11)).astype(np.float64) / 2.0**53
    places = (order + inside) / DRAWS
    places.setflags(write=False)
    return np.asarray(places)


class _Scenarios:
    """Many sets of a chip's numbers at once: the file's own, each number at its ends, and the joint draws."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.numbers = uncertain_numbers(chip)
        count = len(self.numbers)
        self.count = 1 + 2 * count + DRAWS
        self.low, self.high = slice(1, 1 + count), slice(1 + count, 1 + 2 * count)
        self.draws = slice(1 + 2 * count, None)
        self.values: dict[str, Floats] = {}
        for place, number in enumerate(self.numbers):
            values = np.full(self.count, number.value)
            values[1 + place], values[1 + count + place] = number.low, number.high
            values[self.draws] = number.at(draws_of(chip.name, number.path))
            self.values[number.path] = values

    def scale(self, path: str) -> Floats:
        """(scenarios,) what a number is multiplied by; ones where it does not move."""
        values = self.values.get(path)
        return np.ones(self.count) if values is None else np.asarray(values / values[0])

    def seconds(self, path: str, number: TimeNumber | None) -> Floats:
        """(scenarios,) a time; 0 for None, which another time contains or which the chip does not separate."""
        nominal = self.chip.seconds(number)
        values = self.values.get(path, np.full(self.count, nominal or 0.0))
        return values if number is None or number.cycles is None else values / self.scale("clock")

    def priced(self) -> Chip:
        """The chip with arrays of energies and powers in place of numbers, for arithmetic that takes both."""
        return _with_values(self.chip, {path: values for path, values in self.values.items() if _is_price(path)})


def _is_price(path: str) -> bool:
    return path.startswith("energies.") or path in ("static_power", "active_core_power", "clock")


def _with_values(chip: Chip, values: Mapping[str, Floats]) -> Chip:
    groups: dict[str, dict[str, Any]] = {}
    changed: dict[str, Any] = {}
    for path, array in values.items():
        group, _, name = path.rpartition(".")
        holder = getattr(chip, group) if group else chip
        number = getattr(holder, name).model_copy(update={"value": array})
        if group:
            groups.setdefault(group, {})[name] = number
        else:
            changed[name] = number
    for group, update in groups.items():
        changed[group] = getattr(chip, group).model_copy(update=update)
    return chip.model_copy(update=changed)


def uncertainty_columns(
    execution: Execution,
    chip: Chip,
    mapping: Placement,
    operation: Operation,
    *,
    cost: Cost | None = None,
) -> dict[str, list[str] | list[float] | None]:
    """Columns of a row that say how far its energy and latency move, named as the columns of results.

    Draws have six digits. What is not known stays unknown.

    Args:
        cost: the price of this execution, chip and mapping, if it has been worked out already.

    Raises:
        InputError: as `price`.
    """
    if cost is None:
        cost = price(execution, chip, mapping, operation=operation)
    layout, usage = cost.layout, cost.usage
    cases = _Scenarios(chip)
    latency = _latency(execution, cases, cost)
    times = None if latency is None else latency.mean(axis=0)
    terms = _energies(execution, layout, cases, usage.mean(), latency, operation)
    energy = None if cost.mean.total_j is None else total([terms[name] for name in ENERGY_TERMS if name in terms])
    if energy is not None:
        energy = np.broadcast_to(energy, cases.count)
    moving = {name: term for name, term in terms.items() if term is not None and np.ptp(term) > 0}
    # Relative to its largest value, a term of one number is the same in all rows of a chip, which a file packs well.
    scales = {name: float(term.max()) for name, term in moving.items()}
    parts = None if energy is None else [term / scales[name] for name, term in moving.items()]
    return {
        "uncertain_numbers": [number.path for number in cases.numbers],
        "uncertain_low": [number.low for number in cases.numbers],
        "uncertain_value": [number.value for number in cases.numbers],
        "uncertain_high": [number.high for number in cases.numbers],
        "energy_at_low_j": _listed(energy, cases.low),
        "energy_at_high_j": _listed(energy, cases.high),
        "latency_at_low_s": _listed(times, cases.low),
        "latency_at_high_s": _listed(times, cases.high),
        "energy_draws_j": _listed(energy, cases.draws),
        "latency_draws_s": _listed(times, cases.draws),
        "uncertain_terms": None if parts is None else list(moving),
        "term_scale_j": None if parts is None else list(scales.values()),
        "term_at_low": _listed(parts, cases.low),
        "term_at_high": _listed(parts, cases.high),
        "term_draws": _listed(parts, cases.draws),
    }


def _listed(rows: Floats | list[Floats] | None, part: slice) -> list[float] | None:
    """A row over scenarios, or several one after another, rounded; None for None."""
    if rows is None:
        return None
    chosen = np.atleast_2d(rows)[:, part] if len(rows) else np.zeros((0, 0))
    return [float(f"{value:.{_DIGITS}g}") for value in chosen.reshape(-1).tolist()]


def _energies(
    execution: Execution, layout: Layout, cases: _Scenarios, usage: Usage, latency: Floats | None, operation: Operation
) -> dict[str, Floats | None]:
    """(scenarios,) or (1,) mean energy of each term."""
    tariff = tariff_of(cases.priced(), layout)
    if cases.chip.all_in:
        # An all-in number holds everything; no other is charged.
        tariff = replace(tariff, clock_w=None, active_core_w=None, static_w=None)
        return {"synaptic_operation": charges(usage, tariff, None)["synaptic_operation"]}
    columns = [None] if latency is None else list(latency.T)
    found = [on_time(execution, cases.chip, column, operation)[0] for column in columns]
    on_s = None if any(one is None for one in found) else np.array([one.mean() for one in found if one is not None])
    return charges(usage, tariff, on_s)


def _latency(execution: Execution, cases: _Scenarios, cost: Cost) -> Floats | None:
    """(B, scenarios) time of each sample; None where it is not known."""
    known = cost.latency.total_s
    if known is None:
        return None
    synchronization = cases.chip.synchronization
    if isinstance(synchronization, Timer) and cost.latency.busy_s is None:  # times not known, so ticks alone count
        tick = cases.seconds("synchronization.tick", synchronization.tick)
        return np.asarray(known[:, None] * (tick / tick[0]))
    layout, steps = cost.layout, cost.steps
    assert steps is not None  # what has a busy time has lanes
    columns, inverse = _distinct_times(cases)
    work = steps.steps
    length = _longest(work, _work_prices(cases)[:, columns])
    if isinstance(synchronization, Timer):
        tick = cases.seconds("synchronization.tick", synchronization.tick)[columns]
        if synchronization.overload == "drop":
            length[:] = tick
        else:
            length = np.maximum(1.0, np.ceil(length / tick - 1e-9)) * tick
    if isinstance(synchronization, Barrier):
        np.maximum(length, _link_times(layout, cases, work)[:, columns], out=length)
    if not isinstance(synchronization, Timer):
        length += _ways(execution, layout, cases, work, columns)
    if isinstance(synchronization, Barrier):
        assert synchronization.times is not None  # held by the latency being known
        nominal = synchronization.times.of(layout.tiles, layout.chips)
        length += (nominal * cases.scale("synchronization.times"))[columns]
        least = cases.seconds("synchronization.least_step", synchronization.least_step)[columns]
        np.maximum(length, least, out=length)
    totals = _summed(work, length)
    if not isinstance(synchronization, Barrier | Timer):
        bound = totals[:, :1]
        share = np.divide(totals, bound, out=np.ones_like(totals), where=bound > 0)
        totals = known[:, None] * share
    return np.asarray(totals[:, inverse])


def _link_times(layout: Layout, cases: _Scenarios, work: StepWork) -> Floats:
    """(U, scenarios) time that the busiest link of each step needs; 0 where the rate of links is not known."""
    network = cases.chip.network_on_chip
    if network is None or network.link_rate is None or not layout.links.size:
        return np.zeros((len(work.sent), cases.count))
    rate = network.link_rate.value * cases.scale("network_on_chip.link_rate")
    return np.asarray((work.sent @ layout.links).max(axis=1)[:, None] / rate)


def _distinct_times(cases: _Scenarios) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Scenarios to be timed, the file's own first, and which of them each scenario is: energies move no time."""
    moved = np.zeros(cases.count, dtype=bool)
    for path, values in cases.values.items():
        if not _is_price(path) or path == "clock":
            moved |= values != values[0]
    columns = np.append(0, np.flatnonzero(moved))
    inverse = np.zeros(cases.count, dtype=np.int64)
    inverse[columns] = np.arange(len(columns))
    return columns, inverse


def _work_prices(cases: _Scenarios) -> Floats:
    """(6, scenarios) times of the kinds of work, in the order of `StepWork.work`."""
    times = cases.chip.times
    return np.array([cases.seconds(f"times.{kind}", getattr(times, kind)) for kind in _KINDS])


def _longest(work: StepWork, prices: Floats) -> Floats:
    """(U, scenarios) time of the busiest core of each step."""
    steps, cores, _ = work.work.shape
    scenarios = prices.shape[1]
    used = np.flatnonzero(work.work.any(axis=(0, 1)) & prices.any(axis=1))
    found = np.zeros((steps, scenarios))
    if not len(used):
        return found
    amounts = np.ascontiguousarray(work.work[:, :, used].transpose(1, 0, 2))
    chunk = max(1, _CHUNK // scenarios)
    for first in range(0, steps, chunk):
        part = found[first : first + chunk]
        for core in range(cores):
            np.maximum(part, amounts[core, first : first + chunk] @ prices[used], out=part)
    return found


def _ways(
    execution: Execution, layout: Layout, cases: _Scenarios, work: StepWork, columns: NDArray[np.int64]
) -> Floats:
    """(U, columns) longest way of a message under way in each step."""
    times = cases.chip.times
    hop = cases.seconds("times.hop", times.hop)[columns]
    vertical = hop
    if times.hop_vertical is not None:
        vertical = cases.seconds("times.hop_vertical", times.hop_vertical)[columns]
    border = cases.seconds("times.chip_hop", times.chip_hop)[columns]
    ways = np.zeros((len(execution.slices) + 1, len(columns)))
    for source in range(len(ways)):
        target = 0 if source == 0 else execution.slices[source - 1].layer + 1
        places = layout.core[layout.placements_of(target)]
        if not len(places):
            continue
        here = np.ix_(layout.source_rows(source), places)
        route = layout.crossings[here][..., None] * border
        if times.hop is not None and layout.horizontal is not None and layout.vertical is not None:
            route = route + layout.horizontal[here][..., None] * hop + layout.vertical[here][..., None] * vertical
        ways[source] = route.max(axis=(0, 1))
    if not ways.any():
        return np.zeros((1, len(columns)))
    patterns, which = np.unique(work.sent > 0, axis=0, return_inverse=True)
    longest = np.array([ways[pattern].max(axis=0) if pattern.any() else np.zeros(len(columns)) for pattern in patterns])
    return np.asarray(longest[which.reshape(-1)])


def _summed(work: StepWork, length: Floats) -> Floats:
    """(B, scenarios) sum over the steps that each sample goes through."""
    from scipy.sparse import csr_array

    filled = work.steps > 0  # row 0 is the empty step, of which there are many
    ends = np.append(0, np.cumsum(filled.sum(axis=1)))
    shape = (len(work.steps), len(length))
    through = csr_array((np.ones(ends[-1]), work.steps[filled], ends), shape=shape)
    return np.asarray(through @ length + (~filled).sum(axis=1)[:, None] * length[0])
