"""Prices of a chip whose structure is changed: price = given · model(changed) / model(as given).

A number holds at the structure at which it was given: that of the chip's file, or that of the call which set it. Later
changes start from there, so that a path that leads back to this structure gives the number itself.

    operation, update, access   the model's energy of an operation and of an update
    spike, message, hop, …      node · V², as logic; not `chip_hop`, since pads have a supply of their own
    static power                leakage; not of the host
    times, barriers             the delay of logic, never below the model's bound of a word or an update
    clock, rate of a link       its inverse

A smaller memory makes no time shorter. A range moves along, and grows by r^0.3 either way, r being the ratio or its
inverse: the model leaves about that share of the differences between chips unexplained. How much static energy an
all-in energy holds is not known, so its range also reaches to the ratio that holds if it were all static.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from codesign.hardware.description import Chip
from codesign.hardware.numbers import BarrierTimes, EnergyNumber, Number, QuantityNumber, SynapticEnergy, TimeNumber
from codesign.hardware.parts import Source
from codesign.hardware.structure import StructureEstimate, estimate
from codesign.units import format_si

__all__ = ["SCALED", "UNEXPLAINED", "at_structure"]
