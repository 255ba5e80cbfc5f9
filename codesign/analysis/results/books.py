"""Converting rows of results to another book of the static power.

A results file holds what everything that is powered draws, term by term. Another book weights the terms, so it needs
only the file: energies, draws and ends of ranges are sums of terms.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from codesign.arrays import Floats
from codesign.deferred import pd
from codesign.hardware.terms import BOOKS, COST_TERMS, COVERAGE, StaticBook, weight

MADE_OF_ENERGY = {"energy_delay_js": (operator.mul, "latency_s"), "power_w": (operator.truediv, "on_s")}
"""Columns that are `energy_j` times another column or over it, and so change with its book."""
OF_BOOKS = ("energy_cores_in_use_j", "core_share", *(other for _, other in MADE_OF_ENERGY.values()))
"""Columns from which books other than the board's are computed, in addition to energies by term."""
_DRAWN = {"energy_draws_j": "term_draws", "energy_at_low_j": "term_at_low", "energy_at_high_j": "term_at_high"}
"""Sums over all terms and their parts by term, as in `codesign.hardware.cost.uncertainty`."""


def made_of(column: str, energy: Any, others: Callable[[str], Any]) -> Any:
    """Return what `MADE_OF_ENERGY` makes of energies and other columns by name; the energies for any other column."""
    combine, other = MADE_OF_ENERGY.get(column, (None, ""))
    return energy if combine is None else combine(energy, others(other))


def in_book(frame: pd.DataFrame, book: StaticBook) -> pd.DataFrame:
    """Rows of a results file, which may lack columns, with `energy_j` and everything derived from it in the given book;
    terms that the book does not count are null."""
    if book == "board" or not len(frame):
        return frame
    share = frame["core_share"].astype(float).to_numpy()
    weights = {
        name: np.broadcast_to(weight(term, BOOKS[book], share), share.shape)
        for name, term in COST_TERMS.items()
        if term.part
    }
    terms = {
        COST_TERMS[name].column: (frame[COST_TERMS[name].column] * of).where(of > 0)
        for name, of in weights.items()
        if COST_TERMS[name].column in frame
    }
    frame = frame.assign(**terms, energy_j=frame["energy_cores_in_use_j"])
    made = {name: made_of(name, frame["energy_j"], frame.get) for name in MADE_OF_ENERGY if name in frame}
    changed: dict[str, Any] = {name: of.where(of < math.inf) for name, of in made.items()}
    if "energy_at_half" in frame:
        changed["energy_at_half"] = frame["energy_cores_in_use_at_half"]
    if "energy_coverage" in frame:
        static = [term.column for term in COVERAGE["static"] if term.column in frame]
        counted = frame[static].notna().any(axis=1)
        cells = [
            cell if known or cell is None else [name for name in cell if name != "static"]
            for cell, known in zip(frame["energy_coverage"], counted, strict=True)
        ]
        changed["energy_coverage"] = pd.Series(cells, index=frame.index, dtype=object)
    if "term_draws" in frame:
        names = ("uncertain_terms", "term_scale_j", *_DRAWN, *_DRAWN.values())
        rows = frame[[*names, *(term.column for term in COST_TERMS.values())]].to_dict("records")
        weighed = [
            _drawn(row, {name: float(of[place]) for name, of in weights.items()}) for place, row in enumerate(rows)
        ]
        for name in ("term_scale_j", *_DRAWN):
            changed[name] = pd.Series([row[name] for row in weighed], index=frame.index, dtype=object)
    return frame.assign(**changed)


def _drawn(row: Mapping[Any, Any], weights: dict[str, float]) -> Mapping[Any, Any]:
    """Draws and ends of one row with weighted terms; unchanged if energy or draws are unknown."""
    if any(row[name] is None for name in ("uncertain_terms", "term_scale_j", *_DRAWN, *_DRAWN.values())):
        return row
    moving = list(row["uncertain_terms"])
    scales = np.asarray(row["term_scale_j"], dtype=float) * [weights.get(name, 1.0) for name in moving]
    fixed = sum(
        energy
        for name, term in COST_TERMS.items()
        if name not in moving and (energy := row[term.column]) is not None and energy == energy
    )
    changed: dict[str, Any] = {"term_scale_j": scales.tolist()}
    for total, parts in _DRAWN.items():
        by_term: Floats = np.asarray(row[parts], dtype=float).reshape(len(moving), len(row[total]))
        changed[total] = (fixed + scales @ by_term).tolist()
    return changed
