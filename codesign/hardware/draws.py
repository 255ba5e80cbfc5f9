"""Joint draws of a chip's uncertain numbers, the same for everything that is priced on it or said about it."""

from __future__ import annotations

from functools import cache
from hashlib import shake_256
from statistics import NormalDist

import numpy as np

from codesign.arrays import Floats

DRAWS = 128
"""Number of joint draws."""


@cache
def draws_of(chip: str, path: str) -> Floats:
    """(DRAWS,) positions in (0, 1) of a number within its range, one in each of as many equal parts, in random order.
    They depend only on the names of chip and number, so that everything priced on a chip shares its draws."""
    words = np.frombuffer(shake_256(f"{chip}\0{path}".encode()).digest(16 * DRAWS), dtype="<u8")
    order = np.argsort(np.argsort(words[:DRAWS], kind="stable"), kind="stable")
    inside = (words[DRAWS:] >> np.uint64(11)).astype(np.float64) / 2.0**53
    places = (order + inside) / DRAWS
    places.setflags(write=False)
    return np.asarray(places)


def errors_at(typical: float, places: Floats) -> Floats:
    """Factors by which the model is off at these positions: log-normal around 1."""
    return typical ** np.array([NormalDist().inv_cdf(place) for place in places])
