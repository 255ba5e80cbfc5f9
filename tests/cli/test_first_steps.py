"""What somebody meets who has just installed the program: files to start from, names, completion, mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from mistakes_found import mistakes_of
from program import ROOT, start
from typer.testing import CliRunner

from codesign import shell
from codesign.cli.main import app
from codesign.errors import CodesignError
from codesign.hardware.library import chip_names, find_chip, load_chip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def said(*words: str) -> str:
    ended = CliRunner().invoke(app, words, catch_exceptions=False, prog_name="codesign")
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def refused(*words: str) -> CodesignError:
    with pytest.raises(CodesignError) as raised:
        CliRunner().invoke(app, words, catch_exceptions=False)
    return raised.value


def test_files_to_start_from_run_as_they_are_and_are_not_replaced_unasked(here: Path) -> None:
    said("init", "own.yaml", "--chip")
    checked = "OK: my_chip.yaml describes My chip\nWhat is estimated, and what is not modelled: codesign chips show "
    assert said("chips", "check", "my_chip.yaml") == f"{checked}my_chip.yaml\n"
    planned = said("sweep", "own.yaml", "--dry-run")
    assert planned.startswith("own: ")
    assert "not modelled on loihi (barrier): energy between chips (no energies.chip_hop)" in planned
    assert "not modelled on mine" not in planned
    chip = (here / "my_chip.yaml").read_text().replace(", times: 100 ns", "")
    chip = re.sub("  (barrier_message|neuron_access): .*\n", "", chip)
    (here / "my_chip.yaml").write_text(chip)
    lacking = "energy of visiting neurons (no energies.neuron_access); latency"  # barrier messages belong to few chips
    assert f"not modelled on mine (barrier): {lacking}" in said("sweep", "own.yaml", "--dry-run")
    assert "synchronization.times: latency, and so static energy" in said("chips", "show", "my_chip.yaml")
    assert "0 of them infeasible" in planned
    (here / "own.yaml").write_text("mine")
    assert "own.yaml, my_chip.yaml: already there" in str(refused("init", "own.yaml", "--chip"))
    assert (here / "own.yaml").read_text() == "mine"
    assert "is the name of the chip's file" in str(refused("init", "my_chip.yaml", "--chip", "--force"))
    said("init", "own.yaml", "--force")
    assert "my_chip" in (here / "own.yaml").read_text()  # as a comment
    assert said("sweep", "own.yaml", "--dry-run") != planned
    assert "must be a name of letters" in str(refused("init", "no name.yaml"))


def test_nothing_has_run_before_the_first_run(here: Path) -> None:
    assert said("status").startswith("Nothing has run in this folder yet")
    assert '"runs": []' in said("status", "--json")
    assert "is neither the output of" in str(refused("status", "elsewhere"))


@pytest.mark.parametrize(
    ("words", "there", "not_there"),
    [
        ("sweep paper/t", {"paper/table2", "paper/table3"}, {"smoke"}),
        ("sweep ", {"smoke", "paper/table2"}, {"study_digits", "prices_digits", "beyond/_common", "my.txt"}),
        ("sweep my", {"my.yaml"}, {"my.txt"}),
        ("study ", {"study_digits"}, {"smoke", "prices_digits"}),
        ("price ", {"prices_digits"}, {"smoke"}),
        ("chips show lo", {"loihi2", "loihi_sanafe"}, {"template", "odin"}),
        ("chips compare loihi2 od", {"odin"}, {"loihi2"}),
    ],
)
def test_a_shell_completes_names_of_sweeps_and_chips(here: Path, words: str, there: set[str], not_there: set[str]):
    (here / "my.yaml").touch()
    (here / "my.txt").touch()
    line = f"codesign {words}"
    count = len(line.split()) - (not line.endswith(" "))
    ended = CliRunner().invoke(
        app,
        [],
        prog_name="codesign",
        env={"_CODESIGN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)},
    )
    completed = set(ended.stdout.split())
    assert there <= completed
    assert not not_there & completed


def test_completion_is_of_codesign_however_it_is_started(here: Path) -> None:
    """What `python -m codesign --install-completion` installs must not answer for `python`."""
    asked = {"_CODESIGN_COMPLETE": "complete_bash", "COMP_WORDS": "codesign swe", "COMP_CWORD": "1"}
    out, _ = start(folder=here, environment=asked).communicate()
    assert out.split() == ["sweep"]


@pytest.mark.parametrize(
    ("system", "text"),
    [("posix", "codesign sweep 'C:\\my sweeps\\a.yaml'"), ("nt", 'codesign sweep "C:\\my sweeps\\a.yaml"')],
)
def test_a_command_is_quoted_as_the_shell_of_the_system_reads_it(monkeypatch, system, text):
    monkeypatch.setattr(shell, "os", SimpleNamespace(name=system))
    assert shell.shell_text("codesign", "sweep", "C:\\my sweeps\\a.yaml") == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sweep", "study_digits"), "is a study file; run `codesign study study_digits`, in Python run_study"),
        (("study", "smoke"), "is a sweep file; run `codesign sweep smoke`"),
        (("price", "smoke"), "is a sweep file; run `codesign sweep smoke`"),
        (("price", "prices_digit"), "there is no price file 'prices_digit'; did you mean 'prices_digits'?"),
        (("sweep", "mine"), "there is no sweep file 'mine'; did you mean 'mine.yaml'?"),
        (("sweep", "mne.yaml"), "there is no sweep file 'mne.yaml'; did you mean 'mine.yaml'?"),
        (("sweep", "mubrain_vs_lohi"), "did you mean 'mubrain_vs_loihi'?"),  # not mubrain.yaml
        (("sweep", f"{'long' * 99}/mine.yaml"), "there is no sweep file 'long"),
        (("sweep", "marked.yaml"), "marked.yaml: is a study file"),
    ],
)
def test_a_file_of_another_kind_is_told_in_a_line(words: tuple[str, ...], message: str) -> None:
    Path("mine.yaml").touch()
    Path("mubrain.yaml").touch()
    # Editors on Windows may write a byte order mark.
    Path("marked.yaml").write_text("space: {}\n", encoding="utf-8-sig")
    error = refused(*words)
    assert message in str(error)
    assert len(str(error).splitlines()) == 1


def test_a_study_whose_space_is_misspelled_is_no_sweep() -> None:
    Path("mine.yaml").write_text("spce: {}\nrecipes: {}\nbudget: {trials: 1}\n")
    assert "mine.yaml:1: unknown key 'spce'; did you mean 'space'?" in str(refused("study", "mine.yaml"))


def problems_of(text: str) -> list[tuple[int, str]]:
    Path("mine.yaml").write_text(text)
    return mistakes_of(load_chip, Path("mine.yaml"))


TEMPLATE = (ROOT / "chips" / "template.yaml").read_text(encoding="utf-8")


def test_a_template_that_still_has_made_up_numbers_is_refused() -> None:
    renamed = TEMPLATE.replace("name: template", "name: mine")
    (first, message), second = problems_of(renamed)
    assert (first, message.partition(":")[0]) == (
        renamed[: renamed.index("  example:")].count("\n") + 1,
        "sources.example",
    )
    assert "its numbers are made up" in message
    assert second[1].startswith("sources.simulation: is still the template's")
    assert len(problems_of(TEMPLATE)) == 2
    assert find_chip("template").name == "template"


def test_the_same_mistake_is_told_once() -> None:
    """A source that 41 numbers name; a chip's file that three entries extend; a value wrong on several lines."""
    own = TEMPLATE.replace('  example:\n    citation: "made up, to show the form;', '  mine:\n    citation: "my own;')
    (_,) = [message for _, message in problems_of(own) if "unknown source 'example'" in message]

    Path("mine.yaml").write_text("name: mine\ncores: 0\nsynchronization: {kind: clocked}\n")
    sweep = (ROOT / "sweeps" / "smoke.yaml").read_text(encoding="utf-8").partition("chips:")[0]
    chips = "".join(f"  {name}: {{extends: ./mine.yaml}}\n" for name in "abc")
    Path("asked.yaml").write_text(f"{sweep}chips:\n{chips}")
    error = refused("sweep", "asked.yaml", "--dry-run")
    assert str(error).count("cores: must be greater than 0") == 1
    axis = "axes:\n  chip.mubrain_layersync2024.structure.memory:\n    - sram\n    - flip_flops\n"
    chips = "chips: {mubrain_layersync2024: {capacity: scaled, schedules: [asynchronous]}}\n"
    Path("asked.yaml").write_text(f"{sweep}{chips}{axis}")
    error = refused("sweep", "asked.yaml", "--dry-run")
    assert str(error).count("has no parameter 'structure.memory'") == 1


def test_keys_of_a_chip_are_not_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for name in chip_names():
        words = set(said("chips", "show", name).split())
        for path, number in find_chip(name).numbers().items():
            assert {path, number.source, number.confidence, number.effect} <= words, (name, path)
