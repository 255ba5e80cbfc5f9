"""numpy arrays: types, conversion, and equality and repr of dataclasses that hold arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.deferred import torch
from codesign.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_FEW = 4
"""Most numbers of an array that are shown."""


def array_of(name: str, given: Any) -> NDArray[Any]:
    """A user's data as an array: a numpy array or a list, a column of a table, a tensor of any type on any device.

    Raises InputError for anything else, and for a masked array, whose mask would be lost.
    """
    if isinstance(given, np.ma.MaskedArray):
        raise InputError(f"{name}: must be an array without a mask, such as `.filled(0)` gives, found a masked one")
    try:
        if hasattr(given, "detach"):
            given = given.detach().to_dense().cpu()
            given = given.float() if given.dtype == torch.bfloat16 else given  # which numpy lacks
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        if "inhomogeneous" in reason:  # numpy's word
            reason = "what it holds differs in length"
        raise InputError(f"{name}: must be an array, found {type(given).__name__}: {reason:.200}") from None


def narrowed(array: NDArray[Any]) -> NDArray[Any]:
    """Integers in the smallest type that holds them; other numbers unchanged."""
    if array.dtype.kind not in "iu" or not array.size:
        return array
    return array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))


class OfArrays:
    """Base of dataclasses with arrays or tensors (`eq=False`): equal if every field is, number by number, with NaN
    equal to NaN.

    Like arrays, they have no hash. With `repr=False`, an array of more than a few numbers is shown as type and shape.
    """

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        compared = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(_same(getattr(self, name), getattr(other, name)) for name in compared)

    def __repr__(self) -> str:
        of: Any = fields(self)  # type: ignore[arg-type]
        held = [
            (field.name, getattr(self, field.name)) for field in of if getattr(self, field.name) is not field.default
        ]
        shown = [f"{name}={_shown(value)}" for name, value in held]
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name!r}: {_shown(one)}' for name, one in value.items())}}}"
    if hasattr(value, "dtype") and math.prod(value.shape) > _FEW:
        return f"<{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}>"
    return repr(value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    one, other = (value.numpy(force=True) if hasattr(value, "detach") else value for value in (one, other))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
    return bool(one is other or one == other)
