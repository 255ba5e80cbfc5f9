"""What equal results are: to the last bit."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equal in every field and entry, with arrays of the same shape, type and bits."""
    assert type(one) is type(other), where
    if is_dataclass(one) and not isinstance(one, type):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, list):
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}.{number}")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert np.array_equal(one, other), where
    else:
        assert one == other, where
