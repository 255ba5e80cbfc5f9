"""The results of a sweep: one row per design point, SI columns, one Parquet file. The report is a function of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from codesign.analysis.results.cells import checked_cell, wrong_cells
from codesign.analysis.results.columns import AXIS_PREFIX, COLUMNS, ENTRIES, VOLATILE_COLUMNS, Column
from codesign.analysis.results.limits import MOST_AXES, read_bounded
from codesign.analysis.results.metadata import ResultMetadata
from codesign.deferred import pa, pd, pq
from codesign.errors import InputError
from codesign.files import Location, is_url, join, printable, read_file, write_atomically
from codesign.mistakes import first_mistake
from codesign.units import plural

METADATA_KEY = b"codesign"
"""Schema metadata entry that holds a JSON object: see `ResultMetadata`."""


VOLATILE_METADATA = ("jobs", "platform")
"""Fields of the metadata that are not content: a resumed sweep reuses what the first run had to compute."""

NAMED = ("workload", "topology", "chip", "capacity", "operation", "weight_bits", "schedule", "recipe")
"""Columns that tell design points apart, besides axes."""
_SORT_KEYS = ("sweep", "workload", "chip", "capacity", "operation", "schedule")
_SORT_KEYS_LAST = ("recipe", "training_seed", "evaluation_seed", "point")
_SEEDS = ["training_seed", "evaluation_seed"]
_PIECE = 1000
"""Rows in memory as Python objects while a file is written."""
_MOST_MISTAKES = 10


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ResultTable:
    """A results file in memory; equal if all rows and the metadata are, wherever its page is.

    Attributes:
        frame: one row per design point, columns as in `COLUMNS` and then the axes. Null is NaN in float columns,
            `pd.NA` in int and bool columns (dtypes Int64 and boolean), None in all others.
        metadata: everything else.
    """

    frame: pd.DataFrame
    metadata: ResultMetadata

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultTable) and self.frame.equals(other.frame) and self.metadata == other.metadata

    def __repr__(self) -> str:
        counts = self.frame["status"].value_counts().to_dict()
        states = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
        rows, columns = self.frame.shape
        what = f"{self.metadata.workload.name}, {self.metadata.topology}"
        name, count = type(self).__name__, plural(rows, "row")
        return f"<{name} of {self.metadata.sweep}: {count} ({states}), {columns} columns; {what}>"


def write_results(path: Location, rows: Iterable[Mapping[str, Any]], metadata: ResultMetadata) -> ResultTable:
    """Write rows to one Parquet file, atomically. The same rows in any order give the same bytes.

    Returns the file's content, read back before it is written, because another process may replace it.

    Rows are consumed piece by piece, keeping a few kilobytes of each.

    Args:
        path: the file, a path or a URL; missing folders are made.
        rows: one mapping per design point, from column name to value. A nullable column may be left out. Unknown
            numbers are None, never NaN. `axis.<name>` columns hold strings or numbers.
        metadata: stored under METADATA_KEY.

    Raises:
        ValueError: a column is unknown, a required value is missing, or a value has the wrong type.
        InputError: a column does not allow a value, or the place cannot be written.
    """
    remaining, pieces = iter(rows), [_arrow_table([], COLUMNS)]
    by_axis: list[dict[str, Any]] = []
    while piece := list(itertools.islice(remaining, _PIECE)):
        others = [{name: row[name] for name in row if name not in COLUMNS} for row in piece]
        for number, names in enumerate(others, start=len(by_axis)):
            unknown = sorted(name for name in names if not name.startswith(AXIS_PREFIX))
            if unknown:
                raise ValueError(f"row {number}: unknown column {', '.join(unknown)}")
        pieces.append(_arrow_table(piece, COLUMNS))
        by_axis += others
    axes = _axis_columns(by_axis)
    columns = {**COLUMNS, **axes}
    fields = [pa.field(name, _arrow_type(column.kind), nullable=column.nullable) for name, column in columns.items()]
    schema = pa.schema(fields, metadata={METADATA_KEY: metadata.to_json().encode()})
    arrays = [*pa.concat_tables(pieces).combine_chunks().columns, *_arrow_table(by_axis, axes).columns]
    table = pa.Table.from_arrays(arrays, schema=schema)
    keys = list(zip(*(table[name].to_pylist() for name in (*_SORT_KEYS, *axes, *_SORT_KEYS_LAST)), strict=True))
    order = sorted(range(len(keys)), key=lambda row: [(cell is not None, cell) for cell in keys[row]])
    table = table.take(pa.array(order, type=pa.int64())).combine_chunks()
    content = parquet_bytes(table)
    written = _decoded(content, printable(path))
    write_atomically(path, content)
    return written


def parquet_bytes(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def frame_of(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Columns of rows in memory, as in `ResultTable.frame`; a row may lack any of them. Raises ValueError for a value
    of the wrong type."""
    rows = list(rows)
    axes = _axis_columns(rows)
    return _to_frame(_arrow_table(rows, {name: axes[name] if name in axes else COLUMNS[name] for name in names}))


