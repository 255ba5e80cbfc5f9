"""What `codesign chips validate` shows, as Markdown."""

from __future__ import annotations

from codesign.hardware.chip.description import Chip
from codesign.hardware.validation.validation import Check, validate, validation_summary
from codesign.relative_error import percent
from codesign.units import format_si


def validation_markdown(chip: Chip) -> str:
    """One chip: all of it in one line, what was recomputed, with what; what was not, and why."""
    checks = validate(chip)
    summary = validation_summary(chip)
    parts = [f"### {chip.title} (`{chip.name}`)\n\n{summary[0].upper()}{summary[1:]}.\n"]
    recomputed = [check for check in checks if check.errors is not None]
    if recomputed:
        rows = ["| measurement | model | measured | error | known | remark |", "|---|--:|--:|--:|---|---|"]
        rows += ["| " + " | ".join(map(cell, _cells(check))) + " |" for check in recomputed]
        parts.append("\n".join(rows) + "\n")
        notes = [cell(f"- *{names}*: {'; '.join(notes)}") for names, notes in _notes(recomputed).items()]
        if notes:
            parts.append("\n".join(notes) + "\n")
    reasons = [cell(f"- *{' · '.join(names)}*: {reason}") for reason, names in _not_recomputed(checks).items()]
    if reasons:
        parts.append("Not recomputed:\n\n" + "\n".join(reasons) + "\n")
    return "\n".join(parts)


def cell(text: str) -> str:
    """A text as a cell of a table."""
    return text.replace("|", "\\|")


def _cells(check: Check) -> tuple[str, ...]:
    assert check.errors is not None
    assert check.model_low is not None
    assert check.model_high is not None
    model = _range(format_si(check.model_low, check.unit), format_si(check.model_high, check.unit))
    error = _range(*map(percent, check.errors))
    return check.measurement, model, format_si(check.measured, check.unit), error, check.confidence, _remark(check)


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _remark(check: Check) -> str:
    if check.status == "fitted":
        return "fitted on this point"
    if check.status == "arithmetic":
        return "not a measurement, published as arithmetic"
    if check.status == "bound":
        return f"{check.bound} bound: {'holds' if check.bound_holds else 'contradicted'}"
    return ""


def _notes(checks: list[Check]) -> dict[str, list[str]]:
    """Overrides, fits and what is left out, by measurement; measurements with the same notes together."""
    names: dict[tuple[str, ...], list[str]] = {}
    for check in checks:
        notes = [f"with {', '.join(check.overrides)}"] if check.overrides else []
        if check.fitted:
            notes.append(f"{', '.join(check.fitted)} fitted on this point")
        notes += [check.fitted_on] if check.fitted_on else []
        notes += [check.not_modelled] if check.not_modelled else []
        if notes and check.measurement not in names.setdefault(tuple(notes), []):
            names[tuple(notes)].append(check.measurement)
    return {" · ".join(name): list(notes) for notes, name in names.items()}


def _not_recomputed(checks: tuple[Check, ...]) -> dict[str, list[str]]:
    """Measurements by the reason why they are not recomputed."""
    names: dict[str, list[str]] = {}
    for check in checks:
        if check.status == "not_recomputed":
            name = check.measurement + (f" ({check.quantity})" if check.quantity else "")
            names.setdefault(check.reason, []).append(name)
    return names
