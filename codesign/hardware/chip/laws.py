"""Laws of circuits: the cost of a memory and an adder by size, word, node and voltage.

Power laws fitted to CACTI's SRAM from 22 to 65 nm. Below 22 nm, energy scales with the square root of the node, area
with the node. Logic has Aladdin's energies at 40 nm. All delays follow the node to the power of 0.9 if each node runs
at its nominal voltage, and the alpha-power law at other voltages; docs/design.md (Structure) has equations and sources.

Beyond `NODES_M`, `voltages` and the bits of `MOST_FLIP_FLOPS`, no source supports the laws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

MemoryKind = Literal["sram", "flip_flops"]

ADD_J, REGISTER_J = 6.6e-15, 9e-15
"""Energy per bit of an adder or comparator, and of writing a register, at 40 nm and 0.9 V: 0.21 pJ for 32 bits, 9
fJ."""

_SELECT_J = 0.57e-15
"""Energy per bit of a two-way selection: that of a bitwise operation, 18.1 fJ for 32 bits."""
_LOGIC_NODE_M, _LOGIC_V = 40e-9, 0.9
_REGISTER_M2, _ADDER_M2 = 5.98e-12, 8.69e-12
"""Area per bit of a register, and of an adder (278 µm² for 32 bits)."""
_GATE_S_PER_M = 0.36e-3
"""Fan-out-of-4 inverter delay per metre of the node: 10 ps at 28 nm."""

_NOMINAL_V = ((22e-9, 0.8), (32e-9, 1.0), (45e-9, 1.1), (65e-9, 1.2))
_THRESHOLD_V, _ALPHA = 0.3, 2.9
"""Parameters of the alpha-power law, from the clocks of two chips at two voltages each; see docs/design.md."""
_LEAKAGE_W = {"sram": 0.085e-9, "flip_flops": 0.4e-9}
"""Leakage per bit, the same in every node, because its dependence on the node is unknown."""
_LEAKAGE_V = 0.8
_SMALLEST_FITTED_M = 22e-9

NODES_M = 7e-9, 65e-9
"""Nodes of the chips to which the model is fitted."""
_LEAST_V, _MOST_OF_NOMINAL = 0.5, 1.25
"""Published operating points range from 0.5 V (ReckOn) to 1.09 times the nominal voltage (TrueNorth at 1.0 V)."""
MOST_FLIP_FLOPS, MOST_IN_PLACE = 16_384, 4 * 149_464
"""Most bits of a memory of flip-flops: with selected words, the largest on a published chip (SNE's states); with all
words used in place, four times µBrain's weights, room for twice its bits and twice its synapses, since nothing is
selected. There is no law here for wires, clock and selection of larger ones.
"""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """One memory: energy of a read and a write of one word in joules, area in m², time of an access in seconds."""

    read_j: float
    write_j: float
    area_m2: float
    access_s: float


def memory(kind: MemoryKind, *, bits: float, word: float, node_m: float, voltage_v: float) -> Memory:
    """A memory of `bits` with words of `word` bits, never wider than the memory."""
    word = min(word, bits)
    if kind == "flip_flops":
        energy, depth = logic_energy(node_m, voltage_v), math.log2(bits / word)
        return Memory(
            read_j=energy * _SELECT_J * word * depth,
            write_j=energy * REGISTER_J * word,
            area_m2=logic_area(node_m, registers=bits),
            access_s=_GATE_S_PER_M * node_m * (1 + depth) * slowdown(node_m, voltage_v),
        )
    fitted_m, small = _fitted(node_m)
    n, b, w = fitted_m / 28e-9, bits / 65_536, word / 32
    energy = 1e-12 * voltage_v**2 * math.sqrt(small)
    return Memory(
        read_j=energy * 2.68 * n**1.06 * b**0.60 * w**0.41,
        write_j=energy * 2.70 * n**1.27 * b**0.45 * w**0.65,
        area_m2=1e-6 * small * 0.0113 * n**1.9 * b**0.98 * w**0.05,
        access_s=1e-9 * 0.82 * (node_m / 28e-9) ** 0.9 * b**0.23 * slowdown(node_m, voltage_v),
    )


def logic_energy(node_m: float, voltage_v: float) -> float:
    """Energy of logic relative to 40 nm at 0.9 V: capacitance follows the node, and V²."""
    fitted_m, small = _fitted(node_m)
    return fitted_m / _LOGIC_NODE_M * math.sqrt(small) * (voltage_v / _LOGIC_V) ** 2


def logic_area(node_m: float, *, registers: float = 0.0, adders: float = 0.0) -> float:
    """Area in m² of this many bits of registers and of adders."""
    fitted_m, small = _fitted(node_m)
    return (registers * _REGISTER_M2 + adders * _ADDER_M2) * (fitted_m / _LOGIC_NODE_M) ** 2 * small


def leakage(kind: MemoryKind, bits: float, voltage_v: float) -> float:
    """Leakage of a memory and the circuits around it, in watts, proportional to the third power of the voltage."""
    return bits * _LEAKAGE_W[kind] * (voltage_v / _LEAKAGE_V) ** 3


def nominal_voltage(node_m: float) -> float:
    """The voltage that CACTI assumes for the low-leakage transistors of a node, with linear interpolation."""
    if node_m <= _NOMINAL_V[0][0]:
        return _NOMINAL_V[0][1]
    for (low, at_low), (high, at_high) in pairwise(_NOMINAL_V):
        if node_m <= high:
            return at_low + (at_high - at_low) * (node_m - low) / (high - low)
    return _NOMINAL_V[-1][1]


def voltages(node_m: float) -> tuple[float, float]:
    """The lowest and highest voltage for which the laws are taken to be valid."""
    return _LEAST_V, _MOST_OF_NOMINAL * nominal_voltage(node_m)


def logic_delay(node_m: float, voltage_v: float) -> float:
    """Relative delay of logic and memories: n^0.9 at each node's nominal voltage, longer below it."""
    return float((node_m / 28e-9) ** 0.9) * slowdown(node_m, voltage_v)


def slowdown(node_m: float, voltage_v: float) -> float:
    """Factor of a delay relative to the node's nominal voltage, by the alpha-power law V / (V − V_t)^α."""
    return _voltage_delay(voltage_v) / _voltage_delay(nominal_voltage(node_m))


def _fitted(node_m: float) -> tuple[float, float]:
    """The node at which laws are evaluated, and the factor by which the given node is smaller."""
    fitted_m = max(node_m, _SMALLEST_FITTED_M)
    return fitted_m, node_m / fitted_m


def _voltage_delay(voltage_v: float) -> float:
    return voltage_v / float((voltage_v - _THRESHOLD_V) ** _ALPHA)
