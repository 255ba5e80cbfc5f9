"""How much a results file may hold: the unpacked size of a Parquet file is checked before it is in memory."""

from __future__ import annotations

from typing import Any

from codesign.deferred import pa, pc, pq

MOST_ROWS = 100_000
"""As many as a sweep may have design points."""
MOST_AXES = 200
"""Columns of a sweep's axes."""
MOST_VALUES = 200_000_000
"""In cells and lists; as many as a sweep of that many points has on a chip with ten numbers in a range."""
MOST_BYTES = 2**31
"""Of all pages when they are unpacked."""
MOST_TEXT = 2**28
"""Bytes of text in all cells, and bytes of metadata."""


def read_bounded(content: bytes) -> pa.Table:
    """The table of a Parquet file, with texts as plain strings. Raises ValueError where it holds more than a results
    file may, pyarrow.ArrowException and OSError where it is no Parquet, or damaged."""
    # Not `read_table`: its threads may outlive it, hold the bytes, and abort the process at its end.
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        schema, facts = file.schema_arrow, file.metadata
        groups = map(facts.row_group, range(facts.num_row_groups))
        columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    _check("rows", facts.num_rows, MOST_ROWS)
    _check("values", sum(part.num_values for part in columns), MOST_VALUES)
    _check("bytes", sum(part.total_uncompressed_size for part in columns), MOST_BYTES)
    _check("bytes of metadata", sum(map(len, (schema.metadata or {}).values())), MOST_TEXT)
    # A text that many cells repeat is held in memory once until its repetitions are counted.
    texts = sorted({part.path_in_schema for part in columns if part.physical_type == "BYTE_ARRAY"})
    with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True, read_dictionary=texts) as file:
        table = file.read()
    _check("bytes of text", sum(_text_bytes(column) for column in table.columns), MOST_TEXT)
    return table.cast(schema)


def _check(what: str, found: int, most: int) -> None:
    if found > most:
        raise ValueError(f"must hold at most {most:,} {what}, found {found:,}")


def _text_bytes(column: Any) -> int:
    """Bytes of the texts of a column, including those in its lists, if each were written out."""
    total = 0
    for chunk in column.chunks:
        cells = chunk.flatten() if pa.types.is_list(chunk.type) else chunk
        if pa.types.is_dictionary(cells.type):
            total += pc.sum(pc.binary_length(cells.dictionary).take(cells.indices).cast(pa.int64())).as_py() or 0
    return total
