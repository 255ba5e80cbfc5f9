"""Limits of a results file: the unpacked size of a Parquet file is checked before it is loaded into memory."""

from __future__ import annotations

from typing import Any

from codesign.deferred import pa, pc, pq

MOST_ROWS = 100_000
"""Most rows: as many as a sweep may have design points."""
MOST_AXES = 200
"""Most columns of a sweep's axes."""
MOST_VALUES = 200_000_000
"""Most values in cells and lists: as many as a sweep with that many points has on a chip with ten ranges."""
MOST_BYTES = 2**31
"""Most bytes of all pages when unpacked."""
MOST_TEXT = 2**28
"""Most bytes of text in all cells, and of metadata."""


def read_bounded(content: bytes) -> pa.Table:
    """The table of a Parquet file, with texts as plain strings. Raises ValueError if it exceeds the limits of a results
    file, pyarrow.ArrowException and OSError if it is not Parquet, or damaged."""
    # Not `read_table`: its threads may outlive it, hold the bytes, and abort the process at its end.
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        schema, facts = file.schema_arrow, file.metadata
        groups = map(facts.row_group, range(facts.num_row_groups))
        columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    _check("rows", facts.num_rows, MOST_ROWS)
    _check("values", sum(part.num_values for part in columns), MOST_VALUES)
    _check("bytes", sum(part.total_uncompressed_size for part in columns), MOST_BYTES)
    _check("bytes of metadata", sum(map(len, (schema.metadata or {}).values())), MOST_TEXT)
    # A text repeated in many cells is in memory only once until its repetitions are counted.
    texts = sorted({part.path_in_schema for part in columns if part.physical_type == "BYTE_ARRAY"})
    with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True, read_dictionary=texts) as file:
        table = file.read()
    _check("bytes of text", sum(_text_bytes(column) for column in table.columns), MOST_TEXT)
    return table.cast(schema)


def _check(what: str, found: int, most: int) -> None:
    if found > most:
        raise ValueError(f"must hold at most {most:,} {what}, found {found:,}")


def _text_bytes(column: Any) -> int:
    """Bytes of a column's texts, including those in lists, with repetitions."""
    total = 0
    for chunk in column.chunks:
        cells = chunk.flatten() if pa.types.is_list(chunk.type) else chunk
        if pa.types.is_dictionary(cells.type):
            total += pc.sum(pc.binary_length(cells.dictionary).take(cells.indices).cast(pa.int64())).as_py() or 0
    return total
