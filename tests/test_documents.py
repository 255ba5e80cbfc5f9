"""YAML with line numbers: every mistake at once, and nothing hostile gets in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from handmade_hardware import near
from pydantic import Field

from codesign.documents import Spec, load_document, parse_document
from codesign.errors import DocumentError, InputError
from codesign.units import Energy, Positive


class Part(Spec):
    """A nested part."""

    energy: Energy | None = None
    lanes: Annotated[int, Field(gt=0, strict=True)] = 1


class Whole(Spec):
    """A document."""

    name: str
    parts: dict[str, Part] = Field(default_factory=dict)
    rates: tuple[float, ...] = ()
    flag: bool | None = None
    width: Literal["all"] | Positive | None = None


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, "x.yaml", Whole)
    return str(caught.value).splitlines()


def test_reads_plain_data():
    document = parse_document("name: a\nparts:\n  one: {energy: 26 pJ, lanes: 8}\nrates: [1, 2.5, 1e-3]", "x", Whole)
    assert document.parts["one"].energy == near(26e-12)
    assert document.rates == (1.0, 2.5, 1e-3)


def test_scalars_mean_what_they_look_like():
    texts = {"no": "no", "010": 10, "12:30": "12:30", "1e6": 1e6, "1.0e6": 1e6, "2020-01-01": "2020-01-01"}

    class Any(Spec):
        value: object

    for text, value in texts.items():
        assert parse_document(f"value: {text}", "x", Any).value == value
        assert parse_document(f"value: '{text}'", "x", Any).value == text


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("parts:\n\tone: {}", 2, "; indent with spaces, not with tabs"),
        (
            "name: a\n flag: true",
            2,
            "; is the line indented like its neighbours, and is text that contains ': ' in quotes?",
        ),
        ("flag: true\nname:a\nrates: []", 3, "; is there a key above whose colon has no space after it?"),
    ],
)
def test_usual_slips_in_yaml_come_with_a_hint(text: str, line: int, hint: str):
    (found,) = problems(text)
    assert found.startswith(f"x.yaml:{line}: is not valid YAML in column ")
    assert found.endswith(hint)


def test_a_key_that_belongs_elsewhere_is_told_where():
    (found,) = problems("name: a\nparts: {}\nlanes: 4")
    assert found.startswith("x.yaml:3: unknown key 'lanes'; did you mean 'parts.NAME.lanes'? allowed: ")


def test_every_mistake_of_a_file_at_once_with_its_line():
    text = """\
name: 3
parts:
  one:
    energy: 26 ms
    lane: 8
  two:
    energy: 5
    lanes: -1
    lane: 8
    volume: 8
  one:
    lanes: 2
rates: [1, x]
"""
    assert problems(text) == [
        "x.yaml:1: name: must be a text, found 3",
        "x.yaml:4: parts.one.energy: must be a quantity in J such as '26 pJ', found '26 ms'",
        "x.yaml:5: unknown key 'parts.one.lane'; did you mean 'lanes'? allowed: energy, lanes",
        "x.yaml:7: parts.two.energy: needs a unit, found 5; write for example '26 pJ'",
        "x.yaml:8: parts.two.lanes: must be greater than 0, found -1",
        "x.yaml:9: unknown key 'parts.two.lane'; did you mean 'lanes'?",
        "x.yaml:10: unknown key 'parts.two.volume'; allowed: as in x.yaml:5",
        "x.yaml:11: 'one' is given twice, first in line 3; keep one",
        "x.yaml:13: rates.1: must be a number, found 'x'",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("width: 0", "width: must be 'all', or greater than 0, found 0"),
        ("width: al", "width: must be 'all', or a whole number, found 'al'"),
        ("rates:", "rates: must be a list, found nothing"),
        ("rates: 0 to 3", "rates: must be a list, as in [a, b], found '0 to 3'"),
        ("rates: !!set [3]", "tag 'tag:yaml.org,2002:set' is not allowed; write plain values"),
        ("parts: {a: {lanes: '8'}}", "parts.a.lanes: must be a whole number, found '8'; write it without quotes"),
        ("flag: 3 %", "flag: must be true or false, found '3 %'"),
        ("nam: b", "unknown key 'nam'; did you mean 'name'? allowed: flag, name, parts, rates, width"),
        ("NAME: b", "unknown key 'NAME'; did you mean 'name'? allowed: flag, name, parts, rates, width"),
    ],
)
def test_a_mistake_is_told_once_in_words_of_the_file(text: str, told: str):
    """All members of a union in one message; a key that is misspelled, or a value with a tag, is not missing too."""
    name = "" if text.lower().startswith("nam") else "name: a\n"
    assert [line.partition(" ")[2] for line in problems(name + text)] == [told]


def test_missing_keys_name_the_mapping_that_lacks_them():
    assert problems("parts: {}") == ["x.yaml:1: 'name' is missing"]


def test_help_shows_defaults_without_validators():
    assert str(Part.__signature__) == "(*, energy=None, lanes=1)"


def test_files(tmp_path: Path):
    with pytest.raises(InputError, match=r"missing\.yaml: cannot be read: No such file"):
        load_document(tmp_path / "missing.yaml", Whole)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        load_document(tmp_path / "latin.yaml", Whole)
    (tmp_path / "good.yaml").write_text("name: µBrain", encoding="utf-8")
    assert load_document(tmp_path / "good.yaml", Whole).name == "µBrain"