def _arrow_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column]) -> Any:
    return pa.table(
        {
            name: pa.array([checked_cell(name, column, row.get(name)) for row in rows], type=_arrow_type(column.kind))
            for name, column in columns.items()
        }
    )


def results_file(location: Location) -> Location:
    """The results file at a location: the location itself, or `results.parquet` in it if it is a folder, or a URL that
    does not end in `.parquet`."""
    named = str(location).partition("?")[0].endswith(".parquet")
    folder = not named if is_url(location) else os.path.isdir(location)
    return join(location, "results.parquet") if folder else location


def read_results(location: Location) -> ResultTable:
    """Read a results file, given by itself or its folder, at a path or URL; missing nullable columns become nulls.
    Raises InputError if it is no location, or is missing, damaged or too large, or has an invalid value, a row twice,
    or rows of several sweeps."""
    if not isinstance(location, (str, os.PathLike)):
        told = f"must be one file or folder, found {type(location).__name__}"
        raise InputError(f"location: {told}; to compare two sweeps, put both into one sweep file")
    path = results_file(location)
    place, content = printable(path), read_file(path)
    if content is None:
        told = "a sweep or study writes its results when it ends, to reports/NAME if not told otherwise"
        raise InputError(f"{place}: there is no such file; {told}")
    table = _decoded(content, place)
    if len(sweeps := table.frame["sweep"].unique()) > 1:
        one, other = sweeps[:2]
        raise InputError(f"{place}: has rows of '{one}' and '{other}'; results of several sweeps cannot be read as one")
    refuse_twice(table.frame, place)
    return table


def refuse_twice(frame: pd.DataFrame, place: str) -> None:
    """Raise InputError if a design point has a seed twice, as in concatenated results: rows must not be averaged."""
    axes = [name for name in map(str, frame) if name.startswith(AXIS_PREFIX)]
    again = frame[frame.duplicated([*NAMED, *axes, *_SEEDS])]
    if len(again):
        row = ", ".join(f"{name} {again.iloc[0][name]}" for name in ("chip", "schedule", "recipe", *_SEEDS))
        raise InputError(f"{place}: has a design point twice ({row}); results of several sweeps cannot be read as one")


def _decoded(content: bytes, place: str) -> ResultTable:
    try:
        table = read_bounded(content)
        metadata = _metadata_of(table)
        completed, columns = _completed(table)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{place}: is not a Parquet file, or is truncated ({reason})") from error
    except ValueError as error:
        raise InputError(f"{place}: {error}") from error
    wrong = wrong_cells(completed, columns)
    if told := list(itertools.islice(wrong, _MOST_MISTAKES)):
        more = ["there is more of the kind"] if next(wrong, None) else []
        raise InputError("\n".join(f"{place}: {mistake}" for mistake in (*told, *more)))
    return ResultTable(frame=_to_frame(completed), metadata=metadata)


