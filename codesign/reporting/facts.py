"""Tables of the facts behind the numbers: chips and their sources, recipes, failures, assumptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from codesign.analysis.answers.answers import Option
from codesign.analysis.comparisons.not_modelled import may_overload
from codesign.analysis.comparisons.variants import by_option
from codesign.analysis.results.formatting import UNKNOWN, listed, quantity, significant, written
from codesign.analysis.results.metadata import ChipNumber, ResultMetadata, Scalar, setting_of
from codesign.analysis.results.naming import Names, points_in_words
from codesign.analysis.results.points import Point
from codesign.analysis.results.table import ResultTable, is_known
from codesign.hardware.terms import MODEL
from codesign.relative_error import typical_error
from codesign.reporting.pieces import Table, text_table
from codesign.units import format_si

_MOST_TRUSTED = 3
"""Most chips whose errors are on the first screen."""
_VARIED = ("varied", "", UNKNOWN, UNKNOWN)
_TROUBLES = {
    "late_fraction": ("falls behind its input in real time: steps take longer than a timestep", "of its steps"),
    "overloaded_ticks": ("has ticks in which a core or a link has more to do than fits", "ticks a sample"),
}
"""The problem of a chip for which a column is above 0, and the column's unit in words, by column."""


def without_result(table: ResultTable) -> str:
    """The numbers of infeasible and failed rows, with their points if they are few: `1 infeasible: TrueNorth; 2
    failed`."""
    counts = table.frame["status"].value_counts().to_dict()
    return "; ".join(
        f"{counts[status]:,} {status}{points_in_words(table, table.frame['status'] == status)}"
        for status in ("infeasible", "failed")
        if status in counts
    )


def failure_table(table: ResultTable) -> Table:
    """Table of infeasible and failed points, counted by reason; without rows if there are none."""
    frame = table.frame[table.frame["status"] != "ok"]
    columns = ("status", "chip", "capacity", "schedule", "recipe", "topology", "reason")
    cells = frame[list(columns)].itertuples(index=False, name=None)
    counts = Counter(tuple(str(value) if is_known(value) else UNKNOWN for value in row) for row in cells)
    rows = [(*row, str(count)) for row, count in counts.items()]
    headings = ("network" if name == "topology" else name for name in columns)
    return text_table("Rows without a result, and why.", (*headings, "rows"), rows)


def chip_numbers(metadata: ResultMetadata) -> Table:
    """Table of all numbers of all chips, how they are known, and their sources. Numbers set by axes are marked as
    varied."""
    titles = _titles(metadata)
    rows = [
        (titles[name], n.name, *(_VARIED if n.name in varied_of(metadata, name) else _known(n)))
        for name, chip in sorted(metadata.chips.items())
        for n in chip.numbers
    ]
    headings = ("chip", "number", "value", "range", "known how", "source")
    return text_table("The chips' numbers.", headings, rows, "numbers")


def _titles(metadata: ResultMetadata) -> dict[str, str]:
    """Return chips' titles by name, followed by the name if several share a title, as variants of one file do."""
    counts = Counter(chip.title for chip in metadata.chips.values())
    return {n: c.title if counts[c.title] == 1 else f"{c.title}: {n}" for n, c in metadata.chips.items()}


def varied_of(metadata: ResultMetadata, chip: str) -> set[str]:
    """The settings of a chip that axes or trials vary; a study may vary a number of whichever chip a trial has."""
    return {setting_of(path, "chip", chip, metadata.chips) for path in metadata.varied}


def _known(n: ChipNumber) -> tuple[str, ...]:
    value = n.text or (UNKNOWN if n.value_si is None else format_si(n.value_si, n.unit))
    return value, _range(n), n.confidence, n.source


def _range(known: ChipNumber) -> str:
    if known.low_si is None or known.high_si is None:
        return ""
    if known.name.startswith(MODEL):
        return f"{significant(known.low_si, 2)} to {significant(known.high_si, 2)}"
    ends = f"{format_si(known.low_si, known.unit, 3)} to {format_si(known.high_si, known.unit, 3)}"
    return f"{ends}, assumed" if known.assumed_range else ends


