"""Hostile sweep, chip and price files: refused in seconds and little memory, mistake by mistake, and nothing is run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from faults import bounded
from tiny_sweeps import PRICES, TINY
from typer.testing import CliRunner

from codesign.cli.main import app
from codesign.errors import CodesignError
from codesign.exploration.definition.variants import MOST_POINTS

pytestmark = pytest.mark.slow

GIGABYTE = 2**30
LIMIT_S = 60
"""Tells what takes a second or two, on a busy machine several times that, from what takes forever."""
COMMANDS = {"chip": ("chips", "check"), "sweep": ("sweep", "--dry-run"), "price": ("price",)}


class Hostile(NamedTuple):
    """Bytes of a file and what is said about them; `line` None where that is about the file as a whole."""

    text: str | bytes
    line: int | None
    says: str

    @property
    def data(self) -> bytes:
        return self.text if isinstance(self.text, bytes) else self.text.encode()


def laughs() -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    return "\n".join(lines + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)])


DEEP = "is nested deeper than 50 levels"
MANY = "it has more than 50,000 values once its aliases are expanded"
ANYWHERE: Mapping[str, Hostile] = {
    # code
    "apply": Hostile("a: 1\nb: !!python/object/apply:os.system ['touch owned']", 2, "tag 'tag:yaml.org"),
    "binary": Hostile("a: !!binary aGVsbG8=", 1, "tag 'tag:yaml.org,2002:binary' is not allowed"),
    # size and depth
    "laughs": Hostile(laughs(), 1, MANY),
    "itself": Hostile("a: &a [*a]", 1, DEEP),
    "brackets": Hostile("a: " + "[" * 10_000, 1, DEEP),
    "indented": Hostile("".join(" " * i + "a:\n" for i in range(1200)), 50, DEEP),
    "long scalar": Hostile("title: " + "a" * 50_000_000, None, "is larger than 1,000,000 bytes"),
    "long key": Hostile(f"? {'k' * 900_000}\n: 1", 1, "at most 200 characters, found 900,000"),
    "many keys": Hostile("".join(f"k{i}: 1\n" for i in range(26_000)), 25_000, MANY),
    # keys
    "twice": Hostile("name: a\nname: b\nname: c", 2, "'name' is given twice, first in line 1; keep one (2 times)"),
    "merged": Hostile("x: &x {a: 1}\n<<: *x", 2, "unknown key '<<'"),
    "key that is a list": Hostile("? [a, b]\n: 1", 1, "a key must be a plain word"),
    # characters
    "nul": Hostile("name: a\nb: \x00", 2, "the character U+0000 is not allowed"),
    "escaped escape": Hostile('a: 1\ntitle: "\\e]0;owned\\a"', 2, "control character U+001B"),
    "escape in a key": Hostile('"\\e[2J": 1', 1, "the control character U+001B is not allowed"),
    "half a pair": Hostile('title: "\\uD800"', 1, "the control character U+D800 is not allowed"),
    "latin": Hostile(b"name: a\nb: \xe9", 2, "is not UTF-8 text: byte 11 is 0xe9"),
    "noise": Hostile(bytes(range(256)) * 50, 2, "is not UTF-8 text: byte 128 is 0x80"),
    "mark": Hostile("\ufeffnaem: a", 1, "unknown key 'naem'; did you mean 'name'?"),
    # what is no document
    "nothing": Hostile("", 1, "is empty"),
    "long number": Hostile("name: " + "9" * 5000, 1, "name"),
}

SOME = ("apply", "laughs", "brackets", "long scalar", "twice", "escaped escape", "latin", "nothing")
"""What is tried with every kind of file; they have one reader."""


def replaced(base: str, old: str, new: str, line: int | None, says: str) -> Hostile:
    assert old in base
    return Hostile(base.replace(old, new), line, says)


sweep_file, price_file = partial(replaced, TINY), partial(replaced, PRICES)


def named(name: str, says: str = "name: must be letters, digits") -> Hostile:
    return sweep_file("name: tiny", f"name: {name}", 1, says)


GRID = "axes:\n" + "".join(
    f"  chip.mubrain.{path}: [{', '.join(f'{i} {unit}' for i in range(1, 61))}]\n"
    for path, unit in (("energies.synaptic_operation", "fJ"), ("static_power.chip", "uW"), ("vector_width", ""))
)
LONG_AXIS = f"axes:\n  chip.mubrain.vector_width: [{', '.join(map(str, range(1, 50_101)))}]\n"
NAMES = ", ".join(f"d{i}: {{}}" for i in range(20_000))
ALIASES = ", ".join(f"b{i}: *a" for i in range(60))
SWEEPS: Mapping[str, Hostile] = {
    "up": named("../../etc/x"),
    "long": named("a" * 100, "at most 80 characters"),
    "a chip elsewhere": sweep_file("  truenorth: {}", "  x: {extends: ../../../etc/passwd}", 11, "chips.x.extends: "),
    "a chip that is a device": sweep_file("  truenorth: {}", "  x: {extends: /dev/zero}", 11, "is a pipe or a device"),
    "a chip that is a pipe": sweep_file("  truenorth: {}", "  x: {extends: ./pipe.yaml}", 11, "is a pipe or a device"),
    "a chip that is a loop": sweep_file("  truenorth: {}", "  x: {extends: ./loop.yaml}", 11, "symbolic links"),
    "a larger seed": sweep_file("[0]", f"[{'9' * 5000}]", 14, "seeds.training.0"),
    "many timesteps": sweep_file("timesteps: 3", f"timesteps: {10**12}", None, "workload"),
    "a huge network": sweep_file('"12-8"', '"99999999999999x9999"', 4, "network"),
    "many layers": sweep_file('"12-8"', '"[9x99999]"', 4, "network"),
    "a grid": Hostile(TINY + GRID, 15, f"design points are more than a sweep may have, {MOST_POINTS:,}"),
    "a long axis": Hostile(TINY + LONG_AXIS, 16, MANY),
    "extends a pipe": Hostile(TINY + "extends: pipe.yaml", 15, "is a pipe or a device"),
    "many scales of one": Hostile(f"{TINY}scales: {{a: &a {{axes: {{x: [{'1, ' * 900}]}}}}, {ALIASES}}}", 15, MANY),
}

PRICE_FILES: Mapping[str, Hostile] = {
    "up": price_file("name: prices", "name: ../x", 1, "name: must be letters, digits"),
    "a sweep that is a device": price_file("./tiny.yaml", "/dev/zero", 2, "is a pipe or a device"),
    "a sweep that is a pipe": price_file("./tiny.yaml", "./pipe.yaml", 2, "is a pipe or a device"),
    "many points": price_file("points: 5}", f"points: {10**9}}}", 6, "must be less than or equal to 10000"),
    "infinite ends": price_file("100 pJ", "1e400 pJ", 6, "must be finite"),
}

CHIPS: Mapping[str, Hostile] = {
    name: Hostile(f"name: {value}\n", 1, says)
    for name, value, says in (
        ("up", "../../x", "name: must be lower-case letters"),
        ("long", "a" * 100, "at most 64 characters"),
    )
}


def files() -> dict[tuple[str, str], Hostile]:
    """By kind of file and name."""
    found = {("chip", name): hostile for name, hostile in ANYWHERE.items()}
    found.update({(kind, name): ANYWHERE[name] for kind in ("sweep", "price") for name in SOME})
    for kind, own in (("sweep", SWEEPS), ("price", PRICE_FILES), ("chip", CHIPS)):
        found.update({(kind, f"own {name}"): hostile for name, hostile in own.items()})
    return found


@pytest.fixture
def places(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with what is no file."""
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "folder.yaml").mkdir()
    os.mkfifo(folder / "pipe.yaml")
    monkeypatch.chdir(folder)
    return folder