def _metadata_of(table: Any) -> ResultMetadata:
    text = (table.schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ValueError(f"is a Parquet file, but not from codesign: its metadata lacks {METADATA_KEY!r}")
    try:
        return ResultMetadata.from_json(text)
    except ValueError as error:
        reason = ": ".join(filter(None, first_mistake(error))) if isinstance(error, ValidationError) else str(error)
        what = "its metadata is damaged or from another version of codesign"
        raise ValueError(f"{what}; run its sweep again ({reason})") from error


def contents_equal(a: ResultTable, b: ResultTable) -> bool:
    """Whether two results files have the same content, ignoring wall times and what was reused."""
    facts_a, facts_b = asdict(a.metadata), asdict(b.metadata)
    for name in VOLATILE_METADATA:
        del facts_a[name], facts_b[name]
    kept = [[name for name in table.frame.columns if name not in VOLATILE_COLUMNS] for table in (a, b)]
    try:
        pd.testing.assert_frame_equal(a.frame[kept[0]], b.frame[kept[1]], check_exact=True)
    except AssertionError:
        return False
    return facts_a == facts_b


def _axis_columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    texts: dict[str, set[bool]] = {}
    for row in rows:
        for name, value in row.items():
            if name.startswith(AXIS_PREFIX):
                texts.setdefault(name, set()).update([isinstance(value, str)] if value is not None else ())
    for name, kinds in texts.items():
        if len(kinds) > 1:
            raise ValueError(f"{name}: an axis holds strings or numbers, found both")
    return {name: _axis(text=True in texts[name]) for name in sorted(texts)}


def _axis(*, text: bool) -> Column:
    return Column(kind="string" if text else "float", meaning="axis of the sweep", longest=1000)


def _arrow_type(kind: str) -> Any:
    if kind in ENTRIES:
        return pa.list_(pa.float32() if kind == "draws" else _arrow_type(ENTRIES[kind]))
    return {"string": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}[kind]


def _completed(table: Any) -> tuple[Any, Mapping[str, Column]]:
    """The Arrow table with exactly the columns of `COLUMNS`, followed by the axes; and the definitions of these
    columns."""
    types = dict(zip(table.column_names, table.schema.types, strict=True))
    if len(types) < len(table.column_names):
        raise ValueError("has a column twice")
    unknown = [name for name in types if name not in COLUMNS and not name.startswith(AXIS_PREFIX)]
    if unknown:
        raise ValueError(f"unknown column {', '.join(unknown)}; was it written by another version of codesign?")
    of_axes = {name: kind for name, kind in types.items() if name not in COLUMNS}
    if len(of_axes) > MOST_AXES:
        raise ValueError(f"must have at most {MOST_AXES} axes, found {len(of_axes)}")
    axes = {name: _axis(text=pa.types.is_string(kind)) for name, kind in of_axes.items()}
    columns, arrays = {**COLUMNS, **axes}, {}
    for name, column in columns.items():
        expected = _arrow_type(column.kind)
        if name not in types:
            if not column.nullable:
                raise ValueError(f"lacks the required column {name}")
            arrays[name] = pa.nulls(len(table), expected)
        elif types[name] != expected:
            raise ValueError(f"column {name}: must be {expected}, found {types[name]}")
        elif not column.nullable and table[name].null_count:
            raise ValueError(f"column {name}: must have a value in every row")
        else:
            arrays[name] = table[name]
    return pa.table(arrays), columns


def _to_frame(table: Any) -> pd.DataFrame:
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): None}
    frame: pd.DataFrame = table.to_pandas(types_mapper=lambda kind: nullable.get(kind))
    texts = [name for name in frame.columns if pa.types.is_string(table.schema.field(name).type)]
    # Plain objects with None: pandas' string dtypes differ between versions in how they represent null.
    objects = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in texts}
    return frame.assign(**objects)


def is_known(value: Any) -> bool:
    """Whether a cell of a results frame is not null."""
    return value is not None and value is not pd.NA and (not isinstance(value, float) or value == value)


def plain_rows(frame: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    """Rows of a results frame as plain Python values, None for null."""
    nulls = (zip(frame[name].tolist(), frame[name].isna(), strict=True) for name in frame)
    return zip(*([None if null else cell for cell, null in cells] for cells in nulls), strict=True)
