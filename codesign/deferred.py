"""Packages that are imported only when first used: importing them takes long, and many commands need none of them.

Modules that define classes of torch's import it as usual.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["alt", "moocore", "pa", "pc", "pd", "pq", "torch"]

if TYPE_CHECKING:
    import altair as alt
    import moocore
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
    import torch
else:

    class _Deferred:
        def __init__(self, name: str) -> None:
            self._name = name

        def __reduce__(self) -> tuple[type, tuple[str]]:
            return _Deferred, (self._name,)  # for copies, which else ask the copy for its name before it has one

        def __getattr__(self, name: str) -> Any:
            return getattr(importlib.import_module(self._name), name)

    alt, moocore, pd, torch = map(_Deferred, ("altair", "moocore", "pandas", "torch"))
    pa, pc, pq = map(_Deferred, ("pyarrow", "pyarrow.compute", "pyarrow.parquet"))
