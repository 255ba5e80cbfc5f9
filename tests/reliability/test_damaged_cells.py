"""Results files with any cell, column or fact changed: a report, or an error of the project's own."""

from __future__ import annotations

import io
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic_study import rows_on_test, study_metadata
from synthetic_sweep import loihi_row, mubrain_row, synthetic_metadata, with_ranges
from undisturbed_sweep import Undisturbed

from codesign.analysis.answers.asking import AnsweredTable
from codesign.analysis.results.columns import COLUMNS, ENTRIES
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

Change = tuple[str, pa.Table]
"""What is changed, and the table with it."""


def other_cell(cell: Any, kind: str, value: Any, way: int) -> Any:
    """What stands for a cell: a value, or of a list one of several ways to change it with that value."""
    if kind not in ENTRIES:
        return value
    entries = list(cell or ())
    if kind == "draws" and isinstance(value, float) and math.isfinite(value):
        value = min(max(value, -3e38), 3e38)  # single precision
    long = ["x" if kind == "strings" else 1] * 5000
    lengths = (None, [], entries[:-1], entries * 2, entries[::-1], long)
    return (*lengths, [value], [value] * len(entries), [value, *entries[1:]])[way]


def changed_column(table: pa.Table, draw: random.Random) -> Change:
    """With other cells in a column, in the first row with a result or in all rows, or with a column of another type."""
    position = draw.randrange(table.num_columns)
    field = table.schema.field(position)
    if draw.random() < 0.1:
        other = draw.choice([kept for kept in TYPES if kept != field.type])
        return f"{field.name}: {other}", table.set_column(position, field.name, pa.nulls(len(table), other))
    column = COLUMNS.get(field.name)
    kind = column.kind if column else "string" if pa.types.is_string(field.type) else "float"
    value, way = draw.choice(VALUES[ENTRIES.get(kind, kind)]), draw.randrange(9)
    rows = draw.choice([range(len(table)), [table["status"].to_pylist().index("ok")]])
    cells = [
        other_cell(cell, kind, value, way) if row in rows else cell
        for row, cell in enumerate(table[field.name].to_pylist())
    ]
    changed = table.set_column(position, field, pa.array(cells, field.type))
    return f"{field.name}: {value!r:.20} in way {way} in rows {list(rows)}", changed


def changed_fact(table: pa.Table, draw: random.Random) -> Change:
    """With another value in one place of the metadata."""
    content = {"": json.loads(table.schema.metadata[METADATA_KEY])}

    def places(value: Any) -> Iterator[tuple[Any, Any]]:
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, name
            if isinstance(part, (dict, list)):
                yield from places(part)

    (inside, name), value = draw.choice([*places(content)]), draw.choice(FACTS)
    inside[name] = value
    metadata = {METADATA_KEY: json.dumps(content[""]).encode()}
    return f"{name}: {value!r:.20}", table.replace_schema_metadata(metadata)


def outcome(table: pa.Table, folder: Path) -> bool:
    """Whether it was drawn, and not refused; anything else is raised."""
    path = folder / "changed.parquet"
    nullable = pa.schema([field.with_nullable(True) for field in table.schema], metadata=table.schema.metadata)
    pq.write_table(table.cast(nullable), path)
    try:
        results = AnsweredTable.of(read_results(path))
        page = render_report(results)
        print_summary(results, "report.html", str(path), PrintableConsole(file=io.StringIO()))
    except InputError:
        return False
    assert len(page) < MOST_BYTES
    return True


def check(changes: Iterable[Change], folder: Path) -> None:
    """All of them end well, some either way; all that do not are told."""
    ends: list[bool] = []
    broken: list[str] = []
    for what, table in changes:
        try:
            ends.append(outcome(table, folder))
        except Exception as error:
            broken.append(f"{what}: {error!r:.200}")
    assert not broken, "\n".join([f"{len(broken)} broken, {len(ends)} not", *broken])
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


def sample(change: Callable[[pa.Table, random.Random], Change], table: pa.Table, count: int) -> Iterator[Change]:
    draw = random.Random(0)
    return (change(table, draw) for _ in range(count))


def test_some_changes_of_results(tmp_path: Path) -> None:
    table = made_up(tmp_path, study=False)
    check([*sample(changed_column, table, 8), *sample(changed_fact, table, 2)], tmp_path)


@pytest.mark.fuzz
@pytest.mark.thorough  # would catch a value of any column that some part of the page cannot bear
def test_any_change_of_a_column(tmp_path: Path, undisturbed: Undisturbed) -> None:
    for table in (pq.read_table(undisturbed.folder / "out" / "results.parquet"), made_up(tmp_path, study=False)):
        check(sample(changed_column, table, 600), tmp_path)


@pytest.mark.fuzz
@pytest.mark.thorough  # would catch a fact of the metadata that some part of the page cannot bear
@pytest.mark.parametrize("study", [True, False])
def test_any_change_of_a_fact(tmp_path: Path, study: bool) -> None:
    check(sample(changed_fact, made_up(tmp_path, study=study), 300), tmp_path)
