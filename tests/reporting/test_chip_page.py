from __future__ import annotations

from pathlib import Path

import pytest
from pages import HOSTILE, Page, assert_harmless

from codesign.cli.chip_comparing import comparison_file
from codesign.hardware.library import find_chip


@pytest.mark.parametrize("names", [("loihi", "odin"), ("loihi", "odin", "mubrain", "speck", "truenorth")])
def test_remarks_of_a_chip_file_are_text_on_the_page(names: tuple[str, ...]) -> None:
    chips = [find_chip(name) for name in names]
    area = chips[0].area.model_copy(update={"note": f"{HOSTILE}\nand a second line"})
    text = comparison_file(Path("chips.html"), [chips[0].model_copy(update={"area": area}), *chips[1:]]).decode()
    assert_harmless(text)
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert page.tags.count("svg") == 1
    assert not [address for _, _, address in page.addresses if not address.startswith("#")]
    lines = comparison_file(Path("chips.md"), [chips[0].model_copy(update={"area": area}), *chips[1:]]).decode()
    assert f"{HOSTILE} and a second line" in lines
