"""Chips side by side: what is said of each number, and what `codesign chips compare` shows and writes."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_rows import rows_of
from handmade_hardware import ASYNCHRONOUS, chip_from, group, near, number
from typer.testing import CliRunner

from codesign.cli.chip_comparing import chip_marks
from codesign.cli.chips import app
from codesign.errors import InputError
from codesign.hardware.comparison import STATIC_POWER, compared_numbers, in_order
from codesign.hardware.library import chip_names, find_chip
from codesign.reporting.charts.chips import ChipMark, chips_figure
from codesign.reporting.forms import FORMS

TINY = chip_from(
    f"cores: {number(4)}\nlayers_share_core: false\nclock: {number('100 MHz')}\n{ASYNCHRONOUS}"
    + group(
        "energies",
        synaptic_operation=number("10 pJ", all_in="false", includes="[message]"),
        spike="{value: 2 pJ, range: [1 pJ, 8 pJ], confidence: measured, source: made_up}",
    )
    + group(
        "static_power",
        chip="{value: 1 W, confidence: measured, source: made_up}",
        core_in_use="{value: 0.1 W, confidence: estimated, source: made_up}",
    )
    + group("times", synaptic_operation="{cycles: 3, confidence: measured, source: made_up}")
)


def test_what_is_said_of_a_number() -> None:
    """Stated numbers may be off by a factor of 1.1; what is measured is not, unless its file gives a range."""
    numbers = compared_numbers(TINY)
    operation, spike = numbers["energies.synaptic_operation"], numbers["energies.spike"]
    assert (operation.value, operation.low, operation.high) == near((10e-12, 10e-12 / 1.1, 11e-12))
    assert (operation.known, operation.holds) == ("stated", "message")
    assert (spike.low, spike.high, spike.known) == (1e-12, 8e-12, "measured")
    time = numbers["times.synaptic_operation"]
    assert (time.value, time.unit, time.low) == (near(30e-9), "s", None)
    total = numbers[STATIC_POWER]  # of a whole chip, and known as well as its least known part
    assert (total.value, total.low, total.high) == near((1 + 4 * 0.1, 1 + 4 * 0.05, 1 + 4 * 0.2))
    assert total.known == "estimated"
    assert STATIC_POWER not in compared_numbers(find_chip("odin_allin"))


def test_numbers_of_several_chips_stand_in_the_order_of_their_files() -> None:
    files = [dict.fromkeys(paths) for paths in ("acf", "abcd", "cef", "zf")]
    assert in_order(files) == ["z", "a", "b", "c", "e", "d", "f"]


def test_marks_tell_estimated_numbers_and_energies_that_hold_other_things() -> None:
    marks = {mark.name: mark for mark in chip_marks([find_chip(name) for name in chip_names()])}
    assert [marks[name].kind for name in ("loihi_sanafe", "odin", "odin_allin")] == [0, 1, 2]
    assert (marks["seneca_timer"].hollow, marks["truenorth"].hollow) == (True, False)
    assert marks["loihi_davies2018"].energy_j == near((23.6e-12, 23.6e-12, 35.5e-12))
    assert "poets" not in marks


def test_the_plot_holds_each_chip_where_its_numbers_are_with_its_ranges() -> None:
    mark = ChipMark(name="a", area_m2=(2e-6, 3e-6, 4e-6), energy_j=(1e-12,) * 3, node="28 nm", hollow=True, kind=0)
    first, second, other = rows_of(chips_figure([mark, replace(mark, name="b"), replace(mark, area_m2=(5e-6,) * 3)]))
    assert [first[name] for name in ("left", "x", "right", "low", "y", "high")] == [2e-6, 3e-6, 4e-6, *(1e-12,) * 3]
    assert (first["name"], first["node"], first["hollow"]) == ("a", "28 nm", True)
    assert [row["names"] for row in (first, second, other)] == ["a, b", "", "a"]  # of one place, in one line


# the command ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [(), ("loihi", "mubrain", "odin_allin"), ("seneca_timer",)])
def test_terminals_of_eighty_columns_show_every_chip(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    output = CliRunner().invoke(app, ["compare", *names]).output
    assert all(len(line.rstrip()) <= 80 for line in output.splitlines())
    assert all(find_chip(name).name in output for name in names or chip_names())
    assert "2.8 pJ e" in output or "seneca_timer" not in output
    assert "all-in" in output
    assert ("others" in output) == (not names)  # where each chip has a row, there is no room for which


def test_every_form_of_the_plot_is_written(tmp_path: Path) -> None:
    names = ["loihi", "mubrain", "odin_allin", "poets"]
    paths = {form: tmp_path / f"[red]chips.{form}" for form in FORMS}
    for path in paths.values():
        done = CliRunner().invoke(app, ["compare", *names, "--output", str(path)])
        assert f"Comparison: {path}\n" in done.output
        assert (done.exit_code, done.output.endswith("is not known, or 0: poets\n")) == (0, True)
    assert ElementTree.parse(io.BytesIO(paths["svg"].read_bytes())).getroot().tag.endswith("svg")
    assert paths["png"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    before = paths["svg"].read_bytes()
    CliRunner().invoke(app, ["compare", *names, "--output", str(paths["svg"])])
    assert paths["svg"].read_bytes() == before


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "b.yaml"):
        Path(name).write_text("extends: loihi\nname: mine\n", encoding="utf-8")
    output = CliRunner().invoke(app, ["compare", "./a.yaml", "./b.yaml", "loihi", "loihi"]).output
    assert output.split()[:4] == ["number", "./a.yaml", "./b.yaml", "loihi_sanafe"]


@pytest.mark.parametrize(
    ("names", "file", "message"),
    [
        (["loihi"], "chips.gif", "--output: must end with .svg, .png or .pdf, found 'chips.gif'"),
        (
            ["speck", "poets"],
            "chips.png",
            "--output: none of these chips gives both an energy of an operation and an area",
        ),
        (["loih"], "chips.svg", "unknown chip 'loih'"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_shown(tmp_path, names, file, message):
    result = CliRunner().invoke(app, ["compare", *names, "--output", str(tmp_path / file)])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert not result.output
    assert not list(tmp_path.iterdir())
