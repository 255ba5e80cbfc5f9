"""Rows of results in another book of the static power.

A results file holds what all that is powered draws, term by term. Another book weighs the terms, so that it needs
nothing but the file: energies, draws and ends of ranges are sums of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codesign.hardware.terms import BOOKS, COST_TERMS, StaticBook, weight

__all__ = ["book_column", "in_book"]

_DRAWN = {"energy_draws_j": "term_draws", "energy_at_low_j": "term_at_low", "energy_at_high_j": "term_at_high"}
"""Sums over all terms, and their parts by term, as `codesign.hardware.uncertainty` writes them."""

Floats = NDArray[np.float64]


def book_column(column: str, book: StaticBook) -> str:
    """The column of a results file that holds what a page calls `column`."""
    return "energy_cores_in_use_j" if (column, book) == ("energy_j", "cores_in_use") else column


def in_book(frame: pd.DataFrame, book: StaticBook) -> pd.DataFrame:
    """Rows with `energy_j`, its terms and its draws in a book.

    Args:
        frame: rows as a results file has them, in the book `board`; columns may be missing.
    """
    if book == "board" or not len(frame):
        return frame
    share = frame["core_share"].astype(float).to_numpy()
    weights = {
        name: np.broadcast_to(weight(term, BOOKS[book], share), share.shape)
        for name, term in COST_TERMS.items()
        if term.part
    }
    changed: dict[str, Any] = {
        COST_TERMS[name].column: frame[COST_TERMS[name].column] * of
        for name, of in weights.items()
        if COST_TERMS[name].column in frame
    }
    changed["energy_j"] = frame[book_column("energy_j", book)]
    if "term_draws" in frame:
        names = ("uncertain_terms", "term_scale_j", *_DRAWN, *_DRAWN.values())
        terms = [term.column for term in COST_TERMS.values() if term.part]
        rows = frame[[*names, *terms]].to_dict("records")
        weighed = [
            _drawn(row, {name: float(of[place]) for name, of in weights.items()}) for place, row in enumerate(rows)
        ]
        for name in ("term_scale_j", *_DRAWN):
            cells = pd.Series([row[name] for row in weighed], index=frame.index, dtype=object)
            changed[name] = cells
    return frame.assign(**changed)


def _drawn(row: Mapping[Any, Any], weights: dict[str, float]) -> Mapping[Any, Any]:
    """Draws and scales of one row; as they are where energy or draws are not known."""
    if any(row[name] is None for name in ("uncertain_terms", "term_scale_j", *_DRAWN, *_DRAWN.values())):
        return row
    moving = list(row["uncertain_terms"])
    scales = np.asarray(row["term_scale_j"], dtype=float)
    new = scales * np.array([weights.get(name, 1.0) for name in moving])
    fixed = sum(
        (of - 1.0) * energy
        for name, of in weights.items()
        if name not in moving and (energy := row[COST_TERMS[name].column]) is not None and energy == energy
    )
    changed: dict[str, Any] = {"term_scale_j": new.tolist()}
    for total, parts in _DRAWN.items():
        sums: Floats = np.asarray(row[total], dtype=float)
        by_term = np.asarray(row[parts], dtype=float).reshape(len(moving), len(sums))
        changed[total] = (sums + fixed + (new - scales) @ by_term).tolist()
    return changed
