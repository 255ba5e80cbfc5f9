"""Results files with any cell, column or fact changed: a report, or an error of the project's own."""

from __future__ import annotations

import io
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic_study import rows_on_test, study_metadata
from synthetic_sweep import loihi_row, mubrain_row, synthetic_metadata, with_ranges
from undisturbed_sweep import Undisturbed

from codesign.analysis.results.columns import COLUMNS, ENTRIES
from codesign.analysis.results.formatting import MEASURES
from codesign.analysis.results.table import METADATA_KEY, read_results, write_results
from codesign.console import PrintableConsole
from codesign.errors import InputError
from codesign.reporting.html import render_report
from codesign.reporting.terminal import print_summary

pytestmark = pytest.mark.slow

MOST_BYTES = 3_000_000
"""Of the page of a file with a few rows."""
VALUES: dict[str, Sequence[Any]] = {
    "float": (None, math.nan, math.inf, -math.inf, 0.0, -1.0, 5e-324, 1e-60, 1e60, 1e308, -1e308, 1.7),
    "int": (None, 0, -1, 1, 2**63 - 1, -(2**63)),
    "string": (None, "", "x" * 100_000, "y" * 1000, "\x1b[2J\u202e", "ok", "layered", "all_in", "nan", "512-10"),
    "bool": (None, True, False),
}
FACTS = (None, "", "x" * 50_000, "random", 0, -1, 1.5, 1e308, 5e-324, 10**30, True, [], {}, [None], {"a": None})
TYPES = (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.list_(pa.float64()), pa.list_(pa.string()), pa.null())

Change = tuple[str, Callable[[], pa.Table]]
"""What is changed, and what makes the table."""


def other_cells(kind: str, cell: Any) -> Iterator[tuple[str, Any]]:
    """What a cell may be replaced with, by name; lists by lists of any length and with any entry."""
    if kind not in ENTRIES:
        yield from ((f"{value!r:.20}", value) for value in VALUES[kind])
        return
    entries = list(cell or ())
    yield from (("None", None), ("[]", []), ("shorter", entries[:-1]), ("twice", entries * 2))
    yield from (("reversed", entries[::-1]), ("long", ["x" if kind == "strings" else 1] * 5000))
    for value in VALUES[ENTRIES[kind]]:
        if kind == "draws" and isinstance(value, float) and math.isfinite(value):
            value = min(max(value, -3e38), 3e38)  # single precision
        yield f"[{value!r:.20}]", [value]
        yield f"all {value!r:.20}", [value] * len(entries)
        yield f"first {value!r:.20}", [value, *entries[1:]]


def with_cells(
    replaced: Callable[..., pa.Table], field: pa.Field, kind: str, cells: list[Any], name: str, rows: Sequence[int]
) -> pa.Table:
    """The table with the choice of that name in some rows of a column."""
    new = [dict(other_cells(kind, cell))[name] if row in rows else cell for row, cell in enumerate(cells)]
    return replaced(field, pa.array(new, field.type))


def changed_columns(table: pa.Table) -> Iterator[Change]:
    """The table with another cell in the first row with a result, or in all rows, or with a column of another type."""
    row = table["status"].to_pylist().index("ok")
    for position, field in enumerate(table.schema):
        column = COLUMNS.get(field.name)
        kind = column.kind if column else "string" if pa.types.is_string(field.type) else "float"
        cells = table[field.name].to_pylist()
        replaced = partial(table.set_column, position)
        for name, everywhere in product(dict(other_cells(kind, cells[row])), (True, False)):
            changed = range(len(cells)) if everywhere else [row]
            what = f"{field.name}: {name} in {'all rows' if everywhere else f'row {row}'}"
            yield what, partial(with_cells, replaced, field, kind, cells, name, changed)
        for kept in TYPES:
            if kept != field.type:
                yield f"{field.name}: {kept}", partial(replaced, field.name, pa.nulls(len(table), kept))


def changed_facts(table: pa.Table) -> Iterator[Change]:
    """The table with another value in one place of its metadata."""
    content = json.loads(table.schema.metadata[METADATA_KEY])

    def places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        yield path
        parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, part in parts:
            yield from places(part, (*path, name))

    for path, value in product(places(content, ()), FACTS):
        yield f"{'.'.join(map(str, path))}: {value!r:.20}", partial(with_fact, table, content, ("", *path), value)


