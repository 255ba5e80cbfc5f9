"""Time series as events, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from workload_files import load, write_series

from codesign.errors import DataError
from codesign.workload.datasets.series import level_crossings


def test_levels_are_crossed_by_hand():
    """Levels 0.5 apart: 1.2 passes two upwards, 0.8 none, −0.3 three downwards, from 1.0 to −0.5 but for the last."""
    z = np.array([[1.2, 0.8, -0.3, -0.3], [0.0, 0.49, -0.49, 0.5]])
    assert level_crossings(z, 0.5).tolist() == [[2, 0, -2, 0], [0, 0, 0, 1]]


def test_events_are_at_the_sample_and_input_of_their_series(tmp_path):
    """One series of four moves, and one sample of it: mean 0 and deviation 1 over the training part, levels 1 apart."""
    write_series(tmp_path, "japanese_vowels", "JapaneseVowels", series=12, samples=3, train=8)
    moves = {True: "3,0,0", False: "-3,0,0"}
    rows = [":".join([moves[n % 2 == 0], *["0,0,0"] * 11, str(n % 2)]) for n in range(8)]
    for part in ("TRAIN", "TEST"):
        (tmp_path / "japanese_vowels" / f"JapaneseVowels_{part}.ts").write_text("@data\n" + "\n".join(rows))
    deviation = 3 / np.sqrt(3)
    test = load("japanese_vowels", tmp_path, contrast=1.0).test
    down, up = test.select([int(test.labels.argmax())]), test.select([int(test.labels.argmin())])
    assert 1 < 3 / deviation < 2  # passes one level, and back
    assert [up.frame(t)[0].nonzero().ravel().tolist() for t in range(3)] == [[0], [12], []]
    assert [down.frame(t)[0].nonzero().ravel().tolist() for t in range(3)] == [[12], [0], []]


def test_a_test_part_alone_is_of_no_use(tmp_path):
    write_series(tmp_path, "basic_motions", "BasicMotions", series=6, samples=100)
    (tmp_path / "basic_motions" / "BasicMotions_TRAIN.ts").unlink()
    with pytest.raises(DataError, match=r"no series in .* must hold BasicMotions_\{TRAIN,TEST\}.ts"):
        load("basic_motions", tmp_path)
