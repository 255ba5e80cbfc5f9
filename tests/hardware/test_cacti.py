"""The closed forms of memories, and chips estimated with them, beside CACTI where it is installed."""

from __future__ import annotations

import importlib.util
import math
from itertools import product

import pytest

from codesign.errors import InputError
from codesign.hardware.chip.cacti import cacti_memory
from codesign.hardware.chip.laws import memory
from codesign.hardware.chip.structure import estimate
from codesign.hardware.library import chip_names, find_chip

INSTALLED = importlib.util.find_spec("hwcomponents_cacti") is not None
WITH_CACTI = pytest.mark.skipif(not INSTALLED, reason="hwcomponents-cacti is not installed; it needs Python 3.12")
QUIET = pytest.mark.filterwarnings(  # of files that hwcomponents leaves open
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
SRAMS = [
    {"bits": bits, "word": word, "node_m": node * 1e-9, "voltage_v": 0.8}
    for node, bits, word in product((22, 28, 45), (2**13, 2**16, 2**20), (16, 64))
]


@WITH_CACTI
@QUIET
@pytest.mark.parametrize(
    ("name", "percent", "most"), [("read_j", 21, 61), ("write_j", 16, 34), ("area_m2", 6, 19), ("access_s", 10, 30)]
)
def test_closed_forms_are_off_by_what_the_documents_say(name: str, percent: int, most: int) -> None:
    ratios = [
        abs(math.log(getattr(memory("sram", **sram), name) / getattr(cacti_memory("sram", **sram), name)))
        for sram in SRAMS
    ]
    assert round(100 * math.expm1(sum(ratios) / len(ratios))) == percent
    assert 100 * math.expm1(max(ratios)) < most


@WITH_CACTI
@QUIET
@pytest.mark.parametrize("name", [name for name in chip_names() if find_chip(name).structure])
def test_shipped_chips_differ_by_at_most_18_percent(name: str) -> None:
    chip = find_chip(name)
    laws, cacti = estimate(chip), estimate(chip, memories="cacti")
    for number in ("operation_j", "update_j", "area_m2", "word_s"):
        assert abs(math.log(getattr(laws, number) / getattr(cacti, number))) < math.log(1.185), number


@pytest.mark.skipif(INSTALLED, reason="hwcomponents-cacti is installed")
def test_without_cacti_it_is_said_how_to_get_it() -> None:
    with pytest.raises(InputError, match=r"pip install 'codesign\[components\]'"):
        estimate(find_chip("odin"), memories="cacti")
    assert cacti_memory("flip_flops", **SRAMS[0]) == memory("flip_flops", **SRAMS[0])
