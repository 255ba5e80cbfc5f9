"""Packages that are imported when first used: importing them takes long, and many commands do not need them.

Modules that define torch classes import torch as usual.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["alt", "h5py", "moocore", "pa", "pc", "pd", "pq", "requests", "torch"]

if TYPE_CHECKING:
    import altair as alt
    import h5py
    import moocore
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    import requests
    import torch
else:

    class _Deferred:
        def __init__(self, name: str) -> None:
            self._name = name
            self._package: ModuleType | None = None

        def __reduce__(self) -> tuple[type, tuple[str]]:  # a copy would be asked for its name before it has one
            return _Deferred, (self._name,)

        def __getattr__(self, name: str) -> Any:
            if self._package is None:
                self._package = importlib.import_module(self._name)
            return getattr(self._package, name)

    alt, h5py, moocore = map(_Deferred, ("altair", "h5py", "moocore"))
    pd, requests, torch = map(_Deferred, ("pandas", "requests", "torch"))
    pa, pc, pq = map(_Deferred, ("pyarrow", "pyarrow.compute", "pyarrow.parquet"))
