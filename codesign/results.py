"""The results of a sweep: one row a design point, SI columns, one Parquet file. The report is a function of it."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from codesign.errors import InputError
from codesign.files import Location, printable, read_file, write_atomically
from codesign.metadata import (
    AxisFacts,
    ChipFacts,
    ChipNumber,
    JobCounts,
    Objective,
    ResultMetadata,
    ValidationFacts,
    WorkloadFacts,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AXIS_PREFIX",
    "COLUMNS",
    "METADATA_KEY",
    "VOLATILE_COLUMNS",
    "VOLATILE_METADATA",
    "AxisFacts",
    "ChipFacts",
    "ChipNumber",
    "Column",
    "JobCounts",
    "Objective",
    "ResultMetadata",
    "ResultTable",
    "ValidationFacts",
    "WorkloadFacts",
    "checked_cells",
    "contents_equal",
    "read_results",
    "write_results",
]

Kind = Literal["string", "int", "float", "bool", "strings", "ints", "floats", "draws"]

AXIS_PREFIX = "axis."
"""Columns of a sweep's axes begin with it."""

METADATA_KEY = b"codesign"
"""Schema metadata entry that holds a JSON object: see `ResultMetadata`."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its type, its unit ("" for none), whether results may lack it, and what it says.

    `draws` are floats in single precision: there are many, and more digits would say nothing.
    """

    kind: Kind
    unit: str = ""
    nullable: bool = True
    meaning: str


def _text(meaning: str, *, nullable: bool = True) -> Column:
    return Column(kind="string", meaning=meaning, nullable=nullable)


def _number(meaning: str, unit: str = "") -> Column:
    return Column(kind="float", meaning=meaning, unit=unit)


def _numbers(meaning: str, unit: str = "", kind: Kind = "floats") -> Column:
    return Column(kind=kind, meaning=meaning, unit=unit)


