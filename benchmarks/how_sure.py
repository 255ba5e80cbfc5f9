"""How often answers and intervals by training seeds alone are right: docs/design.md, "How often that is right".

    python benchmarks/how_sure.py

Options are made up, so their means are known; the program answers which needs the least energy, as in a sweep.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np

from codesign.analysis.answers.asking import AnsweredTable

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))
from made_up_answers import gathered, labels, row
from synthetic_sweep import synthetic_metadata, table_of

CHOICES, AT_ONCE = 2000, 100


def choose(options: int, seeds: int, spread: float) -> None:
    """Between options whose means vary `spread` times as much as the seeds of each."""
    rng = np.random.default_rng(0)
    said, right = Counter[str](), Counter[str]()
    for _ in range(CHOICES // AT_ONCE):
        means = spread * rng.standard_normal((AT_ONCE, options))
        energies = 1e-9 * (100 + means[..., None] + rng.standard_normal((*means.shape, seeds)))
        names = np.array([[f"{choice}-{option}" for option in range(options)] for choice in range(AT_ONCE)])
        chips = zip(names.ravel().tolist(), energies.reshape(-1, seeds).tolist(), strict=True)
        rows = [row(chip, 1.0, seed, energy_j=energy) for chip, of in chips for seed, energy in enumerate(of)]
        asked = {of[0]: {"choose": "chip", "least": "energy_j", "select": {"chip": of}} for of in names.tolist()}
        answers = AnsweredTable.of(table_of(rows, synthetic_metadata(**asked))).answers
        said.update(answer.standing for answer in answers)
        best = names[np.arange(AT_ONCE), means.argmin(axis=1)]
        right.update(answer.standing for answer, name in zip(answers, best, strict=True) if labels(answer)[0] == name)
    told = ", ".join(f"{word} {said[word]}, right {right[word]}" for word in ("sure", "likely"))
    print(f"{CHOICES} choices of {options} that vary {spread:.2g} as much as their {seeds} seeds: {told}", flush=True)


def cover(accuracy: float, seeds: int) -> None:
    """The mean of seeds that differ by a point, each with a whole number of 400 samples right."""
    drawn = accuracy + 0.01 * np.random.default_rng(0).standard_normal((CHOICES, 10))
    found = np.minimum(np.round(400 * drawn) / 400, 1.0)
    several = enumerate(found[:, :seeds].tolist())
    rows = [row(f"{at}", 1.0, seed, accuracy=one, samples=400) for at, of in several for seed, one in enumerate(of)]
    intervals = [point.value("accuracy") for point in gathered(rows)]
    held = [(of.low or 0.0) <= found.mean() <= (of.high or 0.0) for of in intervals]
    print(f"{accuracy:.1%} of 400 samples, {seeds} seeds: the interval holds the mean in {np.mean(held):.0%}")


if __name__ == "__main__":
    for vary, (chips, count) in product((0.0, 1 / 3, 1.0), ((2, 2), (2, 3), (2, 5), (10, 2))):
        choose(chips, count, vary)
    for mean, count in product((0.9, 0.98, 0.99, 0.995), (2, 3, 5, 10)):
        cover(mean, count)
