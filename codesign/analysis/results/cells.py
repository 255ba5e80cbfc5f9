"""Checks cells against the rules of `Column`: of a row before it is written, and of a results file, an Arrow table."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.results.columns import COLUMNS, ENTRIES, LARGEST, SMALLEST, Column
from codesign.arrays import Flags, Integers
from codesign.deferred import pa, pc

_SHOWN = 40
_TYPES: Mapping[str, type[Any]] = {"string": str, "bool": bool, "int": numbers.Integral, "float": numbers.Real}


def checked_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of a row as plain Python objects of their columns' kinds. Raises ValueError for an unknown column, a
    missing value that is required, and a value of the wrong type."""
    unknown = sorted(set(row) - set(COLUMNS))
    if unknown:
        raise ValueError(f"unknown column {', '.join(unknown)}")
    return {name: checked_cell(name, COLUMNS[name], value) for name, value in row.items()}


def checked_cell(name: str, column: Column, value: Any) -> Any:
    """`value` as a plain Python object of the column's kind."""
    if value is None:
        if not column.nullable:
            raise ValueError(f"{name}: must have a value in every row")
        return None
    if column.kind not in ENTRIES:
        return _checked_scalar(name, column.kind, value)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name}: must be a list, found {value!r}")
    entries = list(value)
    if set(map(type, entries)) == {float} and ENTRIES[column.kind] == "float" and all(map(math.isfinite, entries)):
        return entries  # draws, which are nearly always long lists
    return [_checked_scalar(name, ENTRIES[column.kind], entry) for entry in entries]


def _checked_scalar(name: str, kind: str, value: Any) -> Any:
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise ValueError(f"{name}: must be {kind}, found {value!r}")
    if kind == "float":
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"{name}: must be finite, found {value}; an unknown number is None")
    return value


def wrong_cells(table: pa.Table, columns: Mapping[str, Column]) -> Iterator[str]:
    """For each rule that cells of a table violate: column, first row, what it must hold and what was found."""
    lists = {name: table[name].combine_chunks() for name, column in columns.items() if column.kind in ENTRIES}
    lengths = {name: _lengths(cells) for name, cells in lists.items()}
    for name, column in columns.items():
        if name not in lists:
            cells = table[name].combine_chunks()
            yield from _wrong_values(name, column, cells, np.arange(len(cells)))
            continue
        entries, rows = lists[name].flatten(), _parents(lengths[name])
        if entries.null_count:
            yield from _mistakes(name, rows, ~_known(entries), lambda _: "must have a value in every entry")
        yield from _wrong_values(name, column, entries, rows)
        yield from _wrong_lists(name, column, lists, lengths)


def _wrong_values(name: str, column: Column, cells: Any, rows: Integers) -> Iterator[str]:
    """Mistakes: values of a column, or entries of its lists, that it does not allow."""
    known = _known(cells)
    rows, values = rows[known], cells.drop_null()
    if ENTRIES.get(column.kind, column.kind) == "string":
        wrong = _wrong_texts(column, values)
    elif column.kind == "bool":
        return
    else:
        wrong = _wrong_numbers(column, values.to_numpy(zero_copy_only=False))

    def told(at: int) -> str:
        found = values[at].as_py()
        written = repr(found) if not isinstance(found, str) or len(found) <= _SHOWN else f"{len(found):,} characters"
        return f"must be {column.allowed}, found {written}"

    yield from _mistakes(name, rows, wrong, told)


def _wrong_numbers(column: Column, numbers: NDArray[Any]) -> Flags:
    limit = float(np.finfo(numbers.dtype).max) if numbers.dtype.kind == "f" else LARGEST
    wrong = ~((max(column.least, -limit) <= numbers) & (numbers <= min(column.most, limit)))  # NaN is outside any range
    if numbers.dtype == np.float64:  # the smallest number in single precision is larger
        wrong |= (numbers != 0) & (np.abs(numbers) < SMALLEST)
    return wrong


def _wrong_texts(column: Column, values: Any) -> Flags:
    if column.words:
        allowed = pc.is_in(values, value_set=pa.array(column.words, type=values.type))
        return ~np.asarray(allowed.to_numpy(zero_copy_only=False), dtype=bool)
    lengths = pc.utf8_length(values).to_numpy(zero_copy_only=False)
    return np.asarray(lengths > column.longest)


def _wrong_lists(name: str, column: Column, lists: Mapping[str, Any], lengths: Mapping[str, Integers]) -> Iterator[str]:
    """Mistakes: lists of a column whose lengths do not match each other, or those of other columns in the same row."""
    own, rows = lengths[name], np.arange(len(lengths[name]))
    others = column.length if isinstance(column.length, tuple) else ()
    if column.length is not None:
        needed = np.prod([lengths[other] for other in others], axis=0) if others else np.full(len(own), column.length)
        known = (own >= 0) & np.all([lengths[other] >= 0 for other in others], axis=0)
        rule = f"{' · '.join(f'len({other})' for other in others)} = " if others else ""
        mismatch = known & (own != needed)
        yield from _mistakes(name, rows, mismatch, lambda at: f"must have {rule}{needed[at]} entries, found {own[at]}")
    if column.alike and (own >= 0).any():
        usual = max(int(np.bincount(own[own >= 0]).argmax()), 1)
        alike = f"must have as many entries in all rows, here {usual}"
        yield from _mistakes(name, rows, (own >= 0) & (own != usual), lambda at: f"{alike}, found {own[at]}")
    if column.ascending:
        entries, parents = lists[name].flatten().to_numpy(zero_copy_only=False), _parents(own)
        falls = (entries[1:] <= entries[:-1]) & (parents[1:] == parents[:-1])
        ascent = "must ascend, found an entry that is not above the one before it"
        yield from _mistakes(name, parents[1:], falls, lambda _: ascent)
    if other := column.not_above:
        both = (own == lengths[other]) & (own > 0)
        below, above = (lists[part].filter(both).flatten().to_numpy(zero_copy_only=False) for part in (name, other))
        parents = np.repeat(rows[both], own[both])
        limit = f"must not be above {other}"
        yield from _mistakes(name, parents, below > above, lambda at: f"{limit}, found {below[at]} above {above[at]}")


def _mistakes(name: str, rows: Integers, wrong: Flags, what: Callable[[int], str]) -> Iterator[str]:
    """A message with the rows in which cells of a column are wrong, and what is wrong with the first; none if all are
    right."""
    if wrong.any():
        found = np.unique(rows[wrong])
        more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
        yield f"column {name}, row {found[0]}{more}: {what(int(np.argmax(wrong)))}"


def _known(cells: Any) -> Flags:
    return np.asarray(cells.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _lengths(cells: Any) -> Integers:
    """Length of each list, −1 for a missing list."""
    return np.asarray(pc.list_value_length(cells).fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _parents(lengths: Integers) -> Integers:
    """The row of each entry, given the lengths of lists."""
    return np.repeat(np.arange(len(lengths)), np.maximum(lengths, 0))
