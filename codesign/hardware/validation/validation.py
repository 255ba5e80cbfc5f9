"""Published end-to-end measurements compared with what the chip's numbers give for the same workload.

There are no separate formulas here: energy is `term_energies`, time is `latency_of`, as for any simulated execution.
Nothing is tuned: errors are reported as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from codesign.arguments import instance
from codesign.hardware.chip.derivation import without_derived
from codesign.hardware.chip.description import Chip
from codesign.hardware.chip.parts import Measurement
from codesign.hardware.chip.prices import NOT_OF_TIMES
from codesign.hardware.chip.provenance import OWN
from codesign.hardware.chip.validation_models import Counts, Events, NotRecomputed, Steps
from codesign.hardware.validation.recompute import Quantity, recompute
from codesign.relative_error import farther_off, percent, typical_error
from codesign.units import format_si, plural

Status = Literal["recomputed", "fitted", "bound", "arithmetic", "not_recomputed"]
"""`recomputed`: model and measurement are independent. `fitted`: a number that the model uses was fitted on this very
measurement. `bound`: the workload is only partly known, and the model gives a bound. `arithmetic`: the published figure
is itself a calculation. `not_recomputed`: see the reason."""

_UNITS: dict[Quantity, str] = {"energy": "J", "latency": "s", "power": "W"}
_HELD = 1e-3  # a bound missed by less than the last published digit holds


@dataclass(frozen=True, kw_only=True)
class Check:
    """One quantity of one published measurement.

    Attributes:
        chip, measurement, workload, confidence, source: as in the chip's file.
        quantity, unit: `energy` in J, `latency` in s, `power` in W; None if none of them is published.
        measured: the published value, in SI units.
        model_low, model_high: the model's values, equal unless the workload is published as a range; None if not
            recomputed.
        shares: share of each term of `codesign.hardware.terms.COST_TERMS` in an energy or power, at `model_high`.
        status: see `Status`.
        bound: `lower` or `upper` if `status` is `bound`.
        overrides: chip numbers that differed in this run, as "name = value".
        fitted, fitted_on: numbers on which the quantity depends that were fitted to this measurement; remarks about
            other fits.
        not_modelled: what the model leaves out.
        reason: why it is not recomputed.
        worked: whether the chip had any work to do.
    """

    chip: str
    measurement: str
    workload: str
    confidence: str
    source: str
    quantity: Quantity | None
    unit: str
    measured: float | None
    model_low: float | None = None
    model_high: float | None = None
    shares: dict[str, float] = field(default_factory=dict, hash=False)
    status: Status
    bound: Literal["lower", "upper"] | None = None
    overrides: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    fitted_on: str = ""
    not_modelled: str = ""
    reason: str = ""
    worked: bool = False

    @property
    def run(self) -> tuple[str, str, str]:
        """What all quantities of a run have in common."""
        return self.chip, self.measurement, self.workload

    @property
    def errors(self) -> tuple[float, float] | None:
        """Relative errors (model − measured) / measured at both ends; None if not recomputed."""
        if not self.measured or self.model_low is None or self.model_high is None:
            return None
        return self.model_low / self.measured - 1.0, self.model_high / self.measured - 1.0

    @property
    def error(self) -> float | None:
        """The relative error at the end that is farther off."""
        return farther_off(self.measured, self.model_low, self.model_high)

    @property
    def bound_holds(self) -> bool | None:
        """Whether the measurement is on the right side of a bound; None if there is none."""
        if self.bound is None or self.errors is None:
            return None
        return self.errors[0] <= _HELD if self.bound == "lower" else self.errors[1] >= -_HELD


def validate(chip: Chip) -> tuple[Check, ...]:
    """Recompute every published measurement of a chip from its file, in file order. Raises InputError if an override
    does not fit the chip, or its energy the operation."""
    instance("chip", chip, Chip)
    chip = without_derived(chip)
    return tuple(check for measurement in chip.validation for check in _checks(chip, measurement))


def _checks(chip: Chip, measurement: Measurement) -> Iterable[Check]:
    facts: dict[str, Any] = {
        "chip": chip.name,
        "measurement": measurement.name,
        "workload": measurement.workload,
        "confidence": measurement.confidence,
        "source": measurement.source,
    }
    values = {quantity: getattr(measurement, quantity) for quantity in _UNITS}
    published = {quantity: value for quantity, value in values.items() if value is not None}
    model, reason = measurement.model, "the chip's file has no model of it"
    if isinstance(model, NotRecomputed):
        reason = model.reason
    elif not published:
        reason = "no energy, latency or power of a whole run is published"
    if not published:
        yield Check(**facts, quantity=None, unit="", measured=None, status="not_recomputed", reason=reason)
        return
    stated = model if isinstance(model, Counts | Steps) else None
    result = None if stated is None else recompute(chip, stated, measurement.counted)
    for quantity, value in published.items():
        facts |= {"quantity": quantity, "unit": _UNITS[quantity], "measured": value}
        ends = None if result is None else result.values.get(quantity)
        if stated is None or result is None or ends is None:
            yield Check(**facts, status="not_recomputed", reason=result.reasons[quantity] if result else reason)
            continue
        fitted = tuple(path for path in stated.fitted if quantity != "latency" or path not in NOT_OF_TIMES)
        yield Check(
            **facts,
            model_low=ends[0],
            model_high=ends[1],
            shares={} if quantity == "latency" else result.shares,
            status=_status(measurement, stated, fitted),
            bound=stated.bound,
            overrides=tuple(f"{path} = {value}" for path, value in stated.overrides.items()),
            fitted=fitted,
            fitted_on=stated.fitted_on,
            not_modelled="; ".join(part for part in (stated.not_modelled, *result.left_out) if part),
            worked=stated.events != Events(),
        )


def _status(measurement: Measurement, model: Counts | Steps, fitted: tuple[str, ...]) -> Status:
    if measurement.confidence == "derived":
        return "arithmetic"
    if fitted:
        return "fitted"
    return "recomputed" if model.bound is None else "bound"


def validation_summary(chip: Chip) -> str:
    """The result of `validate` in one line: measurements recomputed and bounded, and relative errors.

    Errors are those of quantities that are not fitted to the same point, bounds or calculations themselves; for a
    range, at the end that is farther off. Raises InputError like `validate`.
    """
    checks = [check for check in validate(chip) if check.quantity is not None]
    measurements = {check.run for check in checks}
    if not measurements:
        return f"its file has no end-to-end measurement{f'; those of {chip.extends} do not count' * bool(chip.extends)}"
    given = [check for check in checks if check.errors is not None]
    recomputed = {check.run for check in given if check.status != "bound"}
    bounds = [check for check in given if check.status == "bound"]
    bounded = {check.run for check in bounds} - recomputed
    counts = {"recomputed": len(recomputed), "bounded": len(bounded)}
    counts["not recomputed"] = len(measurements) - sum(counts.values())
    of_all = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
    kind = "published measurement" if any(check.source != OWN for check in checks) else "measurement"
    parts = [f"{plural(len(measurements), kind)}: {of_all}"]
    errors = sorted(check.error for check in given if check.status == "recomputed" and check.error is not None)
    if len(errors) == 1:
        parts.append(f"error {percent(errors[0])} (1 quantity)")
    elif errors:
        ends, median = f"{percent(errors[0])} to {percent(errors[-1])}", typical_error(errors)
        parts.append(f"errors {ends}, median {median} ({_quantities(len(errors))})")
    for status, words in (("fitted", "fitted on the same point"), ("arithmetic", "published as arithmetic")):
        if left_out := sum(check.status == status for check in given):
            parts.append(f"{_quantities(left_out)} left out, {words}")
    if bounds:
        missed = sum(check.bound_holds is False for check in bounds)
        parts.append(f"{missed} of {_quantities(len(bounds), 'bounded ')} contradicted")
    return "; ".join(parts)


def _quantities(count: int, which: str = "") -> str:
    return f"{count} {which}quantit{'y' if count == 1 else 'ies'}"


def contradictions(chip: Chip) -> tuple[str, ...]:
    """One sentence for each measurement on the wrong side of its bound. Raises InputError like `validate`."""
    sides = {"lower": "at least", "upper": "at most"}
    return tuple(
        f"{chip.title} contradicts a measurement: for '{check.measurement}' its numbers give {sides[check.bound]} "
        f"{format_si(check.model_low if check.bound == 'lower' else check.model_high, check.unit)}, "
        f"and {format_si(check.measured, check.unit)} were measured."
        for check in validate(chip)
        if check.bound is not None and check.bound_holds is False
    )