COLUMNS: Mapping[str, Column] = {
    # what the point is
    "sweep": _text("name of the sweep", nullable=False),
    "point": _text("content hash of the design point", nullable=False),
    "status": _text("ok, infeasible or failed", nullable=False),
    "reason": _text("why the point is infeasible or failed"),
    "workload": _text("dataset name", nullable=False),
    "topology": _text("layer sizes as in 512-64-64-64-10", nullable=False),
    "recipe": _text("name of the recipe in the sweep", nullable=False),
    "training_method": _text("layered or unlayered", nullable=False),
    "training_policy": _text("scheduling policy trained through; null for layered"),
    "training_group_size": Column(kind="int", meaning="F trained through; null for layered"),
    "training_seed": Column(kind="int", meaning="seed of initialization, order and dropouts", nullable=False),
    "evaluation_seed": Column(kind="int", meaning="seed of the evaluation's schedule", nullable=False),
    "chip": _text("chip name in the sweep", nullable=False),
    "chip_title": _text("chip's full name"),
    "synchronization": _text("asynchronous, clocked, barrier or timer"),
    "capacity": _text("published, or scaled: circuits kept, counts lifted"),
    "operation": _text("accelerated or real_time"),
    "schedule": _text("name of the schedule in the sweep", nullable=False),
    "inference": _text("layered or asynchronous: whether layers wait in this evaluation"),
    "policy": _text("scheduling policy of the evaluation; null where the result cannot depend on it"),
    "group_size": Column(kind="int", meaning="F of the evaluation; null for all that wait"),
    "stop": _text("drained or on_output"),
    "steps_after_output": Column(kind="int", meaning="forward steps run after the first output spike; null if drained"),
    "input_mode": _text("frame or queued"),
    "weight_bits": Column(kind="int", meaning="bits of the weights evaluated; null for float32"),
    "equivalent_to_layered": Column(kind="bool", meaning="the schedule provably gives the spikes of layered inference"),
    # how large it is
    "neurons": Column(kind="int", meaning="neurons of the network, the output layer included"),
    "synapses": Column(kind="int", meaning="synapses of the network; a shared weight counts once for each"),
    "weight_memory_bits": Column(kind="int", meaning="synapses · bits of a weight evaluated, 32 for float32"),
    "cores_used": Column(kind="int", meaning="cores with neurons"),
    "lanes": Column(kind="int", meaning="lanes of all cores in use; null where the chip does not state a number"),
    "assumptions": Column(kind="strings", meaning="what was assumed that the chip does not state or have"),
    "not_modelled": Column(kind="strings", meaning="terms left out because the chip's numbers are not known"),
    # how the model was trained
    "trained_epochs": Column(kind="int", meaning="epochs run"),
    "best_epoch": Column(kind="int", meaning="epoch whose weights were kept, chosen on validation"),
    "training_loss": _number("mean training loss of the kept epoch"),
    "validation_accuracy": _number("accuracy on the validation split at the kept epoch"),
    # how it answers
    "samples": Column(kind="int", meaning="test samples"),
    "accuracy": _number("correct / samples; undecided samples count as wrong"),
    "float_accuracy": _number("accuracy of the same model and schedule with 32-bit weights"),
    "drained_accuracy": _number("accuracy of the same execution once nothing waits; null where the queue is dropped"),
    "tied_fraction": _number("share of samples whose highest score is shared; lowest index wins"),
    "undecided_fraction": _number("share of samples without any output spike"),
    "spike_density": _number("emitted spikes per hidden neuron per sample (equation 10)"),
    "input_events": _number("input events per sample"),
    "forward_steps": _number("forward steps per sample until the stop, summed over timesteps"),
    "latency_steps": _number("forward steps of a pass until its first output spike, mean over passes that have one"),
    "latency_spikes": _number("spikes propagated in a pass before its first output spike, mean likewise"),
    "decided_pass_fraction": _number("share of forward passes with an output spike"),
    "spikes_per_pass": _number("spikes propagated per forward pass until the stop"),
    # energy: all synapses
    "synaptic_operations": _number("synaptic operations performed per sample, the input layer's included"),
    "energy_j": _number("energy per sample, all terms that are modelled", "J"),
    "energy_synaptic_operation_j": _number("part of energy_j", "J"),
    "energy_neuron_access_j": _number("part of energy_j", "J"),
    "energy_neuron_update_j": _number("part of energy_j", "J"),
    "energy_spike_j": _number("part of energy_j: spikes generated by neurons", "J"),
    "energy_message_j": _number("part of energy_j: spikes sent, one for each destination core, input spikes too", "J"),
    "energy_hop_j": _number("part of energy_j", "J"),
    "energy_barrier_j": _number("part of energy_j", "J"),
    "energy_clock_j": _number("part of energy_j: cycles of the clock while the chip is on", "J"),
    "energy_active_core_j": _number("part of energy_j: power of cores in use while the chip is on", "J"),
    "energy_static_j": _number("part of energy_j", "J"),
    "energy_accounting": _text("incremental, or all_in: one number holds all that was spent in some measurement"),
    "on_s": _number("time per sample that static power is drawn", "s"),
    "energy_coverage": Column(kind="strings", meaning="terms that energy_j contains; only equal coverage compares"),
    # energy: the paper's book
    "paper_synaptic_operations": _number(
        "spike density · hidden neurons · mean fan-out of the hidden layers (Table 3)"
    ),
    "paper_energy_j": _number("paper_synaptic_operations · energy per synaptic operation", "J"),
    # time
    "latency_model": _text("which model latency_s comes from"),
    "latency_s": _number("time per sample until the stop, summed over timesteps", "s"),
    "latency_compute_s": _number("part of latency_s: cores at work", "s"),
    "latency_network_s": _number("part of latency_s: messages under way", "s"),
    "latency_synchronization_s": _number("part of latency_s: barriers and ticks waited for", "s"),
    "latency_bound_s": _number("asynchronous: sum over steps of the busiest core, an upper bound", "s"),
    "latency_per_layer_s": _number("barrier: the paper's form, one barrier a layer a timestep", "s"),
    "decision_latency_s": _number(
        "last frame's arrival to its first output spike, mean over samples that have one", "s"
    ),
    "core_utilization": _numbers("time at work / on_s of each core in use"),
    "late_fraction": _number("share of forward passes or hardware steps that take longer than a timestep"),
    "overloaded_ticks": _number("timer: ticks per sample in which a core had more work than fits"),
    "peak_link_load": _number("messages per sample over the busiest link"),
    "peak_link": _text("which link that is"),
    # how sure: what happens if the chip's numbers lie elsewhere in their ranges
    "uncertain_numbers": Column(kind="strings", meaning="prices of the chip that lie in a range, by their path"),
    "uncertain_low": _numbers("lower end of each, in SI units; log-uniform in between"),
    "uncertain_value": _numbers("the number itself"),
    "uncertain_high": _numbers("upper end of each"),
    "energy_at_low_j": _numbers("energy_j with that number alone at its lower end", "J"),
    "energy_at_high_j": _numbers("energy_j with that number alone at its upper end", "J"),
    "latency_at_low_s": _numbers("latency_s with that number alone at its lower end", "s"),
    "latency_at_high_s": _numbers("latency_s with that number alone at its upper end", "s"),
    "energy_draws_j": _numbers(
        "energy_j in joint draws of all; a draw is the same in all rows of a chip", "J", "draws"
    ),
    "latency_draws_s": _numbers("latency_s in the same draws", "s", "draws"),
    "uncertain_terms": Column(kind="strings", meaning="terms of energy_j that differ between draws"),
    "term_scale_j": _numbers("the most that each of them comes to", "J"),
    "term_at_low": _numbers("each of them / its scale, one term after another, as energy_at_low_j"),
    "term_at_high": _numbers("each of them / its scale, one term after another, as energy_at_high_j"),
    "term_draws": _numbers("each of them / its scale, one term after another, as energy_draws_j", kind="draws"),
    # distributions
    "latency_spikes_bins": Column(kind="ints", meaning="lower bin edges of latency_spikes_counts"),
    "latency_spikes_counts": Column(kind="ints", meaning="forward passes by spikes until their first output spike"),
    "convergence_accuracy": Column(kind="floats", meaning="accuracy m steps after the first output spike, m = 0, 1, …"),
    "currents_first_layer": Column(kind="ints", meaning="spikes by messages received before firing, first layer"),
    "currents_other_layers": Column(kind="ints", meaning="likewise, all other layers"),
    # how long it took: left out when contents are compared
    "train_wall_s": _number("wall time of the training job", "s"),
    "execute_wall_s": _number("wall time of the execution job", "s"),
}
"""Every fixed column in file order. A sweep's axes add columns named `axis.<name>`, strings or floats, at the end."""