def trust_line(metadata: ResultMetadata, options: Sequence[Option], names: Names) -> str:
    """A short text on how well measurements confirm the chips that `options` rank first, or all chips."""
    ranked = dict.fromkeys(option.point.chip for option in options if option.point is not None)
    chips = list(ranked)[:_MOST_TRUSTED] or sorted(metadata.chips)[:_MOST_TRUSTED]
    known = {names.chips.get(chip, chip): metadata.chips[chip] for chip in chips if chip in metadata.chips}
    errors = {title: chip.errors for title, chip in known.items() if chip.errors}
    off = [f"{title} by {typical_error(each)} (median of {len(each)})" for title, each in errors.items()]
    others = {title: chip for title, chip in known.items() if title not in errors}
    fitted = [title for title, chip in others.items() if chip.fitted]
    said = (
        ("Error against measurements:", off),
        ("Fitted to measurements:", fitted),
        ("Without a measurement that gives an error:", [title for title in others if title not in fitted]),
        ("Contradicted by a measurement:", [title for title, chip in known.items() if chip.contradictions]),
        ("Scaled by a model of cores: the numbers of", [title for title, c in known.items() if c.scaled]),
    )
    return " ".join(f"{what} {listed(titles)}." for what, titles in said if titles)


def settings_tables(metadata: ResultMetadata) -> list[Table]:
    """Tables of recipes, schedules and neuron, with one column per entry and one row per parameter that one of them
    has. Parameters set by axes or trials are marked as varied."""
    neuron = {"neuron": metadata.neuron} if metadata.neuron else {}
    named = {"recipe": metadata.recipes, "schedule": metadata.schedules, "neuron": neuron}
    return [_settings(block, settings, metadata.varied) for block, settings in named.items() if settings]


def _settings(block: str, named: Mapping[str, Mapping[str, Scalar]], varied: Collection[str]) -> Table:
    """A table of settings; a value that a path in `varied` sets, fully or partly, is replaced by a word."""

    def cell(owner: str, key: str) -> str:
        value = named[owner].get(key)
        paths = [setting_of(path, block, owner, named) for path in varied] if key in named[owner] else []
        if any(f"{path}.".startswith(f"{key}.") for path in paths):
            return "varied"
        return ("no", "yes")[value] if isinstance(value, bool) else written(value)

    owners = sorted(named)
    rows = []
    for key in dict.fromkeys(key for settings in named.values() for key in settings):
        values = [cell(owner, key) for owner in owners]
        if any(value != UNKNOWN for value in values):
            rows.append((key.replace("_", " ") + " (s)" * key.endswith("time_constant"), *values))
    name = block if block == "neuron" else f"{block}s"
    return text_table(f"{name.capitalize()}.", ("parameter", *owners), rows, name)


def pace_warnings(gathered: Sequence[Point], columns: Collection[str] = tuple(_TROUBLES)) -> list[str]:
    """Warnings about chips that fall behind their input, or may, or have ticks without room for their work; one
    sentence per chip and problem."""
    warnings = []
    for column in columns:
        trouble, unit = _TROUBLES[column]
        paced = [p for p in gathered if p.operation == "real_time"] if column == "late_fraction" else gathered
        known = [point for point in paced if point.value(column).mean is not None]
        for chip, members in by_option(known, lambda point: point.chip).items():
            slow = [value for point in members if (value := point.value(column).mean)]
            if slow:
                worst = f"{quantity(max(slow), column)} {unit}"
                warnings.append(f"{chip} {trouble}, at {len(slow)} of {len(members)} points, at worst {worst}.")
            elif any(may_overload(point, column) for point in members):
                warnings.append(
                    f"{chip} may fall behind its input in real time: it is not known if its ticks overload."
                )
    return warnings


def by_chip(name: str, caption: str, entries: Iterable[tuple[str, str]]) -> Table:
    """A table of sentences about chips, given as pairs of chip and sentence: each sentence once, with all its chips."""
    chips: dict[str, list[str]] = {}
    for chip, entry in dict.fromkeys(entries):
        chips.setdefault(entry, []).append(chip)
    rows = sorted((listed(sorted(set(names))), entry) for entry, names in chips.items())
    return text_table(caption, ("chip", "what"), rows, name)
