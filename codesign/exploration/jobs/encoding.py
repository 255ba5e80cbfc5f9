"""Encoding for the store and for workers: canonical JSON, models, executions. Equal values give equal bytes, without
pickle."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from codesign.analysis.results.cells import checked_cells
from codesign.arrays import narrowed
from codesign.deferred import pa, torch
from codesign.documents import Spec
from codesign.errors import InputError, UnreadableResultError
from codesign.files.folder import reason_of
from codesign.network.skips_and_delays import DelayedShape, DirectShape
from codesign.network.topology import LayerShape, NetworkShape
from codesign.simulation.execution import Execution, MessageTable, Slice, UpdateTable
from codesign.simulation.policies import Policy

T = TypeVar("T")
R = TypeVar("R")

_CODEC = "zstd"  # faster than zip's, with which an execution would take longer to store than to run
_MAY_LACK = {one.name for one in dataclasses.fields(Execution) if one.default_factory is not dataclasses.MISSING}
"""Counts that are left out if all are 0, and a table that is left out without rows, as for most networks."""
_TABLES: dict[str, type[MessageTable | UpdateTable]] = {
    "messages": MessageTable,
    "direct_messages": MessageTable,
    "updates": UpdateTable,
}


def canonical_json(value: object) -> str:
    """JSON of plain values, frozen dataclasses and specs, with sorted keys; equal values give equal text. Raises
    TypeError for anything else, and InputError for an unregistered policy, which its name does not identify."""
    return _ENCODER.encode(_plain(value))


def digest(value: Mapping[str, object]) -> str:
    """sha256 of the canonical JSON of a mapping, 64 hexadecimal digits. Values that the inputs of many jobs share, such
    as a schedule, are encoded once."""
    texts = (f"{encode_basestring(name)}:{_text(value[name])}" for name in sorted(value))
    return hashlib.sha256(f"{{{','.join(texts)}}}".encode()).hexdigest()


def remembered(function: Callable[[T], R]) -> Callable[[T], R]:
    """A cached version of a function of one immutable object, for the objects that were used last. Objects are compared
    by identity, because comparing two chips takes as long as encoding one."""
    of_same = lru_cache(maxsize=_REMEMBERED)(lambda same: function(same.value))
    return lambda value: of_same(_Same(value))


class _Same:
    """Wraps an object so that it equals only itself. Keeps the object alive, so its identity stays unique."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


_REMEMBERED = 256
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_PLAIN_TYPES = frozenset({str, int, bool, type(None)})
_shared_text = remembered(canonical_json)


def _text(value: object) -> str:
    shared = isinstance(value, BaseModel) or dataclasses.is_dataclass(value)
    return _shared_text(value) if shared else canonical_json(value)


