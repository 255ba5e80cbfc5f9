"""The closed forms of memories beside CACTI, where it is installed."""

from __future__ import annotations

import importlib.util
import math

import pytest

from codesign.errors import InputError
from codesign.hardware.cacti import cacti_memory
from codesign.hardware.laws import memory

MISSING = importlib.util.find_spec("hwcomponents_cacti") is None
SRAMS = [
    {"bits": bits, "word": word, "node_m": node * 1e-9, "voltage_v": 0.8}
    for node in (22, 28, 45)
    for bits in (2**13, 2**16, 2**20)
    for word in (16, 64)
]


@pytest.mark.skipif(MISSING, reason="hwcomponents-cacti is not installed; it needs Python 3.12")
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # files it leaves
def test_closed_forms_lie_near_cacti() -> None:
    """A law for the wrong voltage, node or unit would be off by far more than these factors."""
    bounds = (("read_j", 1.3, 1.8), ("write_j", 1.25, 1.5), ("area_m2", 1.1, 1.3), ("access_s", 1.15, 1.4))
    for name, typical, most in bounds:
        ratios = [
            abs(math.log(getattr(memory("sram", **sram), name) / getattr(cacti_memory("sram", **sram), name)))
            for sram in SRAMS
        ]
        assert math.exp(sum(ratios) / len(ratios)) < typical, name
        assert math.exp(max(ratios)) < most, name


@pytest.mark.skipif(not MISSING, reason="hwcomponents-cacti is installed")
def test_without_cacti_it_is_said_how_to_get_it() -> None:
    with pytest.raises(InputError, match=r"pip install 'codesign\[components\]'"):
        cacti_memory("sram", **SRAMS[0])
    flip_flops = {**SRAMS[0]}
    assert cacti_memory("flip_flops", **flip_flops) == memory("flip_flops", **flip_flops)
