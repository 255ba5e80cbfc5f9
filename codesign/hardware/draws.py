"""Where a chip's uncertain numbers lie in the joint draws: the same for all that is priced on it or said of it."""

from __future__ import annotations

from functools import cache
from hashlib import shake_256
from statistics import NormalDist

import numpy as np

from codesign.arrays import Floats

DRAWS = 128
"""Joint draws of a chip's numbers."""


@cache
def draws_of(chip: str, path: str, draws: int = DRAWS) -> Floats:
    """(draws,) places in (0, 1) of a number in its range, one in each of as many equal parts, in random order. They
    depend on the names of chip and number only, so that whatever is priced on a chip shares its draws."""
    words = np.frombuffer(shake_256(f"{chip}\0{path}".encode()).digest(16 * draws), dtype="<u8")
    order = np.argsort(np.argsort(words[:draws], kind="stable"), kind="stable")
    inside = (words[draws:] >> np.uint64(11)).astype(np.float64) / 2.0**53
    places = (order + inside) / draws
    places.setflags(write=False)
    return np.asarray(places)


def errors_at(typical: float, places: Floats) -> Floats:
    """What the model is off by at these places: factors that are log-normal around 1."""
    return typical ** np.array([NormalDist().inv_cdf(place) for place in places])