VOLATILE_COLUMNS = ("train_wall_s", "execute_wall_s")
"""Columns that differ between two runs of the same sweep and are ignored when contents are compared."""

VOLATILE_METADATA = ("jobs", "platform")
"""Fields of the metadata that are ignored likewise: a resumed sweep reuses what the first run had to compute."""

_ENTRIES: Mapping[str, str] = {"strings": "string", "ints": "int", "floats": "float", "draws": "float"}
"""Kinds of lists, and what their entries are."""

_SORT_KEYS = ("sweep", "workload", "chip", "capacity", "operation", "schedule")
_SORT_KEYS_LAST = ("recipe", "training_seed", "evaluation_seed", "point")
_SORTED_BY = frozenset((*_SORT_KEYS, *_SORT_KEYS_LAST))
_PIECE = 1000
"""Rows that are in memory as Python objects while a file is written."""

_EXACTLY: Mapping[str, type] = {"string": str, "bool": bool, "int": int, "float": float}
"""Types of cells as they nearly always are."""


@dataclass(frozen=True, kw_only=True)
class ResultTable:
    """A results file in memory.

    Attributes:
        frame: one row a design point, columns as in `COLUMNS` and then the axes. Null is NaN in float columns, `pd.NA`
            in int and bool columns (dtypes Int64 and boolean), None in all others.
        metadata: everything else.
    """

    frame: pd.DataFrame
    metadata: ResultMetadata


