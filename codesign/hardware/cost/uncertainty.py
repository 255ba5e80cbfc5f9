"""How far energy and latency move when a chip's numbers move within their ranges.

Every price of a chip that is not measured lies in a range: the `range` of its file, or else value / factor to
value · factor with the factor of its confidence (`ASSUMED_FACTORS`, an assumption). Within a range numbers are
log-uniform, or uniform where the range begins at 0. The times of a barrier's table move together. Numbers that an axis
of a sweep sets are what the sweep asks about, so they do not move; neither do lanes and what changes spikes.

The model itself is off too, by what `Chip.model_error` says: each draw multiplies all energies by one factor and all
times by another, log-normal around 1 (`model.energy`, `model.latency`).

Energies and the times of chips that synchronize are exact in every draw. Chips without synchronization are
replayed once, and the replay scales with its stepwise bound: that is exact where one time matters, or all in one
proportion, and close to it elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from codesign.arguments import instance
from codesign.arrays import Floats
from codesign.hardware.chip.barriers import BarrierTimes
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.numbers import Number, QuantityNumber, TimeNumber
from codesign.hardware.chip.prices import Prices, number_at
from codesign.hardware.chip.provenance import AXIS_SOURCE, ends_of
from codesign.hardware.cost.cost import Cost, mean_terms
from codesign.hardware.cost.energy import total_in
from codesign.hardware.draws import DRAWS, draws_of, errors_at
from codesign.hardware.terms import MODEL

_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class UncertainNumber:
    """A number and where it may lie, in SI units; times in cycles are in seconds at the file's clock.

    Attributes:
        path: as in the file, such as `energies.synaptic_operation`; or `model.energy`, `model.latency`.
        low, value, high: the range and the number in it; of a barrier's table, the time for the most tiles; of the
            model's factors one standard deviation either way.
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
        """The number at places from 0 to 1: from `low` to `high`, or of the model's factors as a normal quantile."""
        if self.path.startswith(MODEL):
            return errors_at(self.high, place)
        if self.low > 0:
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        return np.asarray(np.clip(value, self.low, self.high))


def uncertain_numbers(chip: Chip) -> tuple[UncertainNumber, ...]:
    """The prices of a chip that lie in a range, in the order of the fields, and what the model may be off by."""
    instance("chip", chip, Chip)
    uncertain = []
    for path, number in chip.numbers().items():
        value = value_of(chip, number)
        if number.source == AXIS_SOURCE or value is None:
            continue
        (low, high), assumed = ends_of(number, value), getattr(number, "range", None) is None
        if low < high:
            uncertain.append(
                UncertainNumber(path=path, low=low, value=value, high=high, unit=number.unit, assumed=assumed)
            )
    for name in () if chip.model_error is None else ("energy", "latency"):
        factor = getattr(chip.model_error, name)
        if factor > 1:
            uncertain.append(
                UncertainNumber(path=MODEL + name, low=1 / factor, value=1.0, high=factor, unit="", assumed=False)
            )
    return tuple(uncertain)


def value_of(chip: Chip, number: Number) -> float | None:
    """An energy, power, time or rate in SI units, of a barrier's table the time for the most tiles; None for others."""
    if isinstance(number, BarrierTimes):
        return number.of(max(number.by_tiles))
    if isinstance(number, TimeNumber):
        return chip.seconds(number)
    return number.value if isinstance(number, QuantityNumber) else None  # type: ignore[attr-defined]


def as_varied(own: Prices, path: str, values: Floats) -> tuple[str, Floats]:
    """Values of one of a chip's numbers, in SI units, as `Prices.varied` has them: under which path, and what. The
    times of a barrier's table move together, and a time in cycles stays one."""
    number = number_at(own.chip, path)
    now = None if number is None else value_of(own.chip, number)
    if now and isinstance(number, BarrierTimes):
        return path, values / now * own.barrier()
    if now and isinstance(number, TimeNumber) and number.cycles:
        return f"{path}.cycles", values / now * number.cycles
    return path, values


class _Scenarios:
    """Many sets of a chip's numbers at once: the file's own, each number at its ends, and the joint draws. `energy` and
    `latency` are (count,) factors of the model itself."""

    def __init__(self, own: Prices) -> None:
        # neither energy nor time depends on the area
        self.numbers = [number for number in uncertain_numbers(own.chip) if number.path != "area"]
        count = len(self.numbers)
        self.count = 1 + 2 * count + DRAWS
        self.low, self.high = slice(1, 1 + count), slice(1 + count, 1 + 2 * count)
        self.draws = slice(1 + 2 * count, None)
        varied: dict[str, Floats] = {}
        for place, number in enumerate(self.numbers):
            values = np.full(self.count, number.value)
            values[1 + place], values[1 + count + place] = number.low, number.high
            values[self.draws] = number.at(draws_of(own.chip.name, number.path))
            path, values = as_varied(own, number.path, values)
            varied[path] = values
        self.energy = varied.pop(f"{MODEL}energy", np.ones(self.count))
        self.latency = varied.pop(f"{MODEL}latency", np.ones(self.count))
        self.prices = replace(own, varied=varied)


def uncertainty_columns(cost: Cost) -> dict[str, list[str] | list[float] | float | None]:
    """Columns of a row that say how far its energy and latency move, named as the columns of results. Draws have six
    digits. What is not known stays unknown."""
    placement = cost.counted.placement
    cases = _Scenarios(placement.prices)
    terms_j, latency_s = mean_terms(cost, cases.prices)
    board = total_in("board", terms_j, cases.prices.core_share)
    energy = None if board is None else board * cases.energy
    latency = None if latency_s is None else latency_s * cases.latency
    terms = {name: term * cases.energy for name, term in terms_j.items() if term is not None}
    moving = {name: term for name, term in terms.items() if np.ptp(term) > 0}
    # Relative to its largest value, a term of one number is the same in all rows of a chip, which a file packs well.
    scales = {name: float(term.max()) for name, term in moving.items()}
    parts = None if energy is None else [term / scales[name] for name, term in moving.items()]
    areas = ((of.low / of.value, of.high / of.value) for of in uncertain_numbers(placement.chip) if of.path == "area")
    area_m2, ends = placement.area_m2, next(areas, (1.0, 1.0))
    return {
        "area_low_m2": None if area_m2 is None else area_m2 * ends[0],
        "area_high_m2": None if area_m2 is None else area_m2 * ends[1],
        "uncertain_numbers": [number.path for number in cases.numbers],
        "uncertain_low": [number.low for number in cases.numbers],
        "uncertain_value": [number.value for number in cases.numbers],
        "uncertain_high": [number.high for number in cases.numbers],
        "energy_at_low_j": _listed(energy, cases.low),
        "energy_at_high_j": _listed(energy, cases.high),
        "latency_at_low_s": _listed(latency, cases.low),
        "latency_at_high_s": _listed(latency, cases.high),
        "energy_draws_j": _listed(energy, cases.draws),
        "latency_draws_s": _listed(latency, cases.draws),
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
    return rounded(np.atleast_2d(rows)[:, part] if len(rows) else np.zeros((0, 0)))


def rounded(values: Floats) -> list[float]:
    """Values one after another, with six digits."""
    return [float(f"{value:.{_DIGITS}g}") for value in values.reshape(-1).tolist()]
