"""Arrays for kernels: their types and how they are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from codesign.simulation.event.vector import LANES

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int32]
Longs = NDArray[np.int64]

T = TypeVar("T", bound=tuple[Any, ...])

# passed to kernels for what a run does not have; never read
NO_FLOATS = np.zeros(0, dtype=np.float32)
NO_INTEGERS = np.zeros(0, dtype=np.int32)
NO_LONGS = np.zeros(0, dtype=np.int64)


def aligned_zeros(count: int) -> Floats:
    """(count,) float32 zeros aligned to a cache line, with room for one more vector after them."""
    raw = np.zeros(count + 2 * LANES, dtype=np.float32)
    start = (-raw.ctypes.data % 64) // raw.itemsize
    return raw[start : start + count]


def integers(values: object) -> Integers:
    return np.ascontiguousarray(values, dtype=np.int32)


def longs(values: object) -> Longs:
    return np.ascontiguousarray(values, dtype=np.int64)


def made(kind: type[T], sizes: Mapping[str, int], new: Callable[..., NDArray[Any]] = np.zeros) -> T:
    """A named tuple of new arrays, zeros by default, of such tuples or of numbers, which are 0: a field
    `Annotated[Longs, "layers", 3]` has shape (`sizes["layers"]`, 3)."""

    def one(of: Any, shape: tuple[Any, ...]) -> Any:
        if not shape:
            return of() if of in (int, float) else made(of, sizes, new)
        counts = [size if isinstance(size, int) else sizes[size] for size in shape]
        return aligned_zeros(*counts) if of is np.float32 and len(counts) == 1 else new(counts, dtype=of)

    return kind(*(one(*field) for field in _fields(kind)))


def empty(kind: type[T]) -> T:
    """A named tuple as from `made`, of empty arrays, for what a run does not have."""
    return made(kind, defaultdict(int))


@cache
def _fields(kind: type) -> list[tuple[Any, tuple[Any, ...]]]:
    """Of each field, the type of its numbers and its shape; of a named tuple itself and ()."""
    given = [get_args(field) or (field,) for field in get_type_hints(kind, include_extras=True).values()]
    return [(_numbers_in(of) if shape else of, tuple(shape)) for of, *shape in given]


def _numbers_in(of: Any) -> Any:
    """The type of numbers within an array's type, in which NumPy 2.5 nests it less deeply than before; None if none."""
    if isinstance(of, type) and issubclass(of, np.generic):
        return of
    return next((found for part in get_args(of) if (found := _numbers_in(part)) is not None), None)
