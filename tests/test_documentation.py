"""What pages for people name is there: files, and the tests that a claim rests on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts import script

import codesign

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.-])(?:codesign|tests|benchmarks|chips|sweeps|examples|docs)/[\w/.-]*\w", text)
    placeholders = ("NAME", "mine")  # in "copy it to chips/NAME.yaml"
    assert not [name for name in named if not (ROOT / name).exists() and not any(word in name for word in placeholders)]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_a_page_has_no_marks_of_a_merge(page: Path) -> None:
    assert not re.search(r"^(<<<<<<<|>>>>>>>) ", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    for name in re.findall(r"\btest_\w+\b(?!\.py)", page.read_text(encoding="utf-8")):
        assert re.search(rf"def {name}\b", TESTS) or list((ROOT / "tests").rglob(f"{name}.py")), name


def test_files_with_thorough_tests_say_which_fault_they_would_catch() -> None:
    """And CONTRIBUTING.md names no others."""
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("test_*.py")
    }
    thorough = {name for name, text in texts.items() if re.search(r"\bmarks?\.thorough\b", text)}
    assert not {name for name in thorough if not re.search(r"\bcatch(es)?\b", texts[name])}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| thorough tests in |")[2]
    assert set(re.findall(r"^\| `(tests/\S+)` \|", table, flags=re.MULTILINE)) <= thorough


def test_the_guide_to_sweeps_lists_every_parameter_of_a_neuron() -> None:
    text = (ROOT / "docs/sweeps.md").read_text(encoding="utf-8").partition("`neuron:` has these parameters")[2]
    listed = text.partition("`preset` fills in")[0]
    assert not [name for name in codesign.NeuronSpec.model_fields if f"`{name}`" not in listed]


def test_the_reference_has_every_public_name_once() -> None:
    pytest.importorskip("mkdocs")
    pages = "\n".join(text for _, text in script("docs/site/generate.py").python_pages())
    assert sorted(re.findall(r"^      heading: (\w+)$", pages, flags=re.MULTILINE)) == sorted(codesign.__all__)
