"""How `codesign chips validate` shows checks: as Markdown, in a file or drawn on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from codesign.errors import InputError
from codesign.files import read_file
from codesign.hardware.description import Chip
from codesign.hardware.structure_fit import StructureQuantity, predictions, typical_factor
from codesign.hardware.validation import Check, validate, validation_summary
from codesign.relative_error import percent, typical_error
from codesign.units import format_si

SUMMARY_BEGINS = "<!-- validation summary -->"
SUMMARY_ENDS = "<!-- end of validation summary -->"
TABLE_BEGINS = "<!-- validation table -->"
TABLE_ENDS = "<!-- end of validation table -->"


def print_validation(console: Console, chip: Chip) -> None:
    """One chip: all of it in one line, what was recomputed, with what; what was not, and why."""
    console.print(Markdown(_markdown(chip), hyperlinks=False))
    console.print()


def print_structure(console: Console, chips: Iterable[Chip]) -> None:
    """What the structures of chips predict, each left out once; nothing where fewer than three state theirs."""
    if table := _structure(list(chips)):
        console.print(Markdown(table, hyperlinks=False))
        console.print()


def with_table(path: Path, chips: Iterable[Chip]) -> str:
    """The text of a Markdown file with the table between its two marks, and above it the summary of all chips between
    its own, if it has them; the table alone where there is no file.

    Raises:
        InputError: the file cannot be read, or has no marks.
    """
    chips = list(chips)
    table = "\n".join([*map(_markdown, chips), *([structure] if (structure := _structure(chips)) else [])])
    content = read_file(path)
    if content is None:
        return table
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"--markdown: {path} cannot be read: {error}") from None
    with_one = _between(text, TABLE_BEGINS, TABLE_ENDS, table)
    if with_one is None:
        raise InputError(f"--markdown: {path} has no lines '{TABLE_BEGINS}' and '{TABLE_ENDS}', in this order")
    return _between(with_one, SUMMARY_BEGINS, SUMMARY_ENDS, library_summary(chips)) or with_one


def _between(text: str, begins: str, ends: str, inside: str) -> str | None:
    """A text with something else between two marks; None where it does not have them in this order."""
    begin, end = text.find(begins), text.find(ends)
    if begin < 0 or end < begin:
        return None
    return f"{text[: begin + len(begins)]}\n\n{inside}\n{text[end:]}"


def library_summary(chips: Iterable[Chip]) -> str:
    """Errors of all chips together, fitted points apart, and the bounds that measurements contradict, as Markdown."""
    checks = [check for chip in chips for check in validate(chip) if check.quantity is not None]
    rows = ["| | quantities | median error | worst |", "|---|--:|--:|---|"]
    for status, words in (("recomputed", "recomputed"), ("fitted", "fitted on this point")):
        errors = {check: abs(check.error) for check in checks if check.status == status and check.error is not None}
        if errors:
            middle = typical_error(errors.values())
            rows.append(f"| {words} | {len(errors)} | {middle} | {_named(max(errors, key=errors.__getitem__))} |")
    bounds = [check for check in checks if check.status == "bound"]
    missed = [check for check in bounds if check.bound_holds is False]
    rest = sum(check.status in ("arithmetic", "not_recomputed") for check in checks)
    parts = ["\n".join(rows) + "\n"]
    parts.append(
        f"{len(missed)} of {len(bounds)} bounds contradicted{' (below)' if missed else ''}; {rest} quantities are not "
        "recomputed, or are calculations themselves.\n"
    )
    if missed:
        parts.append("\n".join(f"- {_named(check)}: {_cell(check.not_modelled)}" for check in missed) + "\n")
    return "\n".join(parts)


def _named(check: Check) -> str:
    assert check.error is not None
    return f"{percent(check.error)}, *{_cell(check.measurement)}* (`{check.chip}`)"


def _markdown(chip: Chip) -> str:
    checks = validate(chip)
    summary = validation_summary(chip)
    parts = [f"### {chip.title} (`{chip.name}`)\n\n{summary[0].upper()}{summary[1:]}.\n"]
    recomputed = [check for check in checks if check.errors is not None]
    if recomputed:
        rows = ["| measurement | model | measured | error | known | remark |", "|---|--:|--:|--:|---|---|"]
        rows += ["| " + " | ".join(map(_cell, _cells(check))) + " |" for check in recomputed]
        parts.append("\n".join(rows) + "\n")
        notes = [_cell(f"- *{names}*: {'; '.join(notes)}") for names, notes in _notes(recomputed).items()]
        if notes:
            parts.append("\n".join(notes) + "\n")
    reasons = [_cell(f"- *{' · '.join(names)}*: {reason}") for reason, names in _not_recomputed(checks).items()]
    if reasons:
        parts.append("Not recomputed:\n\n" + "\n".join(reasons) + "\n")
    return "\n".join(parts)


def _structure(chips: list[Chip]) -> str:
    """Energy of an operation and area of each chip, predicted with the factor that all others give."""
    quantities: tuple[tuple[StructureQuantity, str, str], ...] = (
        ("energy", "energy of an operation", "J"),
        ("area", "area", "m²"),
    )
    parts = ["### Structure: predicted beside published, left out one at a time\n"]
    for quantity, label, unit in quantities:
        found = predictions(chips, quantity)
        if len(found) < 3:
            return ""
        rows = [f"| {label} | published | predicted | ratio |", "|---|--:|--:|--:|"]
        for one in found:
            name = f"`{one.chip}`{', all-in' if one.all_in else ''}"
            values = (_amount(value, unit) for value in (one.published, one.predicted))
            rows.append(f"| {name} | {' | '.join(values)} | {one.ratio:.2f} |")
        worst = max(found, key=lambda one: abs(math.log(one.ratio)))
        typical = typical_factor([(one.predicted, one.published) for one in found])
        without = typical_factor([(one.mean, one.published) for one in found])
        parts.append("\n".join(rows) + "\n")
        parts.append(
            f"{label.capitalize()} of {len(found)} chips: off by a factor of {typical:.2f} in the geometric mean, most "
            f"for `{worst.chip}`, by {max(worst.ratio, 1 / worst.ratio):.2g}. Without a model, guessing the mean of "
            f"the others: {without:.2g}.\n"
        )
    return "\n".join(parts)


def _amount(value: float, unit: str) -> str:
    return f"{value * 1e6:.3g} mm²" if unit == "m²" else format_si(value, unit, 3)


def _cell(text: str) -> str:
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