def write_results(path: Location, rows: Iterable[Mapping[str, Any]], metadata: ResultMetadata) -> None:
    """Write rows to one Parquet file, atomically. The same rows in any order give the same bytes.

    Rows are taken in piece by piece, and a few kilobytes of each are kept.

    Args:
        path: the file, a path or a URL; missing folders are made.
        rows: one mapping a design point, from column name to value. A nullable column may be left out. Unknown numbers
            are None, never NaN. `axis.<name>` columns hold strings or numbers.
        metadata: written under METADATA_KEY.

    Raises:
        ValueError: an unknown column, a missing value that is required, or a value of a wrong type.
        InputError: the place cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    pieces: list[Any] = []
    places: list[dict[str, Any]] = []
    for first, piece in _pieces(rows):
        for number, row in enumerate(piece, start=first):
            unknown = sorted(name for name in row if name not in COLUMNS and not name.startswith(AXIS_PREFIX))
            if unknown:
                raise ValueError(f"row {number}: unknown column {', '.join(unknown)}")
        pieces.append(_arrow_table(piece, COLUMNS))
        places += [{name: row[name] for name in row if name in _SORTED_BY or name not in COLUMNS} for row in piece]
    axes = _axis_columns(places)
    order = sorted(range(len(places)), key=lambda number: _sort_key(places[number], tuple(axes)))
    fixed = pa.concat_tables(pieces) if pieces else _arrow_table([], COLUMNS)
    ordered = fixed.take(pa.array(order, type=pa.int64())).combine_chunks()
    by_axis = _arrow_table([places[number] for number in order], axes)
    columns = {**COLUMNS, **axes}
    fields = [pa.field(name, _arrow_type(column.kind), nullable=column.nullable) for name, column in columns.items()]
    schema = pa.schema(fields, metadata={METADATA_KEY: metadata.to_json().encode()})
    table = pa.Table.from_arrays([*ordered.columns, *by_axis.columns], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    write_atomically(path, sink.getvalue().to_pybytes())


def _pieces(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    """Rows a thousand at a time, each piece with the number of its first."""
    remaining, first = iter(rows), 0
    while piece := list(itertools.islice(remaining, _PIECE)):
        yield first, piece
        first += len(piece)


def _arrow_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column]) -> Any:
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array([_checked(name, column, row.get(name)) for row in rows], type=_arrow_type(column.kind))
            for name, column in columns.items()
        }
    )


def read_results(path: Location) -> ResultTable:
    """Read a results file at a path or a URL; nullable columns that it lacks are filled with nulls.

    Raises:
        InputError: the file is missing, cannot be read, is truncated, no Parquet, or not written by `write_results`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    place, content = printable(path), read_file(path)
    if content is None:
        raise InputError(f"{place}: there is no such file; `codesign sweep` writes results files")
    try:
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{place}: is not a Parquet file, or is truncated ({reason})") from error
    text = (table.schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise InputError(f"{place}: is a Parquet file, but not one of codesign: its metadata lacks {METADATA_KEY!r}")
    try:
        metadata = ResultMetadata.from_json(text)
    except ValueError as error:
        raise InputError(f"{place}: its metadata is damaged or of another version of codesign: {error}") from error
    try:
        completed = _completed(table)
    except ValueError as error:
        raise InputError(f"{place}: {error}") from error
    return ResultTable(frame=_to_frame(completed), metadata=metadata)


def contents_equal(a: ResultTable, b: ResultTable) -> bool:
    """Whether two results files say the same, wall times and what was reused left aside."""
    facts_a, facts_b = asdict(a.metadata), asdict(b.metadata)
    for name in VOLATILE_METADATA:
        del facts_a[name], facts_b[name]
    if facts_a != facts_b or list(a.frame.columns) != list(b.frame.columns) or len(a.frame) != len(b.frame):
        return False
    kept = [name for name in a.frame.columns if name not in VOLATILE_COLUMNS]
    return bool(_hashable(a.frame[kept]).equals(_hashable(b.frame[kept])))


def _hashable(frame: pd.DataFrame) -> pd.DataFrame:
    lists = [name for name, column in COLUMNS.items() if column.kind in _ENTRIES and name in frame]
    replaced = {name: frame[name].map(lambda cell: None if cell is None else tuple(cell)) for name in lists}
    return frame.assign(**replaced).reset_index(drop=True)


def _axis_columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    values: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            if name.startswith(AXIS_PREFIX) and value is not None:
                values.setdefault(name, []).append(value)
            elif name.startswith(AXIS_PREFIX):
                values.setdefault(name, [])
    columns = {}
    for name in sorted(values):
        texts = [isinstance(value, str) for value in values[name]]
        if any(texts) and not all(texts):
            raise ValueError(f"{name}: an axis holds strings or numbers, found both")
        columns[name] = Column(kind="string" if any(texts) else "float", meaning="axis of the sweep")
    return columns


def _sort_key(row: Mapping[str, Any], axes: tuple[str, ...]) -> tuple[tuple[bool, Any], ...]:
    names = (*_SORT_KEYS, *axes, *_SORT_KEYS_LAST)
    return tuple((row.get(name) is not None, row.get(name)) for name in names)


def checked_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Some cells of a row, as plain Python objects of their columns' kinds.

    Raises:
        ValueError: an unknown column, a missing value that is required, or a value of a wrong type.
    """
    unknown = sorted(set(row) - set(COLUMNS))
    if unknown:
        raise ValueError(f"unknown column {', '.join(unknown)}")
    return {name: _checked(name, COLUMNS[name], value) for name, value in row.items()}


def _checked(name: str, column: Column, value: Any) -> Any:
    """`value` as a plain Python object of the column's kind."""
    if value is None:
        if not column.nullable:
            raise ValueError(f"{name}: must have a value in every row")
        return None
    match column.kind:
        case "strings" | "ints" | "floats" | "draws":
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise ValueError(f"{name}: must be a list, found {value!r}")
            kind, entries = _ENTRIES[column.kind], list(value)
            if set(map(type, entries)) <= {_EXACTLY[kind]} and (kind != "float" or all(map(math.isfinite, entries))):
                return entries
            return [_checked_scalar(name, kind, entry) for entry in entries]
        case kind:
            return _checked_scalar(name, kind, value)


def _checked_scalar(name: str, kind: str, value: Any) -> Any:
    if type(value) is _EXACTLY[kind] and not (isinstance(value, float) and not math.isfinite(value)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    matches = {
        "string": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int": isinstance(value, numbers.Integral) and not isinstance(value, bool),
        "float": isinstance(value, numbers.Real) and not isinstance(value, bool),
    }[kind]
    if not matches:
        raise ValueError(f"{name}: must be {kind}, found {value!r}")
    if kind == "float":
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"{name}: must be finite, found {value}; an unknown number is None")
    return value


def _arrow_type(kind: Kind) -> Any:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "strings": pa.list_(pa.string()),
        "ints": pa.list_(pa.int64()),
        "floats": pa.list_(pa.float64()),
        "draws": pa.list_(pa.float32()),
    }[kind]