def refused(kind: str, file: str) -> list[str]:
    """The lines of the error in which a command with this file ends, soon and in little memory."""
    with bounded(memory=GIGABYTE, seconds=LIMIT_S), pytest.raises((CodesignError, OSError)) as raised:
        CliRunner().invoke(app, [*COMMANDS[kind], file], catch_exceptions=False)
    return str(raised.value).splitlines()


@pytest.mark.parametrize(("kind", "name"), files())
def test_a_hostile_file(places: Path, kind: str, name: str) -> None:
    hostile = files()[kind, name]
    (places / "hostile.yaml").write_bytes(hostile.data)
    lines = refused(kind, "hostile.yaml")
    assert not (places / "owned").exists()
    assert sum(map(len, lines)) < 20_000
    if hostile.line is not None:
        assert [line for line in lines if not re.match(r"hostile\.yaml:\d+: .", line)] == []
        lines = [line for line in lines if line.startswith(f"hostile.yaml:{hostile.line}: ")]
    assert any(hostile.says in line for line in lines), lines


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("pipe.yaml", "pipe.yaml: is a pipe or a device; give a regular file"),
        ("/dev/zero", "/dev/zero: is a pipe or a device; give a regular file"),
        ("folder.yaml", "folder.yaml: cannot be read: Is a directory"),
        ("loop.yaml", "loop.yaml: cannot be read: Too many levels of symbolic links"),
        ("missing.yaml", "missing.yaml"),
        ("a" * 5000, "aaaaa"),
    ],
)
def test_a_place_that_is_no_file(places: Path, kind: str, place: str, says: str) -> None:
    (line,) = refused(kind, place)
    assert says in line