def with_fact(table: pa.Table, content: Any, path: tuple[Any, ...], value: Any) -> pa.Table:
    new = json.loads(json.dumps({"": content}))
    inside = new
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = value
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(new[""]).encode()})


def outcome(table: pa.Table, folder: Path) -> bool:
    """Whether it was drawn, and not refused; anything else is raised."""
    path = folder / "changed.parquet"
    nullable = pa.schema([field.with_nullable(True) for field in table.schema], metadata=table.schema.metadata)
    pq.write_table(table.cast(nullable), path)
    try:
        results = read_results(path)
        page = render_report(results)
        print_summary(results, "report.html", str(path), PrintableConsole(file=io.StringIO()))
    except InputError:
        return False
    assert len(page) < MOST_BYTES
    return True


def check(changes: Sequence[Change], folder: Path) -> None:
    """All of them end well, some either way; all that do not are told."""
    ends: list[bool] = []
    broken: list[str] = []
    for what, table in changes:
        try:
            ends.append(outcome(table(), folder))
        except Exception as error:
            broken.append(f"{what}: {error!r:.200}")
    assert not broken, "\n".join([f"{len(broken)} of {len(changes)}", *broken])
    assert {True, False} == set(ends)


def made_up(folder: Path, *, study: bool) -> pa.Table:
    """Rows with a value in nearly every column."""
    ranged = with_ranges(loihi_row("layered", 0, 0), synaptic_operation=("energies.synaptic_operation", 0.5, 2.0))
    moving = {"latency_draws_s": [1e-4, 2e-4] * 64, "latency_at_low_s": [1e-4], "latency_at_high_s": [2e-4]}
    other = with_ranges(mubrain_row("layered", "random", 0, 0), synaptic_operation=("energies.spike", 0.5, 2.0))
    rows = [ranged | moving | {"axis.lanes": 4.0}, other, mubrain_row("unlayered_rs", "random", 0, 0)]
    if study:
        write_results(folder / "made_up", rows_on_test(), study_metadata())
    else:
        write_results(folder / "made_up", rows, synthetic_metadata())
    return pq.read_table(folder / "made_up")


def asking(table: pa.Table) -> pa.Table:
    """With a claim about each measure, a printed table and its settings."""
    sides = {"more": {"layered": False}, "less": {"layered": True}}
    claims = {name: {"claim": name, "column": name, **sides} for name in MEASURES}
    row = {"label": "row", "of": {}, "values": {"accuracy": 0.9}}
    printed = {"printed": "it", "columns": ["accuracy"], "rows": {"row": row}, "settings": {"epochs": 3, "train": 4}}
    facts = json.loads(table.schema.metadata[METADATA_KEY])
    changed = {**facts, "questions": {**claims, "printed": printed}}
    return table.replace_schema_metadata({METADATA_KEY: json.dumps(changed).encode()})


def sample(changes: Iterator[Change], count: int, seed: int | str = 0) -> list[Change]:
    return random.Random(seed).sample([*changes], count)


def test_some_changes_of_results(tmp_path: Path) -> None:
    table = made_up(tmp_path, study=False)
    check([*sample(changed_columns(table), 8), *sample(changed_facts(table), 2)], tmp_path)


@pytest.mark.fuzz
@pytest.mark.thorough  # would catch a value of any column that some part of the page cannot bear
def test_any_change_of_a_column(tmp_path: Path, undisturbed: Undisturbed) -> None:
    for table in (pq.read_table(undisturbed.folder / "out" / "results.parquet"), made_up(tmp_path, study=False)):
        check(sample(changed_columns(table), 600), tmp_path)


@pytest.mark.fuzz
@pytest.mark.thorough  # would catch a fact of the metadata that some part of the page cannot bear
@pytest.mark.parametrize("study", [True, False])
def test_any_change_of_a_fact(tmp_path: Path, study: bool) -> None:
    check(sample(changed_facts(made_up(tmp_path, study=study)), 300), tmp_path)


@pytest.mark.fuzz
@pytest.mark.thorough  # would catch a value that a claim, a measure or a printed table cannot bear
def test_changes_of_what_questions_read(tmp_path: Path) -> None:
    check(sample(changed_columns(asking(made_up(tmp_path, study=False))), 300), tmp_path)