def _plain(value: object) -> Any:
    if type(value) in _PLAIN_TYPES or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Spec):
        return {name: _plain(part) for name, part in value.said().items()}
    if isinstance(value, Policy):
        raise InputError(
            f"policy '{value.name}': keys name policies, and this one is not registered; make it an entry point "
            "`codesign.policies` of a package to store its results"
        )
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = ((field, getattr(value, field.name)) for field in dataclasses.fields(value) if field.compare)
        # as in a spec: a field added later is left out of keys if it has its default
        return {field.name: _plain(part) for field, part in parts if not field.metadata or part != field.default}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("canonical JSON needs strings as keys")
        return {key: entry if type(entry) in _PLAIN_TYPES else _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [entry if type(entry) in _PLAIN_TYPES else _plain(entry) for entry in value]
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def encode_state(state: Mapping[str, torch.Tensor]) -> bytes:
    """Bytes of a state dict, in the safetensors format."""
    import safetensors.torch  # here and below, because it imports torch

    data: bytes = safetensors.torch.save({name: value.detach().cpu().contiguous() for name, value in state.items()})
    return data


def decode_state(data: bytes) -> dict[str, torch.Tensor]:
    """The inverse of `encode_state`, without unpickling. Raises UnreadableResultError."""
    import safetensors.torch

    with reading_result("model"):
        state: dict[str, torch.Tensor] = safetensors.torch.load(data)
    return state


def encode_execution(execution: Execution) -> bytes:
    """Bytes of an execution: a line of facts as JSON, then the concatenated arrays, compressed; integers have the
    smallest type that holds them."""
    arrays: dict[str, NDArray[Any]] = {}
    for field in dataclasses.fields(Execution):
        value = getattr(execution, field.name)
        if field.name in _TABLES and (field.name not in _MAY_LACK or len(value.sample)):
            for column in dataclasses.fields(value):
                arrays[f"{field.name}.{column.name}"] = narrowed(getattr(value, column.name))
        elif isinstance(value, np.ndarray) and (field.name not in _MAY_LACK or value.any()):
            arrays[field.name] = narrowed(value)
    facts = {
        "arrays": {name: [array.dtype.str, array.shape] for name, array in arrays.items()},
        "shape": execution.shape,
        "slices": execution.slices,
        "timestep_s": execution.timestep_s,
        "spiking_readout": execution.spiking_readout,
    }
    if execution.zero_weights:
        facts["zero_weights"] = execution.zero_weights
    content = b"".join(arrays[name].tobytes() for name in sorted(arrays))  # sorted like the names in JSON
    return b"\n".join((canonical_json(facts).encode(), pa.compress(content, codec=_CODEC, asbytes=True)))


def decode_execution(data: bytes) -> Execution:
    """The inverse of `encode_execution`, without unpickling. Raises UnreadableResultError."""
    with reading_result("execution"):
        head, _, compressed = data.partition(b"\n")
        facts = json.loads(head)
        arrays, shape = _unpacked(facts["arrays"], compressed), facts["shape"]
        values: dict[str, Any] = {name: array for name, array in arrays.items() if "." not in name}
        for table, cls in _TABLES.items():
            if table not in _MAY_LACK or f"{table}.sample" in arrays:
                columns = dataclasses.fields(cls)
                values[table] = cls(**{column.name: arrays[f"{table}.{column.name}"] for column in columns})
        return Execution(
            shape=NetworkShape(
                input_size=shape["input_size"],
                layers=tuple(LayerShape(**layer) for layer in shape["layers"]),
                delayed=tuple(DelayedShape(**one) for one in shape.get("delayed", ())),
                direct=tuple(DirectShape(**one) for one in shape.get("direct", ())),
            ),
            slices=tuple(Slice(**part) for part in facts["slices"]),
            timestep_s=facts["timestep_s"],
            spiking_readout=facts["spiking_readout"],
            zero_weights=tuple(facts.get("zero_weights", ())),
            **values,
        )


def decode_columns(data: bytes) -> dict[str, Any]:
    """Columns of a row from canonical JSON. Raises UnreadableResultError."""
    with reading_result("columns"):
        return checked_cells(json.loads(data))


@contextmanager
def reading_result(what: str) -> Iterator[None]:
    """Turn any exception in the block, which decodes a result, into an UnreadableResultError."""
    try:
        yield
    except UnreadableResultError:
        raise
    except Exception as error:
        raise UnreadableResultError(
            f"the stored {what} cannot be read: {reason_of(error)[:200]}; choose another store, or remove its entry"
        ) from error


def _unpacked(kinds: Mapping[str, tuple[str, list[int]]], compressed: bytes) -> dict[str, NDArray[Any]]:
    """Arrays by name from their types and shapes and their concatenated, compressed values; integers as int64."""
    parts = {name: (np.dtype(kind), math.prod(shape), shape) for name, (kind, shape) in kinds.items()}
    size = sum(kind.itemsize * count for kind, count, _ in parts.values())
    content, arrays, start = pa.decompress(compressed, size, codec=_CODEC), {}, 0
    for name, (kind, count, shape) in parts.items():
        array = np.frombuffer(content, kind, count, start).reshape(shape)
        arrays[name] = array.astype(np.int64 if kind.kind in "iu" else kind)
        start += array.nbytes
    return arrays
