"""Checks the cells of a results file, an Arrow table, against the rules of `Column`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.analysis.results.columns import ENTRIES, LARGEST, SMALLEST, Column
from codesign.arrays import Flags, Integers
from codesign.deferred import pa, pc

_SHOWN = 40


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
            yield from _told(name, rows, ~_known(entries), lambda _: "must have a value in every entry")
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

    yield from _told(name, rows, wrong, told)


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
        yield from _told(name, rows, mismatch, lambda at: f"must have {rule}{needed[at]} entries, found {own[at]}")
    if column.alike and (own >= 0).any():
        usual = max(int(np.bincount(own[own >= 0]).argmax()), 1)
        alike = f"must have as many entries in all rows, here {usual}"
        yield from _told(name, rows, (own >= 0) & (own != usual), lambda at: f"{alike}, found {own[at]}")
    if column.ascending:
        entries, parents = lists[name].flatten().to_numpy(zero_copy_only=False), _parents(own)
        falls = (entries[1:] <= entries[:-1]) & (parents[1:] == parents[:-1])
        ascent = "must ascend, found an entry that is not above the one before it"
        yield from _told(name, parents[1:], falls, lambda _: ascent)
    if other := column.not_above:
        both = (own == lengths[other]) & (own > 0)
        below, above = (lists[part].filter(both).flatten().to_numpy(zero_copy_only=False) for part in (name, other))
        parents = np.repeat(rows[both], own[both])
        limit = f"must not be above {other}"
        yield from _told(name, parents, below > above, lambda at: f"{limit}, found {below[at]} above {above[at]}")


def _told(name: str, rows: Integers, wrong: Flags, what: Callable[[int], str]) -> Iterator[str]:
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
