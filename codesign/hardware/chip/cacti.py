"""Memories computed by CACTI through the packages hwcomponents and hwcomponents-cacti (extra `components`)."""

from __future__ import annotations

from functools import cache

from codesign.errors import InputError
from codesign.hardware.chip.laws import Memory, MemoryKind, memory, nominal_voltage, slowdown


def cacti_memory(kind: MemoryKind, *, bits: float, word: float, node_m: float, voltage_v: float) -> Memory:
    """A memory like `laws.memory`, but with SRAM computed by CACTI, which has no flip-flops.

    CACTI assumes its transistors' voltage; from there, energy follows V² and time the law of delays.

    Raises:
        InputError: CACTI is not installed.
    """
    if kind != "sram":
        return memory(kind, bits=bits, word=word, node_m=node_m, voltage_v=voltage_v)
    read_j, write_j, area_m2, access_s = _sram(node_m, round(bits), round(min(word, bits)))
    energy = (voltage_v / nominal_voltage(node_m)) ** 2
    return Memory(
        read_j=energy * read_j,
        write_j=energy * write_j,
        area_m2=area_m2,
        access_s=access_s * slowdown(node_m, voltage_v),
    )


@cache
def _sram(node_m: float, bits: int, word: int) -> tuple[float, float, float, float]:
    try:
        from hwcomponents_cacti import SRAM
    except ImportError:
        raise InputError(
            "memories: cacti needs hwcomponents-cacti: pip install 'codesign[components]', with Python 3.12 or later"
        ) from None
    sram = SRAM(tech_node=node_m, width=word, size=bits)
    return sram.read_energy, sram.write_energy, sram.cacti_area, sram.access_time