def _completed(table: Any) -> Any:
    """The Arrow table with exactly the columns of `COLUMNS`, then the axes."""
    import pyarrow as pa

    axes = [name for name in table.column_names if name.startswith(AXIS_PREFIX)]
    unknown = [name for name in table.column_names if name not in COLUMNS and name not in axes]
    if unknown:
        raise ValueError(f"unknown column {', '.join(unknown)}; was it written by a newer version of codesign?")
    arrays = {}
    for name, column in COLUMNS.items():
        expected = _arrow_type(column.kind)
        if name not in table.column_names:
            if not column.nullable:
                raise ValueError(f"lacks the required column {name}")
            arrays[name] = pa.nulls(len(table), expected)
        elif not table.schema.field(name).type.equals(expected):
            raise ValueError(f"column {name}: must be {expected}, found {table.schema.field(name).type}")
        elif not column.nullable and table[name].null_count:
            raise ValueError(f"column {name}: must have a value in every row")
        else:
            arrays[name] = table[name]
    for name in axes:
        if table.schema.field(name).type not in (pa.string(), pa.float64()):
            raise ValueError(f"column {name}: must be string or double, found {table.schema.field(name).type}")
    return pa.table({**arrays, **{name: table[name] for name in axes}})


def _to_frame(table: Any) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): None}
    frame: pd.DataFrame = table.to_pandas(types_mapper=lambda kind: nullable.get(kind))
    texts = [name for name in frame.columns if pa.types.is_string(table.schema.field(name).type)]
    # Plain objects with None: pandas' own string dtypes differ between its versions in what stands for null.
    objects = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in texts}
    return frame.assign(**objects)
