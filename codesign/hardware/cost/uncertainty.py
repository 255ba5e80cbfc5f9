"""How energy and latency change when a chip's numbers vary within their ranges, and with the model's own error.

docs/design.md (Robustness) says what varies and how. The times of a barrier's table vary together. Numbers set by an
axis of a sweep are what the sweep asks about, so they do not vary; neither do lanes and anything that changes spikes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

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
    """A number and its range, in SI units; times in cycles are converted to seconds at the file's clock.

    Attributes:
        path: path in the file, such as `energies.synaptic_operation`; or `model.energy`, `model.latency`.
        low, value, high: the range and the number in it; for a barrier's table, the time for the most tiles; for the
            model's factors, one standard deviation in each direction.
        unit: SI unit.
        assumed: whether the range is assumed from the confidence instead of stated.
    """

    path: str
    low: float
    value: float
    high: float
    unit: str
    assumed: bool

    def at(self, place: Floats) -> Floats:
        """The number at positions from 0 to 1: from `low` to `high` or, for the model's factors, a normal quantile."""
        if self.path.startswith(MODEL):
            return errors_at(self.high, place)
        if self.low > 0:
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        return np.asarray(np.clip(value, self.low, self.high))


def uncertain_numbers(chip: Chip) -> tuple[UncertainNumber, ...]:
    """The prices of a chip that have a range, in the order of the fields, and the model's factors."""
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


def value_of(chip: Chip, number: Number | None) -> float | None:
    """An energy, power, time or rate in SI units (for a barrier's table, the time for the most tiles); None for other
    numbers."""
    if isinstance(number, BarrierTimes):
        return number.of(max(number.by_tiles))
    if isinstance(number, TimeNumber):
        return chip.seconds(number)
    return number.value if isinstance(number, QuantityNumber) else None  # type: ignore[attr-defined]


def varied_prices(own: Prices, numbers: Mapping[str, Floats]) -> Prices:
    """A chip's prices with some of its numbers, by path, replaced by those of n scenarios in SI units. The times of a
    barrier's table vary together, and a time in cycles stays one."""
    varied: dict[str, Floats] = {}
    for path, values in numbers.items():
        number = number_at(own.chip, path)
        now = value_of(own.chip, number)
        if now and isinstance(number, BarrierTimes):
            varied[path] = values / now * own.barrier()
        elif now and isinstance(number, TimeNumber) and number.cycles:
            varied[f"{path}.cycles"] = values / now * number.cycles
        else:
            varied[path] = values
    return replace(own, varied=varied)


def _scenarios(chip: Chip, numbers: Sequence[UncertainNumber]) -> dict[str, Floats]:
    """Values of n numbers by path: those of the file, then with each number at its low end, each at its high end, then
    the joint draws."""
    count, scenarios = len(numbers), {}
    for place, number in enumerate(numbers, start=1):
        values = np.full(1 + 2 * count, number.value)
        values[place], values[count + place] = number.low, number.high
        scenarios[number.path] = np.append(values, number.at(draws_of(chip.name, number.path)))
    return scenarios


def uncertainty_columns(cost: Cost) -> dict[str, list[str] | list[float] | float | None]:
    """Columns of a row on how its energy and latency vary, by the names of results' columns. Draws have six digits.
    What is unknown stays unknown."""
    prices, area_m2 = cost.counted.placement.prices, cost.counted.placement.area_m2
    uncertain = uncertain_numbers(prices.chip)
    numbers = [number for number in uncertain if number.path != "area"]  # neither energy nor time depends on it
    ends, scenarios = 1 + 2 * len(numbers), _scenarios(prices.chip, numbers)
    at_low, at_high, draws = slice(1, 1 + len(numbers)), slice(1 + len(numbers), ends), slice(ends, None)
    exact = np.ones(ends + DRAWS)
    energy_error, latency_error = (scenarios.pop(MODEL + of, exact) for of in ("energy", "latency"))
    terms_j, times = mean_terms(cost, varied_prices(prices, scenarios))
    board = total_in("board", terms_j, prices.core_share)
    energy = None if board is None else board * energy_error
    latency = None if times.latency_s is None else times.latency_s * latency_error
    on_s = None if times.on_s is None else np.broadcast_to(times.on_s, exact.shape)
    terms = {name: term * energy_error for name, term in terms_j.items() if term is not None}
    moving = {name: term for name, term in terms.items() if np.ptp(term) > 0}
    # Relative to its largest value, a term of one number is the same in all rows of a chip, which compresses well.
    scales = {name: float(term.max()) for name, term in moving.items()}
    parts = None if energy is None else [term / scales[name] for name, term in moving.items()]
    areas = ((area.low / area.value, area.high / area.value) for area in uncertain if area.path == "area")
    smaller, larger = next(areas, (1.0, 1.0))
    return {
        "area_low_m2": None if area_m2 is None else area_m2 * smaller,
        "area_high_m2": None if area_m2 is None else area_m2 * larger,
        "uncertain_numbers": [number.path for number in numbers],
        "uncertain_low": [number.low for number in numbers],
        "uncertain_value": [number.value for number in numbers],
        "uncertain_high": [number.high for number in numbers],
        "energy_at_low_j": _listed(energy, at_low),
        "energy_at_high_j": _listed(energy, at_high),
        "latency_at_low_s": _listed(latency, at_low),
        "latency_at_high_s": _listed(latency, at_high),
        "on_at_low_s": _listed(on_s, at_low),
        "on_at_high_s": _listed(on_s, at_high),
        "energy_draws_j": _listed(energy, draws),
        "latency_draws_s": _listed(latency, draws),
        "on_draws_s": _listed(on_s, draws),
        "uncertain_terms": None if parts is None else list(moving),
        "term_scale_j": None if parts is None else list(scales.values()),
        "term_at_low": _listed(parts, at_low),
        "term_at_high": _listed(parts, at_high),
        "term_draws": _listed(parts, draws),
    }


def _listed(rows: Floats | list[Floats] | None, part: slice) -> list[float] | None:
    """A row over scenarios, or several rows one after another, rounded; None for None."""
    return None if rows is None else rounded(np.atleast_2d(rows)[:, part])


def rounded(values: Floats) -> list[float]:
    """Values one after another, with six digits."""
    return [float(f"{value:.{_DIGITS}g}") for value in values.reshape(-1).tolist()]
