"""Sweep and chip files with random mistakes: each is refused line by line or planned, and nothing else.

Would catch a check that trusts the form of what it looks at, for a value that nobody thought of.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tiny_sweeps import TINY, outline

from codesign.documents import parse_document
from codesign.errors import InputError
from codesign.exploration.definition.spec import SweepSpec
from codesign.exploration.planning import build_plan
from codesign.hardware.chip.description import Chip

pytestmark = [pytest.mark.thorough, pytest.mark.fuzz]

AXES = "axes:\n  schedule.asynchronous.group_size: [2, all]\n  chip.mubrain.cores: [1, 4]\n"
CHIPS = Path(__file__).parents[2] / "chips"
ODD = ("true", "'3'", "1e308", "-1", "0", ".nan", "~", "[]", "{}", "[1, 2]", "{a: 1}", "1 pJ", "x", "10000000000", "''")
LONGEST_S = 20.0


def mutated(text: str, draw: random.Random) -> str:
    """The text with one to three lines or words of it changed."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        line = lines[at]
        match draw.randrange(5):
            case 0:
                lines[at] = line[: draw.randrange(len(line) + 1)]
            case 1:
                lines.insert(at, draw.choice(lines))
            case 2:
                lines[at] = " " * draw.randrange(6) + line.strip()
            case _:
                words = line.split(" ")
                words[draw.randrange(len(words))] = draw.choice(ODD)
                lines[at] = " ".join(words)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", ["sweep", "chip"])
def test_a_mutated_file_is_refused_or_planned(kind: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # shown where it fails
    draw = random.Random(seed)
    bases = [TINY + AXES] if kind == "sweep" else [path.read_text("utf-8") for path in sorted(CHIPS.glob("*.yaml"))]
    refused: list[tuple[str, str]] = []
    for _ in range(1000):
        text, start = mutated(draw.choice(bases), draw), time.perf_counter()
        try:
            if kind == "chip":
                parse_document(text, "mutated.yaml", Chip)
            else:
                build_plan(parse_document(text, "mutated.yaml", SweepSpec), outline())
        except InputError as error:
            refused.append((str(error), text))
        assert time.perf_counter() - start < LONGEST_S, text
    assert 0 < len(refused) < 1000
    assert not [told for told in refused if not all(line.startswith("mutated.yaml:") for line in told[0].splitlines())]
