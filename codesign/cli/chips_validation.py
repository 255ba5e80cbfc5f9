"""How `codesign chips validate` shows checks: on a terminal, as Markdown and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from codesign.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from codesign.hardware.description import Chip
    from codesign.hardware.validation import Check

__all__ = ["print_validation", "with_table", "write_json"]

TABLE_BEGINS = "<!-- validation table -->"
TABLE_ENDS = "<!-- end of validation table -->"


def print_validation(console: Console, chip: Chip) -> None:
    """One chip: what was recomputed, with what; what was not, and why; and all of it in one line."""
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    from codesign.hardware.validation import validate, validation_summary

    checks = validate(chip)
    console.print(f"[bold]{escape(chip.title)}[/bold] ({chip.name})")
    given = [check for check in checks if check.errors is not None]
    if given:
        table = Table(box=None, padding=(0, 1), header_style="bold")
        for column in ("measurement", "model", "measured", "error", "known", "remark"):
            figure = column in ("model", "measured", "error")
            table.add_column(column, justify="right" if figure else "left", overflow="fold")
        for check in given:
            cells = (check.measurement, _model(check, "\n"), _measured(check), _error(check, "\n"))
            table.add_row(*map(escape, (*cells, check.confidence, _remark(check))))
        console.print(table)
        for name, notes in _notes(given).items():
            console.print(Padding(f"[bold]{escape(name)}[/bold]: {escape('; '.join(notes))}", (0, 0, 0, 1)))
    lacking = _lacking(checks)
    if lacking:
        console.print(" [bold]Not recomputed[/bold]")
        for reason, names in lacking.items():
            console.print(Padding(escape(f"{' · '.join(names)}: {reason}"), (0, 0, 0, 3)))
    console.print(Padding(f"→ {validation_summary(chip).text}", (0, 0, 1, 1)))


def write_json(path: Path, checks: list[Check]) -> None:
    """Write checks as a JSON list of objects in SI units, whole or not at all. Raises InputError."""
    import json

    from codesign.files import write_atomically
    from codesign.hardware.validation import validation_json

    text = json.dumps(validation_json(checks), ensure_ascii=False, indent=1, allow_nan=False)
    write_atomically(path, (text + "\n").encode())


def with_table(path: Path, chips: list[Chip]) -> str:
    """The text of a Markdown file with the table between its two marks; the table alone where there is no file.

    Raises:
        InputError: the file cannot be read, or has no marks.
    """
    table = _markdown(chips)
    if not path.exists():
        return table
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--markdown: {path} cannot be read: {error}") from None
    begin, end = text.find(TABLE_BEGINS), text.find(TABLE_ENDS)
    if begin < 0 or end < begin:
        raise InputError(f"--markdown: {path} has no lines '{TABLE_BEGINS}' and '{TABLE_ENDS}', in this order")
    return f"{text[: begin + len(TABLE_BEGINS)]}\n\n{table}\n{text[end:]}"


def _markdown(chips: list[Chip]) -> str:
    from codesign.hardware.validation import validate, validation_summary

    parts: list[str] = []
    for chip in chips:
        checks = validate(chip)
        summary = validation_summary(chip).text
        parts.append(f"### {chip.title} (`{chip.name}`)\n\n{summary[0].upper()}{summary[1:]}.\n")
        given = [check for check in checks if check.errors is not None]
        if given:
            rows = ["| measurement | model | measured | error | known | remark |", "|---|--:|--:|--:|---|---|"]
            for check in given:
                cells = (check.measurement, _model(check, " to "), _measured(check), _error(check, " to "))
                rows.append("| " + " | ".join(map(_cell, (*cells, check.confidence, _remark(check)))) + " |")
            parts.append("\n".join(rows) + "\n")
            notes = [f"- *{name}*: {'; '.join(texts)}" for name, texts in _notes(given).items()]
            if notes:
                parts.append("\n".join(map(_cell, notes)) + "\n")
        lacking = [f"- *{' · '.join(names)}*: {reason}" for reason, names in _lacking(checks).items()]
        if lacking:
            parts.append("Not recomputed:\n\n" + "\n".join(map(_cell, lacking)) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _model(check: Check, between: str) -> str:
    from codesign.units import format_si

    assert check.model_low is not None
    assert check.model_high is not None
    low, high = format_si(check.model_low, check.unit), format_si(check.model_high, check.unit)
    return low if low == high else f"{low}{between}{high}"


def _measured(check: Check) -> str:
    from codesign.units import format_si

    return format_si(check.measured, check.unit)


def _error(check: Check, between: str) -> str:
    from codesign.hardware.validation import percent

    assert check.errors is not None
    low, high = map(percent, check.errors)
    return low if low == high else f"{low}{between}{high}"


def _remark(check: Check) -> str:
    if check.status == "fitted":
        return "fitted on this point"
    if check.status == "arithmetic":
        return "no measurement, published as arithmetic"
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


def _lacking(checks: tuple[Check, ...]) -> dict[str, list[str]]:
    """Measurements by the reason why they are not recomputed."""
    lacking: dict[str, list[str]] = {}
    for check in checks:
        if check.status == "not_recomputed":
            name = check.measurement + (f" ({check.quantity})" if check.quantity else "")
            lacking.setdefault(check.reason, []).append(name)
    return lacking
